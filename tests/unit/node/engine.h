/* engine.h: a scripted Docker engine on a unix socket, and the channels of an agent that talks to it. Everything runs on one thread: the engine's
 * sockets do not block, and the loop is turned while it waits.
 *
 * It answers /version, /networks/bridge, /events and /containers/ID/json by itself; every other request waits in `asked` until the test takes it and
 * writes whatever bytes it likes. */
#pragma once
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/parse.h"
#include "base/sbuf.h"
#include "base/times.h"
#include "base/vec.h"
#include "check.h"
#include "node/streams/channel.h"
#include "node/streams/frame.h"

enum { PATIENCE_MS = 20000, CONNS_MAX = 64 };           /* a bug ends a test here, nothing else does */
#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct conn { int fd; struct sbuf in; bool taken, eof, raw; };
struct sent { uint32_t id; unsigned kind; char *payload; size_t len; };

struct world {
        struct loop *loop;
        struct docker *docker;
        struct channels *channels;
        bool connected, dead;
        char dir[64], socket[96];
        int listener, events;           /* events: the connection of the events stream */
        struct conn conns[CONNS_MAX];
        size_t n_conns;
        const char *state;              /* of the container: JSON of inspect's State; NULL: there is none */
        const char *more;               /* further keys of inspect, each with a comma before it */
        VEC(struct sent) sent;
        size_t queued;                  /* what the session says is queued */
        unsigned inspects;
};

static inline void conn_write(struct conn *c, const void *p, size_t n) {
        while (n) {
                ssize_t k = write(c->fd, p, n);
                CHECK(k > 0);
                p = (const char *) p + k;
                n -= (size_t) k;
        }
}
static inline void conn_puts(struct conn *c, const char *s) { conn_write(c, s, strlen(s)); }

static inline void conn_answer(struct conn *c, int status, const char *body) {
        char head[200];
        snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, strlen(body));
        conn_puts(c, head);
        conn_puts(c, body);
        sbuf_reset(&c->in);
        c->taken = false;
}
static inline void conn_close(struct conn *c) {
        close(c->fd);
        sbuf_done(&c->in);
        c->fd = -1;
}
static inline void conn_chunk(struct conn *c, const void *p, size_t n) {
        char head[24];
        snprintf(head, sizeof head, "%zx\r\n", n);
        conn_puts(c, head);
        conn_write(c, p, n);
        conn_puts(c, "\r\n");
}
static inline void conn_stream_head(struct conn *c) { conn_puts(c, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"); }
static inline void conn_stream_end(struct conn *c) {    /* the connection can be used again */
        sbuf_reset(&c->in);
        c->taken = false;
        conn_puts(c, "0\r\n\r\n");
}
static inline void conn_frame(struct conn *c, int output, const char *text) {
        size_t n = strlen(text);
        char frame[4096] = { (char) output, 0, 0, 0, (char) (n >> 24), (char) (n >> 16), (char) (n >> 8), (char) n };
        CHECK(n < sizeof frame - 8);
        memcpy(frame + 8, text, n);
        conn_chunk(c, frame, n + 8);
}

/* A whole request: head and body. */
static inline bool conn_has_request(const struct conn *c) {
        const char *end = c->in.len ? strstr(c->in.data, "\r\n\r\n") : NULL;
        if (!end)
                return false;
        const char *length = strcasestr(c->in.data, "\r\nContent-Length: ");
        return !length || length > end || c->in.len >= (size_t) (end + 4 - c->in.data) + (size_t) strtoul(length + 18, NULL, 10);
}

static inline void world_serve(struct world *w, struct conn *c) {
        if (strstr(c->in.data, " /version ")) {
                conn_answer(c, 200, "{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
        } else if (strstr(c->in.data, "/networks/bridge ")) {
                conn_answer(c, 200, "{\"Id\":\"b\"}");
        } else if (strstr(c->in.data, "/_ping ")) {
                conn_answer(c, 200, "{}");
        } else if (strstr(c->in.data, "/events?")) {
                c->taken = true;
                w->events = (int) (c - w->conns);
                conn_stream_head(c);
        } else if (strstr(c->in.data, "/containers/" CONTAINER "/json ")) {
                w->inspects++;
                auto_free char *body = w->state ? dr_xasprintf("{\"Id\":\"" CONTAINER "\",\"State\":%s%s}", w->state, w->more) : dr_xstrdup("{\"message\":\"No such container\"}");
                conn_answer(c, w->state ? 200 : 404, body);
        }
}

static inline void world_turn(struct world *w) {
        if (w->loop)
                loop_turn(w->loop, false);
        for (int fd; (fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0; ) {
                CHECK(w->n_conns < CONNS_MAX);
                w->conns[w->n_conns++] = (struct conn) { .fd = fd, .in = SBUF(8 << 20) };
        }
        for (size_t i = 0; i < w->n_conns; i++) {
                struct conn *c = &w->conns[i];
                char buf[65536];
                for (ssize_t n; c->fd >= 0 && !c->eof && (n = read(c->fd, buf, sizeof buf)) >= 0; ) {
                        if (n == 0)
                                c->eof = true;
                        sbuf_add(&c->in, buf, (size_t) n);
                }
                if (c->fd >= 0 && !c->taken && conn_has_request(c))
                        world_serve(w, c);
        }
}

#define UNTIL(w, what) do { for (uint64_t end_ = time_mono_ms() + PATIENCE_MS; !(what); ) { CHECK(time_mono_ms() < end_); world_turn(w); } } while (0)
static inline void world_turns(struct world *w, int n) {
        while (n-- > 0)
                world_turn(w);
}

/* The connection with a request whose line holds text; the test owns what follows on it. */
static inline struct conn *world_find(struct world *w, const char *text) {
        for (size_t i = 0; i < w->n_conns; i++) {
                struct conn *c = &w->conns[i];
                if (c->fd < 0 || c->taken || !conn_has_request(c))
                        continue;
                const char *at = strstr(c->in.data, text);
                if (at && at < strstr(c->in.data, "\r\n"))
                        return c;
        }
        return NULL;
}
static inline struct conn *world_asked(struct world *w, const char *text) {
        struct conn *c = NULL;
        UNTIL(w, (c = world_find(w, text)));
        c->taken = true;
        return c;
}

static inline void world_event(struct world *w, const char *action) {
        char text[256];
        snprintf(text, sizeof text, "{\"Type\":\"container\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"" CONTAINER "\"}}\n", action);
        conn_chunk(&w->conns[w->events], text, strlen(text));
}

/* ---- the agent's side ---- */
static inline void on_health(bool healthy, const char *message, void *arg) { (void) healthy; }
static inline void on_connected(void *arg) {
        struct world *w = arg;
        w->connected = true;
        if (w->channels)
                channels_engine_connected(w->channels);
}
static inline void on_event(const struct docker_event *e, void *arg) {
        struct world *w = arg;
        if (w->channels)
                channels_engine_event(w->channels, e);
}
static const struct docker_watch world_watch = { on_health, on_connected, on_event };

static inline int world_send(const char *p, size_t n, void *arg) {
        struct world *w = arg;
        if (w->dead)
                return -EPIPE;
        struct frame f;
        struct dr_error err;
        CHECK_OK(frame_parse(p, n, &f, &err), &err);
        struct sent s = { .id = f.id, .kind = f.kind, .payload = dr_xstrndup("", 0), .len = f.len };
        s.payload = dr_xrealloc(s.payload, f.len + 1);
        memcpy(s.payload, f.payload, f.len);
        s.payload[f.len] = 0;
        vec_push(&w->sent, s);
        return 0;
}
static inline size_t world_queued(void *arg) { return ((struct world *) arg)->queued; }
static inline const char *world_project(void *arg) { (void) arg; return "env-1"; }

static inline void world_listen(struct world *w) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s", w->socket);
        unlink(w->socket);
        w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK_INT(bind(w->listener, (struct sockaddr *) &a, sizeof a), ==, 0);
        CHECK_INT(listen(w->listener, 64), ==, 0);
}

static inline struct world world_new(struct world *w, const char *proc, const char *cgroup) {
        *w = (struct world) { .events = -1, .state = "{\"Running\":true,\"Pid\":1,\"StartedAt\":\"2026-11-25T06:00:00Z\"}", .more = "" };
        snprintf(w->dir, sizeof w->dir, "/tmp/drover-streams-XXXXXX");
        CHECK(mkdtemp(w->dir));
        snprintf(w->socket, sizeof w->socket, "%s/s", w->dir);
        world_listen(w);
        w->loop = loop_new();
        struct dr_error err;
        CHECK_OK(docker_new(w->loop, w->socket, &world_watch, w, &w->docker, &err), &err);
        w->channels = channels_new(&(struct channels_config) { .loop = w->loop, .docker = w->docker, .proc = proc, .cgroup = cgroup, .send = world_send,
                                                               .queued_bytes = world_queued, .project = world_project, .arg = w });
        docker_start(w->docker);
        UNTIL(w, w->connected);
        return *w;
}

static inline void world_forget_sent(struct world *w) {
        for (size_t i = 0; i < w->sent.n; i++)
                free(w->sent.v[i].payload);
        vec_clear(&w->sent);
}

/* Ends with loop_free(), which aborts when any handle was leaked. */
static inline void world_done(struct world *w) {
        channels_free(w->channels);
        docker_free(w->docker);
        loop_free(w->loop);
        w->loop = NULL;
        for (size_t i = 0; i < w->n_conns; i++)
                if (w->conns[i].fd >= 0)
                        conn_close(&w->conns[i]);
        close(w->listener);
        unlink(w->socket);
        rmdir(w->dir);
        world_forget_sent(w);
        vec_done(&w->sent);
}

static inline int world_try_open(struct world *w, uint64_t id, const char *kind, const char *data, struct dr_error *err) {
        AUTO(jv_put) json_object *o = jv_parse(data, strlen(data), 1 << 20, err);
        CHECK(o);
        return channels_open(w->channels, id, kind, o, err);
}
static inline void world_open(struct world *w, uint64_t id, const char *kind, const char *data) {
        struct dr_error err;
        CHECK_OK(world_try_open(w, id, kind, data, &err), &err);
}

static inline int world_try_input(struct world *w, uint32_t id, enum frame_kind kind, const void *p, size_t n, struct dr_error *err) {
        char frame[FRAME_HEAD_BYTES + FRAME_PAYLOAD_MAX];
        frame_head(id, kind, frame);
        if (n)
                memcpy(frame + FRAME_HEAD_BYTES, p, n);
        return channels_input(w->channels, frame, FRAME_HEAD_BYTES + n, err);
}
static inline void world_input(struct world *w, uint32_t id, enum frame_kind kind, const void *p, size_t n) {
        struct dr_error err;
        CHECK_OK(world_try_input(w, id, kind, p, n, &err), &err);
}
static inline void world_puts(struct world *w, uint32_t id, enum frame_kind kind, const char *s) { world_input(w, id, kind, s, strlen(s)); }
static inline void world_window(struct world *w, uint32_t id, size_t n) {
        char v[4];
        frame_put_u32((uint32_t) n, v);
        world_input(w, id, FRAME_WINDOW, v, 4);
}

/* All data of a stream so far, joined; the caller frees. */
static inline char *world_data(struct world *w, uint32_t id) {
        struct sbuf b = SBUF(64 << 20);
        for (size_t i = 0; i < w->sent.n; i++)
                if (w->sent.v[i].id == id && w->sent.v[i].kind == FRAME_DATA)
                        sbuf_add(&b, w->sent.v[i].payload, w->sent.v[i].len);
        return sbuf_steal(&b);
}
static inline size_t world_bytes(struct world *w, uint32_t id) {
        size_t n = 0;
        for (size_t i = 0; i < w->sent.n; i++)
                n += w->sent.v[i].id == id && w->sent.v[i].kind == FRAME_DATA ? w->sent.v[i].len : 0;
        return n;
}
static inline struct sent *world_last(struct world *w, uint32_t id, enum frame_kind kind) {
        for (size_t i = w->sent.n; i-- > 0; )
                if (w->sent.v[i].id == id && w->sent.v[i].kind == kind)
                        return &w->sent.v[i];
        return NULL;
}
#define UNTIL_DATA(w, id, want) do {                                                    \
        auto_free char *got_ = NULL;                                                    \
        for (uint64_t end_ = time_mono_ms() + PATIENCE_MS; ; world_turn(w)) {           \
                free(got_);                                                             \
                got_ = world_data(w, id);                                               \
                if (strlen(got_) >= strlen(want) || time_mono_ms() > end_)              \
                        break;                                                          \
        }                                                                               \
        CHECK_STR(got_, ==, want);                                                      \
} while (0)
/* The end of a stream and its code; "" for a plain one. */
#define UNTIL_END(w, id, want_code) do {                                                \
        UNTIL(w, world_last(w, id, FRAME_END));                                         \
        struct sent *s_ = world_last(w, id, FRAME_END);                                 \
        AUTO(jv_put) json_object *o_ = s_->len ? jv_parse(s_->payload, s_->len, 65536, NULL) : NULL; \
        CHECK_STR(jv_str(o_, "code"), ==, want_code);                                   \
} while (0)
