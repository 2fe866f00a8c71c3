#include "net/http.h"

#include <stdio.h>
#include <strings.h>

#include "base/parse.h"

enum { QUERY_ARGS_MAX = 1000, PATH_SEGMENTS_MAX = 256, URL_BYTES_MAX = 16 * 1024 };

static const char *const verbs[VERB_MAX] = {
        [VERB_GET] = "GET", [VERB_HEAD] = "HEAD", [VERB_POST] = "POST", [VERB_PUT] = "PUT", [VERB_PATCH] = "PATCH",
        [VERB_DELETE] = "DELETE", [VERB_OPTIONS] = "OPTIONS", [VERB_OTHER] = "OTHER",
};

const char *verb_to_string(enum verb v) { return (unsigned) v < VERB_MAX ? verbs[v] : NULL; }

enum verb verb_from_string(const char *s) {
        for (unsigned v = 0; v < VERB_OTHER; v++)
                if (strcmp(verbs[v], s) == 0)
                        return (enum verb) v;
        return VERB_OTHER;
}

static const struct { int status; const char *text; } statuses[] = {
        { 100, "Continue" }, { 101, "Switching Protocols" }, { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
        { 204, "No Content" }, { 206, "Partial Content" }, { 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" },
        { 304, "Not Modified" }, { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" }, { 400, "Bad Request" },
        { 401, "Unauthorized" }, { 402, "Payment Required" }, { 403, "Forbidden" }, { 404, "Not Found" },
        { 405, "Method Not Allowed" }, { 406, "Not Acceptable" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
        { 411, "Length Required" }, { 412, "Precondition Failed" }, { 413, "Payload Too Large" }, { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" },
        { 422, "Unprocessable Entity" }, { 426, "Upgrade Required" }, { 428, "Precondition Required" },
        { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
        { 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
};

const char *http_status_text(int status) {
        for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
                if (statuses[i].status == status)
                        return statuses[i].text;
        return "Unknown";
}

/* ---- headers ---- */

void http_headers_addn(struct http_headers *h, const char *name, size_t name_len, const char *value, size_t value_len) {
        if (h->n == h->cap) {
                h->cap = h->cap ? 2 * h->cap : 8;
                h->v = dr_xrealloc(h->v, h->cap * sizeof *h->v);
        }
        char *s = dr_xmalloc(name_len + value_len + 2);         /* both strings in one block, freed by name */
        memcpy(s, name, name_len);
        s[name_len] = 0;
        if (value_len)
                memcpy(s + name_len + 1, value, value_len);
        s[name_len + 1 + value_len] = 0;
        h->v[h->n++] = (struct http_header) { s, s + name_len + 1 };
}

void http_headers_add(struct http_headers *h, const char *name, const char *value) {
        http_headers_addn(h, name, strlen(name), value, strlen(value));
}

void http_headers_set(struct http_headers *h, const char *name, const char *value) {
        size_t n = 0;
        for (size_t i = 0; i < h->n; i++) {
                if (str_ieq(h->v[i].name, name))
                        free((void *) (uintptr_t) h->v[i].name);
                else
                        h->v[n++] = h->v[i];
        }
        h->n = n;
        http_headers_add(h, name, value);
}

const char *http_headers_get(const struct http_headers *h, const char *name) {
        for (size_t i = 0; i < h->n; i++)
                if (str_ieq(h->v[i].name, name))
                        return h->v[i].value;
        return NULL;
}

bool http_headers_has_token(const struct http_headers *h, const char *name, const char *token) {
        size_t len = strlen(token);
        for (size_t i = 0; i < h->n; i++) {
                if (!str_ieq(h->v[i].name, name))
                        continue;
                for (const char *s = h->v[i].value; *s;) {
                        s += strspn(s, " \t,");
                        size_t n = strcspn(s, ",");
                        size_t t = n;
                        while (t && (s[t - 1] == ' ' || s[t - 1] == '\t'))
                                t--;
                        if (t == len && strncasecmp(s, token, len) == 0)
                                return true;
                        s += n;
                }
        }
        return false;
}

char *http_cookie_get(const struct http_headers *h, const char *name) {
        size_t len = strlen(name);
        for (const char *p = str_or(http_headers_get(h, "Cookie"), ""); *p;) {
                p += strspn(p, "; ");
                size_t n = strcspn(p, ";");
                if (n > len && p[len] == '=' && strncmp(p, name, len) == 0)
                        return dr_xstrndup(p + len + 1, n - len - 1);
                p += n;
        }
        return NULL;
}

void http_headers_done(struct http_headers *h) {
        for (size_t i = 0; i < h->n; i++)
                free((void *) (uintptr_t) h->v[i].name);
        free(h->v);
        *h = (struct http_headers) { 0 };
}

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Returns the bytes (NUL-terminated) or NULL: bad character, padding or length. */
static char *base64_decode(const char *s, size_t *ret_len) {
        size_t n = strlen(s), len = 0;
        while (n && s[n - 1] == '=')
                n--;
        if (strlen(s) - n > 2 || n % 4 == 1)
                return NULL;
        char *out = dr_xmalloc(n / 4 * 3 + 4);
        uint32_t acc = 0;
        for (size_t i = 0; i < n; i++) {
                const char *at = strchr(base64_alphabet, s[i]);
                if (!at) {
                        free(out);
                        return NULL;
                }
                acc = acc << 6 | (uint32_t) (at - base64_alphabet);
                if (i % 4 == 3) {
                        out[len++] = (char) (acc >> 16);
                        out[len++] = (char) (acc >> 8);
                        out[len++] = (char) acc;
                }
        }
        if (n % 4 == 2) {
                out[len++] = (char) (acc >> 4);
        } else if (n % 4 == 3) {
                out[len++] = (char) (acc >> 10);
                out[len++] = (char) (acc >> 2);
        }
        out[len] = 0;
        *ret_len = len;
        return out;
}

int http_headers_basic(const struct http_headers *h, char **ret_user, char **ret_password) {
        const char *v = http_headers_get(h, "authorization");
        if (!v || strncasecmp(v, "basic ", 6) != 0)
                return -ENOENT;
        v += 6;
        v += strspn(v, " ");
        size_t len;
        auto_free char *plain = base64_decode(v, &len);
        char *colon = plain && strlen(plain) == len ? strchr(plain, ':') : NULL;
        if (!colon)
                return -EINVAL;
        *ret_user = dr_xstrndup(plain, (size_t) (colon - plain));
        *ret_password = dr_xstrdup(colon + 1);
        return 0;
}

char *http_basic_value(const char *user, const char *password) {
        auto_free char *plain = dr_xasprintf("%s:%s", user, password);
        size_t n = strlen(plain);
        char *out = dr_xmalloc(6 + (n + 2) / 3 * 4 + 1), *o = out + 6;
        memcpy(out, "Basic ", 6);
        for (size_t i = 0; i < n; i += 3) {
                uint32_t b = (uint32_t) (unsigned char) plain[i] << 16;
                if (i + 1 < n)
                        b |= (uint32_t) (unsigned char) plain[i + 1] << 8;
                if (i + 2 < n)
                        b |= (unsigned char) plain[i + 2];
                *o++ = base64_alphabet[b >> 18];
                *o++ = base64_alphabet[b >> 12 & 63];
                *o++ = i + 1 < n ? base64_alphabet[b >> 6 & 63] : '=';
                *o++ = i + 2 < n ? base64_alphabet[b & 63] : '=';
        }
        *o = 0;
        return out;
}

/* ---- path, query, escapes ---- */

static int hex_digit(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *http_unescape(const char *s, size_t len, bool plus) {
        char *out = dr_xmalloc(len + 1), *o = out;
        for (size_t i = 0; i < len; i++) {
                char c = s[i];
                if (c == '%') {
                        int hi = i + 2 < len ? hex_digit(s[i + 1]) : -1, lo = i + 2 < len ? hex_digit(s[i + 2]) : -1;
                        if (hi < 0 || lo < 0 || hi + lo == 0) {
                                free(out);
                                return NULL;
                        }
                        c = (char) (hi << 4 | lo);
                        i += 2;
                } else if (c == '+' && plus) {
                        c = ' ';
                } else if (c == 0) {
                        free(out);
                        return NULL;
                }
                *o++ = c;
        }
        *o = 0;
        return out;
}

void http_escape(struct sbuf *b, const char *s) {
        static const char hex[] = "0123456789ABCDEF";
        for (; *s; s++) {
                unsigned char c = (unsigned char) *s;
                if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c)) {
                        sbuf_putc(b, (char) c);
                } else {
                        sbuf_putc(b, '%');
                        sbuf_putc(b, hex[c >> 4]);
                        sbuf_putc(b, hex[c & 15]);
                }
        }
}

void http_path_done(struct http_path *p) {
        for (size_t i = 0; i < p->n; i++)
                free(p->seg[i]);
        free(p->seg);
        *p = (struct http_path) { 0 };
}

int http_path_parse(const char *raw, size_t len, struct http_path *ret) {
        if (!len || raw[0] != '/')
                return -EINVAL;
        struct http_path p = { 0 };
        if (len == 1) {
                *ret = p;
                return 0;
        }
        size_t n = 0;
        for (size_t i = 0; i < len; i++)
                n += raw[i] == '/';
        if (n > PATH_SEGMENTS_MAX)
                return -EINVAL;
        p.seg = dr_xcalloc(n, sizeof *p.seg);
        for (size_t from = 1; from <= len;) {
                const char *slash = from < len ? memchr(raw + from, '/', len - from) : NULL;
                size_t to = slash ? (size_t) (slash - raw) : len;
                char *s = http_unescape(raw + from, to - from, false);
                if (!s) {
                        http_path_done(&p);
                        return -EINVAL;
                }
                p.seg[p.n++] = s;
                from = to + 1;
        }
        *ret = p;
        return 0;
}

void http_query_done(struct http_query *q) {
        for (size_t i = 0; i < q->n; i++) {
                free(q->v[i].name);
                free(q->v[i].value);
        }
        free(q->v);
        *q = (struct http_query) { 0 };
}

int http_query_parse(const char *raw, size_t len, struct http_query *ret) {
        struct http_query q = { 0 };
        for (size_t from = 0; from < len;) {
                const char *amp = memchr(raw + from, '&', len - from);
                size_t to = amp ? (size_t) (amp - raw) : len;
                if (to > from) {
                        const char *eq = memchr(raw + from, '=', to - from);
                        size_t name_end = eq ? (size_t) (eq - raw) : to;
                        char *name = http_unescape(raw + from, name_end - from, true);
                        char *value = http_unescape(eq ? eq + 1 : "", eq ? to - name_end - 1 : 0, true);
                        if (!name || !value || q.n == QUERY_ARGS_MAX) {
                                free(name);
                                free(value);
                                http_query_done(&q);
                                return -EINVAL;
                        }
                        if (q.n == q.cap) {
                                q.cap = q.cap ? 2 * q.cap : 4;
                                q.v = dr_xrealloc(q.v, q.cap * sizeof *q.v);
                        }
                        q.v[q.n++] = (struct http_param) { name, value };
                }
                from = to + 1;
        }
        *ret = q;
        return 0;
}

const char *http_query_get(const struct http_query *q, const char *name) {
        for (size_t i = 0; i < q->n; i++)
                if (strcmp(q->v[i].name, name) == 0)
                        return q->v[i].value;
        return NULL;
}

/* ---- URLs ---- */

void http_url_done(struct http_url *u) {
        free(u->user);
        free(u->password);
        free(u->host);
        free(u->unix_path);
        free(u->target);
        free(u->authority);
        *u = (struct http_url) { 0 };
}

static int bad_url(struct dr_error *err, const char *s, const char *why) {
        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot use URL \"%.200s\": %s", s, why);
}

/* What the request line may carry: no blanks, no control characters, nothing behind '#'. */
static char *make_target(const char *s) {
        size_t n = strcspn(s, "#");
        return dr_xasprintf("%s%.*s", *s == '/' ? "" : "/", (int) n, s);
}

static int parse_authority(const char *s, const char *at, size_t len, struct http_url *u, struct dr_error *err) {
        const char *end = at + len;
        const char *userinfo_end = memrchr(at, '@', len);
        if (userinfo_end) {
                const char *colon = memchr(at, ':', (size_t) (userinfo_end - at));
                const char *user_end = colon ? colon : userinfo_end;
                u->user = http_unescape(at, (size_t) (user_end - at), false);
                u->password = colon ? http_unescape(colon + 1, (size_t) (userinfo_end - colon - 1), false) : dr_xstrdup("");
                if (!u->user || !u->password)
                        return bad_url(err, s, "bad escape in the user name or password");
                at = userinfo_end + 1;
        }
        const char *host_end, *port = NULL;
        if (at < end && *at == '[') {
                host_end = memchr(at, ']', (size_t) (end - at));
                if (!host_end)
                        return bad_url(err, s, "no \"]\" behind the address");
                if (host_end + 1 < end) {
                        if (host_end[1] != ':')
                                return bad_url(err, s, "bad port");
                        port = host_end + 2;
                }
                at++;
        } else {
                const char *colon = memchr(at, ':', (size_t) (end - at));
                host_end = colon ? colon : end;
                port = colon ? colon + 1 : NULL;
        }
        if (host_end == at)
                return bad_url(err, s, "no host");
        u->host = dr_xstrndup(at, (size_t) (host_end - at));
        unsigned short standard = u->tls ? 443 : 80;
        u->port = standard;
        if (port) {
                auto_free char *digits = dr_xstrndup(port, (size_t) (end - port));
                uint64_t x;
                if (parse_u64(digits, 65535, &x) < 0 || x == 0)
                        return bad_url(err, s, "bad port");
                u->port = (unsigned short) x;
        }
        bool v6 = strchr(u->host, ':') != NULL;
        u->authority = u->port == standard ? dr_xasprintf("%s%s%s", v6 ? "[" : "", u->host, v6 ? "]" : "")
                                           : dr_xasprintf("%s%s%s:%u", v6 ? "[" : "", u->host, v6 ? "]" : "", u->port);
        return 0;
}

int http_url_parse(const char *s, struct http_url *ret, struct dr_error *err) {
        size_t len = strlen(s);
        if (len > URL_BYTES_MAX)
                return bad_url(err, s, "it is too long");
        for (size_t i = 0; i < len; i++)
                if ((unsigned char) s[i] <= ' ' || s[i] == 0x7f)
                        return bad_url(err, s, "it has a blank or control character in it");
        struct http_url u = { 0 };
        if (str_starts(s, "unix:")) {
                const char *path = s + 5;
                if (str_starts(path, "//"))             /* unix:///run/x.sock, as DOCKER_HOST has it */
                        path += 2;
                size_t n = strcspn(path, ":");
                if (*path != '/' || n < 2 || n > 107)
                        return bad_url(err, s, "the socket's path is not absolute, or too long");
                u.unix_path = dr_xstrndup(path, n);
                u.host = dr_xstrdup("localhost");
                u.authority = dr_xstrdup("localhost");
                u.target = make_target(path[n] ? path + n + 1 : "/");
                *ret = u;
                return 0;
        }
        static const struct { const char *scheme; bool tls; } schemes[] = {
                { "http://", false }, { "https://", true }, { "ws://", false }, { "wss://", true },
        };
        const char *rest = NULL;
        for (size_t i = 0; i < ARRAY_LEN(schemes) && !rest; i++)
                if (strncasecmp(s, schemes[i].scheme, strlen(schemes[i].scheme)) == 0) {
                        rest = s + strlen(schemes[i].scheme);
                        u.tls = schemes[i].tls;
                }
        if (!rest)
                return bad_url(err, s, "it does not begin with http://, https://, ws://, wss:// or unix:/");
        size_t n = strcspn(rest, "/?#");
        int r = parse_authority(s, rest, n, &u, err);
        if (r < 0) {
                http_url_done(&u);
                return r;
        }
        u.target = make_target(rest + n);
        *ret = u;
        return 0;
}
