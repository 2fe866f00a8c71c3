/* gotemplate_funcs.c: the functions that Go's text/template has itself, and splitPreserveQuotes. */
#include "gotemplate-internal.h"

#include <ctype.h>
#include <stdio.h>

/* ---- comparing ---- */
enum basic { B_NONE, B_BOOL, B_STRING, B_INT, B_FLOAT, B_OTHER };
static enum basic basic(const struct gt_value *v) {
        switch (gt_type(v)) {
        case GT_TYPE_NONE:      return B_NONE;
        case GT_TYPE_BOOL:      return B_BOOL;
        case GT_TYPE_STRING:    return B_STRING;
        case GT_TYPE_INT: case GT_TYPE_INT64: return B_INT;
        case GT_TYPE_FLOAT:     return B_FLOAT;
        default:                return B_OTHER;
        }
}

static int order_text(const struct gt_value *a, const struct gt_value *b) {
        size_t m, n;
        const char *p = gt_text(a, &m), *q = gt_text(b, &n);
        int c = memcmp(p, q, MIN(m, n));
        return c ? c : (m > n) - (m < n);
}

static int uncomparable(struct gt_call *c, const struct gt_value *v) {
        auto_sbuf struct sbuf text = SBUF(1 << 16);
        gt_print(v, 0, &text);
        return gt_fail(c, "non-comparable type %.150s: %s", sbuf_str(&text), gt_type_name(v));
}
static bool comparable(const struct gt_value *v) { return basic(v) != B_OTHER || gt_type(v) == GT_TYPE_TIME; }

/* A value that is not there equals nothing (catalog.md 6); nil equals nil. */
static int equal(struct gt_call *c, const struct gt_value *a, const struct gt_value *b, bool *ret) {
        enum basic s = basic(a), t = basic(b);
        *ret = false;
        if (s == B_NONE || t == B_NONE) {
                *ret = s == t && !a->missing && !b->missing;
                return 0;
        }
        if (s != t)
                return gt_fail(c, "incompatible types for comparison");
        switch (s) {
        case B_BOOL:    *ret = json_object_get_boolean(a->o) == json_object_get_boolean(b->o); break;
        case B_STRING:  *ret = order_text(a, b) == 0; break;
        case B_INT:     *ret = json_object_get_int64(a->o) == json_object_get_int64(b->o); break;
        case B_FLOAT:   *ret = json_object_get_double(a->o) == json_object_get_double(b->o); break;
        default:                        /* two times, or a time and a list */
                if (!comparable(b))
                        return uncomparable(c, b);
                *ret = json_object_get_int64(a->o) == json_object_get_int64(b->o);
                break;
        }
        return 0;
}

static int any_equal(struct gt_call *c, bool *ret) {
        int r = 0;
        if (c->n < 2)
                return gt_fail(c, "missing argument for comparison");
        *ret = false;
        for (size_t i = 1; i < c->n && r == 0 && !*ret; i++)
                r = equal(c, &c->a[0], &c->a[i], ret);
        return r;
}
static int fn_eq(struct gt_call *c) {
        bool same;
        int r = any_equal(c, &same);
        return r < 0 ? r : gt_give_bool(c, same);
}
static int fn_ne(struct gt_call *c) {
        bool same;
        int r = any_equal(c, &same);
        return r < 0 ? r : gt_give_bool(c, !same);
}

static int order(struct gt_call *c, bool or_equal, bool turned) {
        const struct gt_value *a = &c->a[turned], *b = &c->a[!turned];
        enum basic s = basic(a), t = basic(b);
        if (s == B_NONE || s == B_OTHER || t == B_NONE || t == B_OTHER)
                return gt_fail(c, "invalid type for comparison");
        if (s != t)
                return gt_fail(c, "incompatible types for comparison");
        if (s == B_BOOL)
                return gt_fail(c, "invalid type for comparison");
        if (s == B_STRING)
                return gt_give_bool(c, or_equal ? order_text(a, b) <= 0 : order_text(a, b) < 0);
        if (s == B_INT) {
                int64_t m = json_object_get_int64(a->o), n = json_object_get_int64(b->o);
                return gt_give_bool(c, or_equal ? m <= n : m < n);
        }
        double m = json_object_get_double(a->o), n = json_object_get_double(b->o);
        return gt_give_bool(c, or_equal ? m <= n : m < n);
}
static int fn_lt(struct gt_call *c) { return order(c, false, false); }
static int fn_le(struct gt_call *c) { return order(c, true, false); }
static int fn_gt(struct gt_call *c) { return order(c, false, true); }
static int fn_ge(struct gt_call *c) { return order(c, true, true); }
static int fn_not(struct gt_call *c) { return gt_give_bool(c, !gt_truth(&c->a[0])); }

/* ---- parts ---- */
static bool is_list(enum gt_type t) { return t == GT_TYPE_LIST || t == GT_TYPE_STRINGS || t == GT_TYPE_INTS; }
static bool is_map(enum gt_type t) { return t == GT_TYPE_MAP || t == GT_TYPE_DICT || t == GT_TYPE_STRING_MAP; }

static int fn_len(struct gt_call *c) {
        enum gt_type t = gt_type(&c->a[0]);
        size_t n;
        if (t == GT_TYPE_NONE)
                return gt_fail(c, "len of nil pointer");
        if (t == GT_TYPE_STRING)
                gt_text(&c->a[0], &n);
        else if (is_list(t))
                n = json_object_array_length(c->a[0].o);
        else if (is_map(t))
                n = (size_t) json_object_object_length(c->a[0].o);
        else
                return gt_fail(c, "len of type %s", gt_type_name(&c->a[0]));
        return gt_give_int(c, (int64_t) n, GT_TYPE_INT);
}

/* A whole number from 0 up to and with max. */
static int place(struct gt_call *c, const struct gt_value *v, size_t max, size_t *ret) {
        if (basic(v) == B_NONE)
                return gt_fail(c, "cannot index slice/array with nil");
        if (basic(v) != B_INT)
                return gt_fail(c, "cannot index slice/array with type %s", gt_type_name(v));
        int64_t i = json_object_get_int64(v->o);
        if (i < 0 || (uint64_t) i > max)
                return gt_fail(c, "index out of range: %lld", (long long) i);
        *ret = (size_t) i;
        return 0;
}

static int fn_index(struct gt_call *c) {
        struct gt_value v = c->a[0];
        if (basic(&v) == B_NONE)
                return gt_fail(c, "index of untyped nil");
        for (size_t i = 1, at = 0, n; i < c->n; i++) {
                enum gt_type t = gt_type(&v);
                if (t == GT_TYPE_NONE)
                        return gt_fail(c, "index of nil pointer");
                if (is_list(t) || t == GT_TYPE_STRING) {
                        const char *s = gt_text(&v, &n);
                        if (is_list(t))
                                n = json_object_array_length(v.o);
                        int r = place(c, &c->a[i], n, &at);
                        if (r == 0 && at == n)
                                r = gt_fail(c, "reflect: %s index out of range", is_list(t) ? "slice" : "string");
                        if (r < 0)
                                return r;
                        if (t == GT_TYPE_STRING)
                                gt_give_int(c, (unsigned char) s[at], GT_TYPE_INT);
                        else
                                gt_give_value(c, &(struct gt_value) { .o = json_object_array_get_idx(v.o, at) });
                } else if (is_map(t)) {
                        struct json_object *next = NULL;
                        if (basic(&c->a[i]) == B_NONE)
                                return gt_fail(c, "value is nil; should be of type string");
                        if (!gt_is_string(&c->a[i]))
                                return gt_fail(c, "value has type %s; should be string", gt_type_name(&c->a[i]));
                        bool there = json_object_object_get_ex(v.o, gt_text(&c->a[i], &n), &next);
                        if (!there && t == GT_TYPE_STRING_MAP)
                                gt_give_text(c, "", 0);
                        else
                                gt_give_value(c, &(struct gt_value) { .o = next, .missing = !there });
                } else {
                        return gt_fail(c, "can't index item of type %s", gt_type_name(&v));
                }
                v = c->ret;
        }
        return gt_give_value(c, &v);
}

static int fn_slice(struct gt_call *c) {
        enum gt_type t = gt_type(&c->a[0]);
        size_t n, at[2] = { 0 };
        const char *s = gt_text(&c->a[0], &n);
        if (!is_list(t) && t != GT_TYPE_STRING)
                return gt_fail(c, t == GT_TYPE_NONE ? "slice of untyped nil" : "can't slice item of type %s", gt_type_name(&c->a[0]));
        if (c->n > 3)
                return gt_fail(c, "too many slice indexes: %zu", c->n - 1);
        if (is_list(t))
                n = json_object_array_length(c->a[0].o);
        at[1] = n;
        for (size_t i = 1; i < c->n; i++)
                if (place(c, &c->a[i], n, &at[i - 1]) < 0)
                        return -EINVAL;
        if (at[0] > at[1])
                return gt_fail(c, "invalid slice index: %zu > %zu", at[0], at[1]);
        if (t == GT_TYPE_STRING)
                return gt_give_text(c, s + at[0], at[1] - at[0]);
        struct json_object *list = json_object_new_array();
        for (size_t i = at[0]; i < at[1]; i++)
                json_object_array_add(list, json_object_get(json_object_array_get_idx(c->a[0].o, i)));
        if (t != GT_TYPE_LIST)
                gt_set_type(list, t);
        gt_give(c, list);
        return gt_spend(c, (at[1] - at[0]) * 64);
}

/* ---- printing ---- */
/* As fmt prints arguments: nil is what the caller calls it. Blanks stand between two that are no strings. */
static void print_all(struct gt_call *c, bool always, const char *nil, struct sbuf *b) {
        for (size_t i = 0; i < c->n; i++) {
                if (i && (always || (!gt_is_string(&c->a[i]) && !gt_is_string(&c->a[i - 1]))))
                        sbuf_putc(b, ' ');
                if (gt_type(&c->a[i]) == GT_TYPE_NONE)
                        sbuf_puts(b, nil);
                else
                        gt_print(&c->a[i], 0, b);
        }
}
static int fn_print(struct gt_call *c) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        print_all(c, false, "<nil>", &b);
        return gt_give_sbuf(c, &b);
}
static int fn_println(struct gt_call *c) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        print_all(c, true, "<nil>", &b);
        sbuf_putc(&b, '\n');
        return gt_give_sbuf(c, &b);
}
static int fn_printf(struct gt_call *c) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        int r = gt_printf(c, &b);
        return r < 0 ? r : gt_give_sbuf(c, &b);
}

static const char *html_escape(unsigned char ch) {
        switch (ch) {
        case '&':  return "&amp;";
        case '<':  return "&lt;";
        case '>':  return "&gt;";
        case '"':  return "&#34;";
        case '\'': return "&#39;";
        case 0:    return "\xef\xbf\xbd";
        default:   return NULL;
        }
}
static const char *js_escape(unsigned char ch) {
        static const struct { char c; const char *to; } rows[] = { { '\\', "\\\\" }, { '\'', "\\'" }, { '"', "\\\"" }, { '<', "\\u003C" }, { '>', "\\u003E" },
                                                                   { '&', "\\u0026" }, { '=', "\\u003D" } };
        static _Thread_local char text[8];
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if ((unsigned char) rows[i].c == ch)
                        return rows[i].to;
        if (ch >= 0x20)
                return NULL;
        snprintf(text, sizeof text, "\\u%04X", ch);
        return text;
}
static const char *url_escape(unsigned char ch) {
        static _Thread_local char text[4];
        if (isalnum(ch) || (ch && strchr("-_.~", ch)))
                return NULL;
        if (ch == ' ')
                return "+";
        snprintf(text, sizeof text, "%%%02X", ch);
        return text;
}
static int escaped(struct gt_call *c, const char *(*escape)(unsigned char)) {
        auto_sbuf struct sbuf plain = SBUF(GOTEMPLATE_VALUE_BYTES_MAX), b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        print_all(c, false, "<no value>", &plain);
        for (size_t i = 0; i < plain.len; i++) {
                const char *to = escape((unsigned char) plain.data[i]);
                if (to)
                        sbuf_puts(&b, to);
                else
                        sbuf_putc(&b, plain.data[i]);
        }
        return gt_give_sbuf(c, &b);
}
static int fn_html(struct gt_call *c) { return escaped(c, html_escape); }
static int fn_js(struct gt_call *c) { return escaped(c, js_escape); }
static int fn_urlquery(struct gt_call *c) { return escaped(c, url_escape); }
static int fn_call(struct gt_call *c) { return gt_fail(c, gt_type(&c->a[0]) == GT_TYPE_NONE ? "call of nil" : "non-function of type %s", gt_type_name(&c->a[0])); }

static int fn_json(struct gt_call *c) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        json_write(c->a[0].missing ? NULL : c->a[0].o, 0, &b);
        return gt_give_sbuf(c, &b);
}

/* ---- splitPreserveQuotes: rancher-compose-executor's own ---- */
static bool is_quote(const char *s, size_t left, size_t *len) {         /* Unicode's quotation marks that people type */
        static const char *const marks[] = { "\"", "'", "\xc2\xab", "\xc2\xbb", "\xe2\x80\x98", "\xe2\x80\x99", "\xe2\x80\x9a", "\xe2\x80\x9b", "\xe2\x80\x9c",
                                             "\xe2\x80\x9d", "\xe2\x80\x9e", "\xe2\x80\x9f", "\xe2\x80\xb9", "\xe2\x80\xba" };
        for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
                *len = strlen(marks[i]);
                if (*len <= left && memcmp(s, marks[i], *len) == 0)
                        return true;
        }
        *len = 1;
        return false;
}

/* At white space outside quotes; consecutive blanks give empty pieces; the last character always belongs to the last piece. */
static int fn_split_preserve_quotes(struct gt_call *c) {
        size_t len, step, pieces = 0;
        const char *s = gt_text(&c->a[0], &len);
        struct json_object *list = json_object_new_array();
        auto_sbuf struct sbuf piece = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        bool in_quotes = false;
        for (size_t i = 0; i < len && pieces <= GT_LIST_MAX; i += step) {
                in_quotes ^= is_quote(s + i, len - i, &step);
                bool last = i + step >= len, cut = !in_quotes && isspace((unsigned char) s[i]);
                if (!cut || last)
                        sbuf_add(&piece, s + i, step);
                if (!cut && !last)
                        continue;
                json_object_array_add(list, json_object_new_string_len(sbuf_str(&piece), (int) piece.len));
                sbuf_reset(&piece);
                pieces++;
        }
        gt_set_type(list, GT_TYPE_STRINGS);
        gt_give(c, list);
        return pieces > GT_LIST_MAX ? gt_fail(c, "more than %d pieces", GT_LIST_MAX) : gt_spend(c, pieces * 64);
}

static const struct gt_function own_functions[] = {
        { "and", "rr*", NULL }, { "or", "rr*", NULL }, { "call", "rr*", fn_call }, { "eq", "rr*", fn_eq }, { "ge", "rr", fn_ge }, { "gt", "rr", fn_gt },
        { "html", "v*", fn_html }, { "index", "rr*", fn_index }, { "js", "v*", fn_js }, { "le", "rr", fn_le }, { "len", "r", fn_len }, { "lt", "rr", fn_lt },
        { "ne", "rr", fn_ne }, { "not", "r", fn_not }, { "print", "v*", fn_print }, { "printf", "sv*", fn_printf }, { "println", "v*", fn_println },
        { "slice", "rr*", fn_slice }, { "urlquery", "v*", fn_urlquery },
        { "splitPreserveQuotes", "s", fn_split_preserve_quotes }, { "json", "v", fn_json }, { "toJson", "v", fn_json },
        { NULL, NULL, NULL },
};

const struct gt_function *gt_function_get(const char *name, size_t len) {
        static const struct gt_function *const tables[] = { own_functions, gt_text_functions, gt_more_functions };
        for (size_t t = 0; t < ARRAY_LEN(tables); t++)
                for (const struct gt_function *f = tables[t]; f->name; f++)
                        if (strlen(f->name) == len && memcmp(f->name, name, len) == 0)
                                return f;
        return NULL;
}
