/* The writer thread: batches in order, each one transaction that checks the epoch; between them trimming and checkpoints. */
#include "sqlite-internal.h"

#include "base/log.h"
#include "base/times.h"
#include "base/parse.h"

static const char *const statements[ST_MAX] = {
        [ST_BEGIN]       = "BEGIN IMMEDIATE",
        [ST_COMMIT]      = "COMMIT",
        [ST_ROLLBACK]    = "ROLLBACK",
        [ST_EPOCH]       = "SELECT value FROM meta WHERE key = 'epoch'",
        [ST_PUT]         = "INSERT INTO resource (tbl, id, body) VALUES (?1, ?2, ?5) ON CONFLICT (tbl, id) DO UPDATE SET body = excluded.body",
        [ST_DELETE]      = "DELETE FROM resource WHERE tbl = ?1 AND id = ?2",
        [ST_HISTORY]     = "INSERT OR REPLACE INTO history (tbl, id, account_id, at_ms, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        [ST_BLOB_PUT]    = "INSERT OR REPLACE INTO blob (id, body) VALUES (?2, ?5)",
        [ST_BLOB_DELETE] = "DELETE FROM blob WHERE id = ?2",
        [ST_META_PUT]    = "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?5)",
        /* Up to TRIM_ROWS of the oldest, never the newest row of the table. */
        [ST_TRIM]        = "DELETE FROM history WHERE tbl = ?1 AND id IN (SELECT id FROM history INDEXED BY history_by_time"
                           " WHERE tbl = ?1 AND at_ms < ?2 AND id < (SELECT max(id) FROM history WHERE tbl = ?1) ORDER BY at_ms LIMIT ?3)",
        [ST_TRIM_AT]     = "DELETE FROM history WHERE tbl = ?1 AND id IN (SELECT id FROM history WHERE tbl = ?1 AND id <="
                           " (SELECT id FROM history WHERE tbl = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2) ORDER BY id LIMIT ?3)",
};
static const enum statement statement_of[] = {
        [STORE_PUT] = ST_PUT, [STORE_DELETE] = ST_DELETE, [STORE_HISTORY] = ST_HISTORY,
        [STORE_BLOB_PUT] = ST_BLOB_PUT, [STORE_BLOB_DELETE] = ST_BLOB_DELETE, [STORE_META_PUT] = ST_META_PUT,
};

static int wal_hook(void *arg, sqlite3 *db, const char *name, int pages) {
        ((struct sqlite_store *) arg)->wal_pages = pages;
        return SQLITE_OK;
}

int sqlite_writer_prepare(struct sqlite_store *s, struct dr_error *err) {
        for (size_t i = 0; i < ST_MAX; i++)
                if (sqlite3_prepare_v3(s->writer, statements[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL) != SQLITE_OK) {
                        auto_free char *message = sqlite_message(s->writer, "prepare a statement");
                        return dr_fail(err, DR_E_STORE_FAILED, NULL, "database \"%s\": %s", s->path, message);
                }
        sqlite3_wal_hook(s->writer, wal_hook, s);
        return 0;
}

/* Runs a prepared statement that gives no rows. */
static int run(struct sqlite_store *s, enum statement which) {
        int r = sqlite3_step(s->st[which]);
        (void) sqlite3_reset(s->st[which]);
        return r == SQLITE_DONE ? SQLITE_OK : r;
}

/* Binds NULL-terminated text or nothing; parameters that a statement does not have are left out. */
static void bind_op(sqlite3_stmt *st, const struct store_op *op) {
        int n = sqlite3_bind_parameter_count(st);
        if (n >= 1 && op->table)
                (void) sqlite3_bind_text(st, 1, op->table, -1, SQLITE_STATIC);
        if (n >= 2)
                (void) sqlite3_bind_int64(st, 2, op->id);
        if (n >= 3)
                (void) sqlite3_bind_int64(st, 3, op->account_id);
        if (n >= 4)
                (void) sqlite3_bind_int64(st, 4, op->at_ms);
        if (n >= 5)
                (void) sqlite3_bind_text64(st, 5, str_or(op->body, ""), op->body_len, SQLITE_STATIC, SQLITE_UTF8);
}

/* SQLITE_OK when the epoch is ours, SQLITE_ABORT when another server raised it, else an error. */
static int check_epoch(struct sqlite_store *s) {
        sqlite3_stmt *st = s->st[ST_EPOCH];
        uint64_t epoch = 0;
        int r = sqlite3_step(st);
        if (r == SQLITE_ROW)
                r = parse_u64(str_or((const char *) sqlite3_column_text(st, 0), ""), UINT64_MAX, &epoch) == 0 && epoch == s->store.epoch
                        ? SQLITE_OK : SQLITE_ABORT;
        else if (r == SQLITE_DONE)
                r = SQLITE_ABORT;
        (void) sqlite3_reset(st);
        return r;
}

static enum store_result commit(struct sqlite_store *s, const struct store_batch *b, char **ret_message) {
        const char *what = "begin a transaction";
        int r = run(s, ST_BEGIN);
        if (r == SQLITE_OK) {
                what = "read the epoch";
                r = check_epoch(s);
        }
        for (size_t i = 0; r == SQLITE_OK && i < b->ops.n; i++) {
                const struct store_op *op = &b->ops.v[i];
                enum statement which = statement_of[op->kind];
                what = "write";
                bind_op(s->st[which], op);
                r = run(s, which);
                (void) sqlite3_clear_bindings(s->st[which]);
        }
        if (r == SQLITE_OK) {
                what = "commit";
                r = run(s, ST_COMMIT);
        }
        if (r == SQLITE_OK)
                return STORE_OK;
        if (r == SQLITE_ABORT)
                *ret_message = dr_xstrdup("another server has taken over the data");
        else
                *ret_message = sqlite_message(s->writer, what);
        bool fatal = r == SQLITE_ABORT || sqlite_code_is_fatal(sqlite3_extended_errcode(s->writer)) || sqlite_code_is_fatal(r);
        if (!sqlite3_get_autocommit(s->writer)) {
                r = run(s, ST_ROLLBACK);
                /* SQLite may already have rolled back by itself: only a transaction that stays open is trouble. */
                if (r != SQLITE_OK && !sqlite3_get_autocommit(s->writer))
                        fatal = true;
        }
        return fatal ? STORE_FATAL : STORE_FAILED;
}

/* With the lock held. */
static void set_fatal(struct sqlite_store *s, const char *message) {
        if (s->fatal)
                return;
        s->fatal = true;
        s->fatal_message = dr_xstrdup(message);
        log_error("store is lost", "reason", message, NULL);
}

/* Copies the WAL back into the database once it is long enough. A failed fsync here is as fatal as one in a commit. */
static void checkpoint(struct sqlite_store *s) {
        if (s->wal_pages < CHECKPOINT_PAGES)
                return;
        int r = sqlite3_wal_checkpoint_v2(s->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        if (r == SQLITE_OK || r == SQLITE_BUSY) {
                s->wal_pages = 0;       /* the hook tells the size again after the next commit */
                return;
        }
        auto_free char *message = sqlite_message(s->writer, "checkpoint");
        if (!sqlite_code_is_fatal(r)) {
                log_warning("checkpoint put off", "reason", message, NULL);
                return;
        }
        pthread_mutex_lock(&s->lock);
        set_fatal(s, message);
        pthread_mutex_unlock(&s->lock);
}

/* One bite of a trim; true when there may be more. */
static bool trim(struct sqlite_store *s, const struct trim *t) {
        int64_t changed = 0;
        int r = run(s, ST_BEGIN);
        if (r == SQLITE_OK)
                r = check_epoch(s);
        for (int i = 0; i < 2 && r == SQLITE_OK; i++) {
                if (i == 1 && !t->max_rows)
                        break;
                sqlite3_stmt *st = s->st[i == 0 ? ST_TRIM : ST_TRIM_AT];
                (void) sqlite3_bind_text(st, 1, t->table, -1, SQLITE_STATIC);
                (void) sqlite3_bind_int64(st, 2, i == 0 ? t->before_ms : (int64_t) MIN(t->max_rows, (uint64_t) INT64_MAX));
                (void) sqlite3_bind_int64(st, 3, TRIM_ROWS);
                r = run(s, i == 0 ? ST_TRIM : ST_TRIM_AT);
                if (r == SQLITE_OK)
                        changed = MAX(changed, (int64_t) sqlite3_changes64(s->writer));
        }
        if (r == SQLITE_OK)
                r = run(s, ST_COMMIT);
        if (r != SQLITE_OK) {
                auto_free char *message = r == SQLITE_ABORT ? dr_xstrdup("another server has taken over the data")
                                                            : sqlite_message(s->writer, "trim history");
                log_warning("history not trimmed", "table", t->table, "reason", message, NULL);
                if (sqlite_code_is_fatal(r)) {
                        pthread_mutex_lock(&s->lock);
                        set_fatal(s, message);
                        pthread_mutex_unlock(&s->lock);
                }
                if (!sqlite3_get_autocommit(s->writer))
                        (void) run(s, ST_ROLLBACK);
                return false;
        }
        return changed == TRIM_ROWS;
}

static void count_time(struct store_stats *stats, uint64_t us) {
        size_t i = 0;
        while (i < STORE_COMMIT_BOUNDS && (double) us > store_commit_bounds_s[i] * 1e6)
                i++;
        stats->commit_n[i]++;
        stats->commit_us += us;
}

static void finish(struct sqlite_store *s, struct job *j) {
        s->finished++;
        if (j->result == STORE_OK) {
                s->stats.commits++;
                s->stats.rows += j->batch->ops.n;
                for (size_t i = 0; i < j->batch->ops.n; i++)
                        s->stats.bytes += j->batch->ops.v[i].body_len;
        } else {
                s->stats.failed++;
                s->failed_generation = MAX(s->failed_generation, j->generation);
                if (j->result == STORE_FATAL)
                        set_fatal(s, str_or(j->message, "unknown"));
        }
        queue_push(&s->answers, j);
}

void *sqlite_writer_main(void *arg) {
        struct sqlite_store *s = arg;
        pthread_mutex_lock(&s->lock);
        for (;;) {
                struct job *j = queue_pop(&s->jobs);
                struct trim *t = j || s->fatal || s->stopping ? NULL : queue_pop(&s->trims);
                if (!j && !t) {
                        if (s->stopping)
                                break;
                        pthread_cond_wait(&s->writer_cond, &s->lock);
                        continue;
                }
                if (t) {
                        pthread_mutex_unlock(&s->lock);
                        bool more = trim(s, t);
                        checkpoint(s);
                        pthread_mutex_lock(&s->lock);
                        if (more)
                                queue_push(&s->trims, t);
                        else
                                free(t);
                        continue;
                }
                if (s->fatal) {
                        j->result = STORE_FATAL;
                        j->message = dr_xstrdup(s->fatal_message);
                } else if (j->generation <= s->failed_generation) {
                        j->result = STORE_FAILED;
                        j->message = dr_xstrdup("an earlier batch failed");
                } else {
                        pthread_mutex_unlock(&s->lock);
                        uint64_t began_us = time_mono_us();
                        j->result = commit(s, j->batch, &j->message);
                        uint64_t took_us = time_mono_us() - began_us;
                        pthread_mutex_lock(&s->lock);
                        count_time(&s->stats, took_us);
                }
                finish(s, j);
                pthread_cond_signal(&s->reader_cond);
                pthread_cond_broadcast(&s->idle_cond);
                bool written = j->result == STORE_OK;
                pthread_mutex_unlock(&s->lock);
                if (s->store.wake)
                        s->store.wake(s->store.wake_arg);
                if (written)
                        checkpoint(s);
                pthread_mutex_lock(&s->lock);
        }
        pthread_mutex_unlock(&s->lock);
        return NULL;
}
