/* credential.h: keys and passwords of accounts: records of table credential (spec api.md 2.1, agent.md 1). Loop thread only.
 *
 * API keys: F_secretHash, a keyed hash. Keys of agents and registration tokens: F_secretValue, sealed, since they are given out
 * again (core/secret.h). Passwords: F_secretHash, argon2id with its parameters inside. */
#pragma once
#include "core/core.h"

enum { PASSWORD_BYTES_MAX = 1024, PASSWORD_HASH_BYTES = 128 };

/* The active apiKey or agentApiKey with this name and secret, of an account that may act; NULL: none. */
struct record *credential_check(struct core *c, const char *public_value, const char *secret);
/* May it act now: active, environments also while they are changed (api.md 2.1)? */
bool account_is_usable(const struct record *account);

/* The key pair of an account's agent: made if it is missing. Borrowed. */
struct record *credential_agent_key(struct core *c, int64_t account_id);
struct record *credential_agent_key_find(struct core *c, int64_t account_id);   /* NULL: none */
/* The secret of a record with a sealed one; NULL: none. The caller frees. */
char *credential_secret(struct core *c, const struct record *credential);
/* An active API key whose secret the caller knows. */
struct record *credential_make_api_key(struct core *c, int64_t account_id, const char *name, const char *access_key, const char *secret_key);
/* Makes an active login; hash is password_hash()'s. */
struct record *credential_make_password(struct core *c, int64_t account_id, const char *login, const char *hash);
/* The live login of this name, whatever its case; NULL: none. */
struct record *credential_by_login(struct core *c, const char *login);

/* Any thread; some 20 ms and 19 MiB: not on the loop while it serves. */
bool password_hash(const char *password, char ret[PASSWORD_HASH_BYTES]);
bool password_matches(const char *hash, const char *password);
/* A hash that no password has: as much work as a real one, so that unknown logins take no less time. Static storage. */
const char *password_no_hash(void);
