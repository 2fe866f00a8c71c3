/* The reader thread: history pages. Rows are copied here and handed out by poll() on the owner's thread. */
#include "sqlite-internal.h"

void history_job_free(struct history_job *h) {
        for (size_t i = 0; i < h->rows.n; i++)
                free(h->rows.v[i].body);
        vec_done(&h->rows);
        free(h->message);
        free(h);
}

/* Each form of a query has its own text, so that each uses its index; the condition on the id is always there (keyset). */
static char *query_text(const struct store_history_query *q) {
        return dr_xasprintf("SELECT id, account_id, body FROM history WHERE tbl = ?1%s%s%s ORDER BY id %s LIMIT ?5",
                            q->account_id ? " AND account_id = ?2" : "",
                            q->id ? " AND id = ?3" : "",
                            !q->after_id ? "" : q->descending ? " AND id < ?4" : " AND id > ?4",
                            q->descending ? "DESC" : "ASC");
}

static void read_rows(struct sqlite_store *s, struct history_job *h) {
        const struct store_history_query *q = &h->q;
        auto_free char *sql = query_text(q);
        sqlite3_stmt *st = NULL;
        int r = sqlite3_prepare_v2(s->reader, sql, -1, &st, NULL);
        if (r == SQLITE_OK) {
                (void) sqlite3_bind_text(st, 1, q->table, -1, SQLITE_STATIC);
                if (q->account_id)
                        (void) sqlite3_bind_int64(st, 2, q->account_id);
                if (q->id)
                        (void) sqlite3_bind_int64(st, 3, q->id);
                if (q->after_id)
                        (void) sqlite3_bind_int64(st, 4, q->after_id);
                (void) sqlite3_bind_int64(st, 5, q->limit);
                while ((r = sqlite3_step(st)) == SQLITE_ROW) {
                        const char *body = str_or((const char *) sqlite3_column_text(st, 2), "");
                        size_t len = (size_t) sqlite3_column_bytes(st, 2);
                        vec_push(&h->rows, ((struct history_row) {
                                sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), len, dr_xstrndup(body, len) }));
                }
        }
        if (r != SQLITE_DONE) {
                h->message = sqlite_message(s->reader, "read history");
                h->result = -EIO;
        }
        (void) sqlite3_finalize(st);
}

void *sqlite_reader_main(void *arg) {
        struct sqlite_store *s = arg;
        pthread_mutex_lock(&s->lock);
        while (!s->stopping) {
                if (!s->reads.head || s->reads.head->after_jobs > s->finished) {
                        pthread_cond_wait(&s->reader_cond, &s->lock);
                        continue;
                }
                struct history_job *h = queue_pop(&s->reads);
                pthread_mutex_unlock(&s->lock);
                read_rows(s, h);
                pthread_mutex_lock(&s->lock);
                queue_push(&s->read_answers, h);
                s->reads_done++;
                pthread_cond_broadcast(&s->idle_cond);
                if (s->store.wake) {
                        pthread_mutex_unlock(&s->lock);
                        s->store.wake(s->store.wake_arg);
                        pthread_mutex_lock(&s->lock);
                }
        }
        pthread_mutex_unlock(&s->lock);
        return NULL;
}
