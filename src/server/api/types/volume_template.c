/* Volume templates of stacks (spec api.md 3.4): named once per stack. */
#include "server/api/change.h"
#include "types.h"

static bool is_gone(const struct record *r) {
        return r->removed_ms || r->state == S_removing || r->state == S_removed || r->state == S_purging || r->state == S_purged;
}

int volume_template_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        const struct value *name = field_values_get(values, F_name), *stack_id = field_values_get(values, F_stackId);
        int64_t stack = old ? record_int(old, F_stackId) : stack_id && stack_id->tag == V_INT ? stack_id->i : 0;
        const struct record *st = world_get(api_world(req), T_stack, stack);
        const struct value *external = field_values_get(values, F_external), *each = field_values_get(values, F_perContainer);
        if (!old && (!st || is_gone(st)))
                return dr_fail(err, DR_E_INVALID_STATE, "stackId", "the stack is gone or going");
        if (external && each && external->tag == V_BOOL && each->tag == V_BOOL && external->b && each->b)
                return dr_fail(err, DR_E_INVALID_OPTION, "external", "a volume is external or made for each container, not both");
        const struct records *l = st ? world_of_account(api_world(req), T_volumeTemplate, st->account_id) : NULL;
        for (size_t i = 0; l && name && name->tag == V_STR && i < l->n; i++)
                if (l->v[i] != old && !is_gone(l->v[i]) && record_int(l->v[i], F_stackId) == stack && str_eq(record_name(l->v[i]), name->t->s))
                        return dr_fail(err, DR_E_NOT_UNIQUE, "name", "the stack has a volume \"%.100s\" already", name->t->s);
        return 0;
}
