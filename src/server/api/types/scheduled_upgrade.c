/* Upgrades of infrastructure stacks that the server has planned (spec catalog.md 9): made by it alone; action start begins one now, remove calls one
 * off. Both are changes to infrastructure. */
#include "server/api/encode.h"
#include "types.h"

int scheduled_upgrade_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        (void) in;
        if (!capability(req, r, "modifyInfra"))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "role %s may not %s upgrades of infrastructure", role_name(req->role), a->name);
        return -ENOSYS;
}
