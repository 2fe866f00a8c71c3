#include "json.h"

#include "utf8.h"

#include <math.h>
#include <stdio.h>

/* Room for n more bytes and the NUL: where to write, or NULL (overflow noted). Here and not in sbuf so that it inlines. */
static inline char *room(struct sbuf *b, size_t n) {
        if (b->overflow || n > b->max || b->len > b->max - n) {
                b->overflow = true;
                return NULL;
        }
        if (b->len + n + 1 > b->cap) {
                size_t cap = MAX(b->cap * 2, (size_t) 256);
                b->cap = MAX(cap, b->len + n + 1);
                b->data = dr_xrealloc(b->data, b->cap);
        }
        return b->data + b->len;
}

static inline void put(struct sbuf *b, const char *s, size_t n) {
        char *p = room(b, n);
        if (!p)
                return;
        memcpy(p, s, n);
        b->len += n;
        b->data[b->len] = 0;
}

static inline void putch(struct sbuf *b, char c) {
        char *p = room(b, 1);
        if (!p)
                return;
        p[0] = c;
        p[1] = 0;
        b->len++;
}

static void put_double(struct sbuf *b, double v) {
        if (!isfinite(v)) {
                put(b, "null", 4);
                return;
        }
        char t[40];
        for (int digits = 15; digits <= 17; digits++) {
                snprintf(t, sizeof t, "%.*g", digits, v);
                if (strtod(t, NULL) == v)
                        break;
        }
        if (!strpbrk(t, ".e"))
                memcpy(t + strlen(t), ".0", sizeof ".0");       /* stays a double when read again */
        put(b, t, strlen(t));
}

static inline void put_uint(struct sbuf *b, uint64_t v, bool negative) {
        char t[24], *p = t + sizeof t;
        do {
                *--p = (char) ('0' + v % 10);
                v /= 10;
        } while (v);
        if (negative)
                *--p = '-';
        put(b, p, (size_t) (t + sizeof t - p));
}

static inline void put_int(struct sbuf *b, int64_t v) { put_uint(b, v < 0 ? 0 - (uint64_t) v : (uint64_t) v, v < 0); }

/* 1: as it is, 0: needs a look */
static const unsigned char plain[256] = {
        [0x20 ... 0x21] = 1, [0x23 ... 0x2e] = 1, [0x30 ... 0x5b] = 1, [0x5d ... 0x7f] = 1,
};

static void put_string(struct sbuf *b, const char *str, size_t n, unsigned flags) {
        static const char hex[] = "0123456789abcdef";
        const unsigned char *s = (const unsigned char *) str;
        putch(b, '"');
        size_t from = 0, i = 0;
        while (i < n) {
                unsigned char c = s[i];
                if (plain[c] || (c == '/' && !(flags & JSON_ESCAPE_SLASH))) {
                        i++;
                        continue;
                }
                size_t seq = c >= 0x80 ? utf8_sequence(s + i, n - i) : 0;
                if (seq) {
                        i += seq;
                        continue;
                }
                put(b, str + from, i - from);
                from = ++i;
                char e = c == '"' || c == '\\' || c == '/' ? (char) c : c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : 0;
                if (e) {
                        char two[2] = { '\\', e };
                        put(b, two, 2);
                } else if (c >= 0x80) {
                        put(b, "\xef\xbf\xbd", 3);
                } else {
                        char six[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
                        put(b, six, 6);
                }
        }
        put(b, str + from, n - from);
        putch(b, '"');
}

static inline void before_value(struct jw *w) {
        if (w->comma)
                putch(w->b, ',');
        w->comma = true;
}

static void begin(struct jw *w, bool object) {
        assert(w->depth < JSON_DEPTH_MAX);
        before_value(w);
        putch(w->b, object ? '{' : '[');
        if (object)
                w->objects |= BIT(w->depth);
        else
                w->objects &= ~BIT(w->depth);
        w->depth++;
        w->comma = false;
}

void jw_begin_object(struct jw *w) { begin(w, true); }
void jw_begin_array(struct jw *w) { begin(w, false); }

void jw_end(struct jw *w) {
        assert(w->depth);
        w->depth--;
        putch(w->b, w->objects & BIT(w->depth) ? '}' : ']');
        w->comma = true;
}

void jw_key(struct jw *w, const char *key) {
        before_value(w);
        put_string(w->b, key, strlen(key), w->flags);
        putch(w->b, ':');
        w->comma = false;
}

void jw_stringn(struct jw *w, const char *s, size_t n) {
        before_value(w);
        put_string(w->b, s, n, w->flags);
}

void jw_string(struct jw *w, const char *s) {
        if (s)
                jw_stringn(w, s, strlen(s));
        else
                jw_null(w);
}

void jw_int(struct jw *w, int64_t v) {
        before_value(w);
        put_int(w->b, v);
}

void jw_uint(struct jw *w, uint64_t v) {
        before_value(w);
        put_uint(w->b, v, false);
}

void jw_double(struct jw *w, double v) {
        before_value(w);
        put_double(w->b, v);
}

void jw_bool(struct jw *w, bool v) {
        before_value(w);
        put(w->b, v ? "true" : "false", v ? 4 : 5);
}

void jw_null(struct jw *w) {
        before_value(w);
        put(w->b, "null", 4);
}

void jw_raw(struct jw *w, const char *json, size_t n) {
        before_value(w);
        put(w->b, json, n);
}

void jw_json(struct jw *w, const struct json_object *o) {
        before_value(w);
        json_write(o, w->flags, w->b);
}

struct member { const char *key; const struct json_object *value; };

static int by_key(const void *a, const void *b) {
        return strcmp(((const struct member *) a)->key, ((const struct member *) b)->key);
}

static void write_object(const struct json_object *o, unsigned flags, struct sbuf *b) {
        size_t n = (size_t) json_object_object_length(o), i = 0;
        struct member few[16];
        auto_free struct member *many = n > ARRAY_LEN(few) ? dr_xcalloc(n, sizeof *many) : NULL;
        struct member *m = many ? many : few;
        json_object_object_foreach((struct json_object *) o, k, v)
                m[i++] = (struct member) { k, v };
        if ((flags & JSON_SORT_KEYS) && n > 1)
                qsort(m, n, sizeof *m, by_key);
        putch(b, '{');
        for (i = 0; i < n; i++) {
                if (i)
                        putch(b, ',');
                put_string(b, m[i].key, strlen(m[i].key), flags);
                putch(b, ':');
                json_write(m[i].value, flags, b);
        }
        putch(b, '}');
}

void json_write(const struct json_object *o, unsigned flags, struct sbuf *b) {
        struct json_object *mutable = (struct json_object *) o;         /* json-c's getters are not const */
        switch (json_object_get_type(o)) {
        case json_type_null: put(b, "null", 4); break;
        case json_type_boolean: put(b, json_object_get_boolean(o) ? "true" : "false", json_object_get_boolean(o) ? 4 : 5); break;
        case json_type_double: put_double(b, json_object_get_double(o)); break;
        case json_type_int:
                if (json_object_get_int64(o) < 0)
                        put_int(b, json_object_get_int64(o));
                else
                        put_uint(b, json_object_get_uint64(o), false);
                break;
        case json_type_string:
                put_string(b, json_object_get_string(mutable), (size_t) json_object_get_string_len(o), flags);
                break;
        case json_type_array:
                putch(b, '[');
                for (size_t i = 0; i < json_object_array_length(o); i++) {
                        if (i)
                                putch(b, ',');
                        json_write(json_object_array_get_idx(o, i), flags, b);
                }
                putch(b, ']');
                break;
        case json_type_object: write_object(o, flags, b); break;
        }
}
