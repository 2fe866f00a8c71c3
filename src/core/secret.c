#include "secret.h"

#include <sodium.h>

enum { KEY_BYTES = 32, SECRET_BYTES_MAX = 1 << 20 };
#define KEY_ID "1:"
_Static_assert(KEY_BYTES == crypto_secretbox_KEYBYTES && KEY_BYTES == crypto_generichash_KEYBYTES, "one key length");

/* A key for one purpose, made from the master key. */
static void purpose_key(struct core *c, const char *purpose, unsigned char key[KEY_BYTES]) {
        static const unsigned char test_key[KEY_BYTES] = "drover test key, never for real";
        const void *master = core_config(c)->data_key ? (const void *) core_config(c)->data_key : test_key;
        int r = crypto_generichash(key, KEY_BYTES, (const unsigned char *) purpose, strlen(purpose), master, KEY_BYTES);
        assert(r == 0);
        (void) r;
}

void secret_access_key(char buf[ACCESS_KEY_CHARS + 1]) { random_string("0123456789ABCDEF", buf, ACCESS_KEY_CHARS); }
void secret_secret_key(char buf[SECRET_KEY_CHARS + 1]) {
        random_string("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789", buf, SECRET_KEY_CHARS);
}

static char *hex(const unsigned char *p, size_t n) {
        char *s = dr_xmalloc(sizeof KEY_ID + 2 * n);
        memcpy(s, KEY_ID, sizeof KEY_ID - 1);
        sodium_bin2hex(s + sizeof KEY_ID - 1, 2 * n + 1, p, n);
        return s;
}

char *secret_hash(struct core *c, const char *secret) {
        unsigned char key[KEY_BYTES], h[KEY_BYTES];
        purpose_key(c, "api key hash", key);
        int r = crypto_generichash(h, sizeof h, (const unsigned char *) secret, strlen(secret), key, sizeof key);
        assert(r == 0);
        (void) r;
        sodium_memzero(key, sizeof key);
        return hex(h, sizeof h);
}

bool secret_hash_matches(struct core *c, const char *stored, const char *secret) {
        auto_free char *h = secret_hash(c, secret);
        size_t n = strlen(h);
        return stored && strlen(stored) == n && sodium_memcmp(h, stored, n) == 0;
}

char *secret_seal(struct core *c, const char *secret) {
        size_t n = strlen(secret), box = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + n;
        assert(n <= SECRET_BYTES_MAX);
        auto_free unsigned char *p = dr_xmalloc(box);
        unsigned char key[KEY_BYTES];
        purpose_key(c, "secrets given out again", key);
        random_bytes(p, crypto_secretbox_NONCEBYTES);
        int r = crypto_secretbox_easy(p + crypto_secretbox_NONCEBYTES, (const unsigned char *) secret, n, p, key);
        assert(r == 0);
        (void) r;
        sodium_memzero(key, sizeof key);
        return hex(p, box);
}

char *secret_open(struct core *c, const char *sealed) {
        size_t skip = sizeof KEY_ID - 1, overhead = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES, n = 0;
        if (!sealed || !str_starts(sealed, KEY_ID) || strlen(sealed) > 2 * (SECRET_BYTES_MAX + overhead) + skip)
                return NULL;
        size_t max = strlen(sealed) / 2;
        auto_free unsigned char *p = dr_xmalloc(max + 1);
        const char *end = NULL;
        if (sodium_hex2bin(p, max, sealed + skip, strlen(sealed) - skip, NULL, &n, &end) != 0 || *end || n < overhead)
                return NULL;
        unsigned char key[KEY_BYTES];
        purpose_key(c, "secrets given out again", key);
        char *s = dr_xcalloc(1, n - overhead + 1);
        int r = crypto_secretbox_open_easy((unsigned char *) s, p + crypto_secretbox_NONCEBYTES, n - crypto_secretbox_NONCEBYTES, p, key);
        sodium_memzero(key, sizeof key);
        if (r != 0) {
                free(s);
                return NULL;
        }
        return s;
}
