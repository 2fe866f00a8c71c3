#include "node/metadata/service.h"

#include "base/parse.h"
#include "net/http_server.h"
#include "render.h"

#include <ctype.h>

enum {
        PER_ADDRESS_MAX = 2048, WAIT_DEFAULT_S = 60, WAIT_MAX_S = 120, SEGMENTS_MAX = 256, PLAIN_BYTES_MAX = 1 << 20,
        SHARED_BYTES_MIN = 32 * 1024, SHARED_MAX = 64, SHARED_SUM_MAX = 128 << 20,
};

#define NOT_A_PAGE "404 page not found\n"

/* A text that several connections send: of one node in one format, while the generation stays. */
struct shared { struct md_node node; enum md_format format; struct buf *buf; };

struct path {
        enum md_version version;
        bool known, latest;             /* the version is one that there is; before the first data only "latest" is */
        bool below;                     /* something stands behind the version, if only "/" */
        char *segs[SEGMENTS_MAX];
        size_t n;
};

struct waiter {
        struct md_service *s;
        struct http_request *req;
        struct path path;
        enum md_format format;
        char *value, *address;
        struct timer *timer;
        struct waiter *prev, *next;
};

struct md_service {
        struct loop *loop;
        struct mdata *model;
        struct md_tree *tree;
        struct md_service_config cfg;
        struct http_server *http, *reload;
        struct waiter *waiters;
        size_t n_waiters;
        struct shared shared[SHARED_MAX];
        size_t n_shared, shared_bytes;
        uint64_t shared_generation;
        struct sbuf scratch;
};

static const struct { const char *name; enum md_version version; } versions[] = {
        { "2015-07-25", MD_V1 }, { "2015-12-19", MD_V2 }, { "2016-07-29", MD_V3 }, { "latest", MD_V3 },
};

/* Paths ----------------------------------------------------------------------------------------------------------- */

static void path_done(struct path *p) {
        for (size_t i = 0; i < p->n; i++)
                free(p->segs[i]);
        p->n = 0;
}

/* Spec 3.2: the version is unescaped as a path, so that of "latest%2Fname" is "latest"; what stands behind it, segment by segment, as a query. Negative: no such
 * path can be (a bad escape, too many segments). */
static int path_read(const char *raw, size_t len, struct path *ret) {
        const char *p = raw + (len && *raw == '/'), *end = raw + len, *slash = memchr(p, '/', (size_t) (end - p));
        auto_free char *first = http_unescape(p, (size_t) ((slash ? slash : end) - p), false);
        if (!first)
                return -EINVAL;
        first[strcspn(first, "/")] = 0;
        ret->below = slash;
        for (size_t i = 0; i < ARRAY_LEN(versions); i++)
                if (str_eq(first, versions[i].name)) {
                        ret->known = true;
                        ret->latest = str_eq(first, "latest");
                        ret->version = versions[i].version;
                }
        while (end > p && end[-1] == '/')
                end--;
        for (p = slash ? slash + 1 : end; p < end; p = slash + 1) {
                slash = memchr(p, '/', (size_t) (end - p)) ?: end;
                char *seg = ret->n < SEGMENTS_MAX ? http_unescape(p, (size_t) (slash - p), true) : NULL;
                if (!seg)
                        return -EINVAL;
                ret->segs[ret->n++] = seg;
        }
        return 0;
}

/* Whether the n bytes at p are as many dots, spelled "." or "%2e". */
static bool is_dots(const char *p, size_t n, size_t dots) {
        size_t found = 0;
        for (; n; found++) {
                size_t len = p[0] == '.' ? 1 : n >= 3 && strncasecmp(p, "%2e", 3) == 0 ? 3 : 0;
                if (!len)
                        return false;
                p += len;
                n -= len;
        }
        return found == dots;
}

/* "//", "/./" and "/../" get a 301 to this; NULL: nothing to clean. */
static char *cleaned(const char *raw) {
        VEC(const char *) parts = { 0 };
        VEC(size_t) lens = { 0 };
        bool dirty = false, dir = false;
        for (const char *p = raw + (*raw == '/'); *p;) {
                size_t n = strcspn(p, "/");
                bool dot = is_dots(p, n, 1), dots = is_dots(p, n, 2);
                if (n == 0 || dot || dots) {
                        dirty = true;
                        if (dots && parts.n) {
                                parts.n--;
                                lens.n--;
                        }
                } else {
                        vec_push(&parts, p);
                        vec_push(&lens, n);
                }
                dir = p[n] == '/';
                p += n + (p[n] == '/');
        }
        auto_sbuf struct sbuf b = SBUF(2 * HTTP_TARGET_BYTES_MAX);
        for (size_t i = 0; dirty && i < parts.n; i++) {
                sbuf_putc(&b, '/');
                sbuf_add(&b, parts.v[i], lens.v[i]);
        }
        if (dirty && (dir || !b.len))
                sbuf_putc(&b, '/');
        vec_done(&parts);
        vec_done(&lens);
        return dirty ? sbuf_steal(&b) : NULL;
}

/* Answers --------------------------------------------------------------------------------------------------------- */

static int write_error(int status, const char *message, enum md_format f, struct sbuf *ret) {
        if (f == MD_JSON)
                sbuf_printf(ret, "{\"code\":%d,\"message\":\"%s\",\"type\":\"error\"}\n", status, message);
        else if (f == MD_YAML)
                sbuf_printf(ret, "code: %d\nmessage: %s\ntype: error\n\n", status, message);
        else
                sbuf_printf(ret, "%s\n", message);
        return status;
}

/* "/": the versions that there are. */
static void write_versions(struct md_service *s, enum md_format f, struct sbuf *ret) {
        bool any = mdata_generation(s->model), first = true;
        if (f == MD_JSON)
                sbuf_putc(ret, '{');
        for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
                const char *v = versions[i].name;
                if (!any && !str_eq(v, "latest"))
                        continue;
                if (f == MD_JSON)
                        sbuf_printf(ret, "%s\"%s\":\"/%s\"", first ? "" : ",", v, v);
                else if (f == MD_YAML)
                        sbuf_printf(ret, "%s: /%s\n", v, v);
                else
                        sbuf_printf(ret, "%s\n", v);
                first = false;
        }
        if (f == MD_JSON)
                sbuf_putc(ret, '}');
}

static bool is_there(const struct md_service *s, const struct path *p) { return p->known && (p->latest || mdata_generation(s->model)); }

/* 200 with *ret, or the status and message of an error. */
static int find(struct md_service *s, const struct path *p, const char *address, struct md_node *ret, const char **ret_message) {
        struct md_node root;
        *ret_message = is_there(s, p) ? "Not found" : "Invalid version";
        if (!p->known || !md_tree_root(s->tree, p->version, address, &root))
                return 404;
        return md_node_walk(&root, p->segs, p->n, ret) ? 200 : 404;
}

static void shared_clear(struct md_service *s) {
        for (size_t i = 0; i < s->n_shared; i++)
                buf_unref(s->shared[i].buf);
        s->n_shared = s->shared_bytes = 0;
        s->shared_generation = mdata_generation(s->model);
}

static bool same_node(const struct md_node *a, const struct md_node *b) {
        return a->type == b->type && a->version == b->version && a->kind == b->kind && a->own == b->own && a->model == b->model && a->object == b->object &&
               a->json == b->json;
}

/* A reference for the caller, or NULL: the text is in s->scratch. */
static struct buf *render(struct md_service *s, const struct md_node *n, enum md_format f) {
        if (s->shared_generation != mdata_generation(s->model))
                shared_clear(s);
        bool may_share = n->type != MD_NODE_JSON;
        for (size_t i = 0; may_share && i < s->n_shared; i++)
                if (s->shared[i].format == f && same_node(&s->shared[i].node, n))
                        return buf_ref(s->shared[i].buf);
        sbuf_reset(&s->scratch);
        md_render(n, f, &s->scratch);
        if (!may_share || s->scratch.len < SHARED_BYTES_MIN)
                return NULL;
        if (s->n_shared == SHARED_MAX || s->shared_bytes + s->scratch.len > SHARED_SUM_MAX)
                shared_clear(s);
        struct buf *b = buf_copy(sbuf_str(&s->scratch), s->scratch.len);
        sbuf_done(&s->scratch);                         /* not kept at the size of the largest */
        s->shared[s->n_shared++] = (struct shared) { *n, f, buf_ref(b) };
        s->shared_bytes += b->len;
        return b;
}

static const struct http_header any_origin = { "Access-Control-Allow-Origin", "*" };

static void reply_error(struct http_request *req, int status, const char *message, enum md_format f) {
        auto_sbuf struct sbuf b = SBUF(1024);
        write_error(status, message, f, &b);
        struct http_header h[] = { { "Content-Type", md_format_content_type(f) }, { "X-Content-Type-Options", "nosniff" }, any_origin };
        http_reply(req, status, h, ARRAY_LEN(h), sbuf_str(&b), b.len);
}

static void reply_node(struct md_service *s, struct http_request *req, const struct md_node *n, enum md_format f) {
        AUTO(buf_unref) struct buf *b = render(s, n, f);
        size_t len = b ? b->len : s->scratch.len;
        struct http_header h[] = { any_origin, { "Content-Type", md_format_content_type(f) } };
        if (b)
                http_reply_buf(req, 200, h, ARRAY_LEN(h), b);
        else
                http_reply(req, 200, h, len ? 2 : 1, sbuf_str(&s->scratch), len);       /* upstream's empty bodies have no type */
}

static void answer_now(struct md_service *s, struct http_request *req, const struct path *p, const char *address, enum md_format f) {
        struct md_node n;
        const char *message;
        int status = find(s, p, address, &n, &message);
        if (status == 200)
                reply_node(s, req, &n, f);
        else
                reply_error(req, status, message, f);
}

/* Long polls ------------------------------------------------------------------------------------------------------ */

static void waiter_free(struct waiter *w) {
        *(w->prev ? &w->prev->next : &w->s->waiters) = w->next;
        if (w->next)
                w->next->prev = w->prev;
        w->s->n_waiters--;
        timer_free(w->timer);
        path_done(&w->path);
        free(w->value);
        free(w->address);
        free(w);
}

static bool is_other(struct md_service *s, const struct path *p, const char *address, const char *value) {
        struct md_node n;
        const char *message;
        if (find(s, p, address, &n, &message) != 200)
                return false;                           /* a missing path is waited for */
        auto_sbuf struct sbuf plain = SBUF(PLAIN_BYTES_MAX);
        return !md_plain(&n, &plain) || !sbuf_ok(&plain) || !str_eq(sbuf_str(&plain), value);
}

static void finish(struct waiter *w) {
        struct http_request *req = w->req;
        req->on_abort = NULL;
        answer_now(w->s, req, &w->path, w->address, w->format);
        waiter_free(w);
}

static void on_time(void *arg) { finish(arg); }
static void on_abort(struct http_request *req) { waiter_free(req->user); }

void md_service_changed(struct md_service *s) {
        for (struct waiter *w = s->waiters, *next; w; w = next) {
                next = w->next;
                if (is_other(s, &w->path, w->address, w->value))
                        finish(w);
        }
}

/* Seconds to wait: "Missing, 0 or unparsable: 60. Above 120: 120. Negative: returns at once". */
static int64_t wait_seconds(const struct http_query *q) {
        const char *text = http_query_get(q, "maxWait");
        int64_t v = 0;
        if (!text || parse_i64(text + (*text == '+'), &v) < 0 || v == 0)
                return WAIT_DEFAULT_S;
        return v < 0 ? 0 : MIN(v, (int64_t) WAIT_MAX_S);
}

/* Whether req now waits; p is taken over then. */
static bool wait_for(struct md_service *s, struct http_request *req, struct path *p, const char *address, enum md_format f) {
        const char *wait = http_query_get(&req->query, "wait"), *value = http_query_get(&req->query, "value");
        if (!str_eq(wait, "true") || !value || !p->below || !is_there(s, p))
                return false;
        int64_t seconds = wait_seconds(&req->query);
        if (seconds == 0 || is_other(s, p, address, value))
                return false;
        struct waiter *w = dr_xnew(struct waiter);
        *w = (struct waiter) { .s = s, .req = req, .path = *p, .format = f, .value = dr_xstrdup(value), .address = dr_xstrdup(address), .next = s->waiters };
        if (w->next)
                w->next->prev = w;
        s->waiters = w;
        s->n_waiters++;
        w->timer = timer_new(s->loop, on_time, w);
        timer_start(w->timer, (uint64_t) seconds * 1000);
        req->user = w;
        req->on_abort = on_abort;
        req->abort_on_eof = true;
        p->n = 0;
        return true;
}

/* Requests -------------------------------------------------------------------------------------------------------- */

static void not_a_page(struct http_request *req) {
        struct http_header h[] = { { "Content-Type", "text/plain; charset=utf-8" }, { "X-Content-Type-Options", "nosniff" } };
        http_reply(req, 404, h, ARRAY_LEN(h), NOT_A_PAGE, strlen(NOT_A_PAGE));
}

/* The X-Forwarded-For header as it stands, blanks around it aside, when it is to be trusted and not empty. */
static const char *client_of(const struct md_service *s, const struct http_request *req) {
        const char *given = s->cfg.xff ? http_headers_get(&req->headers, "X-Forwarded-For") : NULL;
        const char *peer = given && *given ? given : req->peer;
        return str_starts(peer, "::ffff:") ? peer + strlen("::ffff:") : peer;
}

static void on_request(struct http_request *req, void *arg) {
        struct md_service *s = arg;
        if ((req->verb != VERB_GET && req->verb != VERB_HEAD) || str_eq(req->raw_path, "/favicon.ico")) {
                not_a_page(req);
                return;
        }
        auto_free char *clean = cleaned(req->raw_path);
        if (clean) {
                struct http_header h = { "Location", clean };
                http_reply(req, 301, &h, 1, NULL, 0);
                return;
        }
        enum md_format f = md_format_negotiate(http_headers_get(&req->headers, "Accept"));
        if (str_eq(req->raw_path, "/")) {
                auto_sbuf struct sbuf b = SBUF(1024);
                struct http_header h[] = { any_origin, { "Content-Type", md_format_content_type(f) } };
                write_versions(s, f, &b);
                http_reply(req, 200, h, ARRAY_LEN(h), sbuf_str(&b), b.len);
                return;
        }
        struct path p = { 0 };
        if (path_read(req->raw_path, strlen(req->raw_path), &p) < 0)
                reply_error(req, 404, "Not found", f);
        else if (!wait_for(s, req, &p, client_of(s, req), f))
                answer_now(s, req, &p, client_of(s, req), f);
        path_done(&p);
}

int md_service_answer(struct md_service *s, const char *path, const char *address, const char *accept, struct sbuf *ret_body, const char **ret_type) {
        enum md_format f = md_format_negotiate(accept);
        struct path p = { 0 };
        struct md_node n;
        const char *message = "Not found";
        *ret_type = md_format_content_type(f);
        int status = 200;
        if (str_eq(path, "/"))
                write_versions(s, f, ret_body);
        else if (path_read(path, strcspn(path, "?"), &p) < 0)
                status = write_error(404, message, f, ret_body);
        else if ((status = find(s, &p, address, &n, &message)) == 200)
                md_render(&n, f, ret_body);
        else
                write_error(status, message, f, ret_body);
        path_done(&p);
        return status;
}

/* What the HTTP layer refuses: the same text for any Accept, without newline (spec 3.2). */
static void error_body(int status, const char *message, struct sbuf *body, const char **ret_type, void *arg) {
        *ret_type = "text/plain; charset=utf-8";
        if (status == 404)
                sbuf_puts(body, NOT_A_PAGE);            /* a method that nobody knows */
        else
                sbuf_printf(body, "%d %s", status, http_status_text(status));
}

static void on_reload(struct http_request *req, void *arg) {
        struct md_service *s = arg;
        struct dr_error err = { 0 };
        struct http_header h = { "Content-Type", "text/plain; charset=utf-8" };
        if (req->verb != VERB_POST || !str_eq(req->raw_path, "/v1/reload"))
                not_a_page(req);
        else if (!s->cfg.reload || s->cfg.reload(&err, s->cfg.arg) >= 0)
                http_reply(req, 200, &h, 1, "OK", 2);
        else
                http_reply(req, 500, &h, 1, err.message, strlen(err.message));
}

/* The service ----------------------------------------------------------------------------------------------------- */

struct md_service *md_service_new(struct loop *l, struct mdata *m, const struct md_service_config *cfg) {
        struct md_service *s = dr_xnew(struct md_service);
        *s = (struct md_service) { .loop = l, .model = m, .cfg = *cfg, .tree = md_tree_new(m), .scratch = SBUF(MD_RENDER_BYTES_MAX) };
        struct http_server_config http = {
                .handler = on_request, .error_body = error_body, .unknown_method_status = 404, .arg = s,
                .per_address_max = cfg->per_address_max ? cfg->per_address_max : PER_ADDRESS_MAX,
        };
        s->http = http_server_new(l, &http);
        return s;
}

int md_service_listen(struct md_service *s, const char *address, unsigned short port, unsigned short *ret_port, struct dr_error *err) {
        return http_server_listen_tcp(s->http, address, port, NULL, ret_port, err);
}

int md_service_listen_reload(struct md_service *s, const char *address, unsigned short port, unsigned short *ret_port, struct dr_error *err) {
        struct http_server_config http = { .handler = on_reload, .error_body = error_body, .arg = s };
        if (!s->reload)
                s->reload = http_server_new(s->loop, &http);
        return http_server_listen_tcp(s->reload, address, port, NULL, ret_port, err);
}

size_t md_service_waiters(const struct md_service *s) { return s->n_waiters; }

struct md_service *md_service_free(struct md_service *s) {
        if (!s)
                return NULL;
        while (s->waiters) {
                s->waiters->req->on_abort = NULL;       /* their connections end below */
                waiter_free(s->waiters);
        }
        http_server_free(s->http);
        if (s->reload)
                http_server_free(s->reload);
        shared_clear(s);
        sbuf_done(&s->scratch);
        md_tree_free(s->tree);
        free(s);
        return NULL;
}
