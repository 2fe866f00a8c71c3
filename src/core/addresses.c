#include "addresses.h"

#include <stdio.h>

#include "applier.h"
#include "engine/address_pool.h"
#include "model/launch.h"

/* ---- pools ---- */
static int range_of(const struct record *subnet, struct address_range *ret) {
        return address_range_make(record_str(subnet, F_networkAddress), record_int(subnet, F_cidrSize), record_str(subnet, F_gateway),
                                  record_str(subnet, F_startAddress), record_str(subnet, F_endAddress), ret, NULL);
}

static bool address_of(const struct record *r, enum field_id f, uint32_t *ret) {
        const char *s = record_str(r, f);
        return s && address_parse(s, ret) == 0;
}

/* The network of a retained address: that of its service's containers, written with it. */
static void hold_all(struct address_pool *p, const struct records *l, enum field_id address, enum field_id network, int64_t network_id) {
        uint32_t a, newest = 0;
        for (size_t i = 0; i < l->n; i++)
                if (record_int(l->v[i], network) == network_id && address_of(l->v[i], address, &a) && address_pool_hold(p, a))
                        newest = a;
        address_pool_go_on_after(p, newest);
}

static struct address_pool *pool_of(struct core *c, const struct record *subnet) {
        struct address_pool *p = map_get(&c->address_pools, (uint64_t) subnet->id);
        struct address_range range;
        if (p || range_of(subnet, &range) < 0)
                return p;
        p = address_pool_new(range.first, range.last);
        int64_t network = record_int(subnet, F_networkId);
        hold_all(p, world_of_account(c->world, T_serviceIndex, subnet->account_id), F_address, F_networkId, network);
        hold_all(p, world_of_account(c->world, T_instance, subnet->account_id), F_primaryIpAddress, F_primaryNetworkId, network);
        map_set(&c->address_pools, (uint64_t) subnet->id, p);
        return p;
}

static void drop_pool(struct core *c, int64_t subnet_id) { address_pool_free(map_del(&c->address_pools, (uint64_t) subnet_id)); }

void addresses_done(struct core *c) {
        map_foreach(&c->address_pools, s)
                address_pool_free(s->value);
        map_done(&c->address_pools);
}

void addresses_rebuild(struct core *c) {
        const struct records *l = world_all(c->world, T_subnet);
        addresses_done(c);
        for (size_t i = 0; i < l->n; i++)       /* at once: the newest container, after whose address it goes on, may go before the next one comes */
                (void) pool_of(c, l->v[i]);
}

static const struct records *subnets_of(const struct world *w, int64_t network_id) { return world_by_int(w, T_subnet, F_networkId, network_id); }

/* A row that held this address does not any more. A pool that is not made yet will not find it. */
static void release(struct core *c, int64_t network_id, const char *address) {
        const struct records *l = subnets_of(c->world, network_id);
        uint32_t a;
        for (size_t i = 0; address && address_parse(address, &a) == 0 && i < l->n; i++) {
                struct address_pool *p = map_get(&c->address_pools, (uint64_t) l->v[i]->id);
                if (p)
                        address_pool_release(p, a);
        }
}

void addresses_left(struct core *c, const struct record *r) {
        if (r->type == T_subnet)
                drop_pool(c, r->id);
        else if (r->type == T_instance && record_int(r, F_primaryNetworkId))
                release(c, record_int(r, F_primaryNetworkId), record_str(r, F_primaryIpAddress));
        else if (r->type == T_serviceIndex)
                release(c, record_int(r, F_networkId), record_str(r, F_address));
}

/* Holds this address where it belongs; false: no subnet has it. */
static bool hold(struct core *c, int64_t network_id, uint32_t a) {
        const struct records *l = subnets_of(c->world, network_id);
        for (size_t i = 0; i < l->n; i++) {
                struct address_pool *p = pool_of(c, l->v[i]);
                if (p && address_pool_hold(p, a))
                        return true;
        }
        return false;
}

/* ---- retained addresses ---- */
static const char *lc_name(const struct record *i) { return str_or(record_str(i, F_launchConfigName), LAUNCH_PRIMARY); }

static struct record *retaining_service(struct core *c, const struct record *i) {
        struct record *s = record_int(i, F_serviceId) ? world_get(c->world, T_service, record_int(i, F_serviceId)) : NULL;
        return s && record_bool(s, F_retainIp) && record_str(i, F_serviceIndex) ? s : NULL;
}

static struct record *index_row(struct core *c, int64_t service_id, const char *lc, const char *index) {
        const struct records *l = world_by_int(c->world, T_serviceIndex, F_serviceId, service_id);
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(record_str(l->v[i], F_serviceIndex), index) && str_eq(record_str(l->v[i], F_launchConfigName), lc))
                        return l->v[i];
        return NULL;
}

/* The container's address is its index's from now on too. */
static void retain(struct core *c, const struct record *service, const struct record *i) {
        const char *address = record_str(i, F_primaryIpAddress);
        struct record *row = index_row(c, service->id, lc_name(i), record_str(i, F_serviceIndex));
        uint32_t a;
        if (!address || (row && str_eq(record_str(row, F_address), address)) || address_parse(address, &a) < 0)
                return;
        if (!hold(c, record_int(i, F_primaryNetworkId), a))
                return;
        if (row)                                /* after hold(): a pool made just now knows what the row held */
                release(c, record_int(row, F_networkId), record_str(row, F_address));
        if (!row) {
                row = core_create(c, T_serviceIndex, service->account_id);
                row->state = S_active;          /* it is while it is needed, like a unit */
                core_put_int(c, row, F_serviceId, service->id);
                core_put_str(c, row, F_launchConfigName, lc_name(i));
                core_put(c, row, F_serviceIndex, value_ref(record_value(i, F_serviceIndex)));
        }
        core_put(c, row, F_networkId, value_ref(record_value(i, F_primaryNetworkId)));
        core_put(c, row, F_address, value_ref(record_value(i, F_primaryIpAddress)));
}

void addresses_forget_service(struct core *c, int64_t service_id) {
        for (const struct records *l; (l = world_by_int(c->world, T_serviceIndex, F_serviceId, service_id))->n;)
                core_delete(c, l->v[l->n - 1]);
}

void addresses_converged(struct core *c, const struct record *service) {
        const struct records *l = world_by_int(c->world, T_serviceIndex, F_serviceId, service->id);
        if (!l->n)
                return;
        const struct records *units = world_by_int(c->world, T_deploymentUnit, F_serviceId, service->id);
        struct smap there = { 0 };
        for (size_t i = 0; i < units->n; i++)
                if (record_str(units->v[i], F_serviceIndex))
                        smap_set(&there, record_str(units->v[i], F_serviceIndex), units->v[i]);
        for (size_t i = l->n; i-- > 0; l = world_by_int(c->world, T_serviceIndex, F_serviceId, service->id))
                if (!smap_get(&there, str_or(record_str(l->v[i], F_serviceIndex), "")))
                        core_delete(c, l->v[i]);
        smap_done(&there);
}

void addresses_retain(struct core *c, struct record *service) {
        if (!record_bool(service, F_retainIp)) {
                addresses_forget_service(c, service->id);
                return;
        }
        const struct records *l = world_by_int(c->world, T_instance, F_serviceId, service->id);
        for (size_t i = 0; i < l->n; i++)
                if (record_str(l->v[i], F_serviceIndex) && !record_bool(l->v[i], F_upgradeSetAside) && !state_is_gone((enum state_id) l->v[i]->state))
                        retain(c, service, l->v[i]);
}

/* ---- giving ---- */
static void put_address(struct core *c, struct record *i, uint32_t a) {
        char text[ADDRESS_TEXT_MAX];
        core_put_str(c, i, F_primaryIpAddress, address_format(a, text));
}

static bool give_retained(struct core *c, struct record *i, const struct record *network) {
        const struct record *service = retaining_service(c, i);
        const struct record *row = service ? index_row(c, service->id, lc_name(i), record_str(i, F_serviceIndex)) : NULL;
        uint32_t a;
        if (!row || record_int(row, F_networkId) != network->id || !address_of(row, F_address, &a) || !hold(c, network->id, a))
                return false;
        put_address(c, i, a);
        return true;
}

/* The first free one of a comma list. */
static bool give_requested(struct core *c, struct record *i, const struct record *network, const char *list) {
        const struct records *l = subnets_of(c->world, network->id);
        for (const char *p = str_or(list, ""); *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
                char text[ADDRESS_TEXT_MAX];
                uint32_t a;
                const char *from = p + strspn(p, " \t");
                size_t n = strcspn(from, ", \t");
                if (!n || n >= sizeof text)
                        continue;
                snprintf(text, sizeof text, "%.*s", (int) n, from);
                if (address_parse(text, &a) < 0)
                        continue;
                for (size_t k = 0; k < l->n; k++) {
                        struct address_pool *pool = pool_of(c, l->v[k]);
                        if (pool && address_pool_is_free(pool, a) && address_pool_hold(pool, a)) {
                                put_address(c, i, a);
                                return true;
                        }
                }
        }
        return false;
}

static int give_next(struct core *c, struct record *i, const struct record *network, struct dr_error *err) {
        const struct records *l = subnets_of(c->world, network->id);
        uint64_t size = 0;
        for (size_t k = 0; k < l->n; k++) {
                struct address_pool *pool = pool_of(c, l->v[k]);
                uint32_t a = pool ? address_pool_take(pool) : 0;
                if (a) {
                        put_address(c, i, a);
                        return 0;
                }
                size += pool ? address_pool_size(pool) : 0;
        }
        return dr_fail(err, DR_E_UNAVAILABLE, NULL, "No free address in network \"%.60s\": all %llu are in use", record_name(network), (unsigned long long) size);
}

struct record *addresses_network(const struct world *w, const struct record *i) {
        int64_t id = record_int(i, F_primaryNetworkId);
        struct record *n = id ? world_get(w, T_network, id) : NULL;
        return n && n->account_id == i->account_id && !state_is_gone((enum state_id) n->state) ? n : NULL;
}

int addresses_give(struct core *c, struct record *i, struct dr_error *err) {
        struct record *network = NULL;
        if (addresses_network(c->world, i))
                return 0;
        int r = network_of(c->world, i, &network, err);
        if (r < 0)
                return r;
        if (record_int(i, F_primaryNetworkId)) {        /* that network is gone: what it had there means nothing now */
                core_clear(c, i, F_primaryNetworkId);
                core_clear(c, i, F_primaryIpAddress);
        }
        if (!network)
                return 0;
        char buf[64];
        const char *label = launch_label(i, "io.rancher.container.requested_ip", buf, sizeof buf);
        if (subnets_of(c->world, network->id)->n && !give_retained(c, i, network) && !give_requested(c, i, network, label) &&
            !give_requested(c, i, network, launch_str(i, "requestedIpAddress")) && (r = give_next(c, i, network, err)) < 0)
                return r;
        core_put_int(c, i, F_primaryNetworkId, network->id);
        const struct record *service = retaining_service(c, i);
        if (service)
                retain(c, service, i);
        return 0;
}

/* ---- what follows from an address ---- */
/* Counts over all subnets: *number is the place of the address among all of the network's. */
static const struct record *find_subnet(const struct world *w, const struct record *i, uint32_t *number) {
        const struct records *l = subnets_of(w, record_int(i, F_primaryNetworkId));
        uint32_t a, before = 0;
        struct address_range range;
        if (!address_of(i, F_primaryIpAddress, &a))
                return NULL;
        for (size_t k = 0; k < l->n; k++) {
                if (range_of(l->v[k], &range) < 0)
                        continue;
                uint32_t size = 1U << (32 - range.prefix);
                if (a - range.network < size) {
                        *number = before + (a - range.network);
                        return l->v[k];
                }
                before += size;
        }
        return NULL;
}

const struct record *addresses_subnet(const struct world *w, const struct record *i) {
        uint32_t number;
        return record_int(i, F_primaryNetworkId) ? find_subnet(w, i, &number) : NULL;
}

bool addresses_mac(const struct world *w, const struct record *i, char buf[MAC_TEXT]) {
        const struct record *network = addresses_network(w, i);
        const char *prefix = network ? record_str(network, F_macPrefix) : NULL;
        uint32_t n = (uint32_t) i->id;
        if (!prefix || strlen(prefix) != MAC_PREFIX_TEXT - 1)
                return false;
        (void) find_subnet(w, i, &n);
        snprintf(buf, MAC_TEXT, "%s:%02x:%02x:%02x", prefix, n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff);
        return true;
}
