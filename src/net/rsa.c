#include "net/rsa.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { BITS_MAX = 4096, PEM_BYTES_MAX = 16 * 1024 };

struct rsa_key { EVP_PKEY *k; };

static inline void bio_free(BIO *b) { BIO_free(b); }
static inline void ctx_free(EVP_MD_CTX *c) { EVP_MD_CTX_free(c); }
DR_DEFINE_AUTO(BIO *, bio_free)
DR_DEFINE_AUTO(EVP_MD_CTX *, ctx_free)

static const char *why(void) {
        unsigned long e = ERR_peek_last_error();
        const char *reason = e ? ERR_reason_error_string(e) : NULL;
        ERR_clear_error();
        return str_or(reason, "unknown reason");
}

static struct rsa_key *wrap(EVP_PKEY *k) {
        struct rsa_key *r = dr_xnew(struct rsa_key);
        r->k = k;
        return r;
}

int rsa_key_make(struct rsa_key **ret, struct dr_error *err) {
        EVP_PKEY *k = EVP_RSA_gen((unsigned) RSA_BITS);
        if (!k)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make an RSA key: %s", why());
        *ret = wrap(k);
        return 0;
}

static int no_password(char *buf, int size, int rwflag, void *arg) { return -1; }

int rsa_key_read(const char *pem, struct rsa_key **ret, struct dr_error *err) {
        size_t n = strlen(pem);
        AUTO(bio_free) BIO *b = n <= PEM_BYTES_MAX ? BIO_new_mem_buf(pem, (int) n) : NULL;
        EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
        if (!k)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot read an RSA key: %s", why());
        if (EVP_PKEY_get_base_id(k) != EVP_PKEY_RSA || EVP_PKEY_get_bits(k) < RSA_BITS || EVP_PKEY_get_bits(k) > BITS_MAX) {
                EVP_PKEY_free(k);
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "the key is no RSA key of %d to %d bits", RSA_BITS, BITS_MAX);
        }
        *ret = wrap(k);
        return 0;
}

struct rsa_key *rsa_key_free(struct rsa_key *k) {
        if (k)
                EVP_PKEY_free(k->k);
        free(k);
        return NULL;
}

static char *pem_of(const struct rsa_key *k, bool secret) {
        AUTO(bio_free) BIO *b = BIO_new(BIO_s_mem());
        if (!b || !(secret ? PEM_write_bio_PrivateKey(b, k->k, NULL, NULL, 0, NULL, NULL) : PEM_write_bio_PUBKEY(b, k->k)))
                abort();                /* out of memory */
        char *p;
        long n = BIO_get_mem_data(b, &p);
        char *s = dr_xstrndup(p, (size_t) n);
        OPENSSL_cleanse(p, (size_t) n);
        return s;
}

char *rsa_key_private_pem(const struct rsa_key *k) { return pem_of(k, true); }
char *rsa_key_public_pem(const struct rsa_key *k) { return pem_of(k, false); }

int rsa_sign(struct rsa_key *k, const void *p, size_t n, unsigned char sig[RSA_SIGNATURE_BYTES_MAX], size_t *ret_len, struct dr_error *err) {
        AUTO(ctx_free) EVP_MD_CTX *c = EVP_MD_CTX_new();
        size_t len = RSA_SIGNATURE_BYTES_MAX;
        if (!c || EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, k->k) != 1 || EVP_DigestSign(c, sig, &len, p, n) != 1)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not sign: %s", why());
        *ret_len = len;
        return 0;
}

bool rsa_verify(struct rsa_key *k, const void *p, size_t n, const unsigned char *sig, size_t sig_len) {
        AUTO(ctx_free) EVP_MD_CTX *c = EVP_MD_CTX_new();
        bool ok = c && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, k->k) == 1 && EVP_DigestVerify(c, sig, sig_len, p, n) == 1;
        ERR_clear_error();
        return ok;
}
