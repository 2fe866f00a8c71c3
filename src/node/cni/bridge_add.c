#include "bridge-internal.h"

#include "node/cni/delegate.h"
#include "node/cni/ipam.h"
#include "node/cni/lookup.h"
#include "node/json_view.h"
#include "node/netlink/netns.h"

#include <stdio.h>

/* The namespace is opened once and looked at; from then on only the descriptor counts. */
static int open_box(struct bridge_call *c, struct cni_error *err) {
        struct dr_error why = { 0 };
        auto_close int own = -1;
        int r = netns_open(c->req->env.netns, &c->ns, &why);
        if (r < 0)
                return cni_fail_with(err, r == -ENOENT ? CNI_E_NO_CONTAINER : CNI_E_KERNEL, &why);
        if (netns_open_own(&own, &why) < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        if (netns_id(own) == netns_id(c->ns))
                return cni_fail(err, CNI_E_ENV, "CNI_NETNS \"%.200s\" is the host's own network namespace", c->req->env.netns);
        return netlink_open(c->ns, &c->box, &why) < 0 ? cni_fail_with(err, CNI_E_KERNEL, &why) : 0;
}

/* FNV-1a of the id: without anybody's word the same container keeps the same address through restarts. */
static void derived_mac(const char *network, const char *container_id, const char *ifname, uint8_t ret[MAC_BYTES]) {
        char name[IFNAMSIZ];
        uint64_t h = UINT64_C(14695981039346656037);
        bridge_host_name(network, container_id, ifname, name);
        for (const char *s = container_id; *s; s++)
                h = (h ^ (uint8_t) *s) * UINT64_C(1099511628211);
        for (const char *s = name; *s; s++)
                h = (h ^ (uint8_t) *s) * UINT64_C(1099511628211);
        for (size_t i = 0; i < MAC_BYTES; i++)
                ret[i] = (uint8_t) (h >> (8 * i + 8));
        ret[0] = (uint8_t) ((ret[0] & 0xfc) | 2);
}

static int find_mac(const struct cni_request *r, uint8_t ret[MAC_BYTES], struct cni_error *err) {
        if (r->args.has_mac) {
                memcpy(ret, r->args.mac, MAC_BYTES);
                return 0;
        }
        const char *asked = jv_str(jv_obj(r->conf, "runtimeConfig"), "mac");
        if (!*asked)
                asked = jv_str(jv_obj(jv_obj(r->conf, "args"), "cni"), "mac");
        if (*asked)
                return mac_parse(asked, ret) < 0 ? cni_fail(err, CNI_E_CONFIG, "mac \"%.40s\" of the configuration is no MAC address of one station", asked) : 0;
        derived_mac(r->network, r->env.container_id, r->env.ifname, ret);
        if (!r->args.uuid)
                return 0;
        json_object *container = NULL;
        if (lookup_container(r->args.uuid, r->env.container_id, &container, err) < 0)
                return -1;
        const char *known = jv_str(container, "primary_mac_address");
        int result = *known && mac_parse(known, ret) < 0 ? cni_fail(err, CNI_E_LATER, "metadata has the MAC address \"%.40s\", which is none of one station", known) : 0;
        json_object_put(container);
        return result;
}

static struct bridge_owner owner_of(const struct bridge_call *c) {
        struct bridge_owner o = { .ns = netns_id(c->ns) };
        snprintf(o.network, sizeof o.network, "%s", c->req->network);
        snprintf(o.container, sizeof o.container, "%s", c->req->env.container_id);
        snprintf(o.ifname, sizeof o.ifname, "%s", c->req->env.ifname);
        return o;
}

static int call_ipam(const struct bridge_call *c, enum cni_command command, json_object **ret, struct cni_error *err) {
        struct delegate_call call = { .type = c->conf.ipam, .path = c->req->env.path, .command = command, .conf = c->req->conf };
        return delegate_run(&call, ret, err);
}

/* *ret_new: the address was taken in this call and goes back when it fails. */
static int addresses(struct bridge_call *c, bool attached, struct cni_result *ret, bool *ret_new, struct cni_error *err) {
        if (ipam_is_built_in(c->conf.ipam))
                return ipam_add(c->req, ret, err);
        struct bridge_owner o = owner_of(c);
        if (attached && leases_load(&c->conf, &o, ret))
                return 0;
        json_object *answer = NULL;
        struct cni_error first = { 0 };
        if (call_ipam(c, CNI_ADD, &answer, &first) < 0) {
                /* A call that was killed may have left an address behind under this id: give it back, once. */
                *err = first;
                if (first.code == CNI_E_LATER || first.code == CNI_E_CONFIG || call_ipam(c, CNI_DEL, NULL, &(struct cni_error) { 0 }) < 0 || call_ipam(c, CNI_ADD, &answer, err) < 0)
                        return -1;
        }
        *ret_new = true;
        int r = cni_result_parse(answer, ret, err);
        json_object_put(answer);
        if (r == 0 && ret->ips.n == 0)
                r = cni_fail(err, CNI_E_IO, "plugin \"%s\" gave no address", c->conf.ipam);
        return r < 0 ? -1 : leases_save(&c->conf, &o, ret, err);
}

/* What was left of an earlier life of this container: its other half is in a namespace that is gone or about to go. */
static int remove_stale(struct bridge_call *c, struct cni_error *err) {
        struct dr_error why = { 0 };
        if (!c->host_end.index)
                return 0;
        int r = nlk_link_del(c->host, c->host_end.index, &why);
        if (r < 0 && r != -ENOENT)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        c->host_end = (struct nlk_link) { 0 };
        return 0;
}

static int make_link(struct bridge_call *c, const uint8_t *mac, unsigned inner_mtu, struct cni_error *err) {
        struct dr_error why = { 0 };
        struct nlk_veth v = { .name = c->host_name, .peer_name = c->req->env.ifname, .mtu = c->conf.mtu, .peer_mtu = inner_mtu, .peer_mac = mac, .master = c->bridge.index,
                              .peer_netns_fd = c->ns };
        int r = nlk_veth_add(c->host, &v, &why);
        if (r == -EEXIST)
                return cni_fail(err, CNI_E_CONFLICT, "link \"%s\" or interface \"%s\" came up in between", c->host_name, c->req->env.ifname);
        if (r < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        return bridge_find(c, err) > 0 ? 0 : cni_fail(err, CNI_E_NO_CONTAINER, "the container's interface went away while it was being set up");
}

/* The ends of an attachment that was there already get what the configuration says now. */
static int repair_link(struct bridge_call *c, const uint8_t *mac, unsigned inner_mtu, struct cni_error *err) {
        struct dr_error why = { 0 };
        struct nlk_link_change inner = { .set_mac = memcmp(c->box_end.mac, mac, MAC_BYTES) != 0, .mtu = inner_mtu && c->box_end.mtu != inner_mtu ? inner_mtu : 0 };
        struct nlk_link_change outer = { .set_up = !(c->host_end.flags & IFF_UP), .up = true, .set_master = c->host_end.master != c->bridge.index, .master = c->bridge.index };
        memcpy(inner.mac, mac, MAC_BYTES);
        if (nlk_link_change(c->box, c->box_end.index, &inner, &why) < 0 || nlk_link_change(c->host, c->host_end.index, &outer, &why) < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        memcpy(c->box_end.mac, mac, MAC_BYTES);
        return 0;
}

static int mark_link(struct bridge_call *c, struct cni_error *err) {
        struct dr_error why = { 0 };
        char alias[256];
        struct bridge_owner o = owner_of(c);
        bridge_alias(&o, alias);
        struct nlk_link_change change = { .alias = str_eq(alias, c->host_end.alias) ? NULL : alias, .set_hairpin = c->host_end.hairpin != c->conf.hairpin, .hairpin = c->conf.hairpin };
        return nlk_link_change(c->host, c->host_end.index, &change, &why) < 0 ? cni_fail_with(err, CNI_E_KERNEL, &why) : 0;
}

static void add_interface(struct cni_result *ret, const struct nlk_link *link, const char *sandbox, unsigned mtu) {
        struct cni_interface face = { .mtu = mtu };
        snprintf(face.name, sizeof face.name, "%s", link->name);
        mac_text(link->mac, face.mac);
        snprintf(face.sandbox, sizeof face.sandbox, "%s", sandbox);
        vec_push(&ret->interfaces, face);
}

static int inner_mtu_of(const struct bridge_call *c, unsigned *ret, struct cni_error *err) {
        unsigned outer = c->conf.mtu ? c->conf.mtu : c->bridge.mtu;
        if (c->conf.overhead == 0) {
                *ret = c->conf.mtu;
                return 0;
        }
        if (c->conf.overhead + 68 > outer)
                return cni_fail(err, CNI_E_CONFIG, "linkMTUOverhead %u leaves nothing of MTU %u", c->conf.overhead, outer);
        *ret = outer - c->conf.overhead;
        return 0;
}

static int attach(struct bridge_call *c, bool attached, struct cni_result *ret, struct cni_error *err) {
        uint8_t mac[MAC_BYTES];
        unsigned inner = 0;
        if (find_mac(c->req, mac, err) < 0 || inner_mtu_of(c, &inner, err) < 0 || bridge_gateways(c, ret, err) < 0)
                return -1;
        if (attached ? repair_link(c, mac, inner, err) < 0 : remove_stale(c, err) < 0 || make_link(c, mac, inner, err) < 0)
                return -1;
        if (mark_link(c, err) < 0 || bridge_configure_box(c, ret, err) < 0)
                return -1;
        vec_clear(&ret->interfaces);
        add_interface(ret, &c->bridge, "", c->bridge.mtu);
        add_interface(ret, &c->host_end, "", c->host_end.mtu);
        add_interface(ret, &c->box_end, c->req->env.netns, inner ? inner : c->box_end.mtu);
        for (size_t i = 0; i < ret->ips.n; i++)
                ret->ips.v[i].interface = 2;
        json_object_put(ret->dns);
        ret->dns = json_object_get(jv_obj(c->req->conf, "dns"));
        return 0;
}

int bridge_add(struct bridge_call *c, struct cni_result *ret, struct cni_error *err) {
        if (open_box(c, err) < 0)
                return -1;
        int attached = bridge_find(c, err);
        if (attached < 0 || bridge_ensure(c, true, err) < 0)
                return -1;
        bool taken = false;
        if (addresses(c, attached > 0, ret, &taken, err) == 0 && attach(c, attached > 0, ret, err) == 0)
                return 0;
        /* What this call made goes; what was there before stays. */
        struct dr_error why = { 0 };
        struct nlk_link made;
        if (attached == 0 && c->box_end.index && nlk_link_get(c->host, c->host_name, &made, &why) == 0 && made.index == c->host_end.index)
                (void) nlk_link_del(c->host, made.index, &why);
        if (taken) {
                struct bridge_owner o = owner_of(c);
                if (call_ipam(c, CNI_DEL, NULL, &(struct cni_error) { 0 }) == 0)
                        leases_remove(&c->conf, &o);
        }
        return -1;
}
