/* Networks that people make with a driver (spec api.md 3.3, networking.md 3). What follows: core/networks.h. */
#include "core/networks.h"
#include "formats/json.h"
#include "server/api/change.h"
#include "types.h"

int network_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        const struct value *id = field_values_get(values, F_networkDriverId), *subnets = field_values_get(values, F_subnets);
        const struct record *driver = id && id->tag == V_INT ? world_get(api_world(req), T_networkDriver, id->i) : NULL;
        if (!old && id && id->tag == V_INT && (!driver || driver->account_id != req->account_id || driver->state == S_removing))
                return dr_fail(err, DR_E_INVALID_REFERENCE, "networkDriverId", "the environment has no such network driver");
        return subnets && subnets->tag == V_JSON ? network_check_subnets(text_json(subnets->t), err) : 0;
}

/* One that cannot be removed in its state is deactivated first, as environments are (api.md 1.6). */
int network_remove_hook(struct api_req *req, struct record *r, struct dr_error *err) {
        if (r->state == S_removing || core_process_allowed(r, P_network_remove))
                return -ENOSYS;
        AUTO(json_free) struct json_object *data = json_object_new_object();
        json_set_bool(data, "remove", true);
        int k = core_process_start(api_core(req), r, P_network_deactivate, data, err);
        if (k < 0)
                err->code = DR_E_METHOD;
        return k < 0 ? k : 0;
}
