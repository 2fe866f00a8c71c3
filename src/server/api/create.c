/* POST on a collection. */
#include "access.h"
#include "change.h"
#include "collection.h"
#include "types/types.h"
#include "views.h"

enum { COUNT_MAX = 1000 };      /* containers of one request */

/* Fields that live in the record's header or are nobody's to set. */
static bool put_header(struct api_req *req, struct record *r, const struct field_value *v) {
        struct core *c = api_core(req);
        switch (v->field) {
        case F_id: case F_state: case F_created: case F_removed: case F_type: case F_transitioning:
                return true;
        case F_accountId:
                return true;            /* given to core_create() */
        case F_uuid:
                if (v->value.tag == V_STR)
                        core_set_uuid(c, r, v->value.t->s);
                return true;
        case F_environmentId:
                if (req->version == API_V1 && v->value.tag == V_INT && r->type != T_stack) {    /* api.md 1.10 */
                        core_put(c, r, F_stackId, value_ref(v->value));
                        return true;
                }
                return false;
        case F_kind:
                return (r->type != T_account && r->kind != T_genericObject) || v->value.tag != V_STR;
        default:
                return false;
        }
}

struct record *change_create(struct api_req *req, const struct type_def *def, int64_t account_id, const struct field_values *values) {
        struct core *c = api_core(req);
        const struct value *account = field_values_get(values, F_accountId);
        enum type_id kind = def->id == T_environment ? T_stack : def->id;       /* v1's name for it (api.md 1.10) */
        struct record *r = core_create(c, kind, account && account->tag == V_INT ? account->i : account_id);
        for (size_t i = 0; i < values->n; i++)
                if (!put_header(req, r, &values->v[i]))
                        core_put(c, r, values->v[i].field, value_ref(values->v[i].value));
        const struct type_hooks *h = type_hooks_of(req->version, def->id);
        if (h->on_create)
                h->on_create(req, r, values);
        enum process_id p = process_by_action(def->base, "create");
        struct dr_error err;
        if (p != P_NONE && core_process_allowed(r, p))
                (void) core_process_start(c, r, p, NULL, &err);
        req->wrote = true;
        return r;
}

/* Structures that only occur inside others, and rows that are computed, cannot be made whatever their schema says. */
static bool is_row(const struct type_def *def) {
        static const enum type_id structures[] = { T_launchConfig, T_secondaryLaunchConfig, T_serviceLink, T_snapshotBackupInput };
        for (size_t i = 0; i < ARRAY_LEN(structures); i++)
                if (def->id == structures[i])
                        return false;
        return (type_field(def, F_uuid) || type_field(def, F_created)) && !view_is(def->base);
}

/* Types whose rows would promise what nothing does yet. */
static bool is_later(const struct api_req *req, const struct type_def *def) {
        static const enum type_id later[] = { T_virtualMachine, T_snapshot, T_backup };
        for (size_t i = 0; i < ARRAY_LEN(later); i++)
                if (type_is_a(req->version, def->id, later[i]))
                        return true;
        return false;
}

void create_reply(struct api_req *req, const struct type_def *def, enum field_id preset, int64_t preset_id) {
        const struct type_hooks *h = type_hooks_of(req->version, def->id);
        struct dr_error err;
        if (!(type_methods(def, req->role) & TM_CREATE)) {
                api_fail_code(req, DR_E_METHOD, NULL);
                return;
        }
        if (access_check_create(req, def, &err) < 0) {
                api_fail(req, &err);
                return;
        }
        if (h->on_post) {
                int r = h->on_post(req, def, &err);
                if (r < 0 && r != -ENOSYS)
                        api_fail(req, &err);
                if (r != -ENOSYS)
                        return;
        }
        if (!is_row(def)) {
                api_fail_code(req, DR_E_METHOD, NULL);
                return;
        }
        if (is_later(req, def)) {
                (void) dr_fail(&err, DR_E_NOT_IMPLEMENTED, NULL, "%s are not there yet", def->plural);
                api_fail(req, &err);
                return;
        }
        if (preset != F_NONE && json_object_is_type(req->body, json_type_object)) {
                char id[ID_TEXT_MAX];
                const struct field_def *f = type_field(def, preset);
                if (f && f->type->kind == FK_REFERENCE)
                        json_set_str(req->body, field_name(preset), id_format(req->version, f->type->target, preset_id, id));
        }
        __attribute__((cleanup(field_values_done_auto))) struct field_values values = { 0 };
        if (change_validate(req, def, VALIDATE_CREATE, req->body, NULL, &values, &err) < 0 ||
            (h->on_validate && h->on_validate(req, def, &values, NULL, &err) < 0)) {
                api_fail(req, &err);
                return;
        }
        const struct value *count = def->base == T_instance ? field_values_get(&values, F_count) : NULL;
        int64_t n = count && count->tag == V_INT ? count->i : 1;
        if (n > COUNT_MAX) {
                (void) dr_fail(&err, DR_E_MAX_LIMIT, "count", "count %lld is above %d", (long long) n, COUNT_MAX);
                api_fail(req, &err);
                return;
        }
        if (n <= 1) {
                record_reply(req, change_create(req, def, req->account_id, &values), 201);
                return;
        }
        struct record_list made = { 0 };
        for (int64_t i = 0; i < n; i++)
                vec_push(&made, change_create(req, def, req->account_id, &values));
        collection_reply_rows(req, def, &made, 201);
        vec_done(&made);
}
