#include "parse.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>

int parse_u64(const char *s, uint64_t max, uint64_t *ret) {
        uint64_t x = 0;
        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(x, 10, &x) || __builtin_add_overflow(x, (uint64_t) (*s - '0'), &x))
                        return -ERANGE;
        }
        if (x > max)
                return -ERANGE;
        *ret = x;
        return 0;
}

int parse_i64(const char *s, int64_t *ret) {
        bool negative = *s == '-';
        uint64_t x;
        int r = parse_u64(s + negative, (uint64_t) INT64_MAX + negative, &x);
        if (r < 0)
                return r;
        *ret = negative ? (int64_t) (0 - x) : (int64_t) x;
        return 0;
}

int parse_double(const char *s, double *ret) {
        if (!*s || isspace((unsigned char) *s))
                return -EINVAL;
        char *end;
        errno = 0;
        double x = strtod(s, &end);
        if (*end)
                return -EINVAL;
        if (errno || !isfinite(x))
                return -ERANGE;
        *ret = x;
        return 0;
}

int parse_bool(const char *s, bool *ret) {
        static const char *const words[] = { "false", "true", "0", "1", "no", "yes", "off", "on" };
        for (unsigned i = 0; i < ARRAY_LEN(words); i++)
                if (strcasecmp(s, words[i]) == 0) {
                        *ret = i & 1;
                        return 0;
                }
        return -EINVAL;
}

static int scaled(const char *s, size_t digits, uint64_t factor, uint64_t *ret) {
        char buf[24];
        if (digits == 0 || digits >= sizeof buf)
                return -EINVAL;
        memcpy(buf, s, digits);
        buf[digits] = 0;
        uint64_t x;
        int r = parse_u64(buf, UINT64_MAX, &x);
        if (r < 0)
                return r;
        if (__builtin_mul_overflow(x, factor, &x) || x > INT64_MAX)
                return -ERANGE;
        *ret = x;
        return 0;
}

int parse_duration_ms(const char *s, uint64_t *ret) {
        static const struct { const char *unit; uint64_t ms; } units[] = {
                { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
        };
        size_t digits = strspn(s, "0123456789");
        for (unsigned i = 0; i < ARRAY_LEN(units); i++)
                if (str_eq(s + digits, units[i].unit))
                        return scaled(s, digits, units[i].ms, ret);
        return -EINVAL;
}

int parse_bytes(const char *s, int64_t *ret) {
        size_t digits = strspn(s, "0123456789");
        const char *unit = s + digits;
        uint64_t factor = 1, x;
        static const char prefixes[] = "kmgtp";
        const char *p = *unit ? strchr(prefixes, tolower((unsigned char) *unit)) : NULL;
        if (p && *p) {
                for (const char *q = prefixes; q <= p; q++)
                        factor *= 1024;
                unit++;
        }
        if (*unit && strcasecmp(unit, "b") != 0)
                return -EINVAL;
        int r = scaled(s, digits, factor, &x);
        if (r < 0)
                return r;
        *ret = (int64_t) x;
        return 0;
}
