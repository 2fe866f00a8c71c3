#include "registration_token.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <time.h>

#include "core/secret.h"
#include "base/parse.h"
#include "core/settings.h"

enum { PUBLIC_BYTES_MAX = 128, TOKEN_BYTES_MAX = 256, SIGNATURE_BYTES_MAX = 32 };

/* Base64 of the HMAC without its three special characters, so that it can stand in a path. */
static void sign(const char *secret, const char *public, int64_t millis, char ret[SIGNATURE_BYTES_MAX]) {
        char text[PUBLIC_BYTES_MAX + 32];
        unsigned char mac[EVP_MAX_MD_SIZE], base64[2 * EVP_MAX_MD_SIZE];
        unsigned mac_len = 0;
        int n = snprintf(text, sizeof text, "%s:%" PRId64, public, millis);
        unsigned char *ok = HMAC(EVP_sha1(), secret, (int) strlen(secret), (const unsigned char *) text, (size_t) n, mac, &mac_len);
        assert(ok && mac_len == 20);
        (void) ok;
        EVP_EncodeBlock(base64, mac, (int) mac_len);
        size_t k = 0;
        for (const unsigned char *p = base64; *p; p++)
                if (*p != '/' && *p != '+' && *p != '=')
                        ret[k++] = (char) *p;
        ret[k] = 0;
}

static int64_t day_zero_ms(int64_t wall_ms) {
        time_t now = (time_t) (wall_ms / 1000);
        struct tm tm;
        gmtime_r(&now, &tm);
        tm.tm_mon = 0;
        tm.tm_mday = 0;                 /* the last day of December before */
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        return (int64_t) timegm(&tm) * 1000;
}

/* The secret in clear; NULL: none. The caller frees. */
static char *secret_of(struct core *c, const struct record *credential) { return secret_open(c, record_str(credential, F_secretValue)); }

char *registration_token_make(struct core *c, const struct record *credential) {
        const char *public = record_str(credential, F_publicValue);
        auto_free char *secret = secret_of(c, credential);
        if (!public || !secret || strlen(public) > PUBLIC_BYTES_MAX)
                return NULL;
        char signature[SIGNATURE_BYTES_MAX];
        int64_t millis = day_zero_ms(core_wall_ms(c));
        sign(secret, public, millis, signature);
        return dr_xasprintf("%s:%" PRId64 ":%s", public, millis, signature);
}

struct record *registration_token_check(struct core *c, const char *token) {
        const char *a = token ? strchr(token, ':') : NULL, *b = a ? strchr(a + 1, ':') : NULL;
        if (!b || strchr(b + 1, ':') || a - token > PUBLIC_BYTES_MAX || strlen(token) > TOKEN_BYTES_MAX)
                return NULL;
        auto_free char *public = dr_xstrndup(token, (size_t) (a - token)), *number = dr_xstrndup(a + 1, (size_t) (b - a - 1));
        int64_t millis;
        if (parse_i64(number, &millis) < 0 || millis < 0 || core_wall_ms(c) - setting_int(c, "registration.token.period.millis") > millis)
                return NULL;
        const struct records *l = world_by_str(core_world(c), T_credential, F_publicValue, public);
        for (size_t i = 0; i < l->n; i++) {
                struct record *r = l->v[i];
                const struct record *account = world_get(core_world(c), T_account, r->account_id);
                auto_free char *secret = secret_of(c, r);
                if (r->kind != T_registrationToken || r->state != S_active || !account || account->state != S_active || !secret)
                        continue;
                char signature[SIGNATURE_BYTES_MAX];
                sign(secret, public, millis, signature);
                size_t n = strlen(signature);
                if (strlen(b + 1) == n && CRYPTO_memcmp(b + 1, signature, n) == 0)
                        return r;
        }
        return NULL;
}
