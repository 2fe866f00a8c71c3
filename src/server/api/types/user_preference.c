/* What a person keeps with the account (spec api.md 3.1): a name once per account; lists show the caller's own unless all of them are asked for. */
#include "server/api/change.h"
#include "server/api/collection.h"
#include "types.h"

static bool is_gone(const struct record *r) {
        return r->removed_ms || r->state == S_removing || r->state == S_removed || r->state == S_purging || r->state == S_purged;
}

int user_preference_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        const struct value *name = field_values_get(values, F_name), *account = field_values_get(values, F_accountId);
        int64_t id = old ? old->account_id : account && account->tag == V_INT ? account->i : req->account_id;
        const struct records *l = world_of_account(api_world(req), T_userPreference, id);
        for (size_t i = 0; name && name->tag == V_STR && i < l->n; i++)
                if (l->v[i] != old && !is_gone(l->v[i]) && str_eq(record_name(l->v[i]), name->t->s))
                        return dr_fail(err, DR_E_NOT_UNIQUE, "publicValue", "there is a preference \"%.100s\" already", name->t->s);
        return 0;
}
