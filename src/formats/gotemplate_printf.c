/* gotemplate_printf.c: printf as Go's fmt does it, for the values that templates have. */
#include "gotemplate-internal.h"

#include <ctype.h>
#include <stdio.h>

#include "utf8.h"

enum { WIDTH_MAX = 1000000, DEPTH_MAX = 60 };           /* Go's own width; what is printed is capped besides */

struct verb { bool minus, zero, plus, sharp, space; int width, precision; char c; };

static void pad_out(const struct verb *v, const char *s, size_t n, bool number, struct sbuf *out) {
        size_t shown = 0, sign = number && n && (*s == '-' || *s == '+') ? 1 : 0;
        for (size_t i = 0; i < n; i++)
                shown += ((unsigned char) s[i] & 0xc0) != 0x80;
        size_t pad = v->width > 0 && (size_t) v->width > shown ? (size_t) v->width - shown : 0;
        bool zeros = v->zero && !v->minus && number;
        if (zeros)
                sbuf_add(out, s, sign);
        for (size_t i = 0; i < pad && !v->minus && sbuf_ok(out); i++)
                sbuf_putc(out, zeros ? '0' : ' ');
        sbuf_add(out, s + (zeros ? sign : 0), n - (zeros ? sign : 0));
        for (size_t i = 0; i < pad && v->minus && sbuf_ok(out); i++)
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

/* "%!d(string=x)": the value keeps the width. */
static void wrong_verb(const struct verb *v, const struct gt_value *arg, struct sbuf *out) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        sbuf_printf(out, "%%!%c(", v->c);
        if (gt_type(arg) == GT_TYPE_NONE) {
                sbuf_puts(out, "<nil>");
        } else {
                sbuf_printf(out, "%s=", gt_type_name(arg));
                gt_print(arg, 0, &b);
                pad_out(v, sbuf_str(&b), b.len, false, out);
        }
        sbuf_putc(out, ')');
}

static void digits(uint64_t u, unsigned base, bool capital, struct sbuf *b) {
        char t[65];
        size_t n = sizeof t;
        do {
                unsigned d = (unsigned) (u % base);
                t[--n] = (char) (d < 10 ? '0' + d : (capital ? 'A' : 'a') + d - 10);
                u /= base;
        } while (u);
        sbuf_add(b, t + n, sizeof t - n);
}

static void print_rune_quoted(unsigned c, struct sbuf *b) {
        auto_sbuf struct sbuf plain = SBUF(8), quoted = SBUF(32);
        gt_put_rune(&plain, c);
        gt_quote(sbuf_str(&plain), plain.len, &quoted);
        if (c == '\'' || c == '"')
                sbuf_puts(b, c == '"' ? "'\"'" : "'\\''");
        else
                sbuf_printf(b, "'%.*s'", (int) quoted.len - 2, quoted.data + 1);
}

static void print_int(const struct verb *v, int64_t i, struct sbuf *b) {
        unsigned base = v->c == 'x' || v->c == 'X' ? 16 : v->c == 'o' || v->c == 'O' ? 8 : v->c == 'b' ? 2 : 10;
        uint64_t u = i < 0 ? -(uint64_t) i : (uint64_t) i;
        if (v->c == 'c') {
                gt_put_rune(b, i < 0 || i > 0x10ffff ? 0xfffd : (unsigned) i);
                return;
        }
        if (v->c == 'U') {
                sbuf_printf(b, "U+%04llX", (unsigned long long) u);
                return;
        }
        if (v->c == 'q') {
                print_rune_quoted(i < 0 || i > 0x10ffff ? 0xfffd : (unsigned) i, b);
                return;
        }
        sbuf_puts(b, i < 0 ? "-" : v->plus ? "+" : v->space ? " " : "");
        if (v->c == 'O' || (v->sharp && base != 10))
                sbuf_puts(b, v->c == 'O' ? "0o" : base == 8 ? "0" : base == 2 ? "0b" : v->c == 'X' ? "0X" : "0x");
        size_t from = b->len;
        digits(u, base, v->c == 'X', b);
        if (v->precision > 0 && b->len - from < (size_t) v->precision) {
                size_t n = b->len - from;
                auto_free char *plain = dr_xstrndup(b->data + from, n);
                b->len = from;
                for (; n < (size_t) v->precision && sbuf_ok(b); n++)
                        sbuf_putc(b, '0');
                sbuf_puts(b, plain);
        }
}

static void print_text(const struct verb *v, const char *s, size_t n, struct sbuf *b) {
        if (v->precision >= 0)
                n = characters(s, n, v->precision);
        if (v->c == 'q' && v->sharp && !memchr(s, '`', n)) {
                sbuf_putc(b, '`');
                sbuf_add(b, s, n);
                sbuf_putc(b, '`');
        } else if (v->c == 'q' || (v->c == 'v' && v->sharp)) {
                gt_quote(s, n, b);
        } else if (v->c == 'x' || v->c == 'X') {
                for (size_t i = 0; i < n && sbuf_ok(b); i++)
                        sbuf_printf(b, "%s%s%02x", v->space && i ? " " : "", v->sharp && (i == 0 || v->space) ? "0x" : "", (unsigned char) s[i]);
                for (size_t i = 0; v->c == 'X' && i < b->len; i++)
                        b->data[i] = (char) toupper((unsigned char) b->data[i]);
        } else {
                sbuf_add(b, s, n);
        }
}

static void print_float(const struct verb *v, const struct gt_value *arg, struct sbuf *b) {
        double d = json_object_get_double(arg->o);
        int precision = MIN(v->precision, 500);
        char c = v->c == 'F' ? 'f' : v->c;
        if (c == 'v' || ((c == 'g' || c == 'G') && precision < 0)) {
                gt_print(arg, 0, b);            /* the shortest that reads back */
                return;
        }
        sbuf_printf(b, c == 'e' ? (v->plus ? "%+.*e" : "%.*e") : c == 'E' ? (v->plus ? "%+.*E" : "%.*E") : c == 'g' ? (v->plus ? "%+.*g" : "%.*g")
                       : c == 'G' ? (v->plus ? "%+.*G" : "%.*G") : (v->plus ? "%+.*f" : "%.*f"), precision < 0 ? 6 : precision, d);
}

static void print_value(const struct verb *v, const struct gt_value *arg, struct sbuf *out, unsigned depth);

static void print_members(const struct verb *v, struct json_object *map, struct sbuf *out, unsigned depth) {
        struct gt_keys keys = { 0 };
        gt_sorted_keys(map, &keys);
        for (size_t i = 0; i < keys.n && sbuf_ok(out); i++) {
                AUTO(json_free) struct json_object *key = json_object_new_string(keys.v[i]);
                sbuf_puts(out, i ? " " : "");
                print_value(v, &(struct gt_value) { .o = key }, out, depth + 1);
                sbuf_putc(out, ':');
                print_value(v, &(struct gt_value) { .o = json_object_object_get(map, keys.v[i]) }, out, depth + 1);
        }
        vec_done(&keys);
}

/* Lists and maps: the verb for each element, as fmt does. */
static void print_parts(const struct verb *v, const struct gt_value *arg, struct sbuf *out, unsigned depth) {
        bool list = json_object_is_type(arg->o, json_type_array);
        if (depth > DEPTH_MAX) {
                gt_print(arg, 0, out);
                return;
        }
        sbuf_puts(out, list ? "[" : "map[");
        for (size_t i = 0; list && i < json_object_array_length(arg->o) && sbuf_ok(out); i++) {
                sbuf_puts(out, i ? " " : "");
                print_value(v, &(struct gt_value) { .o = json_object_array_get_idx(arg->o, i) }, out, depth + 1);
        }
        if (!list)
                print_members(v, arg->o, out, depth);
        sbuf_putc(out, ']');
}

static void print_scalar(const struct verb *v, const struct gt_value *arg, struct sbuf *out) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        bool number = false;
        size_t n;
        const char *s = gt_text(arg, &n);
        switch (gt_type(arg)) {
        case GT_TYPE_INT: case GT_TYPE_INT64:
                number = v->c != 'c' && v->c != 'q' && v->c != 'U';
                print_int(v, json_object_get_int64(arg->o), &b);
                break;
        case GT_TYPE_FLOAT:
                number = true;
                print_float(v, arg, &b);
                break;
        case GT_TYPE_STRING:    print_text(v, s, n, &b); break;
        case GT_TYPE_NONE:      sbuf_puts(&b, "<nil>"); break;
        default:                gt_print(arg, 0, &b); break;
        }
        if (!sbuf_ok(&b))
                out->overflow = true;
        pad_out(v, sbuf_str(&b), b.len, number, out);
}

static void print_value(const struct verb *v, const struct gt_value *arg, struct sbuf *out, unsigned depth) {
        static const char *const verbs[] = {
                [GT_TYPE_NONE] = "v", [GT_TYPE_BOOL] = "vt", [GT_TYPE_INT] = "vdxXobOcqU", [GT_TYPE_INT64] = "vdxXobOcqU", [GT_TYPE_FLOAT] = "veEfFgG",
                [GT_TYPE_STRING] = "vsqxX", [GT_TYPE_TIME] = "vs",
        };
        enum gt_type t = gt_type(arg);
        if (v->c == 'T') {
                const char *name = gt_type_name(arg);
                pad_out(v, name, strlen(name), false, out);
        } else if (arg->o && (json_object_is_type(arg->o, json_type_array) || json_object_is_type(arg->o, json_type_object))) {
                print_parts(v, arg, out, depth);
        } else if (strchr(verbs[t], v->c) || (t == GT_TYPE_NONE && depth)) {
                print_scalar(v, arg, out);
        } else {
                wrong_verb(v, arg, out);
        }
}

/* Flags, width and precision behind the %. Returns where the verb stands. */
static const char *spec(struct gt_call *c, const char *p, const char *end, struct verb *v, size_t *used, struct sbuf *out) {
        for (; p < end && *p && strchr("-+0 #", *p); p++) {
                v->minus |= *p == '-';
                v->plus |= *p == '+';
                v->zero |= *p == '0';
                v->space |= *p == ' ';
                v->sharp |= *p == '#';
        }
        for (int part = 0; part < 2; part++) {
                int *to = part ? &v->precision : &v->width;
                if (part) {
                        if (p >= end || *p != '.')
                                break;
                        p++;
                        *to = 0;
                }
                if (p < end && *p == '*') {
                        p++;
                        struct gt_value none = { .missing = true };
                        const struct gt_value *a = *used < c->n ? &c->a[(*used)++] : &none;
                        int64_t n = gt_type(a) == GT_TYPE_INT ? json_object_get_int64(a->o) : INT64_MAX;
                        if (n > WIDTH_MAX || n < -WIDTH_MAX || (part && n < 0)) {
                                sbuf_puts(out, part ? "%!(BADPREC)" : "%!(BADWIDTH)");
                                *to = part ? -1 : 0;
                        } else {
                                v->minus |= n < 0;
                                *to = (int) (n < 0 ? -n : n);
                        }
                        continue;
                }
                for (; p < end && isdigit((unsigned char) *p); p++)
                        *to = MIN(*to * 10 + (*p - '0'), WIDTH_MAX);
        }
        return p;
}

int gt_printf(struct gt_call *c, struct sbuf *out) {
        size_t len, used = 1;
        const char *p = gt_text(&c->a[0], &len);
        for (const char *end = p + len; p < end && sbuf_ok(out);) {
                const char *percent = memchr(p, '%', (size_t) (end - p));
                sbuf_add(out, p, (size_t) ((percent ? percent : end) - p));
                if (!percent)
                        break;
                struct verb v = { .precision = -1 };
                p = spec(c, percent + 1, end, &v, &used, out);
                if (p >= end) {
                        sbuf_puts(out, "%!(NOVERB)");
                        break;
                }
                size_t n = MAX(utf8_sequence((const unsigned char *) p, (size_t) (end - p)), (size_t) 1);
                v.c = *p;
                if (v.c == '%') {
                        sbuf_putc(out, '%');
                } else if (used >= c->n) {
                        sbuf_puts(out, "%!");
                        sbuf_add(out, p, n);
                        sbuf_puts(out, "(MISSING)");
                } else {
                        print_value(&v, &c->a[used++], out, 0);
                }
                p += n;
        }
        if (used < c->n) {
                sbuf_puts(out, "%!(EXTRA ");
                for (size_t i = used; i < c->n && sbuf_ok(out); i++) {
                        sbuf_puts(out, i > used ? ", " : "");
                        if (gt_type(&c->a[i]) == GT_TYPE_NONE) {
                                sbuf_puts(out, "<nil>");
                        } else {
                                sbuf_printf(out, "%s=", gt_type_name(&c->a[i]));
                                gt_print(&c->a[i], 0, out);
                        }
                }
                sbuf_putc(out, ')');
        }
        return gt_spend(c, out->len);
}
