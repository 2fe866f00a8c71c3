/* POST ?action=NAME on a resource. Order of checks: known, object, available, input (spec api.md 1.6). */
#include "access.h"
#include "change.h"
#include "encode.h"
#include "types/types.h"

/* Processes that nothing carries out yet: their actions answer 501 rather than pretend. */
static bool is_later(enum process_id p) {
        static const enum process_id later[] = {
                P_instance_migrate, P_account_upgrade, P_host_provision,
        };
        for (size_t i = 0; i < ARRAY_LEN(later); i++)
                if (later[i] == p)
                        return true;
        return false;
}

void action_reply(struct api_req *req, const struct type_def *def, const char *id, const char *action) {
        struct dr_error err;
        const struct action_def *a = type_action(def, action);
        struct record *r = access_get(req, def, id);
        if (r && api_type_of(req, r)) {                 /* a subtype may have more actions than the type in the path */
                def = api_type_of(req, r);
                a = type_action(def, action);
        }
        if (!a || !action_visible(a, req->role)) {
                api_fail_code(req, DR_E_INVALID_ACTION, "action");
                return;
        }
        if (!r || !access_changes(req, r)) {
                api_fail_code(req, DR_E_NOT_FOUND, NULL);
                return;
        }
        if (!action_offered(req, r, def, a)) {
                (void) dr_fail(&err, DR_E_ACTION_NOT_AVAILABLE, "action", "%s is not possible for %s \"%s\" in state %s", a->name, def->name,
                               record_name(r), state_name((enum state_id) r->state));
                api_fail(req, &err);
                return;
        }
        __attribute__((cleanup(field_values_done_auto))) struct field_values in = { 0 };
        const struct type_def *input = a->input == T_NONE ? NULL : type_get(req->version, a->input);
        if (input && change_validate(req, input, VALIDATE_INPUT, req->body, NULL, &in, &err) < 0) {
                api_fail(req, &err);
                return;
        }
        const struct type_hooks *h = type_hooks_of(req->version, (enum type_id) r->kind);
        req->wrote = true;
        int k = h->on_action ? h->on_action(req, r, a, &in, &err) : -ENOSYS;
        if (k == 1)
                return;
        if (k == 0) {
                record_reply(req, r, 200);
                return;
        }
        enum process_id p = process_by_action((enum type_id) r->type, a->name);
        if (k == -ENOSYS && (p == P_NONE || is_later(p))) {
                (void) dr_fail(&err, DR_E_NOT_IMPLEMENTED, NULL, "action %s of %s is not there yet", a->name, def->name);
                api_fail(req, &err);            /* its errno is the hooks' word for "go on": never through k */
                return;
        }
        if (k == -ENOSYS) {
                AUTO(json_free) struct json_object *data = values_json(&in);
                k = core_process_start(api_core(req), r, p, json_object_object_length(data) ? data : NULL, &err);
        }
        if (k < 0)
                api_fail(req, &err);
        else
                record_reply(req, r, 202);
}
