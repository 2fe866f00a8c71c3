/* The owner's side of the SQLite store: opening, the queues to both threads, loading, backup. */
#include "sqlite-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "backup.h"
#include "base/parse.h"

static void fail_message(struct sqlite_store *s, const char *what, int *ret, struct dr_error *err) {
        auto_free char *message = sqlite_message(s->owner, what);
        *ret = dr_fail(err, DR_E_STORE_FAILED, NULL, "database \"%s\": %s", s->path, message);
}

static int each_row(struct sqlite_store *s, const char *sql, const char *what, void (*fn)(sqlite3_stmt *st, void *arg), void *arg,
                    struct dr_error *err) {
        sqlite3_stmt *st = NULL;
        int r = sqlite3_prepare_v2(s->owner, sql, -1, &st, NULL), ret = 0;
        if (r == SQLITE_OK)
                while ((r = sqlite3_step(st)) == SQLITE_ROW)
                        fn(st, arg);
        if (r != SQLITE_DONE)
                fail_message(s, what, &ret, err);
        (void) sqlite3_finalize(st);
        return ret;
}

struct load {
        store_row_fn *row;
        void (*meta)(void *arg, const char *key, const char *value);
        void *arg;
        const char *table;
};

static void give_row(sqlite3_stmt *st, void *arg) {
        struct load *l = arg;
        const char *body = str_or((const char *) sqlite3_column_text(st, 2), "");
        const char *table = l->table ? l->table : (const char *) sqlite3_column_text(st, 0);
        l->row(l->arg, table, sqlite3_column_int64(st, 1), 0, body, (size_t) sqlite3_column_bytes(st, 2));
}

static void give_meta(sqlite3_stmt *st, void *arg) {
        struct load *l = arg;
        l->meta(l->arg, (const char *) sqlite3_column_text(st, 0), (const char *) sqlite3_column_text(st, 1));
}

static int sq_load(struct store *store, store_row_fn *live, store_row_fn *blob, void (*meta)(void *arg, const char *key, const char *value),
                   void *arg, struct dr_error *err) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        struct load l = { .meta = meta, .arg = arg };
        int r = 0;
        if (meta)
                r = each_row(s, "SELECT key, value FROM meta WHERE key NOT IN ('epoch', 'schema_version') ORDER BY key",
                             "read meta", give_meta, &l, err);
        if (r == 0 && blob) {
                l.row = blob;
                l.table = "blob";
                r = each_row(s, "SELECT NULL, id, body FROM blob ORDER BY id", "read blobs", give_row, &l, err);
        }
        if (r == 0 && live) {
                l.row = live;
                l.table = NULL;
                r = each_row(s, "SELECT tbl, id, body FROM resource ORDER BY tbl, id", "read records", give_row, &l, err);
        }
        return r;
}

static void sq_submit(struct store *store, struct store_batch *b) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        struct job *j = dr_xnew(struct job);
        j->batch = b;
        pthread_mutex_lock(&s->lock);
        j->generation = s->generation;
        s->submitted++;
        queue_push(&s->jobs, j);
        pthread_cond_signal(&s->writer_cond);
        pthread_mutex_unlock(&s->lock);
}

static void job_free(struct job *j) {
        store_batch_free(j->batch);
        free(j->message);
        free(j);
}

static void sq_poll(struct store *store, void (*fn)(void *arg, uint64_t seq, enum store_result r, const char *message), void *arg) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        pthread_mutex_lock(&s->lock);
        __auto_type answers = s->answers;
        __auto_type reads = s->read_answers;
        s->answers.head = NULL;
        s->read_answers.head = NULL;
        pthread_mutex_unlock(&s->lock);
        for (struct job *j; (j = queue_pop(&answers));) {
                fn(arg, j->batch->seq, j->result, j->message);
                job_free(j);
        }
        for (struct history_job *h; (h = queue_pop(&reads));) {
                for (size_t i = 0; i < h->rows.n; i++) {
                        const struct history_row *row = &h->rows.v[i];
                        h->fn(h->arg, h->q.table, row->id, row->account_id, row->body, row->len);
                }
                h->done(h->arg, h->result, h->message);
                history_job_free(h);
        }
}

static void sq_wait(struct store *store) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        pthread_mutex_lock(&s->lock);
        while (s->finished < s->submitted || s->reads_done < s->reads_asked)
                pthread_cond_wait(&s->idle_cond, &s->lock);
        pthread_mutex_unlock(&s->lock);
}

static void sq_recover(struct store *store) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        pthread_mutex_lock(&s->lock);
        s->generation++;
        pthread_mutex_unlock(&s->lock);
}

static void sq_history(struct store *store, const struct store_history_query *q, store_row_fn *fn,
                       void (*done)(void *arg, int result, const char *message), void *arg) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        assert(q->table && q->limit >= 1 && q->limit <= STORE_HISTORY_LIMIT_MAX);
        struct history_job *h = dr_xnew(struct history_job);
        h->q = *q;
        h->fn = fn;
        h->done = done;
        h->arg = arg;
        pthread_mutex_lock(&s->lock);
        h->after_jobs = s->submitted;
        s->reads_asked++;
        queue_push(&s->reads, h);
        pthread_cond_signal(&s->reader_cond);
        pthread_mutex_unlock(&s->lock);
}

static int64_t sq_history_max_id(struct store *store, const char *table) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        sqlite3_stmt *st = NULL;
        int64_t id = 0;
        if (sqlite3_prepare_v2(s->owner, "SELECT max(id) FROM history WHERE tbl = ?1", -1, &st, NULL) == SQLITE_OK) {
                (void) sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
                if (sqlite3_step(st) == SQLITE_ROW)
                        id = sqlite3_column_int64(st, 0);
        }
        (void) sqlite3_finalize(st);
        return id;
}

static void sq_history_trim(struct store *store, const char *table, int64_t before_ms, uint64_t max_rows) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        struct trim *t = dr_xnew(struct trim);
        *t = (struct trim) { .table = table, .before_ms = before_ms, .max_rows = max_rows };
        pthread_mutex_lock(&s->lock);
        queue_push(&s->trims, t);
        pthread_cond_signal(&s->writer_cond);
        pthread_mutex_unlock(&s->lock);
}

static int sq_backup(struct store *store, const char *path, struct dr_error *err) {
        return store_backup_copy(((struct sqlite_store *) store)->path, path, err);
}

static struct store_stats sq_stats(const struct store *store) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        pthread_mutex_lock(&s->lock);
        struct store_stats stats = s->stats;
        pthread_mutex_unlock(&s->lock);
        return stats;
}

/* Also takes a store that was opened half. */
static void sq_close(struct store *store) {
        struct sqlite_store *s = (struct sqlite_store *) store;
        if (s->threads) {
                pthread_mutex_lock(&s->lock);
                s->stopping = true;
                pthread_cond_signal(&s->writer_cond);
                pthread_cond_signal(&s->reader_cond);
                pthread_mutex_unlock(&s->lock);
                pthread_join(s->writer_thread, NULL);
                pthread_join(s->reader_thread, NULL);
        }
        for (struct job *j; (j = queue_pop(&s->answers));)
                job_free(j);
        for (struct trim *t; (t = queue_pop(&s->trims));)
                free(t);
        for (struct history_job *h; (h = queue_pop(&s->read_answers)) || (h = queue_pop(&s->reads));) {
                h->done(h->arg, -ECANCELED, "the store is closing");
                history_job_free(h);
        }
        for (size_t i = 0; i < ST_MAX; i++)
                (void) sqlite3_finalize(s->st[i]);
        (void) sqlite3_close(s->reader);
        (void) sqlite3_close(s->owner);
        (void) sqlite3_close(s->writer);        /* last: checkpoints and removes the WAL */
        pthread_mutex_destroy(&s->lock);
        pthread_cond_destroy(&s->writer_cond);
        pthread_cond_destroy(&s->reader_cond);
        pthread_cond_destroy(&s->idle_cond);
        if (s->lock_fd >= 0)
                close(s->lock_fd);
        free(s->fatal_message);
        free(s->path);
        free(s->dir);
        free(s);
}

/* Takes the folder for this process: flock() on DIR/lock, which holds the pid for people to read. */
int sqlite_lock_dir(const char *dir, int *ret_fd, struct dr_error *err) {
        auto_free char *path = dr_xasprintf("%s/lock", dir);
        auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not open \"%s\": %m", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK)
                        return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not lock \"%s\": %m", path);
                char pid[24] = "";
                ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
                pid[MAX(n, 0)] = '\0';
                pid[strspn(pid, "0123456789")] = '\0';
                return dr_fail(err, DR_E_BUSY, NULL, "data folder \"%s\" is in use by %s%s", dir,
                               *pid ? "process " : "another process", pid);
        }
        char line[24];
        int n = snprintf(line, sizeof line, "%ld\n", (long) getpid());
        if (ftruncate(fd, 0) < 0 || pwrite(fd, line, (size_t) n, 0) != n)
                return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not write \"%s\": %m", path);
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static void take_epoch(sqlite3_stmt *st, void *arg) {
        if (parse_u64(str_or((const char *) sqlite3_column_text(st, 0), ""), UINT64_MAX - 1, arg) < 0)
                *(uint64_t *) arg = 0;
}

/* Raises the leadership epoch: from here on the commits of whoever had the data before fail. */
static int raise_epoch(struct sqlite_store *s, struct dr_error *err) {
        int r = each_row(s,
                "INSERT INTO meta (key, value) VALUES ('epoch', '1')"
                " ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1 RETURNING value",
                "raise the epoch", take_epoch, &s->store.epoch, err);
        if (r == 0 && s->store.epoch == 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "database \"%s\" has an epoch that is no number", s->path);
        return r;
}

static void take_mode(sqlite3_stmt *st, void *arg) {
        *(bool *) arg = str_eq((const char *) sqlite3_column_text(st, 0), "wal");
}

static const struct store_ops ops = {
        .load = sq_load, .submit = sq_submit, .poll = sq_poll, .wait = sq_wait, .recover = sq_recover, .history = sq_history,
        .history_max_id = sq_history_max_id, .history_trim = sq_history_trim, .backup = sq_backup, .stats = sq_stats, .close = sq_close,
};

static int open_all(struct sqlite_store *s, struct dr_error *err) {
        int r = sqlite_lock_dir(s->dir, &s->lock_fd, err);
        if (r < 0 || (r = sqlite_connect(s->path, &s->owner, err)) < 0)
                return r;
        (void) chmod(s->path, 0600);    /* records hold names of hosts and people; best effort on file systems without modes */
        if ((r = sqlite_migrate(s->owner, s->path, sqlite_migrations, sqlite_migrations_n, err)) < 0)
                return r;
        bool wal = false;
        if ((r = each_row(s, "PRAGMA journal_mode=WAL", "turn on the write-ahead log", take_mode, &wal, err)) < 0)
                return r;
        if (!wal)
                return dr_fail(err, DR_E_STORE_FAILED, NULL, "database \"%s\": this file system does not support the write-ahead log", s->path);
        if ((r = raise_epoch(s, err)) < 0 || (r = sqlite_connect(s->path, &s->writer, err)) < 0 ||
            (r = sqlite_connect(s->path, &s->reader, err)) < 0 || (r = sqlite_writer_prepare(s, err)) < 0)
                return r;
        r = pthread_create(&s->writer_thread, NULL, sqlite_writer_main, s);
        if (r != 0)
                return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not start the writer thread: %s", strerror(r));
        r = pthread_create(&s->reader_thread, NULL, sqlite_reader_main, s);
        if (r != 0) {
                pthread_mutex_lock(&s->lock);
                s->stopping = true;
                pthread_cond_signal(&s->writer_cond);
                pthread_mutex_unlock(&s->lock);
                pthread_join(s->writer_thread, NULL);
                return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not start the history thread: %s", strerror(r));
        }
        s->threads = true;
        return 0;
}

int store_open_sqlite(const char *dir, struct store **ret, struct dr_error *err) { return store_open_sqlite_file(dir, NULL, ret, err); }

int store_open_sqlite_file(const char *dir, const char *file, struct store **ret, struct dr_error *err) {
        struct sqlite_store *s = dr_xnew(struct sqlite_store);
        s->store.ops = &ops;
        s->lock_fd = -1;
        s->generation = 1;
        s->dir = dr_xstrdup(dir);
        s->path = file ? dr_xstrdup(file) : dr_xasprintf("%s/drover.db", dir);
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->writer_cond, NULL);
        pthread_cond_init(&s->reader_cond, NULL);
        pthread_cond_init(&s->idle_cond, NULL);
        int r = open_all(s, err);
        if (r < 0) {
                sq_close(&s->store);
                return r;
        }
        *ret = &s->store;
        return 0;
}
