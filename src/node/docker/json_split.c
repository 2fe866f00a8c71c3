#include "json_split.h"

static bool blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

int json_split_feed(struct json_split *s, const char *p, size_t n, int (*fn)(const char *object, size_t len, void *arg), void *arg,
                    struct dr_error *err) {
        size_t from = 0;
        for (size_t i = 0; i < n; i++) {
                char c = p[i];
                if (s->depth == 0) {
                        if (blank(c))
                                continue;
                        if (c != '{')
                                return dr_fail(err, DR_E_INVALID_BODY, NULL, "the stream has byte 0x%02x where an object starts", (unsigned char) c);
                        from = i;
                        s->depth = 1;
                        continue;
                }
                if (s->in_string) {
                        if (s->escaped)
                                s->escaped = false;
                        else if (c == '\\')
                                s->escaped = true;
                        else if (c == '"')
                                s->in_string = false;
                } else if (c == '"') {
                        s->in_string = true;
                } else if (c == '{' || c == '[') {
                        s->depth++;
                } else if ((c == '}' || c == ']') && --s->depth == 0) {
                        const char *object = p + from;
                        size_t len = i + 1 - from;
                        if (s->held.len > 0) {          /* began in an earlier piece */
                                sbuf_add(&s->held, object, len);
                                object = s->held.data;
                                len = s->held.len;
                        }
                        if (!sbuf_ok(&s->held) || len > s->held.max)
                                return dr_fail(err, DR_E_TOO_LARGE, NULL, "an object of the stream is longer than %zu bytes", s->held.max);
                        int r = fn(object, len, arg);
                        if (r < 0)
                                return r;
                        sbuf_reset(&s->held);
                        from = i + 1;
                }
        }
        if (s->depth > 0) {
                sbuf_add(&s->held, p + from, n - from);
                if (!sbuf_ok(&s->held))
                        return dr_fail(err, DR_E_TOO_LARGE, NULL, "an object of the stream is longer than %zu bytes", s->held.max);
        }
        return 0;
}

void json_split_done(struct json_split *s) { sbuf_done(&s->held); }
