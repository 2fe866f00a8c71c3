#include "request.h"

#include "base/sbuf.h"

enum { STATUS_AT = 9, HEAD_BYTES = 12 };        /* "HTTP/1.0 200" */

/* One word of the line into b; quotes and backslashes undone. False: there is none. */
static int next_word(const char **at, struct sbuf *b, struct dr_error *err) {
        const char *p = *at;
        char quote = 0;
        bool any = false;
        sbuf_reset(b);
        while (*p == ' ' || *p == '\t')
                p++;
        for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
                any = true;
                if (quote ? *p == quote : *p == '"' || *p == '\'') {
                        quote = quote ? 0 : *p;
                } else if (*p == '\\' && quote != '\'') {
                        if (!*++p)
                                return dr_fail(err, DR_E_INVALID_FORMAT, "requestLine", "the request line ends with a backslash");
                        sbuf_putc(b, *p == 'r' ? '\r' : *p == 'n' ? '\n' : *p == 't' ? '\t' : *p);
                } else {
                        sbuf_putc(b, *p);
                }
        }
        if (quote)
                return dr_fail(err, DR_E_INVALID_FORMAT, "requestLine", "a quote of the request line is not closed");
        *at = p;
        return any;
}

/* Lines of headers end with \r\n on the wire, however they are written. */
static void add_lines(struct sbuf *out, const char *s) {
        for (; *s; s++) {
                if (*s == '\n' && (!out->len || out->data[out->len - 1] != '\r'))
                        sbuf_putc(out, '\r');
                sbuf_putc(out, *s);
        }
}

static bool has_header(const char *text, const char *name) {
        size_t n = strlen(name);
        for (const char *p = strchr(text, '\n'); p; p = strchr(p, '\n'))
                if (strncasecmp(++p, name, n) == 0 && p[n] == ':')
                        return true;
        return false;
}

static bool is_token(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                if ((unsigned char) s[i] <= ' ' || (unsigned char) s[i] >= 0x7f)
                        return false;
        return n > 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_version(const char *s) {
        return str_starts(s, "HTTP/") && is_digit(s[5]) && s[6] == '.' && is_digit(s[7]) && (!s[8] || s[8] == '\r' || s[8] == '\n');
}

static int read_words(const char *line, char **method, char **path, struct sbuf *rest, struct dr_error *err) {
        auto_sbuf struct sbuf word = SBUF(REQUEST_LINE_BYTES_MAX);
        const char *at = line;
        int r = next_word(&at, &word, err);
        if (r <= 0)
                return r;
        bool bare = sbuf_str(&word)[0] == '/';
        *(bare ? path : method) = dr_xstrdup(sbuf_str(&word));
        if (!bare && (r = next_word(&at, &word, err)) > 0)
                *path = dr_xstrdup(sbuf_str(&word));
        if (r > 0)
                while ((r = next_word(&at, &word, err)) > 0) {
                        if (rest->len)
                                sbuf_putc(rest, ' ');
                        add_lines(rest, sbuf_str(&word));
                }
        if (r < 0)
                return r;
        if ((*method && !is_token(*method, strlen(*method))) || (*path && !is_token(*path, strlen(*path))))
                return dr_fail(err, DR_E_INVALID_FORMAT, "requestLine", "method and path of the request line must be words of printable characters");
        return 1;
}

int request_make(const char *line, const char *host, char **ret, struct dr_error *err) {
        auto_free char *method = NULL, *path = NULL;
        auto_sbuf struct sbuf rest = SBUF(REQUEST_LINE_BYTES_MAX), out = SBUF(3 * REQUEST_LINE_BYTES_MAX);
        *ret = NULL;
        if (!line)
                return 0;
        if (strlen(line) >= REQUEST_LINE_BYTES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, "requestLine", "the request line is longer than %d bytes", REQUEST_LINE_BYTES_MAX);
        int r = read_words(line, &method, &path, &rest, err);
        if (r <= 0)
                return r;
        if (rest.len && !is_version(sbuf_str(&rest)))
                return dr_fail(err, DR_E_INVALID_FORMAT, "requestLine", "the request line has \"%.40s\" where its version should be", sbuf_str(&rest));
        sbuf_printf(&out, "%s %s %s", str_or(method, "GET"), str_or(path, "/"), rest.len ? sbuf_str(&rest) : "HTTP/1.0");
        while (out.len && (out.data[out.len - 1] == '\n' || out.data[out.len - 1] == '\r'))
                out.data[--out.len] = 0;
        sbuf_puts(&out, "\r\n");
        if (str_starts(sbuf_str(&rest), "HTTP/1.1")) {
                if (!has_header(out.data, "host"))
                        sbuf_printf(&out, "Host: %s\r\n", host);
                if (!has_header(out.data, "connection"))
                        sbuf_puts(&out, "Connection: close\r\n");
        }
        sbuf_puts(&out, "\r\n");
        if (!sbuf_ok(&out))
                return dr_fail(err, DR_E_TOO_LARGE, "requestLine", "the request is too long");
        *ret = sbuf_steal(&out);
        return 0;
}

/* ---- answers ---- */
static bool fits(const char *head, unsigned n) {
        static const char form[] = "HTTP/d.d ddd";
        for (unsigned i = 0; i < n && i < HEAD_BYTES; i++)
                if (form[i] == 'd' ? head[i] < '0' || head[i] > '9' : head[i] != form[i])
                        return false;
        return n <= HEAD_BYTES || head[HEAD_BYTES] == ' ' || head[HEAD_BYTES] == '\r' || head[HEAD_BYTES] == '\n';
}

int answer_status(const struct answer *a) {
        if (a->n < HEAD_BYTES || !fits(a->head, a->n))
                return 0;
        const char *d = a->head + STATUS_AT;
        return (d[0] - '0') * 100 + (d[1] - '0') * 10 + (d[2] - '0');
}

enum answer_verdict answer_end(const struct answer *a) {
        int status = answer_status(a);
        return !status ? ANSWER_GARBAGE : status >= 200 && status < 400 ? ANSWER_UP : ANSWER_BAD_STATUS;
}

enum answer_verdict answer_take(struct answer *a, const char *p, size_t n) {
        for (size_t i = 0; i < n && a->n <= HEAD_BYTES; i++)
                a->head[a->n++] = p[i];
        if (!fits(a->head, a->n))
                return ANSWER_GARBAGE;
        return a->n <= HEAD_BYTES ? ANSWER_MORE : answer_end(a);
}
