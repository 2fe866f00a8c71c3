/* What only the SQLite store has: its folder, its schema, its file system's failures, other processes. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/rng.h"
#include "store-fixture.h"
#include "store/sqlite-internal.h"

static void raw(const char *dir, const char *sql) {
        auto_free char *path = dr_xasprintf("%s/drover.db", dir);
        sqlite3 *db = NULL;
        CHECK_INT(sqlite3_open(path, &db), ==, SQLITE_OK);
        CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
        sqlite3_close(db);
}

TEST(a_second_open_of_the_folder_is_refused_and_names_the_process) {
        struct fix f = fix_new(KIND_SQLITE);
        struct store *other = NULL;
        struct dr_error err = { 0 };
        CHECK_INT(store_open_sqlite(f.dir, &other, &err), ==, -EBUSY);
        CHECK(other == NULL);
        auto_free char *expected = dr_xasprintf("data folder \"%s\" is in use by process %ld", f.dir, (long) getpid());
        CHECK_STR(err.message, ==, expected);
        fix_reopen(&f);                 /* the refused open has not taken the lock away */
        fix_done(&f);
}

TEST(a_commit_after_another_server_raised_the_epoch_is_fatal) {
        struct fix f = fix_new(KIND_SQLITE);
        submit_put(&f, 1, "instance", 1, "mine");
        fix_poll(&f);
        raw(f.dir, "UPDATE meta SET value = value + 1 WHERE key = 'epoch'");
        submit_put(&f, 2, "instance", 1, "too late");
        submit_put(&f, 3, "instance", 2, "too late");
        fix_poll(&f);
        CHECK_INT(f.results.v[1], ==, STORE_FATAL);
        CHECK_INT(f.results.v[2], ==, STORE_FATAL);
        CHECK_STR(f.message, ==, "another server has taken over the data");
        fix_reopen(&f);
        auto_free char *text = dump(&f);
        CHECK_STR(text, ==, "instance 1 mine\n");
        fix_done(&f);
}

static void refused(const char *dir, int expected, const char *message) {
        struct store *s = NULL;
        struct dr_error err = { 0 };
        CHECK_INT(store_open_sqlite(dir, &s, &err), ==, expected);
        if (!strstr(err.message, message)) {
                print_error("\"%s\" is not in \"%s\"\n", message, err.message);
                fail();
        }
}

TEST(a_database_newer_than_the_program_is_refused_untouched) {
        struct fix f = fix_new(KIND_SQLITE);
        fix_close(&f);
        raw(f.dir, "UPDATE meta SET value = '99' WHERE key = 'schema_version'");
        refused(f.dir, -EINVAL, "has schema version 99, this program knows up to 1: it was written by a newer drover-server");
        raw(f.dir, "UPDATE meta SET value = '1' WHERE key = 'schema_version'");
        fix_open(&f);
        CHECK_INT(f.store->epoch, ==, 2);       /* the refused open has not raised it */
        fix_done(&f);
}

TEST(files_that_are_not_drovers_are_refused) {
        AUTO(remove_dir) char *dir = make_dir();
        auto_free char *path = dr_xasprintf("%s/drover.db", dir);
        FILE *file = fopen(path, "w");
        CHECK(file);
        for (int i = 0; i < 200; i++)
                fputs("this is a letter, not a database\n", file);
        fclose(file);
        refused(dir, -EINVAL, "file is not a database");
        CHECK_INT(unlink(path), ==, 0);
        raw(dir, "CREATE TABLE people (name TEXT)");
        refused(dir, -EINVAL, "but not one of drover's");
        refused("/nonexistent", -EIO, "could not open \"/nonexistent/lock\": No such file or directory");
}

TEST(migrations_run_in_order_and_a_failing_one_leaves_the_version_before) {
        AUTO(remove_dir) char *dir = make_dir();
        auto_free char *path = dr_xasprintf("%s/x.db", dir);
        sqlite3 *db = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(sqlite_connect(path, &db, &err), &err);
        struct migration steps[] = {
                { 1, "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT); CREATE TABLE a (x)" },
                { 2, "ALTER TABLE a ADD COLUMN y; INSERT INTO a (x, y) VALUES (1, 2)" },
                { 3, "CREATE TABLE b (x); INSERT INTO absent VALUES (1)" },
        };
        CHECK_OK(sqlite_migrate(db, path, steps, 1, &err), &err);
        CHECK_INT(sqlite_migrate(db, path, steps, 3, &err), ==, -EIO);
        if (!strstr(err.message, "could not bring the schema to version 3: no such table: absent")) {
                print_error("%s\n", err.message);
                fail();
        }
        CHECK_INT(sqlite3_exec(db, "SELECT y FROM a", NULL, NULL, NULL), ==, SQLITE_OK);
        CHECK_INT(sqlite3_exec(db, "SELECT x FROM b", NULL, NULL, NULL), ==, SQLITE_ERROR);
        steps[2].sql = "CREATE TABLE b (x)";
        CHECK_OK(sqlite_migrate(db, path, steps, 3, &err), &err);
        CHECK_OK(sqlite_migrate(db, path, steps, 3, &err), &err);
        CHECK_INT(sqlite3_exec(db, "SELECT x FROM b", NULL, NULL, NULL), ==, SQLITE_OK);
        CHECK_INT(sqlite_migrate(db, path, steps, 2, &err), ==, -EINVAL);
        sqlite3_close(db);
}

TEST(a_backup_is_a_database_that_opens_and_holds_what_was_committed) {
        struct fix f = fix_new(KIND_SQLITE);
        submit_put(&f, 1, "instance", 1, "x");
        fix_poll(&f);
        AUTO(remove_dir) char *dir = make_dir();
        auto_free char *path = dr_xasprintf("%s/drover.db", dir);
        struct dr_error err = { 0 };
        CHECK_OK(f.store->ops->backup(f.store, path, &err), &err);
        submit_put(&f, 2, "instance", 2, "later");
        fix_poll(&f);
        CHECK_OK(f.store->ops->backup(f.store, path, &err), &err);      /* over the first */
        struct fix copy = { .kind = KIND_SQLITE, .dir = dir };
        fix_open(&copy);
        auto_free char *text = dump(&copy);
        CHECK_STR(text, ==, "instance 1 x\ninstance 2 later\n");
        fix_close(&copy);
        CHECK_INT(f.store->ops->backup(f.store, "/nonexistent/b.db", &err), ==, -EIO);
        fix_done(&f);
}

/* ---- failures of the file system ---- */
enum { BATCH_ROWS = 8, SWEEP_BATCHES = 3 };
static struct store_batch *wide_batch(uint64_t seq) {
        struct store_batch *b = store_batch_new(seq);
        char body[1500];
        memset(body, 'a' + (int) (seq % 26), sizeof body - 1);
        body[sizeof body - 1] = '\0';
        for (int64_t i = 0; i < BATCH_ROWS; i++)
                add(b, STORE_PUT, "instance", (int64_t) seq * 100 + i, body);
        add_history(b, "audit", (int64_t) seq, 1, 1, body);
        return b;
}

struct count { int64_t rows[64]; };
static void count_row(void *arg, const char *table, int64_t id, int64_t account, const char *body, size_t len) {
        ((struct count *) arg)->rows[id / 100]++;
}
static struct count count_rows(struct fix *f) {
        struct count c = { 0 };
        struct dr_error err = { 0 };
        CHECK_OK(f->store->ops->load(f->store, count_row, NULL, NULL, &c, &err), &err);
        return c;
}

/* A few batches with the n-th file operation failing, for n = 1, 2, 3 ... until none is hit; returns how many were hit. */
static int sweep(enum fault fault, enum store_result allowed) {
        for (int n = 1;; n++) {
                struct fix f = fix_new(KIND_SQLITE);
                faulty_vfs_arm(fault, (uint64_t) n, false);
                bool ok[SWEEP_BATCHES + 1] = { false }, unknown = false;
                for (uint64_t seq = 1; seq <= SWEEP_BATCHES; seq++) {
                        submit(&f, wide_batch(seq));
                        fix_poll(&f);
                        enum store_result r = f.results.v[f.results.n - 1];
                        ok[seq] = r == STORE_OK;
                        if (r == STORE_FATAL)
                                unknown = true;
                        if (r != STORE_OK) {
                                CHECK_INT(r, ==, allowed);
                                f.store->ops->recover(f.store);
                        }
                }
                bool hit = faulty_vfs_was_hit();
                faulty_vfs_clear();
                fix_reopen(&f);
                struct count c = count_rows(&f);
                bool fatal_seen = false;
                for (int seq = 1; seq <= SWEEP_BATCHES; seq++) {
                        CHECK(c.rows[seq] == 0 || c.rows[seq] == BATCH_ROWS);   /* none half */
                        if (ok[seq])
                                CHECK_INT(c.rows[seq], ==, BATCH_ROWS);
                        else if (!unknown || fatal_seen)
                                CHECK_INT(c.rows[seq], ==, 0);
                        else
                                fatal_seen = true;      /* the batch whose fsync failed: either way, but whole */
                }
                fix_done(&f);
                if (!hit)
                        return n - 1;
        }
}
TEST(a_full_disk_at_any_write_fails_its_batch_only) { CHECK_INT(sweep(FAULT_WRITE, STORE_FAILED), >, 20); }
TEST(a_write_error_at_any_write_fails_its_batch_only) { CHECK_INT(sweep(FAULT_IO, STORE_FAILED), >, 20); }
TEST(a_failed_sync_is_fatal_wherever_it_comes) { CHECK_INT(sweep(FAULT_SYNC, STORE_FATAL), >=, SWEEP_BATCHES); }

TEST(a_failed_sync_in_a_checkpoint_is_fatal) {
        struct fix f = fix_new(KIND_SQLITE);
        /* One commit longer than a checkpoint's threshold: the second sync is the checkpoint's. */
        struct store_batch *b = store_batch_new(1);
        char *big = dr_xmalloc(6 << 20);
        memset(big, 'x', 6 << 20);
        store_batch_add(b, STORE_PUT, "instance", 1, 0, 0, big, 6 << 20);
        faulty_vfs_arm(FAULT_SYNC, 3, false);
        submit(&f, b);
        fix_poll(&f);
        CHECK_INT(f.results.v[0], ==, STORE_OK);
        submit_put(&f, 2, "instance", 2, "x");
        fix_poll(&f);
        CHECK(faulty_vfs_was_hit());
        CHECK_INT(f.results.v[1], ==, STORE_FATAL);
        faulty_vfs_clear();
        fix_reopen(&f);
        struct count c = count_rows(&f);
        CHECK_INT(c.rows[0], ==, 1);
        fix_done(&f);
}

TEST(a_full_disk_that_stops_the_shared_index_from_growing_fails_its_batch_only) {
        struct fix f = fix_new(KIND_SQLITE);
        submit_put(&f, 1, "instance", 1, "x");
        fix_poll(&f);
        faulty_vfs_arm(FAULT_SHM, 1, true);
        struct store_batch *b = store_batch_new(2);
        size_t len = 18 << 20;          /* more pages than the first part of the index holds (4062) */
        char *big = dr_xmalloc(len);
        memset(big, 'x', len);
        store_batch_add(b, STORE_PUT, "instance", 200, 0, 0, big, len);
        submit(&f, b);
        fix_poll(&f);
        CHECK(faulty_vfs_was_hit());
        CHECK_INT(f.results.v[1], ==, STORE_FAILED);
        faulty_vfs_clear();
        f.store->ops->recover(f.store);
        submit_put(&f, 3, "instance", 3, "y");
        fix_poll(&f);
        fix_reopen(&f);
        auto_free char *text = dump(&f);
        CHECK_STR(text, ==, "instance 1 x\ninstance 3 y\n");
        fix_done(&f);
}

TEST(a_full_file_system_is_an_error_until_space_is_freed_without_a_reopen) {
        AUTO(remove_dir) char *dir = make_dir();
        if (mount("drover-test", dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=2m") < 0) {
                print_message("skipped: cannot mount a tmpfs here: %s\n", strerror(errno));
                skip();
        }
        auto_free char *ballast = dr_xasprintf("%s/ballast", dir);
        int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && posix_fallocate(fd, 0, 1 << 20) == 0);
        close(fd);
        faulty_vfs_install();
        faulty_vfs_clear();
        struct fix f = { .kind = KIND_SQLITE, .dir = dir };
        fix_open(&f);
        uint64_t seq = 0;
        do {
                submit(&f, wide_batch(++seq));
                fix_poll(&f);
        } while (f.results.v[seq - 1] == STORE_OK && seq < 63);
        CHECK_INT(f.results.v[seq - 1], ==, STORE_FAILED);
        CHECK(strstr(f.message, "full") || strstr(f.message, "No space left"));
        CHECK_INT(unlink(ballast), ==, 0);
        f.store->ops->recover(f.store);
        submit(&f, wide_batch(++seq));
        fix_poll(&f);
        CHECK_INT(f.results.v[seq - 1], ==, STORE_OK);
        fix_reopen(&f);
        struct count c = count_rows(&f);
        for (uint64_t i = 1; i <= seq; i++)
                CHECK_INT(c.rows[i], ==, f.results.v[i - 1] == STORE_OK ? BATCH_ROWS : 0);
        fix_close(&f);
        CHECK_INT(umount2(dir, MNT_DETACH), ==, 0);
        vec_done(&f.seqs);
        vec_done(&f.results);
}

/* ---- kill -9 ---- */
static void say(void *arg, uint64_t seq, enum store_result r, const char *message) {
        if (r == STORE_OK && write(*(int *) arg, &seq, sizeof seq) != (ssize_t) sizeof seq)
                _exit(3);
}
static void writer_child(const char *dir, int fd) {
        struct store *s = NULL;
        struct dr_error err = { 0 };
        if (store_open_sqlite(dir, &s, &err) < 0)
                _exit(2);
        for (uint64_t seq = 1; seq < 60; seq++) {
                s->ops->submit(s, wide_batch(seq));
                if (seq % 3 == 0)
                        s->ops->wait(s);
                s->ops->poll(s, say, &fd);
        }
        s->ops->wait(s);
        s->ops->poll(s, say, &fd);
        _exit(0);       /* finished before it was killed: as good */
}
TEST(kill_9_of_a_writing_process_loses_no_answered_batch_and_leaves_none_half) {
        struct rng rng;
        uint64_t seed = 20161107;
        print_message("seed %llu\n", (unsigned long long) seed);
        rng_seed(&rng, seed);
        for (int round = 0; round < 8; round++) {
                AUTO(remove_dir) char *dir = make_dir();
                int p[2];
                CHECK_INT(pipe(p), ==, 0);
                pid_t pid = fork();
                CHECK_INT(pid, >=, 0);
                if (pid == 0) {
                        close(p[0]);
                        writer_child(dir, p[1]);
                }
                close(p[1]);
                uint64_t seq, answered = 0, kill_at = 1 + rng_below(&rng, 50);
                bool killed = false;
                while (read(p[0], &seq, sizeof seq) == (ssize_t) sizeof seq) {
                        answered = seq;
                        if (!killed && seq >= kill_at) {
                                kill(pid, SIGKILL);
                                killed = true;
                        }
                }
                close(p[0]);
                int status = 0;
                CHECK_INT(waitpid(pid, &status, 0), ==, pid);
                CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
                struct fix f = { .kind = KIND_SQLITE, .dir = dir };
                fix_open(&f);
                struct count c = count_rows(&f);
                for (uint64_t i = 1; i < 60; i++) {
                        CHECK(c.rows[i] == 0 || c.rows[i] == BATCH_ROWS);
                        if (i <= answered)
                                CHECK_INT(c.rows[i], ==, BATCH_ROWS);
                        if (i > 1)
                                CHECK(c.rows[i] <= c.rows[i - 1]);      /* no gap */
                }
                fix_close(&f);
        }
}

TEST_MAIN("store/sqlite")
