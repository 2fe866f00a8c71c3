/* x509.h: what a certificate says of itself, in the words of the API (spec api.md 3, certificate). Pure; any thread. */
#pragma once
#include "base/vec.h"

struct x509_info {
        char *cn, *issuer, *algorithm, *issued_at, *expires_at, *serial, *fingerprint;  /* dates as "Mon Jan 02 15:04:05 UTC 2006"; fingerprint: SHA-1 */
        int version, key_bits;
        VEC(char *) names;              /* subject alternative names */
};
void x509_info_done(struct x509_info *i);

/* PEM texts. key: checked to be a private key that belongs to the certificate; NULL: not looked at. chain: certificates, or NULL.
 * Returns 0, or -EINVAL with DR_E_INVALID_FORMAT and the field cert, key or certChain. */
int x509_describe(const char *cert, const char *key, const char *chain, struct x509_info *ret, struct dr_error *err);
