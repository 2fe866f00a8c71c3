/* API keys: made here, shown once, stored hashed (spec api.md 2.1, 2.5). */
#include "server/api/fields.h"
#include "core/secret.h"
#include "types.h"

void api_key_create(struct api_req *req, struct record *r, const struct field_values *values) {
        struct core *c = api_core(req);
        const struct value *given = field_values_get(values, F_secretValue);
        char access[ACCESS_KEY_CHARS + 1], secret[SECRET_KEY_CHARS + 1];
        secret_access_key(access);
        secret_secret_key(secret);
        const char *plain = given && given->tag == V_STR ? given->t->s : secret;
        auto_free char *hash = secret_hash(c, plain);
        fields_reveal(req, r, F_secretValue, plain);
        core_clear(c, r, F_secretValue);                /* never in clear in the store */
        core_put_str(c, r, F_secretHash, hash);
        if (!record_str(r, F_publicValue))
                core_put_str(c, r, F_publicValue, access);
}

static bool is_gone(const struct record *r) {
        return r->removed_ms || r->state == S_removing || r->state == S_removed || r->state == S_purging || r->state == S_purged;
}

/* Names of keys and logins are unique among all that live, without case (api.md 2.4). */
int credential_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        const struct value *name = field_values_get(values, F_publicValue);
        const struct records *l = world_all(api_world(req), T_credential);
        for (size_t i = 0; name && name->tag == V_STR && i < l->n; i++)
                if (l->v[i] != old && !is_gone(l->v[i]) && str_ieq(record_str(l->v[i], F_publicValue), name->t->s))
                        return dr_fail(err, DR_E_NOT_UNIQUE, "publicValue", "there is a login or key \"%.64s\" already", name->t->s);
        return 0;
}
