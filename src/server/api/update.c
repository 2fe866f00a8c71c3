/* PUT on a resource. */
#include "change.h"
#include "fields.h"
#include "types/types.h"

static bool same(struct api_req *req, const struct record *r, const struct field_value *v) {
        auto_value struct value old = field_scalar(req, r, v->field);
        if (value_eq(old, v->value))
                return true;
        return old.tag == V_NULL && v->value.tag == V_BOOL && !v->value.b;
}

/* A service on its way to a state where it looks at its values anyway (service.create goes on to activate, a restart ends in a
 * look): a scale that comes in between counts and needs no process of its own. */
static bool takes_while_busy(const struct record *r) {
        return r->state == S_requested || r->state == S_registering || r->state == S_restarting || r->state == S_deactivating;
}

void update_reply(struct api_req *req, const struct type_def *def, struct record *r) {
        struct core *c = api_core(req);
        const struct type_hooks *h = type_hooks_of(req->version, def->id);
        struct dr_error err;
        if (!(type_methods(def, req->role) & TM_UPDATE)) {
                api_fail_code(req, DR_E_METHOD, NULL);
                return;
        }
        __attribute__((cleanup(field_values_done_auto))) struct field_values values = { 0 };
        if (change_validate(req, def, VALIDATE_UPDATE, req->body, r, &values, &err) < 0 ||
            (h->on_validate && h->on_validate(req, def, &values, r, &err) < 0)) {
                api_fail(req, &err);
                return;
        }
        bool changed = false, process = false;
        AUTO(json_free) struct json_object *old = json_object_new_object();
        for (size_t i = 0; i < values.n; i++) {
                const struct field_def *f = type_field(def, values.v[i].field);
                if (values.v[i].field == F_id || values.v[i].field == F_type || same(req, r, &values.v[i]))
                        continue;
                changed = true;
                if (f && (f->flags & FF_UPDATE_PROCESS)) {
                        process = true;
                        struct field_values one = { 0 };
                        values_set(&one, f->id, field_scalar(req, r, f->id));
                        AUTO(json_free) struct json_object *o = values_json(&one);
                        json_set(old, field_name(f->id), json_copy(json_get(o, field_name(f->id))));
                        field_values_done(&one);
                }
        }
        enum process_id p = process ? process_by_action(def->base, "update") : P_NONE;
        if (p == P_service_update && !core_process_allowed(r, p) && takes_while_busy(r))
                p = P_NONE;
        if (p != P_NONE && !core_process_allowed(r, p)) {
                (void) dr_fail(&err, DR_E_CONFLICT, NULL, "%s \"%s\" cannot be updated in state %s", def->name, record_name(r),
                               state_name((enum state_id) r->state));
                api_fail(req, &err);
                return;
        }
        for (size_t i = 0; i < values.n; i++)
                if (values.v[i].field != F_id && values.v[i].field != F_type && !same(req, r, &values.v[i]))
                        core_put(c, r, values.v[i].field, value_ref(values.v[i].value));
        if (h->on_update)
                h->on_update(req, r, &values, changed);
        req->wrote = true;
        if (p != P_NONE) {
                AUTO(json_free) struct json_object *data = json_object_new_object();
                json_set(data, "old", dr_take(old));
                if (core_process_start(c, r, p, data, &err) < 0) {
                        api_fail(req, &err);
                        return;
                }
        }
        record_reply(req, r, 200);
}
