/* rsa.h: RSA keys and RS256 signatures (RFC 7518, 3.3). Any thread; one key is used by one thread at a time. */
#pragma once
#include "base/base.h"

enum { RSA_BITS = 2048, RSA_SIGNATURE_BYTES_MAX = 512 };

struct rsa_key;
/* A new key pair of RSA_BITS: takes a tenth of a second, now and then half of one. */
int rsa_key_make(struct rsa_key **ret, struct dr_error *err);
/* A PEM private key of 2048 to 4096 bits. */
int rsa_key_read(const char *pem, struct rsa_key **ret, struct dr_error *err);
struct rsa_key *rsa_key_free(struct rsa_key *k);        /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct rsa_key *, rsa_key_free)
char *rsa_key_private_pem(const struct rsa_key *k);     /* "PRIVATE KEY"; the caller wipes and frees */
char *rsa_key_public_pem(const struct rsa_key *k);      /* "PUBLIC KEY"; the caller frees */

/* SHA-256, PKCS #1 v1.5. ret_len: bytes written to sig. */
int rsa_sign(struct rsa_key *k, const void *p, size_t n, unsigned char sig[RSA_SIGNATURE_BYTES_MAX], size_t *ret_len, struct dr_error *err);
bool rsa_verify(struct rsa_key *k, const void *p, size_t n, const unsigned char *sig, size_t sig_len);
