/* publish.c: POST /VER/publish (spec api.md 5.2): replies to what the core asked, and service events to the project's listeners. */
#include <string.h>

#include "core/agent_event.h"
#include "events-internal.h"
#include "server/api/encode.h"

/* ^service\.[a-z.]+$ */
static bool is_service_event(const char *name) {
        if (!str_starts(name, "service.") || !name[8])
                return false;
        return strspn(name + 8, "abcdefghijklmnopqrstuvwxyz.") == strlen(name + 8);
}

/* To everybody who listens to this name in the agent's project. */
static void republish(struct events *e, struct api_req *req, const char *name) {
        int64_t project = req->agent ? record_int(req->agent, F_resourceAccountId) : req->project_id ? req->project_id : req->account_id;
        AUTO(json_free) struct json_object *event = json_copy(req->body);
        auto_sbuf struct sbuf text = SBUF(EVENT_BYTES_MAX);
        if (!json_has(event, "time"))
                json_set_int(event, "time", core_wall_ms(e->core));
        json_write(event, 0, &text);
        AUTO(buf_unref) struct buf *frame = sbuf_ok(&text) ? ws_frame_text(sbuf_str(&text), text.len) : NULL;
        for (struct audience *a = e->first; a && frame; a = a->next)
                for (struct subscriber *s = a->first; s && (a->all_accounts || a->account_id == project); s = s->next)
                        for (size_t i = 0; i < s->n_names; i++)
                                if (s->ws && name_matches(s->names[i], name)) {
                                        (void) ws_send_frame(s->ws, frame);     /* too slow or closing: on_close follows */
                                        break;
                                }
}

static void reply_to_core(struct events *e, struct api_req *req) {
        struct json_object *ids = json_get_array(req->body, "previousIds");
        for (size_t i = 0; ids && i < json_object_array_length(ids); i++) {
                struct json_object *id = json_object_array_get_idx(ids, i);
                if (!json_object_is_type(id, json_type_string) ||
                    (req->role == ROLE_agent && !agent_event_is_for(json_object_get_string(id), req->agent ? req->agent->id : 0)))
                        continue;       /* what another agent was asked (agent.md 4) */
                (void) core_reply(e->core, json_object_get_string(id), req->body);      /* nobody waits any more: too late */
        }
}

void publish_special(void *arg, struct api_req *req) {
        struct events *e = arg;
        bool raw = req->role == ROLE_superadmin || req->role == ROLE_service, may = raw || req->role == ROLE_admin || req->role == ROLE_agent;
        const char *name = req->body ? json_str(req->body, "name", "") : "";
        struct dr_error err;
        if (!may || req->n_seg != 1) {
                api_fail_code(req, DR_E_NOT_FOUND, NULL);
        } else if (req->method != VERB_POST) {
                api_fail_code(req, DR_E_METHOD, NULL);
        } else if (!*name) {
                api_fail_code(req, DR_E_MISSING_REQUIRED, "name");
        } else if (!is_service_event(name) && !raw && !str_starts(name, "reply.")) {
                (void) dr_fail(&err, DR_E_FORBIDDEN, "name", "only replies and service events can be published, not \"%.100s\"", name);
                api_fail(req, &err);
        } else {
                if (str_starts(name, "reply."))
                        reply_to_core(e, req);
                else
                        republish(e, req, name);
                struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
                AUTO(json_free) struct json_object *answer = json_copy(req->body);
                json_set_str(answer, "type", "publish");
                jw_json(&w, answer);
                req->wrote = true;
                api_reply(req, 201);
        }
}
