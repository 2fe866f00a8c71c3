#include "model/ids.h"

#include <stdio.h>

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *prefix_of(enum api_version v, enum type_id type) {
        const struct type_def *d = type_get(v, type);
        for (int other = API_VERSION_MAX - 1; !d && other >= 0; other--)
                d = type_get((enum api_version) other, type);
        return d ? d->prefix : NULL;
}

static _Thread_local bool plain_output;

bool id_set_plain(bool on) {
        bool was = plain_output;
        plain_output = on;
        return was;
}

const char *id_format(enum api_version v, enum type_id type, int64_t n, char buf[ID_TEXT_MAX]) {
        if (plain_output) {
                snprintf(buf, ID_TEXT_MAX, "%lld", (long long) n);
                return buf;
        }
        const char *prefix = prefix_of(v, type);
        buf[0] = 0;
        if (prefix)
                snprintf(buf, ID_TEXT_MAX, "%s%lld", prefix, (long long) n);
        return buf;
}

static int64_t number_of(const char *s, size_t len) {
        if (len == 0 || len > 19)
                return -1;
        uint64_t x = 0;
        for (size_t i = 0; i < len; i++) {
                if (!is_digit(s[i]))
                        return -1;
                x = x * 10 + (uint64_t) (s[i] - '0');
        }
        return x > INT64_MAX ? -1 : (int64_t) x;
}

static bool has_plain_ids(enum type_id type) {
        switch (type) {
        case T_setting: case T_activeSetting: case T_typeDocumentation: case T_schema: case T_apiVersion:
                return true;
        default:
                return false;
        }
}

void id_format_name(enum api_version v, enum type_id type, const char *name, struct sbuf *ret) {
        const char *prefix = prefix_of(v, type);
        if (prefix && !has_plain_ids(type)) {
                sbuf_puts(ret, prefix);
                if (number_of(name, strlen(name)) < 0)
                        sbuf_putc(ret, '!');
        }
        sbuf_puts(ret, name);
}

int id_decode(const char *s, size_t len, bool plain, const char **ret_name, size_t *ret_len, int64_t *ret_n) {
        if (len == 0)
                return -EINVAL;
        size_t skip = 0;
        if (!is_letter(s[0]) && !(plain && number_of(s, len) >= 0)) {
                if (len < 2 || s[0] != '1' || !is_letter(s[1]))
                        return -EINVAL;
                for (skip = 1; skip < len && is_lower(s[skip]); skip++)
                        ;
                if (skip < len && s[skip] == '!')
                        skip++;
                if (skip == len)
                        return -EINVAL;
        }
        *ret_name = s + skip;
        *ret_len = len - skip;
        *ret_n = number_of(s + skip, len - skip);
        return 0;
}

int id_decode_number(const char *s, size_t len, bool plain, int64_t *ret) {
        const char *name;
        size_t name_len;
        int64_t n;
        if (id_decode(s, len, plain, &name, &name_len, &n) < 0 || n < 0)
                return -EINVAL;
        *ret = n;
        return 0;
}
