#include "bridge-internal.h"

#include "node/cni/delegate.h"
#include "node/cni/ipam.h"
#include "node/json_view.h"
#include "node/netlink/netns.h"

static int kernel(struct cni_error *err, const struct dr_error *why) { return cni_fail_with(err, CNI_E_KERNEL, why); }

static int check_addresses(struct bridge_call *c, const struct cni_result *prev, struct cni_error *err) {
        struct dr_error why = { 0 };
        auto_free struct nlk_addr *addrs = NULL;
        size_t n = 0;
        if (nlk_addr_list(c->box, 0, c->box_end.index, &addrs, &n, &why) < 0)
                return kernel(err, &why);
        for (size_t i = 0; i < prev->ips.n; i++) {
                const struct cni_ip *ip = &prev->ips.v[i];
                bool found = false;
                char text[INET_TEXT_MAX];
                if (ip->interface >= 0 && ip->interface < (int) prev->interfaces.n && !str_eq(prev->interfaces.v[ip->interface].name, c->req->env.ifname))
                        continue;
                for (size_t k = 0; k < n; k++)
                        found |= inet_cidr_eq(&addrs[k].cidr, &ip->address);
                if (!found)
                        return cni_fail(err, CNI_E_CHANGED, "interface \"%s\" lost its address %s", c->req->env.ifname, inet_cidr_text(&ip->address, text));
        }
        return 0;
}

static int check_routes(struct bridge_call *c, const struct cni_result *prev, struct cni_error *err) {
        struct dr_error why = { 0 };
        for (size_t i = 0; i < prev->routes.n; i++) {
                const struct cni_route *r = &prev->routes.v[i];
                auto_free struct nlk_route *routes = NULL;
                size_t n = 0;
                if (nlk_route_list(c->box, r->dst.ip.family, 0, r->table, &routes, &n, &why) < 0)
                        return kernel(err, &why);
                bool found = false;
                struct inet_cidr want = inet_cidr_net(&r->dst);
                for (size_t k = 0; k < n; k++) {
                        struct inet_cidr net = inet_cidr_net(&routes[k].dst);
                        found |= inet_cidr_eq(&net, &want) && (!r->gw.family || inet_eq(&r->gw, &routes[k].gw));
                }
                char text[INET_TEXT_MAX];
                if (!found)
                        return cni_fail(err, CNI_E_CHANGED, "the container lost its route to %s", inet_cidr_text(&r->dst, text));
        }
        return 0;
}

static int check_links(struct bridge_call *c, const struct cni_result *prev, struct cni_error *err) {
        int found = bridge_find(c, err);
        if (found < 0)
                return -1;
        if (found == 0)
                return cni_fail(err, CNI_E_CHANGED, "the container has no interface \"%s\" of this network", c->req->env.ifname);
        if (!(c->box_end.flags & IFF_UP) || !(c->host_end.flags & IFF_UP))
                return cni_fail(err, CNI_E_CHANGED, "interface \"%s\" or its host's end \"%s\" is down", c->req->env.ifname, c->host_name);
        if (bridge_ensure(c, false, err) < 0)
                return -1;
        if (!c->bridge.index || c->host_end.master != c->bridge.index)
                return cni_fail(err, CNI_E_CHANGED, "link \"%s\" is not on bridge \"%s\"", c->host_name, c->conf.bridge);
        if (c->conf.hairpin != c->host_end.hairpin)
                return cni_fail(err, CNI_E_CHANGED, "hairpin mode of link \"%s\" is %s", c->host_name, c->host_end.hairpin ? "on" : "off");
        bool named = false;
        for (size_t i = 0; i < prev->interfaces.n; i++) {
                const struct cni_interface *face = &prev->interfaces.v[i];
                char mac[MAC_TEXT_MAX];
                if (!str_eq(face->name, c->req->env.ifname) || !face->sandbox[0])
                        continue;
                named = true;
                if (face->mac[0] && !str_ieq(face->mac, mac_text(c->box_end.mac, mac)))
                        return cni_fail(err, CNI_E_CHANGED, "interface \"%s\" has MAC address %s instead of %s", face->name, mac, face->mac);
        }
        return named ? 0 : cni_fail(err, CNI_E_CONFIG, "prevResult does not name interface \"%s\" of the container", c->req->env.ifname);
}

int bridge_check(struct bridge_call *c, struct cni_error *err) {
        struct dr_error why = { 0 };
        auto_cni_result struct cni_result prev = { 0 };
        if (!jv_obj(c->req->conf, "prevResult"))
                return cni_fail(err, CNI_E_CONFIG, "CHECK needs \"prevResult\" in the configuration");
        if (cni_result_parse(jv_obj(c->req->conf, "prevResult"), &prev, err) < 0)
                return -1;
        int r = netns_open(c->req->env.netns, &c->ns, &why);
        if (r < 0)
                return cni_fail_with(err, r == -ENOENT ? CNI_E_NO_CONTAINER : CNI_E_KERNEL, &why);
        if (netlink_open(c->ns, &c->box, &why) < 0)
                return kernel(err, &why);
        if (check_links(c, &prev, err) < 0 || check_addresses(c, &prev, err) < 0 || check_routes(c, &prev, err) < 0)
                return -1;
        if (ipam_is_built_in(c->conf.ipam))
                return 0;
        struct delegate_call call = { .type = c->conf.ipam, .path = c->req->env.path, .command = CNI_CHECK, .conf = c->req->conf };
        return delegate_run(&call, NULL, err);
}
