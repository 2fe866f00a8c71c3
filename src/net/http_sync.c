#include "net/http_sync.h"

#include <stdio.h>

#include "base/vec.h"

enum { TOTAL_MS = 60000, MESSAGES_MAX = 1024 };

struct http_sync {
        struct loop *loop;
        struct http_client *client;
        struct timer *timer;            /* wakes a wait at its deadline */
        /* the running call */
        bool done;
        int result;
        struct http_response res;
        struct dr_error err;
        int (*on_body)(const char *p, size_t n, void *arg);
        void *arg;
        int broken_off;
};

struct message { unsigned opcode; char *p; size_t n; };

struct ws_sync {
        struct http_sync *s;
        struct ws *ws;                  /* NULL: closed, or not open yet */
        bool done, closed;
        int status;
        struct dr_error err;
        unsigned close_code;
        char close_reason[124];
        VEC(struct message) in;
        bool paused;
        struct fd_watch *watch;
        bool fd_ready;
};

static void on_wake(void *arg) { (void) arg; }

int http_sync_new(const struct http_client_config *cfg, struct http_sync **ret, struct dr_error *err) {
        AUTO(http_sync_free) struct http_sync *s = dr_xnew(struct http_sync);
        s->loop = loop_new();
        s->timer = timer_new(s->loop, on_wake, NULL);
        int r = http_client_new(s->loop, cfg, &s->client, err);
        if (r < 0)
                return r;
        *ret = dr_take(s);
        return 0;
}

struct http_sync *http_sync_free(struct http_sync *s) {
        if (!s)
                return NULL;
        http_client_free(s->client);
        timer_free(s->timer);
        loop_free(s->loop);
        http_response_done(&s->res);
        free(s);
        return NULL;
}

static void on_done(struct http_call *c, int result, struct http_response *res, const struct dr_error *err, void *arg) {
        struct http_sync *s = arg;
        (void) c;
        s->done = true;
        s->result = result;
        s->res = *res;
        *res = (struct http_response) { 0 };
        if (err)
                s->err = *err;
}

static void on_body(struct http_call *c, const char *p, size_t n, void *arg) {
        struct http_sync *s = arg;
        s->broken_off = s->on_body(p, n, s->arg);
        if (s->broken_off < 0) {
                s->done = true;
                http_call_cancel(c);
        }
}

static const struct http_call_events collected = { .on_done = on_done };
static const struct http_call_events streamed = { .on_done = on_done, .on_body = on_body };

static int run(struct http_sync *s, const struct http_call_spec *spec, const struct http_call_events *ev, uint64_t total_ms,
               struct http_response *ret, struct dr_error *err) {
        struct http_call_spec sp = *spec;
        sp.events = ev;
        sp.arg = s;
        sp.total_ms = total_ms;
        sp.upload = false;
        s->done = false;
        s->broken_off = 0;
        if (!http_call_start(s->client, &sp, err))
                return -EINVAL;
        while (!s->done)
                loop_turn(s->loop, true);
        if (s->broken_off < 0)
                return s->broken_off;
        if (s->result < 0) {
                http_response_done(&s->res);
                if (err)
                        *err = s->err;
                return s->result;
        }
        *ret = s->res;
        s->res = (struct http_response) { 0 };
        return 0;
}

int http_sync_call(struct http_sync *s, const struct http_call_spec *spec, struct http_response *ret, struct dr_error *err) {
        return run(s, spec, &collected, spec->total_ms ? spec->total_ms : TOTAL_MS, ret, err);
}

int http_sync_stream(struct http_sync *s, const struct http_call_spec *spec, int (*fn)(const char *, size_t, void *), void *arg,
                     struct http_response *ret, struct dr_error *err) {
        s->on_body = fn;
        s->arg = arg;
        return run(s, spec, &streamed, spec->total_ms, ret, err);
}

/* ---- websocket ---- */

static void on_message(struct ws *ws, unsigned opcode, const char *p, size_t n, void *arg) {
        struct ws_sync *w = arg;
        char *copy = dr_xmalloc(n + 1);
        memcpy(copy, p, n + 1);
        vec_push(&w->in, ((struct message) { opcode, copy, n }));
        if (w->in.n >= MESSAGES_MAX && !w->paused) {
                w->paused = true;
                ws_pause(ws);
        }
}


static void on_ws_close(struct ws *ws, unsigned code, const char *reason, void *arg) {
        struct ws_sync *w = arg;
        (void) ws;
        w->ws = NULL;
        w->closed = true;
        w->close_code = code;
        snprintf(w->close_reason, sizeof w->close_reason, "%s", reason);
}

static const struct ws_events ws_events = { .on_message = on_message, .on_close = on_ws_close };

static void on_open(struct ws *ws, const struct http_response *res, const struct dr_error *err, void *arg) {
        struct ws_sync *w = arg;
        w->done = true;
        w->ws = ws;
        w->status = ws ? 101 : res ? res->status : 0;
        if (err)
                w->err = *err;
}

int ws_sync_connect(struct http_sync *s, const struct ws_connect_spec *spec, struct ws_sync **ret, int *ret_status, struct dr_error *err) {
        struct ws_sync *w = dr_xnew(struct ws_sync);
        w->s = s;
        struct ws_connect_spec sp = *spec;
        sp.events = &ws_events;
        sp.on_open = on_open;
        sp.arg = w;
        if (!http_client_websocket(s->client, &sp, err)) {
                free(w);
                return -EINVAL;
        }
        while (!w->done)
                loop_turn(s->loop, true);
        if (ret_status)
                *ret_status = w->status;
        if (!w->ws) {
                if (err)
                        *err = w->err;
                int r = -dr_error_row(w->err.code)->err;
                free(w);
                return r;
        }
        *ret = w;
        return 0;
}

static void on_fd(int events, void *arg) {
        struct ws_sync *w = arg;
        (void) events;
        w->fd_ready = true;
        fd_watch_set(w->watch, 0);      /* level-triggered: again at the next wait */
}

void ws_sync_watch_fd(struct ws_sync *w, int fd) {
        w->watch = fd_watch_free(w->watch);
        if (fd >= 0)
                w->watch = fd_watch_new(w->s->loop, fd, 0, on_fd, w);
}

static int closed(struct ws_sync *w, struct dr_error *err) {
        return dr_fail(err, DR_E_UNAVAILABLE, NULL, "websocket closed with %u%s%s", w->close_code, w->close_reason[0] ? ": " : "", w->close_reason);
}

int ws_sync_next(struct ws_sync *w, uint64_t wait_ms, unsigned *ret_opcode, char **ret, size_t *ret_len, struct dr_error *err) {
        struct loop *l = w->s->loop;
        loop_turn(l, false);            /* also brings the clock up to date */
        uint64_t until_ms = wait_ms == UINT64_MAX ? UINT64_MAX : loop_now_ms(l) + wait_ms;
        w->fd_ready = false;
        if (w->watch)
                fd_watch_set(w->watch, FD_READABLE);
        if (wait_ms != UINT64_MAX)
                timer_start(w->s->timer, wait_ms);
        while (!w->in.n && !w->closed && !w->fd_ready && loop_now_ms(l) < until_ms)
                loop_turn(l, true);
        timer_stop(w->s->timer);
        if (w->watch)
                fd_watch_set(w->watch, 0);
        if (w->in.n) {
                struct message m = w->in.v[0];
                vec_remove_at(&w->in, 0);
                if (w->paused && w->ws && w->in.n < MESSAGES_MAX / 2) {
                        w->paused = false;
                        ws_resume(w->ws);
                }
                if (ret_opcode)
                        *ret_opcode = m.opcode;
                if (ret_len)
                        *ret_len = m.n;
                *ret = m.p;
                return 1;
        }
        return w->closed ? closed(w, err) : 0;
}

int ws_sync_send(struct ws_sync *w, unsigned opcode, const void *p, size_t n, struct dr_error *err) {
        while (w->ws && ws_queued_bytes(w->ws) >= STREAM_LOW_BYTES)
                loop_turn(w->s->loop, true);
        if (!w->ws || ws_send(w->ws, opcode, p, n) < 0)
                return w->closed ? closed(w, err) : dr_fail(err, DR_E_UNAVAILABLE, NULL, "websocket is closing");
        loop_turn(w->s->loop, false);
        return 0;
}

struct ws_sync *ws_sync_free(struct ws_sync *w) {
        if (!w)
                return NULL;
        if (w->ws)
                ws_close(w->ws, WS_CLOSE_NORMAL, NULL);
        if (w->paused && w->ws)
                ws_resume(w->ws);
        while (w->ws)
                loop_turn(w->s->loop, true);
        fd_watch_free(w->watch);
        for (size_t i = 0; i < w->in.n; i++)
                free(w->in.v[i].p);
        vec_done(&w->in);
        free(w);
        return NULL;
}
