/* gotemplate_value.c: Go's types over JSON values, and how they print. */
#include "gotemplate-internal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/parse.h"
#include "utf8.h"

/* The tag of an object is a pointer into this table, kept as json-c's user data. */
static const struct { const char *name, *kind; } types[] = {
        [GT_TYPE_NONE] = { "<nil>", "invalid" }, [GT_TYPE_BOOL] = { "bool", "bool" }, [GT_TYPE_STRING] = { "string", "string" },
        [GT_TYPE_INT] = { "int", "int" }, [GT_TYPE_INT64] = { "int64", "int64" }, [GT_TYPE_FLOAT] = { "float64", "float64" },
        [GT_TYPE_LIST] = { "[]interface {}", "slice" }, [GT_TYPE_STRINGS] = { "[]string", "slice" }, [GT_TYPE_INTS] = { "[]int", "slice" },
        [GT_TYPE_MAP] = { "map[string]interface {}", "map" }, [GT_TYPE_DICT] = { "map[string]interface {}", "map" },
        [GT_TYPE_STRING_MAP] = { "map[string]string", "map" }, [GT_TYPE_TIME] = { "time.Time", "struct" },
};

void gt_set_type(struct json_object *o, enum gt_type t) { json_object_set_userdata(o, (void *) &types[t], NULL); }
void gotemplate_string_map(struct json_object *o) { gt_set_type(o, GT_TYPE_STRING_MAP); }

enum gt_type gt_type(const struct gt_value *v) {
        if (v->missing || !v->o)
                return GT_TYPE_NONE;
        const void *tag = json_object_get_userdata(v->o);
        for (size_t i = 0; tag && i < ARRAY_LEN(types); i++)
                if (tag == &types[i])
                        return (enum gt_type) i;
        switch (json_object_get_type(v->o)) {
        case json_type_boolean: return GT_TYPE_BOOL;
        case json_type_int:     return GT_TYPE_INT;
        case json_type_double:  return GT_TYPE_FLOAT;
        case json_type_string:  return GT_TYPE_STRING;
        case json_type_array:   return GT_TYPE_LIST;
        case json_type_object:  return GT_TYPE_MAP;
        default:                return GT_TYPE_NONE;
        }
}
const char *gt_type_name(const struct gt_value *v) { return types[gt_type(v)].name; }
const char *gt_kind_name(const struct gt_value *v) { return types[gt_type(v)].kind; }
bool gt_is_string(const struct gt_value *v) { return gt_type(v) == GT_TYPE_STRING; }

const char *gt_text(const struct gt_value *v, size_t *ret_n) {
        if (!gt_is_string(v)) {
                *ret_n = 0;
                return "";
        }
        *ret_n = (size_t) json_object_get_string_len(v->o);
        return json_object_get_string(v->o);
}

bool gt_truth(const struct gt_value *v) {
        switch (gt_type(v)) {
        case GT_TYPE_NONE:      return false;
        case GT_TYPE_BOOL:      return json_object_get_boolean(v->o);
        case GT_TYPE_STRING:    return json_object_get_string_len(v->o) > 0;
        case GT_TYPE_INT: case GT_TYPE_INT64: return json_object_get_int64(v->o) != 0;
        case GT_TYPE_FLOAT:     return json_object_get_double(v->o) != 0;
        case GT_TYPE_LIST: case GT_TYPE_STRINGS: case GT_TYPE_INTS: return json_object_array_length(v->o) > 0;
        case GT_TYPE_MAP: case GT_TYPE_DICT: case GT_TYPE_STRING_MAP: return json_object_object_length(v->o) > 0;
        case GT_TYPE_TIME:      return true;
        }
        return false;
}

int64_t gt_to_int(const struct gt_value *v) {
        int64_t i;
        size_t n;
        double d;
        const char *s;
        switch (gt_type(v)) {
        case GT_TYPE_INT: case GT_TYPE_INT64:   return json_object_get_int64(v->o);
        case GT_TYPE_BOOL:      return json_object_get_boolean(v->o);
        case GT_TYPE_FLOAT:
                d = json_object_get_double(v->o);
                return d >= -0x1p63 && d < 0x1p63 ? (int64_t) d : INT64_MIN;
        case GT_TYPE_STRING:
                s = gt_text(v, &n);
                s += *s == '+' && isdigit((unsigned char) s[1]);
                return strlen(s) + (s != json_object_get_string(v->o)) == n && parse_i64(s, &i) == 0 ? i : 0;
        default:                return 0;
        }
}

double gt_to_float(const struct gt_value *v) {
        double d;
        size_t n;
        if (gt_type(v) == GT_TYPE_FLOAT)
                return json_object_get_double(v->o);
        if (gt_is_string(v))
                return parse_double(gt_text(v, &n), &d) == 0 ? d : 0;
        return (double) gt_to_int(v);
}

/* ---- characters and keys ---- */
unsigned gt_rune(const char *s, size_t n, size_t *ret_len) {
        size_t len = utf8_sequence((const unsigned char *) s, n);
        unsigned c = (unsigned char) *s;
        *ret_len = len ? len : 1;
        if (len < 2)
                return len ? c : 0xfffd;
        c &= 0x7fU >> len;
        for (size_t i = 1; i < len; i++)
                c = c << 6 | ((unsigned char) s[i] & 0x3f);
        return c;
}

void gt_put_rune(struct sbuf *b, unsigned c) {
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                c = 0xfffd;
        if (c >= 0x10000)
                sbuf_putc(b, (char) (0xf0 | c >> 18));
        if (c >= 0x800)
                sbuf_putc(b, (char) (c >= 0x10000 ? 0x80 | (c >> 12 & 0x3f) : 0xe0 | c >> 12));
        if (c >= 0x80)
                sbuf_putc(b, (char) (c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6));
        sbuf_putc(b, (char) (c >= 0x80 ? 0x80 | (c & 0x3f) : c));
}

static int by_key(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

void gt_sorted_keys(struct json_object *map, struct gt_keys *ret) {
        json_object_object_foreach(map, key, unused) {
                (void) unused;
                vec_push(ret, key);
        }
        vec_sort(ret, by_key);
}

/* ---- printing ---- */
static void print_float(double d, struct sbuf *out) {
        char t[40];
        int digits = 1;
        if (isnan(d) || isinf(d)) {
                sbuf_puts(out, isnan(d) ? "NaN" : d < 0 ? "-Inf" : "+Inf");
                return;
        }
        for (; digits <= 17; digits++) {        /* the shortest that reads back the same */
                snprintf(t, sizeof t, "%.*e", digits - 1, d);
                if (strtod(t, NULL) == d)
                        break;
        }
        int64_t exponent = 0;
        const char *e = strchr(t, 'e') + 1;
        (void) parse_i64(e + (*e == '+'), &exponent);           /* printf's own text */
        if (exponent < -4 || exponent >= 6)
                sbuf_puts(out, t);
        else
                sbuf_printf(out, "%.*f", (int) MAX(digits - 1 - exponent, INT64_C(0)), d);
}

static void print_map(struct json_object *o, unsigned flags, struct sbuf *out) {
        struct gt_keys keys = { 0 };
        gt_sorted_keys(o, &keys);
        sbuf_puts(out, "map[");
        for (size_t i = 0; i < keys.n && sbuf_ok(out); i++) {
                struct gt_value v = { .o = json_object_object_get(o, keys.v[i]) };
                sbuf_printf(out, "%s", i ? " " : "");
                sbuf_puts(out, keys.v[i]);
                sbuf_putc(out, ':');
                if (v.o)
                        gt_print(&v, flags, out);
                else
                        sbuf_puts(out, "<nil>");
        }
        sbuf_putc(out, ']');
        vec_done(&keys);
}

static void print_list(struct json_object *o, unsigned flags, struct sbuf *out) {
        sbuf_putc(out, '[');
        for (size_t i = 0; i < json_object_array_length(o) && sbuf_ok(out); i++) {
                struct gt_value v = { .o = json_object_array_get_idx(o, i) };
                if (i)
                        sbuf_putc(out, ' ');
                if (v.o)
                        gt_print(&v, flags, out);
                else
                        sbuf_puts(out, "<nil>");
        }
        sbuf_putc(out, ']');
}

void gt_print(const struct gt_value *v, unsigned flags, struct sbuf *out) {
        size_t n;
        enum gt_type t = gt_type(v);
        const char *s;
        switch (t) {
        case GT_TYPE_NONE:
                if (!(flags & GOTEMPLATE_JSON))
                        sbuf_puts(out, "<no value>");
                return;
        case GT_TYPE_STRING:
                s = gt_text(v, &n);
                sbuf_add(out, s, n);
                return;
        case GT_TYPE_FLOAT:     print_float(json_object_get_double(v->o), out); return;
        case GT_TYPE_TIME:      gt_time_format(json_object_get_int64(v->o), "2006-01-02 15:04:05.999999999 -0700 MST", out); return;
        case GT_TYPE_LIST: case GT_TYPE_STRINGS: case GT_TYPE_INTS:
                if (flags & GOTEMPLATE_JSON)
                        break;
                print_list(v->o, flags, out);
                return;
        case GT_TYPE_MAP: case GT_TYPE_DICT: case GT_TYPE_STRING_MAP:
                if (flags & GOTEMPLATE_JSON)
                        break;
                print_map(v->o, flags, out);
                return;
        default:                break;
        }
        json_write(v->o, 0, out);
}

void gt_quote(const char *s, size_t n, struct sbuf *out) {
        static const char from[] = "\a\b\f\n\r\t\v\"\\", to[] = "abfnrtv\"\\";
        sbuf_putc(out, '"');
        for (size_t i = 0, len; i < n; i += len) {
                unsigned char c = (unsigned char) s[i];
                const char *at = c ? strchr(from, c) : NULL;
                len = utf8_sequence((const unsigned char *) s + i, n - i);
                if (!len) {
                        sbuf_printf(out, "\\x%02x", c);
                        len = 1;
                } else if (at) {
                        sbuf_putc(out, '\\');
                        sbuf_putc(out, to[at - from]);
                } else if (c < 0x20 || c == 0x7f) {
                        sbuf_printf(out, "\\x%02x", c);
                } else if (c == 0xc2 && (unsigned char) s[i + 1] <= 0xa0) {
                        sbuf_printf(out, "\\u%04x", (unsigned char) s[i + 1]);
                } else {
                        sbuf_add(out, s + i, len);
                }
        }
        sbuf_putc(out, '"');
}

/* ---- dates ---- */
static const char *const months[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" };
static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

/* What a piece of Go's layout stands for; longer ones first. */
enum piece { P_MONTH, P_MON, P_MM, P_M, P_DAY, P_DDD, P_DD, P_D_, P_D, P_HH, P_H12, P_H, P_MIN2, P_MIN, P_SEC2, P_SEC, P_YEAR, P_YY, P_PM, P_pm, P_ZONE,
             P_Z0, P_Z1, P_Z2, P_Z3, P_Z4 };
static const struct { const char *text; enum piece piece; } pieces[] = {
        { "January", P_MONTH }, { "Jan", P_MON }, { "Monday", P_DAY }, { "Mon", P_DDD }, { "MST", P_ZONE }, { "2006", P_YEAR }, { "01", P_MM }, { "02", P_DD },
        { "03", P_H12 }, { "04", P_MIN2 }, { "05", P_SEC2 }, { "06", P_YY }, { "15", P_HH }, { "PM", P_PM }, { "pm", P_pm }, { "-07:00", P_Z1 }, { "-0700", P_Z0 },
        { "-07", P_Z2 }, { "Z07:00", P_Z3 }, { "Z0700", P_Z4 }, { "_2", P_D_ }, { "1", P_M }, { "2", P_D }, { "3", P_H }, { "4", P_MIN }, { "5", P_SEC },
};

static void put_piece(enum piece p, const struct tm *tm, struct sbuf *out) {
        int h12 = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;
        switch (p) {
        case P_MONTH:   sbuf_puts(out, months[tm->tm_mon]); break;
        case P_MON:     sbuf_printf(out, "%.3s", months[tm->tm_mon]); break;
        case P_MM:      sbuf_printf(out, "%02d", tm->tm_mon + 1); break;
        case P_M:       sbuf_printf(out, "%d", tm->tm_mon + 1); break;
        case P_DAY:     sbuf_puts(out, days[tm->tm_wday]); break;
        case P_DDD:     sbuf_printf(out, "%.3s", days[tm->tm_wday]); break;
        case P_DD:      sbuf_printf(out, "%02d", tm->tm_mday); break;
        case P_D_:      sbuf_printf(out, "%2d", tm->tm_mday); break;
        case P_D:       sbuf_printf(out, "%d", tm->tm_mday); break;
        case P_HH:      sbuf_printf(out, "%02d", tm->tm_hour); break;
        case P_H12:     sbuf_printf(out, "%02d", h12); break;
        case P_H:       sbuf_printf(out, "%d", h12); break;
        case P_MIN2:    sbuf_printf(out, "%02d", tm->tm_min); break;
        case P_MIN:     sbuf_printf(out, "%d", tm->tm_min); break;
        case P_SEC2:    sbuf_printf(out, "%02d", tm->tm_sec); break;
        case P_SEC:     sbuf_printf(out, "%d", tm->tm_sec); break;
        case P_YEAR:    sbuf_printf(out, "%04d", tm->tm_year + 1900); break;
        case P_YY:      sbuf_printf(out, "%02d", tm->tm_year % 100); break;
        case P_PM:      sbuf_puts(out, tm->tm_hour >= 12 ? "PM" : "AM"); break;
        case P_pm:      sbuf_puts(out, tm->tm_hour >= 12 ? "pm" : "am"); break;
        case P_ZONE:    sbuf_puts(out, "UTC"); break;
        case P_Z0:      sbuf_puts(out, "+0000"); break;
        case P_Z1:      sbuf_puts(out, "+00:00"); break;
        case P_Z2:      sbuf_puts(out, "+00"); break;
        case P_Z3:
        case P_Z4:      sbuf_putc(out, 'Z'); break;
        }
}

/* ".000" and ".999" (with or without trailing zeros) behind seconds. Returns how much of the layout it took; 0: none is there. */
static size_t fraction(const char *layout, int64_t ns, struct sbuf *out) {
        size_t n = 1;
        char digits[16];
        if ((layout[0] != '.' && layout[0] != ',') || (layout[1] != '0' && layout[1] != '9'))
                return 0;
        while (n < 10 && layout[n] == layout[1])
                n++;
        if (isdigit((unsigned char) layout[n]))
                return 0;
        snprintf(digits, sizeof digits, "%09lld", (long long) ns);
        size_t shown = n - 1;
        while (layout[1] == '9' && shown && digits[shown - 1] == '0')
                shown--;
        if (shown)
                sbuf_printf(out, "%c%.*s", layout[0], (int) shown, digits);
        return n;
}

void gt_time_format(int64_t ns, const char *layout, struct sbuf *out) {
        int64_t s = ns / 1000000000, rest = ns % 1000000000;
        struct tm tm;
        if (rest < 0) {
                rest += 1000000000;
                s--;
        }
        time_t t = (time_t) s;
        gmtime_r(&t, &tm);
        for (const char *p = layout; *p;) {
                size_t n = fraction(p, rest, out), i = 0;
                for (; !n && i < ARRAY_LEN(pieces); i++)
                        if (str_starts(p, pieces[i].text)) {
                                put_piece(pieces[i].piece, &tm, out);
                                n = strlen(pieces[i].text);
                        }
                if (!n)
                        sbuf_putc(out, *p);
                p += n ? n : 1;
        }
}
