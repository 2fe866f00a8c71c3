/* loop.h: the event loop: timers, deferred calls, wake-up from threads, work pool, signals, turn hooks, fd watches.
 *
 * Everything here is loop thread only, except loop_post(). Objects made here keep loop_run() going until they are freed, except
 * those made unref'd. Frees are safe inside the object's own callback; no callback comes after a free.
 * A turn: sockets and descriptors, then timers, then deferred calls, then turn hooks, then queued output leaves, then it blocks. */
#pragma once
#include "base/base.h"

struct loop;
typedef void (*loop_fn)(void *arg);

struct loop *loop_new(void);                            /* ignores SIGPIPE; sets UV_THREADPOOL_SIZE unless set */
/* Everything made on the loop must have been freed or closed before; close callbacks still pending are run.
 * Aborts when a handle was leaked. Returns NULL. */
struct loop *loop_free(struct loop *l);
DR_DEFINE_AUTO(struct loop *, loop_free)
void loop_run(struct loop *l);                          /* until loop_stop() or nothing is left to wait for */
/* One turn. wait: block until something happens. Returns whether anything is left to wait for. */
bool loop_turn(struct loop *l, bool wait);
void loop_stop(struct loop *l);                         /* loop_run() returns at the end of this turn */
uint64_t loop_now_ms(const struct loop *l);             /* CLOCK_MONOTONIC as of the start of the turn: for deadlines */

/* fn(arg) later in this turn or in the next, never inside this call. Order is kept. */
void loop_defer(struct loop *l, loop_fn fn, void *arg);
void loop_defer_cancel(struct loop *l, loop_fn fn, void *arg);  /* every pending call of fn with arg */

/* fn(arg) on the loop thread. Any thread, while the loop exists. Order per posting thread is kept. Posts do not keep
 * loop_run() going. */
void loop_post(struct loop *l, loop_fn fn, void *arg);

/* work(arg) on a pool thread, then done(arg) on the loop. arg belongs to the work until done. */
void loop_work(struct loop *l, loop_fn work, loop_fn done, void *arg);

/* Called once each turn, before queued output leaves and before the loop blocks: commits batches. */
struct turn_hook;
struct turn_hook *turn_hook_new(struct loop *l, loop_fn fn, void *arg);
struct turn_hook *turn_hook_free(struct turn_hook *h);

struct timer;
struct timer *timer_new(struct loop *l, loop_fn fn, void *arg);         /* stopped */
void timer_start(struct timer *t, uint64_t after_ms);                   /* once; restarts when running */
void timer_start_periodic(struct timer *t, uint64_t after_ms, uint64_t every_ms);
void timer_stop(struct timer *t);
bool timer_is_running(const struct timer *t);
void timer_unref(struct timer *t);                      /* housekeeping: does not keep loop_run() going */
struct timer *timer_free(struct timer *t);              /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct timer *, timer_free)

/* SIGTERM, SIGINT, SIGHUP, ...; the watch does not keep loop_run() going. */
struct signal_watch;
struct signal_watch *signal_watch_new(struct loop *l, int signum, void (*fn)(int signum, void *arg), void *arg);
struct signal_watch *signal_watch_free(struct signal_watch *w);

/* Level-triggered: read until EAGAIN or be called again. Free the watch before closing fd. One watch per fd.
 * events: FD_READABLE | FD_WRITABLE; fn gets those that are ready, or a negative errno (EPOLLERR: -EBADF). */
enum { FD_READABLE = 1, FD_WRITABLE = 2 };
struct fd_watch;
struct fd_watch *fd_watch_new(struct loop *l, int fd, int events, void (*fn)(int events, void *arg), void *arg);  /* NULL: fd cannot be polled */
void fd_watch_set(struct fd_watch *w, int events);      /* 0 stops */
struct fd_watch *fd_watch_free(struct fd_watch *w);
