/* Accounts of people and services (spec api.md 2.4, 3.1). One administrator always stays. */
#include "server/api/change.h"
#include "server/auth/credential.h"
#include "server/auth/session.h"
#include "types.h"

static const char *kind_of(const struct record *r) { return str_or(record_str(r, F_kind), r->kind == T_project ? "project" : "user"); }

static int check_last_admin(struct api_req *req, const struct record *r, struct dr_error *err) {
        if (!str_eq(kind_of(r), "admin") || r->state != S_active)
                return 0;
        const struct records *l = world_all(api_world(req), T_account);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i] != r && l->v[i]->state == S_active && str_eq(kind_of(l->v[i]), "admin"))
                        return 0;
        return dr_fail(err, DR_E_LAST_ADMIN, NULL, "the last administrator stays");
}

int account_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        static const char *const kinds[] = { "user", "admin", "service", "readAdmin", "agent" };
        const struct value *kind = field_values_get(values, F_kind);
        if (!kind || kind->tag != V_STR || (old && str_eq(kind_of(old), kind->t->s)))
                return 0;
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (str_eq(kind->t->s, kinds[i]))
                        return old ? check_last_admin(req, old, err) : 0;
        return dr_fail(err, DR_E_INVALID_OPTION, "kind", "accounts of kind \"%.40s\" are not made", kind->t->s);
}

void account_create(struct api_req *req, struct record *r, const struct field_values *values) {
        core_set_account(api_core(req), r, 0);
        if (!record_str(r, F_kind))
                core_put_str(api_core(req), r, F_kind, "user");
        if (str_eq(kind_of(r), "agent"))
                (void) credential_agent_key(api_core(req), r->id);
}

int account_remove_hook(struct api_req *req, struct record *r, struct dr_error *err) {
        int k = check_last_admin(req, r, err);
        if (k < 0)
                return k;
        session_end_all(api_core(req), r->id);
        return -ENOSYS;
}

int account_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        bool down = str_eq(a->name, "deactivate"), gone = str_eq(a->name, "remove") || str_eq(a->name, "purge");
        if (!down && !gone)
                return -ENOSYS;
        int k = check_last_admin(req, r, err);
        if (k < 0)
                return k;
        session_end_all(api_core(req), r->id);
        return down ? core_process_start(api_core(req), r, P_account_deactivate, NULL, err) : -ENOSYS;          /* 200, not 202 (api.md 1.6) */
}
