/* API keys: made here, shown once, stored hashed (spec api.md 2.1, 2.5). */
#include "server/api/fields.h"
#include "server/api/secret.h"
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
