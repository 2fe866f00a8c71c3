#include "networks.h"

#include <stdio.h>

#include "addresses.h"
#include "applier.h"
#include "engine/address_pool.h"

enum { SUBNETS_MAX = 64 };

/* ---- drivers ---- */
/* {name: ..., subnets: [...], ...} as the driver has it, with a kind that says that plugins connect its containers. */
static void make_default_network(struct core *c, const struct record *driver) {
        static const enum field_id copied[] = { F_hostPorts, F_dns, F_dnsSearch, F_subnets, F_metadata, F_defaultPolicyAction, F_policy };
        struct json_object *o = record_json(driver, F_defaultNetwork), *v;
        struct record *n = core_create(c, T_network, driver->account_id);
        core_put_int(c, n, F_networkDriverId, driver->id);
        core_put_str(c, n, F_name, json_str(o, "name", record_name(driver)));
        if (json_str(o, "description", NULL))
                core_put_str(c, n, F_description, json_str(o, "description", NULL));
        for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
                if (!(v = json_get(o, field_name(copied[i]))))
                        continue;
                switch (json_object_get_type(v)) {
                case json_type_boolean: core_put_bool(c, n, copied[i], json_object_get_boolean(v)); break;
                case json_type_string:  core_put_str(c, n, copied[i], json_object_get_string(v)); break;
                case json_type_array: case json_type_object: core_put(c, n, copied[i], value_json(v)); break;
                default: break;
                }
        }
        if (!record_has(n, F_defaultPolicyAction))
                core_put_str(c, n, F_defaultPolicyAction, "allow");
        (void) core_process_start(c, n, P_network_create, NULL, NULL);          /* allowed: it is new */
}

static bool has_keys(struct json_object *o) { return json_object_is_type(o, json_type_object) && json_object_object_length(o) > 0; }

/* Only a system stack's driver makes a network (networking.md 10). */
static void ensure_network(struct core *c, const struct record *driver) {
        const struct record *service = world_get(c->world, T_service, record_int(driver, F_serviceId));
        if (service && record_bool(service, F_system) && has_keys(record_json(driver, F_defaultNetwork)) && !network_of_driver(c->world, driver))
                make_default_network(c, driver);
}

enum step network_driver_activate(struct core *c, struct record *driver, struct run *run, struct step_ctx *ctx) {
        (void) run;
        (void) ctx;
        ensure_network(c, driver);
        return STEP_DONE;
}

static void merge(struct json_object *into, struct json_object *from) {
        if (!json_object_is_type(from, json_type_object))
                return;
        json_object_object_foreach(from, key, v)
                json_set(into, key, json_copy(v));
}

/* Its own metadata, the driver's, and the files that make the plugins' configuration. */
static void put_metadata(struct core *c, struct record *network) {
        const struct record *driver = world_get(c->world, T_networkDriver, record_int(network, F_networkDriverId));
        AUTO(json_free) struct json_object *all = json_object_new_object();
        merge(all, record_json(network, F_metadata));
        if (driver)
                merge(all, record_json(driver, F_networkMetadata));
        if (driver && has_keys(record_json(driver, F_cniConfig)))
                json_set(all, "cniConfig", json_copy(record_json(driver, F_cniConfig)));
        if (has_keys(all) || record_has(network, F_metadata))
                core_put(c, network, F_metadata, value_json(all));
}

/* New plugins' configuration of a driver reaches the networks that it has. */
enum step network_driver_update(struct core *c, struct record *driver, struct run *run, struct step_ctx *ctx) {
        const struct records *l = world_of_account(c->world, T_network, driver->account_id);
        for (size_t i = 0; i < l->n; i++) {
                struct record *n = l->v[i];
                if (record_int(n, F_networkDriverId) != driver->id || state_is_gone((enum state_id) n->state))
                        continue;
                struct text *was = text_ref(record_text(n, F_metadata));
                put_metadata(c, n);
                if (was != record_text(n, F_metadata) && core_process_allowed(n, P_network_update))
                        (void) core_process_start(c, n, P_network_update, NULL, NULL);
                text_unref(was);
        }
        return network_driver_activate(c, driver, run, ctx);
}

/* Ends one thing by whichever of its processes the state allows; deactivated ones are removed by it ("remove"). */
static void end(struct core *c, struct record *r, enum process_id deactivate, enum process_id remove) {
        AUTO(json_free) struct json_object *data = json_object_new_object();
        json_set_bool(data, "remove", true);
        if (core_process_allowed(r, remove))
                (void) core_process_start(c, r, remove, NULL, NULL);
        else if (core_process_allowed(r, deactivate))
                (void) core_process_start(c, r, deactivate, data, NULL);
}

static enum step deactivated(struct run *run, struct step_ctx *ctx, enum process_id remove) {
        if (!json_bool(text_json(run->data), "remove", false))
                return STEP_DONE;
        ctx->chain = remove;
        return STEP_CHAIN;
}

enum step network_driver_remove(struct core *c, struct record *driver, struct run *run, struct step_ctx *ctx) {
        (void) run;
        (void) ctx;
        const struct records *l = world_of_account(c->world, T_network, driver->account_id);
        bool waiting = false;
        for (size_t i = 0; i < l->n; i++) {
                if (record_int(l->v[i], F_networkDriverId) != driver->id)
                        continue;
                waiting = true;
                end(c, l->v[i], P_network_deactivate, P_network_remove);
        }
        return waiting ? STEP_WAIT : STEP_DONE;         /* network_state_changed() wakes it */
}

static struct record *driver_of(struct core *c, const struct record *service) {
        const struct records *l = world_of_account(c->world, T_networkDriver, service->account_id);
        for (size_t i = 0; service->kind == T_networkDriverService && i < l->n; i++)
                if (record_int(l->v[i], F_serviceId) == service->id && !state_is_gone((enum state_id) l->v[i]->state))
                        return l->v[i];
        return NULL;
}

void networks_service_active(struct core *c, const struct record *service) {
        const struct record *driver = driver_of(c, service);
        if (driver && driver->state == S_active)
                ensure_network(c, driver);
}

void networks_service_gone(struct core *c, const struct record *service) {
        struct record *driver = driver_of(c, service);
        if (driver)
                end(c, driver, P_networkdriver_deactivate, P_networkdriver_remove);
}

/* ---- networks ---- */
static int make_subnet(struct core *c, const struct record *network, struct json_object *o, struct dr_error *err) {
        struct address_range range;
        char text[ADDRESS_TEXT_MAX];
        int r = address_range_make(json_str(o, "networkAddress", NULL), json_int(o, "cidrSize", 0), json_str(o, "gateway", NULL), json_str(o, "startAddress", NULL),
                                   json_str(o, "endAddress", NULL), &range, err);
        if (r < 0)
                return r;
        struct record *s = core_create(c, T_subnet, network->account_id);
        core_put_int(c, s, F_networkId, network->id);
        if (json_str(o, "name", NULL))
                core_put_str(c, s, F_name, json_str(o, "name", NULL));
        core_put_str(c, s, F_networkAddress, address_format(range.network, text));
        core_put_int(c, s, F_cidrSize, range.prefix);
        core_put_str(c, s, F_gateway, address_format(range.gateway, text));
        core_put_str(c, s, F_startAddress, address_format(range.first, text));
        core_put_str(c, s, F_endAddress, address_format(range.last, text));
        (void) core_process_start(c, s, P_subnet_create, NULL, NULL);           /* allowed: it is new */
        return 0;
}

static bool overlap(const struct address_range *a, const struct address_range *b) {
        unsigned n = MIN(a->prefix, b->prefix);
        return (a->network ^ b->network) >> (32 - n) == 0;
}

int network_check_subnets(struct json_object *list, struct dr_error *err) {
        size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
        struct address_range ranges[SUBNETS_MAX];
        if (n > SUBNETS_MAX)
                return dr_fail(err, DR_E_MAX_LIMIT, "subnets", "a network has at most %d subnets", SUBNETS_MAX);
        for (size_t i = 0; i < n; i++) {
                struct json_object *o = json_object_array_get_idx(list, i);
                int r = address_range_make(json_str(o, "networkAddress", NULL), json_int(o, "cidrSize", 0), json_str(o, "gateway", NULL),
                                           json_str(o, "startAddress", NULL), json_str(o, "endAddress", NULL), &ranges[i], err);
                for (size_t k = 0; r == 0 && k < i; k++)
                        if (overlap(&ranges[i], &ranges[k]))
                                r = dr_fail(err, DR_E_INVALID_OPTION, "subnets", "subnets of a network have no address in common");
                if (r < 0)
                        return r;
        }
        return 0;
}

enum step network_create(struct core *c, struct record *n, struct run *run, struct step_ctx *ctx) {
        const struct record *driver = world_get(c->world, T_networkDriver, record_int(n, F_networkDriverId));
        struct json_object *list = record_json(n, F_subnets);
        (void) run;
        if (!record_has(n, F_kind) && driver && has_keys(record_json(driver, F_cniConfig)))
                core_put_str(c, n, F_kind, "cni");
        put_metadata(c, n);
        if (network_check_subnets(list, &ctx->err) < 0)
                return STEP_RETRY;
        for (size_t i = world_by_int(c->world, T_subnet, F_networkId, n->id)->n; json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++)
                if (make_subnet(c, n, json_object_array_get_idx(list, i), &ctx->err) < 0)
                        return STEP_RETRY;
        return STEP_DELEGATE;
}

enum step network_activate(struct core *c, struct record *n, struct run *run, struct step_ctx *ctx) {
        char prefix[MAC_PREFIX_TEXT];
        (void) run;
        if (record_has(n, F_macPrefix))
                return STEP_DONE;
        if (!network_next_mac_prefix(c->world, prefix)) {
                (void) dr_fail(&ctx->err, DR_E_UNAVAILABLE, NULL, "no prefix of MAC addresses is left");
                return STEP_RETRY;
        }
        core_put_str(c, n, F_macPrefix, prefix);
        return STEP_DONE;
}

enum step network_deactivate(struct core *c, struct record *n, struct run *run, struct step_ctx *ctx) {
        (void) c;
        (void) n;
        return deactivated(run, ctx, P_network_remove);
}

enum step network_remove(struct core *c, struct record *n, struct run *run, struct step_ctx *ctx) {
        (void) run;
        (void) ctx;
        const struct records *l = world_by_int(c->world, T_subnet, F_networkId, n->id);
        for (size_t i = l->n; i-- > 0;)
                end(c, l->v[i], P_subnet_deactivate, P_subnet_remove);
        return l->n ? STEP_WAIT : STEP_DONE;
}

enum step subnet_deactivate(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        (void) c;
        (void) s;
        return deactivated(run, ctx, P_subnet_remove);
}

void network_state_changed(struct core *c, const struct record *r, enum state_id now) {
        struct record *above = NULL;
        if (now != S_removed)
                return;
        if (r->type == T_subnet)
                above = world_get(c->world, T_network, record_int(r, F_networkId));
        else
                above = world_get(c->world, T_networkDriver, record_int(r, F_networkDriverId));
        if (above && above->run)
                core_wake(c, above);
}

/* ---- the spec ---- */
static void append(struct json_object *spec, const char *key, struct json_object *more) {
        size_t n = json_object_is_type(more, json_type_array) ? json_object_array_length(more) : 0;
        struct json_object *list = json_get_array(spec, key);
        if (!n)
                return;
        if (!list) {
                list = json_object_new_array();
                json_set(spec, key, list);
        }
        for (size_t i = 0; i < n; i++) {
                const char *s = json_object_get_string(json_object_array_get_idx(more, i));
                bool there = false;
                for (size_t k = 0; k < json_object_array_length(list) && !there; k++)
                        there = str_eq(json_object_get_string(json_object_array_get_idx(list, k)), s);
                if (s && !there)
                        json_object_array_add(list, json_object_new_string(s));
        }
}

/* Those of the network, after the container's own (dns.md 10.1). */
static void name_servers(const struct record *n, struct json_object *spec, struct json_object *labels) {
        const char *dns = json_str(labels, "io.rancher.container.dns", NULL);
        if (dns && str_ieq(dns, "false"))
                return;
        append(spec, "dns", record_json(n, F_dns));
        if (!str_ieq(json_str(labels, "io.rancher.container.dns.priority", ""), "None"))
                append(spec, "dnsSearch", record_json(n, F_dnsSearch));
}

void networks_spec(struct core *c, const struct record *i, struct json_object *spec, struct json_object *labels) {
        static const char *const not_the_engines[] = { "ports", "publishAllPorts", "expose" };
        const struct record *n = addresses_network(c->world, i);
        if (!n)
                return;
        name_servers(n, spec, labels);
        if (!network_is_cni(n))
                return;
        char mac[MAC_TEXT], ip[ADDRESS_TEXT_MAX + 4], uuid[RECORD_UUID_MAX];
        struct json_object *o = json_object_new_object();
        json_set_bool(o, "cni", true);
        json_set_str(o, "name", record_name(n));
        json_set_str(o, "uuid", record_uuid(n, uuid));
        json_set_bool(o, "hostPorts", record_bool(n, F_hostPorts));
        if (record_json(n, F_dns))
                json_set(o, "dns", json_copy(record_json(n, F_dns)));
        if (record_json(n, F_dnsSearch))
                json_set(o, "dnsSearch", json_copy(record_json(n, F_dnsSearch)));
        const struct record *subnet = addresses_subnet(c->world, i);
        if (subnet) {
                snprintf(ip, sizeof ip, "%s/%d", record_str(i, F_primaryIpAddress), (int) record_int(subnet, F_cidrSize));
                json_set_str(o, "ip", ip);
                json_set_str(labels, "io.rancher.container.ip", ip);
        }
        if (addresses_mac(c->world, i, mac)) {
                json_set_str(o, "mac", mac);
                json_set_str(labels, "io.rancher.container.mac_address", mac);
        }
        json_set_str(labels, "io.rancher.cni.wait", "true");
        if (!*json_str(labels, "io.rancher.cni.network", ""))
                json_set_str(labels, "io.rancher.cni.network", record_name(n));
        for (size_t k = 0; k < ARRAY_LEN(not_the_engines); k++)
                json_object_object_del(spec, not_the_engines[k]);
        json_set_str(spec, "networkMode", "none");
        json_set(spec, "network", o);
}
