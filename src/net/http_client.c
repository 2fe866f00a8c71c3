#include "net/http_client.h"

#include <stdio.h>

#include "net/http_parse.h"
#include "net/stream-internal.h"

enum { IDLE_MAX = 8, IDLE_MS = 30000, CONNECT_MS = 5000, FIRST_BYTE_MS = 30000, HEAD_OUT_BYTES_MAX = 64 * 1024 };

struct idle {                           /* a connection between two calls */
        struct http_client *client;
        struct stream *s;
        char *key;
        struct idle *next, **pprev;
};

struct http_client {
        struct loop *loop;
        struct http_client_config cfg;
        char *user_agent;
        struct tls_ctx *tls;
        struct idle *idle;              /* newest first */
        struct http_call *calls;
};

enum phase { PHASE_CONNECT, PHASE_FIRST_BYTE, PHASE_BODY };

struct lookup { uv_getaddrinfo_t req; struct http_call *call; };       /* call NULL: cancelled */

struct http_call {
        struct http_client *client;
        struct http_call *next, **pprev;
        struct http_url url;
        char *key, *method;
        struct buf *head, *body_out;
        struct http_call_spec spec;     /* pointers in it are not used after the start, but events and arg */
        struct stream *s;               /* NULL: none yet, or handed over */
        struct lookup *lookup;
        struct addrinfo *addrs, *addr;  /* addr: the next to try */
        struct timer *timer;
        enum phase phase;
        uint64_t phase_at_ms, total_at_ms;      /* deadlines; 0: none */
        uint64_t sent_ms;
        struct http_parse parse;
        struct http_response res;
        struct sbuf body;
        struct dr_error err;
        int result;
        bool reused, retried, got_bytes, in_input, cancelled, finished, upload_ended, paused, over;
};

static void call_begin(void *arg);
static void call_fail(struct http_call *c, enum dr_code code, const char *fmt, ...) DR_PRINTF(3, 4);

void http_response_done(struct http_response *r) {
        http_headers_done(&r->headers);
        free(r->body);
        *r = (struct http_response) { 0 };
}

/* ---- idle connections ---- */

static void idle_drop(struct idle *i) {
        *i->pprev = i->next;
        if (i->next)
                i->next->pprev = i->pprev;
        free(i->key);
        free(i);
}

static void idle_close(struct idle *i) {
        stream_set_events(i->s, NULL, NULL);
        stream_close(i->s);
        idle_drop(i);
}

static int idle_on_data(struct stream *s, const char *p, size_t n, void *arg) {
        idle_close(arg);                /* nobody asked */
        return 0;
}
static void idle_on_end(struct stream *s, void *arg) { idle_close(arg); }
static void idle_on_close(struct stream *s, int why, void *arg) { idle_drop(arg); }
static const struct stream_events idle_events = {
        .on_data = idle_on_data, .on_eof = idle_on_end, .on_deadline = idle_on_end, .on_close = idle_on_close,
};

static void idle_put(struct http_client *cl, struct stream *s, const char *key) {
        unsigned n = 0, max = cl->cfg.idle_max ? cl->cfg.idle_max : IDLE_MAX;
        struct idle *oldest = NULL;
        for (struct idle *i = cl->idle; i; i = i->next)
                if (strcmp(i->key, key) == 0) {
                        n++;
                        oldest = i;
                }
        if (n >= max)
                idle_close(oldest);
        struct idle *i = dr_xnew(struct idle);
        *i = (struct idle) { .client = cl, .s = s, .key = dr_xstrdup(key), .next = cl->idle, .pprev = &cl->idle };
        if (i->next)
                i->next->pprev = &i->next;
        cl->idle = i;
        stream_set_events(s, &idle_events, i);
        stream_set_deadline(s, loop_now_ms(cl->loop) + (cl->cfg.idle_ms ? cl->cfg.idle_ms : IDLE_MS));
        uv_unref(&s->h.handle);         /* it does not keep the loop going */
}

static struct stream *idle_take(struct http_client *cl, const char *key) {
        for (struct idle *i = cl->idle; i; i = i->next)
                if (strcmp(i->key, key) == 0 && !stream_is_closing(i->s)) {
                        struct stream *s = i->s;
                        idle_drop(i);
                        uv_ref(&s->h.handle);
                        stream_set_deadline(s, 0);
                        return s;
                }
        return NULL;
}

/* ---- client ---- */

int http_client_new(struct loop *l, const struct http_client_config *cfg, struct http_client **ret, struct dr_error *err) {
        static const struct http_client_config none;
        if (!cfg)
                cfg = &none;
        struct tls_ctx *tls;
        int r = tls_client_ctx_new(&cfg->tls, &tls, err);
        if (r < 0)
                return r;
        struct http_client *cl = dr_xnew(struct http_client);
        cl->loop = l;
        cl->cfg = *cfg;
        cl->tls = tls;
        cl->user_agent = dr_xstrdup(cfg->user_agent ? cfg->user_agent : "drover/" DROVER_VERSION);
        *ret = cl;
        return 0;
}

struct http_client *http_client_free(struct http_client *cl) {
        if (!cl)
                return NULL;
        while (cl->calls)
                http_call_cancel(cl->calls);
        while (cl->idle)
                idle_close(cl->idle);
        tls_ctx_unref(cl->tls);
        free(cl->user_agent);
        free(cl);
        return NULL;
}

/* ---- life of a call ---- */

static void call_unlink(struct http_call *c) {
        if (!c->pprev)
                return;
        *c->pprev = c->next;
        if (c->next)
                c->next->pprev = c->pprev;
        c->pprev = NULL;
}

static void drop_stream(struct http_call *c) {
        struct stream *s = dr_take(c->s);
        if (s) {
                stream_set_events(s, NULL, NULL);
                stream_close(s);
        }
}

static void call_free(struct http_call *c) {
        http_url_done(&c->url);
        free(c->key);
        free(c->method);
        buf_unref(c->head);
        buf_unref(c->body_out);
        http_parse_done(&c->parse);
        http_response_done(&c->res);
        sbuf_done(&c->body);
        free(c);
}

/* Lets go of everything that could call back. */
static void call_detach(struct http_call *c) {
        call_unlink(c);
        drop_stream(c);
        if (c->lookup) {
                uv_cancel((uv_req_t *) &c->lookup->req);        /* may be running: its callback frees it in both cases */
                c->lookup->call = NULL;
                c->lookup = NULL;
        }
        if (c->addrs)
                uv_freeaddrinfo(dr_take(c->addrs));
        c->timer = timer_free(c->timer);
}

void http_call_cancel(struct http_call *c) {
        if (c->finished || c->cancelled)
                return;
        loop_defer_cancel(c->client->loop, call_begin, c);
        if (c->spec.over)
                c->s = dr_take(c->spec.over);           /* not begun yet */
        call_detach(c);
        c->cancelled = true;
        if (c->spec.events->on_cancel)
                c->spec.events->on_cancel(c->spec.arg);
        if (!c->in_input)
                call_free(c);
}

static void call_finish(struct http_call *c) {
        c->finished = true;
        call_detach(c);
        if (!c->spec.events->on_body && c->body.len) {
                c->res.body_len = c->body.len;
                c->res.body = sbuf_steal(&c->body);
        }
        c->spec.events->on_done(c, c->result, &c->res, c->result < 0 ? &c->err : NULL, c->spec.arg);
        if (!c->in_input)
                call_free(c);
}

static void call_fail(struct http_call *c, enum dr_code code, const char *fmt, ...) {
        char why[300];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(why, sizeof why, fmt, ap);
        va_end(ap);
        const char *where = c->url.unix_path ? c->url.unix_path : c->url.authority;
        c->result = dr_fail(&c->err, code, NULL, "could not %s \"%.200s\" at \"%.100s\": %s", c->method, c->url.target, where, why);
        call_finish(c);
}

/* ---- deadlines ---- */

static void arm(struct http_call *c) {
        uint64_t at = c->phase_at_ms, now = loop_now_ms(c->client->loop);
        if (c->total_at_ms && (!at || c->total_at_ms < at))
                at = c->total_at_ms;
        if (at)
                timer_start(c->timer, at > now ? at - now : 0);
        else
                timer_stop(c->timer);
}

static void set_phase(struct http_call *c, enum phase phase, uint64_t ms) {
        c->phase = phase;
        c->phase_at_ms = ms && ms != UINT64_MAX ? loop_now_ms(c->client->loop) + ms : 0;
        arm(c);
}

static void on_timer(void *arg) {
        struct http_call *c = arg;
        uint64_t now = loop_now_ms(c->client->loop);
        if (c->total_at_ms && now >= c->total_at_ms)
                return call_fail(c, DR_E_TIMEOUT, "no complete answer in time");
        if (!c->phase_at_ms || now < c->phase_at_ms)
                return arm(c);
        switch (c->phase) {
        case PHASE_CONNECT:
                if (c->s && c->sent_ms && (!c->s->ssl || SSL_is_init_finished(c->s->ssl)))
                        return set_phase(c, PHASE_FIRST_BYTE, c->spec.first_byte_ms ? c->spec.first_byte_ms : FIRST_BYTE_MS);
                return call_fail(c, DR_E_TIMEOUT, "no connection in time");
        case PHASE_FIRST_BYTE:
                return call_fail(c, DR_E_TIMEOUT, "no answer in time");
        case PHASE_BODY:
                if (c->paused)
                        return set_phase(c, PHASE_BODY, c->spec.idle_ms);
                return call_fail(c, DR_E_TIMEOUT, "the answer stopped in the middle");
        }
}

/* ---- answer ---- */

static bool is_idempotent(const char *method) {
        static const char *const ok[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" };
        for (size_t i = 0; i < ARRAY_LEN(ok); i++)
                if (strcmp(method, ok[i]) == 0)
                        return true;
        return false;
}

/* The connection ended before any byte of the answer. */
static bool retry(struct http_call *c) {
        if (!c->reused || c->retried || c->got_bytes || c->spec.upload || !(is_idempotent(c->method) || c->spec.retry_any))
                return false;
        c->retried = true;
        drop_stream(c);
        http_parse_done(&c->parse);
        loop_defer(c->client->loop, call_begin, c);
        return true;
}

static int on_head(struct http_parse *p, struct http_head *h) {
        struct http_call *c = p->arg;
        if (h->status < 200 && h->status != 101)
                return HTTP_GO_BODY;
        if (h->status == 101 && !c->spec.upgrade) {
                p->status = 502;
                p->message = "the peer changes to a protocol that was not asked for";
                return HTTP_GO_STOP;
        }
        c->res.status = h->status;
        c->res.headers = h->headers;
        h->headers = (struct http_headers) { 0 };
        set_phase(c, PHASE_BODY, c->spec.idle_ms);
        if (c->spec.events->on_head)
                c->spec.events->on_head(c, &c->res, c->spec.arg);
        if (c->cancelled)
                return HTTP_GO_STOP;
        if (str_eq(c->method, "HEAD") || h->status == 204 || h->status == 304)         /* the parser believes a length there */
                return HTTP_GO_NO_BODY;
        return h->status == 200 && c->spec.hijack_on_200 ? HTTP_GO_UPGRADE : HTTP_GO_BODY;
}

static int on_body(struct http_parse *p, const char *at, size_t n) {
        struct http_call *c = p->arg;
        if (!c->res.status)
                return 0;
        if (c->spec.events->on_body) {
                c->spec.events->on_body(c, at, n, c->spec.arg);
                return c->cancelled ? -1 : 0;
        }
        sbuf_add(&c->body, at, n);
        return sbuf_ok(&c->body) ? 0 : -1;
}

static void answered(struct http_call *c, const char *rest, size_t n_rest) {
        bool hijack = c->res.status == 101 || (c->res.status == 200 && c->spec.hijack_on_200);
        struct stream *s = c->s;
        if (hijack) {
                c->s = NULL;
                stream_set_events(s, NULL, NULL);
                stream_set_queue_max(s, STREAM_QUEUE_MAX);
                if (n_rest)
                        stream_unread(s, rest, n_rest);
                if (c->paused)
                        stream_resume(s);
                if (c->spec.events->on_upgrade)
                        c->spec.events->on_upgrade(c, s, c->spec.arg);
                else
                        stream_close(s);
                if (c->cancelled)
                        return;
        } else if (!c->over && http_parse_keep_alive(&c->parse) && n_rest == 0 && !s->eof && !s->ssl == !c->url.tls && !stream_queued_bytes(s) &&
                   (!c->spec.upload || c->upload_ended) && !stream_is_closing(s)) {
                c->s = NULL;
                if (c->paused)
                        stream_resume(s);
                idle_put(c->client, s, c->key);
        }
        call_finish(c);
}

static void fail_parse(struct http_call *c) {
        if (!c->spec.events->on_body && !sbuf_ok(&c->body))
                call_fail(c, DR_E_TOO_LARGE, "the answer is larger than %zu bytes", c->body.max);
        else
                call_fail(c, DR_E_UNAVAILABLE, "bad answer: %s", c->parse.message);
}

static int on_data(struct stream *s, const char *p, size_t n, void *arg) {
        struct http_call *c = arg;
        c->in_input = c->got_bytes = true;
        if (c->phase == PHASE_BODY && c->spec.idle_ms)
                c->phase_at_ms = loop_now_ms(s->loop) + c->spec.idle_ms;        /* the timer looks again when it fires */
        while (n > 0 && !c->cancelled && !c->finished) {
                size_t used;
                int r = http_parse_run(&c->parse, p, n, &used);
                p += used;
                n -= used;
                if (c->cancelled)
                        break;
                if (r < 0) {
                        fail_parse(c);
                        break;
                }
                if (r == HTTP_PARSE_MORE)
                        break;
                if (c->res.status) {
                        answered(c, p, n);
                        break;
                }
                http_parse_next(&c->parse);     /* 100 Continue and its kind */
        }
        c->in_input = false;
        if (c->cancelled || c->finished)
                call_free(c);
        return 0;
}

static void ended(struct http_call *c, int why) {
        if (c->got_bytes && why == 0 && http_parse_eof(&c->parse) == HTTP_PARSE_DONE && c->res.status) {
                drop_stream(c);
                call_finish(c);
                return;
        }
        if (retry(c))
                return;
        const char *tls = c->s ? c->s->error : NULL;
        call_fail(c, DR_E_UNAVAILABLE, "%s", tls ? tls : why < 0 ? uv_strerror(why) : "the connection ended before the answer was complete");
}

static void on_eof(struct stream *s, void *arg) { ended(arg, 0); }

static void on_close(struct stream *s, int why, void *arg) {
        struct http_call *c = arg;
        char *text = NULL;
        if (s->error)
                text = dr_xstrdup(s->error);
        c->s = NULL;                    /* gone after this call */
        if (text)
                call_fail(c, DR_E_UNAVAILABLE, "%s", text);
        else
                ended(c, why < 0 ? why : -ECONNRESET);
        free(text);
}

static void on_drain(struct stream *s, void *arg) {
        struct http_call *c = arg;
        if (c->spec.upload && !c->upload_ended && c->spec.events->on_writable)
                c->spec.events->on_writable(c, c->spec.arg);
}

static const struct stream_events call_stream_events = { .on_data = on_data, .on_eof = on_eof, .on_drain = on_drain, .on_close = on_close };

/* ---- sending ---- */

static void send_request(struct http_call *c) {
        stream_set_events(c->s, &call_stream_events, c);
        stream_set_queue_max(c->s, SIZE_MAX);   /* the request is one body; uploads keep the high mark */
        http_parse_init(&c->parse, true);
        c->parse.on_head = on_head;
        c->parse.on_body = on_body;
        c->parse.arg = c;
        c->sent_ms = loop_now_ms(c->client->loop);
        (void) stream_write_buf(c->s, c->head);         /* gone already: on_close comes */
        if (c->body_out)
                (void) stream_write_buf(c->s, c->body_out);
        if (!c->url.tls || c->reused)
                set_phase(c, PHASE_FIRST_BYTE, c->spec.first_byte_ms ? c->spec.first_byte_ms : FIRST_BYTE_MS);
        if (c->spec.upload && c->spec.events->on_writable)
                c->spec.events->on_writable(c, c->spec.arg);
}

static void try_next_address(struct http_call *c);

static void on_connected(struct stream *s, int status) {
        struct http_call *c = s->arg;
        if (!c)
                return;
        if (status < 0) {
                drop_stream(c);
                if (c->addr)
                        return try_next_address(c);
                return call_fail(c, uv_to_code(status), "%s", uv_strerror(status));
        }
        if (c->url.tls) {
                stream_start_tls_client(s, c->client->tls, c->url.host);
                if (s->closing)
                        return;                 /* on_close comes */
        }
        send_request(c);
}

/* Until the request goes out the stream only needs to find its call. */
static const struct stream_events connecting_events = { .on_close = on_close };

static void try_next_address(struct http_call *c) {
        int r = UV_EADDRNOTAVAIL;
        while (c->addr) {
                struct addrinfo *a = c->addr;
                c->addr = a->ai_next;
                c->s = stream_new(c->client->loop, false);
                r = stream_connect_tcp(c->s, a->ai_addr, on_connected);
                stream_set_events(c->s, &connecting_events, c);
                if (r == 0)
                        return;
                drop_stream(c);
        }
        call_fail(c, uv_to_code(r), "%s", uv_strerror(r));
}

static void on_lookup(uv_getaddrinfo_t *req, int status, struct addrinfo *res) {
        struct lookup *l = (struct lookup *) req;
        struct http_call *c = l->call;
        free(l);
        if (!c) {
                uv_freeaddrinfo(res);
                return;
        }
        c->lookup = NULL;
        if (status < 0) {
                uv_freeaddrinfo(res);
                return call_fail(c, uv_to_code(status), "cannot find the address of \"%s\": %s", c->url.host, uv_strerror(status));
        }
        c->addrs = c->addr = res;
        try_next_address(c);
}

static void call_begin(void *arg) {
        struct http_call *c = arg;
        c->reused = false;
        if (c->spec.over) {
                c->s = dr_take(c->spec.over);
                set_phase(c, PHASE_CONNECT, c->spec.connect_ms ? c->spec.connect_ms : CONNECT_MS);
                stream_set_events(c->s, &connecting_events, c);
                return on_connected(c->s, 0);
        }
        /* uploads and upgrades cannot be sent twice: never on a connection that may be closing at the other end */
        if (!c->retried && !c->spec.upload && !c->spec.upgrade)
                c->s = idle_take(c->client, c->key);
        if (c->s) {
                c->reused = true;
                return send_request(c);
        }
        set_phase(c, PHASE_CONNECT, c->spec.connect_ms ? c->spec.connect_ms : CONNECT_MS);
        if (c->url.unix_path) {
                c->s = stream_new(c->client->loop, true);
                stream_connect_unix(c->s, c->url.unix_path, on_connected);
                stream_set_events(c->s, &connecting_events, c);
                return;
        }
        if (c->addrs) {
                c->addr = c->addrs;
                return try_next_address(c);
        }
        char port[8];
        snprintf(port, sizeof port, "%u", c->url.port);
        struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
        c->lookup = dr_xnew(struct lookup);
        c->lookup->call = c;
        int r = uv_getaddrinfo(&c->client->loop->uv, &c->lookup->req, on_lookup, c->url.host, port, &hints);
        if (r < 0) {
                free(dr_take(c->lookup));
                call_fail(c, uv_to_code(r), "cannot look up \"%s\": %s", c->url.host, uv_strerror(r));
        }
}

static int is_clean(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s < ' ' && *s != '\t')
                        return false;
        return true;
}

static int make_head(struct http_call *c, const struct http_call_spec *spec, struct dr_error *err) {
        auto_sbuf struct sbuf b = SBUF(HEAD_OUT_BYTES_MAX);
        bool host = false, agent = false, auth = false;
        sbuf_printf(&b, "%s %s HTTP/1.1\r\n", c->method, c->url.target);
        for (size_t i = 0; i < spec->n_headers; i++) {
                const struct http_header *h = &spec->headers[i];
                if (!is_clean(h->name) || !is_clean(h->value))
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "header \"%.60s\" has a control character in it", h->name);
                host = host || str_ieq(h->name, "host");
                agent = agent || str_ieq(h->name, "user-agent");
                auth = auth || str_ieq(h->name, "authorization");
                sbuf_printf(&b, "%s: %s\r\n", h->name, h->value);
        }
        if (!host)
                sbuf_printf(&b, "Host: %s\r\n", c->url.authority);
        if (!agent)
                sbuf_printf(&b, "User-Agent: %s\r\n", c->client->user_agent);
        if (c->url.user && !auth) {
                auto_free char *v = http_basic_value(c->url.user, c->url.password);
                sbuf_printf(&b, "Authorization: %s\r\n", v);
        }
        if (spec->upgrade)
                sbuf_printf(&b, "Connection: Upgrade\r\nUpgrade: %s\r\n", spec->upgrade);
        if (spec->upload)
                sbuf_puts(&b, "Transfer-Encoding: chunked\r\n");
        else if (c->body_out || !(str_eq(c->method, "GET") || str_eq(c->method, "HEAD") || str_eq(c->method, "DELETE")))
                sbuf_printf(&b, "Content-Length: %zu\r\n", c->body_out ? c->body_out->len : 0);
        sbuf_puts(&b, "\r\n");
        if (!sbuf_ok(&b))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the request head is larger than %d bytes", HEAD_OUT_BYTES_MAX);
        c->head = buf_copy(b.data, b.len);
        return 0;
}

struct http_call *http_call_start(struct http_client *cl, const struct http_call_spec *spec, struct dr_error *err) {
        struct http_call *c = dr_xnew(struct http_call);
        c->client = cl;
        c->spec = *spec;
        c->body = (struct sbuf) SBUF(spec->body_max ? spec->body_max : HTTP_BODY_BYTES_MAX);
        c->method = dr_xstrdup(str_or(spec->method, "GET"));
        if (spec->body_buf)
                c->body_out = buf_ref(spec->body_buf);
        else if (spec->body)
                c->body_out = buf_copy(spec->body, spec->body_len);
        if (http_url_parse(spec->url, &c->url, err) < 0 || make_head(c, spec, err) < 0) {
                call_free(c);
                return NULL;
        }
        c->over = spec->over != NULL;
        c->spec.upgrade = spec->upgrade ? "" : NULL;            /* only whether it was asked for */
        c->key = c->url.unix_path ? dr_xasprintf("unix:%s", c->url.unix_path)
                                  : dr_xasprintf("%s://%s:%u", c->url.tls ? "https" : "http", c->url.host, c->url.port);
        c->timer = timer_new(cl->loop, on_timer, c);
        c->total_at_ms = spec->total_ms ? loop_now_ms(cl->loop) + spec->total_ms : 0;
        c->next = cl->calls;
        if (c->next)
                c->next->pprev = &c->next;
        c->pprev = &cl->calls;
        cl->calls = c;
        loop_defer(cl->loop, call_begin, c);
        return c;
}

void http_call_pause(struct http_call *c) {
        c->paused = true;
        if (c->s)
                stream_pause(c->s);
}

void http_call_resume(struct http_call *c) {
        c->paused = false;
        if (c->s)
                stream_resume(c->s);
}

int http_call_write(struct http_call *c, const void *p, size_t n) {
        assert(c->spec.upload);
        if (c->upload_ended)
                return -EPIPE;
        if (!c->s || !c->sent_ms)
                return -ENOBUFS;
        size_t queued = stream_queued_bytes(c->s);
        if (queued && queued + n > STREAM_HIGH_BYTES) {
                c->s->need_drain = true;
                return -ENOBUFS;
        }
        if (!n)
                return 0;               /* an empty chunk would end the body */
        char size[24];
        size_t k = (size_t) snprintf(size, sizeof size, "%zx\r\n", n);
        AUTO(buf_unref) struct buf *b = buf_new(k + n + 2);
        memcpy(b->data, size, k);
        memcpy(b->data + k, p, n);
        memcpy(b->data + k + n, "\r\n", 2);
        return stream_write_buf(c->s, b);
}

void http_call_write_end(struct http_call *c) {
        if (c->upload_ended)
                return;
        c->upload_ended = true;
        if (c->s)
                (void) stream_write(c->s, "0\r\n\r\n", 5);      /* gone: on_close comes */
}
