/* Values that are kept sealed and told once, in the answer that makes the record: passwords of registries and regions, keys of certificates. */
#include "core/secret.h"
#include "server/api/change.h"
#include "server/api/fields.h"
#include "types.h"

void sealed_take(struct api_req *req, struct field_values *values, enum field_id f, bool fresh) {
        const struct value *plain = field_values_get(values, f);
        if (!plain || plain->tag != V_STR)
                return;
        if (fresh)
                req->state = arena_strdup(&req->arena, plain->t->s);
        auto_free char *sealed = secret_seal(api_core(req), plain->t->s);
        values_set(values, f, value_str(sealed));
}

void sealed_reveal(struct api_req *req, struct record *r, enum field_id f) {
        if (req->state)
                fields_reveal(req, r, f, req->state);
}

int secret_value_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def, (void) err;
        sealed_take(req, values, F_secretValue, !old);
        return 0;
}

void secret_value_create(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        sealed_reveal(req, r, F_secretValue);
}
