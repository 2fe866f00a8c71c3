#include "net/loop-internal.h"

#include <signal.h>
#include <stdio.h>

enum { SWEEP_MS = 250 };

struct turn_hook { struct loop *loop; loop_fn fn; void *arg; };
struct timer { uv_timer_t h; loop_fn fn; void *arg; };
struct signal_watch { uv_signal_t h; void (*fn)(int, void *); void *arg; };
struct fd_watch { uv_poll_t h; int fd; void (*fn)(int, void *); void *arg; };
struct work { uv_work_t req; struct loop *loop; loop_fn work, done; void *arg; };

static void on_handle_closed(uv_handle_t *h) { free(h); }

static void run_deferred(struct loop *l) {
        __auto_type spare = l->running;
        l->running = l->deferred;
        l->deferred = spare;
        for (size_t i = 0; i < l->running.n; i++) {
                struct deferred d = l->running.v[i];
                l->running.v[i].fn = NULL;
                if (d.fn)
                        d.fn(d.arg);
        }
        vec_clear(&l->running);
}

static void run_hooks(struct loop *l) {
        for (size_t i = 0; i < l->hooks.n; i++)
                if (l->hooks.v[i])
                        l->hooks.v[i]->fn(l->hooks.v[i]->arg);
        size_t n = 0;
        for (size_t i = 0; i < l->hooks.n; i++)         /* freed ones leave here, so that a hook may free any */
                if (l->hooks.v[i])
                        l->hooks.v[n++] = l->hooks.v[i];
        l->hooks.n = n;
}

static void end_turn(struct loop *l) {
        uv_idle_stop(&l->idle);
        run_deferred(l);
        run_hooks(l);
        streams_flush(l);
        if (l->deferred.n || l->dirty)
                loop_turn_again(l);
}

static void on_prepare(uv_prepare_t *h) { end_turn(h->data); }
static void on_idle(uv_idle_t *h) { (void) h; }
static void on_sweep(uv_timer_t *h) { streams_sweep(h->data); }

static void on_async(uv_async_t *h) {
        struct loop *l = h->data;
        uv_mutex_lock(&l->posted_lock);
        __auto_type taken = l->posted;
        memset(&l->posted, 0, sizeof l->posted);
        uv_mutex_unlock(&l->posted_lock);
        for (size_t i = 0; i < taken.n; i++)
                taken.v[i].fn(taken.v[i].arg);
        vec_done(&taken);
}

static void must(int r) {
        if (r < 0) {
                fprintf(stderr, "event loop: %s\n", uv_strerror(r));
                abort();
        }
}

struct loop *loop_new(void) {
        signal(SIGPIPE, SIG_IGN);
        setenv("UV_THREADPOOL_SIZE", "4", 0);
        struct loop *l = dr_xnew(struct loop);
        must(uv_loop_init(&l->uv));
        must(uv_mutex_init(&l->posted_lock));
        must(uv_prepare_init(&l->uv, &l->prepare));
        must(uv_idle_init(&l->uv, &l->idle));
        must(uv_async_init(&l->uv, &l->async, on_async));
        must(uv_timer_init(&l->uv, &l->sweep));
        l->prepare.data = l->idle.data = l->async.data = l->sweep.data = l;
        must(uv_prepare_start(&l->prepare, on_prepare));
        must(uv_timer_start(&l->sweep, on_sweep, SWEEP_MS, SWEEP_MS));
        uv_unref((uv_handle_t *) &l->prepare);
        uv_unref((uv_handle_t *) &l->async);
        uv_unref((uv_handle_t *) &l->sweep);
        return l;
}

static void check_leak(uv_handle_t *h, void *arg) {
        struct loop *l = arg;
        void *own[] = { &l->prepare, &l->idle, &l->async, &l->sweep };
        for (size_t i = 0; i < ARRAY_LEN(own); i++)
                if (own[i] == h)
                        return;
        if (uv_is_closing(h))
                return;
        fprintf(stderr, "event loop: a %s was not closed before loop_free()\n", uv_handle_type_name(h->type));
        abort();
}

struct loop *loop_free(struct loop *l) {
        if (!l)
                return NULL;
        streams_close_finishing(l);
        do
                loop_turn(l, l->n_works > 0);
        while (l->deferred.n || l->n_works);
        streams_close_finishing(l);
        uv_walk(&l->uv, check_leak, l);
        uv_close((uv_handle_t *) &l->prepare, NULL);
        uv_close((uv_handle_t *) &l->idle, NULL);
        uv_close((uv_handle_t *) &l->async, NULL);
        uv_close((uv_handle_t *) &l->sweep, NULL);
        uv_run(&l->uv, UV_RUN_DEFAULT);
        must(uv_loop_close(&l->uv));
        uv_mutex_destroy(&l->posted_lock);
        vec_done(&l->deferred);
        vec_done(&l->running);
        vec_done(&l->posted);
        assert(l->hooks.n == 0);
        vec_done(&l->hooks);
        free(l);
        return NULL;
}

void loop_run(struct loop *l) {
        uv_run(&l->uv, UV_RUN_DEFAULT);
        end_turn(l);                    /* a stop in the socket phase skips the prepare phase: what was queued leaves here */
}

bool loop_turn(struct loop *l, bool wait) { return uv_run(&l->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT) != 0; }
void loop_stop(struct loop *l) { uv_stop(&l->uv); }
uint64_t loop_now_ms(const struct loop *l) { return uv_now(&l->uv); }
void loop_turn_again(struct loop *l) { uv_idle_start(&l->idle, on_idle); }

void loop_defer(struct loop *l, loop_fn fn, void *arg) {
        vec_push(&l->deferred, ((struct deferred) { fn, arg }));
        loop_turn_again(l);
}

void loop_defer_cancel(struct loop *l, loop_fn fn, void *arg) {
        for (size_t i = 0; i < l->deferred.n; i++)
                if (l->deferred.v[i].fn == fn && l->deferred.v[i].arg == arg)
                        l->deferred.v[i].fn = NULL;
        for (size_t i = 0; i < l->running.n; i++)
                if (l->running.v[i].fn == fn && l->running.v[i].arg == arg)
                        l->running.v[i].fn = NULL;
}

void loop_post(struct loop *l, loop_fn fn, void *arg) {
        uv_mutex_lock(&l->posted_lock);
        vec_push(&l->posted, ((struct deferred) { fn, arg }));
        uv_mutex_unlock(&l->posted_lock);
        uv_async_send(&l->async);
}

static void on_work(uv_work_t *req) {
        struct work *w = (struct work *) req;
        w->work(w->arg);
}

static void on_worked(uv_work_t *req, int status) {
        (void) status;                  /* never cancelled */
        struct work *w = (struct work *) req;
        w->loop->n_works--;
        if (w->done)
                w->done(w->arg);
        free(w);
}

void loop_work(struct loop *l, loop_fn work, loop_fn done, void *arg) {
        struct work *w = dr_xnew(struct work);
        w->loop = l;
        l->n_works++;
        w->work = work;
        w->done = done;
        w->arg = arg;
        must(uv_queue_work(&l->uv, &w->req, on_work, on_worked));
}

struct turn_hook *turn_hook_new(struct loop *l, loop_fn fn, void *arg) {
        struct turn_hook *h = dr_xnew(struct turn_hook);
        *h = (struct turn_hook) { l, fn, arg };
        vec_push(&l->hooks, h);
        return h;
}

struct turn_hook *turn_hook_free(struct turn_hook *h) {
        if (!h)
                return NULL;
        struct loop *l = h->loop;
        for (size_t i = 0; i < l->hooks.n; i++)
                if (l->hooks.v[i] == h)
                        l->hooks.v[i] = NULL;
        while (l->hooks.n && !l->hooks.v[l->hooks.n - 1])
                l->hooks.n--;
        free(h);
        return NULL;
}

static void on_timer(uv_timer_t *h) {
        struct timer *t = (struct timer *) h;
        t->fn(t->arg);
}

struct timer *timer_new(struct loop *l, loop_fn fn, void *arg) {
        struct timer *t = dr_xnew(struct timer);
        must(uv_timer_init(&l->uv, &t->h));
        t->fn = fn;
        t->arg = arg;
        return t;
}

void timer_start(struct timer *t, uint64_t after_ms) { must(uv_timer_start(&t->h, on_timer, after_ms, 0)); }
void timer_start_periodic(struct timer *t, uint64_t after_ms, uint64_t every_ms) {
        must(uv_timer_start(&t->h, on_timer, after_ms, every_ms ? every_ms : 1));
}
void timer_stop(struct timer *t) { uv_timer_stop(&t->h); }
bool timer_is_running(const struct timer *t) { return uv_is_active((const uv_handle_t *) &t->h); }
void timer_unref(struct timer *t) { uv_unref((uv_handle_t *) &t->h); }
struct timer *timer_free(struct timer *t) {
        if (t)
                uv_close((uv_handle_t *) &t->h, on_handle_closed);
        return NULL;
}

static void on_signal(uv_signal_t *h, int signum) {
        struct signal_watch *w = (struct signal_watch *) h;
        w->fn(signum, w->arg);
}

struct signal_watch *signal_watch_new(struct loop *l, int signum, void (*fn)(int, void *), void *arg) {
        struct signal_watch *w = dr_xnew(struct signal_watch);
        must(uv_signal_init(&l->uv, &w->h));
        w->fn = fn;
        w->arg = arg;
        must(uv_signal_start(&w->h, on_signal, signum));
        uv_unref((uv_handle_t *) &w->h);
        return w;
}

struct signal_watch *signal_watch_free(struct signal_watch *w) {
        if (w)
                uv_close((uv_handle_t *) &w->h, on_handle_closed);
        return NULL;
}

static void on_poll(uv_poll_t *h, int status, int events) {
        struct fd_watch *w = (struct fd_watch *) h;
        int ready = (events & UV_READABLE ? FD_READABLE : 0) | (events & UV_WRITABLE ? FD_WRITABLE : 0);
        w->fn(status < 0 ? status : ready, w->arg);
}

struct fd_watch *fd_watch_new(struct loop *l, int fd, int events, void (*fn)(int, void *), void *arg) {
        struct fd_watch *w = dr_xnew(struct fd_watch);
        if (uv_poll_init(&l->uv, &w->h, fd) < 0) {
                free(w);
                return NULL;
        }
        w->fd = fd;
        w->fn = fn;
        w->arg = arg;
        fd_watch_set(w, events);
        return w;
}

void fd_watch_set(struct fd_watch *w, int events) {
        int ev = (events & FD_READABLE ? UV_READABLE : 0) | (events & FD_WRITABLE ? UV_WRITABLE : 0);
        if (ev)
                must(uv_poll_start(&w->h, ev, on_poll));
        else
                must(uv_poll_stop(&w->h));
}

struct fd_watch *fd_watch_free(struct fd_watch *w) {
        if (!w)
                return NULL;
        uv_poll_stop(&w->h);            /* now: the caller closes fd next */
        uv_close((uv_handle_t *) &w->h, on_handle_closed);
        return NULL;
}

enum dr_code uv_to_code(int r) {
        switch (r) {
        case UV_ENOENT: case UV_EAI_NONAME: return DR_E_NOT_FOUND;
        case UV_ETIMEDOUT:                  return DR_E_TIMEOUT;
        case UV_EADDRINUSE:                 return DR_E_BUSY;
        case UV_EACCES: case UV_EPERM:      return DR_E_FORBIDDEN;
        case UV_EINVAL:                     return DR_E_BAD_REQUEST;
        default:                            return DR_E_UNAVAILABLE;
        }
}
