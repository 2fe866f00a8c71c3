#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "base/sbuf.h"
#include "check.h"
#include "net/child.h"
#include "net/loop.h"

static struct sbuf trace = SBUF(4096);
static struct loop *loop;
static void note(void *arg) { sbuf_puts(&trace, arg); }
static void stop(void *arg) { loop_stop(loop); }

static void begin(void) {
        sbuf_reset(&trace);
        loop = loop_new();
}

TEST(deferred_calls_keep_their_order_and_can_be_cancelled) {
        begin();
        loop_defer(loop, note, "a");
        loop_defer(loop, note, "b");
        loop_defer(loop, note, "c");
        loop_defer_cancel(loop, note, "b");
        loop_run(loop);
        CHECK_STR(sbuf_str(&trace), ==, "ac");
        loop_free(loop);
}
static struct turn_hook *hook;
static void hook_fn(void *arg) { sbuf_puts(&trace, "h"); }
static void defer_hooked(void *arg) { sbuf_puts(&trace, "d"); }
TEST(the_hook_runs_once_a_turn_behind_deferred_calls_and_timers) {
        begin();
        hook = turn_hook_new(loop, hook_fn, NULL);
        struct timer *t = timer_new(loop, note, "t");
        timer_start(t, 0);
        loop_defer(loop, defer_hooked, NULL);
        loop_turn(loop, false);
        CHECK_STR(sbuf_str(&trace), ==, "tdh");
        timer_start(t, 3600000);                        /* without anything to wait for there is no turn */
        loop_turn(loop, false);
        CHECK_STR(sbuf_str(&trace), ==, "tdhh");
        turn_hook_free(hook);
        timer_free(t);
        loop_free(loop);
}
static int ticks;
static struct timer *ticker;
static void tick(void *arg) {
        if (++ticks == 3)
                ticker = timer_free(ticker);            /* inside its own callback */
}
TEST(timers_fire_in_order_once_or_again_until_freed) {
        begin();
        ticks = 0;
        struct timer *late = timer_new(loop, note, "2"), *early = timer_new(loop, note, "1"), *never = timer_new(loop, note, "x");
        timer_start(late, 20);
        timer_start(early, 5);
        timer_start(never, 10);
        timer_stop(never);
        CHECK(!timer_is_running(never));
        ticker = timer_new(loop, tick, NULL);
        timer_start_periodic(ticker, 1, 1);
        struct timer *housekeeping = timer_new(loop, note, "x");
        timer_unref(housekeeping);
        timer_start(housekeeping, 3600000);             /* does not keep the loop going */
        loop_run(loop);
        CHECK_STR(sbuf_str(&trace), ==, "12");
        CHECK_INT(ticks, ==, 3);
        timer_free(late);
        timer_free(early);
        timer_free(never);
        timer_free(housekeeping);
        loop_free(loop);
}
enum { POSTS = 1000, THREADS = 4 };
static int posted[THREADS], wrong;
static void on_post(void *arg) {
        int x = (int) (intptr_t) arg, thread = x / POSTS;
        wrong += posted[thread]++ != x % POSTS;
        int all = 0;
        for (int i = 0; i < THREADS; i++)
                all += posted[i];
        if (all == THREADS * POSTS)
                loop_stop(loop);
}
static void *poster(void *arg) {
        for (int i = 0; i < POSTS; i++)
                loop_post(loop, on_post, (void *) (intptr_t) ((int) (intptr_t) arg * POSTS + i));
        return NULL;
}
TEST(posts_from_threads_all_arrive_in_each_threads_order) {
        begin();
        pthread_t th[THREADS];
        struct timer *guard = timer_new(loop, stop, NULL);
        timer_start(guard, 20000);
        for (int i = 0; i < THREADS; i++)
                pthread_create(&th[i], NULL, poster, (void *) (intptr_t) i);
        loop_run(loop);
        for (int i = 0; i < THREADS; i++) {
                pthread_join(th[i], NULL);
                CHECK_INT(posted[i], ==, POSTS);
        }
        CHECK_INT(wrong, ==, 0);
        timer_free(guard);
        loop_free(loop);
}
static pthread_t worker;
static void work(void *arg) {
        worker = pthread_self();
        *(int *) arg = 42;
}
static void work_done(void *arg) { sbuf_printf(&trace, "%d", *(int *) arg); }
TEST(work_runs_on_another_thread_and_ends_on_the_loop) {
        begin();
        int x = 0;
        loop_work(loop, work, work_done, &x);
        loop_run(loop);
        CHECK_STR(sbuf_str(&trace), ==, "42");
        CHECK(!pthread_equal(worker, pthread_self()));
        loop_work(loop, work, work_done, &x);           /* loop_free() waits for it */
        loop_free(loop);
        CHECK_STR(sbuf_str(&trace), ==, "4242");
}
static void on_signal(int signum, void *arg) {
        sbuf_printf(&trace, "%d", signum);
        loop_stop(loop);
}
TEST(signals_arrive_as_calls_on_the_loop) {
        begin();
        struct signal_watch *w = signal_watch_new(loop, SIGHUP, on_signal, NULL);
        struct timer *guard = timer_new(loop, stop, NULL);
        timer_start(guard, 20000);
        kill(getpid(), SIGHUP);
        loop_run(loop);
        char want[8];
        snprintf(want, sizeof want, "%d", SIGHUP);
        CHECK_STR(sbuf_str(&trace), ==, want);
        signal_watch_free(w);
        timer_free(guard);
        loop_free(loop);
}
static int fds[2];
static struct fd_watch *watch;
static void on_fd(int events, void *arg) {
        char c;
        CHECK_INT(events, ==, FD_READABLE);
        if (read(fds[0], &c, 1) == 1)
                sbuf_putc(&trace, c);
        else
                watch = fd_watch_free(watch);           /* end of file */
}
TEST(a_watched_descriptor_calls_until_it_is_empty) {
        begin();
        CHECK_INT(pipe2(fds, O_CLOEXEC | O_NONBLOCK), ==, 0);
        CHECK_INT(write(fds[1], "abc", 3), ==, 3);
        close(fds[1]);
        watch = fd_watch_new(loop, fds[0], FD_READABLE, on_fd, NULL);
        loop_run(loop);
        CHECK_STR(sbuf_str(&trace), ==, "abc");
        close(fds[0]);
        int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        CHECK(!fd_watch_new(loop, file, FD_READABLE, on_fd, NULL));      /* a plain file is always ready: cannot be polled */
        close(file);
        loop_free(loop);
}

/* ---- children ---- */

static void on_output(struct child *c, bool is_err, const char *p, size_t n, void *arg) { *(size_t *) arg += n; }
static void on_exit_(struct child *c, const struct child_result *r, void *arg) {
        sbuf_printf(&trace, "exit %d signal %d%s out \"%s\"%s err \"%s\"", r->exit_status, r->signal, r->timed_out ? " timeout" : "", r->out,
                    r->out_cut ? " cut" : "", r->err);
}
#define SH(text) ((const char *const[]) { "sh", "-c", text, NULL })
static void run_child(struct child_spec spec, const char *want) {
        begin();
        struct dr_error err;
        spec.on_exit = on_exit_;
        struct child *c = child_spawn(loop, &spec, &err);
        if (!c)
                print_error("%s\n", err.message);
        CHECK(c);
        loop_run(loop);
        CHECK_STR(sbuf_str(&trace), ==, want);
        loop_free(loop);
}
TEST(a_child_gets_its_input_and_gives_its_outputs_and_status) {
        run_child((struct child_spec) { .argv = SH("cat; echo oops >&2; exit 3"), .in = "input", .in_len = 5, .out_max = 100, .err_max = 100 },
                  "exit 3 signal 0 out \"input\" err \"oops\n\"");
        run_child((struct child_spec) { .argv = SH("cat"), .out_max = 100 }, "exit 0 signal 0 out \"\" err \"\"");
        run_child((struct child_spec) { .argv = SH("echo $A; pwd"), .env = (const char *const[]) { "A=b", "PATH=/usr/bin:/bin", NULL }, .cwd = "/", .out_max = 100 },
                  "exit 0 signal 0 out \"b\n/\n\" err \"\"");
}
TEST(captured_output_is_capped_and_the_rest_is_read_and_dropped) {
        size_t seen = 0;
        run_child((struct child_spec) { .argv = SH("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done"), .out_max = 4, .on_output = on_output, .arg = &seen },
                  "exit 0 signal 0 out \"0123\" cut err \"\"");
        CHECK_INT(seen, ==, 220000);
}
TEST(a_child_past_its_deadline_is_killed_and_told_apart) {
        run_child((struct child_spec) { .argv = (const char *const[]) { "sleep", "1000", NULL }, .deadline_ms = 20 }, "exit 0 signal 9 timeout out \"\" err \"\"");
        run_child((struct child_spec) { .argv = SH("kill -TERM $$") }, "exit 0 signal 15 out \"\" err \"\"");
}
TEST(a_child_that_does_not_read_its_input_does_no_harm) {
        char *big = dr_xcalloc(1, 1 << 20);
        run_child((struct child_spec) { .argv = SH("exit 0"), .in = big, .in_len = 1 << 20 }, "exit 0 signal 0 out \"\" err \"\"");
        free(big);
}
TEST(a_program_that_does_not_exist_is_an_error_at_once) {
        begin();
        struct dr_error err;
        CHECK(!child_spawn(loop, &(struct child_spec) { .argv = (const char *const[]) { "/nonexistent/program", NULL }, .on_exit = on_exit_ }, &err));
        CHECK_INT(err.code, ==, DR_E_NOT_FOUND);
        CHECK(strstr(err.message, "could not start \"/nonexistent/program\""));
        struct child *c = child_spawn(loop, &(struct child_spec) { .argv = (const char *const[]) { "sleep", "1000", NULL }, .on_exit = on_exit_ }, &err);
        CHECK(c);
        child_abandon(c);
        loop_run(loop);
        CHECK_STR(sbuf_str(&trace), ==, "");
        loop_free(loop);
        sbuf_done(&trace);
}
TEST_MAIN("net/loop")
