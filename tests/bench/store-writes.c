/* store-writes: durable rows per second of the SQLite store, and of an etcd on the same disk in the same run, taking turns.
 *
 * What is compared: rows of 400 bytes, synced before they count, each commit waited for before the next. The store by its calls (the
 * server commits all changes of a turn in one batch, so that many clients' changes share a sync: batches of 64 stand for that);
 * etcd with its defaults over its JSON gateway on loopback, as one client, with transactions, and as 64 clients (it groups their
 * syncs itself). */
#include "etcd.h"
#include "figure.h"

#include "base/base.h"
#include "store/store.h"

#include <semaphore.h>
#include <sys/wait.h>
#include <stdio.h>
#include <unistd.h>

enum { ROW_BYTES = 400, ROUNDS = 5 };
static const double round_s = 0.5;

struct writing { struct store *store; uint64_t seq, id, stored; bool failed; sem_t woken; };

static void on_wake(void *arg) { sem_post(&((struct writing *) arg)->woken); }

static void on_stored(void *arg, uint64_t seq, enum store_result r, const char *message) {
        struct writing *w = arg;
        if (r != STORE_OK) {
                fprintf(stderr, "store-writes: %s\n", message);
                w->failed = true;
        }
        w->stored = seq;
}

static double store_rows(struct writing *w, const char *row, unsigned rows) {
        double start = figure_seconds(), now = start;
        uint64_t first = w->seq;
        while (!w->failed && now - start < round_s) {
                struct store_batch *b = store_batch_new(++w->seq);
                for (unsigned i = 0; i < rows; i++) {
                        char *body = dr_xmalloc(ROW_BYTES + 1);
                        memcpy(body, row, ROW_BYTES + 1);
                        store_batch_add(b, STORE_PUT, "instance", (int64_t) ++w->id, 5, 0, body, ROW_BYTES);
                }
                w->store->ops->submit(w->store, b);
                while (!w->failed && w->stored < w->seq) {
                        while (sem_wait(&w->woken) < 0)
                                ;
                        w->store->ops->poll(w->store, on_stored, w);
                }
                now = figure_seconds();
        }
        return w->failed ? -1 : (double) ((w->seq - first) * rows) / (now - start);
}

static int by_value(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;
        return (x > y) - (x < y);
}

static const struct { const char *name, *etcd_name; unsigned rows, etcd_rows, etcd_clients; } cases[] = {
        { "durable rows per second, 1 row a commit", "  etcd, one client, a put at a time", 1, 1, 1 },
        { "durable rows per second, 64 rows a commit", "  etcd, one client, transactions of 64 puts", 64, 64, 1 },
        { "durable rows per second, 64 rows a commit, again", "  etcd, 64 clients, a put at a time each", 64, 1, 64 },
};

static bool run(struct writing *w, struct etcd *e, const char *row) {
        static double ours[ARRAY_LEN(cases)][ROUNDS], theirs[ARRAY_LEN(cases)][ROUNDS];
        for (int r = 0; r < ROUNDS; r++)
                for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
                        ours[k][r] = store_rows(w, row, cases[k].rows);
                        theirs[k][r] = e ? etcd_puts(e, row, ROW_BYTES, cases[k].etcd_rows, cases[k].etcd_clients, round_s) : 0;
                        if (ours[k][r] < 0 || theirs[k][r] < 0)
                                return false;
                }
        for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
                qsort(ours[k], ROUNDS, sizeof **ours, by_value);
                qsort(theirs[k], ROUNDS, sizeof **theirs, by_value);
                figure(cases[k].name, ours[k][ROUNDS / 2], "rows/s", 0, true);
                if (!e)
                        continue;
                figure(cases[k].etcd_name, theirs[k][ROUNDS / 2], "rows/s", 0, true);
                figure_note("  drover %.2f times etcd; rounds from %.0f to %.0f and from %.0f to %.0f", ours[k][ROUNDS / 2] / theirs[k][ROUNDS / 2],
                            ours[k][0], ours[k][ROUNDS - 1], theirs[k][0], theirs[k][ROUNDS - 1]);
        }
        return true;
}

static void remove_tree(const char *dir) {
        pid_t pid = fork();
        if (pid == 0) {
                execl("/bin/rm", "rm", "-rf", "--one-file-system", dir, NULL);
                _exit(127);
        }
        if (pid > 0)
                (void) waitpid(pid, NULL, 0);
}

int main(void) {
        char dir[] = "/var/tmp/drover-bench-XXXXXX", row[ROW_BYTES + 1];
        struct dr_error err;
        struct writing w = { .seq = 0 };
        if (!mkdtemp(dir))
                return 1;
        memset(row, 'x', ROW_BYTES);
        memcpy(row, "{\"k\":\"", 6);
        memcpy(row + ROW_BYTES - 2, "\"}", 3);
        sem_init(&w.woken, 0, 0);
        if (store_open_sqlite(dir, &w.store, &err) < 0) {
                fprintf(stderr, "store-writes: %s\n", err.message);
                remove_tree(dir);
                return 1;
        }
        w.store->wake = on_wake;
        w.store->wake_arg = &w;
        struct etcd *e = NULL;
        int r = etcd_start(dir, &e);
        printf("store-writes: rows of %d bytes, synced; median of %d rounds of %.1f s, taking turns\n", ROW_BYTES, ROUNDS, round_s);
        if (r < 0)
                figure_note("etcd %s: nothing to compare with", r == -ENOENT ? "is not installed" : "did not start");
        bool ok = run(&w, e, row);
        etcd_stop(e);
        w.store->ops->close(w.store);
        remove_tree(dir);
        return ok ? 0 : 1;
}
