/* sqlite-internal.h: the SQLite store's inside, shared by its files and its tests.
 *
 * Three threads, one connection each: the owner's (loading, backup), the writer's (batches, trimming, checkpoints), the history
 * reader's. What they share is struct sqlite_store, under its lock; statements and connections belong to one thread. */
#pragma once
#include <pthread.h>
#include <sqlite3.h>

#include "store.h"

enum { SQLITE_APPLICATION_ID = 0x64727672 /* "drvr" */, CHECKPOINT_PAGES = 1000, TRIM_ROWS = 2000, BUSY_TIMEOUT_MS = 2000 };

struct trim { const char *table; int64_t before_ms; uint64_t max_rows; struct trim *next; };

struct job {                            /* for the writer */
        struct store_batch *batch;
        uint64_t generation;            /* of store_recover() calls before it */
        struct job *next;
        enum store_result result;       /* written by the writer */
        char *message;
};

struct history_row { int64_t id, account_id; size_t len; char *body; };
struct history_job {                    /* for the reader */
        struct store_history_query q;
        store_row_fn *fn;
        void (*done)(void *arg, int result, const char *message);
        void *arg;
        uint64_t after_jobs;            /* reads only when the writer has finished that many */
        VEC(struct history_row) rows;
        int result;
        char *message;
        struct history_job *next;
};

/* Singly linked, first in first out. tail is meaningful only when head is not NULL. */
#define QUEUE(type) struct { type *head, *tail; }
#define queue_push(q, item) do {                                                                \
        __auto_type queue_ = (q);                                                               \
        __auto_type item_ = (item);                                                             \
        item_->next = NULL;                                                                     \
        if (queue_->head)                                                                       \
                queue_->tail->next = item_;                                                     \
        else                                                                                    \
                queue_->head = item_;                                                           \
        queue_->tail = item_;                                                                   \
} while (0)
#define queue_pop(q) ({                                                                         \
        __auto_type queue_ = (q);                                                               \
        __auto_type first_ = queue_->head;                                                      \
        if (first_)                                                                             \
                queue_->head = first_->next;                                                    \
        first_;                                                                                 \
})

enum statement { ST_BEGIN, ST_COMMIT, ST_ROLLBACK, ST_EPOCH, ST_PUT, ST_DELETE, ST_HISTORY, ST_BLOB_PUT, ST_BLOB_DELETE, ST_META_PUT,
                 ST_TRIM, ST_TRIM_AT, ST_MAX };

struct sqlite_store {
        struct store store;
        char *dir, *path;
        int lock_fd;
        sqlite3 *owner;

        sqlite3 *writer;
        sqlite3_stmt *st[ST_MAX];       /* writer's */
        int wal_pages;                  /* writer's: size of the WAL after the last commit */

        sqlite3 *reader;

        pthread_t writer_thread, reader_thread;
        bool threads;                   /* both run */
        pthread_mutex_t lock;           /* guards everything below */
        pthread_cond_t writer_cond, reader_cond, idle_cond;
        QUEUE(struct job) jobs, answers;
        QUEUE(struct trim) trims;
        QUEUE(struct history_job) reads, read_answers;
        uint64_t submitted, finished;   /* batches */
        uint64_t reads_asked, reads_done;
        uint64_t generation, failed_generation;         /* batches of a generation <= failed_generation fail untouched */
        bool fatal, stopping;
        char *fatal_message;
        struct store_stats stats;
};

/* One step of the schema: brings a database from version - 1 to version, in one transaction. */
struct migration { int version; const char *sql; };
extern const struct migration sqlite_migrations[];
extern const size_t sqlite_migrations_n;

/* Applies what is missing. A database newer than the last step is -EINVAL (InvalidFormat); a failing step leaves the version before it. */
int sqlite_migrate(sqlite3 *db, const char *path, const struct migration *steps, size_t n, struct dr_error *err);
/* Takes dir for this process until *ret_fd is closed: flock() on DIR/lock. -EBUSY: another process has it. */
int sqlite_lock_dir(const char *dir, int *ret_fd, struct dr_error *err);
int sqlite_connect(const char *path, sqlite3 **ret, struct dr_error *err);
/* True when what was promised to be on disk may not be: a failed fsync, a damaged file. */
bool sqlite_code_is_fatal(int extended_code);
/* "could not write: disk is full (SQLITE 13)"; caller frees. */
char *sqlite_message(sqlite3 *db, const char *what);

int sqlite_writer_prepare(struct sqlite_store *s, struct dr_error *err);
void *sqlite_writer_main(void *arg);
void *sqlite_reader_main(void *arg);
void history_job_free(struct history_job *h);
