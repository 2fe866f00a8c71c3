#include "bridge-internal.h"

#include "base/parse.h"
#include "node/cni/delegate.h"
#include "node/cni/ipam.h"
#include "node/json_view.h"
#include "node/netlink/netns.h"

#include <ctype.h>
#include <stdio.h>

enum { MTU_MIN = 68, MTU_MAX = 65535, ID_CHARS = 10 };

static int read_flags(json_object *o, struct bridge_conf *c, bool *ret_masq, struct cni_error *err) {
        const struct { const char *key; bool *to; } flags[] = {
                { "skipBridgeConfigureIP", &c->skip_configure }, { "isGateway", &c->is_gateway }, { "isDefaultGateway", &c->is_default_gateway },
                { "useBridgeIPAsGateway", &c->use_bridge_ip }, { "hairpinMode", &c->hairpin }, { "promiscMode", &c->promisc }, { "ipMasq", ret_masq },
                { "txChecksumOffload", &c->tx_checksum }, { "isDebugLevel", &c->debug },
        };
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
                if (cni_conf_bool(o, flags[i].key, flags[i].to, err) < 0)
                        return -1;
        return 0;
}

static int read_subnet(json_object *o, struct bridge_conf *c, struct cni_error *err) {
        const char *subnet = NULL, *ip = NULL;
        if (cni_conf_text(o, "bridgeSubnet", &subnet, err) < 0 || cni_conf_text(o, "bridgeIP", &ip, err) < 0)
                return -1;
        if (subnet && (inet_cidr_parse(subnet, -1, &c->subnet) < 0 || inet_first_host(&c->subnet, &c->bridge_ip) < 0))
                return cni_fail(err, CNI_E_CONFIG, "bridgeSubnet \"%.64s\" of the configuration is no network like 10.42.0.0/16", subnet);
        c->has_subnet = c->has_bridge_ip = subnet;
        if (!ip)
                return 0;
        struct inet_cidr given;
        if (inet_cidr_parse(ip, subnet ? (int) c->subnet.prefix : -1, &given) < 0)
                return cni_fail(err, CNI_E_CONFIG, "bridgeIP \"%.64s\" of the configuration is no address%s", ip, subnet ? "" : " with a prefix, and there is no bridgeSubnet");
        if (subnet && !inet_cidr_has(&c->subnet, &given.ip))
                return cni_fail(err, CNI_E_CONFIG, "bridgeIP %.64s is not in bridgeSubnet %.64s", ip, subnet);
        c->bridge_ip = given;
        c->has_bridge_ip = true;
        return 0;
}

int bridge_conf_read(const struct cni_request *r, struct bridge_conf *ret, struct cni_error *err) {
        struct bridge_conf c = { .bridge = "cni0", .tx_checksum = true, .debug = true, .state_dir = "/var/lib/cni/drover-bridge" };
        bool masq = false;
        json_object *ipam = jv_obj(r->conf, "ipam");
        if (read_flags(r->conf, &c, &masq, err) < 0 || cni_conf_text(r->conf, "bridge", &c.bridge, err) < 0 || read_subnet(r->conf, &c, err) < 0 ||
            cni_conf_uint(r->conf, "mtu", MTU_MAX, &c.mtu, err) < 0 || cni_conf_uint(r->conf, "linkMTUOverhead", MTU_MAX, &c.overhead, err) < 0 ||
            cni_conf_text(r->conf, "logToFile", &c.log_file, err) < 0 || cni_conf_text(r->conf, "stateDir", &c.state_dir, err) < 0 ||
            cni_conf_text(ipam, "type", &c.ipam, err) < 0)
                return -1;
        if (masq) {
                cni_fail(err, CNI_E_FIELD, "ipMasq is not supported");
                snprintf(err->details, sizeof err->details, "the network manager masquerades for the whole network: set hostNat");
                return -1;
        }
        if (c.hairpin && c.promisc)
                return cni_fail(err, CNI_E_CONFIG, "hairpinMode and promiscMode cannot both be true: packets would come twice");
        if (strlen(c.bridge) >= IFNAMSIZ)
                return cni_fail(err, CNI_E_CONFIG, "bridge \"%.40s\" is longer than a link's name", c.bridge);
        if (!c.ipam)
                return cni_fail(err, CNI_E_CONFIG, "the configuration has no \"ipam\" with a \"type\"");
        if (c.mtu && c.mtu < MTU_MIN)
                return cni_fail(err, CNI_E_CONFIG, "mtu %u is less than %d", c.mtu, MTU_MIN);
        if (r->args.has_overhead)
                c.overhead = r->args.overhead;
        c.is_gateway |= c.is_default_gateway;
        *ret = c;
        return 0;
}

static bool is_hex(const char *s) {
        while (isdigit((unsigned char) *s) || (*s >= 'a' && *s <= 'f'))
                s++;
        return !*s;
}

void bridge_host_name(const char *network, const char *container_id, const char *ifname, char ret[IFNAMSIZ]) {
        if (strlen(container_id) >= 32 && is_hex(container_id) && str_eq(ifname, "eth0")) {
                snprintf(ret, IFNAMSIZ, "vethr%.*s", ID_CHARS, container_id);
                return;
        }
        uint64_t h = UINT64_C(14695981039346656037);            /* FNV-1a: the same name in every call */
        const char *const parts[] = { network, container_id, ifname };
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
                for (const char *s = parts[i];; s++) {
                        h = (h ^ (uint8_t) *s) * UINT64_C(1099511628211);
                        if (!*s)
                                break;
                }
        snprintf(ret, IFNAMSIZ, "vethr%010llx", (unsigned long long) (h >> 24));
}

void bridge_alias(const struct bridge_owner *o, char ret[256]) {
        int n = snprintf(ret, 256, "drover:%s:%s:%s:%llu", o->network, o->container, o->ifname, (unsigned long long) o->ns);
        assert(n < 256);                /* 64 + 128 + 15 + 20 and what is between */
}

bool bridge_owner_parse(const char *alias, struct bridge_owner *ret) {
        struct bridge_owner o = { 0 };
        const struct { char *to; size_t size; } parts[] = { { o.network, sizeof o.network }, { o.container, sizeof o.container }, { o.ifname, sizeof o.ifname } };
        if (!str_starts(alias, "drover:"))
                return false;
        alias += strlen("drover:");
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                size_t len = strcspn(alias, ":");
                if (alias[len] != ':' || len == 0 || len >= parts[i].size)
                        return false;
                memcpy(parts[i].to, alias, len);
                alias += len + 1;
        }
        if (parse_u64(alias, UINT64_MAX, &o.ns) < 0)
                return false;
        *ret = o;
        return true;
}

/* Whether the host's end may go although the container's side was not seen: nobody lives in the namespace that it was made for. A
 * DEL without CNI_NETNS may come late, when the container runs again under the same id (spec networking.md 13, race 6). */
static bool is_dead(const struct bridge_call *c) {
        struct bridge_owner o;
        if (!bridge_owner_parse(c->host_end.alias, &o))
                return true;
        return str_eq(o.container, c->req->env.container_id) && str_eq(o.ifname, c->req->env.ifname) && !netns_has_process(o.ns);
}

/* The container's namespace, when it is still there and is not this one: pids are given again. */
static void open_box(struct bridge_call *c) {
        struct dr_error why = { 0 };
        auto_close int own = -1;
        const char *path = c->req->env.netns;
        if (!path || !*path || netns_open_own(&own, &why) < 0 || netns_open(path, &c->ns, &why) < 0)
                return;
        if (netns_id(c->ns) == netns_id(own) || netlink_open(c->ns, &c->box, &why) < 0) {
                close(c->ns);
                c->ns = -1;
        }
}

static int release(struct bridge_call *c, const char *container, const char *ifname, const char *netns, struct cni_error *err) {
        if (ipam_is_built_in(c->conf.ipam))
                return 0;
        struct delegate_call call = { .type = c->conf.ipam, .path = c->req->env.path, .command = CNI_DEL, .container_id = container, .ifname = ifname, .netns = netns,
                                      .conf = c->req->conf };
        struct bridge_owner o = { 0 };
        snprintf(o.network, sizeof o.network, "%s", c->req->network);
        snprintf(o.container, sizeof o.container, "%s", container);
        snprintf(o.ifname, sizeof o.ifname, "%s", ifname);
        if (delegate_run(&call, NULL, err) < 0)
                return -1;
        leases_remove(&c->conf, &o);
        return 0;
}

/* The link first, then the address: nobody else may have it while the link answers for it. */
int bridge_del(struct bridge_call *c, struct cni_error *err) {
        struct dr_error why = { 0 };
        open_box(c);
        int r = nlk_link_get(c->host, c->host_name, &c->host_end, &why);
        if (r < 0 && r != -ENOENT)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        if (r == 0) {
                struct nlk_link inside = { 0 };
                bool seen = c->box && nlk_link_get(c->box, c->req->env.ifname, &inside, &why) == 0 && inside.peer == c->host_end.index && c->host_end.peer == inside.index;
                if (seen || is_dead(c)) {
                        r = nlk_link_del(c->host, c->host_end.index, &why);
                        if (r < 0 && r != -ENOENT)
                                return cni_fail_with(err, CNI_E_KERNEL, &why);
                }
        }
        return release(c, c->req->env.container_id, c->req->env.ifname, NULL, err);
}

static bool is_valid(json_object *valid, const char *container, const char *ifname) {
        for (size_t i = 0; i < jv_len(valid); i++) {
                json_object *o = jv_at(valid, i);
                const char *name = jv_str(o, "ifname");
                if (str_eq(jv_str(o, "containerID"), container) && (!*name || str_eq(name, ifname)))
                        return true;
        }
        return false;
}

struct gc { struct bridge_call *c; json_object *valid; };

static int gc_lease(const struct bridge_owner *o, void *arg, struct cni_error *err) {
        struct gc *g = arg;
        return is_valid(g->valid, o->container, o->ifname) ? 0 : release(g->c, o->container, o->ifname, "", err);
}

/* Other plugins may clean up by themselves when they know how. */
static int gc_ipam(struct bridge_call *c, struct cni_error *err) {
        struct delegate_call call = { .type = c->conf.ipam, .path = c->req->env.path, .command = CNI_VERSION, .conf = c->req->conf };
        json_object *versions = NULL;
        if (delegate_run(&call, &versions, err) < 0)
                return -1;
        json_object *list = jv_arr(versions, "supportedVersions");
        bool knows = false;
        for (size_t i = 0; i < jv_len(list); i++)
                knows |= str_eq(jv_text(jv_at(list, i)), "1.1.0");
        json_object_put(versions);
        call.command = CNI_GC;
        return knows ? delegate_run(&call, NULL, err) : 0;
}

int bridge_gc(struct bridge_call *c, struct cni_error *err) {
        struct dr_error why = { 0 };
        struct gc g = { c, jv_arr(c->req->conf, "cni.dev/valid-attachments") };
        g.valid = g.valid ? g.valid : jv_arr(c->req->conf, "cni.dev/attachments");
        if (!g.valid)
                return cni_fail(err, CNI_E_CONFIG, "GC needs the list \"cni.dev/valid-attachments\" in the configuration");
        auto_free struct nlk_link *links = NULL;
        size_t n = 0;
        if (nlk_link_list(c->host, 0, &links, &n, &why) < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        for (size_t i = 0; i < n; i++) {
                struct bridge_owner o;
                if (!str_eq(links[i].kind, "veth") || !bridge_owner_parse(links[i].alias, &o) || !str_eq(o.network, c->req->network) || is_valid(g.valid, o.container, o.ifname))
                        continue;
                int r = nlk_link_del(c->host, links[i].index, &why);
                if (r < 0 && r != -ENOENT)
                        return cni_fail_with(err, CNI_E_KERNEL, &why);
        }
        if (ipam_is_built_in(c->conf.ipam))
                return 0;
        return leases_each(&c->conf, c->req->network, gc_lease, &g, err) < 0 ? -1 : gc_ipam(c, err);
}

int bridge_status(struct bridge_call *c, struct cni_error *err) {
        if (bridge_ensure(c, false, err) < 0) {
                err->code = CNI_E_UNAVAILABLE;
                return -1;
        }
        return 0;
}

static int run(struct bridge_call *c, struct cni_result *ret, struct cni_error *err) {
        struct dr_error why = { 0 };
        if (bridge_conf_read(c->req, &c->conf, err) < 0)
                return -1;
        if (netlink_open(-1, &c->host, &why) < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        if (c->req->command == CNI_ADD || c->req->command == CNI_DEL || c->req->command == CNI_CHECK)
                bridge_host_name(c->req->network, c->req->env.container_id, c->req->env.ifname, c->host_name);
        switch (c->req->command) {
        case CNI_ADD:
                return bridge_add(c, ret, err);
        case CNI_DEL:
                return bridge_del(c, err);
        case CNI_CHECK:
                return bridge_check(c, err);
        case CNI_GC:
                return bridge_gc(c, err);
        default:
                return bridge_status(c, err);
        }
}

int bridge_plugin(const struct cni_request *r, struct cni_result *ret, struct cni_error *err) {
        struct bridge_call c = { .req = r, .ns = -1 };
        int result = run(&c, ret, err);
        netlink_free(c.host);
        netlink_free(c.box);
        if (c.ns >= 0)
                close(c.ns);
        return result;
}
