/* External handlers of processes (spec api.md 3.7): each process they name is a row, and so is each pair of both. */
#include "formats/json.h"
#include "server/api/change.h"
#include "types.h"

static struct record *process_named(struct api_req *req, const char *name) {
        const struct records *l = world_all(api_world(req), T_externalHandlerProcess);
        for (size_t i = 0; i < l->n; i++)
                if (!l->v[i]->removed_ms && str_eq(record_name(l->v[i]), name))
                        return l->v[i];
        struct core *c = api_core(req);
        struct record *p = core_create(c, T_externalHandlerProcess, 0);
        core_put_str(c, p, F_name, name);
        (void) core_process_start(c, p, P_externalhandlerprocess_create, NULL, NULL);   /* allowed: it is new */
        return p;
}

int external_handler_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) req, (void) def, (void) old;
        const struct value *v = field_values_get(values, F_processConfigs);
        struct json_object *configs = v && v->tag == V_JSON ? text_json(v->t) : NULL;
        for (size_t i = 0; configs && i < json_object_array_length(configs); i++)
                if (!*json_str(json_object_array_get_idx(configs, i), "name", ""))
                        return dr_fail(err, DR_E_MISSING_REQUIRED, "name", "a process needs a name");
        return 0;
}

void external_handler_create(struct api_req *req, struct record *r, const struct field_values *values) {
        struct core *c = api_core(req);
        const struct value *v = field_values_get(values, F_processConfigs);
        struct json_object *configs = v && v->tag == V_JSON ? text_json(v->t) : NULL;
        core_set_account(c, r, 0);
        for (size_t i = 0; configs && i < json_object_array_length(configs); i++) {
                struct json_object *one = json_object_array_get_idx(configs, i);
                struct record *p = process_named(req, json_str(one, "name", ""));
                struct record *m = core_create(c, T_externalHandlerExternalHandlerProcessMap, 0);
                core_put_int(c, m, F_externalHandlerId, r->id);
                core_put_int(c, m, F_externalHandlerProcessId, p->id);
                core_put_str(c, m, F_eventName, json_str(one, "name", ""));
                core_put_str(c, m, F_onError, json_str(one, "onError", ""));
                (void) core_process_start(c, m, P_externalhandlerexternalhandlerprocessmap_create, NULL, NULL);
        }
}
