#include "jwt.h"

#include <sodium.h>

enum { HEADER_BYTES_MAX = 1024, VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
#define HEADER "{\"kid\":\"default\",\"alg\":\"RS256\"}"

static int refuse(struct dr_error *err, const char *why) { return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "the token is not valid: %s", why); }

static void add_base64(struct sbuf *out, const void *p, size_t n) {
        size_t max = sodium_base64_encoded_len(n, VARIANT);
        auto_free char *s = dr_xmalloc(max);
        sodium_bin2base64(s, max, p, n, VARIANT);
        sbuf_puts(out, s);
}

int jwt_sign(struct rsa_key *k, const struct json_object *claims, char **ret, struct dr_error *err) {
        auto_sbuf struct sbuf out = SBUF(JWT_BYTES_MAX), json = SBUF(JWT_BYTES_MAX);
        unsigned char sig[RSA_SIGNATURE_BYTES_MAX];
        size_t n = 0;
        json_write(claims, 0, &json);
        add_base64(&out, HEADER, strlen(HEADER));
        sbuf_putc(&out, '.');
        add_base64(&out, sbuf_str(&json), json.len);
        int r = sbuf_ok(&json) && sbuf_ok(&out) ? rsa_sign(k, sbuf_str(&out), out.len, sig, &n, err) : 0;
        if (r < 0)
                return r;
        sbuf_putc(&out, '.');
        add_base64(&out, sig, n);
        if (!sbuf_ok(&json) || !sbuf_ok(&out))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the token would be longer than %d bytes", JWT_BYTES_MAX);
        *ret = sbuf_steal(&out);
        return 0;
}

/* Decodes one part; NULL: not exact base64url. The caller frees. */
static unsigned char *decode(const char *s, size_t len, size_t *ret_len) {
        unsigned char *p = dr_xmalloc(len + 1);
        const char *end = NULL;
        if (sodium_base642bin(p, len, s, len, NULL, ret_len, &end, VARIANT) != 0 || end != s + len) {
                free(p);
                return NULL;
        }
        return p;
}

static int check_header(const char *s, size_t len, struct dr_error *err) {
        size_t n = 0;
        AUTO(json_free) struct json_object *o = NULL;
        auto_free unsigned char *p = len <= HEADER_BYTES_MAX ? decode(s, len, &n) : NULL;
        if (!p || json_parse((const char *) p, n, HEADER_BYTES_MAX, &o, NULL) < 0)
                return refuse(err, "its header cannot be read");
        return str_eq(json_str(o, "alg", ""), "RS256") ? 0 : refuse(err, "its algorithm is not RS256");
}

int jwt_read(struct rsa_key *k, const char *text, size_t len, struct json_object **ret, struct dr_error *err) {
        if (len > JWT_BYTES_MAX)
                return refuse(err, "it is too long");
        const char *dot = memchr(text, '.', len), *dot2 = dot ? memchr(dot + 1, '.', len - (size_t) (dot + 1 - text)) : NULL;
        if (!dot2)
                return refuse(err, "it does not have three parts");
        int r = check_header(text, (size_t) (dot - text), err);
        if (r < 0)
                return r;
        size_t sig_len = 0, n = 0;
        auto_free unsigned char *sig = decode(dot2 + 1, len - (size_t) (dot2 + 1 - text), &sig_len);
        if (!sig || !rsa_verify(k, text, (size_t) (dot2 - text), sig, sig_len))
                return refuse(err, "its signature is not this server's");
        auto_free unsigned char *p = decode(dot + 1, (size_t) (dot2 - dot - 1), &n);
        AUTO(json_free) struct json_object *o = NULL;
        if (!p || json_parse((const char *) p, n, JWT_BYTES_MAX, &o, NULL) < 0 || !json_object_is_type(o, json_type_object))
                return refuse(err, "its claims cannot be read");
        *ret = dr_take(o);
        return 0;
}
