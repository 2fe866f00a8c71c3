#include "agent_event.h"

#include "base/parse.h"
#include "base/sbuf.h"
#include "core-internal.h"
#include "formats/json.h"
#include "model/ids.h"
#include "model/launch.h"

#include <stdio.h>

enum { EVENT_BYTES_MAX = 4 << 20 };

void agent_events_listen(struct core *c, agent_event_fn *fn, void *arg) {
        c->agent_event = fn;
        c->agent_event_arg = arg;
}

/* ---- providers ---- */
static int64_t rank_of(const struct record *i, const char *label) {
        char buf[64];
        int64_t n;
        const char *v = launch_label(i, label, buf, sizeof buf);
        if (!v || !*v || str_ieq(v, "false"))
                return -1;
        return parse_i64(v, &n) == 0 && n >= 0 ? n : 1;
}

static bool is_ready(struct core *c, const struct record *i) {
        const char *health = record_str(i, F_healthState);
        if (i->state != S_running || (health && !str_eq(health, "healthy") && !str_eq(health, "updating-healthy")))
                return false;
        const struct record *host = world_get(c->world, T_host, record_int(i, F_hostId));
        const struct record *agent = host ? world_get(c->world, T_agent, record_int(host, F_agentId)) : NULL;
        return agent && agent->state == S_active;
}

struct record *agent_service_provider(struct core *c, int64_t account_id, const char *service) {
        char label[128];
        snprintf(label, sizeof label, "io.rancher.container.agent_service.%s", service);
        struct record *best = NULL;
        int64_t best_rank = 0;
        const struct records *agents = world_all(c->world, T_agent);    /* few of an environment's containers have one */
        for (size_t k = 0; k < agents->n; k++) {
                const struct record *a = agents->v[k];
                struct record *i = record_int(a, F_resourceAccountId) == account_id && record_int(a, F_instanceId)
                        ? world_get(c->world, T_instance, record_int(a, F_instanceId)) : NULL;
                int64_t rank = i && record_int(i, F_agentId) == a->id ? rank_of(i, label) : -1;
                if (rank < 0 || !is_ready(c, i) || (best && (rank > best_rank || (rank == best_rank && i->id > best->id))))
                        continue;
                best = i;
                best_rank = rank;
        }
        return best;
}

/* ---- asking ---- */
/* A random uuid whose last 48 bits are the agent's number. */
static void event_id(struct core *c, int64_t agent_id, char buf[UUID_CHARS + 1]) {
        struct uuid u;
        uuid_make(&c->rng, &u);
        for (int i = 0; i < 6; i++)
                u.b[15 - i] = (unsigned char) (agent_id >> (8 * i));
        uuid_format(&u, buf);
}

bool agent_event_is_for(const char *id, int64_t agent_id) {
        struct uuid u;
        int64_t n = 0;
        if (strlen(id) != UUID_CHARS || uuid_parse(id, &u) < 0)
                return false;
        for (int i = 10; i < 16; i++)
                n = n << 8 | u.b[i];
        return n == (agent_id & 0xffffffffffff);
}

struct sending { struct core *core; int64_t agent_id; char *name, *text; size_t len; };

static void release(void *arg, int result) {
        struct sending *s = arg;
        if (result == 0 && s->core->agent_event)        /* nobody any more: the deadline makes the handler ask again */
                (void) s->core->agent_event(s->core->agent_event_arg, s->agent_id, s->name, s->text, s->len);
        free(s->name);
        free(s->text);
        free(s);
}

bool agent_event_ask(struct core *c, struct record *r, struct run *run, int64_t agent_id, const char *name, struct json_object *data, int64_t timeout_ms) {
        if (!c->agent_event || !c->agent_event(c->agent_event_arg, agent_id, name, NULL, 0))
                return false;
        char id[UUID_CHARS + 1], reply[UUID_CHARS + 8], resource[ID_TEXT_MAX];
        struct sbuf b = SBUF(EVENT_BYTES_MAX);
        struct jw w = JW(&b, 0);
        event_id(c, agent_id, id);
        snprintf(reply, sizeof reply, "reply.%s", id);
        jw_begin_object(&w);
        jw_kstring(&w, "id", id);
        jw_kstring(&w, "name", name);
        jw_kstring(&w, "replyTo", reply);
        jw_kstring(&w, "resourceId", id_format(API_V2_BETA, (enum type_id) r->type, r->id, resource));
        jw_kstring(&w, "resourceType", type_name((enum type_id) r->type));
        jw_knull(&w, "publisher");
        jw_knull(&w, "transitioning");
        jw_knull(&w, "transitioningMessage");
        jw_knull(&w, "transitioningInternalMessage");
        jw_knull(&w, "transitioningProgress");
        jw_knull(&w, "previousIds");
        jw_knull(&w, "previousNames");
        jw_key(&w, "data");
        jw_json(&w, data);
        jw_kint(&w, "time", core_wall_ms(c));
        jw_kint(&w, "timeoutMillis", timeout_ms);
        jw_end(&w);
        if (!sbuf_ok(&b)) {
                sbuf_done(&b);
                return false;
        }
        agent_event_over(c, run);
        run->event = text_get(id, strlen(id));
        run->deadline_ms = core_wall_ms(c) + timeout_ms;
        struct sending *s = dr_xnew(struct sending);
        *s = (struct sending) { .core = c, .agent_id = agent_id, .name = dr_xstrdup(name), .len = b.len };
        s->text = sbuf_steal(&b);
        (void) core_touch(c, r);
        core_dirty(c, r);
        core_output(c, release, s);
        return true;
}

enum agent_answer agent_event_answer(struct core *c, struct record *r, struct run *run, int64_t timeout_ms, struct json_object **ret_data, struct dr_error *err) {
        struct json_object *reply = run->reply ? text_json(run->reply) : NULL;
        if (run->reply) {
                const char *how = json_str(reply, "transitioning", "no"), *message = json_str(reply, "transitioningMessage", NULL);
                if (str_eq(how, "yes")) {               /* it works on it: there is time again */
                        core_progress(c, r, message);
                        run->deadline_ms = core_wall_ms(c) + timeout_ms;
                        text_unref(dr_take(run->reply));
                        return ANSWER_NOT_YET;
                }
                if (str_eq(how, "error")) {
                        (void) dr_fail(err, DR_E_CONFLICT, NULL, "%.180s", str_or(message, "the service of the environment refused without a reason"));
                        return ANSWER_REFUSED;
                }
                *ret_data = json_get_object(reply, "data");
                return ANSWER_GIVEN;
        }
        if (core_wall_ms(c) < run->deadline_ms)
                return ANSWER_NOT_YET;
        (void) dr_fail(err, DR_E_TIMEOUT, NULL, "no answer within %lld s", (long long) (timeout_ms / 1000));
        return ANSWER_NEVER;
}

void agent_event_over(struct core *c, struct run *run) {
        core_forget_waiting(c, run);
        text_unref(dr_take(run->event));
        text_unref(dr_take(run->reply));
        run->deadline_ms = 0;
}
