#include "overlay.h"

#include "node/json_view.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

/* Hosts' own addresses: in 169.254.64.0/18, which nobody routes, and away from 169.254.169.0/24. */
enum { ADDRESS_FIRST = 0xa9fe4001, ADDRESSES = 16382, MTU_DEFAULT = 1500, MTU_MIN = 576, MTU_MAX = 65535 };

struct host {
        const char *uuid;
        struct md_object *object;
        struct inet ip, address;
        uint8_t mac[MAC_BYTES];
        bool usable;                    /* has an IPv4 address of its own */
};
typedef VEC(struct host) host_list;

int overlay_item_compare(const void *a, const void *b) { return memcmp(a, b, sizeof(struct overlay_item)); }

bool overlay_item_same_key(const struct overlay_item *a, const struct overlay_item *b) { return a->kind == b->kind && memcmp(a->key, b->key, sizeof a->key) == 0; }

void overlay_mac(const struct inet *host, uint8_t ret[MAC_BYTES]) {
        ret[0] = 0x0e;
        ret[1] = 0;
        memcpy(ret + 2, host->bytes, 4);
}

/* Hosts -------------------------------------------------------------------------------------------------------------- */

static int compare_hosts(const void *a, const void *b) { return strcmp(((const struct host *) a)->uuid, ((const struct host *) b)->uuid); }

static uint32_t hash(const char *s) {
        uint32_t h = 2166136261u;
        for (; *s; s++)
                h = (h ^ (uint8_t) *s) * 16777619u;
        return h;
}

/* Every host comes to the same result from the same list: in the order of their uuids each takes the first free place behind the one its uuid
 * says. */
static void give_addresses(host_list *hosts) {
        auto_free bool *taken = dr_xcalloc(ADDRESSES, sizeof *taken);
        for (size_t i = 0; i < hosts->n; i++) {
                struct host *h = &hosts->v[i];
                if (i >= ADDRESSES)
                        h->usable = false;
                if (!h->usable)
                        continue;
                uint32_t place = hash(h->uuid) % ADDRESSES;
                while (taken[place])
                        place = (place + 1) % ADDRESSES;
                taken[place] = true;
                uint32_t address = htonl((uint32_t) ADDRESS_FIRST + place);
                h->address.family = AF_INET;
                memcpy(h->address.bytes, &address, sizeof address);
        }
}

static void list_hosts(const struct mdata *m, host_list *hosts) {
        const md_list *all = mdata_list(m, MD_HOST);
        for (size_t i = 0; i < all->n; i++) {
                struct host h = { .uuid = all->v[i]->uuid, .object = all->v[i] };
                h.usable = inet_parse(jv_str(h.object->json, "agent_ip"), &h.ip) == 0 && h.ip.family == AF_INET && !inet_is_zero(&h.ip);
                if (h.usable)
                        overlay_mac(&h.ip, h.mac);
                vec_push(hosts, h);
        }
        vec_sort(hosts, compare_hosts);
        for (size_t i = 0; i < hosts->n; i++)
                for (size_t k = 0; k < i && hosts->v[i].usable; k++)
                        if (hosts->v[k].usable && inet_eq(&hosts->v[i].ip, &hosts->v[k].ip))
                                hosts->v[i].usable = false;     /* behind one address only one can be found */
        give_addresses(hosts);
}

static struct host *find_host(const host_list *hosts, const char *uuid) {
        struct host key = { .uuid = uuid };
        return *uuid && hosts->n ? bsearch(&key, hosts->v, hosts->n, sizeof key, compare_hosts) : NULL;
}

/* The network ---------------------------------------------------------------------------------------------------------- */

static bool is_network(struct json_object *network, const char *name) { return str_eq(jv_str(network, "name"), name); }

/* The first file, by name, that names a bridge, or has a plugin of ours. */
static struct json_object *cni_config(struct json_object *network) {
        struct json_object *files = jv_obj(jv_obj(network, "metadata"), "cniConfig"), *found = NULL;
        const char *found_name = NULL;
        if (!files)
                return NULL;
        json_object_object_foreach(files, name, file) {
                if (*jv_str(file, "bridge") && (!found || strcmp(name, found_name) < 0)) {
                        found = file;
                        found_name = name;
                }
        }
        return found;
}

static unsigned number(struct json_object *o, const char *key, unsigned otherwise) {
        struct json_object *v = jv_get(o, key);
        int64_t n = v && json_object_is_type(v, json_type_string) ? json_object_get_int64(v) : jv_i64(o, key);
        return n > 0 && n <= MTU_MAX ? (unsigned) n : otherwise;
}

static bool read_network(struct overlay *o, const struct mdata *m, const char *name) {
        const md_list *all = mdata_list(m, MD_NETWORK);
        bool found = false;
        for (size_t i = 0; i < all->n; i++) {
                if (!is_network(all->v[i]->json, name))
                        continue;
                found = true;
                struct json_object *cfg = cni_config(all->v[i]->json);
                const char *bridge = jv_str(cfg, "bridge");
                if (!cfg || strlen(bridge) > OVERLAY_BRIDGE_MAX)
                        continue;
                snprintf(o->bridge, sizeof o->bridge, "%s", bridge);
                unsigned mtu = number(cfg, "mtu", MTU_DEFAULT), overhead = number(cfg, "linkMTUOverhead", OVERLAY_OVERHEAD);
                o->mtu = mtu > overhead + MTU_MIN ? mtu - overhead : MTU_MIN;
                return true;
        }
        snprintf(o->missing, sizeof o->missing, found ? "network \"%.60s\" has no configuration that names a bridge" : "there is no network \"%.60s\" yet", name);
        return false;
}

/* Containers ----------------------------------------------------------------------------------------------------------- */

struct guest { struct inet ip; uint8_t mac[MAC_BYTES]; bool has_mac; unsigned rank; const char *uuid; const struct host *host; };
typedef VEC(struct guest) guest_list;

static int compare_guests(const void *a, const void *b) {
        const struct guest *g = a, *h = b;
        int d = memcmp(g->ip.bytes, h->ip.bytes, 4);
        if (d == 0)
                d = (g->rank > h->rank) - (g->rank < h->rank);
        return d ? d : strcmp(g->uuid, h->uuid);
}

static unsigned rank_of(const char *state) {
        static const char *const states[] = { "running", "starting", "stopping" };
        for (unsigned i = 0; i < ARRAY_LEN(states); i++)
                if (str_eq(state, states[i]))
                        return i + 1;
        return 0;
}

static void list_guests(const struct mdata *m, const char *network, const host_list *hosts, guest_list *guests) {
        const md_list *networks = mdata_list(m, MD_NETWORK);
        for (size_t i = 0; i < networks->n; i++) {
                if (!is_network(networks->v[i]->json, network))
                        continue;
                const md_list *members = mdata_members(m, networks->v[i]);
                for (size_t k = 0; k < members->n; k++) {
                        struct json_object *c = members->v[k]->json;
                        struct guest g = { .rank = rank_of(jv_str(c, "state")), .uuid = members->v[k]->uuid, .host = find_host(hosts, jv_str(c, "host_uuid")) };
                        if (!g.rank || *jv_str(c, "network_from_container_uuid") || !g.host || inet_parse(jv_str(c, "primary_ip"), &g.ip) < 0 || g.ip.family != AF_INET)
                                continue;
                        g.has_mac = mac_parse(jv_str(c, "primary_mac_address"), g.mac) == 0;
                        vec_push(guests, g);
                }
        }
        vec_sort(guests, compare_guests);
}

/* Items ---------------------------------------------------------------------------------------------------------------- */

static void add(struct overlay *o, enum overlay_kind kind, const uint8_t *key, size_t key_len, const void *value, size_t value_len) {
        struct overlay_item item = { .kind = (uint8_t) kind };
        memcpy(item.key, key, key_len);
        if (value_len)
                memcpy(item.value, value, value_len);
        vec_push(&o->items, item);
}

static void add_mac(struct overlay *o, const uint8_t *mac, const struct host *at) {
        add(o, OVERLAY_FDB, mac, MAC_BYTES, at->ip.bytes, 4);
        add(o, OVERLAY_PORT_FDB, mac, MAC_BYTES, NULL, 0);
}

static void add_route(struct overlay *o, const struct inet *to, const struct inet *gateway) {
        uint8_t value[10] = { 0 };
        uint16_t mtu = htons((uint16_t) o->mtu);
        if (gateway)
                memcpy(value, gateway->bytes, 4);
        memcpy(value + 4, o->address.bytes, 4);
        memcpy(value + 8, &mtu, sizeof mtu);
        add(o, OVERLAY_ROUTE, to->bytes, 4, value, sizeof value);
}

static void add_peer(struct overlay *o, const struct host *h) {
        const char *state = jv_str(h->object->json, "state"), *agent = jv_str(h->object->json, "agent_state");
        struct overlay_peer p = { .uuid = h->uuid, .name = *h->object->name ? h->object->name : h->uuid, .host = h->ip, .address = h->address };
        p.away = (*state && !str_eq(state, "active") && !str_eq(state, "inactive")) || (*agent && !str_eq(agent, "active"));
        vec_push(&o->peers, p);
        add_mac(o, h->mac, h);
        add(o, OVERLAY_NEIGHBOUR, h->address.bytes, 4, h->mac, MAC_BYTES);
        add_route(o, &h->address, NULL);
}

/* One without a MAC is reached through its host, which passes packets on. */
static void add_guest(struct overlay *o, const struct guest *g) {
        o->containers++;
        if (g->has_mac)
                add_mac(o, g->mac, g->host);
        add(o, OVERLAY_NEIGHBOUR, g->ip.bytes, 4, g->has_mac ? g->mac : g->host->mac, MAC_BYTES);
        add_route(o, &g->ip, &g->host->address);
}

/* Two containers with the same MAC: the entries of the first stay. */
static void drop_twins(struct overlay *o) {
        vec_sort(&o->items, overlay_item_compare);
        size_t n = 0;
        for (size_t i = 0; i < o->items.n; i++)
                if (n == 0 || !overlay_item_same_key(&o->items.v[n - 1], &o->items.v[i]))
                        o->items.v[n++] = o->items.v[i];
        o->items.n = n;
}

void overlay_decide(struct overlay *o, const struct mdata *m, const char *network) {
        overlay_done(o);
        *o = (struct overlay) { 0 };
        host_list hosts = { 0 };
        guest_list guests = { 0 };
        list_hosts(m, &hosts);
        const struct host *own = find_host(&hosts, mdata_host_uuid(m));
        if (!own)
                snprintf(o->missing, sizeof o->missing, "this host is not known yet");
        else if (!own->usable)
                snprintf(o->missing, sizeof o->missing, "this host has no IPv4 address of its own (agent_ip is \"%.60s\")", jv_str(own->object->json, "agent_ip"));
        else if (read_network(o, m, network)) {
                o->host = own->ip;
                o->address = own->address;
                memcpy(o->mac, own->mac, sizeof o->mac);
                for (size_t i = 0; i < hosts.n; i++)
                        if (&hosts.v[i] != own && hosts.v[i].usable)
                                add_peer(o, &hosts.v[i]);
                list_guests(m, network, &hosts, &guests);
                for (size_t i = 0; i < guests.n; i++) {
                        if (i > 0 && inet_eq(&guests.v[i - 1].ip, &guests.v[i].ip))
                                o->duplicates++;
                        else if (guests.v[i].host != own && guests.v[i].host->usable)
                                add_guest(o, &guests.v[i]);
                }
                drop_twins(o);
        }
        vec_done(&hosts);
        vec_done(&guests);
}

void overlay_done(struct overlay *o) {
        vec_done(&o->items);
        vec_done(&o->peers);
}
