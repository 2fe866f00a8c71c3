#include "streams.h"

#include <stdio.h>
#include <strings.h>

#include "base/log.h"
#include "core/hosts.h"
#include "formats/json.h"
#include "frame.h"
#include "proxy.h"
#include "targets.h"

enum {
        CLIENTS_MAX = 8192,
        LOW_BYTES = 32 * 1024,          /* what a client's socket may have queued before its host gets no more credit */
        MERGED_BYTES_MAX = 128 * 1024,  /* figures of many hosts: what a slow client does not take is left out */
        INPUT_BYTES_MAX = 256 * 1024,   /* input that waits for the host's credit: the client is paused long before */
        MESSAGE_BYTES_MAX = 4 * HOST_STREAM_PAYLOAD_MAX,
        QUEUE_BYTES_MAX = 512 * 1024, STALL_MS = 60000,
};
#define END_OF_TRANSMISSION "\x04"

struct streams { struct core *core; struct proxies *proxies; struct host_tokens *tokens; struct client *first; size_t n; };

struct target { struct host_stream stream; struct client *client; uint32_t unpassed; };

struct client {
        struct streams *all;            /* NULL: the server is ending */
        struct client *prev, *next;
        struct ws *ws;
        const struct stream_route *route;
        enum client_dialect dialect;
        struct target *targets;
        size_t n_targets, n_open;
        struct sbuf input;              /* waits for the host's credit */
        char *last_control;             /* {"eof":true}: behind the input; NULL: none */
        struct sbuf scratch;
        bool over;                      /* the end was said */
};

size_t streams_count(const struct streams *s) { return s->n; }

/* ---- from the host ---- */
static void pass(struct client *c) {
        uint32_t n = c->n_targets == 1 ? c->targets[0].unpassed : 0;
        if (!n)
                return;
        c->targets[0].unpassed = 0;
        host_stream_passed(&c->targets[0].stream, n);
}

static void send_data(struct client *c, const char *p, size_t n) {
        auto_sbuf struct sbuf out = SBUF(MESSAGE_BYTES_MAX);
        bool binary = client_frame_write(c->dialect, c->route->raw, p, n, &out);
        (void) ws_send(c->ws, binary ? WS_BINARY : WS_TEXT, sbuf_str(&out), out.len);   /* closing: on_close follows */
}

static void on_data(struct host_stream *s, const char *p, size_t n) {
        struct target *t = container_of(s, struct target, stream);
        struct client *c = t->client;
        if (c->n_targets > 1) {
                if (ws_queued_bytes(c->ws) < MERGED_BYTES_MAX)
                        send_data(c, p, n);
                host_stream_passed(s, n);
                return;
        }
        t->unpassed += (uint32_t) n;
        send_data(c, p, n);
        if (ws_queued_bytes(c->ws) < LOW_BYTES)
                pass(c);                /* else on_drain does */
}

static void send_framed(struct client *c, unsigned kind, const char *p, size_t n) {
        auto_sbuf struct sbuf out = SBUF(HOST_STREAM_CONTROL_MAX + 1);
        sbuf_putc(&out, (char) kind);
        sbuf_add(&out, p, n);
        if (sbuf_ok(&out))
                (void) ws_send(c->ws, WS_BINARY, sbuf_str(&out), out.len);
}

static void on_control(struct host_stream *s, const char *json, size_t n) {
        struct client *c = container_of(s, struct target, stream)->client;
        if (c->dialect == DIALECT_DROVER)
                send_framed(c, HOST_STREAM_CONTROL, json, n);
}

/* Upstream's dialects know one end, 1000; what failed is told by another code and a reason. */
static void say_end(struct client *c, const char *code, const char *message) {
        char reason[124];
        if (c->over)
                return;
        c->over = true;
        snprintf(reason, sizeof reason, "%s%s%s", code, *code && *message ? ": " : "", message);
        if (c->dialect == DIALECT_DROVER) {
                auto_sbuf struct sbuf out = SBUF(HOST_STREAM_CONTROL_MAX);
                struct jw w = JW(&out, 0);
                jw_begin_object(&w);
                jw_kstring(&w, "code", code);
                jw_kstring(&w, "message", message);
                jw_end(&w);
                send_framed(c, HOST_STREAM_END, sbuf_str(&out), out.len);
        }
        ws_close(c->ws, *code ? WS_CLOSE_INTERNAL : WS_CLOSE_NORMAL, *reason ? reason : NULL);
}

static void on_end(struct host_stream *s, const char *code, const char *message) {
        struct client *c = container_of(s, struct target, stream)->client;
        if (--c->n_open == 0)
                say_end(c, code, message);
}

/* ---- from the client ---- */
static void flush_input(struct client *c) {
        struct host_stream *s = &c->targets[0].stream;
        sbuf_consume(&c->input, host_stream_send(s, sbuf_str(&c->input), c->input.len));
        if (c->input.len)
                return;
        if (c->last_control)
                host_stream_control(s, c->last_control, strlen(c->last_control));
        free(dr_take(c->last_control));
}

static void on_credit(struct host_stream *s) {
        struct client *c = container_of(s, struct target, stream)->client;
        flush_input(c);
        if (!c->input.len)
                ws_resume(c->ws);
}

static void take_input(struct client *c, const char *p, size_t n) {
        size_t sent = c->input.len ? 0 : host_stream_send(&c->targets[0].stream, p, n);
        if (sent == n || !c->n_open)
                return;
        sbuf_add(&c->input, p + sent, n - sent);
        if (!sbuf_ok(&c->input))
                ws_close(c->ws, WS_CLOSE_TOO_BIG, "too much input at once");
        else
                ws_pause(c->ws);
}

static void take_control(struct client *c, const struct client_frame *f) {
        if (f->eof && c->input.len) {
                free(c->last_control);
                c->last_control = dr_xstrndup(f->p, f->n);
        } else {
                host_stream_control(&c->targets[0].stream, f->p, f->n);
        }
}

static void on_message(struct ws *w, unsigned opcode, const char *p, size_t n, void *arg) {
        struct client *c = arg;
        struct client_frame f;
        struct dr_error err;
        if (c->n_targets != 1 || c->over)
                return;
        if (client_frame_read(c->dialect, c->route->raw, opcode == WS_BINARY, p, n, &c->scratch, &f, &err) < 0) {
                ws_close(w, WS_CLOSE_POLICY, err.message);
                return;
        }
        switch (f.kind) {
        case CLIENT_DATA:       take_input(c, f.p, f.n); break;
        case CLIENT_CONTROL:    take_control(c, &f); break;
        case CLIENT_END:
                c->over = true;
                host_stream_close(&c->targets[0].stream, NULL, NULL);
                ws_close(w, WS_CLOSE_NORMAL, NULL);
                break;
        case CLIENT_IGNORE:     break;
        }
}

static void on_drain(struct ws *w, void *arg) {
        (void) w;
        pass(arg);
}

static void client_free(struct client *c) {
        if (c->all) {
                *(c->prev ? &c->prev->next : &c->all->first) = c->next;
                if (c->next)
                        c->next->prev = c->prev;
                c->all->n--;
        }
        sbuf_done(&c->input);
        sbuf_done(&c->scratch);
        free(c->last_control);
        free(c->targets);
        free(c);
}

static void on_close(struct ws *w, unsigned code, const char *reason, void *arg) {
        struct client *c = arg;
        (void) w;
        (void) code;
        (void) reason;
        if (c->route->is_exec && c->dialect != DIALECT_DROVER && c->n_open)
                (void) host_stream_send(&c->targets[0].stream, END_OF_TRANSMISSION, 1);
        for (size_t i = 0; i < c->n_targets; i++)
                host_stream_close(&c->targets[i].stream, NULL, NULL);
        client_free(c);
}

static const struct ws_events ws_events = { .on_message = on_message, .on_drain = on_drain, .on_close = on_close };
static const struct host_stream_events stream_events = { .on_data = on_data, .on_control = on_control, .on_credit = on_credit, .on_end = on_end };

/* ---- connecting ---- */
static void refuse(struct http_request *req, int status, const char *text) {
        static const struct http_header plain = { "Content-Type", "text/plain; charset=utf-8" };
        http_reply(req, status, &plain, 1, text, strlen(text));
}

/* ?token=, or Authorization: Bearer. Borrowed. */
static const char *token_of(const struct http_request *req) {
        const char *t = http_query_get(&req->query, "token"), *h = http_headers_get(&req->headers, "Authorization");
        if (t && *t)
                return t;
        return h && strncasecmp(h, "Bearer ", 7) == 0 ? h + 7 + strspn(h + 7, " ") : "";
}

static enum client_dialect dialect_of(const struct http_request *req) {
        static const enum client_dialect wanted[] = { DIALECT_DROVER, DIALECT_BINARY };
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                if (http_headers_has_token(&req->headers, "Sec-WebSocket-Protocol", client_dialect_protocol(wanted[i])))
                        return wanted[i];
        return DIALECT_TEXT;
}

static void open_targets(struct client *c, const struct stream_targets *list) {
        struct dr_error err = { 0 };
        c->targets = dr_xcalloc(list->n, sizeof *c->targets);
        c->n_targets = list->n;
        for (size_t i = 0; i < list->n; i++) {
                struct target *t = &c->targets[i];
                *t = (struct target) { .stream = { .ev = &stream_events }, .client = c };
                if (host_stream_open(c->all->core, list->v[i].host, &t->stream, list->v[i].kind, list->v[i].data, &err) == 0)
                        c->n_open++;
        }
        if (c->n_open)
                return;
        const char *code = !list->n ? "" : err.code == DR_E_TOO_MANY_REQUESTS ? "TooManyStreams" : err.code == DR_E_NOT_IMPLEMENTED ? "NotSupported"
                                                                                                 : "HostUnavailable";
        say_end(c, code, list->n ? err.message : "nothing is there to be watched");
}

static void join(struct streams *s, struct http_request *req, const struct stream_route *route, const struct stream_targets *list) {
        static const struct ws_options options = {
                .message_max = MESSAGE_BYTES_MAX, .queue_max = QUEUE_BYTES_MAX, .low_bytes = LOW_BYTES, .stall_ms = STALL_MS,
        };
        struct client *c = dr_xnew(struct client);
        c->route = route;
        c->dialect = dialect_of(req);
        c->input = (struct sbuf) SBUF(INPUT_BYTES_MAX);
        c->scratch = (struct sbuf) SBUF(MESSAGE_BYTES_MAX);
        http_request_trust(req);
        c->ws = http_upgrade_websocket(req, client_dialect_protocol(c->dialect), &options, &ws_events, c);
        if (!c->ws) {                   /* answered */
                client_free(c);
                return;
        }
        c->all = s;
        c->next = s->first;
        if (s->first)
                s->first->prev = c;
        s->first = c;
        s->n++;
        open_targets(c, list);
}

/* ---- HTTP to containers ---- */
static void to_login(struct http_request *req) {
        auto_sbuf struct sbuf to = SBUF(4 * HTTP_TARGET_BYTES_MAX);
        sbuf_puts(&to, "/login?redirectTo=");
        http_escape(&to, req->raw_path);
        struct http_header location = { "Location", sbuf_str(&to) };
        http_reply(req, 302, &location, 1, NULL, 0);
}

static void container_proxy(struct streams *s, struct http_request *req) {
        struct stream_targets list = { 0 };
        struct json_object *claims = NULL;
        struct dr_error err;
        const char *token = token_of(req), *auth = http_headers_get(&req->headers, "Authorization");
        bool by_header = !http_query_get(&req->query, "token") && *token;
        auto_free char *cookie = *token ? NULL : http_cookie_get(&req->headers, "token");
        if (!*token && !cookie) {
                to_login(req);
                return;
        }
        token = cookie ? cookie : token;
        int r = host_token_read(s->tokens, token, strlen(token), &claims, &err);
        if (r == 0)
                r = stream_proxy_target(s->core, claims, &list, &err);
        if (r < 0) {
                log_debug("a proxy is refused", "path", req->raw_path, "reason", err.message, "peer", req->peer, NULL);
                refuse(req, err.code == DR_E_NOT_FOUND ? 404 : 401, err.code == DR_E_NOT_FOUND ? err.message : "Failed authentication");
        } else {
                auto_free char *target = proxy_target(req, 2);
                proxy_start(s->proxies, req, &(struct proxy_spec) {
                        .host = list.v[0].host, .data = list.v[0].data, .target = target, .authorization = by_header ? NULL : auth,
                        .tls = str_eq(json_str(json_get_object(claims, "proxy"), "scheme", "http"), "https"),
                });
        }
        stream_targets_done(&list);
        json_object_put(claims);
}

void streams_proxy(struct streams *s, struct http_request *req, const struct record *container, unsigned port, bool tls, const char *target, const char *authorization) {
        const struct record *host = world_get(core_world(s->core), T_host, record_int(container, F_hostId));
        char uuid[RECORD_UUID_MAX];
        if (!host) {
                refuse(req, 503, "Service unavailable");
                return;
        }
        AUTO(json_free) struct json_object *data = json_object_new_object();
        json_set_str(data, "container", str_or(record_str(container, F_externalId), ""));
        json_set_str(data, "uuid", record_uuid(container, uuid));
        json_set_int(data, "port", port);
        proxy_start(s->proxies, req, &(struct proxy_spec) { .host = host, .data = data, .tls = tls, .target = target, .authorization = authorization });
}

bool streams_take(struct streams *s, struct http_request *req) {
        size_t n = req->path.n;
        while (n > 0 && !*req->path.seg[n - 1])
                n--;
        bool ours = n >= 2 && (str_eq(req->path.seg[0], "v1") || str_eq(req->path.seg[0], "v2-beta"));
        if (ours && str_eq(req->path.seg[1], "container-proxy")) {
                container_proxy(s, req);
                return true;
        }
        const struct stream_route *route = ours && n <= 3 ? stream_route_get(req->path.seg[1]) : NULL;
        if (!route)
                return false;
        struct stream_targets list = { 0 };
        struct json_object *claims = NULL;
        struct dr_error err;
        const char *token = token_of(req);
        int r = host_token_read(s->tokens, token, strlen(token), &claims, &err);
        if (r == 0)
                r = route->find(s->core, claims, n == 3 ? req->path.seg[2] : "", &list, &err);
        if (r < 0) {
                log_debug("a stream is refused", "path", req->raw_path, "reason", err.message, "peer", req->peer, NULL);
                refuse(req, err.code == DR_E_NOT_FOUND ? 404 : 401, err.code == DR_E_NOT_FOUND ? err.message : "Failed authentication");
        } else if (s->n >= CLIENTS_MAX) {
                refuse(req, 503, "too many streams are open");
        } else {
                join(s, req, route, &list);
        }
        stream_targets_done(&list);
        json_object_put(claims);
        return true;
}

int streams_new(struct loop *l, struct core *c, struct host_tokens *tokens, struct streams **ret, struct dr_error *err) {
        struct proxies *proxies = NULL;
        int r = proxies_new(l, c, &proxies, err);
        if (r < 0)
                return r;
        struct streams *s = dr_xnew(struct streams);
        *s = (struct streams) { .core = c, .tokens = tokens, .proxies = proxies };
        *ret = s;
        return 0;
}

struct streams *streams_free(struct streams *s) {
        while (s && s->first) {         /* those left have their last callback still to come */
                struct client *c = s->first;
                for (size_t i = 0; i < c->n_targets; i++)
                        host_stream_close(&c->targets[i].stream, NULL, NULL);
                c->n_open = 0;
                s->first = c->next;
                c->all = NULL;
        }
        if (s)
                proxies_free(s->proxies);
        free(s);
        return NULL;
}
