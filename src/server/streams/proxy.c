#include "proxy.h"

#include <stdio.h>
#include <strings.h>

#include "base/log.h"
#include "base/parse.h"
#include "bridge.h"
#include "formats/json.h"
#include "net/http_client.h"
#include "tunnel.h"

enum { OUT_PAUSE_BYTES = 64 * 1024, OUT_BYTES_MAX = 1 << 20, ANSWER_HEAD_BYTES_MAX = 32 * 1024, FIRST_BYTE_MS = 60000 };

struct proxies { struct loop *loop; struct http_client *client; struct tunnels *tunnels; };

struct proxied {
        struct http_request *req;       /* NULL: answered, handed over, or its client left */
        struct http_call *call;         /* NULL: over */
        bool replying, complete, failed, paused;
        struct sbuf out;
        struct http_headers upgraded;   /* of a 101 */
};

static bool hop_by_hop(const char *name) {
        static const char *const names[] = { "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
                                             "Transfer-Encoding", "Upgrade", "Content-Length", "Expect" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if (str_ieq(names[i], name))
                        return true;
        return false;
}

static void free_if_over(struct proxied *p) {
        if (p->req || p->call)
                return;
        sbuf_done(&p->out);
        http_headers_done(&p->upgraded);
        free(p);
}

static void refuse(struct http_request *req, int status, const char *text) {
        static const struct http_header plain = { "Content-Type", "text/plain; charset=utf-8" };
        req->on_abort = NULL;
        http_reply(req, status, &plain, 1, text, strlen(text));
}

/* The client's side is over. */
static void leave(struct proxied *p) {
        p->req = NULL;
        if (p->call)
                http_call_cancel(p->call);      /* on_cancel frees p */
        else
                free_if_over(p);
}

static void on_cancel(void *arg) {
        struct proxied *p = arg;
        p->call = NULL;
        free_if_over(p);
}

/* ---- to the client ---- */
static int produce(struct http_request *req, void *arg) {
        struct proxied *p = arg;
        if (p->out.len) {
                int r = http_stream_write(req, p->out.data, p->out.len);
                sbuf_reset(&p->out);
                if (r < 0)
                        return r;
        }
        if (p->failed)
                return -EPIPE;
        if (p->complete)
                return HTTP_STREAM_END;
        if (p->paused && p->call)
                http_call_resume(p->call);
        p->paused = false;
        return 0;
}

static void produced(void *arg) {
        struct proxied *p = arg;
        p->replying = false;
        leave(p);
}

static const struct http_producer producer = { .produce = produce, .done = produced };

static void on_abort(struct http_request *req) {
        leave(req->user);
}

/* ---- from the container ---- */
static void on_head(struct http_call *call, const struct http_response *res, void *arg) {
        struct proxied *p = arg;
        struct http_header *list = dr_xcalloc(res->headers.n + 1, sizeof *list);
        size_t n = 0, bytes = 0;
        int64_t length = -1;
        (void) call;
        for (size_t i = 0; i < res->headers.n; i++) {
                const struct http_header *h = &res->headers.v[i];
                if (str_ieq(h->name, "Content-Length"))
                        (void) parse_i64(h->value, &length);            /* the parser has checked it */
                if (hop_by_hop(h->name) || str_ieq(h->name, "Date"))
                        continue;
                bytes += strlen(h->name) + strlen(h->value) + 4;
                list[n++] = *h;
        }
        struct http_request *req = p->req;
        if (bytes > ANSWER_HEAD_BYTES_MAX) {
                refuse(req, 502, "the container's answer has too many headers");
                leave(p);
        } else if (res->status == 101) {
                for (size_t i = 0; i < n; i++)
                        http_headers_add(&p->upgraded, list[i].name, list[i].value);
        } else {
                p->replying = true;
                req->on_abort = NULL;
                http_reply_stream(req, res->status, list, n, length, &producer, p);     /* without a body, p is gone now */
        }
        free(list);
}

static void on_body(struct http_call *call, const char *data, size_t n, void *arg) {
        struct proxied *p = arg;
        if (!p->replying)
                return;
        sbuf_add(&p->out, data, n);
        p->failed |= !sbuf_ok(&p->out);
        if (p->out.len > OUT_PAUSE_BYTES && !p->paused) {
                p->paused = true;
                http_call_pause(call);
        }
        http_stream_wake(p->req);
}

static void on_upgrade(struct http_call *call, struct stream *s, void *arg) {
        struct proxied *p = arg;
        struct http_request *req = dr_take(p->req);
        struct bridge *b = bridge_new();
        (void) call;
        auto_free char *protocol = dr_xstrdup(str_or(http_headers_get(&req->headers, "Upgrade"), ""));
        req->on_abort = NULL;
        struct stream *client = http_upgrade_raw_with(req, protocol, p->upgraded.v, p->upgraded.n, &bridge_events, bridge_end(b, 0));
        bridge_join(b, client, s);
}

static void on_done(struct http_call *call, int result, struct http_response *res, const struct dr_error *err, void *arg) {
        struct proxied *p = arg;
        (void) call;
        (void) res;
        p->call = NULL;
        if (result < 0)
                log_debug("a container did not answer", "reason", err->message, NULL);
        if (p->replying) {
                p->complete = result == 0;
                p->failed |= result < 0;
                http_stream_wake(p->req);
                return;
        }
        if (p->req)
                refuse(dr_take(p->req), 503, "Service unavailable");
        free_if_over(p);
}

static const struct http_call_events call_events = { .on_head = on_head, .on_body = on_body, .on_upgrade = on_upgrade, .on_done = on_done,
                                                   .on_cancel = on_cancel };

/* ---- the request ---- */
/* The session of the person at the browser is not the container's business. */
static char *cookies_without_session(const char *value) {
        auto_sbuf struct sbuf b = SBUF(HTTP_HEAD_BYTES_MAX);
        for (const char *p = value; *p;) {
                p += strspn(p, "; ");
                size_t n = strcspn(p, ";");
                if (n && strncmp(p, "token=", 6) != 0) {
                        sbuf_puts(&b, b.len ? "; " : "");
                        sbuf_add(&b, p, n);
                }
                p += n;
        }
        return b.len ? sbuf_steal(&b) : NULL;
}

static size_t pick_headers(const struct http_request *req, const char *authorization, char **ret_cookies, struct http_header *list) {
        size_t n = 0;
        for (size_t i = 0; i < req->headers.n; i++) {
                const struct http_header *h = &req->headers.v[i];
                if (str_ieq(h->name, "Cookie")) {
                        free(*ret_cookies);
                        *ret_cookies = cookies_without_session(h->value);
                } else if (!hop_by_hop(h->name) && !str_ieq(h->name, "Authorization")) {
                        list[n++] = *h;
                }
        }
        if (*ret_cookies)
                list[n++] = (struct http_header) { "Cookie", *ret_cookies };
        if (authorization)
                list[n++] = (struct http_header) { "Authorization", authorization };
        return n;
}

void proxy_start(struct proxies *all, struct http_request *req, const struct proxy_spec *spec) {
        struct dr_error err = { 0 };
        struct stream *over = NULL;
        const char *upgrade = http_headers_has_token(&req->headers, "Connection", "upgrade") ? http_headers_get(&req->headers, "Upgrade") : NULL;
        auto_free char *url = dr_xasprintf("%s://container:%lld%s", spec->tls ? "https" : "http", (long long) json_int(spec->data, "port", 80), spec->target);
        auto_free char *cookies = NULL;
        struct http_header *headers = dr_xcalloc(req->headers.n + 2, sizeof *headers);
        size_t n = pick_headers(req, spec->authorization, &cookies, headers);
        struct proxied *p = dr_xnew(struct proxied);
        *p = (struct proxied) { .req = req, .out = SBUF(OUT_BYTES_MAX) };
        if (tunnel_open(all->tunnels, spec->host, "tcp", spec->data, &over, &err) == 0) {
                p->call = http_call_start(all->client, &(struct http_call_spec) {
                        .method = req->method, .url = url, .headers = headers, .n_headers = n, .body = req->body, .body_len = req->body_len,
                        .upgrade = upgrade && *upgrade ? upgrade : NULL, .over = over, .first_byte_ms = FIRST_BYTE_MS, .events = &call_events, .arg = p,
                }, &err);
                if (!p->call)
                        stream_close(over);
        }
        free(headers);
        http_request_trust(req);
        if (!p->call) {
                log_debug("a container cannot be reached", "reason", err.message, NULL);
                refuse(dr_take(p->req), 503, "Service unavailable");
                free_if_over(p);
                return;
        }
        req->user = p;
        req->on_abort = on_abort;
}

int proxies_new(struct loop *l, struct core *c, struct proxies **ret, struct dr_error *err) {
        struct http_client *client = NULL;
        int r = http_client_new(l, &(struct http_client_config) { .tls = { .insecure = true } }, &client, err);
        if (r < 0)
                return r;
        struct proxies *p = dr_xnew(struct proxies);
        *p = (struct proxies) { .loop = l, .client = client, .tunnels = tunnels_new(l, c) };
        *ret = p;
        return 0;
}

struct proxies *proxies_free(struct proxies *p) {
        if (p) {
                http_client_free(p->client);
                tunnels_free(p->tunnels);
        }
        free(p);
        return NULL;
}

char *proxy_target(const struct http_request *req, int segments) {
        auto_sbuf struct sbuf b = SBUF(HTTP_TARGET_BYTES_MAX + 2);
        const char *p = req->raw_path;
        for (; segments > 0 && *p; segments--) {
                p += strspn(p, "/");
                p += strcspn(p, "/");
        }
        sbuf_puts(&b, *p ? p : "/");
        bool first = true;
        for (const char *q = str_or(req->raw_query, ""); *q;) {
                size_t n = strcspn(q, "&");
                if (n && strncmp(q, "token=", 6) != 0) {
                        sbuf_putc(&b, first ? '?' : '&');
                        sbuf_add(&b, q, n);
                        first = false;
                }
                q += n + (q[n] == '&');
        }
        return sbuf_steal(&b);
}
