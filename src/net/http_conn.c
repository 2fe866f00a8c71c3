/* One connection of the HTTP server: input, limits, one request at a time. */
#include "base/times.h"
#include "net/http_conn.h"

#include <stdio.h>

enum { HEAD_MS = 10000, BODY_MS = 10000, IDLE_MS = 60000, STALL_MS = 60000, BODY_BPS_MIN = 1024, REFUSED = -2 };

static uint64_t now_ms(const struct http_conn *c) { return loop_now_ms(c->srv->loop); }
static void set_deadline(struct http_conn *c, uint64_t ms, uint64_t standard) {
        stream_set_deadline(c->s, now_ms(c) + (ms ? ms : standard));
}

static void request_free(struct request *r) {
        if (!r)
                return;
        loop_defer_cancel(r->c->srv->loop, http_reply_produce, r);
        http_path_done(&r->pub.path);
        http_query_done(&r->pub.query);
        http_headers_done(&r->pub.headers);
        free((void *) (uintptr_t) r->pub.method);
        free((void *) (uintptr_t) r->pub.target);
        free(r->raw_path);
        free(r->raw_query);
        free(r);
}

static void conn_free(struct http_conn *c) {
        http_parse_done(&c->parse);
        sbuf_done(&c->body);
        free(c);
}

/* The client left, or the head was refused after on_head saw it. */
static void abort_request(struct http_conn *c) {
        struct request *r = dr_take(c->req);
        if (!r)
                return;
        if (r->streaming) {
                if (r->ops->done)
                        r->ops->done(r->ops_arg);
        } else if (r->pub.on_abort) {
                r->pub.on_abort(&r->pub);
        }
        request_free(r);
}

void http_conn_refuse(struct http_conn *c, int status, const char *message) {
        if (stream_is_closing(c->s))
                return;
        http_conn_count(c, status);
        abort_request(c);
        struct http_server *srv = c->srv;
        auto_sbuf struct sbuf body = SBUF(64 * 1024), head = SBUF(1024);
        const char *type = "text/plain";
        if (srv->cfg.error_body)
                srv->cfg.error_body(status, message, &body, &type, srv->cfg.arg);
        else
                sbuf_printf(&body, "%s\n", message);
        sbuf_printf(&head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n", status, http_status_text(status), type);
        if (srv->cfg.server_name)
                sbuf_printf(&head, "Server: %s\r\n", srv->cfg.server_name);
        if (status == 405)
                sbuf_puts(&head, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
        sbuf_printf(&head, "Date: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", http_server_date(srv), body.len);
        if (body.len && !str_eq(c->parse.head.method, "HEAD"))
                sbuf_add(&head, body.data, body.len);
        (void) stream_write(c->s, sbuf_str(&head), head.len);   /* gone already: nothing is owed */
        stream_finish(c->s);
}

void http_conn_trust(struct http_conn *c) {
        struct address_count *a = dr_take(c->address);
        if (a && --a->n == 0) {
                smap_del(&c->srv->by_address, a->peer);
                free(a);
        }
}

/* ---- requests ---- */

static struct request *make_request(struct http_conn *c, struct http_head *h) {
        struct request *r = dr_xnew(struct request);
        r->c = c;
        r->keep_alive = h->keep_alive;
        const char *q = strchr(h->target, '?');
        r->raw_path = q ? dr_xstrndup(h->target, (size_t) (q - h->target)) : dr_xstrdup(h->target);
        r->raw_query = q ? dr_xstrdup(q + 1) : NULL;
        struct http_request *p = &r->pub;
        p->method = dr_xstrdup(h->method);
        p->verb = verb_from_string(h->method);
        p->target = dr_take(h->target);
        p->raw_path = r->raw_path;
        p->raw_query = r->raw_query;
        p->headers = h->headers;
        h->headers = (struct http_headers) { 0 };
        p->host = str_or(http_headers_get(&p->headers, "host"), "");
        p->minor = h->minor;
        p->tls = stream_is_tls(c->s);
        p->began_us = time_mono_us();
        p->peer = stream_peer(c->s);
        p->body_max = c->srv->cfg.body_max ? c->srv->cfg.body_max : HTTP_BODY_BYTES_MAX;
        c->req = r;
        if (!str_eq(r->raw_path, "*") && http_path_parse(r->raw_path, strlen(r->raw_path), &p->path) < 0)
                return NULL;
        if (q && http_query_parse(r->raw_query, strlen(r->raw_query), &p->query) < 0)
                return NULL;
        return r;
}

static int refuse_head(struct http_parse *p, int status, const char *message) {
        p->status = status;
        p->message = message;
        return HTTP_GO_STOP;
}

static int on_head(struct http_parse *p, struct http_head *h) {
        struct http_conn *c = p->arg;
        c->body_bytes = c->body_mark = 0;
        c->body_pending = h->chunked || h->length > 0;
        c->n_requests++;
        struct request *r = make_request(c, h);
        if (!r)
                return refuse_head(p, 400, "bad escape in the request target");
        if (c->srv->cfg.on_head) {
                c->srv->cfg.on_head(&r->pub, c->srv->cfg.arg);
                if (!c->req)            /* answered already: with a body to come the connection is closing */
                        return c->body_pending ? refuse_head(p, REFUSED, "answered") : HTTP_GO_BODY;
        }
        if (h->length > 0 && (uint64_t) h->length > r->pub.body_max)
                return refuse_head(p, 413, "the request body is too large");
        if (c->body_pending) {
                if (h->expect_continue)
                        (void) stream_write(c->s, "HTTP/1.1 100 Continue\r\n\r\n", 25);
                set_deadline(c, c->srv->cfg.body_ms, BODY_MS);
        }
        return HTTP_GO_BODY;
}

static int on_body(struct http_parse *p, const char *at, size_t n) {
        struct http_conn *c = p->arg;
        c->body_bytes += n;
        if (!c->req)                            /* answered from on_body: closing */
                return refuse_head(p, REFUSED, "answered");
        if (c->body_bytes > c->req->pub.body_max)
                return refuse_head(p, 413, "the request body is too large");
        if (c->req->pub.on_body)
                return c->req->pub.on_body(&c->req->pub, at, n);
        sbuf_add(&c->body, at, n);
        return 0;
}

/* The request is complete. Afterwards it is answered, waits for its answer, or the stream has been handed over. */
static void handle(struct http_conn *c) {
        c->body_pending = false;
        struct request *r = c->req;
        if (!r) {                               /* on_head answered it */
                http_parse_next(&c->parse);
                return;
        }
        stream_set_deadline(c->s, 0);
        if (c->body.len) {
                r->pub.body = c->body.data;
                r->pub.body_len = c->body.len;
        }
        c->handling = true;
        c->srv->cfg.handler(&r->pub, c->srv->cfg.arg);
}

void http_conn_request_done(struct http_conn *c, bool keep) {
        struct request *r = dr_take(c->req);
        keep = keep && r->keep_alive && !c->body_pending && !c->srv->draining;
        request_free(r);
        sbuf_done(&c->body);
        if (c->handling)                        /* else still inside the parser, or the body is coming: handle() or the close does it */
                http_parse_next(&c->parse);
        bool was_handling = c->handling;
        c->handling = false;
        if (stream_is_closing(c->s))
                return;
        if (!keep)
                return stream_finish(c->s);
        set_deadline(c, c->srv->cfg.idle_ms, IDLE_MS);
        if (c->in_input || !was_handling)
                return;
        if (c->eof && !c->s->unread.len)
                return stream_finish(c->s);
        if (stream_queued_bytes(c->s) >= STREAM_HIGH_BYTES)
                c->hold_drain = true;           /* a client that pipelines without reading waits */
        else
                stream_release(c->s);
}

struct stream *http_conn_detach(struct http_conn *c) {
        struct stream *s = dr_take(c->s);
        request_free(dr_take(c->req));
        http_conn_trust(c);                     /* an upgrade is given to those who may have it: the handler decided */
        stream_set_events(s, NULL, NULL);
        stream_set_deadline(s, 0);
        stream_set_queue_max(s, STREAM_QUEUE_MAX);
        stream_set_stall_ms(s, 0);
        if (c->n_rest)
                stream_unread(s, c->rest, c->n_rest);
        stream_release(s);
        if (!c->in_input)
                conn_free(c);
        return s;
}

/* ---- stream callbacks ---- */

static int on_data(struct stream *s, const char *p, size_t n, void *arg) {
        struct http_conn *c = arg;
        c->in_input = true;
        while (n > 0 && c->s && !stream_is_closing(s)) {
                if (http_parse_is_idle(&c->parse))
                        set_deadline(c, c->srv->cfg.head_ms, HEAD_MS);
                size_t used;
                int r = http_parse_run(&c->parse, p, n, &used);
                p += used;
                n -= used;
                if (r < 0) {
                        if (c->parse.status != REFUSED)
                                http_conn_refuse(c, c->parse.status == 501 && c->srv->cfg.unknown_method_status ? c->srv->cfg.unknown_method_status : c->parse.status, c->parse.message);
                        break;
                }
                if (r == HTTP_PARSE_MORE)
                        break;
                c->rest = p;
                c->n_rest = n;
                handle(c);
                if (!c->s || stream_is_closing(s))
                        break;
                c->hold_drain = !c->req && stream_queued_bytes(s) >= STREAM_HIGH_BYTES;
                if (c->req || c->hold_drain) {  /* answered later, or the client does not read: what follows waits */
                        stream_hold(s);
                        if (n)
                                stream_unread(s, p, n);
                        break;
                }
        }
        c->in_input = false;
        c->rest = NULL;
        c->n_rest = 0;
        if (!c->s)
                conn_free(c);
        else if (c->eof && !c->req && !s->unread.len)
                stream_finish(s);
        return 0;
}

static void on_eof(struct stream *s, void *arg) {
        struct http_conn *c = arg;
        c->eof = true;
        if (c->req && c->handling) {
                if (c->req->pub.abort_on_eof)
                        stream_close(s);
                return;                         /* half-closed: the peer still wants its answer */
        }
        if (s->unread.len)
                return;
        if (c->req || !http_parse_is_idle(&c->parse))
                stream_close(s);                /* in the middle of a request */
        else
                stream_finish(s);
}

static void on_drain(struct stream *s, void *arg) {
        struct http_conn *c = arg;
        if (c->hold_drain) {
                c->hold_drain = false;
                stream_release(s);
        }
        if (c->req && c->req->streaming)
                http_reply_produce(c->req);
}

static void on_deadline(struct stream *s, void *arg) {
        struct http_conn *c = arg;
        if (http_parse_is_idle(&c->parse))
                return stream_close(s);
        uint64_t window_ms = c->srv->cfg.body_ms ? c->srv->cfg.body_ms : BODY_MS;
        if (c->body_pending && (c->body_bytes - c->body_mark) * 1000 >= BODY_BPS_MIN * window_ms) {
                c->body_mark = c->body_bytes;
                return set_deadline(c, window_ms, BODY_MS);
        }
        http_conn_refuse(c, 408, "the request did not arrive in time");
}

static void on_close(struct stream *s, int why, void *arg) {
        struct http_conn *c = arg;
        (void) s;
        (void) why;
        abort_request(c);
        http_conn_trust(c);
        conn_free(c);
}

const struct stream_events http_conn_events = {
        .on_data = on_data, .on_eof = on_eof, .on_drain = on_drain, .on_deadline = on_deadline, .on_close = on_close,
};

struct http_conn *http_conn_new(struct http_server *srv, struct stream *s) {
        struct http_conn *c = dr_xnew(struct http_conn);
        *c = (struct http_conn) { .srv = srv, .s = s, .body = SBUF(SIZE_MAX / 2) };     /* body_max is checked before each piece */
        http_parse_init(&c->parse, false);
        c->parse.on_head = on_head;
        c->parse.on_body = on_body;
        c->parse.arg = c;
        stream_set_events(s, &http_conn_events, c);
        stream_set_queue_max(s, SIZE_MAX);      /* one reply at a time, streams keep their own mark */
        stream_set_stall_ms(s, srv->cfg.stall_ms ? srv->cfg.stall_ms : STALL_MS);
        set_deadline(c, srv->cfg.head_ms, HEAD_MS);
        return c;
}
