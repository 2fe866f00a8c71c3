#include "net/http_parse.h"

#include <http_parser.h>

#include "base/parse.h"

_Static_assert(sizeof(http_parser) <= sizeof ((struct http_parse *) 0)->lib, "the parser's state fits");

static http_parser *lib(const struct http_parse *p) { return (http_parser *) (uintptr_t) p->lib; }

static int stop(struct http_parse *p, int status, const char *message) {
        p->status = status;
        p->message = message;
        return -1;
}

static bool has_name_space(const char *s) {
        for (; *s; s++)
                if (*s == ' ' || *s == '\t')
                        return true;
        return false;
}

/* One header is complete. Trailers count against the limits and are dropped. */
static int finish_header(struct http_parse *p) {
        if (!p->in_value)
                return 0;
        p->in_value = false;
        const char *name = sbuf_str(&p->name);
        char *value = p->value.data ? p->value.data : NULL;
        size_t len = p->value.len;
        while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
                value[--len] = 0;
        if (has_name_space(name))
                return stop(p, 400, "a header name has a space in it");
        if (!p->in_trailers) {
                if (p->head.headers.n == HTTP_HEADERS_MAX)
                        return stop(p, 431, "too many headers");
                struct http_header *cookie = NULL;
                if (str_ieq(name, "cookie"))
                        for (size_t i = 0; i < p->head.headers.n && !cookie; i++)
                                if (str_ieq(p->head.headers.v[i].name, "cookie"))
                                        cookie = &p->head.headers.v[i];
                if (cookie) {
                        auto_free char *joined = dr_xasprintf("%s; %s", cookie->value, value ? value : "");
                        http_headers_set(&p->head.headers, "Cookie", joined);
                } else {
                        http_headers_addn(&p->head.headers, name, p->name.len, value ? value : "", len);
                }
        }
        sbuf_reset(&p->name);
        sbuf_reset(&p->value);
        return 0;
}

static int count(struct http_parse *p, size_t n) {
        p->head_bytes += n;
        return p->head_bytes > HTTP_HEAD_BYTES_MAX ? stop(p, 431, "the request head is too large") : 0;
}

static int on_begin(http_parser *l) {
        struct http_parse *p = l->data;
        p->started = true;
        return 0;
}

static int on_url(http_parser *l, const char *at, size_t n) {
        struct http_parse *p = l->data;
        if (p->target.len + n > HTTP_TARGET_BYTES_MAX)
                return stop(p, 414, "the request target is too long");
        sbuf_add(&p->target, at, n);
        return count(p, n);
}

static int on_field(http_parser *l, const char *at, size_t n) {
        struct http_parse *p = l->data;
        if (finish_header(p) < 0)
                return -1;
        sbuf_add(&p->name, at, n);
        return count(p, n);
}

static int on_value(http_parser *l, const char *at, size_t n) {
        struct http_parse *p = l->data;
        p->in_value = true;
        sbuf_add(&p->value, at, n);
        return count(p, n);
}

/* "GET http://h/p" names the path p; "OPTIONS *" stays. */
static int set_target(struct http_parse *p) {
        const char *t = sbuf_str(&p->target);
        if (*t == '/' || str_eq(t, "*")) {
                p->head.target = dr_xstrdup(t);
                return 0;
        }
        struct http_parser_url u;
        http_parser_url_init(&u);
        if (http_parser_parse_url(t, strlen(t), 0, &u) != 0 || !(u.field_set & (1 << UF_HOST)))
                return stop(p, 400, "the request target is not a path");
        const char *path = u.field_set & (1 << UF_PATH) ? t + u.field_data[UF_PATH].off : "/";
        const char *query = u.field_set & (1 << UF_QUERY) ? t + u.field_data[UF_QUERY].off : NULL;
        p->head.target = dr_xasprintf("%.*s%s%.*s", u.field_set & (1 << UF_PATH) ? (int) u.field_data[UF_PATH].len : 1, path,
                                      query ? "?" : "", query ? (int) u.field_data[UF_QUERY].len : 0, query ? query : "");
        return 0;
}

static size_t times_sent(const struct http_headers *h, const char *name) {
        size_t n = 0;
        for (size_t i = 0; i < h->n; i++)
                n += str_ieq(h->v[i].name, name);
        return n;
}

static int check_request(struct http_parse *p) {
        struct http_head *h = &p->head;
        http_parser *l = lib(p);
        h->method = dr_xstrdup(http_method_str((enum http_method) l->method));
        if (l->http_major != 1 || l->http_minor > 1)
                return stop(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
        if (l->method == HTTP_CONNECT)
                return stop(p, 405, "CONNECT is not served");
        if (set_target(p) < 0)
                return -1;
        const char *te = http_headers_get(&h->headers, "transfer-encoding");
        if (te && !str_ieq(te, "chunked"))
                return stop(p, 501, "the only transfer encoding known here is chunked");
        size_t hosts = times_sent(&h->headers, "host");
        if (hosts > 1 || (hosts == 0 && h->minor == 1))
                return stop(p, 400, hosts ? "more than one Host header" : "no Host header");
        const char *expect = http_headers_get(&h->headers, "expect");
        if (expect && !str_ieq(expect, "100-continue"))
                return stop(p, 417, "the only expectation known here is 100-continue");
        h->expect_continue = expect && h->minor == 1;
        return 0;
}

static int on_headers_complete(http_parser *l) {
        struct http_parse *p = l->data;
        if (finish_header(p) < 0)
                return -1;
        struct http_head *h = &p->head;
        h->is_response = p->is_response;
        h->minor = l->http_minor;
        h->chunked = (l->flags & F_CHUNKED) != 0;
        h->length = h->chunked || l->content_length == UINT64_MAX ? -1 : (int64_t) MIN(l->content_length, (uint64_t) INT64_MAX);
        h->upgrade = l->upgrade != 0;
        h->keep_alive = http_should_keep_alive(l) != 0;
        if (p->is_response) {
                h->status = l->status_code;
                if (l->http_major != 1)
                        return stop(p, 505, "the answer is not HTTP/1");
        } else if (check_request(p) < 0) {
                return -1;
        } else {
                l->upgrade = 0;         /* the request is served as any other; who accepts it takes the connection over */
        }
        int go = p->on_head ? p->on_head(p, h) : HTTP_GO_BODY;
        if (go < 0)
                return p->status ? -1 : stop(p, 400, "refused");
        p->go = (int8_t) go;
        p->in_trailers = true;
        return go;
}

static int on_body(http_parser *l, const char *at, size_t n) {
        struct http_parse *p = l->data;
        if (p->on_body && p->on_body(p, at, n) < 0)
                return p->status ? -1 : stop(p, 500, "the body could not be taken");
        return 0;
}

static int on_complete(http_parser *l) {
        struct http_parse *p = l->data;
        if (finish_header(p) < 0)       /* the last trailer */
                return -1;
        http_parser_pause(l, 1);
        return 0;
}

static const http_parser_settings settings = {
        .on_message_begin = on_begin, .on_url = on_url, .on_header_field = on_field, .on_header_value = on_value,
        .on_headers_complete = on_headers_complete, .on_body = on_body, .on_message_complete = on_complete,
};

void http_head_done(struct http_head *h) {
        http_headers_done(&h->headers);
        free(h->method);
        free(h->target);
        free(h->reason);
        *h = (struct http_head) { 0 };
}

void http_parse_init(struct http_parse *p, bool is_response) {
        *p = (struct http_parse) { .is_response = is_response };
        p->name = p->value = (struct sbuf) SBUF(2 * HTTP_HEAD_BYTES_MAX + 1024);
        p->target = (struct sbuf) SBUF(HTTP_TARGET_BYTES_MAX);
        http_parser_init(lib(p), is_response ? HTTP_RESPONSE : HTTP_REQUEST);
        lib(p)->data = p;
}

static int failed(struct http_parse *p) {
        if (p->status)
                return -EBADMSG;
        enum http_errno e = HTTP_PARSER_ERRNO(lib(p));
        switch (e) {
        case HPE_INVALID_METHOD:  p->status = 501; break;
        case HPE_HEADER_OVERFLOW: p->status = 431; break;
        case HPE_INVALID_VERSION: p->status = 505; break;
        default:                  p->status = 400; break;
        }
        p->message = http_errno_description(e);
        return -EBADMSG;
}

int http_parse_run(struct http_parse *p, const char *data, size_t n, size_t *ret_used) {
        http_parser *l = lib(p);
        l->data = p;                    /* p may have moved */
        size_t used = http_parser_execute(l, &settings, data, n);
        *ret_used = used;
        switch (HTTP_PARSER_ERRNO(l)) {
        case HPE_PAUSED:
                http_parser_pause(l, 0);
                return HTTP_PARSE_DONE;
        case HPE_OK:
                return l->upgrade ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
        default:
                return failed(p);
        }
}

int http_parse_eof(struct http_parse *p) {
        http_parser *l = lib(p);
        l->data = p;
        http_parser_execute(l, &settings, NULL, 0);
        if (HTTP_PARSER_ERRNO(l) == HPE_PAUSED) {
                http_parser_pause(l, 0);
                return HTTP_PARSE_DONE;
        }
        p->status = 400;
        p->message = "the message was cut off";
        return -EBADMSG;
}

bool http_parse_keep_alive(const struct http_parse *p) { return p->head.keep_alive; }

void http_parse_next(struct http_parse *p) {
        http_head_done(&p->head);
        sbuf_done(&p->name);            /* an idle connection keeps no memory for its heads */
        sbuf_done(&p->value);
        sbuf_done(&p->target);
        p->head_bytes = 0;
        p->status = 0;
        p->message = NULL;
        p->in_value = p->in_trailers = p->started = false;
}

bool http_parse_is_idle(const struct http_parse *p) { return !p->started; }

void http_parse_done(struct http_parse *p) { http_parse_next(p); }
