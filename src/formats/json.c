#include "json.h"

#include "utf8.h"

#include <math.h>
#include <stdio.h>

struct parser {
        const unsigned char *start, *p, *end;
        struct dr_error *err;
        struct sbuf scratch;            /* strings with escapes, numbers */
};

static int parse_value(struct parser *ps, unsigned depth, struct json_object **ret);

static int fail_at(struct parser *ps, const unsigned char *at, const char *what) {
        unsigned line = 1;
        const unsigned char *bol = ps->start;
        for (const unsigned char *q = ps->start; q < at; q++)
                if (*q == '\n') {
                        line++;
                        bol = q + 1;
                }
        char found[40];
        if (at >= ps->end)
                snprintf(found, sizeof found, "the end");
        else if (*at >= 0x20 && *at < 0x7f)
                snprintf(found, sizeof found, "'%c'", *at);
        else
                snprintf(found, sizeof found, "byte 0x%02x", *at);
        return dr_fail(ps->err, DR_E_INVALID_BODY, NULL, "invalid JSON at line %u, column %zu: %s, found %s", line,
                       (size_t) (at - bol) + 1, what, found);
}

static void skip_space(struct parser *ps) {
        while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\n' || *ps->p == '\r' || *ps->p == '\t'))
                ps->p++;
}

static int hex4(struct parser *ps, unsigned *ret) {
        unsigned v = 0;
        for (int i = 0; i < 4; i++, ps->p++) {
                if (ps->p >= ps->end)
                        return fail_at(ps, ps->p, "expected four hexadecimal digits after \\u");
                unsigned c = *ps->p, d;
                if (c >= '0' && c <= '9')
                        d = c - '0';
                else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                        d = (c | 0x20) - 'a' + 10;
                else
                        return fail_at(ps, ps->p, "expected four hexadecimal digits after \\u");
                v = v * 16 + d;
        }
        *ret = v;
        return 0;
}

static void put_utf8(struct sbuf *b, unsigned c) {
        char u[4];
        size_t n;
        if (c < 0x80) {
                u[0] = (char) c;
                n = 1;
        } else if (c < 0x800) {
                u[0] = (char) (0xc0 | c >> 6);
                u[1] = (char) (0x80 | (c & 63));
                n = 2;
        } else if (c < 0x10000) {
                u[0] = (char) (0xe0 | c >> 12);
                u[1] = (char) (0x80 | (c >> 6 & 63));
                u[2] = (char) (0x80 | (c & 63));
                n = 3;
        } else {
                u[0] = (char) (0xf0 | c >> 18);
                u[1] = (char) (0x80 | (c >> 12 & 63));
                u[2] = (char) (0x80 | (c >> 6 & 63));
                u[3] = (char) (0x80 | (c & 63));
                n = 4;
        }
        sbuf_add(b, u, n);
}

static int parse_escape(struct parser *ps) {
        const unsigned char *at = ps->p++;      /* the backslash */
        if (ps->p >= ps->end)
                return fail_at(ps, ps->p, "expected an escape after \\");
        unsigned char c = *ps->p++;
        switch (c) {
        case '"': case '\\': case '/': sbuf_putc(&ps->scratch, (char) c); return 0;
        case 'b': sbuf_putc(&ps->scratch, '\b'); return 0;
        case 'f': sbuf_putc(&ps->scratch, '\f'); return 0;
        case 'n': sbuf_putc(&ps->scratch, '\n'); return 0;
        case 'r': sbuf_putc(&ps->scratch, '\r'); return 0;
        case 't': sbuf_putc(&ps->scratch, '\t'); return 0;
        case 'u': break;
        default: return fail_at(ps, ps->p - 1, "expected one of \"\\/bfnrtu after \\");
        }
        unsigned v = 0, low = 0;
        int r = hex4(ps, &v);
        if (r < 0)
                return r;
        if (v == 0)
                return fail_at(ps, at, "\\u0000 is not allowed");
        if (v >= 0xd800 && v <= 0xdbff) {
                if (ps->end - ps->p < 2 || ps->p[0] != '\\' || ps->p[1] != 'u')
                        return fail_at(ps, at, "expected the second half of a surrogate pair");
                ps->p += 2;
                r = hex4(ps, &low);
                if (r < 0)
                        return r;
                if (low < 0xdc00 || low > 0xdfff)
                        return fail_at(ps, at, "expected the second half of a surrogate pair");
                v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
        } else if (v >= 0xdc00 && v <= 0xdfff) {
                return fail_at(ps, at, "second half of a surrogate pair without the first");
        }
        put_utf8(&ps->scratch, v);
        return 0;
}

/* *ret points into the text or into scratch (valid until the next string). */
static int parse_string(struct parser *ps, const char **ret, size_t *ret_len) {
        const unsigned char *from = ++ps->p;
        bool copied = false;
        for (;;) {
                if (ps->p >= ps->end)
                        return fail_at(ps, ps->p, "expected '\"' at the end of a string");
                unsigned char c = *ps->p;
                if (c == '"')
                        break;
                if (c < 0x20)
                        return fail_at(ps, ps->p, "control characters in strings must be escaped");
                if (c == '\\') {
                        if (!copied)
                                sbuf_reset(&ps->scratch);
                        copied = true;
                        sbuf_add(&ps->scratch, from, (size_t) (ps->p - from));
                        int r = parse_escape(ps);
                        if (r < 0)
                                return r;
                        from = ps->p;
                } else if (c < 0x80) {
                        ps->p++;
                } else {
                        size_t n = utf8_sequence(ps->p, (size_t) (ps->end - ps->p));
                        if (!n)
                                return fail_at(ps, ps->p, "expected UTF-8");
                        ps->p += n;
                }
        }
        if (copied) {
                sbuf_add(&ps->scratch, from, (size_t) (ps->p - from));
                *ret = sbuf_str(&ps->scratch);
                *ret_len = ps->scratch.len;
        } else {
                *ret = (const char *) from;
                *ret_len = (size_t) (ps->p - from);
        }
        ps->p++;
        return 0;
}

static bool digit(const struct parser *ps) { return ps->p < ps->end && *ps->p >= '0' && *ps->p <= '9'; }

static int parse_number(struct parser *ps, struct json_object **ret) {
        const unsigned char *from = ps->p;
        bool negative = *ps->p == '-', integer = true, big = false;
        uint64_t v = 0;
        ps->p += negative;
        if (!digit(ps))
                return fail_at(ps, ps->p, "expected a digit");
        if (*ps->p == '0') {
                ps->p++;
                if (digit(ps))
                        return fail_at(ps, ps->p, "numbers do not begin with 0");
        }
        for (; digit(ps); ps->p++) {
                unsigned d = *ps->p - '0';
                if (v > (UINT64_MAX - d) / 10)
                        big = true;
                else
                        v = v * 10 + d;
        }
        if (ps->p < ps->end && *ps->p == '.') {
                integer = false;
                ps->p++;
                if (!digit(ps))
                        return fail_at(ps, ps->p, "expected a digit after the decimal point");
                while (digit(ps))
                        ps->p++;
        }
        if (ps->p < ps->end && (*ps->p | 0x20) == 'e') {
                integer = false;
                ps->p++;
                if (ps->p < ps->end && (*ps->p == '+' || *ps->p == '-'))
                        ps->p++;
                if (!digit(ps))
                        return fail_at(ps, ps->p, "expected a digit in the exponent");
                while (digit(ps))
                        ps->p++;
        }
        if (integer && !big && negative && v <= (uint64_t) INT64_MAX + 1) {
                *ret = json_object_new_int64((int64_t) (0 - v));
                return 0;
        }
        if (integer && !big && !negative) {
                *ret = v <= INT64_MAX ? json_object_new_int64((int64_t) v) : json_object_new_uint64(v);
                return 0;
        }
        sbuf_reset(&ps->scratch);
        sbuf_add(&ps->scratch, from, (size_t) (ps->p - from));
        double d = strtod(sbuf_str(&ps->scratch), NULL);
        if (!isfinite(d))
                return fail_at(ps, from, "the number is too large");
        *ret = json_object_new_double(d);
        return 0;
}

static int parse_word(struct parser *ps, struct json_object **ret) {
        size_t left = (size_t) (ps->end - ps->p);
        if (left >= 4 && memcmp(ps->p, "null", 4) == 0) {
                ps->p += 4;
                *ret = NULL;
        } else if (left >= 4 && memcmp(ps->p, "true", 4) == 0) {
                ps->p += 4;
                *ret = json_object_new_boolean(true);
        } else if (left >= 5 && memcmp(ps->p, "false", 5) == 0) {
                ps->p += 5;
                *ret = json_object_new_boolean(false);
        } else {
                return fail_at(ps, ps->p, "expected a value");
        }
        return 0;
}

static int parse_array(struct parser *ps, unsigned depth, struct json_object **ret) {
        AUTO(json_free) struct json_object *a = json_object_new_array_ext(2);
        ps->p++;
        skip_space(ps);
        if (ps->p < ps->end && *ps->p == ']') {
                ps->p++;
                *ret = dr_take(a);
                return 0;
        }
        for (;;) {
                struct json_object *item = NULL;
                int r = parse_value(ps, depth, &item);
                if (r < 0)
                        return r;
                json_object_array_add(a, item);
                skip_space(ps);
                if (ps->p < ps->end && *ps->p == ',') {
                        ps->p++;
                        continue;
                }
                if (ps->p < ps->end && *ps->p == ']')
                        break;
                return fail_at(ps, ps->p, "expected ',' or ']'");
        }
        ps->p++;
        *ret = dr_take(a);
        return 0;
}

static int parse_object(struct parser *ps, unsigned depth, struct json_object **ret) {
        AUTO(json_free) struct json_object *o = json_object_new_object();
        ps->p++;
        skip_space(ps);
        if (ps->p < ps->end && *ps->p == '}') {
                ps->p++;
                *ret = dr_take(o);
                return 0;
        }
        for (;;) {
                skip_space(ps);
                if (ps->p >= ps->end || *ps->p != '"')
                        return fail_at(ps, ps->p, "expected '\"' before a key");
                const char *s;
                size_t n;
                int r = parse_string(ps, &s, &n);
                if (r < 0)
                        return r;
                auto_free char *key = dr_xstrndup(s, n);
                skip_space(ps);
                if (ps->p >= ps->end || *ps->p != ':')
                        return fail_at(ps, ps->p, "expected ':' after a key");
                ps->p++;
                struct json_object *value = NULL;
                r = parse_value(ps, depth, &value);
                if (r < 0)
                        return r;
                json_object_object_add(o, key, value);
                skip_space(ps);
                if (ps->p < ps->end && *ps->p == ',') {
                        ps->p++;
                        continue;
                }
                if (ps->p < ps->end && *ps->p == '}')
                        break;
                return fail_at(ps, ps->p, "expected ',' or '}'");
        }
        ps->p++;
        *ret = dr_take(o);
        return 0;
}

static int parse_value(struct parser *ps, unsigned depth, struct json_object **ret) {
        skip_space(ps);
        if (ps->p >= ps->end)
                return fail_at(ps, ps->p, "expected a value");
        unsigned char c = *ps->p;
        if (c == '{' || c == '[') {
                if (depth == JSON_DEPTH_MAX)
                        return fail_at(ps, ps->p, "nested deeper than 64 levels");
                return c == '{' ? parse_object(ps, depth + 1, ret) : parse_array(ps, depth + 1, ret);
        }
        if (c == '"') {
                const char *s;
                size_t n;
                int r = parse_string(ps, &s, &n);
                if (r < 0)
                        return r;
                *ret = json_object_new_string_len(s, (int) n);
                return 0;
        }
        if (c == '-' || (c >= '0' && c <= '9'))
                return parse_number(ps, ret);
        return parse_word(ps, ret);
}

int json_parse(const char *buf, size_t len, size_t size_max, struct json_object **ret, struct dr_error *err) {
        if (size_max > INT32_MAX)               /* json-c counts in int */
                size_max = INT32_MAX;
        if (len > size_max)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "JSON text of %zu bytes is longer than %zu", len, size_max);
        static const unsigned char empty[1];
        const unsigned char *start = len ? (const unsigned char *) buf : empty;
        struct parser ps = { .start = start, .p = start, .end = start + len, .err = err, .scratch = SBUF(len + 4) };
        AUTO(json_free) struct json_object *o = NULL;
        int r = parse_value(&ps, 0, &o);
        if (r >= 0) {
                skip_space(&ps);
                if (ps.p < ps.end)
                        r = fail_at(&ps, ps.p, "expected the end of the text");
        }
        sbuf_done(&ps.scratch);
        if (r < 0)
                return r;
        *ret = dr_take(o);
        return 0;
}

struct json_object *json_get(const struct json_object *obj, const char *key) {
        struct json_object *v = NULL;
        if (!json_object_is_type(obj, json_type_object))
                return NULL;
        json_object_object_get_ex(obj, key, &v);
        return v;
}

bool json_has(const struct json_object *obj, const char *key) {
        return json_object_is_type(obj, json_type_object) && json_object_object_get_ex(obj, key, NULL);
}

const char *json_str(const struct json_object *obj, const char *key, const char *def) {
        struct json_object *v = json_get(obj, key);
        return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : def;
}

int64_t json_int(const struct json_object *obj, const char *key, int64_t def) {
        struct json_object *v = json_get(obj, key);
        if (json_object_is_type(v, json_type_int)) {
                uint64_t u = json_object_get_uint64(v);
                int64_t i = json_object_get_int64(v);
                return i == INT64_MAX && u > INT64_MAX ? def : i;       /* json-c clamps */
        }
        if (json_object_is_type(v, json_type_double)) {
                double d = json_object_get_double(v);
                if (d == rint(d) && d >= -9007199254740992.0 && d <= 9007199254740992.0)
                        return (int64_t) d;
        }
        return def;
}

double json_double(const struct json_object *obj, const char *key, double def) {
        struct json_object *v = json_get(obj, key);
        return json_object_is_type(v, json_type_double) || json_object_is_type(v, json_type_int) ? json_object_get_double(v) : def;
}

bool json_get_bool(const struct json_object *obj, const char *key, bool def) {
        struct json_object *v = json_get(obj, key);
        return json_object_is_type(v, json_type_boolean) ? json_object_get_boolean(v) : def;
}

struct json_object *json_get_object(const struct json_object *obj, const char *key) {
        struct json_object *v = json_get(obj, key);
        return json_object_is_type(v, json_type_object) ? v : NULL;
}

struct json_object *json_get_array(const struct json_object *obj, const char *key) {
        struct json_object *v = json_get(obj, key);
        return json_object_is_type(v, json_type_array) ? v : NULL;
}

void json_set(struct json_object *obj, const char *key, struct json_object *value) { json_object_object_add(obj, key, value); }
void json_set_str(struct json_object *obj, const char *key, const char *s) {
        json_set(obj, key, s ? json_object_new_string(s) : NULL);
}
void json_set_int(struct json_object *obj, const char *key, int64_t v) { json_set(obj, key, json_object_new_int64(v)); }
void json_set_bool(struct json_object *obj, const char *key, bool v) { json_set(obj, key, json_object_new_boolean(v)); }

struct json_object *json_copy(const struct json_object *o) {
        if (json_object_is_type(o, json_type_object)) {
                struct json_object *r = json_object_new_object();
                json_object_object_foreach((struct json_object *) o, k, v)
                        json_object_object_add(r, k, json_copy(v));
                return r;
        }
        if (json_object_is_type(o, json_type_array)) {
                struct json_object *r = json_object_new_array();
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        json_object_array_add(r, json_copy(json_object_array_get_idx(o, i)));
                return r;
        }
        if (json_object_is_type(o, json_type_string))
                return json_object_new_string_len(json_object_get_string((struct json_object *) o), json_object_get_string_len(o));
        if (json_object_is_type(o, json_type_double))
                return json_object_new_double(json_object_get_double(o));
        if (json_object_is_type(o, json_type_boolean))
                return json_object_new_boolean(json_object_get_boolean(o));
        if (json_object_is_type(o, json_type_int)) {
                uint64_t u = json_object_get_uint64(o);
                return u > INT64_MAX ? json_object_new_uint64(u) : json_object_new_int64(json_object_get_int64(o));
        }
        return NULL;
}

static bool is_number(const struct json_object *o) {
        return json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_double);
}

bool json_equal(const struct json_object *a, const struct json_object *b) {
        if (is_number(a) && is_number(b)) {
                if (json_object_is_type(a, json_type_int) && json_object_is_type(b, json_type_int))
                        return json_object_get_int64(a) == json_object_get_int64(b) &&
                               json_object_get_uint64(a) == json_object_get_uint64(b);
                return json_object_get_double(a) == json_object_get_double(b);
        }
        if (json_object_get_type(a) != json_object_get_type(b))
                return false;
        switch (json_object_get_type(a)) {
        case json_type_null: return true;
        case json_type_boolean: return json_object_get_boolean(a) == json_object_get_boolean(b);
        case json_type_string:
                return json_object_get_string_len(a) == json_object_get_string_len(b) &&
                       memcmp(json_object_get_string((struct json_object *) a), json_object_get_string((struct json_object *) b),
                              (size_t) json_object_get_string_len(a)) == 0;
        case json_type_array: {
                size_t n = json_object_array_length(a);
                if (n != json_object_array_length(b))
                        return false;
                for (size_t i = 0; i < n; i++)
                        if (!json_equal(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
                                return false;
                return true;
        }
        case json_type_object: {
                if (json_object_object_length(a) != json_object_object_length(b))
                        return false;
                json_object_object_foreach((struct json_object *) a, k, v) {
                        struct json_object *other;
                        if (!json_object_object_get_ex(b, k, &other) || !json_equal(v, other))
                                return false;
                }
                return true;
        }
        default: return false;
        }
}
