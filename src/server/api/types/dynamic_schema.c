/* Schemas that services add (spec api.md 3.7). */
#include "formats/json.h"
#include "server/api/change.h"
#include "types.h"

int dynamic_schema_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) req, (void) def;
        const struct value *roles = field_values_get(values, F_roles), *account = field_values_get(values, F_accountId),
                           *text = field_values_get(values, F_definition), *name = field_values_get(values, F_name);
        struct json_object *list = roles && roles->tag == V_JSON ? text_json(roles->t) : NULL;
        if (old)
                return 0;
        if (!name || name->tag != V_STR || !name->t->len)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "name", "a schema needs a name");
        if ((!list || !json_object_array_length(list)) && (!account || account->tag != V_INT))
                return dr_fail(err, DR_E_MISSING_REQUIRED, "roles", "a schema is for roles or for an account");
        AUTO(json_free) struct json_object *o = NULL;
        if (text && text->tag == V_STR && (json_parse(text->t->s, text->t->len, text->t->len, &o, NULL) < 0 || !json_object_is_type(o, json_type_object)))
                return dr_fail(err, DR_E_INVALID_FORMAT, "definition", "the definition of a schema is a JSON object");
        return 0;
}
