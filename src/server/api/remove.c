/* DELETE on a resource. */
#include "change.h"
#include "types/types.h"

void remove_reply(struct api_req *req, const struct type_def *def, struct record *r) {
        struct core *c = api_core(req);
        const struct type_hooks *h = type_hooks_of(req->version, (enum type_id) r->kind);
        struct dr_error err;
        if (!(type_methods(def, req->role) & TM_DELETE)) {
                api_fail_code(req, DR_E_METHOD, NULL);
                return;
        }
        req->wrote = true;
        int k = h->on_remove ? h->on_remove(req, r, &err) : -ENOSYS;
        if (k == 1)
                return;
        if (k < 0 && k != -ENOSYS) {
                api_fail(req, &err);
                return;
        }
        enum process_id p = process_by_action((enum type_id) r->type, "remove");
        if (k == -ENOSYS && p == P_NONE) {              /* no life cycle: the row goes, the answer shows it once more */
                struct record *copy = api_keep(req, record_copy(r));
                core_delete(c, r);
                record_reply(req, copy, 200);
                return;
        }
        if (k == -ENOSYS && r->state != S_removing && core_process_start(c, r, p, NULL, &err) < 0) {
                err.code = DR_E_METHOD;                 /* wrong state: 405 here, not 409 */
                api_fail(req, &err);
                return;
        }
        record_reply(req, r, 200);
}
