/* gotemplate_more.c: sprig's functions for numbers, lists, maps, types, paths, encodings, dates and secrets. */
#include "gotemplate-internal.h"

#include <ctype.h>
#include <stdio.h>

#include <openssl/encoder.h>
#include <openssl/evp.h>

#include "base/rng.h"
#include "base/times.h"

static const char *text(struct gt_call *c, size_t i, size_t *ret_n) { return gt_text(&c->a[i], ret_n); }
static int64_t number(struct gt_call *c, size_t i) { return gt_to_int(&c->a[i]); }

/* ---- numbers; int64 that run over wrap around, as in Go ---- */
static int fn_add(struct gt_call *c) {
        uint64_t sum = 0;
        for (size_t i = 0; i < c->n; i++)
                sum += (uint64_t) number(c, i);
        return gt_give_int(c, (int64_t) sum, GT_TYPE_INT64);
}
static int fn_add1(struct gt_call *c) { return gt_give_int(c, (int64_t) ((uint64_t) number(c, 0) + 1), GT_TYPE_INT64); }
static int fn_sub(struct gt_call *c) { return gt_give_int(c, (int64_t) ((uint64_t) number(c, 0) - (uint64_t) number(c, 1)), GT_TYPE_INT64); }
static int fn_mul(struct gt_call *c) {
        uint64_t product = 1;
        for (size_t i = 0; i < c->n; i++)
                product *= (uint64_t) number(c, i);
        return gt_give_int(c, (int64_t) product, GT_TYPE_INT64);
}
static int fn_div(struct gt_call *c) {
        int64_t a = number(c, 0), b = number(c, 1);
        if (b == 0)
                return gt_fail(c, "runtime error: integer divide by zero");
        return gt_give_int(c, b == -1 ? (int64_t) -(uint64_t) a : a / b, GT_TYPE_INT64);
}
static int fn_mod(struct gt_call *c) {
        int64_t a = number(c, 0), b = number(c, 1);
        if (b == 0)
                return gt_fail(c, "runtime error: integer divide by zero");
        return gt_give_int(c, b == -1 ? 0 : a % b, GT_TYPE_INT64);
}
static int extreme(struct gt_call *c, bool largest) {
        int64_t v = number(c, 0);
        for (size_t i = 1; i < c->n; i++)
                v = largest ? MAX(v, number(c, i)) : MIN(v, number(c, i));
        return gt_give_int(c, v, GT_TYPE_INT64);
}
static int fn_max(struct gt_call *c) { return extreme(c, true); }
static int fn_min(struct gt_call *c) { return extreme(c, false); }
static int fn_atoi(struct gt_call *c) { return gt_give_int(c, number(c, 0), GT_TYPE_INT); }
static int fn_int(struct gt_call *c) { return gt_give_int(c, number(c, 0), GT_TYPE_INT); }
static int fn_int64(struct gt_call *c) { return gt_give_int(c, number(c, 0), GT_TYPE_INT64); }
static int fn_float64(struct gt_call *c) { return gt_give(c, json_object_new_double(gt_to_float(&c->a[0]))); }

static int numbers(struct gt_call *c, int64_t from, int64_t to, int64_t step) {
        struct json_object *list = json_object_new_array();
        gt_set_type(list, GT_TYPE_INTS);
        gt_give(c, list);
        if (to == from || (to < from) != (step < 0) || step == 0)
                return 0;
        uint64_t distance = to > from ? (uint64_t) to - (uint64_t) from : (uint64_t) from - (uint64_t) to, stride = step < 0 ? -(uint64_t) step : (uint64_t) step;
        uint64_t count = (distance - 1) / stride + 1;
        if (count > GT_LIST_MAX)
                return gt_fail(c, "a list of %llu numbers is too long: at most %d", (unsigned long long) count, GT_LIST_MAX);
        for (uint64_t i = 0; i < count; i++)
                json_object_array_add(list, json_object_new_int64(from + (int64_t) i * step));
        return gt_spend(c, count * 64);
}
static int fn_until(struct gt_call *c) { return numbers(c, 0, number(c, 0), number(c, 0) < 0 ? -1 : 1); }
static int fn_until_step(struct gt_call *c) { return numbers(c, number(c, 0), number(c, 1), number(c, 2)); }

/* ---- values ---- */
/* sprig's: like truth, but a time is empty and everything in it counts. */
static bool is_empty(const struct gt_value *v) { return !gt_truth(v) || gt_type(v) == GT_TYPE_TIME; }
static int fn_default(struct gt_call *c) { return gt_give_value(c, c->n < 2 || is_empty(&c->a[1]) ? &c->a[0] : &c->a[1]); }
static int fn_empty(struct gt_call *c) { return gt_give_bool(c, is_empty(&c->a[0])); }
static int fn_coalesce(struct gt_call *c) {
        for (size_t i = 0; i < c->n; i++)
                if (!is_empty(&c->a[i]))
                        return gt_give_value(c, &c->a[i]);
        return gt_give_value(c, &(struct gt_value) { 0 });
}
static int fn_ternary(struct gt_call *c) { return gt_give_value(c, gt_truth(&c->a[2]) ? &c->a[0] : &c->a[1]); }
static int fn_fail(struct gt_call *c) {
        size_t n;
        return gt_fail(c, "%.250s", text(c, 0, &n));
}
static int fn_to_string(struct gt_call *c) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        if (gt_type(&c->a[0]) != GT_TYPE_NONE)
                gt_print(&c->a[0], 0, &b);
        return gt_give_sbuf(c, &b);
}
static int fn_type_of(struct gt_call *c) { return gt_give_text(c, gt_type_name(&c->a[0]), strlen(gt_type_name(&c->a[0]))); }
static int fn_kind_of(struct gt_call *c) { return gt_give_text(c, gt_kind_name(&c->a[0]), strlen(gt_kind_name(&c->a[0]))); }
static int fn_type_is(struct gt_call *c) {
        size_t n;
        return gt_give_bool(c, str_eq(text(c, 0, &n), gt_type_name(&c->a[1])));
}
static int fn_type_is_like(struct gt_call *c) {
        size_t n;
        const char *want = text(c, 0, &n);
        return gt_give_bool(c, str_eq(want + (*want == '*'), gt_type_name(&c->a[1])));
}
static int fn_kind_is(struct gt_call *c) {
        size_t n;
        return gt_give_bool(c, str_eq(text(c, 0, &n), gt_kind_name(&c->a[1])));
}

/* ---- lists and maps ---- */
static int fn_tuple(struct gt_call *c) {
        struct json_object *list = json_object_new_array();
        gt_give(c, list);
        for (size_t i = 0; i < c->n; i++) {
                struct json_object *o = NULL;
                if (gt_hold(c, &c->a[i], &o) < 0)
                        return -EINVAL;
                json_object_array_add(list, o);
        }
        return 0;
}
static int end_of(struct gt_call *c, bool last) {
        size_t n = c->a[0].o ? json_object_array_length(c->a[0].o) : 0;
        return gt_give_value(c, &(struct gt_value) { .o = n ? json_object_array_get_idx(c->a[0].o, last ? n - 1 : 0) : NULL });
}
static int fn_first(struct gt_call *c) { return end_of(c, false); }
static int fn_last(struct gt_call *c) { return end_of(c, true); }
static int fn_rest(struct gt_call *c) {
        size_t n = c->a[0].o ? json_object_array_length(c->a[0].o) : 0;
        struct json_object *list = json_object_new_array();
        for (size_t i = 1; i < n; i++)
                json_object_array_add(list, json_object_get(json_object_array_get_idx(c->a[0].o, i)));
        gt_give(c, list);
        return gt_spend(c, n * 64);
}

static int put_member(struct gt_call *c, struct json_object *map, const struct gt_value *key, const struct gt_value *value) {
        auto_sbuf struct sbuf name = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        struct json_object *o = NULL, *old = NULL;
        if (value && gt_hold(c, value, &o) < 0)
                return -EINVAL;
        if (gt_type(key) == GT_TYPE_NONE)
                sbuf_puts(&name, "<nil>");
        else
                gt_print(key, 0, &name);
        if (json_object_object_get_ex(map, sbuf_str(&name), &old))
                gt_keep(c, old);
        json_object_object_add(map, sbuf_str(&name), value ? o : json_object_new_string(""));
        return gt_spend(c, name.len);
}
static int fn_dict(struct gt_call *c) {
        struct json_object *map = json_object_new_object();
        gt_set_type(map, GT_TYPE_DICT);
        gt_give(c, map);
        for (size_t i = 0; i < c->n; i += 2)
                if (put_member(c, map, &c->a[i], i + 1 < c->n ? &c->a[i + 1] : NULL) < 0)
                        return -EINVAL;
        return 0;
}
static int fn_set(struct gt_call *c) { return put_member(c, c->a[0].o, &c->a[1], &c->a[2]) < 0 ? -EINVAL : gt_give_value(c, &c->a[0]); }
static int fn_unset(struct gt_call *c) {
        struct json_object *old = NULL;
        size_t n;
        if (json_object_object_get_ex(c->a[0].o, text(c, 1, &n), &old)) {
                gt_keep(c, old);
                json_object_object_del(c->a[0].o, text(c, 1, &n));
        }
        return gt_give_value(c, &c->a[0]);
}
static int fn_has_key(struct gt_call *c) {
        size_t n;
        return gt_give_bool(c, c->a[0].o && json_object_object_get_ex(c->a[0].o, text(c, 1, &n), NULL));
}

/* ---- paths: Go's package path ---- */
static void clean(const char *p, size_t n, struct sbuf *b) {
        bool rooted = n && *p == '/';
        size_t floor = rooted ? 1 : 0, i = 0;           /* what ".." cannot take away */
        if (rooted)
                sbuf_putc(b, '/');
        while (i < n) {
                const char *slash = memchr(p + i, '/', n - i);
                size_t len = (size_t) ((slash ? slash : p + n) - (p + i));
                bool up = len == 2 && p[i] == '.' && p[i + 1] == '.';
                if (up && b->len > floor) {
                        while (b->len > floor && b->data[b->len - 1] != '/')
                                b->len--;
                        if (b->len > floor)
                                b->len--;
                } else if (len && !(len == 1 && p[i] == '.') && !(up && rooted)) {
                        if (b->len > (rooted ? 1U : 0U))
                                sbuf_putc(b, '/');
                        sbuf_add(b, p + i, len);
                        if (up)
                                floor = b->len;
                }
                i += len + 1;
        }
        if (!b->len)
                sbuf_putc(b, '.');
        else if (b->data)
                b->data[b->len] = '\0';
}
static int fn_clean(struct gt_call *c) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        size_t n;
        const char *p = text(c, 0, &n);
        clean(p, n, &b);
        return gt_give_sbuf(c, &b);
}
static int fn_dir(struct gt_call *c) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        size_t n;
        const char *p = text(c, 0, &n), *slash = memrchr(p, '/', n);
        clean(p, slash ? (size_t) (slash + 1 - p) : 0, &b);
        return gt_give_sbuf(c, &b);
}
static int fn_base(struct gt_call *c) {
        size_t n;
        const char *p = text(c, 0, &n);
        if (!n)
                return gt_give_text(c, ".", 1);
        while (n && p[n - 1] == '/')
                n--;
        const char *slash = memrchr(p, '/', n);
        if (slash) {
                n -= (size_t) (slash + 1 - p);
                p = slash + 1;
        }
        return n ? gt_give_text(c, p, n) : gt_give_text(c, "/", 1);
}
static int fn_ext(struct gt_call *c) {
        size_t n, i;
        const char *p = text(c, 0, &n);
        for (i = n; i > 0 && p[i - 1] != '/'; i--)
                if (p[i - 1] == '.')
                        return gt_give_text(c, p + i - 1, n - i + 1);
        return gt_give_text(c, "", 0);
}
static int fn_is_abs(struct gt_call *c) {
        size_t n;
        const char *p = text(c, 0, &n);
        return gt_give_bool(c, n && *p == '/');
}

/* ---- encodings ---- */
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static int encode(struct gt_call *c, const char *alphabet, unsigned bits, unsigned group) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        size_t n;
        const char *s = text(c, 0, &n);
        uint64_t value = 0;
        unsigned have = 0;
        for (size_t i = 0; i < n; i++) {
                value = value << 8 | (unsigned char) s[i];
                for (have += 8; have >= bits; have -= bits)
                        sbuf_putc(&b, alphabet[value >> (have - bits) & ((1U << bits) - 1)]);
        }
        if (have)
                sbuf_putc(&b, alphabet[value << (bits - have) & ((1U << bits) - 1)]);
        while (sbuf_ok(&b) && b.len % group)
                sbuf_putc(&b, '=');
        return gt_give_sbuf(c, &b);
}
static int decode(struct gt_call *c, const char *alphabet, const char *name, unsigned bits, unsigned group) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        size_t n, used = 0, i = 0;
        const char *s = text(c, 0, &n);
        char message[80];
        uint64_t value = 0;
        unsigned have = 0;
        for (; i < n && s[i] != '='; i++) {
                const char *at = s[i] ? strchr(alphabet, s[i]) : NULL;
                if (s[i] == '\n' || s[i] == '\r')
                        continue;
                if (!at)
                        goto bad;
                used++;
                value = value << bits | (uint64_t) (at - alphabet);
                have += bits;
                if (have >= 8) {
                        have -= 8;
                        sbuf_putc(&b, (char) (value >> have));
                }
        }
        for (; i < n && (s[i] == '=' || s[i] == '\n' || s[i] == '\r'); i++)
                used += s[i] == '=';
        if (i == n && used % group)     /* where the piece that is not whole begins */
                i -= MIN(i, used % group);
        else if (i == n && have < bits)
                return gt_give_sbuf(c, &b);
bad:                                    /* sprig gives the error as the text */
        snprintf(message, sizeof message, "illegal %s data at input byte %zu", name, i);
        return gt_give_text(c, message, strlen(message));
}
static int fn_b64enc(struct gt_call *c) { return encode(c, base64, 6, 4); }
static int fn_b64dec(struct gt_call *c) { return decode(c, base64, "base64", 6, 4); }
static int fn_b32enc(struct gt_call *c) { return encode(c, base32, 5, 8); }
static int fn_b32dec(struct gt_call *c) { return decode(c, base32, "base32", 5, 8); }

static int fn_sha256sum(struct gt_call *c) {
        unsigned char sum[32];
        char hex[65];
        size_t n;
        const char *s = text(c, 0, &n);
        if (EVP_Digest(s, n, sum, NULL, EVP_sha256(), NULL) != 1)
                return gt_fail(c, "could not make a SHA-256 sum");
        for (size_t i = 0; i < sizeof sum; i++)
                snprintf(hex + 2 * i, 3, "%02x", sum[i]);
        return gt_give_text(c, hex, 64);
}

/* ---- dates; all zones are UTC here ---- */
static int64_t time_of(const struct gt_value *v) {
        enum gt_type t = gt_type(v);
        int64_t i = t == GT_TYPE_TIME || t == GT_TYPE_INT || t == GT_TYPE_INT64 ? json_object_get_int64(v->o) : 0;
        if (t == GT_TYPE_TIME)
                return i;
        if (t == GT_TYPE_NONE || t == GT_TYPE_STRING || t == GT_TYPE_FLOAT || t == GT_TYPE_BOOL)
                return time_wall_ms() * 1000000;
        return MAX(MIN(i, INT64_C(9000000000)), INT64_C(-9000000000)) * 1000000000;
}
static int formatted(struct gt_call *c, const char *layout, const struct gt_value *v) {
        auto_sbuf struct sbuf b = SBUF(GOTEMPLATE_VALUE_BYTES_MAX);
        gt_time_format(time_of(v), layout, &b);
        return gt_give_sbuf(c, &b);
}
static int fn_now(struct gt_call *c) { return gt_give_int(c, time_wall_ms() * 1000000, GT_TYPE_TIME); }
static int fn_date(struct gt_call *c) {
        size_t n;
        return formatted(c, text(c, 0, &n), &c->a[1]);
}
static int fn_html_date(struct gt_call *c) { return formatted(c, "2006-01-02", &c->a[0]); }

/* Go's durations: "-1.5h", "2h45m", "300ms". */
static bool duration(const char *s, double *ret_ns) {
        static const struct { const char *unit; double ns; } units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 6e10 }, { "h", 3.6e12 } };
        bool negative = *s == '-';
        double sum = 0;
        s += *s == '-' || *s == '+';
        if (str_eq(s, "0")) {
                *ret_ns = 0;
                return true;
        }
        if (!*s)
                return false;
        while (*s) {
                double v = 0, scale = 1;
                bool digits = false, point = false;
                for (; isdigit((unsigned char) *s) || (*s == '.' && !point); s++) {
                        point |= *s == '.';
                        digits |= *s != '.';
                        if (*s != '.')
                                v = v * 10 + (*s - '0'), scale *= point ? 10 : 1;
                }
                size_t i = 0, n = strspn(s, "nusmh");
                while (i < ARRAY_LEN(units) && (strlen(units[i].unit) != n || memcmp(units[i].unit, s, n) != 0))
                        i++;
                if (!digits || i == ARRAY_LEN(units))
                        return false;
                sum += v / scale * units[i].ns;
                s += n;
        }
        *ret_ns = negative ? -sum : sum;
        return sum < 9e18;
}
static int fn_date_modify(struct gt_call *c) {
        double ns;
        size_t n;
        int64_t t = time_of(&c->a[1]);
        if (duration(text(c, 0, &n), &ns) && __builtin_add_overflow(t, (int64_t) ns, &t))
                return gt_fail(c, "the time is too far away");
        return gt_give_int(c, t, GT_TYPE_TIME);
}

/* ---- secrets ---- */
static int fn_uuidv4(struct gt_call *c) {
        struct uuid u;
        char s[UUID_CHARS + 1];
        random_bytes(u.b, sizeof u.b);
        u.b[6] = (unsigned char) ((u.b[6] & 0x0f) | 0x40);
        u.b[8] = (unsigned char) ((u.b[8] & 0x3f) | 0x80);
        uuid_format(&u, s);
        return gt_give_text(c, s, UUID_CHARS);
}
static int fn_gen_private_key(struct gt_call *c) {
        enum { KEY_STEPS = 500000 };    /* what a key costs: a template makes three */
        size_t n;
        const char *kind = text(c, 0, &n);
        bool rsa = str_eq(kind, "rsa");
        if (!rsa && !str_eq(kind, "ecdsa"))
                return gt_fail(c, str_eq(kind, "dsa") ? "dsa keys are not made: use rsa or ecdsa" : "unknown kind of key \"%.60s\"", kind);
        if (gt_spend(c, (size_t) KEY_STEPS * 64) < 0)
                return -EINVAL;
        EVP_PKEY *key = rsa ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 2048) : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        OSSL_ENCODER_CTX *encoder = key ? OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_KEYPAIR, "PEM", "type-specific", NULL) : NULL;
        unsigned char *pem = NULL;
        size_t pem_n = 0;
        int r = encoder && OSSL_ENCODER_to_data(encoder, &pem, &pem_n) == 1 ? gt_give_text(c, (const char *) pem, pem_n) : gt_fail(c, "could not make a key");
        OPENSSL_clear_free(pem, pem_n);
        OSSL_ENCODER_CTX_free(encoder);
        EVP_PKEY_free(key);
        return r;
}
static int fn_hello(struct gt_call *c) { return gt_give_text(c, "Hello!", 6); }

const struct gt_function gt_more_functions[] = {
        { "add", "v*", fn_add }, { "add1", "v", fn_add1 }, { "atoi", "s", fn_atoi }, { "b32dec", "s", fn_b32dec }, { "b32enc", "s", fn_b32enc },
        { "b64dec", "s", fn_b64dec }, { "b64enc", "s", fn_b64enc }, { "base", "s", fn_base }, { "biggest", "vv*", fn_max }, { "clean", "s", fn_clean },
        { "coalesce", "v*", fn_coalesce }, { "date", "sv", fn_date }, { "dateInZone", "svs", fn_date }, { "dateModify", "st", fn_date_modify },
        { "date_in_zone", "svs", fn_date }, { "date_modify", "st", fn_date_modify }, { "default", "vv*", fn_default }, { "dict", "v*", fn_dict },
        { "dir", "s", fn_dir }, { "div", "vv", fn_div }, { "empty", "v", fn_empty }, { "ext", "s", fn_ext }, { "fail", "s", fn_fail }, { "first", "S", fn_first },
        { "float64", "v", fn_float64 }, { "genPrivateKey", "s", fn_gen_private_key }, { "hasKey", "Ms", fn_has_key }, { "hello", "", fn_hello },
        { "htmlDate", "v", fn_html_date }, { "htmlDateInZone", "vs", fn_html_date }, { "int", "v", fn_int }, { "int64", "v", fn_int64 }, { "isAbs", "s", fn_is_abs },
        { "kindIs", "sv", fn_kind_is }, { "kindOf", "v", fn_kind_of }, { "last", "S", fn_last }, { "list", "v*", fn_tuple }, { "max", "vv*", fn_max },
        { "min", "vv*", fn_min }, { "mod", "vv", fn_mod }, { "mul", "vv*", fn_mul }, { "now", "", fn_now }, { "rest", "S", fn_rest }, { "set", "msv", fn_set },
        { "sha256sum", "s", fn_sha256sum }, { "sub", "vv", fn_sub }, { "ternary", "vvv", fn_ternary }, { "toString", "v", fn_to_string }, { "tuple", "v*", fn_tuple },
        { "typeIs", "sv", fn_type_is }, { "typeIsLike", "sv", fn_type_is_like }, { "typeOf", "v", fn_type_of }, { "unset", "ms", fn_unset },
        { "until", "i", fn_until }, { "untilStep", "iii", fn_until_step }, { "uuidv4", "", fn_uuidv4 },
        { NULL, NULL, NULL },
};
