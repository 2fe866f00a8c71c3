/* gotemplate_text.c: sprig's functions for texts. */
#include "gotemplate-internal.h"

#include <ctype.h>
#include <stdio.h>

#include "base/rng.h"

static const char *text(struct gt_call *c, size_t i, size_t *ret_n) { return gt_text(&c->a[i], ret_n); }
static int64_t whole(struct gt_call *c, size_t i) { return json_object_get_int64(c->a[i].o); }
#define TEXT_BUFFER(b) auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX)

/* ---- letters: ASCII, Latin, Greek, Cyrillic ---- */
static unsigned upper_rune(unsigned c) {
        if (c < 0x80)
                return (unsigned) toupper((int) c);
        if (c == 0xff)
                return 0x178;
        if ((c >= 0xe0 && c <= 0xfe && c != 0xf7) || (c >= 0x3b1 && c <= 0x3cb && c != 0x3c2) || (c >= 0x430 && c <= 0x44f))
                return c - 32;
        if (c >= 0x450 && c <= 0x45f)
                return c - 80;
        bool even = (c >= 0x100 && c <= 0x137 && c != 0x131) || (c >= 0x14a && c <= 0x177) || (c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf);
        bool odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
        return (even && c % 2 == 1) || (odd && c % 2 == 0) ? c - 1 : c;
}
static unsigned lower_rune(unsigned c) {
        if (c < 0x80)
                return (unsigned) tolower((int) c);
        if (c == 0x178)
                return 0xff;
        if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3ab && c != 0x3a2) || (c >= 0x410 && c <= 0x42f))
                return c + 32;
        if (c >= 0x400 && c <= 0x40f)
                return c + 80;
        bool even = (c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14a && c <= 0x177) || (c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf);
        bool odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e);
        return (even && c % 2 == 0) || (odd && c % 2 == 1) ? c + 1 : c;
}
static bool is_space(unsigned c) { return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x3000; }

/* Each letter as change makes it; start: it is the first, or behind a blank (or, words, behind anything that is no part of a word). */
static int mapped(struct gt_call *c, unsigned (*change)(unsigned rune, bool start), bool words) {
        size_t n, len;
        const char *s = text(c, 0, &n);
        TEXT_BUFFER(b);
        bool start = true;
        for (size_t i = 0; i < n; i += len) {
                unsigned r = gt_rune(s + i, n - i, &len), to = change(r, start);
                if (to == r)
                        sbuf_add(&b, s + i, len);
                else
                        gt_put_rune(&b, to);
                start = words && r < 0x80 ? !isalnum((int) r) && r != '_' : is_space(r);
        }
        return gt_give_sbuf(c, &b);
}
static unsigned to_upper(unsigned r, bool start) { (void) start; return upper_rune(r); }
static unsigned to_lower(unsigned r, bool start) { (void) start; return lower_rune(r); }
static unsigned to_title(unsigned r, bool start) { return start ? upper_rune(r) : r; }
static unsigned to_untitle(unsigned r, bool start) { return start ? lower_rune(r) : r; }
static unsigned to_other(unsigned r, bool start) { (void) start; return upper_rune(r) != r ? upper_rune(r) : lower_rune(r); }
static int fn_upper(struct gt_call *c) { return mapped(c, to_upper, false); }
static int fn_lower(struct gt_call *c) { return mapped(c, to_lower, false); }
static int fn_title(struct gt_call *c) { return mapped(c, to_title, true); }
static int fn_untitle(struct gt_call *c) { return mapped(c, to_untitle, false); }
static int fn_swapcase(struct gt_call *c) { return mapped(c, to_other, false); }

static int fn_nospace(struct gt_call *c) {
        size_t n, len;
        const char *s = text(c, 0, &n);
        TEXT_BUFFER(b);
        for (size_t i = 0; i < n; i += len)
                if (!is_space(gt_rune(s + i, n - i, &len)))
                        sbuf_add(&b, s + i, len);
        return gt_give_sbuf(c, &b);
}
static int fn_initials(struct gt_call *c) {
        size_t n, len;
        const char *s = text(c, 0, &n);
        TEXT_BUFFER(b);
        bool start = true;
        for (size_t i = 0; i < n; i += len) {
                bool blank = is_space(gt_rune(s + i, n - i, &len));
                if (start && !blank)
                        sbuf_add(&b, s + i, len);
                start = blank;
        }
        return gt_give_sbuf(c, &b);
}

/* ---- ends ---- */
static int fn_trim(struct gt_call *c) {
        size_t n, len;
        const char *s = text(c, 0, &n);
        while (n && is_space(gt_rune(s, n, &len)))
                s += len, n -= len;
        for (size_t back = 1; n; back = 1) {
                while (back < n && back < 4 && ((unsigned char) s[n - back] & 0xc0) == 0x80)
                        back++;
                if (!is_space(gt_rune(s + n - back, back, &len)) || len != back)
                        break;
                n -= back;
        }
        return gt_give_text(c, s, n);
}
static bool in_set(const char *set, size_t n, const char *s, size_t len) {
        for (size_t i = 0, k; i < n; i += k) {
                gt_rune(set + i, n - i, &k);
                if (k == len && memcmp(set + i, s, len) == 0)
                        return true;
        }
        return false;
}
static int fn_trim_all(struct gt_call *c) {
        size_t n, sn, len;
        const char *set = text(c, 0, &sn), *s = text(c, 1, &n);
        int r = gt_spend(c, n * (sn + 1));
        for (; n && (gt_rune(s, n, &len), in_set(set, sn, s, len)); n -= len)
                s += len;
        while (n) {
                size_t back = 1;
                while (back < n && back < 4 && ((unsigned char) s[n - back] & 0xc0) == 0x80)
                        back++;
                if (!in_set(set, sn, s + n - back, back))
                        break;
                n -= back;
        }
        return r < 0 ? r : gt_give_text(c, s, n);
}
static bool has_prefix(struct gt_call *c) {
        size_t m, n;
        const char *part = text(c, 0, &m), *s = text(c, 1, &n);
        return m <= n && memcmp(s, part, m) == 0;
}
static bool has_suffix(struct gt_call *c) {
        size_t m, n;
        const char *part = text(c, 0, &m), *s = text(c, 1, &n);
        return m <= n && memcmp(s + n - m, part, m) == 0;
}
static int fn_has_prefix(struct gt_call *c) { return gt_give_bool(c, has_prefix(c)); }
static int fn_has_suffix(struct gt_call *c) { return gt_give_bool(c, has_suffix(c)); }
static int fn_trim_prefix(struct gt_call *c) {
        size_t m, n;
        const char *s = text(c, 1, &n);
        text(c, 0, &m);
        return has_prefix(c) ? gt_give_text(c, s + m, n - m) : gt_give_text(c, s, n);
}
static int fn_trim_suffix(struct gt_call *c) {
        size_t m, n;
        const char *s = text(c, 1, &n);
        text(c, 0, &m);
        return gt_give_text(c, s, has_suffix(c) ? n - m : n);
}
static int fn_contains(struct gt_call *c) {
        size_t m, n;
        const char *part = text(c, 0, &m), *s = text(c, 1, &n);
        return gt_give_bool(c, !m || memmem(s, n, part, m) != NULL);
}

/* ---- parts ---- */
static int out_of_range(struct gt_call *c, int64_t from, int64_t to, size_t n) {
        if (to < 0 || to > (int64_t) n)
                return gt_fail(c, "runtime error: slice bounds out of range [:%lld] with length %zu", (long long) to, n);
        return gt_fail(c, "runtime error: slice bounds out of range [%lld:%lld]", (long long) from, (long long) to);
}
static int cut(struct gt_call *c, const char *s, size_t n, int64_t from, int64_t to) {
        if (from < 0 || to < from || to > (int64_t) n)
                return out_of_range(c, from, to, n);
        return gt_give_text(c, s + from, (size_t) (to - from));
}
static int fn_trunc(struct gt_call *c) {
        size_t n;
        const char *s = text(c, 1, &n);
        int64_t to = whole(c, 0);
        return to >= (int64_t) n ? gt_give_text(c, s, n) : cut(c, s, n, 0, to);
}
static int fn_substr(struct gt_call *c) {
        size_t n;
        const char *s = text(c, 2, &n);
        int64_t from = whole(c, 0), to = whole(c, 1);
        if (from < 0)
                return cut(c, s, n, 0, to);
        return cut(c, s, n, from, to < 0 ? (int64_t) n : to);
}

/* goutils' AbbreviateFull: at most width bytes, "..." where something is left out. */
static void abbreviate(const char *s, size_t n, size_t offset, size_t width, struct sbuf *b) {
        if (width < 4 || n <= width) {
                sbuf_add(b, s, width < 4 ? 0 : n);
                return;
        }
        offset = MIN(offset, n);
        if (n - offset < width - 3)
                offset = n - (width - 3);
        if (offset <= 4) {
                sbuf_add(b, s, width - 3);
                sbuf_puts(b, "...");
        } else if (width < 7) {
                return;
        } else if (offset + width - 3 < n) {
                sbuf_puts(b, "...");
                abbreviate(s + offset, n - offset, 0, width - 3, b);
        } else {
                sbuf_puts(b, "...");
                sbuf_add(b, s + n - (width - 3), width - 3);
        }
}
static int fn_abbrev(struct gt_call *c) {
        size_t n;
        const char *s = text(c, 1, &n);
        TEXT_BUFFER(b);
        if (whole(c, 0) < 4)
                return gt_give_text(c, s, n);
        abbreviate(s, n, 0, (size_t) whole(c, 0), &b);
        return gt_give_sbuf(c, &b);
}
static int fn_abbrevboth(struct gt_call *c) {
        size_t n;
        const char *s = text(c, 2, &n);
        int64_t left = whole(c, 0), right = whole(c, 1);
        TEXT_BUFFER(b);
        if (right < 4 || (left > 0 && right < 7))
                return gt_give_text(c, s, n);
        abbreviate(s, n, (size_t) MAX(left, INT64_C(0)), (size_t) right, &b);
        return gt_give_sbuf(c, &b);
}

/* goutils' WrapCustom. */
static int wrapped(struct gt_call *c, int64_t width, const char *line, size_t line_n, const char *s, size_t n, bool long_words) {
        TEXT_BUFFER(b);
        size_t w = (size_t) MAX(width, INT64_C(1)), at = 0;
        if (!line_n) {
                line = "\n";
                line_n = 1;
        }
        while (n - at > w) {
                if (s[at] == ' ') {
                        at++;
                        continue;
                }
                const char *space = memrchr(s + at, ' ', w + 1), *end = s + n;
                if (!space && !long_words) {
                        space = memchr(s + at + w, ' ', n - at - w);
                        if (!space) {
                                sbuf_add(&b, s + at, n - at);
                                at = n;
                                break;
                        }
                }
                size_t piece = space ? (size_t) (space - (s + at)) : w;
                sbuf_add(&b, s + at, piece);
                sbuf_add(&b, line, line_n);
                at += piece + (space && space < end ? 1 : 0);
                if (!sbuf_ok(&b))
                        break;
        }
        sbuf_add(&b, s + at, n - at);
        return gt_give_sbuf(c, &b);
}
static int fn_wrap(struct gt_call *c) {
        size_t n;
        const char *s = text(c, 1, &n);
        return wrapped(c, whole(c, 0), "", 0, s, n, false);
}
static int fn_wrap_with(struct gt_call *c) {
        size_t n, ln;
        const char *line = text(c, 1, &ln), *s = text(c, 2, &n);
        return wrapped(c, whole(c, 0), line, ln, s, n, true);
}

/* from replaced by to, everywhere; an empty from stands before each character and at the end. */
static void replace(const char *from, size_t fn, const char *to, size_t tn, const char *s, size_t n, struct sbuf *b) {
        for (size_t i = 0, len; sbuf_ok(b); i += len) {
                const char *hit = fn ? memmem(s + i, n - i, from, fn) : NULL;
                if (!fn) {
                        sbuf_add(b, to, tn);
                        if (i >= n)
                                return;
                        gt_rune(s + i, n - i, &len);
                        sbuf_add(b, s + i, len);
                        continue;
                }
                len = hit ? (size_t) (hit - (s + i)) : n - i;
                sbuf_add(b, s + i, len);
                if (!hit)
                        return;
                sbuf_add(b, to, tn);
                len += fn;
        }
}
static int fn_replace(struct gt_call *c) {
        size_t fn, tn, n;
        const char *from = text(c, 0, &fn), *to = text(c, 1, &tn), *s = text(c, 2, &n);
        TEXT_BUFFER(b);
        replace(from, fn, to, tn, s, n, &b);
        return gt_give_sbuf(c, &b);
}
static int fn_indent(struct gt_call *c) {
        size_t n;
        const char *s = text(c, 1, &n);
        int64_t width = whole(c, 0);
        TEXT_BUFFER(b);
        if (width < 0)
                return gt_fail(c, "strings: negative Repeat count");
        if (width > GOTEMPLATE_VALUE_BYTES_MAX / 2)
                return gt_fail(c, "the text becomes longer than %d bytes", GOTEMPLATE_VALUE_BYTES_MAX);
        auto_free char *pad = dr_xmalloc((size_t) width + 2);
        memset(pad + 1, ' ', (size_t) width);
        pad[0] = '\n';
        sbuf_add(&b, pad + 1, (size_t) width);
        replace("\n", 1, pad, (size_t) width + 1, s, n, &b);
        return gt_give_sbuf(c, &b);
}
static int fn_repeat(struct gt_call *c) {
        size_t n;
        const char *s = text(c, 1, &n);
        int64_t count = whole(c, 0);
        TEXT_BUFFER(b);
        if (count < 0)
                return gt_fail(c, "strings: negative Repeat count");
        if (n && (uint64_t) count > GOTEMPLATE_VALUE_BYTES_MAX / n)
                return gt_fail(c, "the text becomes longer than %d bytes", GOTEMPLATE_VALUE_BYTES_MAX);
        for (int64_t i = 0; n && i < count; i++)
                sbuf_add(&b, s, n);
        return gt_give_sbuf(c, &b);
}
static int fn_plural(struct gt_call *c) { return gt_give_value(c, &c->a[whole(c, 2) == 1 ? 0 : 1]); }

/* ---- many ---- */
static void put_value(struct gt_call *c, size_t i, struct sbuf *b) {
        if (gt_type(&c->a[i]) == GT_TYPE_NONE)
                sbuf_puts(b, "<nil>");
        else
                gt_print(&c->a[i], 0, b);
}
static int fn_cat(struct gt_call *c) {
        TEXT_BUFFER(b);
        for (size_t i = 0; i < c->n; i++) {
                sbuf_puts(&b, i ? " " : "");
                put_value(c, i, &b);
        }
        return gt_give_sbuf(c, &b);
}
static int fn_quote(struct gt_call *c) {
        TEXT_BUFFER(b);
        TEXT_BUFFER(plain);
        for (size_t i = 0; i < c->n && sbuf_ok(&b); i++) {
                sbuf_reset(&plain);
                put_value(c, i, &plain);
                sbuf_puts(&b, i ? " " : "");
                gt_quote(sbuf_str(&plain), plain.len, &b);
        }
        return gt_give_sbuf(c, &b);
}
static int fn_squote(struct gt_call *c) {
        TEXT_BUFFER(b);
        for (size_t i = 0; i < c->n; i++) {
                sbuf_puts(&b, i ? " '" : "'");
                put_value(c, i, &b);
                sbuf_putc(&b, '\'');
        }
        return gt_give_sbuf(c, &b);
}
static int fn_join(struct gt_call *c) {
        size_t n, count = c->a[1].o ? json_object_array_length(c->a[1].o) : 0;
        const char *s = text(c, 0, &n);
        TEXT_BUFFER(b);
        for (size_t i = 0; i < count && sbuf_ok(&b); i++) {
                struct gt_value v = { .o = json_object_array_get_idx(c->a[1].o, i) };
                if (i)
                        sbuf_add(&b, s, n);
                gt_print(&v, 0, &b);
        }
        int r = gt_spend(c, count * 64);
        return r < 0 ? r : gt_give_sbuf(c, &b);
}

/* Pieces of s between seps, each to add, and how many; "" cuts between characters. Stops behind GT_LIST_MAX. */
static size_t pieces(const char *sep, size_t sn, const char *s, size_t n, void (*add)(struct json_object *to, size_t i, const char *s, size_t n), struct json_object *to) {
        size_t count = 0;
        for (size_t i = 0, len; count <= GT_LIST_MAX; i += len) {
                const char *hit = sn ? memmem(s + i, n - i, sep, sn) : NULL;
                if (sn) {
                        len = hit ? (size_t) (hit - (s + i)) : n - i;
                } else {
                        if (i >= n)
                                return count;
                        gt_rune(s + i, n - i, &len);
                }
                add(to, count++, s + i, len);
                if (sn && !hit)
                        return count;
                len += sn;
        }
        return count;
}
static void add_to_map(struct json_object *to, size_t i, const char *s, size_t n) {
        char key[32];
        snprintf(key, sizeof key, "_%zu", i);
        json_object_object_add(to, key, json_object_new_string_len(s, (int) n));
}
static void add_to_list(struct json_object *to, size_t i, const char *s, size_t n) {
        (void) i;
        json_object_array_add(to, json_object_new_string_len(s, (int) n));
}
/* sprig's split gives a map _0, _1 ..., splitList a list. */
static int split(struct gt_call *c, bool map) {
        size_t sn, n;
        const char *sep = text(c, 0, &sn), *s = text(c, 1, &n);
        struct json_object *to = map ? json_object_new_object() : json_object_new_array();
        size_t count = pieces(sep, sn, s, n, map ? add_to_map : add_to_list, to);
        gt_set_type(to, map ? GT_TYPE_STRING_MAP : GT_TYPE_STRINGS);
        gt_give(c, to);
        return count > GT_LIST_MAX ? gt_fail(c, "more than %d pieces", GT_LIST_MAX) : gt_spend(c, count * 64);
}
static int fn_split(struct gt_call *c) { return split(c, true); }
static int fn_split_list(struct gt_call *c) { return split(c, false); }

/* ---- random ---- */
static int random_text(struct gt_call *c, const char *alphabet) {
        enum { RANDOM_MAX = 100000 };
        int64_t n = whole(c, 0);
        if (n < 0 || n > RANDOM_MAX)
                return gt_fail(c, "a count of 0 to %d is needed", RANDOM_MAX);
        auto_free char *s = dr_xmalloc((size_t) n + 1);
        random_string(alphabet, s, (size_t) n);
        return gt_give_text(c, s, (size_t) n);
}
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
static int fn_rand_alpha(struct gt_call *c) { return random_text(c, LOWER UPPER); }
static int fn_rand_alpha_num(struct gt_call *c) { return random_text(c, LOWER UPPER DIGITS); }
static int fn_rand_numeric(struct gt_call *c) { return random_text(c, DIGITS); }
static int fn_rand_ascii(struct gt_call *c) { return random_text(c, " !\"#$%&'()*+,-./" DIGITS ":;<=>?@" UPPER "[\\]^_`" LOWER "{|}~"); }

const struct gt_function gt_text_functions[] = {
        { "abbrev", "is", fn_abbrev }, { "abbrevboth", "iis", fn_abbrevboth }, { "cat", "v*", fn_cat }, { "contains", "ss", fn_contains },
        { "hasPrefix", "ss", fn_has_prefix }, { "hasSuffix", "ss", fn_has_suffix }, { "indent", "is", fn_indent }, { "initials", "s", fn_initials },
        { "join", "sS", fn_join }, { "lower", "s", fn_lower }, { "nospace", "s", fn_nospace }, { "plural", "ssi", fn_plural }, { "quote", "v*", fn_quote },
        { "randAlpha", "i", fn_rand_alpha }, { "randAlphaNum", "i", fn_rand_alpha_num }, { "randAscii", "i", fn_rand_ascii }, { "randNumeric", "i", fn_rand_numeric },
        { "repeat", "is", fn_repeat }, { "replace", "sss", fn_replace }, { "split", "ss", fn_split }, { "splitList", "ss", fn_split_list },
        { "squote", "v*", fn_squote }, { "substr", "iis", fn_substr }, { "swapcase", "s", fn_swapcase }, { "title", "s", fn_title }, { "trim", "s", fn_trim },
        { "trimAll", "ss", fn_trim_all }, { "trimall", "ss", fn_trim_all }, { "trimPrefix", "ss", fn_trim_prefix }, { "trimSuffix", "ss", fn_trim_suffix },
        { "trunc", "is", fn_trunc }, { "untitle", "s", fn_untitle }, { "upper", "s", fn_upper }, { "wrap", "is", fn_wrap }, { "wrapWith", "iss", fn_wrap_with },
        { NULL, NULL, NULL },
};
