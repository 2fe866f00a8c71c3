/* Standalone containers (spec api.md 1.6, 3.2; orchestration.md 1.13, 1.15). */
#include "model/names.h"
#include "server/api/change.h"
#include "types.h"

static bool is_live(const struct record *r) {
        return r && !r->removed_ms && r->state != S_removing && r->state != S_removed && r->state != S_purging && r->state != S_purged;
}

int container_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        const struct value *image = field_values_get(values, F_imageUuid), *ports = field_values_get(values, F_ports);
        if (!old && (!image || image->tag != V_STR || !*image->t->s))
                return dr_fail(err, DR_E_MISSING_REQUIRED, "imageUuid", "a container needs an image");
        if (ports && ports->tag == V_JSON) {
                struct json_object *done = NULL;
                int r = ports_normalise(text_json(ports->t), &done, err);
                if (r < 0)
                        return r;
                values_set(values, F_ports, value_json(done));
                json_object_put(done);
        }
        const struct value *net = field_values_get(values, F_networkContainerId), *from = field_values_get(values, F_dataVolumesFrom);
        if (net && net->tag == V_INT) {
                if (!is_live(world_get(api_world(req), T_instance, net->i)))
                        return dr_fail(err, DR_E_INVALID_REFERENCE, "networkContainerId", "the container whose network is shared is gone");
                values_set(values, F_networkFromId, value_int(net->i));
        }
        if (from && from->tag == V_JSON) {
                struct json_object *ids = text_json(from->t);
                for (size_t i = 0; i < json_object_array_length(ids); i++)
                        if (!is_live(world_get(api_world(req), T_instance, json_object_get_int64(json_object_array_get_idx(ids, i)))))
                                return dr_fail(err, DR_E_INVALID_REFERENCE, "dataVolumesFrom", "a container whose volumes are used is gone");
                values_set(values, F_volumesFromIds, value_ref(*from));
        }
        const struct value *stack = field_values_get(values, F_stackId);
        const struct record *st = stack && stack->tag == V_INT ? world_get(api_world(req), T_stack, stack->i) : NULL;
        if (stack && stack->tag == V_INT && !is_live(st))
                return dr_fail(err, DR_E_INVALID_STATE, "stackId", "the stack is gone or going");
        if (st && record_bool(st, F_system))
                values_set(values, F_system, value_bool(true));
        return 0;
}

/* A container that cannot be removed in its state is stopped first (api.md 1.6). */
int container_remove(struct api_req *req, struct record *r, struct dr_error *err) {
        struct core *c = api_core(req);
        if (r->state == S_removing || core_process_allowed(r, P_instance_remove))
                return -ENOSYS;
        if (r->state == S_stopping) {
                core_put_bool(c, r, F_removeAfterStop, true);
                return 0;
        }
        AUTO(json_free) struct json_object *data = json_object_new_object();
        json_set_bool(data, "remove", true);
        int k = core_process_start(c, r, P_instance_stop, data, err);
        if (k < 0)
                err->code = DR_E_METHOD;
        return k < 0 ? k : 0;
}
