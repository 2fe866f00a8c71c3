/* Environment templates (spec api.md 3.1, catalog.md 8): lists of stacks; public ones are for everybody, others for the account that made them. */
#include "server/api/change.h"
#include "server/environments/entries.h"
#include "types.h"

int project_template_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) req, (void) def;
        const struct value *name = field_values_get(values, F_name), *stacks = field_values_get(values, F_stacks);
        bool named = name && name->tag == V_STR && *name->t->s;
        if (!named && (!old || name))
                return dr_fail(err, DR_E_MISSING_REQUIRED, "name", "an environment template needs a name");
        if (!stacks && old)
                return 0;
        AUTO(json_free) struct json_object *list = NULL;
        int r = entries_check(stacks && stacks->tag == V_JSON ? text_json(stacks->t) : NULL, &list, err);
        if (r == 0)
                values_set(values, F_stacks, value_json(list));
        return r;
}
