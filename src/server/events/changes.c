/* changes.c: from changed records to resource.change events. */
#include <stdio.h>

#include "base/log.h"
#include "core/settings.h"
#include "events-internal.h"
#include "server/api/access.h"
#include "server/api/encode.h"

enum { GAP_MS = 250, FIRST_MS = 5, FLUSH_BYTES_MAX = 1 << 20 };        /* beyond it the rest waits and merges meanwhile */

static char still_there;

static uint64_t key_of(const struct record *r) { return (uint64_t) r->type << 48 | (uint64_t) r->id; }

static void schedule(struct events *e) {
        if (timer_is_running(e->flush))
                return;
        uint64_t now = loop_now_ms(e->loop), due = e->flushed_ms + GAP_MS;
        timer_start(e->flush, due > now + FIRST_MS ? due - now : FIRST_MS);
}

static void put(struct events *e, uint64_t key, void *value) {
        void *old = map_set(&e->changed, key, value);
        if (!old)
                vec_push(&e->order, key);
        else if (old != &still_there)
                record_free(old);
        schedule(e);
}

static void mark(struct events *e, enum type_id table, int64_t id) {
        uint64_t key = (uint64_t) table << 48 | (uint64_t) id;
        if (id > 0 && !map_get(&e->changed, key))
                put(e, key, &still_there);
}

/* What else looks different when this changes (spec api.md 5.1). */
static void mark_related(struct events *e, const struct record *r) {
        switch ((enum type_id) r->type) {
        case T_instance:
                mark(e, T_service, record_int(r, F_serviceId));
                break;
        case T_service:
                mark(e, T_stack, record_int(r, F_stackId));
                break;
        case T_agent: {
                const struct records *l = world_by_int(core_world(e->core), T_host, F_agentId, r->id);
                for (size_t i = 0; i < l->n; i++)
                        mark(e, T_host, l->v[i]->id);
                break;
        }
        default:
                break;
        }
}

static void on_change(void *arg, const struct record *r) {
        struct events *e = arg;
        if (!e->n || !r->type)
                return;
        bool gone = world_get(core_world(e->core), (enum type_id) r->type, r->id) != r;
        if (gone && r->state != S_removed)
                return;                 /* deleted without a life cycle: nobody shows it */
        put(e, key_of(r), gone ? (void *) record_copy(r) : (void *) &still_there);
        mark_related(e, r);
}

/* ---- telling ---- */
struct telling {                        /* waits until what it says is durable */
        struct events *e;
        struct audience *audience;      /* only compared until found among the living */
        uint64_t key;
        struct buf *frame;
};

static void tell(struct audience *a, const char *name, struct buf *frame) {
        for (struct subscriber *s = a->first, *next; s; s = next) {
                next = s->next;
                bool wants = false;
                for (size_t i = 0; i < s->n_names && !wants; i++)
                        wants = name_matches(s->names[i], name);
                if (wants && s->ws)
                        (void) ws_send_frame(s->ws, frame);     /* too slow or closing: on_close follows */
        }
}

static void release(void *arg, int result) {
        struct telling *t = arg;
        struct events *e = t->e;
        struct audience *a = e->first;
        while (a && a != t->audience)
                a = a->next;
        if (a && result == 0)
                tell(a, "resource.change", t->frame);
        else if (a)
                put(e, t->key, &still_there);           /* taken back: what holds now is told next */
        buf_unref(t->frame);
        free(t);
        e->pending--;
        events_free_if_over(e);
}

/* A request as this audience would make it: nothing in it outlives done_as(). */
static bool act_as(struct audience *a, struct api_req *req) {
        struct world *w = core_world(a->all->core);
        *req = (struct api_req) {
                .api = a->all->api, .version = a->version, .method = VERB_GET, .base = a->base, .url = a->url, .self = a->url,
                .client_ip = "", .action_links = a->action_links, .account_id = a->account_id, .project_id = a->project_id,
                .role = a->role, .all_accounts = a->all_accounts, .out = SBUF(EVENT_BYTES_MAX),
                .caller = world_get(w, T_account, a->caller_id), .agent = a->agent_id ? world_get(w, T_agent, a->agent_id) : NULL,
        };
        const struct record *project = a->project_id ? world_get(w, T_account, a->project_id) : NULL;
        if (!req->caller || req->caller->state != S_active || (a->project_id && !project) || (a->agent_id && !req->agent))
                return false;
        return !a->member || api_member_role(req, req->caller, project);
}

static void done_as(struct api_req *req) {
        for (size_t i = 0; i < req->made.n; i++)
                record_free(req->made.v[i]);
        vec_done(&req->made);
        sbuf_done(&req->out);
        http_headers_done(&req->headers);
        arena_done(&req->arena);
}

static void log_out(struct audience *a) {
        AUTO(buf_unref) struct buf *frame = event_frame(a->all, "logout", NULL, NULL, NULL, 0);
        for (struct subscriber *s = a->first; s; s = s->next) {
                if (!s->ws || ws_is_closing(s->ws))
                        continue;
                timer_stop(s->ping);
                (void) ws_send_frame(s->ws, frame);
                ws_close(s->ws, WS_CLOSE_POLICY, "this account may no longer see this");
        }
}

/* Returns the bytes it took. */
static size_t tell_one(struct audience *a, uint64_t key, const struct record *r) {
        struct api_req req;
        bool wanted = false;
        for (struct subscriber *s = a->first; s && !wanted; s = s->next)
                wanted = s->changes;
        if (!wanted)
                return 0;
        if (!act_as(a, &req)) {
                log_out(a);
                done_as(&req);
                return 0;
        }
        const struct type_def *def = access_sees(&req, r) ? api_type_of(&req, r) : NULL;
        struct jw w = JW(&req.out, 0);
        if (def && encode_record(&req, &w, r, NULL, NULL) && sbuf_ok(&req.out)) {
                char id[ID_TEXT_MAX];
                bool named = def->base == T_setting;
                struct telling *t = dr_xnew(struct telling);
                *t = (struct telling) { .e = a->all, .audience = a, .key = key };
                t->frame = event_frame(a->all, "resource.change", named ? "activeSetting" : def->name,
                                       named ? record_name(r) : id_format(a->version, (enum type_id) r->type, r->id, id), sbuf_str(&req.out), req.out.len);
                if (t->frame) {
                        a->all->pending++;
                        core_output_after(a->all->core, req.seq, release, t);
                } else {
                        free(t);
                }
        }
        size_t n = req.out.len;
        done_as(&req);
        return n;
}

static size_t flush_one(struct events *e, uint64_t key) {
        void *value = map_del(&e->changed, key);
        struct record *copy = value == &still_there ? NULL : value;
        const struct record *r = world_get(core_world(e->core), (enum type_id) (key >> 48), (int64_t) (key & 0xffffffffffffu));
        size_t bytes = 0;
        if (!r)
                r = copy;
        for (struct audience *a = e->first, *next; a && r; a = next) {
                next = a->next;
                bytes += tell_one(a, key, r);
        }
        record_free(copy);
        return bytes;
}

static void on_flush(void *arg) {
        struct events *e = arg;
        size_t n = e->order.n, i = 0;
        e->flushed_ms = loop_now_ms(e->loop);
        for (size_t bytes = 0; i < n && bytes < FLUSH_BYTES_MAX; i++)
                bytes += flush_one(e, e->order.v[i]);
        if (i < e->order.n)
                memmove(e->order.v, e->order.v + i, (e->order.n - i) * sizeof *e->order.v);
        e->order.n -= i;
        if (e->order.n)
                schedule(e);
}

void changes_start(struct events *e) {
        e->flush = timer_new(e->loop, on_flush, e);
        core_on_change(e->core, on_change, e);
}

void changes_stop(struct events *e) {
        e->flush = timer_free(e->flush);
        map_foreach(&e->changed, slot)
                if (slot->value != &still_there)
                        record_free(slot->value);
        map_done(&e->changed);
        vec_done(&e->order);
}
