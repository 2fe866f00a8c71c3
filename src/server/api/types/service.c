/* Services of every kind: names, images, ports, links (spec api.md 1.8, 3.6; orchestration.md 1.15 to 1.17). */
#include "core/settings.h"
#include "formats/portspec.h"
#include "formats/selector.h"
#include "model/names.h"
#include "server/api/access.h"
#include "server/api/change.h"
#include "types.h"

enum { METADATA_BYTES_MAX = 1 << 20, SIDEKICKS_MAX = 100 };
static const char FIRST_VERSION[] = "0";        /* of a launch config that was never upgraded */

static bool is_live(const struct record *r) {
        return !r->removed_ms && r->state != S_removing && r->state != S_removed && r->state != S_purging && r->state != S_purged;
}

static const char *text_of(const struct field_values *values, enum field_id f) {
        const struct value *v = field_values_get(values, f);
        return v && v->tag == V_STR ? v->t->s : NULL;
}
static struct json_object *json_of(const struct field_values *values, enum field_id f) {
        const struct value *v = field_values_get(values, f);
        return v && v->tag == V_JSON ? text_json(v->t) : NULL;
}

static bool has_sidekick(struct json_object *secondaries, const char *name) {
        for (size_t i = 0; secondaries && i < json_object_array_length(secondaries); i++)
                if (str_ieq(json_str(json_object_array_get_idx(secondaries, i), "name", ""), name))
                        return true;
        return false;
}

/* Unique in its stack, together with the names of sidekicks, without case. */
int service_check_unique(struct api_req *req, int64_t stack, const char *name, const struct record *old, struct dr_error *err) {
        const struct records *l = world_by_int(api_world(req), T_service, F_stackId, stack);
        for (size_t i = 0; i < l->n; i++) {
                const struct record *s = l->v[i];
                if (s != old && is_live(s) && (str_ieq(record_name(s), name) || has_sidekick(record_json(s, F_secondaryLaunchConfigs), name)))
                        return dr_fail(err, DR_E_NOT_UNIQUE, "name", "there is a service or sidekick \"%s\" in the stack already", name);
        }
        return 0;
}

/* Ports in their stored form. */
static int normalise_ports(struct json_object *lc, struct dr_error *err) {
        struct json_object *ports = json_get_array(lc, "ports"), *done = NULL;
        int r = ports ? ports_normalise(ports, &done, err) : 0;
        if (done)
                json_set(lc, "ports", done);
        return r;
}

/* A partner named by networkLaunchConfig or dataVolumesFromLaunchConfigs is in this service (orchestration.md 1.16). */
static int check_partner(const char *name, const char *service, struct json_object *secondaries, const char *field, struct dr_error *err) {
        if (str_ieq(name, str_or(service, "")) || has_sidekick(secondaries, name))
                return 0;
        return dr_fail(err, DR_E_INVALID_REFERENCE, field, "\"%s\" is no launch config of the service", name);
}

static int check_partners(struct json_object *lc, const char *service, struct json_object *secondaries, struct dr_error *err) {
        const char *net = json_str(lc, "networkLaunchConfig", NULL);
        int r = net ? check_partner(net, service, secondaries, "networkLaunchConfig", err) : 0;
        struct json_object *from = json_get_array(lc, "dataVolumesFromLaunchConfigs");
        for (size_t i = 0; r == 0 && from && i < json_object_array_length(from); i++) {
                const char *name = json_object_get_string(json_object_array_get_idx(from, i));
                r = check_partner(str_or(name, ""), service, secondaries, "dataVolumesFromLaunchConfigs", err);
        }
        return r;
}

/* Index of a launch config by name: 0 the primary, n sidekick n; -1: none. */
static int lc_index(const char *name, const char *service, struct json_object *secondaries) {
        if (str_ieq(name, str_or(service, "")))
                return 0;
        for (size_t i = 0; secondaries && i < json_object_array_length(secondaries); i++)
                if (str_ieq(name, json_str(json_object_array_get_idx(secondaries, i), "name", "")))
                        return (int) i + 1;
        return -1;
}

static bool waits_for_done(struct json_object *lc, const char *service, struct json_object *secondaries, const bool *done) {
        const char *net = json_str(lc, "networkLaunchConfig", NULL);
        int k = net ? lc_index(net, service, secondaries) : -1;
        if (k >= 0 && !done[k])
                return true;
        struct json_object *from = json_get_array(lc, "dataVolumesFromLaunchConfigs");
        for (size_t i = 0; from && i < json_object_array_length(from); i++) {
                k = lc_index(str_or(json_object_get_string(json_object_array_get_idx(from, i)), ""), service, secondaries);
                if (k >= 0 && !done[k])
                        return true;
        }
        return false;
}

/* No launch config waits for itself, however many stand between. */
static int check_circle(struct json_object *lc, const char *service, struct json_object *secondaries, struct dr_error *err) {
        bool done[SIDEKICKS_MAX + 1] = { 0 };
        size_t n = 1 + (secondaries ? json_object_array_length(secondaries) : 0), left = n;
        for (bool moved = true; moved && left;) {
                moved = false;
                for (size_t i = 0; i < n; i++) {
                        struct json_object *one = i ? json_object_array_get_idx(secondaries, i - 1) : lc;
                        if (done[i] || waits_for_done(one, service, secondaries, done))
                                continue;
                        done[i] = moved = true;
                        left--;
                }
        }
        return left ? dr_fail(err, DR_E_INVALID_REFERENCE, "secondaryLaunchConfigs", "launch configs refer to each other in a circle") : 0;
}

static int check_image(struct json_object *lc, bool optional, struct dr_error *err) {
        const char *image = json_str(lc, "imageUuid", NULL);
        if ((!image || !*image) && !optional)
                return dr_fail(err, DR_E_INVALID_OPTION, "launchConfig", "a service needs an image or selectorContainer");
        return image && *image ? container_check_image(image, err) : 0;
}

int service_check_launch_configs(struct api_req *req, const struct type_def *def, struct field_values *values, struct dr_error *err) {
        const char *name = text_of(values, F_name);
        struct json_object *given = json_of(values, F_launchConfig), *given2 = json_of(values, F_secondaryLaunchConfigs);
        bool noop = def->id == T_externalService || def->id == T_dnsService || def->id == T_kubernetesService || def->id == T_composeService;
        bool optional = noop || text_of(values, F_selectorContainer) != NULL;
        int r = check_image(given, optional, err);
        if (r < 0)
                return r;
        if (given2 && json_object_array_length(given2) > SIDEKICKS_MAX)
                return dr_fail(err, DR_E_MAX_LIMIT, "secondaryLaunchConfigs", "a service has at most %d sidekicks", SIDEKICKS_MAX);
        AUTO(json_free) struct json_object *lc = given ? json_copy(given) : NULL, *secondaries = given2 ? json_copy(given2) : NULL;
        if (lc && ((r = normalise_ports(lc, err)) < 0 || (r = check_partners(lc, name, secondaries, err)) < 0))
                return r;
        for (size_t i = 0; secondaries && i < json_object_array_length(secondaries); i++) {
                struct json_object *s = json_object_array_get_idx(secondaries, i);
                const char *sidekick = json_str(s, "name", NULL);
                if (!sidekick)
                        return dr_fail(err, DR_E_MISSING_REQUIRED, "name", "a sidekick needs a name");
                if ((r = name_check_service(sidekick, "name", err)) < 0 || (r = normalise_ports(s, err)) < 0 ||
                    (r = check_partners(s, name, secondaries, err)) < 0)
                        return r;
                if (str_ieq(sidekick, str_or(name, "")))
                        return dr_fail(err, DR_E_NOT_UNIQUE, "name", "sidekick and service are both named \"%s\"", sidekick);
                for (size_t k = 0; k < i; k++)
                        if (str_ieq(sidekick, json_str(json_object_array_get_idx(secondaries, k), "name", "")))
                                return dr_fail(err, DR_E_NOT_UNIQUE, "name", "two sidekicks are named \"%s\"", sidekick);
                const char *image = json_str(s, "imageUuid", NULL);
                if (!image || !*image)
                        return dr_fail(err, DR_E_MISSING_REQUIRED, "imageUuid", "sidekick \"%s\" needs an image", sidekick);
                if ((r = container_check_image(image, err)) < 0)
                        return r;
        }
        if ((r = check_circle(lc, name, secondaries, err)) < 0)
                return r;
        if (lc)
                json_object_object_del(lc, "name");     /* the primary has the service's */
        if (lc && !json_get(lc, "version"))
                json_set_str(lc, "version", FIRST_VERSION);
        for (size_t i = 0; secondaries && i < json_object_array_length(secondaries); i++)
                if (!json_get(json_object_array_get_idx(secondaries, i), "version"))
                        json_set_str(json_object_array_get_idx(secondaries, i), "version", FIRST_VERSION);
        if (lc && def->id == T_loadBalancerService)
                lb_launch_config(lc, setting_get(api_core(req), "lb.instance.image"));
        if (lc)
                values_set(values, F_launchConfig, value_json(lc));
        if (secondaries)
                values_set(values, F_secondaryLaunchConfigs, value_json(secondaries));
        return 0;
}

static int check_selector(const struct field_values *values, enum field_id f, struct dr_error *err) {
        const char *s = text_of(values, f);
        AUTO(selector_free) struct selector *sel = NULL;
        return s ? selector_parse(s, field_name(f), &sel, err) : 0;
}

int service_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        const struct value *stack_id = field_values_get(values, F_stackId);
        if (!stack_id && req->version == API_V1)
                stack_id = field_values_get(values, F_environmentId);
        int64_t stack = old ? record_int(old, F_stackId) : stack_id && stack_id->tag == V_INT ? stack_id->i : 0;
        const struct record *st = world_get(api_world(req), T_stack, stack);
        const char *name = text_of(values, F_name);
        int r;
        if (!old && !stack)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "stackId", "a service needs a stack");
        if (!st || !is_live(st))
                return dr_fail(err, DR_E_INVALID_STATE, "stackId", "the stack is gone or going");
        if (!old && record_bool(st, F_system) && (r = access_check_infra(req, st, err)) < 0)
                return r;
        if (name && ((r = name_check_service(name, "name", err)) < 0 || (r = service_check_unique(req, stack, name, old, err)) < 0))
                return r;
        struct json_object *secondaries = json_of(values, F_secondaryLaunchConfigs);
        for (size_t i = 0; !old && secondaries && i < json_object_array_length(secondaries); i++) {
                const char *sidekick = json_str(json_object_array_get_idx(secondaries, i), "name", NULL);
                if (sidekick && (r = service_check_unique(req, stack, sidekick, old, err)) < 0)
                        return r;
        }
        if (!old && (r = service_check_launch_configs(req, def, values, err)) < 0)
                return r;
        struct json_object *lb = json_of(values, F_lbConfig), *new_lc = old ? json_of(values, F_launchConfig) : NULL;
        if (lb && (r = lb_config_check(lb, def->id == T_loadBalancerService, err)) < 0)
                return r;
        if (new_lc && def->id == T_loadBalancerService) {
                AUTO(json_free) struct json_object *lc = json_copy(new_lc);
                if ((r = check_image(lc, false, err)) < 0 || (r = normalise_ports(lc, err)) < 0)
                        return r;
                lb_launch_config(lc, setting_get(api_core(req), "lb.instance.image"));
                json_set_str(lc, "version", json_str(record_json(old, F_launchConfig), "version", FIRST_VERSION));
                values_set(values, F_launchConfig, value_json(lc));
        }
        if ((r = check_selector(values, F_selectorContainer, err)) < 0 || (r = check_selector(values, F_selectorLink, err)) < 0)
                return r;
        const struct value *metadata = field_values_get(values, F_metadata), *policy = field_values_get(values, F_scalePolicy);
        if (metadata && metadata->tag == V_JSON && metadata->t->len > METADATA_BYTES_MAX)
                return dr_fail(err, DR_E_MAX_LIMIT, "metadata", "metadata is longer than 1 MiB");
        if (policy && policy->tag == V_JSON && json_int(text_json(policy->t), "min", 0) > json_int(text_json(policy->t), "max", INT64_MAX))
                return dr_fail(err, DR_E_MAX_LIMIT, "min", "the least scale is above the greatest");
        const struct value *scale = field_values_get(values, F_scale);
        if (scale && scale->tag == V_INT && scale->i < 0)
                return dr_fail(err, DR_E_MIN_LIMIT, "scale", "a scale is not below 0");
        if (text_of(values, F_externalIpAddresses) && text_of(values, F_hostname))
                return dr_fail(err, DR_E_INVALID_OPTION, "hostname", "externalIpAddresses and hostname exclude each other");
        if (def->id == T_externalService) {
                const struct value *ips = field_values_get(values, F_externalIpAddresses);
                if (ips && ips->tag == V_JSON && text_of(values, F_hostname))
                        return dr_fail(err, DR_E_INVALID_OPTION, "hostname", "externalIpAddresses and hostname exclude each other");
        }
        /* A system stack's services are system services (orchestration.md 1.2). */
        if (!old && record_bool(st, F_system))
                values_set(values, F_system, value_bool(true));
        return 0;
}

/* ---- links ---- */
static struct record *link_of(struct api_req *req, const struct record *s, int64_t target, const char *name) {
        const struct records *l = world_by_int(api_world(req), T_serviceConsumeMap, F_serviceId, s->id);
        for (size_t i = 0; i < l->n; i++)
                if (record_int(l->v[i], F_consumedServiceId) == target && is_live(l->v[i]) && (!name || str_eq(record_name(l->v[i]), name)))
                        return l->v[i];
        return NULL;
}

/* A link names a service by id, or one of elsewhere as "stack/service" with an alias (orchestration.md 1.17). */
static int check_link(struct api_req *req, struct json_object *link, struct dr_error *err) {
        const char *elsewhere = json_str(link, "service", NULL);
        if (elsewhere && *elsewhere && !json_get(link, "serviceId"))
                return *json_str(link, "name", "") ? name_check_link(json_str(link, "name", ""), "linkName", err)
                        : dr_fail(err, DR_E_MISSING_REQUIRED, "name", "a link to \"%.100s\" needs a name", elsewhere);
        const struct record *to = world_get(api_world(req), T_service, json_int(link, "serviceId", 0));
        const char *name = json_str(link, "name", "");
        if (!to || !is_live(to) || !access_sees(req, to))
                return dr_fail(err, DR_E_INVALID_REFERENCE, "serviceId", "the linked service is not there");
        return *name ? name_check_link(name, "linkName", err) : 0;
}

static void add_link(struct api_req *req, struct record *s, struct json_object *link) {
        struct core *c = api_core(req);
        struct record *m = core_create(c, T_serviceConsumeMap, s->account_id);
        core_put_int(c, m, F_serviceId, s->id);
        core_put_int(c, m, F_consumedServiceId, json_int(link, "serviceId", 0));
        core_put_str(c, m, F_name, json_str(link, "name", ""));
        if (!json_int(link, "serviceId", 0))
                core_put_str(c, m, F_consumedService, json_str(link, "service", NULL));
        enum process_id p = process_by_action(T_serviceConsumeMap, "create");
        if (p != P_NONE && core_process_allowed(m, p))
                (void) core_process_start(c, m, p, NULL, NULL);
        core_put_bool(c, s, F_skip, false);
}

/* Every link that is not among wanted goes, every wanted one that is not there comes. */
static int set_links(struct api_req *req, struct record *s, struct json_object *wanted, struct dr_error *err) {
        size_t n = wanted ? json_object_array_length(wanted) : 0;
        for (size_t i = 0; i < n; i++) {
                struct json_object *a = json_object_array_get_idx(wanted, i);
                int r = check_link(req, a, err);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < i; k++) {
                        struct json_object *b = json_object_array_get_idx(wanted, k);
                        if (json_int(a, "serviceId", 0) == json_int(b, "serviceId", 0) && str_eq(json_str(a, "name", ""), json_str(b, "name", "")))
                                return dr_fail(err, DR_E_NOT_UNIQUE, "serviceId", "a link is there twice");
                }
        }
        const struct records *l = world_by_int(api_world(req), T_serviceConsumeMap, F_serviceId, s->id);
        for (size_t i = l->n; i-- > 0;) {
                struct record *m = l->v[i];
                bool keep = false;
                for (size_t k = 0; k < n && !keep; k++) {
                        struct json_object *a = json_object_array_get_idx(wanted, k);
                        keep = json_int(a, "serviceId", 0) == record_int(m, F_consumedServiceId) && str_eq(json_str(a, "name", ""), record_name(m));
                }
                if (!keep) {
                        core_delete(api_core(req), m);
                        l = world_by_int(api_world(req), T_serviceConsumeMap, F_serviceId, s->id);
                        i = MIN(i, l->n);
                }
        }
        for (size_t i = 0; i < n; i++) {
                struct json_object *a = json_object_array_get_idx(wanted, i);
                if (!link_of(req, s, json_int(a, "serviceId", 0), json_str(a, "name", "")))
                        add_link(req, s, a);
        }
        return 0;
}

int service_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        int k;
        if (str_eq(a->name, "certificate"))
                return service_certificate(req, r, err);
        if (str_eq(a->name, "setservicelinks"))
                return set_links(req, r, json_of(in, F_serviceLinks), err);
        struct json_object *link = json_of(in, F_serviceLink);
        if (str_eq(a->name, "addservicelink")) {
                if ((k = check_link(req, link, err)) < 0)
                        return k;
                if (link_of(req, r, json_int(link, "serviceId", 0), NULL))
                        return dr_fail(err, DR_E_NOT_UNIQUE, "serviceId", "the service is linked already");
                add_link(req, r, link);
                return 0;
        }
        if (str_eq(a->name, "removeservicelink")) {
                const char *name = json_str(link, "name", NULL);
                if (!link_of(req, r, json_int(link, "serviceId", 0), name && *name ? name : NULL))
                        return dr_fail(err, DR_E_INVALID_REFERENCE, "serviceId", "there is no such link");
                for (struct record *m; (m = link_of(req, r, json_int(link, "serviceId", 0), name && *name ? name : NULL));)
                        core_delete(api_core(req), m);
                return 0;
        }
        return service_upgrade_action(req, r, a, in, err);
}
