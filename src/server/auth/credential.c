#include "credential.h"

#include <sodium.h>

#include "core/agent_key.h"
#include "core/secret.h"

enum { ARGON_PASSES = 2, ARGON_BYTES = 19 << 20 };
_Static_assert(PASSWORD_HASH_BYTES >= crypto_pwhash_STRBYTES, "room for libsodium's text");

static bool is_gone(const struct record *r) {
        return r->removed_ms || r->state == S_removing || r->state == S_removed || r->state == S_purging || r->state == S_purged;
}

bool account_is_usable(const struct record *account) {
        return account && (account->state == S_active ||
                           (account->kind == T_project && (account->state == S_upgrading || account->state == S_updating_active)));
}

char *credential_secret(struct core *c, const struct record *credential) { return secret_open(c, record_str(credential, F_secretValue)); }

static bool is_agent_key(const struct record *r) { return str_eq(record_str(r, F_kind), "agentApiKey"); }

static bool fits(struct core *c, const struct record *r, const char *secret) {
        if (!is_agent_key(r))
                return r->kind == T_apiKey && secret_hash_matches(c, record_str(r, F_secretHash), secret);
        auto_free char *own = credential_secret(c, r);
        size_t n = own ? strlen(own) : 0;
        return own && strlen(secret) == n && sodium_memcmp(own, secret, n) == 0;
}

struct record *credential_check(struct core *c, const char *public_value, const char *secret) {
        if (!*public_value || !*secret)
                return NULL;
        const struct records *l = world_by_str(core_world(c), T_credential, F_publicValue, public_value);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->state == S_active && fits(c, l->v[i], secret) &&
                    account_is_usable(world_get(core_world(c), T_account, l->v[i]->account_id)))
                        return l->v[i];
        return NULL;
}

static struct record *make(struct core *c, enum type_id kind, int64_t account_id, const char *public_value) {
        struct record *r = core_create(c, kind, account_id);
        r->state = S_active;            /* nothing is left to do for it: no process has to run */
        core_put_str(c, r, F_publicValue, public_value);
        return r;
}

struct record *credential_agent_key_find(struct core *c, int64_t account_id) { return agent_key_find(c, account_id); }
struct record *credential_agent_key(struct core *c, int64_t account_id) { return agent_key(c, account_id); }

struct record *credential_make_api_key(struct core *c, int64_t account_id, const char *name, const char *access_key, const char *secret_key) {
        struct record *r = make(c, T_apiKey, account_id, access_key);
        auto_free char *hash = secret_hash(c, secret_key);
        core_put_str(c, r, F_name, name);
        core_put_str(c, r, F_secretHash, hash);
        return r;
}

struct record *credential_make_password(struct core *c, int64_t account_id, const char *login, const char *hash) {
        struct record *r = make(c, T_password, account_id, login);
        core_put_str(c, r, F_name, login);
        core_put_str(c, r, F_secretHash, hash);
        return r;
}

struct record *credential_by_login(struct core *c, const char *login) {
        const struct records *l = world_all(core_world(c), T_credential);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->kind == T_password && !is_gone(l->v[i]) && str_ieq(record_str(l->v[i], F_publicValue), login))
                        return l->v[i];
        return NULL;
}

bool password_hash(const char *password, char ret[PASSWORD_HASH_BYTES]) {
        return strlen(password) <= PASSWORD_BYTES_MAX &&
               crypto_pwhash_str_alg(ret, password, strlen(password), ARGON_PASSES, ARGON_BYTES, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

bool password_matches(const char *hash, const char *password) {
        return hash && strlen(password) <= PASSWORD_BYTES_MAX && crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
}

const char *password_no_hash(void) {
        return "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
}
