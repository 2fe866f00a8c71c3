#include "ca.h"

#include <sodium.h>

#include "core/secret.h"

#define CA_NAME "drover-ca"             /* publicValue of its record */
enum { CA_DAYS = 3650 };

bool ca_open(struct core *c, const char *sealed, struct tls_pair *ret) {
        char *both = secret_open(c, str_or(sealed, "")), *key = both ? strstr(both, "-----BEGIN PRIVATE KEY") : NULL;
        if (key) {
                ret->cert_pem = dr_xstrndup(both, (size_t) (key - both));
                ret->key_pem = dr_xstrdup(key);
        }
        if (both)
                sodium_memzero(both, strlen(both));
        free(both);
        return key != NULL;
}

char *ca_seal(struct core *c, const struct tls_pair *pair) {
        auto_free char *both = dr_xasprintf("%s%s", pair->cert_pem, pair->key_pem);
        char *sealed = secret_seal(c, both);
        sodium_memzero(both, strlen(both));
        return sealed;
}

int ca_load(struct core *c, struct tls_pair *ret, struct dr_error *err) {
        const struct records *l = world_by_str(core_world(c), T_credential, F_publicValue, CA_NAME);
        for (size_t i = 0; i < l->n; i++) {
                if (l->v[i]->account_id)
                        continue;               /* somebody's of that name */
                return ca_open(c, record_str(l->v[i], F_secretValue), ret) ? 1
                        : dr_fail(err, DR_E_INTERNAL, NULL, "cannot open the key of this server's certificate authority: the master key is another");
        }
        return 0;
}

int ca_make(struct core *c, struct tls_pair *ret, struct dr_error *err) {
        int r = tls_make_ca("drover", CA_DAYS, ret, err);
        if (r < 0)
                return r;
        auto_free char *sealed = ca_seal(c, ret);
        struct record *rec = core_create(c, T_credential, 0);
        core_put_str(c, rec, F_name, "certificate authority of this installation");
        core_put_str(c, rec, F_publicValue, CA_NAME);
        core_put_str(c, rec, F_secretValue, sealed);
        return core_process_start(c, rec, P_credential_create, NULL, err);
}

int ca_get(struct core *c, struct tls_pair *ret, struct dr_error *err) {
        int r = ca_load(c, ret, err);
        return r == 0 ? ca_make(c, ret, err) : r < 0 ? r : 0;
}
