/* gotemplate_funcs.c: functions of templates: Go's own, and those of sprig that catalogs use or users may (spec catalog.md 6). */
#include "gotemplate-internal.h"

#include <ctype.h>
#include <stdio.h>

#include "base/parse.h"

enum { UNTIL_MAX = 100000, ARGS_MAX = 1000 };
#define ARGS const struct gt_value *a, size_t n, struct gt_value *ret, struct dr_error *err

static int wrong(struct dr_error *err, const char *what) { return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%s", what); }
static enum json_type type_of(const struct gt_value *v) { return v->missing ? json_type_null : json_object_get_type(v->o); }

static int give(struct gt_value *ret, struct json_object *o) {
        *ret = (struct gt_value) { .o = o };
        return 0;
}
static int give_bool(struct gt_value *ret, bool b) { return give(ret, json_object_new_boolean(b)); }
static int give_int(struct gt_value *ret, int64_t i) { return give(ret, json_object_new_int64(i)); }
static int give_text(struct gt_value *ret, const char *s, size_t n) { return give(ret, json_object_new_string_len(s, (int) n)); }
static int give_sbuf(struct gt_value *ret, struct sbuf *b, struct dr_error *err) {
        return sbuf_ok(b) ? give_text(ret, sbuf_str(b), b->len) : wrong(err, "the text becomes too long");
}
static int give_arg(struct gt_value *ret, const struct gt_value *v) {
        *ret = (struct gt_value) { .o = json_object_get(v->o), .missing = v->missing };
        return 0;
}

/* The text of a string; other values are no strings, but nothing counts as "". */
static int text(const struct gt_value *v, const char **ret, size_t *ret_n, struct dr_error *err) {
        *ret = "";
        *ret_n = 0;
        if (type_of(v) == json_type_null)
                return 0;
        if (type_of(v) != json_type_string)
                return wrong(err, "an argument is no string");
        *ret = json_object_get_string(v->o);
        *ret_n = (size_t) json_object_get_string_len(v->o);
        return 0;
}

/* A whole number; text counts for what it says, and for 0 when it says none (sprig's int). */
static int64_t whole(const struct gt_value *v) {
        int64_t i;
        switch (type_of(v)) {
        case json_type_int:     return json_object_get_int64(v->o);
        case json_type_double:  return json_object_get_int64(v->o);
        case json_type_boolean: return json_object_get_boolean(v->o);
        case json_type_string:  return parse_i64(json_object_get_string(v->o), &i) == 0 ? i : 0;
        default:                return 0;
        }
}

/* ---- Go's own ---- */
static bool is_number(enum json_type t) { return t == json_type_int || t == json_type_double; }

/* Equal, or an error for values that cannot be compared. A value that is not there equals nothing. */
static int equal(const struct gt_value *x, const struct gt_value *y, bool *ret, struct dr_error *err) {
        enum json_type s = type_of(x), t = type_of(y);
        if (x->missing || y->missing) {
                *ret = false;
                return 0;
        }
        if (s == json_type_array || s == json_type_object || t == json_type_array || t == json_type_object)
                return wrong(err, "lists and maps cannot be compared");
        if (s != t && !(is_number(s) && is_number(t)) && s != json_type_null && t != json_type_null)
                return wrong(err, "values of different kinds cannot be compared");
        *ret = s == t ? json_object_equal(x->o, y->o) : is_number(s) && is_number(t) && json_object_get_double(x->o) == json_object_get_double(y->o);
        return 0;
}

static int fn_eq(ARGS) {
        for (size_t i = 1; i < n; i++) {
                bool same = false;
                if (equal(&a[0], &a[i], &same, err) < 0)
                        return -EINVAL;
                if (same)
                        return give_bool(ret, true);
        }
        return give_bool(ret, false);
}

static int fn_ne(ARGS) {
        bool same = false;
        (void) n;
        return equal(&a[0], &a[1], &same, err) < 0 ? -EINVAL : give_bool(ret, !same);
}

static int order(const struct gt_value *a, int *sign, struct dr_error *err) {
        if (type_of(&a[0]) == json_type_string && type_of(&a[1]) == json_type_string) {
                int c = strcmp(json_object_get_string(a[0].o), json_object_get_string(a[1].o));
                *sign = (c > 0) - (c < 0);
                return 0;
        }
        if (!is_number(type_of(&a[0])) || !is_number(type_of(&a[1])))
                return wrong(err, "only numbers, or strings, are smaller or larger than others");
        double x = json_object_get_double(a[0].o), y = json_object_get_double(a[1].o);
        *sign = (x > y) - (x < y);
        return 0;
}
#define ORDER(name, expr) static int name(ARGS) {                               \
                int sign = 0;                                                   \
                (void) n;                                                       \
                return order(a, &sign, err) < 0 ? -EINVAL : give_bool(ret, expr);       \
        }
ORDER(fn_lt, sign < 0)
ORDER(fn_le, sign <= 0)
ORDER(fn_gt, sign > 0)
ORDER(fn_ge, sign >= 0)

static int fn_and(ARGS) {
        size_t i = 0;
        (void) err;
        while (i + 1 < n && gt_truth(&a[i]))
                i++;
        return give_arg(ret, &a[i]);
}
static int fn_or(ARGS) {
        size_t i = 0;
        (void) err;
        while (i + 1 < n && !gt_truth(&a[i]))
                i++;
        return give_arg(ret, &a[i]);
}
static int fn_not(ARGS) {
        (void) n, (void) err;
        return give_bool(ret, !gt_truth(&a[0]));
}

static int fn_len(ARGS) {
        (void) n;
        switch (type_of(&a[0])) {
        case json_type_string: return give_int(ret, json_object_get_string_len(a[0].o));
        case json_type_array:  return give_int(ret, (int64_t) json_object_array_length(a[0].o));
        case json_type_object: return give_int(ret, json_object_object_length(a[0].o));
        default:               return wrong(err, "only strings, lists and maps have a length");
        }
}

static int fn_index(ARGS) {
        struct json_object *o = a[0].missing ? NULL : a[0].o;
        for (size_t i = 1; i < n; i++) {
                struct json_object *next = NULL;
                if (o && json_object_is_type(o, json_type_array)) {
                        int64_t k = whole(&a[i]);
                        if (type_of(&a[i]) != json_type_int || k < 0 || (size_t) k >= json_object_array_length(o))
                                return wrong(err, "there is no such element");
                        next = json_object_array_get_idx(o, (size_t) k);
                } else if (o && json_object_is_type(o, json_type_object)) {
                        if (type_of(&a[i]) != json_type_string)
                                return wrong(err, "keys of maps are strings");
                        if (!json_object_object_get_ex(o, json_object_get_string(a[i].o), &next)) {
                                *ret = (struct gt_value) { .missing = true };
                                return 0;
                        }
                } else {
                        return wrong(err, "only lists and maps have elements");
                }
                o = next;
        }
        return give(ret, json_object_get(o));
}

static int fn_printf(ARGS) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        int r = gt_printf(a, n, &b, err);
        return r < 0 ? r : give_sbuf(ret, &b, err);
}

/* Blanks stand between two that are no strings, as in Go. */
static void print_all(const struct gt_value *a, size_t n, bool always, struct sbuf *b) {
        for (size_t i = 0; i < n; i++) {
                if (i && (always || (type_of(&a[i]) != json_type_string && type_of(&a[i - 1]) != json_type_string)))
                        sbuf_putc(b, ' ');
                gt_print(&a[i], 0, b);
        }
}
static int fn_print(ARGS) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        print_all(a, n, false, &b);
        return give_sbuf(ret, &b, err);
}
static int fn_println(ARGS) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        print_all(a, n, true, &b);
        sbuf_putc(&b, '\n');
        return give_sbuf(ret, &b, err);
}

static int fn_html(ARGS) {
        auto_sbuf struct sbuf plain = SBUF(GOTEMPLATE_VALUE_BYTES_MAX), b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        print_all(a, n, false, &plain);
        for (size_t i = 0; i < plain.len; i++) {
                static const struct { char c; const char *to; } escapes[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&#34;" }, { '\'', "&#39;" } };
                const char *to = NULL;
                for (size_t k = 0; k < ARRAY_LEN(escapes); k++)
                        if (escapes[k].c == plain.data[i])
                                to = escapes[k].to;
                if (to)
                        sbuf_puts(&b, to);
                else
                        sbuf_putc(&b, plain.data[i]);
        }
        return give_sbuf(ret, &b, err);
}

static int fn_urlquery(ARGS) {
        auto_sbuf struct sbuf plain = SBUF(GOTEMPLATE_VALUE_BYTES_MAX), b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        print_all(a, n, false, &plain);
        for (size_t i = 0; i < plain.len; i++) {
                unsigned char c = (unsigned char) plain.data[i];
                if (isalnum(c) || strchr("-_.~", c))
                        sbuf_putc(&b, (char) c);
                else if (c == ' ')
                        sbuf_putc(&b, '+');
                else
                        sbuf_printf(&b, "%%%02X", c);
        }
        return give_sbuf(ret, &b, err);
}

static int fn_json(ARGS) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        (void) n;
        json_write(a[0].missing ? NULL : a[0].o, 0, &b);
        return give_sbuf(ret, &b, err);
}

/* ---- strings ---- */
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
static int fn_split_preserve_quotes(ARGS) {
        const char *s;
        size_t len, step;
        (void) n;
        if (text(&a[0], &s, &len, err) < 0)
                return -EINVAL;
        struct json_object *list = json_object_new_array();
        auto_sbuf struct sbuf piece = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        bool quoted = false;
        for (size_t i = 0; i < len; i += step) {
                if (is_quote(s + i, len - i, &step))
                        quoted = !quoted;
                bool last = i + step >= len;
                if (!quoted && !last && isspace((unsigned char) s[i])) {
                        json_object_array_add(list, json_object_new_string_len(sbuf_str(&piece), (int) piece.len));
                        sbuf_reset(&piece);
                } else {
                        sbuf_add(&piece, s + i, step);
                }
                if (last)
                        json_object_array_add(list, json_object_new_string_len(sbuf_str(&piece), (int) piece.len));
        }
        return give(ret, list);
}

static int fn_split(ARGS) {             /* split "," "a,b": sprig's order; a list, so that range and index work */
        const char *sep, *s;
        size_t sep_n, len;
        (void) n;
        if (text(&a[0], &sep, &sep_n, err) < 0 || text(&a[1], &s, &len, err) < 0)
                return -EINVAL;
        struct json_object *list = json_object_new_array();
        const char *at;
        while (sep_n && (at = memmem(s, len, sep, sep_n))) {
                json_object_array_add(list, json_object_new_string_len(s, (int) (at - s)));
                len -= (size_t) (at - s) + sep_n;
                s = at + sep_n;
        }
        json_object_array_add(list, json_object_new_string_len(s, (int) len));
        return give(ret, list);
}

static int fn_join(ARGS) {              /* join "," list, or Go's order join list "," */
        const struct gt_value *list = type_of(&a[1]) == json_type_array ? &a[1] : &a[0], *by = list == &a[1] ? &a[0] : &a[1];
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        const char *sep;
        size_t sep_n;
        (void) n;
        if (type_of(list) != json_type_array)
                return wrong(err, "only lists are joined");
        if (text(by, &sep, &sep_n, err) < 0)
                return -EINVAL;
        for (size_t i = 0; i < json_object_array_length(list->o); i++) {
                struct gt_value e = { .o = json_object_array_get_idx(list->o, i) };
                if (i)
                        sbuf_add(&b, sep, sep_n);
                gt_print(&e, 0, &b);
        }
        return give_sbuf(ret, &b, err);
}

static int fn_replace(ARGS) {           /* replace OLD NEW TEXT */
        const char *old, *new, *s, *at;
        size_t old_n, new_n, len;
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        (void) n;
        if (text(&a[0], &old, &old_n, err) < 0 || text(&a[1], &new, &new_n, err) < 0 || text(&a[2], &s, &len, err) < 0)
                return -EINVAL;
        while (old_n && (at = memmem(s, len, old, old_n))) {
                sbuf_add(&b, s, (size_t) (at - s));
                sbuf_add(&b, new, new_n);
                len -= (size_t) (at - s) + old_n;
                s = at + old_n;
        }
        sbuf_add(&b, s, len);
        return give_sbuf(ret, &b, err);
}

static int two_texts(const struct gt_value *a, const char **x, size_t *xn, const char **y, size_t *yn, struct dr_error *err) {
        return text(&a[0], x, xn, err) < 0 || text(&a[1], y, yn, err) < 0 ? -EINVAL : 0;
}
#define ABOUT(name, expr) static int name(ARGS) {       /* NAME PART TEXT */    \
                const char *part, *s;                                           \
                size_t pn, len;                                                 \
                (void) n;                                                       \
                return two_texts(a, &part, &pn, &s, &len, err) < 0 ? -EINVAL : give_bool(ret, expr);    \
        }
ABOUT(fn_contains, memmem(s, len, part, pn) != NULL)
ABOUT(fn_has_prefix, pn <= len && memcmp(s, part, pn) == 0)
ABOUT(fn_has_suffix, pn <= len && memcmp(s + len - pn, part, pn) == 0)

static int mapped(const struct gt_value *v, int (*to)(int c), struct gt_value *ret, struct dr_error *err) {
        const char *s;
        size_t len;
        if (text(v, &s, &len, err) < 0)
                return -EINVAL;
        auto_free char *copy = gt_copy(s, len);
        for (size_t i = 0; i < len; i++)
                if ((unsigned char) copy[i] < 0x80)
                        copy[i] = (char) to((unsigned char) copy[i]);
        return give_text(ret, copy, len);
}
static int fn_upper(ARGS) { (void) n; return mapped(&a[0], toupper, ret, err); }
static int fn_lower(ARGS) { (void) n; return mapped(&a[0], tolower, ret, err); }

static int trimmed(const struct gt_value *v, const char *cut, bool left, bool right, struct gt_value *ret, struct dr_error *err) {
        const char *s;
        size_t len;
        if (text(v, &s, &len, err) < 0)
                return -EINVAL;
        while (left && len && strchr(cut, *s))
                s++, len--;
        while (right && len && strchr(cut, s[len - 1]))
                len--;
        return give_text(ret, s, len);
}
#define BLANKS " \t\r\n\v\f"
static int fn_trim(ARGS) { (void) n; return trimmed(&a[0], BLANKS, true, true, ret, err); }

static int fn_trim_prefix(ARGS) {
        const char *part, *s;
        size_t pn, len;
        (void) n;
        if (two_texts(a, &part, &pn, &s, &len, err) < 0)
                return -EINVAL;
        bool hit = pn <= len && memcmp(s, part, pn) == 0;
        return give_text(ret, s + (hit ? pn : 0), len - (hit ? pn : 0));
}
static int fn_trim_suffix(ARGS) {
        const char *part, *s;
        size_t pn, len;
        (void) n;
        if (two_texts(a, &part, &pn, &s, &len, err) < 0)
                return -EINVAL;
        return give_text(ret, s, pn <= len && memcmp(s + len - pn, part, pn) == 0 ? len - pn : len);
}

static int fn_quote(ARGS) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX), plain = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        for (size_t i = 0; i < n; i++) {
                sbuf_reset(&plain);
                gt_print(&a[i], 0, &plain);
                if (i)
                        sbuf_putc(&b, ' ');
                sbuf_json_string(&b, sbuf_str(&plain), plain.len);
        }
        return give_sbuf(ret, &b, err);
}
static int fn_squote(ARGS) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        for (size_t i = 0; i < n; i++) {
                sbuf_puts(&b, i ? " '" : "'");
                gt_print(&a[i], 0, &b);
                sbuf_putc(&b, '\'');
        }
        return give_sbuf(ret, &b, err);
}

/* ---- values ---- */
static int fn_default(ARGS) {           /* default OTHER VALUE */
        (void) err;
        return give_arg(ret, n == 2 && gt_truth(&a[1]) ? &a[1] : &a[0]);
}
static int fn_empty(ARGS) { (void) n, (void) err; return give_bool(ret, !gt_truth(&a[0])); }
static int fn_list(ARGS) {
        struct json_object *list = json_object_new_array();
        (void) err;
        for (size_t i = 0; i < n; i++)
                json_object_array_add(list, json_object_get(a[i].o));
        return give(ret, list);
}
static int fn_int(ARGS) { (void) n, (void) err; return give_int(ret, whole(&a[0])); }
static int fn_to_string(ARGS) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        (void) n;
        gt_print(&a[0], 0, &b);
        return give_sbuf(ret, &b, err);
}
static int fn_until(ARGS) {
        int64_t to = whole(&a[0]);
        (void) n;
        if (to > UNTIL_MAX)
                return wrong(err, "a list of so many numbers is too long");
        struct json_object *list = json_object_new_array();
        for (int64_t i = 0; i < to; i++)
                json_object_array_add(list, json_object_new_int64(i));
        return give(ret, list);
}
static int fn_add(ARGS) {
        int64_t sum = 0;
        for (size_t i = 0; i < n; i++)
                if (__builtin_add_overflow(sum, whole(&a[i]), &sum))
                        return wrong(err, "the sum is too large");
        return give_int(ret, sum);
}
static int fn_sub(ARGS) {
        int64_t d;
        (void) n;
        return __builtin_sub_overflow(whole(&a[0]), whole(&a[1]), &d) ? wrong(err, "the difference is too large") : give_int(ret, d);
}
static int fn_mul(ARGS) {
        int64_t product = 1;
        for (size_t i = 0; i < n; i++)
                if (__builtin_mul_overflow(product, whole(&a[i]), &product))
                        return wrong(err, "the product is too large");
        return give_int(ret, product);
}
static int divisible(const struct gt_value *a, struct dr_error *err) {
        int64_t by = whole(&a[1]);
        return by == 0 || (by == -1 && whole(&a[0]) == INT64_MIN) ? wrong(err, "division by zero") : 0;
}
static int fn_div(ARGS) { (void) n; return divisible(a, err) < 0 ? -EINVAL : give_int(ret, whole(&a[0]) / whole(&a[1])); }
static int fn_mod(ARGS) { (void) n; return divisible(a, err) < 0 ? -EINVAL : give_int(ret, whole(&a[0]) % whole(&a[1])); }

/* ---- printf ---- */
struct verb { bool minus, zero, plus; int width, precision; char c; };

static void pad_out(const struct verb *v, const char *s, size_t n, struct sbuf *out) {
        size_t shown = 0;
        for (size_t i = 0; i < n; i++)
                shown += ((unsigned char) s[i] & 0xc0) != 0x80;
        size_t pad = v->width > 0 && (size_t) v->width > shown ? (size_t) v->width - shown : 0;
        for (size_t i = 0; i < pad && !v->minus; i++)
                sbuf_putc(out, v->zero && v->c != 's' && v->c != 'v' ? '0' : ' ');
        sbuf_add(out, s, n);
        for (size_t i = 0; i < pad && v->minus; i++)
                sbuf_putc(out, ' ');
}

/* The first n characters, not bytes. */
static size_t characters(const char *s, size_t len, int n) {
        size_t i = 0;
        for (int seen = 0; i < len; i++)
                if (((unsigned char) s[i] & 0xc0) != 0x80 && seen++ == n)
                        break;
        return i;
}

static void print_verb(const struct verb *v, const struct gt_value *arg, struct sbuf *out) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        enum json_type t = type_of(arg);
        switch (v->c) {
        case 'd': case 'x': case 'X': case 'o': case 'b':
                if (t != json_type_int) {
                        sbuf_printf(&b, "%%!%c(", v->c);
                        sbuf_puts(&b, t == json_type_string ? "string=" : t == json_type_double ? "float64=" : t == json_type_boolean ? "bool=" : "");
                        gt_print(arg, 0, &b);
                        sbuf_putc(&b, ')');
                } else if (v->c == 'd') {
                        sbuf_printf(&b, v->plus ? "%+lld" : "%lld", (long long) json_object_get_int64(arg->o));
                } else if (v->c == 'b') {
                        uint64_t u = (uint64_t) json_object_get_int64(arg->o);
                        int bit = 63;
                        while (bit > 0 && !(u >> bit & 1))
                                bit--;
                        for (; bit >= 0; bit--)
                                sbuf_putc(&b, (char) ('0' + (u >> bit & 1)));
                } else {
                        sbuf_printf(&b, v->c == 'x' ? "%llx" : v->c == 'X' ? "%llX" : "%llo", (long long) json_object_get_int64(arg->o));
                }
                break;
        case 'f': case 'g': case 'e':
                if (t == json_type_double || t == json_type_int)
                        sbuf_printf(&b, v->c == 'f' ? "%.*f" : v->c == 'g' ? "%.*g" : "%.*e", v->precision < 0 ? 6 : v->precision, json_object_get_double(arg->o));
                else
                        gt_print(arg, 0, &b);
                break;
        case 'q':
                gt_print(arg, 0, &b);
                {
                        auto_free char *plain = gt_copy(sbuf_str(&b), b.len);
                        size_t len = b.len;
                        sbuf_reset(&b);
                        sbuf_json_string(&b, plain, len);
                }
                break;
        default:
                gt_print(arg, 0, &b);
                break;
        }
        size_t n = b.len;
        if (v->precision >= 0 && (v->c == 's' || v->c == 'v') && (t == json_type_string || v->c == 's'))
                n = characters(sbuf_str(&b), b.len, v->precision);
        pad_out(v, sbuf_str(&b), n, out);
}

int gt_printf(const struct gt_value *args, size_t n, struct sbuf *out, struct dr_error *err) {
        enum { WIDTH_MAX = 10000 };
        const char *p;
        size_t len, used = 1;
        if (text(&args[0], &p, &len, err) < 0)
                return -EINVAL;
        for (const char *end = p + len; p < end; p++) {
                if (*p != '%') {
                        sbuf_putc(out, *p);
                        continue;
                }
                struct verb v = { .precision = -1 };
                for (p++; p < end && strchr("-+0 #", *p); p++) {
                        v.minus |= *p == '-';
                        v.plus |= *p == '+';
                        v.zero |= *p == '0';
                }
                for (; p < end && isdigit((unsigned char) *p); p++)
                        v.width = MIN(v.width * 10 + (*p - '0'), WIDTH_MAX);
                if (p < end && *p == '.')
                        for (p++, v.precision = 0; p < end && isdigit((unsigned char) *p); p++)
                                v.precision = MIN(v.precision * 10 + (*p - '0'), WIDTH_MAX);
                if (p >= end) {
                        sbuf_puts(out, "%!(NOVERB)");
                        return 0;
                }
                v.c = *p;
                if (v.c == '%') {
                        sbuf_putc(out, '%');
                } else if (!strchr("svdqtfgexXobc", v.c)) {
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%%%c is not supported", isprint((unsigned char) v.c) ? v.c : '?');
                } else if (used >= n) {
                        sbuf_printf(out, "%%!%c(MISSING)", v.c);
                } else {
                        print_verb(&v, &args[used++], out);
                }
        }
        if (used < n) {
                sbuf_puts(out, "%!(EXTRA ");
                for (size_t i = used; i < n; i++) {
                        sbuf_puts(out, i > used ? ", " : "");
                        gt_print(&args[i], 0, out);
                }
                sbuf_putc(out, ')');
        }
        return 0;
}

static const struct gt_function functions[] = {
        { "add", 2, ARGS_MAX, fn_add }, { "and", 1, ARGS_MAX, fn_and }, { "atoi", 1, 1, fn_int }, { "contains", 2, 2, fn_contains },
        { "default", 1, 2, fn_default }, { "div", 2, 2, fn_div }, { "empty", 1, 1, fn_empty }, { "eq", 2, ARGS_MAX, fn_eq },
        { "ge", 2, 2, fn_ge }, { "gt", 2, 2, fn_gt }, { "hasPrefix", 2, 2, fn_has_prefix }, { "hasSuffix", 2, 2, fn_has_suffix },
        { "html", 1, ARGS_MAX, fn_html }, { "index", 1, ARGS_MAX, fn_index }, { "int", 1, 1, fn_int }, { "int64", 1, 1, fn_int },
        { "join", 2, 2, fn_join }, { "json", 1, 1, fn_json }, { "le", 2, 2, fn_le }, { "len", 1, 1, fn_len }, { "list", 0, ARGS_MAX, fn_list },
        { "lower", 1, 1, fn_lower }, { "lt", 2, 2, fn_lt }, { "mod", 2, 2, fn_mod }, { "mul", 2, ARGS_MAX, fn_mul }, { "ne", 2, 2, fn_ne },
        { "not", 1, 1, fn_not }, { "or", 1, ARGS_MAX, fn_or }, { "print", 0, ARGS_MAX, fn_print }, { "printf", 1, ARGS_MAX, fn_printf },
        { "println", 0, ARGS_MAX, fn_println }, { "quote", 1, ARGS_MAX, fn_quote }, { "replace", 3, 3, fn_replace }, { "split", 2, 2, fn_split },
        { "splitList", 2, 2, fn_split }, { "splitPreserveQuotes", 1, 1, fn_split_preserve_quotes }, { "squote", 1, ARGS_MAX, fn_squote },
        { "sub", 2, 2, fn_sub }, { "toJson", 1, 1, fn_json }, { "toString", 1, 1, fn_to_string }, { "trim", 1, 1, fn_trim },
        { "trimPrefix", 2, 2, fn_trim_prefix }, { "trimSuffix", 2, 2, fn_trim_suffix }, { "until", 1, 1, fn_until }, { "upper", 1, 1, fn_upper },
        { "urlquery", 1, ARGS_MAX, fn_urlquery },
};

const struct gt_function *gt_function_get(const char *name, size_t len) {
        for (size_t i = 0; i < ARRAY_LEN(functions); i++)
                if (strlen(functions[i].name) == len && memcmp(functions[i].name, name, len) == 0)
                        return &functions[i];
        return NULL;
}
