/* changes.c: from changed records to resource.change events.
 *
 * A record's first change is told at once; while it goes on changing it is told once a second (spec api.md 5.1), and as soon as it has
 * come to rest. One text is made for all audiences that see the same of it. */
#include <stdio.h>
#include <strings.h>

#include "base/log.h"
#include "core/settings.h"
#include "events-internal.h"
#include "server/api/access.h"
#include "server/api/collection.h"
#include "server/api/encode.h"

enum { GAP_MS = 250, FIRST_MS = 5, TOLD_GAP_MS = 1000, FLUSH_BYTES_MAX = 1 << 20 };    /* beyond it the rest waits and merges meanwhile */

static char still_there;

static uint64_t key_of(const struct record *r) { return (uint64_t) r->type << 48 | (uint64_t) r->id; }

static struct record *record_of(struct events *e, uint64_t key) {
        return world_get(core_world(e->core), (enum type_id) (key >> 48), (int64_t) (key & 0xffffffffffffu));
}

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
static void mark_related(struct events *e, const struct record *r, bool gone) {
        switch ((enum type_id) r->type) {
        case T_instance:
                mark(e, T_service, record_int(r, F_serviceId));
                if (gone || r->state == S_running)
                        mark(e, T_host, record_int(r, F_hostId));
                break;
        case T_service:
                mark(e, T_stack, record_int(r, F_stackId));
                break;
        case T_serviceConsumeMap:
                mark(e, T_service, record_int(r, F_serviceId));
                mark(e, T_service, record_int(r, F_consumedServiceId));
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

static bool decides_access(const struct record *r) {
        return r->type == T_account || r->type == T_credential || r->type == T_token || r->type == T_projectMember || r->type == T_agent || r->type == T_setting;
}

static void on_change(void *arg, const struct record *r) {
        struct events *e = arg;
        if (!e->n || !r->type)
                return;
        if (decides_access(r)) {
                e->recheck = true;
                schedule(e);
        }
        bool gone = world_get(core_world(e->core), (enum type_id) r->type, r->id) != r;
        if (gone && r->state != S_removed)
                return;                 /* deleted without a life cycle: nobody shows it */
        put(e, key_of(r), gone ? (void *) record_copy(r) : (void *) &still_there);
        mark_related(e, r, gone);
}

/* ---- telling ---- */
struct telling {                        /* waits until what it says is durable */
        struct events *e;
        struct audience *audience;      /* only compared until found among the living */
        uint64_t key;
        struct buf *frame;
};

static void release(void *arg, int result) {
        struct telling *t = arg;
        struct events *e = t->e;
        struct audience *a = e->first;
        while (a && a != t->audience)
                a = a->next;
        if (a && result == 0)
                audience_tell(a, "resource.change", t->frame);
        else if (a)
                put(e, t->key, &still_there);           /* taken back: what holds now is told next */
        buf_unref(t->frame);
        free(t);
        e->pending--;
        events_free_if_over(e);
}

/* What was made of one record for one kind of audience. */
struct made { const struct audience *a; VEC(struct buf *) frames; uint64_t seq; size_t bytes; };
enum { MADE_MAX = 16 };                 /* kinds of audiences that are looked through: more are made again */

static void give(struct audience *a, uint64_t key, const struct made *m) {
        for (size_t i = 0; i < m->frames.n; i++) {
                struct telling *t = dr_xnew(struct telling);
                *t = (struct telling) { .e = a->all, .audience = a, .key = key, .frame = buf_ref(m->frames.v[i]) };
                a->all->pending++;
                core_output_after(a->all->core, m->seq, release, t);
        }
}

static void write_included(struct api_req *req, struct jw *w, const struct record *r, void *arg) {
        const struct type_def *def = api_type_of(req, r);
        for (const char *p = arg; def && *p; p += strcspn(p, ","), p += *p == ',') {
                const struct link_def *l = type_link(def, p, strcspn(p, ","));
                if (l && l->kind != LINK_SPECIAL && api_visible_type(req, l->target))
                        link_write(req, w, r, l);
        }
}

static void encode(struct audience *a, struct api_req *req, const struct record *r, struct made *ret) {
        const struct type_def *def = access_sees(req, r) ? api_type_of(req, r) : NULL;
        struct jw w = JW(&req->out, 0);
        sbuf_reset(&req->out);
        if (!def || !encode_record(req, &w, r, *a->include ? write_included : NULL, a->include) || !sbuf_ok(&req->out))
                return;
        char id[ID_TEXT_MAX];
        bool named = def->base == T_setting;
        struct buf *frame = event_frame(a->all, "resource.change", named ? "activeSetting" : def->name,
                                        named ? record_name(r) : id_format(a->version, (enum type_id) r->type, r->id, id), sbuf_str(&req->out), req->out.len);
        if (frame)
                vec_push(&ret->frames, frame);
        ret->bytes += req->out.len;
}

/* The record, and what is computed from it: views have events of their own. */
static void make(struct audience *a, struct api_req *req, const struct record *r, struct made *ret) {
        static const enum type_id views[] = { T_serviceExposeMap, T_port, T_mount };
        encode(a, req, r, ret);
        for (size_t i = 0; r->type == T_instance && i < ARRAY_LEN(views); i++) {
                struct record_list rows = { 0 };
                view_rows_of(req, views[i], r, &rows);
                for (size_t k = 0; k < rows.n; k++)
                        encode(a, req, rows.v[k], ret);
                vec_done(&rows);
        }
        ret->a = a;
        ret->seq = req->seq;
}

static bool wants_changes(const struct audience *a) {
        for (const struct subscriber *s = a->first; s; s = s->next)
                if (s->changes)
                        return true;
        return false;
}

static void made_done(struct made *m) {
        for (size_t i = 0; i < m->frames.n; i++)
                buf_unref(m->frames.v[i]);
        vec_done(&m->frames);
}

/* Returns the bytes it took. */
static size_t tell_one(struct audience *a, uint64_t key, const struct record *r, struct made *made, size_t *n_made) {
        struct api_req req;
        size_t bytes = 0;
        if (!audience_act(a, &req)) {
                audience_log_out(a);
                audience_done(&req);
                return 0;
        }
        bool personal = r->type == T_account || r->type == T_projectMember || r->type == T_setting;
        for (size_t i = 0; i < *n_made && !personal; i++)
                if (audience_is_alike(made[i].a, a)) {
                        give(a, key, &made[i]);
                        audience_done(&req);
                        return 0;
                }
        struct made m = { 0 };
        make(a, &req, r, &m);
        give(a, key, &m);
        bytes = m.bytes;
        audience_done(&req);
        if (*n_made < MADE_MAX)
                made[(*n_made)++] = m;
        else
                made_done(&m);
        return bytes;
}

/* ---- once a second for each record ---- */
static bool is_restless(const struct record *r) { return state_is_transitioning((enum type_id) r->type, (enum state_id) r->state); }

static bool is_too_soon(struct events *e, uint64_t key, uint64_t now) {
        uintptr_t told = (uintptr_t) map_get(&e->told, key);
        const struct record *r = record_of(e, key);
        bool came_to_rest = (told & 1) && (!r || !is_restless(r));
        return told && now < (told >> 1) + TOLD_GAP_MS && !came_to_rest;
}

static void sweep_told(struct events *e, uint64_t now) {
        if (!e->told.n || now < e->told_swept_ms + TOLD_GAP_MS)
                return;
        struct map kept = { 0 };
        map_foreach(&e->told, slot)
                if (now < ((uintptr_t) slot->value >> 1) + TOLD_GAP_MS)
                        map_set(&kept, slot->key, slot->value);
        map_done(&e->told);
        e->told = kept;
        e->told_swept_ms = now;
}

static size_t flush_one(struct events *e, uint64_t key, uint64_t now) {
        void *value = map_del(&e->changed, key);
        struct record *copy = value == &still_there ? NULL : value;
        const struct record *r = record_of(e, key);
        struct made made[MADE_MAX];
        size_t bytes = 0, n_made = 0;
        if (!r)
                r = copy;
        if (r)
                map_set(&e->told, key, (void *) (uintptr_t) (now << 1 | (is_restless(r) ? 1 : 0)));
        for (struct audience *a = e->first, *next; a && r; a = next) {
                next = a->next;
                if (wants_changes(a))
                        bytes += tell_one(a, key, r, made, &n_made);
        }
        for (size_t i = 0; i < n_made; i++)
                made_done(&made[i]);
        record_free(copy);
        return bytes;
}

static void on_flush(void *arg) {
        struct events *e = arg;
        uint64_t now = loop_now_ms(e->loop);
        size_t n = e->order.n, kept = 0;
        e->flushed_ms = now;
        if (e->recheck) {
                e->recheck = false;
                for (struct audience *a = e->first, *next; a; a = next) {
                        next = a->next;
                        audience_recheck(a);
                }
        }
        size_t bytes = 0;
        for (size_t i = 0; i < n; i++) {
                uint64_t key = e->order.v[i];
                if (bytes >= FLUSH_BYTES_MAX || is_too_soon(e, key, now))
                        e->order.v[kept++] = key;
                else
                        bytes += flush_one(e, key, now);
        }
        for (size_t i = n; i < e->order.n; i++)         /* came while these were told */
                e->order.v[kept++] = e->order.v[i];
        e->order.n = kept;
        sweep_told(e, now);
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
        map_done(&e->told);
        vec_done(&e->order);
}
