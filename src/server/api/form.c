#include "form.h"

#include <strings.h>

#include "base/vec.h"

enum { BOUNDARY_MAX = 70 };

static bool is_type(const char *content_type, const char *want) {
        size_t n = strlen(want);
        return content_type && strncasecmp(content_type, want, n) == 0 && strchr("; \t", content_type[n]);      /* strchr: also the end */
}
static bool is_multipart(const char *content_type) { return is_type(content_type, "multipart/form-data"); }

bool form_is(const char *content_type, const char *body, size_t len) {
        size_t skip = 0;
        while (skip < len && strchr(" \t\r\n", body[skip]) && body[skip])
                skip++;
        if (skip < len && (body[skip] == '{' || body[skip] == '['))
                return false;
        return is_multipart(content_type) || is_type(content_type, "application/x-www-form-urlencoded");
}

/* A parameter of a header value: boundary=x, name="a \" b". Returns a new string or NULL. */
static char *header_param(const char *value, size_t len, const char *name) {
        size_t n = strlen(name);
        const char *end = value + len;
        for (const char *p = memchr(value, ';', len); p; p = memchr(p, ';', (size_t) (end - p))) {
                p++;
                while (p < end && (*p == ' ' || *p == '\t'))
                        p++;
                if ((size_t) (end - p) <= n || strncasecmp(p, name, n) != 0 || p[n] != '=')
                        continue;
                p += n + 1;
                struct sbuf b = SBUF(4096);
                if (p < end && *p == '"') {
                        for (p++; p < end && *p != '"'; p++) {
                                if (*p == '\\' && p + 1 < end)
                                        p++;
                                sbuf_putc(&b, *p);
                        }
                } else {
                        for (; p < end && !strchr("; \t", *p); p++)
                                sbuf_putc(&b, *p);
                }
                char *s = sbuf_ok(&b) ? dr_xstrdup(sbuf_str(&b)) : NULL;
                sbuf_done(&b);
                return s;
        }
        return NULL;
}

/* The name of the field that a part's head gives; new string or NULL. */
static char *part_name(const char *head, size_t len) {
        static const char disposition[] = "content-disposition:";
        for (const char *p = head, *end = head + len; p < end;) {
                const char *eol = memmem(p, (size_t) (end - p), "\r\n", 2);
                size_t n = (size_t) ((eol ? eol : end) - p);
                if (n > sizeof disposition - 1 && strncasecmp(p, disposition, sizeof disposition - 1) == 0)
                        return header_param(p, n, "name");
                p += n + 2;
        }
        return NULL;
}

static int broken(struct dr_error *err, const char *why) {
        return dr_fail(err, DR_E_INVALID_BODY, NULL, "the form cannot be read: %s", why);
}

static int parse_multipart(const char *content_type, const char *body, size_t len, struct http_query *ret, struct dr_error *err) {
        auto_free char *boundary = header_param(content_type, strlen(content_type), "boundary");
        if (!boundary || !*boundary || strlen(boundary) > BOUNDARY_MAX)
                return broken(err, "it has no usable boundary");
        auto_free char *delimiter = dr_xasprintf("\r\n--%s", boundary);
        size_t dn = strlen(delimiter);
        const char *end = body + len, *p;
        if (len >= dn - 2 && memcmp(body, delimiter + 2, dn - 2) == 0) {        /* the first needs no line before it */
                p = body + dn - 2;
        } else {
                p = memmem(body, len, delimiter, dn);
                if (!p)
                        return broken(err, "its boundary is not in it");
                p += dn;
        }
        for (;;) {
                if (end - p >= 2 && p[0] == '-' && p[1] == '-')
                        return 0;
                while (p < end && (*p == ' ' || *p == '\t'))
                        p++;
                if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
                        return broken(err, "a boundary does not end its line");
                p += 2;
                const char *blank = end - p >= 2 && memcmp(p, "\r\n", 2) == 0 ? p - 2 : memmem(p, (size_t) (end - p), "\r\n\r\n", 4);
                if (!blank)
                        return broken(err, "the head of a part does not end");
                const char *value = blank + 4, *next = memmem(blank + 2, (size_t) (end - blank - 2), delimiter, dn);
                if (!next)
                        return broken(err, "its last part does not end");
                if (next < value)
                        value = next;           /* an empty part: its blank line belongs to the boundary */
                auto_free char *name = blank > p ? part_name(p, (size_t) (blank - p)) : NULL;
                if (name && *name) {
                        if (memchr(value, '\0', (size_t) (next - value)))
                                return broken(err, "a field has a null byte");
                        if (ret->n == FORM_FIELDS_MAX)
                                return broken(err, "it has too many fields");
                        vec_push(ret, ((struct http_param) { dr_xstrdup(name), dr_xstrndup(value, (size_t) (next - value)) }));
                }
                p = next + dn;
        }
}

int form_parse(const char *content_type, const char *body, size_t len, struct http_query *ret, struct dr_error *err) {
        if (len > FORM_BYTES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "a form has at most %d bytes", FORM_BYTES_MAX);
        if (is_multipart(content_type))
                return parse_multipart(content_type, body, len, ret, err);
        return http_query_parse(body, len, ret) < 0 ? broken(err, "its escapes are wrong or it has too many fields") : 0;
}
