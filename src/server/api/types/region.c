/* Regions (spec api.md 3.7): the key of the other region's API is sealed and shown by POST only. */
#include "core/secret.h"
#include "server/api/change.h"
#include "server/api/fields.h"
#include "types.h"

int region_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def, (void) err;
        const struct value *secret = field_values_get(values, F_secretValue);
        if (!secret || secret->tag != V_STR)
                return 0;
        if (!old)
                req->state = arena_strdup(&req->arena, secret->t->s);
        auto_free char *sealed = secret_seal(api_core(req), secret->t->s);
        values_set(values, F_secretValue, value_str(sealed));
        return 0;
}

void region_create(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        if (req->state)
                fields_reveal(req, r, F_secretValue, req->state);
}
