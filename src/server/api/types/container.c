/* Standalone containers (spec api.md 1.6, 3.2; orchestration.md 1.13, 1.15). */
#include "formats/dockerref.h"
#include "model/names.h"
#include "server/api/access.h"
#include "server/api/change.h"
#include "types.h"

enum { STOP_TIMEOUT_MAX = 86400 };

static bool is_live(const struct record *r) {
        return r && !r->removed_ms && r->state != S_removing && r->state != S_removed && r->state != S_purging && r->state != S_purged;
}

/* "docker:REFERENCE"; hosts in the simulator take "sim:..." (spec api.md 3.5). */
int container_check_image(const char *uuid, struct dr_error *err) {
        struct dockerref ref;
        struct dr_error why;
        if (str_starts(uuid, "sim:"))
                return 0;
        if (dockerref_parse(dockerref_from_uuid(uuid), &ref, &why) < 0)
                return dr_fail(err, DR_E_INVALID_REFERENCE, "imageUuid", "%s", why.message);
        return 0;
}

/* A row for each link, whose target may be changed later. */
void container_create_links(struct api_req *req, struct record *r, const struct field_values *values) {
        const struct value *links = field_values_get(values, F_instanceLinks);
        struct json_object *map = links && links->tag == V_JSON ? text_json(links->t) : NULL;
        struct core *c = api_core(req);
        if (!json_object_is_type(map, json_type_object))
                return;
        json_object_object_foreach(map, name, target) {
                struct record *link = core_create(c, T_instanceLink, r->account_id);
                core_put_str(c, link, F_linkName, name);
                core_put_int(c, link, F_instanceId, r->id);
                core_put_int(c, link, F_targetInstanceId, json_object_get_int64(target));
                (void) core_process_start(c, link, P_instancelink_create, NULL, NULL);          /* allowed: it is new */
        }
}

int container_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        const struct value *image = field_values_get(values, F_imageUuid), *ports = field_values_get(values, F_ports);
        if (!old && (!image || image->tag != V_STR || !*image->t->s))
                return dr_fail(err, DR_E_MISSING_REQUIRED, "imageUuid", "a container needs an image");
        if (image && image->tag == V_STR && container_check_image(image->t->s, err) < 0)
                return -EINVAL;
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
        if (!old && st && record_bool(st, F_system) && access_check_infra(req, st, err) < 0)
                return -EPERM;
        if (st && record_bool(st, F_system))
                values_set(values, F_system, value_bool(true));
        return 0;
}

int container_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        const struct value *timeout = field_values_get(in, F_timeout);
        if (str_eq(a->name, "stop") && timeout && timeout->tag == V_INT && (timeout->i < 0 || timeout->i > STOP_TIMEOUT_MAX))
                return dr_fail(err, timeout->i < 0 ? DR_E_MIN_LIMIT : DR_E_MAX_LIMIT, "timeout", "a timeout has 0 to %d seconds", STOP_TIMEOUT_MAX);
        return container_access_action(req, r, a, in, err);
}

/* A container that cannot be removed in its state is stopped first (api.md 1.6). */
int container_remove(struct api_req *req, struct record *r, struct dr_error *err) {
        struct core *c = api_core(req);
        if (str_eq(record_name(r), "rancher-agent") && record_bool(r, F_system))
                return dr_fail(err, DR_E_ACTION_NOT_AVAILABLE, "action", "the agent's container stays");
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
