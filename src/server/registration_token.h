/* registration_token.h: the token that lets a host register: "PUBLIC:MILLIS:SIGNATURE" (spec agent.md 2.1). Loop thread only.
 *
 * PUBLIC and the secret are F_publicValue and F_secretValue of a credential record of kind registrationToken; the secret is stored
 * sealed (core/secret.h). MILLIS is midnight of "day 0" of the current year, so a token is the same all the year. */
#pragma once
#include "core/core.h"

/* Token of a credential now. NULL: it has no keys. The caller frees. */
char *registration_token_make(struct core *c, const struct record *credential);
/* The live credential a token was made from; NULL: unknown, wrong, too old, or its credential or account is not active. Borrowed. */
struct record *registration_token_check(struct core *c, const char *token);
