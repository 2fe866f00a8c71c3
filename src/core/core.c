#include "core-internal.h"

#include "addresses.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/times.h"
#include "health_checks.h"
#include "hosts.h"
#include "settings.h"

static int64_t real_wall(void *arg) { (void) arg; return time_wall_ms(); }
static uint64_t real_mono(void *arg) { (void) arg; return time_mono_ms(); }
const struct core_clock core_real_clock = { real_wall, real_mono, NULL };

struct core *core_new(const struct core_conf *conf) {
        struct core *c = dr_xnew(struct core);
        c->conf = *conf;
        c->opened_ms = core_mono_ms(c);
        c->world = world_new();
        if (conf->seed)
                rng_seed(&c->rng, conf->seed);
        else
                rng_seed_random(&c->rng);
        c->next_blob_id = 1;
        for (unsigned t = 0; t < T_MAX; t++)
                c->next_history_id[t] = 1;
        c->hosts = hosts_new(c);
        return c;
}

static void drop_batch(struct batch *b) {
        for (size_t i = 0; i < b->outputs.n; i++)
                b->outputs.v[i].release(b->outputs.v[i].arg, -EIO);
        batch_free(b);
}

struct core *core_free(struct core *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->inflight.n; i++)
                drop_batch(c->inflight.v[i]);
        if (c->open)
                drop_batch(c->open);
        vec_done(&c->inflight);
        hosts_free(c->hosts);
        vec_done(&c->queue);
        map_done(&c->queued);
        vec_done(&c->timers);
        map_done(&c->timer_due);
        map_foreach(&c->progress, s)
                text_unref(s->value);
        map_done(&c->selectors);
        addresses_done(c);
        map_done(&c->progress);
        smap_done(&c->waiting);
        map_foreach(&c->blob_ids, s)
                text_unref((struct text *) (uintptr_t) s->key);
        map_done(&c->blob_ids);
        vec_done(&c->listeners);
        world_free(c->world);
        free(c);
        return NULL;
}

struct world *core_world(struct core *c) { return c->world; }
struct rng *core_rng(struct core *c) { return &c->rng; }
int64_t core_wall_ms(const struct core *c) { return c->conf.clock.wall_ms(c->conf.clock.arg); }
uint64_t core_mono_ms(const struct core *c) { return c->conf.clock.mono_ms(c->conf.clock.arg); }
uint64_t core_epoch(const struct core *c) { return c->conf.store->epoch; }
const struct core_conf *core_config(const struct core *c) { return &c->conf; }

struct loading { struct core *c; struct dr_error *err; int result; };

static void load_blob(void *arg, const char *table, int64_t id, int64_t account_id, const char *body, size_t len) {
        struct loading *l = arg;
        (void) table;
        (void) account_id;
        struct text *t = text_get(body, len);
        if (map_set(&l->c->blob_ids, (uint64_t) (uintptr_t) t, (void *) (uintptr_t) id))
                text_unref(t);                  /* two rows with one text: the later id is used for new rows */
        map_set(&l->c->loaded_blobs, (uint64_t) id, t);
        l->c->next_blob_id = MAX(l->c->next_blob_id, id + 1);
}

static void load_row(void *arg, const char *table, int64_t id, int64_t account_id, const char *body, size_t len) {
        struct loading *l = arg;
        (void) account_id;
        struct record *r;
        if (l->result < 0)
                return;
        l->result = record_decode(l->c, table, id, body, len, &r, l->err);
        if (l->result == 0)
                world_insert(l->c->world, r);
}

static void load_meta(void *arg, const char *key, const char *value) {
        struct loading *l = arg;
        int64_t n;
        enum type_id t;
        if (str_starts(key, "next.") && (t = table_by_name(key + 5)) != T_NONE && parse_i64(value, &n) == 0) {
                world_set_next_id(l->c->world, t, n);
                l->c->next_history_id[t] = MAX(l->c->next_history_id[t], n);
        }
}

/* Blobs that no live row names any more are deleted with the first batch. */
static void drop_unused_blobs(struct core *c) {
        VEC(struct text *) unused = { 0 };
        map_foreach(&c->blob_ids, s) {
                struct text *t = (struct text *) (uintptr_t) s->key;
                if (t->refs == 1)
                        vec_push(&unused, t);
        }
        for (size_t i = 0; i < unused.n; i++) {
                struct text *t = unused.v[i];
                int64_t id = (int64_t) (intptr_t) map_del(&c->blob_ids, (uint64_t) (uintptr_t) t);
                store_batch_add(core_open_batch(c)->rows, STORE_BLOB_DELETE, "blob", id, 0, 0, NULL, 0);
                text_unref(t);
        }
        vec_done(&unused);
}

int core_load(struct core *c, struct dr_error *err) {
        struct store *s = c->conf.store;
        struct loading l = { c, err, 0 };
        int r = s->ops->load(s, load_row, load_blob, load_meta, &l, err);
        if (r < 0 || l.result < 0)
                return r < 0 ? r : l.result;
        units_restore(c);
        addresses_rebuild(c);
        for (unsigned t = 1; t < T_MAX; t++) {
                if (type_base((enum type_id) t) != (enum type_id) t)
                        continue;
                int64_t max = s->ops->history_max_id(s, table_name((enum type_id) t));
                world_set_next_id(c->world, (enum type_id) t, max + 1);
                c->next_history_id[t] = MAX(c->next_history_id[t], max + 1);
                const struct records *all = world_all(c->world, (enum type_id) t);
                for (size_t i = 0; i < all->n; i++)     /* running ones have ids that history does not know yet */
                        if (all->v[i]->run)
                                c->next_history_id[T_processInstance] = MAX(c->next_history_id[T_processInstance], all->v[i]->run->id + 1);
        }
        map_done(&c->loaded_blobs);
        drop_unused_blobs(c);
        core_make_defaults(c);
        core_resume_runs(c);
        hosts_loaded(c);
        health_loaded(c);
        return 0;
}

/* Retention of what left memory (api.md 4.3), every ten minutes; the store does it beside its work. */
static void trim_history(struct core *c) {
        static const struct { enum type_id table; const char *seconds; } kept[] = {
                { T_processInstance, "process_instance.purge.after.seconds" }, { T_instance, "main_tables.purge.after.seconds" },
                { T_service, "main_tables.purge.after.seconds" }, { T_stack, "main_tables.purge.after.seconds" },
                { T_host, "main_tables.purge.after.seconds" }, { T_agent, "main_tables.purge.after.seconds" },
                { T_physicalHost, "main_tables.purge.after.seconds" }, { T_storagePool, "main_tables.purge.after.seconds" },
                { T_account, "main_tables.purge.after.seconds" }, { T_credential, "main_tables.purge.after.seconds" },
                { T_genericObject, "main_tables.purge.after.seconds" }, { T_auditLog, "audit_log.purge.after.seconds" },
                { T_serviceLog, "service_log.purge.after.seconds" },
                { T_taskInstance, "process_instance.purge.after.seconds" },
        };
        if (core_mono_ms(c) < c->next_trim_ms)
                return;
        c->next_trim_ms = core_mono_ms(c) + 600000;
        if (!c->conf.store->ops->history_trim)
                return;
        uint64_t rows = (uint64_t) setting_int(c, "history.rows.max");
        for (size_t i = 0; i < ARRAY_LEN(kept); i++)
                c->conf.store->ops->history_trim(c->conf.store, table_name(kept[i].table),
                                                 core_wall_ms(c) - setting_int(c, kept[i].seconds) * 1000, rows);
}

void core_purge(struct core *c) {
        c->next_trim_ms = 0;
        trim_history(c);
}

bool core_turn(struct core *c, unsigned budget) {
        queue_fire_timers(c);
        trim_history(c);
        if (c->store_retry_ms > core_mono_ms(c))
                return false;
        uint64_t key;
        for (unsigned done = 0; (!budget || done < budget) && queue_pop(c, &key); done++) {
                struct record *r = key_record(c, key);
                if (r)
                        core_run_record(c, r);
        }
        return c->queue_head < c->queue.n;
}

uint64_t core_next_ms(const struct core *c) {
        uint64_t next = queue_next_ms(c);
        return next == 0 && c->store_retry_ms > core_mono_ms(c) ? c->store_retry_ms : next;
}

size_t core_in_flight(const struct core *c) { return c->inflight.n; }
bool core_idle(const struct core *c) { return c->queue_head == c->queue.n && !c->open && !c->inflight.n; }

struct core_stats core_stats(const struct core *c) {
        struct core_stats s = c->stats;
        s.queued = c->queue.n - c->queue_head;
        s.timers = c->timers.n;
        return s;
}
