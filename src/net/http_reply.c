/* Replies, streamed replies and upgrades of the HTTP server. */
#include <stdio.h>
#include <time.h>

#include "net/http_conn.h"
#include "net/ws-internal.h"

enum { ONE_BUF_BYTES = 16 * 1024, HEAD_OUT_BYTES_MAX = 64 * 1024, PRODUCE_CALLS_MAX = 64 };

const char *http_server_date(struct http_server *srv) {
        int64_t s = time(NULL);
        if (s != srv->date_s) {
                struct tm tm;
                time_t t = s;
                gmtime_r(&t, &tm);
                strftime(srv->date, sizeof srv->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
                srv->date_s = s;
        }
        return srv->date;
}

/* A value may hold what a client sent: it must not be able to start a header of its own. */
static void add_header(struct sbuf *b, const char *name, const char *value) {
        sbuf_puts(b, name);
        sbuf_add(b, ": ", 2);
        size_t from = b->len;
        sbuf_puts(b, value);
        for (size_t i = from; i < b->len; i++)
                if (b->data[i] == '\r' || b->data[i] == '\n')
                        b->data[i] = ' ';
        sbuf_add(b, "\r\n", 2);
}

static void start_head(struct sbuf *b, struct http_conn *c, int status, const struct http_header *extra, size_t n_extra) {
        sbuf_printf(b, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
        for (size_t i = 0; i < n_extra; i++)
                add_header(b, extra[i].name, extra[i].value);
        if (c->srv->cfg.server_name)
                add_header(b, "Server", c->srv->cfg.server_name);
        add_header(b, "Date", http_server_date(c->srv));
}

static void end_head(struct sbuf *b, const struct request *r, bool keep) {
        if (!keep)
                sbuf_puts(b, "Connection: close\r\n");
        else if (r->pub.minor == 0)
                sbuf_puts(b, "Connection: keep-alive\r\n");
        sbuf_puts(b, "\r\n");
}

static bool can_keep(const struct request *r) { return r->keep_alive && !r->c->body_pending && !r->c->srv->draining; }
static bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

static void reply(struct request *r, int status, const struct http_header *extra, size_t n_extra, const void *body, size_t len,
                  struct buf *counted) {
        assert(!r->streaming);
        struct http_conn *c = r->c;
        http_conn_count(c, status);
        auto_sbuf struct sbuf head = SBUF(HEAD_OUT_BYTES_MAX + ONE_BUF_BYTES);
        start_head(&head, c, status, extra, n_extra);
        if (!has_no_body(status))
                sbuf_printf(&head, "Content-Length: %zu\r\n", len);
        bool keep = can_keep(r);
        end_head(&head, r, keep);
        assert(sbuf_ok(&head));
        bool send_body = len && !has_no_body(status) && r->pub.verb != VERB_HEAD;
        if (send_body && len <= ONE_BUF_BYTES) {
                sbuf_add(&head, body, len);
                send_body = false;
        }
        int w = stream_write(c->s, head.data, head.len);
        if (w == 0 && send_body && counted)
                (void) stream_write_buf(c->s, counted);         /* gone: on_close comes anyway */
        else if (w == 0 && send_body)
                (void) stream_write(c->s, body, len);
        http_conn_request_done(c, keep);
}

void http_reply(struct http_request *req, int status, const struct http_header *extra, size_t n_extra, const void *body, size_t len) {
        reply((struct request *) req, status, extra, n_extra, body, len, NULL);
}

void http_reply_buf(struct http_request *req, int status, const struct http_header *extra, size_t n_extra, struct buf *body) {
        reply((struct request *) req, status, extra, n_extra, body->data, body->len, body);
}

void http_reply_error(struct http_request *req, int status, const char *message) {
        const struct http_server_config *cfg = &((struct request *) req)->c->srv->cfg;
        auto_sbuf struct sbuf body = SBUF(64 * 1024);
        const char *type = "text/plain";
        if (!message)
                message = http_status_text(status);
        if (cfg->error_body)
                cfg->error_body(status, message, &body, &type, cfg->arg);
        else
                sbuf_printf(&body, "%s\n", message);
        struct http_header h[] = { { "Content-Type", type }, { "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" } };
        http_reply(req, status, h, status == 405 ? 2 : 1, sbuf_str(&body), body.len);
}

/* ---- streamed replies ---- */

static void stream_end(struct request *r, bool complete) {
        struct http_conn *c = r->c;
        if (complete && r->chunked)
                (void) stream_write(c->s, "0\r\n\r\n", 5);
        const struct http_producer *ops = r->ops;
        void *arg = r->ops_arg;
        bool keep = complete && (r->chunked || r->left == 0);
        if (!complete)
                stream_close(c->s);             /* the client sees that the body is cut off */
        http_conn_request_done(c, keep);
        if (ops->done)
                ops->done(arg);
}

void http_reply_produce(void *request) {
        struct request *r = request;
        r->produce_deferred = false;
        struct stream *s = r->c->s;
        if (s->closing)
                return;                         /* on_close tells the producer */
        for (unsigned i = 0; i < PRODUCE_CALLS_MAX && stream_queued_bytes(s) < STREAM_LOW_BYTES; i++) {
                int k = r->ops->produce(&r->pub, r->ops_arg);
                if (s->closing || k == 0)
                        return;
                if (k < 0 || k == HTTP_STREAM_END)
                        return stream_end(r, k == HTTP_STREAM_END && r->left <= 0);
        }
        if (stream_queued_bytes(s) < STREAM_LOW_BYTES)          /* small pieces: the others' turn */
                http_stream_wake(&r->pub);
}

void http_reply_stream(struct http_request *req, int status, const struct http_header *extra, size_t n_extra, int64_t length,
                       const struct http_producer *ops, void *arg) {
        struct request *r = (struct request *) req;
        struct http_conn *c = r->c;
        assert(!r->streaming && c->handling);
        http_conn_count(c, status);
        r->chunked = length < 0 && r->pub.minor > 0;
        r->left = length < 0 ? -1 : length;
        if (length < 0 && !r->chunked)
                r->keep_alive = false;
        auto_sbuf struct sbuf head = SBUF(HEAD_OUT_BYTES_MAX);
        start_head(&head, c, status, extra, n_extra);
        if (r->chunked)
                sbuf_puts(&head, "Transfer-Encoding: chunked\r\n");
        else if (length >= 0)
                sbuf_printf(&head, "Content-Length: %lld\r\n", (long long) length);
        bool keep = can_keep(r);
        r->keep_alive = keep;
        end_head(&head, r, keep);
        assert(sbuf_ok(&head));
        (void) stream_write(c->s, head.data, head.len);
        if (r->pub.verb == VERB_HEAD || has_no_body(status)) {
                http_conn_request_done(c, keep);
                if (ops->done)
                        ops->done(arg);
                return;
        }
        r->streaming = true;
        r->ops = ops;
        r->ops_arg = arg;
        http_stream_wake(req);
}

static int piece(struct request *r, size_t n) {
        if (stream_is_closing(r->c->s))
                return -EPIPE;
        if (stream_queued_bytes(r->c->s) > STREAM_QUEUE_MAX)
                return -ENOBUFS;
        if (r->left >= 0) {
                if (n > (uint64_t) r->left)
                        return -EMSGSIZE;
                r->left -= (int64_t) n;
        }
        if (r->chunked) {
                char size[24];
                int k = snprintf(size, sizeof size, "%zx\r\n", n);
                return stream_write(r->c->s, size, (size_t) k);
        }
        return 0;
}

int http_stream_write_buf(struct http_request *req, struct buf *b) {
        struct request *r = (struct request *) req;
        assert(r->streaming);
        if (!b->len)
                return 0;                       /* an empty chunk would end the body */
        int k = piece(r, b->len);
        if (k == 0)
                k = stream_write_buf(r->c->s, b);
        if (k == 0 && r->chunked)
                k = stream_write(r->c->s, "\r\n", 2);
        return k;
}

int http_stream_write(struct http_request *req, const void *p, size_t n) {
        struct request *r = (struct request *) req;
        assert(r->streaming);
        if (!n)
                return 0;
        if (!r->chunked || n > ONE_BUF_BYTES) {
                AUTO(buf_unref) struct buf *b = buf_copy(p, n);
                return http_stream_write_buf(req, b);
        }
        if (stream_is_closing(r->c->s))
                return -EPIPE;
        if (stream_queued_bytes(r->c->s) > STREAM_QUEUE_MAX)
                return -ENOBUFS;
        char size[24];
        size_t k = (size_t) snprintf(size, sizeof size, "%zx\r\n", n);
        AUTO(buf_unref) struct buf *b = buf_new(k + n + 2);
        memcpy(b->data, size, k);
        memcpy(b->data + k, p, n);
        memcpy(b->data + k + n, "\r\n", 2);
        return stream_write_buf(r->c->s, b);
}

void http_stream_wake(struct http_request *req) {
        struct request *r = (struct request *) req;
        if (r->produce_deferred || !r->streaming)
                return;
        r->produce_deferred = true;
        loop_defer(r->c->srv->loop, http_reply_produce, r);
}

/* ---- upgrades ---- */

bool http_request_wants_websocket(const struct http_request *req) {
        return http_headers_has_token(&req->headers, "upgrade", "websocket") &&
               http_headers_has_token(&req->headers, "connection", "upgrade");
}

struct ws *http_upgrade_websocket(struct http_request *req, const char *protocol, const struct ws_options *options,
                                  const struct ws_events *ev, void *arg) {
        struct http_conn *c = ((struct request *) req)->c;
        const char *version = http_headers_get(&req->headers, "sec-websocket-version");
        const char *key = http_headers_get(&req->headers, "sec-websocket-key");
        if (req->verb != VERB_GET || req->minor != 1 || req->body_len || !http_request_wants_websocket(req)) {
                http_reply_error(req, 400, "this address speaks websocket only");
                return NULL;
        }
        if (!str_eq(version, "13")) {
                struct http_header h[] = { { "Sec-WebSocket-Version", "13" }, { "Upgrade", "websocket" } };
                http_reply(req, 426, h, 2, NULL, 0);
                return NULL;
        }
        if (!key || strlen(key) != 24) {
                http_reply_error(req, 400, "Sec-WebSocket-Key is not 24 characters long");
                return NULL;
        }
        if (c->srv->draining) {
                http_reply_error(req, 503, "the server is stopping");
                return NULL;
        }
        char accept[WS_ACCEPT_CHARS + 1];
        ws_accept_value(key, accept);
        auto_sbuf struct sbuf head = SBUF(4096);
        sbuf_printf(&head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %s\r\n", accept);
        if (protocol)
                add_header(&head, "Sec-WebSocket-Protocol", protocol);
        sbuf_puts(&head, "\r\n");
        http_conn_count(c, 101);
        struct stream *s = http_conn_detach(c);
        (void) stream_write(s, head.data, head.len);            /* gone: on_close comes */
        return ws_new(s, true, options, ev, arg);
}

struct stream *http_upgrade_raw(struct http_request *req, const char *protocol, const struct stream_events *ev, void *arg) {
        return http_upgrade_raw_with(req, protocol, NULL, 0, ev, arg);
}

struct stream *http_upgrade_raw_with(struct http_request *req, const char *protocol, const struct http_header *extra, size_t n_extra,
                                     const struct stream_events *ev, void *arg) {
        struct http_conn *c = ((struct request *) req)->c;
        auto_sbuf struct sbuf head = SBUF(HEAD_OUT_BYTES_MAX);
        sbuf_puts(&head, "HTTP/1.1 101 Switching Protocols\r\n");
        add_header(&head, "Upgrade", protocol);
        for (size_t i = 0; i < n_extra; i++)
                add_header(&head, extra[i].name, extra[i].value);
        sbuf_puts(&head, "Connection: Upgrade\r\n\r\n");
        http_conn_count(c, 101);
        struct stream *s = http_conn_detach(c);
        stream_set_events(s, ev, arg);
        (void) stream_write(s, head.data, head.len);            /* gone: on_close comes */
        return s;
}

void http_request_trust(struct http_request *req) { http_conn_trust(((struct request *) req)->c); }
struct loop *http_request_loop(const struct http_request *req) { return ((const struct request *) req)->c->srv->loop; }
