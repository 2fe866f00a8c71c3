/* jwt.h: the compact form of signed claims, HEADER.CLAIMS.SIGNATURE in base64url (RFC 7519), with RS256 and nothing else. Pure; any thread. */
#pragma once
#include "base/base.h"
#include "formats/json.h"
#include "net/rsa.h"

enum { JWT_BYTES_MAX = 16 * 1024 };

/* The signed text, whole. claims: borrowed, an object. Negative with *err when it would be longer than JWT_BYTES_MAX. The caller frees *ret. */
int jwt_sign(struct rsa_key *k, const struct json_object *claims, char **ret, struct dr_error *err);
/* The claims of a token that k signed: an object that the caller frees. Looks at no claim. Negative with *err (Unauthorized) for anything else:
 * too long, another algorithm than RS256 whatever the header says, base64 or JSON that is not exact, a signature that is not k's. */
int jwt_read(struct rsa_key *k, const char *text, size_t len, struct json_object **ret, struct dr_error *err);
