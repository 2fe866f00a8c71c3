#include "agent_key.h"

#include <sodium.h>

#include "secret.h"

struct record *agent_key_find(struct core *c, int64_t account_id) {
        const struct records *l = world_of_account(core_world(c), T_credential, account_id);
        for (size_t i = 0; account_id && i < l->n; i++)
                if (l->v[i]->state == S_active && str_eq(record_str(l->v[i], F_kind), "agentApiKey"))
                        return l->v[i];
        return NULL;
}

struct record *agent_key(struct core *c, int64_t account_id) {
        struct record *r = agent_key_find(c, account_id);
        if (r)
                return r;
        char access[ACCESS_KEY_CHARS + 1], secret[SECRET_KEY_CHARS + 1];
        secret_access_key(access);
        secret_secret_key(secret);
        auto_free char *sealed = secret_seal(c, secret);
        sodium_memzero(secret, sizeof secret);
        r = core_create(c, T_credential, account_id);
        r->state = S_active;            /* made finished: no process has to run */
        core_put_str(c, r, F_publicValue, access);
        core_put_str(c, r, F_kind, "agentApiKey");
        core_put_str(c, r, F_secretValue, sealed);
        return r;
}

void agent_keys_drop(struct core *c, int64_t account_id) {
        for (const struct records *l; account_id && (l = world_of_account(core_world(c), T_credential, account_id))->n;)
                core_delete(c, l->v[l->n - 1]);
}
