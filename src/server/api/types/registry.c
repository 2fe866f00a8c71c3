/* Image registries (spec api.md 3, agent.md 10); their credentials: sealed.c. What hosts get of them: core/registry.h. */
#include "server/api/change.h"
#include "types.h"

int registry_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        const struct value *address = field_values_get(values, F_serverAddress);
        const struct records *l = world_of_account(api_world(req), T_storagePool, old ? old->account_id : req->account_id);
        if (!address || address->tag != V_STR)
                return 0;
        for (size_t i = 0; i < l->n; i++) {
                const struct record *r = l->v[i];
                bool gone = state_is_gone((enum state_id) r->state);
                if (r != old && r->kind == T_registry && !gone && str_ieq(record_str(r, F_serverAddress), address->t->s))
                        return dr_fail(err, DR_E_SERVER_ADDRESS_USED, "serverAddress", "there is a registry at \"%.100s\" already", address->t->s);
        }
        return 0;
}
