/* store.h: where records outlive the process. One interface; SQLite behind it (sqlite.c), memory for simulation (mem.c),
 * PostgreSQL later. Nothing here assumes SQLite.
 *
 * Writes are batches: each is one transaction, committed in the order submitted, on the store's own writer thread. The caller
 * learns of the end through store_poll() on its own thread. After a batch failed, every later one submitted before
 * store_recover() fails too, untouched: the caller rolls back all of them and starts again. A failed fsync or a lost epoch is
 * STORE_FATAL: the process must exit and resume from what is stored.
 *
 * Every commit checks the leadership epoch in the same transaction: store_open() raises it, so a second server on the same data
 * makes the first one's next commit fail with STORE_FATAL (with SQLite the folder is locked as well: a second open fails with -EBUSY).
 *
 * Rows: live records (table, id, body), history (removed records, finished processes, audit, service log: append-only, read with
 * keyset paging), blobs (long texts shared by records), and meta (key, value). Bodies are JSON text, opaque here. */
#pragma once
#include "base/base.h"
#include "base/vec.h"

enum store_op_kind { STORE_PUT, STORE_DELETE, STORE_HISTORY, STORE_BLOB_PUT, STORE_BLOB_DELETE, STORE_META_PUT };

struct store_op {
        enum store_op_kind kind;
        const char *table;              /* static storage: "instance", "processInstance"; meta: the key, copied by the batch */
        int64_t id;
        int64_t account_id;             /* history: filter; 0 none */
        int64_t at_ms;                  /* history: wall clock of the end, for retention */
        char *body;                     /* owned; NULL for deletes */
        size_t body_len;
};

struct store_batch {
        uint64_t seq;                   /* caller's number, rising */
        VEC(struct store_op) ops;
};
struct store_batch *store_batch_new(uint64_t seq);
void store_batch_free(struct store_batch *b);           /* NULL is fine */
void store_batch_add(struct store_batch *b, enum store_op_kind kind, const char *table, int64_t id, int64_t account_id,
                     int64_t at_ms, char *body /* taken, malloc */, size_t body_len);

enum store_result { STORE_OK = 0, STORE_FAILED = -1, STORE_FATAL = -2 };

/* commit_n[i]: commits that took at most store_commit_bounds_s[i] seconds (and more than the one before); the last: all longer ones. */
enum { STORE_COMMIT_BOUNDS = 13 };
extern const double store_commit_bounds_s[STORE_COMMIT_BOUNDS];
struct store_stats { uint64_t commits, failed, rows, bytes, commit_us, commit_n[STORE_COMMIT_BOUNDS + 1]; };

enum { STORE_HISTORY_LIMIT_MAX = 3000 };
struct store_history_query {
        const char *table;              /* static storage */
        int64_t account_id;             /* 0: any */
        int64_t id;                     /* exact id, or 0 */
        int64_t after_id;               /* keyset: ids above this one (ascending) or, with descending, below it; 0: from the end */
        bool descending;
        unsigned limit;                 /* 1 to 3000 */
};
/* Called once per row in order. Table and bytes are borrowed; body[len] is 0. */
typedef void store_row_fn(void *arg, const char *table, int64_t id, int64_t account_id, const char *body, size_t len);

struct store;
struct store_ops {
        /* All called on the owner's thread. load: meta first, then blobs, then live records, each by table and id; callbacks may be
         * NULL. To be called before the first submit. */
        int (*load)(struct store *s, store_row_fn *live, store_row_fn *blob, void (*meta)(void *arg, const char *key, const char *value),
                    void *arg, struct dr_error *err);
        void (*submit)(struct store *s, struct store_batch *b);                 /* takes b */
        /* Delivers finished batches in order: fn(arg, seq, result, message). Never blocks. */
        void (*poll)(struct store *s, void (*fn)(void *arg, uint64_t seq, enum store_result r, const char *message), void *arg);
        void (*wait)(struct store *s);                                          /* blocks until nothing is in flight: poll has all */
        void (*recover)(struct store *s);                                       /* after a failure was handled */
        /* Runs off the owner's thread and sees every batch submitted before; fn and then done are called from poll() on the owner's
         * thread. done's result: 0, -EIO with a message, or -ECANCELED from close(). */
        void (*history)(struct store *s, const struct store_history_query *q, store_row_fn *fn,
                        void (*done)(void *arg, int result, const char *message), void *arg);
        int64_t (*history_max_id)(struct store *s, const char *table);          /* at load: highest id ever in history; 0 none */
        /* Deletes history of a table older than before_ms, or beyond the max_rows newest rows (0: no cap), but never the newest row:
         * history_max_id() must not go back. Asynchronous, best effort. */
        void (*history_trim)(struct store *s, const char *table, int64_t before_ms, uint64_t max_rows);
        int (*backup)(struct store *s, const char *path, struct dr_error *err); /* online copy; -ENOSYS where there is none */
        struct store_stats (*stats)(const struct store *s);
        void (*close)(struct store *s);         /* commits what is in flight, then frees s; answers not yet polled are dropped */
};
struct store {
        const struct store_ops *ops;
        uint64_t epoch;                 /* of this opening: rises with each open, never 0 */
        void (*wake)(void *arg);        /* any thread: poll() has something; may be NULL; set before the first call of an op */
        void *wake_arg;
};

/* dir must exist. Creates or migrates dir/drover.db. -EBUSY: another process has it (message names the pid when known);
 * -EINVAL DR_E_INVALID_FORMAT: the file is not ours or newer than this program. */
int store_open_sqlite(const char *dir, struct store **ret, struct dr_error *err);
/* The same with the database elsewhere than dir/drover.db; the lock stays in dir. file NULL: there. */
int store_open_sqlite_file(const char *dir, const char *file, struct store **ret, struct dr_error *err);

/* Memory only, synchronous until poll; survives close when `disk` outlives it: what a simulation reopens. */
struct mem_disk;
struct mem_disk *mem_disk_new(void);
void mem_disk_free(struct mem_disk *d);
struct store *store_open_mem(struct mem_disk *disk);
/* Calls wake from inside submit(). Faults: the n-th commit from now (1 = next) fails with this result; with kill, it and all later ones neither happen nor answer
 * (the process is thought dead: reopen the disk), after = true: the commit happens but its answer is lost. n = 0 clears. */
void mem_store_fault(struct store *s, uint64_t n, enum store_result result, bool kill, bool after);
uint64_t mem_disk_commits(const struct mem_disk *d);    /* commits that reached the disk so far */
