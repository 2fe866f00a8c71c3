/* Agents (spec api.md 1.6, agent.md 1): one that is active is deactivated before it is removed. */
#include "core/simagent.h"
#include "formats/json.h"
#include "server/api/change.h"
#include "types.h"

/* Internal fields that simulated agents take from those who may do everything (spec simulator.md). */
static bool may_simulate(const struct api_req *req) { return core_config(req->api->conf.core)->simulator && req->all_accounts; }

static void take_scopes(struct api_req *req, struct record *r) {
        struct json_object *data = json_get_object(req->body, "data");
        if (!data || (!json_get_object(data, SIM_SCOPE) && !json_get_object(data, SIM_ACTIVATE_SCOPE)))
                return;
        core_put(api_core(req), r, F_data, value_json(data));
}

/* The uri of an agent changes only to a simulated one. */
int agent_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        const char *uri = old && may_simulate(req) ? json_str(req->body, "uri", NULL) : NULL;
        if (!uri || !str_starts(uri, SIM_URI) || str_eq(uri, record_str(old, F_uri)))
                return 0;
        const struct records *l = world_all(api_world(req), T_agent);
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(record_str(l->v[i], F_uri), uri))
                        return dr_fail(err, DR_E_NOT_UNIQUE, "uri", "there is an agent with this uri");
        values_set(values, F_uri, value_str(uri));
        return 0;
}

void agent_create_hook(struct api_req *req, struct record *r, const struct field_values *values) {
        struct core *c = api_core(req);
        const struct value *given = field_values_get(values, F_agentResourcesAccountId);
        core_set_account(c, r, 0);      /* its own account is made by agent.create */
        if (may_simulate(req))
                take_scopes(req, r);
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
