/* Agents (spec api.md 1.6, agent.md 1): one that is active is deactivated before it is removed. */
#include "types.h"

void agent_create_hook(struct api_req *req, struct record *r, const struct field_values *values) {
        struct core *c = api_core(req);
        const struct value *given = field_values_get(values, F_agentResourcesAccountId);
        core_set_account(c, r, 0);      /* its own account is made by agent.create */
        core_put_int(c, r, F_resourceAccountId, given && given->tag == V_INT ? given->i : req->account_id);
}

int agent_remove_hook(struct api_req *req, struct record *r, struct dr_error *err) {
        struct core *c = api_core(req);
        if (r->state == S_removing)
                return 0;
        core_put_bool(c, r, F_removeAfterStop, true);
        if (core_process_allowed(r, P_agent_remove))
                return -ENOSYS;
        if (core_process_allowed(r, P_agent_deactivate))
                return core_process_start(c, r, P_agent_deactivate, NULL, err);
        core_wake(c, r);                /* as soon as what it does now is over */
        return 0;
}
