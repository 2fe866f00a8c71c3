/* Actions upgrade, rollback and restart of services: what is checked before the process runs (orchestration.md 2.1, 2.2, 2.7). */
#include "core/service_upgrade.h"
#include "engine/plan.h"
#include "engine/upgrade_config.h"
#include "server/api/access.h"
#include "server/api/change.h"
#include "types.h"

static struct json_object *object_of(const struct field_values *in, enum field_id f) {
        const struct value *v = field_values_get(in, f);
        return v && v->tag == V_JSON ? text_json(v->t) : NULL;
}

static bool runs_containers(const struct record *s) { return s->kind == T_service || s->kind == T_loadBalancerService; }

/* One container per host, as these launch configs say? */
static bool are_global(const struct record *s, struct json_object *primary, struct json_object *secondaries) {
        struct record *r = record_new(T_service, (enum type_id) s->kind, 0);
        if (primary)
                record_put(r, F_launchConfig, value_json(primary));
        if (secondaries)
                record_put(r, F_secondaryLaunchConfigs, value_json(secondaries));
        bool global = service_is_global(r);
        record_free(r);
        return global;
}

static int check_configs(struct api_req *req, const struct record *s, struct json_object *in, struct upgrade_configs *to, struct dr_error *err) {
        __attribute__((cleanup(field_values_done_auto))) struct field_values values = { 0 };
        struct json_object *added = json_get_array(in, "secondaryLaunchConfigs");
        for (size_t i = 0; added && i < json_object_array_length(added); i++) {
                const char *name = json_str(json_object_array_get_idx(added, i), "name", NULL);
                int r = name ? service_check_unique(req, record_int(s, F_stackId), name, s, err)
                             : dr_fail(err, DR_E_MISSING_REQUIRED, "name", "a sidekick needs a name");
                if (r < 0)
                        return r;
        }
        values_set(&values, F_name, value_str(record_name(s)));
        if (record_has(s, F_selectorContainer))
                values_set(&values, F_selectorContainer, value_str(record_str(s, F_selectorContainer)));
        if (to->primary)
                values_set(&values, F_launchConfig, value_json(to->primary));
        if (to->secondaries)
                values_set(&values, F_secondaryLaunchConfigs, value_json(to->secondaries));
        int r = service_check_launch_configs(req, type_get(req->version, (enum type_id) s->kind), &values, err);
        if (r < 0)
                return r;
        static const struct { enum field_id f; const char *name; } kept[] = { { F_launchConfig, "launchConfig" }, { F_secondaryLaunchConfigs, "secondaryLaunchConfigs" } };
        struct json_object **into[] = { &to->primary, &to->secondaries };
        for (size_t i = 0; i < ARRAY_LEN(kept); i++) {          /* as they are stored: ports in their form, a balancer's labels */
                struct json_object *done = object_of(&values, kept[i].f);
                if (!done)
                        continue;
                json_free(*into[i]);
                *into[i] = json_copy(done);
        }
        if (json_get(to->strategy, "launchConfig"))
                json_set(to->strategy, "launchConfig", json_copy(to->primary));
        if (are_global(s, to->primary, to->secondaries) != service_is_global(s))
                return dr_fail(err, DR_E_INVALID_OPTION, "launchConfig", "a service cannot be changed between a number of containers and one on each host");
        return 0;
}

static int in_service(struct api_req *req, struct record *s, struct json_object *in, struct dr_error *err) {
        struct json_object *primary = json_get_object(in, "launchConfig"), *secondaries = json_get_array(in, "secondaryLaunchConfigs");
        if (!primary && (!secondaries || !json_object_array_length(secondaries)))
                return dr_fail(err, DR_E_INVALID_OPTION, "launchConfig", "an upgrade needs launchConfig or secondaryLaunchConfigs");
        if (!primary && s->kind == T_loadBalancerService)
                return dr_fail(err, DR_E_INVALID_OPTION, "launchConfig", "the upgrade of a load balancer needs launchConfig");
        if (json_bool(in, "startFirst", false) && record_bool(s, F_retainIp))
                return dr_fail(err, DR_E_INVALID_OPTION, "startFirst", "with retainIp the old container has to stop before the new one starts");
        struct uuid id;
        char version[UUID_CHARS + 1];
        uuid_make(core_rng(api_core(req)), &id);
        uuid_format(&id, version);
        struct upgrade_configs to = upgrade_configs_make(s, in, version);
        int r = check_configs(req, s, in, &to, err);
        if (r == 0)
                r = service_upgrade_begin(api_core(req), s, &to, err);
        upgrade_configs_done(&to);
        return r;
}

static int to_service(struct api_req *req, struct record *s, struct json_object *in, struct dr_error *err) {
        const struct record *to = world_get(api_world(req), T_service, json_int(in, "toServiceId", 0));
        if (!json_get(in, "toServiceId"))
                return dr_fail(err, DR_E_MISSING_REQUIRED, "toServiceId", "the upgrade needs the service to upgrade to");
        if (!to || to == s || !access_sees(req, to) || to->account_id != s->account_id)
                return dr_fail(err, DR_E_INVALID_REFERENCE, "toServiceId", "there is no such other service");
        if (service_is_global(s) || service_is_global(to))
                return dr_fail(err, DR_E_INVALID_OPTION, "toServiceId", "a service with a container on each host has no scale to move");
        return service_upgrade_to_begin(api_core(req), s, in, err);
}

static int answered(struct api_req *req, struct record *s, int r) {
        if (r < 0)
                return r;
        record_reply(req, s, 202);
        return 1;
}

int service_upgrade_action(struct api_req *req, struct record *s, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        if (str_eq(a->name, "rollback"))
                return answered(req, s, service_rollback_begin(api_core(req), s, err));
        if (str_eq(a->name, "restart"))
                return runs_containers(s) ? -ENOSYS : dr_fail(err, DR_E_INVALID_OPTION, "type", "service \"%s\" has no containers to restart", record_name(s));
        if (!str_eq(a->name, "upgrade"))
                return -ENOSYS;
        struct json_object *inside = object_of(in, F_inServiceStrategy), *elsewhere = object_of(in, F_toServiceStrategy);
        if (!inside == !elsewhere)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "upgrade", "Upgrade strategy needs to be set");
        return answered(req, s, inside ? in_service(req, s, inside, err) : to_service(req, s, elsewhere, err));
}
