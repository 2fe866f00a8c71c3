/* host_token.h: the tokens that open streams to hosts: signed with a key of this installation, good for a few minutes (spec api.md 5.3,
 * agent.md 14). Loop thread only.
 *
 * The key pair is made when it is first needed. It is a record of table credential without an account, sealed (core/secret.h). */
#pragma once
#include "core/core.h"

enum { HOST_TOKEN_PROXY_S = 57600 };    /* tokens of container proxies */

struct host_tokens;
/* Reads the key if there is one. After core_load(). */
int host_tokens_new(struct core *c, struct host_tokens **ret, struct dr_error *err);
struct host_tokens *host_tokens_free(struct host_tokens *t);    /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct host_tokens *, host_tokens_free)
const char *host_tokens_public_pem(struct host_tokens *t);              /* borrowed; "" when no key can be made */

/* A token with these claims (borrowed) and iss, sub, kid, iat, exp. life_s: 0: setting jwt.default.expiration.seconds. The caller frees *ret. */
int host_token_make(struct host_tokens *t, const struct json_object *claims, int64_t life_s, char **ret, struct dr_error *err);
/* The claims of a token of ours that is not over: the caller frees. Negative with *err (Unauthorized). */
int host_token_read(struct host_tokens *t, const char *text, size_t len, struct json_object **ret, struct dr_error *err);
