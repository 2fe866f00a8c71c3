/* secret.h: keys and secrets as they are stored: hashed when only checked, encrypted when given out again (DESIGN.md, Security).
 *
 * Keyed with core_config()->data_key (32 bytes; a fixed one in tests). Loop thread only. */
#pragma once
#include "core.h"

enum { ACCESS_KEY_CHARS = 20, SECRET_KEY_CHARS = 40 };

/* Upstream's forms (api.md 2.1): 20 upper-case hex digits; 40 characters of base64 without 0 O l I + / =. */
void secret_access_key(char buf[ACCESS_KEY_CHARS + 1]);
void secret_secret_key(char buf[SECRET_KEY_CHARS + 1]);

/* "1:<hex>": keyed hash of an API key's secret; the caller frees. */
char *secret_hash(struct core *c, const char *secret);
bool secret_hash_matches(struct core *c, const char *stored, const char *secret);      /* in constant time */

/* "1:<hex of nonce and box>": encrypted and authenticated; the caller frees. The number is the key's id. */
char *secret_seal(struct core *c, const char *secret);
/* NULL: not ours or damaged. The caller frees. */
char *secret_open(struct core *c, const char *sealed);
