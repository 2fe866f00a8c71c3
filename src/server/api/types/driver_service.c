/* Services that are a storage or network driver (spec api.md 3.6, storage.md 3): the driver is a row of its own, with the service. */
#include "base/map.h"
#include "formats/json.h"
#include "server/api/change.h"
#include "types.h"

static struct record *driver_of(struct api_req *req, const struct record *service, enum type_id type) {
        const struct records *l = world_of_account(api_world(req), type, service->account_id);
        for (size_t i = 0; i < l->n; i++)
                if (record_int(l->v[i], F_serviceId) == service->id)
                        return l->v[i];
        return NULL;
}

/* Field names of both drivers, as the service's object gives them. */
static void put_driver(struct core *c, struct record *driver, struct json_object *o) {
        static const enum field_id texts[] = { F_name, F_description, F_volumeAccessMode, F_blockDevicePath, F_scope },
                                   values[] = { F_volumeCapabilities, F_cniConfig, F_networkMetadata, F_defaultNetwork };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                if (json_str(o, field_name(texts[i]), NULL))
                        core_put_str(c, driver, texts[i], json_str(o, field_name(texts[i]), NULL));
        for (size_t i = 0; i < ARRAY_LEN(values); i++)
                if (json_get(o, field_name(values[i])))
                        core_put(c, driver, values[i], value_json(json_get(o, field_name(values[i]))));
}

static void driver_put(struct api_req *req, struct record *service) {
        bool storage = service->kind == T_storageDriverService;
        enum type_id type = storage ? T_storageDriver : T_networkDriver;
        struct core *c = api_core(req);
        struct json_object *o = record_json(service, storage ? F_storageDriver : F_networkDriver);
        struct record *driver = driver_of(req, service, type);
        bool fresh = !driver;
        if (fresh) {
                driver = core_create(c, type, service->account_id);
                core_put_int(c, driver, F_serviceId, service->id);
                core_put_str(c, driver, F_name, record_name(service));
        }
        put_driver(c, driver, o);
        if (fresh)
                (void) core_process_start(c, driver, storage ? P_storagedriver_create : P_networkdriver_create, NULL, NULL);      /* allowed: it is new */
        else if (!storage && core_process_allowed(driver, P_networkdriver_update))
                (void) core_process_start(c, driver, P_networkdriver_update, NULL, NULL);
}

void driver_service_create(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        driver_put(req, r);
}

void driver_service_update(struct api_req *req, struct record *r, const struct field_values *values, bool changed) {
        (void) values;
        if (changed)
                driver_put(req, r);
}

/* ---- in use ---- */
static void add_id(struct api_req *req, struct sbuf *list, enum type_id type, int64_t id) {
        char text[ID_TEXT_MAX];
        sbuf_printf(list, "%s%s", list->len ? "," : "", id_format(req->version, type, id, text));
}

static bool is_live(const struct record *r) { return !state_is_gone((enum state_id) r->state); }

static void volumes_of(struct api_req *req, const struct record *driver, struct sbuf *list) {
        const struct records *l = world_of_account(api_world(req), T_volume, driver->account_id);
        for (size_t i = 0; i < l->n; i++)
                if (record_int(l->v[i], F_storageDriverId) == driver->id && is_live(l->v[i]))
                        add_id(req, list, T_volume, l->v[i]->id);
}

/* Containers on its networks, but for those of the infrastructure, which goes or comes with it; and networks that somebody made with it. */
static void users_of_networks(struct api_req *req, const struct record *driver, struct sbuf *list) {
        struct world *w = api_world(req);
        struct map ours = { 0 };
        const struct records *l = world_of_account(w, T_network, driver->account_id);
        const char *own = json_str(record_json(driver, F_defaultNetwork), "name", NULL);
        for (size_t i = 0; i < l->n; i++) {
                if (record_int(l->v[i], F_networkDriverId) != driver->id || !is_live(l->v[i]))
                        continue;
                map_set(&ours, (uint64_t) l->v[i]->id, l->v[i]);
                if (l->v[i]->state == S_active && !str_eq(record_name(l->v[i]), own))
                        add_id(req, list, T_network, l->v[i]->id);
        }
        l = world_of_account(w, T_instance, driver->account_id);
        for (size_t i = 0; ours.n && i < l->n; i++)
                if (record_int(l->v[i], F_primaryNetworkId) && map_get(&ours, (uint64_t) record_int(l->v[i], F_primaryNetworkId)) &&
                    is_live(l->v[i]) && !record_bool(l->v[i], F_system))
                        add_id(req, list, T_instance, l->v[i]->id);
        map_done(&ours);
}

/* Who uses the driver, as a list of ids in *detail (the caller frees); false: nobody. */
static bool in_use(struct api_req *req, const struct record *driver, char **detail) {
        auto_sbuf struct sbuf list = SBUF(2000);
        (driver->type == T_storageDriver ? volumes_of : users_of_networks)(req, driver, &list);
        bool used = list.len > 0;
        *detail = sbuf_steal(&list);
        return used;
}

int driver_services_check_unused(struct api_req *req, const struct record *stack, struct dr_error *err) {
        const struct records *l = world_by_int(api_world(req), T_service, F_stackId, stack->id);
        for (size_t i = 0; i < l->n; i++) {
                bool storage = l->v[i]->kind == T_storageDriverService;
                if (!storage && l->v[i]->kind != T_networkDriverService)
                        continue;
                const struct record *driver = driver_of(req, l->v[i], storage ? T_storageDriver : T_networkDriver);
                auto_free char *detail = NULL;
                if (driver && in_use(req, driver, &detail))
                        return dr_fail(err, DR_E_DRIVER_IN_USE, NULL, "%s", detail);
        }
        return 0;
}

int driver_service_remove(struct api_req *req, struct record *r, struct dr_error *err) {
        struct record *driver = driver_of(req, r, r->kind == T_storageDriverService ? T_storageDriver : T_networkDriver);
        auto_free char *detail = NULL;
        if (driver && in_use(req, driver, &detail))
                return dr_fail(err, DR_E_DRIVER_IN_USE, NULL, "%s", detail);
        if (!driver)
                return -ENOSYS;
        struct core *c = api_core(req);
        if (driver->type == T_networkDriver)            /* it and its networks go after the service's containers (core/networks.h) */
                return -ENOSYS;
        if (core_process_allowed(driver, P_storagedriver_remove))
                (void) core_process_start(c, driver, P_storagedriver_remove, NULL, NULL);
        else if (core_process_allowed(driver, P_storagedriver_deactivate))
                (void) core_process_start(c, driver, P_storagedriver_deactivate, NULL, NULL);
        return -ENOSYS;
}

int driver_service_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        if (str_eq(a->name, "remove") || str_eq(a->name, "deactivate")) {
                struct record *driver = driver_of(req, r, r->kind == T_storageDriverService ? T_storageDriver : T_networkDriver);
                auto_free char *detail = NULL;
                if (driver && in_use(req, driver, &detail))
                        return dr_fail(err, DR_E_DRIVER_IN_USE, NULL, "%s", detail);
        }
        return service_action(req, r, a, in, err);
}
