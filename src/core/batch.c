/* batch.c: changes with undo, their commit, and what waits for it. */
#include "core-internal.h"

#include "addresses.h"
#include "base/log.h"

enum { ROW_BYTES_MAX = 32 << 20 };

void batch_free(struct batch *b) {
        if (!b)
                return;
        for (size_t i = 0; i < b->undos.n; i++) {
                struct undo *u = b->undos.v[i];
                if (u->r && u->r->undo == u)
                        u->r->undo = NULL;
                if (u->deleted)
                        record_free(u->r);
                record_free(u->old);
                free(u);
        }
        vec_done(&b->undos);
        vec_done(&b->outputs);
        vec_done(&b->blobs);
        store_batch_free(b->rows);
        free(b);
}

struct batch *core_open_batch(struct core *c) {
        if (!c->open) {
                c->open = dr_xnew(struct batch);
                c->open->seq = ++c->next_seq;
                c->open->rows = store_batch_new(c->open->seq);
        }
        return c->open;
}

struct undo *core_touch(struct core *c, struct record *r) {
        struct batch *b = core_open_batch(c);
        struct undo *u = r->undo;
        if (u && u->batch == b)
                return u;
        u = dr_xnew(struct undo);
        *u = (struct undo) { .batch = b, .r = r, .old = record_copy(r) };
        vec_push(&b->undos, u);
        r->undo = u;
        return u;
}

void core_dirty(struct core *c, struct record *r) {
        struct undo *u = core_touch(c, r);
        u->dirty = true;
        r->seq = u->batch->seq;
}

struct record *core_create(struct core *c, enum type_id kind, int64_t account_id) {
        struct batch *b = core_open_batch(c);
        enum type_id table = type_base(kind);
        struct record *r = record_new(table, kind, world_next_id(c->world, table));
        r->state = S_requested;
        r->created_ms = core_wall_ms(c);
        r->account_id = account_id;
        uuid_make(&c->rng, &r->uuid);
        r->seq = b->seq;
        world_insert(c->world, r);
        world_set_table_seq(c->world, table, b->seq);
        struct undo *u = dr_xnew(struct undo);
        *u = (struct undo) { .batch = b, .r = r, .dirty = true };
        vec_push(&b->undos, u);
        r->undo = u;
        return r;
}

void core_put(struct core *c, struct record *r, enum field_id f, struct value v) {
        if (value_eq(record_value(r, f), v)) {
                value_done(&v);
                return;
        }
        core_dirty(c, r);
        world_put(c->world, r, f, v);
}

void core_set_account(struct core *c, struct record *r, int64_t account_id) {
        if (r->account_id == account_id)
                return;
        core_dirty(c, r);
        world_set_account(c->world, r, account_id);
}

void core_set_uuid(struct core *c, struct record *r, const char *uuid) {
        core_dirty(c, r);
        struct record *with = record_copy(r);           /* through the index: the uuid is a key */
        record_set_uuid(with, uuid);
        world_replace_content(c->world, r, with);
        record_free(with);
}

static void leave_world(struct core *c, struct record *r, bool to_history) {
        core_dirty(c, r);
        struct undo *u = r->undo;
        core_forget_waiting(c, r->run);
        world_delete(c->world, r);
        world_set_table_seq(c->world, (enum type_id) r->type, u->batch->seq);
        u->deleted = true;
        if (r->type == T_instance)
                unit_lost_member(c, r);
        addresses_left(c, r);
        u->to_history = to_history;
        struct text *progress = map_del(&c->progress, record_key(r));
        text_unref(progress);
}

void core_delete(struct core *c, struct record *r) { leave_world(c, r, false); }
void core_retire(struct core *c, struct record *r) { leave_world(c, r, true); }

int64_t core_history(struct core *c, enum type_id table, int64_t account_id, char *body, size_t len) {
        struct batch *b = core_open_batch(c);
        int64_t id = c->next_history_id[table]++;
        store_batch_add(b->rows, STORE_HISTORY, table_name(table), id, account_id, core_wall_ms(c), body, len);
        return id;
}

/* ---- commit ---- */
static void close_rows(struct core *c, struct batch *b) {
        for (size_t i = 0; i < b->undos.n; i++) {
                struct undo *u = b->undos.v[i];
                if (!u->dirty)
                        continue;
                struct record *r = u->r;
                const char *table = table_name((enum type_id) r->type);
                if (r->type == T_deploymentUnit && !u->deleted && !u->old && unit_is_told(c, r)) {
                        r->unstored = true;
                        continue;
                }
                if (u->deleted && u->old && !r->unstored)
                        store_batch_add(b->rows, STORE_DELETE, table, r->id, r->account_id, 0, NULL, 0);
                if (u->deleted && !u->to_history)
                        continue;
                r->unstored = false;
                struct sbuf row = SBUF(ROW_BYTES_MAX);
                record_encode(c, r, u->deleted, b, &row);
                assert(sbuf_ok(&row));
                size_t len = row.len;
                store_batch_add(b->rows, u->deleted ? STORE_HISTORY : STORE_PUT, table, r->id, r->account_id,
                                u->deleted ? core_wall_ms(c) : 0, sbuf_steal(&row), len);
        }
}

void core_commit(struct core *c) {
        struct batch *b = c->open;
        if (!b)
                return;
        close_rows(c, b);
        c->open = NULL;
        if (!b->rows->ops.n) {                          /* touched, but nothing to store */
                struct batch *last = c->inflight.n ? c->inflight.v[c->inflight.n - 1] : NULL;
                for (size_t i = 0; i < b->outputs.n; i++)
                        if (last)
                                vec_push(&last->outputs, b->outputs.v[i]);
                struct output *outputs = last ? NULL : b->outputs.v;
                size_t n = last ? 0 : b->outputs.n;
                if (!last)
                        b->outputs.v = NULL;
                batch_free(b);
                for (size_t i = 0; i < n; i++)
                        outputs[i].release(outputs[i].arg, 0);
                free(outputs);
                return;
        }
        c->stats.batches++;
        c->stats.rows += b->rows->ops.n;
        vec_push(&c->inflight, b);
        c->conf.store->ops->submit(c->conf.store, dr_take(b->rows));
}

static void release_all(struct batch *b, int result) {
        for (size_t i = 0; i < b->outputs.n; i++)
                b->outputs.v[i].release(b->outputs.v[i].arg, result);
        b->outputs.n = 0;
}

static void undo_batch(struct core *c, struct batch *b, struct map *to_wake) {
        for (size_t i = b->undos.n; i-- > 0;) {
                struct undo *u = b->undos.v[i];
                struct record *r = u->r;
                uint64_t key = record_key(r);
                if (r->undo == u)
                        r->undo = NULL;
                if (!u->old) {                          /* created here: never was */
                        if (!u->deleted) {
                                core_forget_waiting(c, r->run);
                                world_delete(c->world, r);
                        }
                        text_unref(map_del(&c->progress, key));
                        record_free(r);
                } else {
                        if (!u->deleted)
                                core_forget_waiting(c, r->run);
                        if (u->deleted) {
                                record_swap_content(r, u->old);
                                world_insert(c->world, r);
                        } else {
                                world_replace_content(c->world, r, u->old);
                        }
                        if (r->run && r->run->event)
                                smap_set(&c->waiting, r->run->event->s, (void *) (uintptr_t) (key + 1));
                        map_set(to_wake, key, r);
                }
                record_free(u->old);
                free(u);
        }
        b->undos.n = 0;
        for (size_t i = 0; i < b->blobs.n; i++) {
                struct text *t = b->blobs.v[i];
                if (map_del(&c->blob_ids, (uint64_t) (uintptr_t) t))
                        text_unref(t);
        }
        b->blobs.n = 0;
}

void core_roll_back(struct core *c, uint64_t from_seq, const char *why) {
        struct map to_wake = { 0 };
        VEC(struct batch *) gone = { 0 };
        if (c->open) {
                vec_push(&gone, c->open);
                c->open = NULL;
        }
        while (c->inflight.n && c->inflight.v[c->inflight.n - 1]->seq >= from_seq)
                vec_push(&gone, vec_pop(&c->inflight));
        log_warning("could not store changes: they are taken back", "reason", why, NULL);
        for (size_t i = 0; i < gone.n; i++)             /* newest first */
                undo_batch(c, gone.v[i], &to_wake);
        c->stats.rolled_back += gone.n;
        addresses_rebuild(c);
        map_foreach(&to_wake, s)
                queue_push(c, s->key);
        map_done(&to_wake);
        for (size_t i = gone.n; i-- > 0;) {             /* answers in the order asked */
                release_all(gone.v[i], -EIO);
                batch_free(gone.v[i]);
        }
        vec_done(&gone);
        c->store_backoff_ms = MIN(MAX(c->store_backoff_ms * 2, (uint64_t) 50), (uint64_t) 2000);
        c->store_retry_ms = core_mono_ms(c) + c->store_backoff_ms;
}

static void durable(struct core *c, struct batch *b) {
        c->store_backoff_ms = 0;
        release_all(b, 0);
        for (size_t i = 0; i < b->undos.n; i++) {
                struct undo *u = b->undos.v[i];
                if (!u->dirty)
                        continue;
                for (size_t k = 0; k < c->listeners.n; k++)
                        c->listeners.v[k].fn(c->listeners.v[k].arg, u->r);
                if (u->deleted && u->r->type == T_instance)
                        hosts_forget_instance(c, u->r);
                if (u->deleted && u->r->type == T_host)
                        hosts_forget(c, u->r, "removed");
        }
        batch_free(b);
}

static void on_stored(void *arg, uint64_t seq, enum store_result result, const char *message) {
        struct core *c = arg;
        if (result == STORE_FATAL) {
                c->fatal = true;
                log_error("the store cannot go on", "reason", message, NULL);
                return;
        }
        if (result == STORE_FAILED) {
                bool known = c->inflight.n && c->inflight.v[c->inflight.n - 1]->seq >= seq;
                if (known)                      /* the later ones fail too, but they are gone already */
                        core_roll_back(c, seq, message);
                c->recovering |= known;
                return;
        }
        assert(c->inflight.n && c->inflight.v[0]->seq == seq);
        struct batch *b = c->inflight.v[0];
        vec_remove_at(&c->inflight, 0);
        durable(c, b);
}

int core_store_event(struct core *c) {
        struct store *s = c->conf.store;
        s->ops->poll(s, on_stored, c);
        if (c->fatal)
                return -EIO;
        if (c->recovering && !c->inflight.n) {
                c->recovering = false;
                s->ops->recover(s);
        }
        hosts_flush(c);
        return 0;
}

/* ---- output ---- */
void core_output(struct core *c, core_release_fn *release, void *arg) {
        struct batch *b = c->open ? c->open : c->inflight.n ? c->inflight.v[c->inflight.n - 1] : NULL;
        if (b)
                vec_push(&b->outputs, ((struct output) { release, arg }));
        else
                release(arg, c->fatal ? -EIO : 0);
}

void core_output_after(struct core *c, uint64_t seq, core_release_fn *release, void *arg) {
        struct batch *b = NULL;
        for (size_t i = 0; i < c->inflight.n && !b; i++)
                if (c->inflight.v[i]->seq >= seq && seq)
                        b = c->inflight.v[i];
        if (!b && c->open && seq && c->open->seq <= seq)
                b = c->open;
        if (b)
                vec_push(&b->outputs, ((struct output) { release, arg }));
        else
                release(arg, c->fatal ? -EIO : 0);
}

void core_on_change(struct core *c, core_change_fn *fn, void *arg) {
        vec_push(&c->listeners, ((struct change_listener) { fn, arg }));
}
