/* The store of simulations: the disk is a handful of maps that outlive the store, commits happen inside submit(). */
#include "store.h"

#include "base/map.h"

struct row {
        int64_t id, account_id, at_ms;
        size_t len;
        char body[];
};

/* One table: live rows by id, history sorted by id. */
struct mem_table {
        char *name;
        struct map live;
        VEC(struct row *) history;
};

struct mem_meta { char *key, *value; };

struct mem_disk {
        VEC(struct mem_table *) tables;
        struct smap by_name;            /* name -> struct mem_table */
        struct map blobs;               /* id -> struct row */
        VEC(struct mem_meta) meta;
        uint64_t epoch, commits;
};

struct answer { uint64_t seq; enum store_result result; char *message; };
struct request {
        struct store_history_query q;
        store_row_fn *fn;
        void (*done)(void *arg, int result, const char *message);
        void *arg;
};

struct mem_store {
        struct store store;
        struct mem_disk *disk;
        VEC(struct answer) answers;
        VEC(struct request) requests;
        bool failing, fatal, killed;
        uint64_t fault_in;              /* commits until the fault; 0: none */
        enum store_result fault_result;
        bool fault_kill, fault_after;
        struct store_stats stats;
};

static struct row *row_new(int64_t id, int64_t account_id, int64_t at_ms, const char *body, size_t len) {
        struct row *r = dr_xmalloc(sizeof *r + len + 1);
        *r = (struct row) { .id = id, .account_id = account_id, .at_ms = at_ms, .len = len };
        memcpy(r->body, body, len);
        r->body[len] = '\0';
        return r;
}

struct mem_disk *mem_disk_new(void) { return dr_xnew(struct mem_disk); }

void mem_disk_free(struct mem_disk *d) {
        if (!d)
                return;
        for (size_t i = 0; i < d->tables.n; i++) {
                struct mem_table *t = d->tables.v[i];
                map_foreach(&t->live, slot)
                        free(slot->value);
                map_done(&t->live);
                for (size_t k = 0; k < t->history.n; k++)
                        free(t->history.v[k]);
                vec_done(&t->history);
                free(t->name);
                free(t);
        }
        vec_done(&d->tables);
        smap_done(&d->by_name);
        map_foreach(&d->blobs, slot)
                free(slot->value);
        map_done(&d->blobs);
        for (size_t i = 0; i < d->meta.n; i++) {
                free(d->meta.v[i].key);
                free(d->meta.v[i].value);
        }
        vec_done(&d->meta);
        free(d);
}

uint64_t mem_disk_commits(const struct mem_disk *d) { return d->commits; }

static struct mem_table *table_of(struct mem_disk *d, const char *name) {
        struct mem_table *t = smap_get(&d->by_name, name);
        if (!t) {
                t = dr_xnew(struct mem_table);
                t->name = dr_xstrdup(name);
                vec_push(&d->tables, t);
                smap_set(&d->by_name, t->name, t);
        }
        return t;
}

/* Index of the first history row with an id of at least id. */
static size_t history_at(const struct mem_table *t, int64_t id) {
        size_t lo = 0, hi = t->history.n;
        while (lo < hi) {
                size_t mid = lo + (hi - lo) / 2;
                if (t->history.v[mid]->id < id)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return lo;
}

static void history_put(struct mem_table *t, struct row *r) {
        size_t at = history_at(t, r->id);
        if (at < t->history.n && t->history.v[at]->id == r->id) {
                free(t->history.v[at]);
                t->history.v[at] = r;
                return;
        }
        vec_push(&t->history, r);
        memmove(t->history.v + at + 1, t->history.v + at, (t->history.n - 1 - at) * sizeof *t->history.v);
        t->history.v[at] = r;
}

static void meta_put(struct mem_disk *d, const char *key, const char *value, size_t len) {
        struct mem_meta *m = NULL;
        for (size_t i = 0; i < d->meta.n && !m; i++)
                if (str_eq(d->meta.v[i].key, key))
                        m = &d->meta.v[i];
        if (!m) {
                vec_push(&d->meta, ((struct mem_meta) { .key = dr_xstrdup(key) }));
                m = &d->meta.v[d->meta.n - 1];
        }
        free(m->value);
        m->value = dr_xstrndup(value, len);
}

static void apply(struct mem_disk *d, const struct store_batch *b) {
        for (size_t i = 0; i < b->ops.n; i++) {
                const struct store_op *op = &b->ops.v[i];
                switch (op->kind) {
                case STORE_PUT:
                        free(map_set(&table_of(d, op->table)->live, (uint64_t) op->id, row_new(op->id, 0, 0, op->body, op->body_len)));
                        break;
                case STORE_DELETE:
                        free(map_del(&table_of(d, op->table)->live, (uint64_t) op->id));
                        break;
                case STORE_HISTORY:
                        history_put(table_of(d, op->table), row_new(op->id, op->account_id, op->at_ms, op->body, op->body_len));
                        break;
                case STORE_BLOB_PUT:
                        free(map_set(&d->blobs, (uint64_t) op->id, row_new(op->id, 0, 0, op->body, op->body_len)));
                        break;
                case STORE_BLOB_DELETE:
                        free(map_del(&d->blobs, (uint64_t) op->id));
                        break;
                case STORE_META_PUT:
                        meta_put(d, op->table, op->body, op->body_len);
                        break;
                }
        }
        d->commits++;
}

static int by_id(const void *a, const void *b) {
        int64_t x = (*(struct row *const *) a)->id, y = (*(struct row *const *) b)->id;
        return (x > y) - (x < y);
}

static int by_table_name(const void *a, const void *b) {
        return strcmp((*(struct mem_table *const *) a)->name, (*(struct mem_table *const *) b)->name);
}

static void give_rows(const struct map *m, const char *table, store_row_fn *fn, void *arg) {
        VEC(struct row *) rows = { 0 };
        map_foreach(m, slot)
                vec_push(&rows, (struct row *) slot->value);
        vec_sort(&rows, by_id);
        for (size_t i = 0; i < rows.n; i++)
                fn(arg, table, rows.v[i]->id, 0, rows.v[i]->body, rows.v[i]->len);
        vec_done(&rows);
}

static int mem_load(struct store *s, store_row_fn *live, store_row_fn *blob, void (*meta)(void *arg, const char *key, const char *value),
                    void *arg, struct dr_error *err) {
        struct mem_disk *d = ((struct mem_store *) s)->disk;
        for (size_t i = 0; meta && i < d->meta.n; i++)
                meta(arg, d->meta.v[i].key, d->meta.v[i].value);
        if (blob)
                give_rows(&d->blobs, "blob", blob, arg);
        if (live) {
                vec_sort(&d->tables, by_table_name);
                for (size_t i = 0; i < d->tables.n; i++)
                        give_rows(&d->tables.v[i]->live, d->tables.v[i]->name, live, arg);
        }
        return 0;
}

/* The fate of one batch; false when nobody will ever hear of it. */
static bool commit(struct mem_store *m, const struct store_batch *b, enum store_result *ret, const char **message) {
        if (m->killed)
                return false;
        *message = NULL;
        if (m->fatal || m->store.epoch != m->disk->epoch) {
                m->fatal = true;
                *ret = STORE_FATAL;
                *message = "another server has taken over the data";
                return true;
        }
        if (m->failing) {
                *ret = STORE_FAILED;
                *message = "an earlier batch failed";
                return true;
        }
        if (m->fault_in && --m->fault_in == 0) {
                if (m->fault_kill) {
                        m->killed = true;
                        if (m->fault_after)
                                apply(m->disk, b);
                        return false;
                }
                if (m->fault_after)
                        apply(m->disk, b);
                *ret = m->fault_result;
                *message = "injected fault";
                m->failing = *ret == STORE_FAILED;
                m->fatal = *ret == STORE_FATAL;
                return true;
        }
        apply(m->disk, b);
        *ret = STORE_OK;
        return true;
}

static void mem_submit(struct store *s, struct store_batch *b) {
        struct mem_store *m = (struct mem_store *) s;
        enum store_result result;
        const char *message;
        if (commit(m, b, &result, &message)) {
                vec_push(&m->answers, ((struct answer) { b->seq, result, dr_xstrdup(message) }));
                if (result == STORE_OK) {
                        m->stats.commits++;
                        m->stats.rows += b->ops.n;
                        for (size_t i = 0; i < b->ops.n; i++)
                                m->stats.bytes += b->ops.v[i].body_len;
                } else
                        m->stats.failed++;
                if (s->wake)
                        s->wake(s->wake_arg);
        }
        store_batch_free(b);
}

static void run_request(struct mem_store *m, const struct request *r) {
        const struct mem_table *t = smap_get(&m->disk->by_name, r->q.table);
        size_t n = t ? t->history.n : 0, i, left = r->q.limit;
        if (r->q.descending)
                i = r->q.after_id && t ? history_at(t, r->q.after_id) : n;              /* the row before i is next */
        else
                i = r->q.after_id && t ? history_at(t, r->q.after_id + 1) : 0;          /* the row at i is next */
        while (left > 0 && (r->q.descending ? i > 0 : i < n)) {
                const struct row *row = t->history.v[r->q.descending ? --i : i++];
                if ((r->q.account_id && row->account_id != r->q.account_id) || (r->q.id && row->id != r->q.id))
                        continue;
                r->fn(r->arg, r->q.table, row->id, row->account_id, row->body, row->len);
                left--;
        }
        r->done(r->arg, 0, NULL);
}

static void mem_poll(struct store *s, void (*fn)(void *arg, uint64_t seq, enum store_result r, const char *message), void *arg) {
        struct mem_store *m = (struct mem_store *) s;
        /* Both lists are taken first: what is called may submit and ask again. */
        __auto_type answers = m->answers;
        __auto_type requests = m->requests;
        memset(&m->answers, 0, sizeof m->answers);
        memset(&m->requests, 0, sizeof m->requests);
        for (size_t i = 0; i < answers.n; i++) {
                fn(arg, answers.v[i].seq, answers.v[i].result, answers.v[i].message);
                free(answers.v[i].message);
        }
        vec_done(&answers);
        for (size_t i = 0; i < requests.n; i++)
                run_request(m, &requests.v[i]);
        vec_done(&requests);
}

static void mem_wait(struct store *s) { (void) s; }

static void mem_recover(struct store *s) { ((struct mem_store *) s)->failing = false; }

static void mem_history(struct store *s, const struct store_history_query *q, store_row_fn *fn,
                        void (*done)(void *arg, int result, const char *message), void *arg) {
        struct mem_store *m = (struct mem_store *) s;
        assert(q->table && q->limit >= 1 && q->limit <= STORE_HISTORY_LIMIT_MAX);
        vec_push(&m->requests, ((struct request) { .q = *q, .fn = fn, .done = done, .arg = arg }));
        if (s->wake)
                s->wake(s->wake_arg);
}

static int64_t mem_history_max_id(struct store *s, const char *table) {
        const struct mem_table *t = smap_get(&((struct mem_store *) s)->disk->by_name, table);
        return t && t->history.n ? t->history.v[t->history.n - 1]->id : 0;
}

static void mem_history_trim(struct store *s, const char *table, int64_t before_ms, uint64_t max_rows) {
        struct mem_store *m = (struct mem_store *) s;
        struct mem_table *t = smap_get(&m->disk->by_name, table);
        if (!t || m->killed || m->fatal)
                return;
        size_t kept = 0, n = t->history.n;
        for (size_t i = 0; i < n; i++) {
                struct row *r = t->history.v[i];
                bool newest = i == n - 1, too_many = max_rows && n - i > max_rows;
                if (!newest && (r->at_ms < before_ms || too_many))
                        free(r);
                else
                        t->history.v[kept++] = r;
        }
        t->history.n = kept;
}

static int mem_backup(struct store *s, const char *path, struct dr_error *err) {
        (void) dr_fail(err, DR_E_NOT_IMPLEMENTED, NULL, "the store in memory has no backup");
        return -ENOSYS;
}

static struct store_stats mem_stats(const struct store *s) { return ((const struct mem_store *) s)->stats; }

static void mem_close(struct store *s) {
        struct mem_store *m = (struct mem_store *) s;
        for (size_t i = 0; i < m->answers.n; i++)
                free(m->answers.v[i].message);
        vec_done(&m->answers);
        for (size_t i = 0; i < m->requests.n; i++)
                m->requests.v[i].done(m->requests.v[i].arg, -ECANCELED, "the store is closing");
        vec_done(&m->requests);
        free(m);
}

static const struct store_ops ops = {
        .load = mem_load, .submit = mem_submit, .poll = mem_poll, .wait = mem_wait, .recover = mem_recover, .history = mem_history,
        .history_max_id = mem_history_max_id, .history_trim = mem_history_trim, .backup = mem_backup, .stats = mem_stats, .close = mem_close,
};

struct store *store_open_mem(struct mem_disk *disk) {
        struct mem_store *m = dr_xnew(struct mem_store);
        m->store.ops = &ops;
        m->store.epoch = ++disk->epoch;
        m->disk = disk;
        return &m->store;
}

void mem_store_fault(struct store *s, uint64_t n, enum store_result result, bool kill, bool after) {
        struct mem_store *m = (struct mem_store *) s;
        m->fault_in = n;
        m->fault_result = result;
        m->fault_kill = kill;
        m->fault_after = after;
}
