/* audience.c: who listens, as whom, and whether they still may (spec api.md 5.1). */
#include "core/settings.h"
#include "events-internal.h"
#include "server/auth/auth.h"

static bool same_audience(const struct audience *a, const struct api_req *req, const char *include) {
        return a->version == req->version && a->role == req->role && a->caller_id == (req->caller ? req->caller->id : 0) &&
               a->account_id == req->account_id && a->project_id == req->project_id && a->agent_id == (req->agent ? req->agent->id : 0) &&
               a->all_accounts == req->all_accounts && a->action_links == req->action_links && str_eq(a->base, req->base) && str_eq(a->url, req->url) &&
               str_eq(a->include, include);
}

struct audience *audience_get(struct events *e, const struct api_req *req, const char *include) {
        for (struct audience *a = e->first; a; a = a->next)
                if (same_audience(a, req, include))
                        return a;
        struct audience *a = dr_xnew(struct audience);
        const struct record *project = req->project_id ? world_get(core_world(e->core), T_account, req->project_id) : NULL;
        *a = (struct audience) {
                .next = e->first, .all = e, .version = req->version, .role = req->role,
                .base = dr_xstrdup(req->base), .url = dr_xstrdup(req->url), .include = dr_xstrdup(include),
                .caller_id = req->caller ? req->caller->id : 0, .account_id = req->account_id, .project_id = req->project_id,
                .agent_id = req->agent ? req->agent->id : 0, .all_accounts = req->all_accounts, .action_links = req->action_links,
                .member = project && req->caller && api_member_role(req, req->caller, project) != NULL,
        };
        e->first = a;
        return a;
}

void audience_free(struct audience *a) {
        struct audience **at = &a->all->first;
        while (*at != a)
                at = &(*at)->next;
        *at = a->next;
        free(a->base);
        free(a->url);
        free(a->include);
        free(a);
}

bool audience_is_alike(const struct audience *a, const struct audience *b) {
        bool same_caller = a->caller_id == b->caller_id || (a->project_id && !a->agent_id && !b->agent_id);
        return same_caller && a->version == b->version && a->role == b->role && a->account_id == b->account_id && a->project_id == b->project_id &&
               a->agent_id == b->agent_id && a->all_accounts == b->all_accounts && a->action_links == b->action_links && str_eq(a->base, b->base) &&
               str_eq(a->url, b->url) && str_eq(a->include, b->include);
}

bool audience_act(struct audience *a, struct api_req *req) {
        struct world *w = core_world(a->all->core);
        *req = (struct api_req) {
                .api = a->all->api, .version = a->version, .method = VERB_GET, .base = a->base, .url = a->url, .self = a->url,
                .client_ip = "", .action_links = a->action_links, .account_id = a->account_id, .project_id = a->project_id,
                .role = a->role, .all_accounts = a->all_accounts, .out = SBUF(EVENT_BYTES_MAX),
                .caller = world_get(w, T_account, a->caller_id), .agent = a->agent_id ? world_get(w, T_agent, a->agent_id) : NULL,
        };
        const struct record *project = a->project_id ? world_get(w, T_account, a->project_id) : NULL;
        if (!req->caller || (req->caller->kind != T_project && req->caller->state != S_active) || (a->project_id && !project) || (a->agent_id && !req->agent))
                return false;
        if (project && (project->state == S_inactive || project->state == S_deactivating || project->state == S_removing) &&
            !str_eq(record_str(req->caller, F_kind), "admin") && !a->all_accounts)
                return false;
        const char *kind = record_str(req->caller, F_kind);
        if (!a->member || str_eq(kind, "admin") || str_eq(kind, "superadmin") || str_eq(kind, "service"))
                return true;
        return str_eq(api_member_role(req, req->caller, project), role_name(a->role));  /* another role sees other things: it has to come again */
}

void audience_done(struct api_req *req) {
        for (size_t i = 0; i < req->made.n; i++)
                record_free(req->made.v[i]);
        vec_done(&req->made);
        sbuf_done(&req->out);
        http_headers_done(&req->headers);
        arena_done(&req->arena);
}

/* ---- cutting off ---- */
void subscriber_log_out(struct subscriber *s, struct buf *frame) {
        if (!s->ws || ws_is_closing(s->ws))
                return;
        timer_stop(s->ping);
        (void) ws_send_frame(s->ws, frame);
        ws_close(s->ws, WS_CLOSE_POLICY, "this account may no longer see this");
}

void audience_log_out(struct audience *a) {
        AUTO(buf_unref) struct buf *frame = event_frame(a->all, "logout", NULL, NULL, NULL, 0);
        for (struct subscriber *s = a->first; s; s = s->next)
                subscriber_log_out(s, frame);
}

bool subscriber_holds(const struct subscriber *s) {
        struct core *c = s->audience->all->core;
        if (s->key_table == T_NONE)
                return !s->open_door || !auth_enabled(c);
        const struct record *key = world_get(core_world(c), s->key_table, s->key_id);
        if (!key)
                return false;
        return s->key_table == T_token ? core_wall_ms(c) < record_int(key, F_expiresMs) : key->state == S_active;
}

void audience_recheck(struct audience *a) {
        struct api_req req;
        bool may = audience_act(a, &req);
        audience_done(&req);
        if (!may) {
                audience_log_out(a);
                return;
        }
        struct buf *frame = NULL;
        for (struct subscriber *s = a->first; s; s = s->next) {
                if (subscriber_holds(s))
                        continue;
                if (!frame)
                        frame = event_frame(a->all, "logout", NULL, NULL, NULL, 0);
                subscriber_log_out(s, frame);
        }
        buf_unref(frame);
}

size_t audience_subscribers_of(const struct events *e, int64_t caller_id) {
        size_t n = 0;
        for (const struct audience *a = e->first; a; a = a->next)
                n += a->caller_id == caller_id ? a->n : 0;
        return n;
}

void audience_tell(struct audience *a, const char *name, struct buf *frame) {
        for (struct subscriber *s = a->first, *next; s; s = next) {
                next = s->next;
                bool wants = false;
                for (size_t i = 0; i < s->n_names && !wants; i++)
                        wants = name_matches(s->names[i], name);
                if (wants && s->ws)
                        (void) ws_send_frame(s->ws, frame);     /* too slow or closing: on_close follows */
        }
}
