/* Links of the audit log (spec api.md 1.9): what a row is about, and who did it. */
#include "server/api/access.h"
#include "server/api/change.h"
#include "types.h"

static struct record *resource_of(struct api_req *req, const struct record *r) {
        enum type_id type = type_id_by_name(str_or(record_str(r, F_resourceType), ""));
        int64_t id = record_int(r, F_resourceId);
        return type != T_NONE && id > 0 ? access_find(req, type, id) : NULL;
}

int audit_log_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        if (str_eq(l->name, "authenticatedAsIdentity")) {
                const char *name = record_str(r, F_authenticatedAsIdentityId);
                return name ? identity_item(req, type_get(req->version, T_identity), arena_printf(&req->arena, "1i!%s", name), err)
                            : dr_fail(err, DR_E_NOT_FOUND, NULL, "nobody was logged in");
        }
        if (!str_eq(l->name, "resource"))
                return -ENOSYS;
        const struct record *about = resource_of(req, r);
        if (!about)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "what this is about is not there any more");
        record_reply(req, about, 200);
        return 1;
}
