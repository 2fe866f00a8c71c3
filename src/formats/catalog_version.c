/* catalog_version.c: which version is later, which ranges it is in (spec catalog.md 4). */
#include "catalog.h"

#include "base/parse.h"
#include "json.h"

#include <ctype.h>

enum { PIECES_MAX = 64, TEXT_BYTES_MAX = 255, DIGITS_MAX = 18, RANGE_BYTES_MAX = 4096 };

/* ---- upstream's own order ---- */

struct piece { const char *s; size_t n; };
struct pieces { struct piece v[PIECES_MAX]; size_t n; };

static void split(const char *s, struct pieces *ret) {
        size_t len = strcspn(s, "+");
        const char *end = s + len;
        ret->n = 0;
        while (s < end && *s == 'v')
                s++;
        while (s < end && ret->n < PIECES_MAX) {
                size_t n = strcspn(s, ".-");
                if (s + n > end)
                        n = (size_t) (end - s);
                if (n)
                        ret->v[ret->n++] = (struct piece) { s, n };
                s += n + 1;
        }
}

/* The first run of characters between from and to. */
static struct piece run_of(struct piece p, char from, char to) {
        size_t i = 0, n = 0;
        while (i < p.n && (p.s[i] < from || p.s[i] > to))
                i++;
        while (i + n < p.n && p.s[i + n] >= from && p.s[i + n] <= to)
                n++;
        return (struct piece) { p.s + i, n };
}

static int compare_text(struct piece a, struct piece b) {
        int c = memcmp(a.s, b.s, MIN(a.n, b.n));
        return c ? (c > 0) - (c < 0) : (a.n > b.n) - (a.n < b.n);
}

static int compare_digits(struct piece a, struct piece b) {
        while (a.n && *a.s == '0')
                a.s++, a.n--;
        while (b.n && *b.s == '0')
                b.s++, b.n--;
        return a.n != b.n ? (a.n > b.n ? 1 : -1) : compare_text(a, b);
}

static int compare_piece(struct piece a, struct piece b) {
        struct piece words[] = { run_of(a, 'a', 'z'), run_of(b, 'a', 'z') }, digits[] = { run_of(a, '0', '9'), run_of(b, '0', '9') };
        int c = words[0].n && words[1].n ? compare_text(words[0], words[1]) : 0;
        if (!c && (!digits[0].n || !digits[1].n))
                c = compare_text(a, b);
        return c ? c : compare_digits(digits[0], digits[1]);
}

static bool is_integer(struct piece p) {
        size_t i = p.n > 1 && (*p.s == '+') ? 1 : 0;
        for (; i < p.n; i++)
                if (!isdigit((unsigned char) p.s[i]))
                        return false;
        return true;
}

/* a has at least as many pieces as b. */
static int compare_longer(const struct pieces *a, const struct pieces *b) {
        for (size_t i = 0; i < a->n; i++) {
                if (i == b->n)
                        return is_integer(a->v[i]) ? 1 : -1;
                int c = compare_piece(a->v[i], b->v[i]);
                if (c)
                        return c;
        }
        return 0;
}

bool catalog_version_greater(const char *a, const char *b) {
        struct pieces x, y;
        split(a, &x);
        split(b, &y);
        return y.n > x.n ? compare_longer(&y, &x) < 0 : compare_longer(&x, &y) > 0;
}

bool catalog_version_visible(const char *min, const char *max, const char *r) {
        if (!r || !*r)
                return true;
        if (min && *min && catalog_version_greater(min, r))
                return false;
        return !max || !*max || !catalog_version_greater(r, max);
}

/* ---- semantic versions ---- */

struct semver {
        uint64_t n[3];
        unsigned given;                 /* numbers written; fewer than three only in ranges with x */
        const char *pre;                /* "rc1.2", or NULL */
        size_t pre_n;
};

static bool is_id(char c) { return isalnum((unsigned char) c) || c == '-'; }

/* Dotted identifiers, none empty. Returns what follows, or NULL. */
static const char *identifiers(const char *s, bool numbers_plain) {
        for (;; s++) {
                size_t n = 0, digits = 0;
                for (; is_id(s[n]); n++)
                        digits += isdigit((unsigned char) s[n]) != 0;
                if (!n || (numbers_plain && digits == n && n > 1 && *s == '0'))
                        return NULL;
                s += n;
                if (*s != '.')
                        return s;
        }
}

/* Reads one from s; wild: x, X and * may stand for numbers at the end. Returns what follows, or NULL. */
static const char *semver_read(const char *s, bool wild, struct semver *ret) {
        struct semver v = { 0 };
        bool x = false;
        for (unsigned i = 0; i < 3; i++) {
                if (i && *s != '.') {
                        if (!wild || !x)
                                return NULL;
                        break;
                }
                s += i > 0;
                if (wild && i && (*s == 'x' || *s == 'X' || *s == '*')) {
                        x = true;
                        s++;
                        continue;
                }
                size_t n = strspn(s, "0123456789");
                if (!n || n > DIGITS_MAX || (n > 1 && *s == '0') || x)
                        return NULL;
                for (size_t k = 0; k < n; k++)
                        v.n[i] = v.n[i] * 10 + (uint64_t) (s[k] - '0');
                v.given = i + 1;
                s += n;
        }
        if (*s == '-' && !x) {
                v.pre = s + 1;
                s = identifiers(s + 1, true);
                if (!s)
                        return NULL;
                v.pre_n = (size_t) (s - v.pre);
        }
        if (*s == '+' && !x) {
                s = identifiers(s + 1, false);
                if (!s)
                        return NULL;
        }
        *ret = v;
        return s;
}

static int compare_pre(const struct semver *a, const struct semver *b) {
        if (!a->pre || !b->pre)
                return !a->pre - !b->pre;       /* a release is later than its candidates */
        const char *p = a->pre, *q = b->pre, *p_end = p + a->pre_n, *q_end = q + b->pre_n;
        while (p < p_end && q < q_end) {
                struct piece x = { p, 0 }, y = { q, 0 };
                while (p + x.n < p_end && p[x.n] != '.')
                        x.n++;
                while (q + y.n < q_end && q[y.n] != '.')
                        y.n++;
                bool m = is_integer(x), n = is_integer(y);
                int c = m && n ? compare_digits(x, y) : m != n ? (m ? -1 : 1) : compare_text(x, y);
                if (c)
                        return c;
                p += x.n + 1;
                q += y.n + 1;
        }
        return (p < p_end) - (q < q_end);
}

static int semver_compare(const struct semver *a, const struct semver *b) {
        for (int i = 0; i < 3; i++)
                if (a->n[i] != b->n[i])
                        return a->n[i] > b->n[i] ? 1 : -1;
        return compare_pre(a, b);
}

bool catalog_version_is_semver(const char *s) {
        char text[TEXT_BYTES_MAX + 1];
        struct semver v;
        while (*s == 'v')
                s++;
        size_t n = strlen(s);
        while (n && s[n - 1] == 'v')
                n--;
        if (n > TEXT_BYTES_MAX)
                return false;
        memcpy(text, s, n);
        text[n] = '\0';
        const char *end = semver_read(text, false, &v);
        return end && !*end;
}

/* ---- ranges ---- */

enum operator { IS, IS_NOT, LESS, LESS_OR_IS, MORE, MORE_OR_IS };

static bool holds(enum operator op, const struct semver *v, const struct semver *bound) {
        if (bound->given < 3) {         /* 1.2.x: from 1.2.0 up to, but not, 1.3.0 */
                struct semver next = *bound;
                next.n[bound->given - 1]++;
                bool from = semver_compare(v, bound) >= 0, to = semver_compare(v, &next) < 0;
                switch (op) {
                case IS:         return from && to;
                case IS_NOT:     return !(from && to);
                case LESS:       return !from;
                case LESS_OR_IS: return to;
                case MORE:       return !to;
                case MORE_OR_IS: return from;
                }
        }
        int c = semver_compare(v, bound);
        switch (op) {
        case IS:         return c == 0;
        case IS_NOT:     return c != 0;
        case LESS:       return c < 0;
        case LESS_OR_IS: return c <= 0;
        case MORE:       return c > 0;
        case MORE_OR_IS: return c >= 0;
        }
        return false;
}

static const char *operator_read(const char *s, enum operator *ret) {
        static const struct { const char *text; enum operator op; } operators[] = {
                { ">=", MORE_OR_IS }, { "<=", LESS_OR_IS }, { "!=", IS_NOT }, { "==", IS }, { ">", MORE }, { "<", LESS }, { "!", IS_NOT }, { "=", IS },
        };
        *ret = IS;
        for (size_t i = 0; i < ARRAY_LEN(operators); i++)
                if (str_starts(s, operators[i].text)) {
                        *ret = operators[i].op;
                        return s + strlen(operators[i].text);
                }
        return s;
}

static const char *blanks(const char *s) { return s + strspn(s, " \t\r\n"); }

int catalog_version_in_range(const char *version, const char *range) {
        struct semver v;
        version += *version == 'v';
        const char *end = semver_read(version, false, &v);
        if (!end || *end || strlen(range) > RANGE_BYTES_MAX)
                return -EINVAL;
        bool any = false, all = true, some = false;             /* of the alternatives; of this one; it has conditions */
        for (const char *s = blanks(range);; s = blanks(s)) {
                if (!*s || str_starts(s, "||")) {
                        if (!some)
                                return -EINVAL;
                        any |= all;
                        if (!*s)
                                return any;
                        all = true;
                        some = false;
                        s += 2;
                        continue;
                }
                enum operator op;
                struct semver bound;
                s = blanks(operator_read(s, &op));
                s = semver_read(s + (*s == 'v'), true, &bound);
                if (!s || (*s && !strchr(" \t\r\n|", *s)))
                        return -EINVAL;
                all = all && holds(op, &v, &bound);
                some = true;
        }
}

bool catalog_version_upgrades(const struct json_object *from, const struct json_object *to, const char *r) {
        const char *a = json_str(from, "version", ""), *b = json_str(to, "version", ""), *range = json_str(to, "upgradeFrom", "");
        if (!catalog_version_greater(b, a) || !catalog_version_visible(json_str(to, "minimumRancherVersion", ""), json_str(to, "maximumRancherVersion", ""), r))
                return false;
        return !*range || catalog_version_in_range(a, range) == 1;
}
