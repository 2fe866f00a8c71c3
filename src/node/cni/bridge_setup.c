#include "bridge-internal.h"

#include "base/rng.h"
#include "node/netlink/netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <stdio.h>
#include <sys/socket.h>

enum { RUNNING_MS = 1000 };             /* the kernel needs microseconds; a bridge with a spanning tree would be waited for in vain */

static int kernel(int r, const struct dr_error *why, struct cni_error *err) { return r < 0 ? cni_fail_with(err, CNI_E_KERNEL, why) : 0; }

/* 1: it is there; 0: it is not. */
static int look_at_bridge(struct bridge_call *c, struct cni_error *err) {
        struct dr_error why = { 0 };
        int r = nlk_link_get(c->host, c->conf.bridge, &c->bridge, &why);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        if (!str_eq(c->bridge.kind, "bridge"))
                return cni_fail(err, CNI_E_CONFLICT, "link \"%s\" is there and is no bridge%s%s", c->conf.bridge, c->bridge.kind[0] ? " but of kind " : "", c->bridge.kind);
        return 1;
}

static int write_on(const char *path, struct cni_error *err) {
        char now = 0;
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, &now, 1) == 1 && now == '1')
                return 0;               /* also where /proc/sys is read-only */
        auto_close int out = open(path, O_WRONLY | O_CLOEXEC);
        if (out < 0 || write(out, "1", 1) != 1)
                return cni_fail(err, CNI_E_KERNEL, "could not set %s to 1: %s", path, strerror(errno));
        return 0;
}

int bridge_ensure(struct bridge_call *c, bool create, struct cni_error *err) {
        struct dr_error why = { 0 };
        int there = look_at_bridge(c, err);
        if (there < 0 || !create)
                return there < 0 ? -1 : 0;
        if (!there) {
                uint8_t mac[MAC_BYTES];                         /* its own, or it would change with the ports */
                random_bytes(mac, sizeof mac);
                mac[0] = (uint8_t) ((mac[0] & 0xfe) | 2);
                int r = nlk_bridge_add(c->host, c->conf.bridge, c->conf.mtu, mac, &why);
                if (r < 0 && r != -EEXIST)                      /* another call made it in between */
                        return cni_fail_with(err, CNI_E_KERNEL, &why);
                there = look_at_bridge(c, err);
                if (there <= 0)
                        return there < 0 ? -1 : cni_fail(err, CNI_E_KERNEL, "bridge \"%s\" went away while it was being set up", c->conf.bridge);
        }
        struct nlk_link_change change = { .set_up = !(c->bridge.flags & IFF_UP), .up = true, .set_promisc = c->conf.promisc && !(c->bridge.flags & IFF_PROMISC), .promisc = true };
        if ((change.set_up || change.set_promisc) && nlk_link_change(c->host, c->bridge.index, &change, &why) < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        if (!c->conf.has_bridge_ip || c->conf.skip_configure)
                return 0;
        int r = nlk_addr_add(c->host, c->bridge.index, &c->conf.bridge_ip, &why);
        return r == -EEXIST ? 0 : kernel(r, &why, err);
}

/* The bridge must carry the gateway's address; it is given to it only when it has none at all (of that family). */
static int own_gateway(struct bridge_call *c, const struct inet_cidr *gateway, const struct nlk_addr *addrs, size_t n, struct cni_error *err) {
        struct dr_error why = { 0 };
        char text[INET_TEXT_MAX], has[INET_TEXT_MAX] = "";
        for (size_t i = 0; i < n; i++) {
                if (addrs[i].cidr.ip.family != gateway->ip.family || addrs[i].scope == RT_SCOPE_LINK)
                        continue;
                if (inet_eq(&addrs[i].cidr.ip, &gateway->ip))
                        return 0;
                inet_cidr_text(&addrs[i].cidr, has);
        }
        if (has[0])
                return cni_fail(err, CNI_E_CONFLICT, "bridge \"%s\" has address %s and not the gateway's, %s", c->conf.bridge, has, inet_text(&gateway->ip, text));
        int r = nlk_addr_add(c->host, c->bridge.index, gateway, &why);
        return r == -EEXIST ? 0 : kernel(r, &why, err);
}

static int default_route(const struct cni_ip *ip, struct cni_result *result, struct cni_error *err) {
        char a[INET_TEXT_MAX], b[INET_TEXT_MAX];
        for (size_t i = 0; i < result->routes.n; i++) {
                const struct cni_route *r = &result->routes.v[i];
                if (r->dst.prefix != 0 || r->dst.ip.family != ip->gateway.family)
                        continue;
                if (r->gw.family && !inet_eq(&r->gw, &ip->gateway))
                        return cni_fail(err, CNI_E_CONFIG, "isDefaultGateway is set, but address management has a default route via %s, not %s", inet_text(&r->gw, a),
                                        inet_text(&ip->gateway, b));
                return 0;
        }
        struct cni_route route = { .dst.ip.family = ip->gateway.family, .gw = ip->gateway, .scope = -1 };
        vec_push(&result->routes, route);
        return 0;
}

int bridge_gateways(struct bridge_call *c, struct cni_result *result, struct cni_error *err) {
        struct dr_error why = { 0 };
        auto_free struct nlk_addr *addrs = NULL;
        size_t n = 0;
        if (!c->conf.is_gateway && !c->conf.use_bridge_ip)
                return 0;
        if (nlk_addr_list(c->host, 0, c->bridge.index, &addrs, &n, &why) < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        bool done[2] = { false, false };
        for (size_t i = 0; i < result->ips.n; i++) {
                struct cni_ip *ip = &result->ips.v[i];
                bool v6 = ip->address.ip.family == AF_INET6;
                if (c->conf.use_bridge_ip && !v6) {
                        size_t k = 0;
                        while (k < n && addrs[k].cidr.ip.family != AF_INET)
                                k++;
                        if (k == n)
                                return cni_fail(err, CNI_E_CONFIG, "useBridgeIPAsGateway is set, but bridge \"%s\" has no IPv4 address", c->conf.bridge);
                        ip->gateway = addrs[k].cidr.ip;
                }
                if (!c->conf.is_gateway)
                        continue;
                struct inet_cidr gateway = { ip->gateway, ip->address.prefix };
                char text[INET_TEXT_MAX];
                if (!gateway.ip.family && inet_first_host(&ip->address, &gateway) < 0)
                        return cni_fail(err, CNI_E_CONFIG, "network of address %s has no room for a gateway", inet_cidr_text(&ip->address, text));
                ip->gateway = gateway.ip;
                if (!c->conf.skip_configure && own_gateway(c, &gateway, addrs, n, err) < 0)
                        return -1;
                if (c->conf.is_default_gateway && !done[v6] && default_route(ip, result, err) < 0)
                        return -1;
                done[v6] = true;
                if (write_on(v6 ? "/proc/sys/net/ipv6/conf/all/forwarding" : "/proc/sys/net/ipv4/ip_forward", err) < 0)
                        return -1;
        }
        return 0;
}

int bridge_find(struct bridge_call *c, struct cni_error *err) {
        struct dr_error why = { 0 };
        c->host_end = c->box_end = (struct nlk_link) { 0 };
        int host = nlk_link_get(c->host, c->host_name, &c->host_end, &why), box = nlk_link_get(c->box, c->req->env.ifname, &c->box_end, &why);
        if ((host < 0 && host != -ENOENT) || (box < 0 && box != -ENOENT))
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        struct bridge_owner o;
        if (host == 0 && bridge_owner_parse(c->host_end.alias, &o) && !(str_eq(o.container, c->req->env.container_id) && str_eq(o.ifname, c->req->env.ifname)))
                return cni_fail(err, CNI_E_CONFLICT, "link \"%s\" belongs to interface \"%s\" of container \"%s\"", c->host_name, o.ifname, o.container);
        if (box < 0)
                return 0;
        if (host == 0 && str_eq(c->box_end.kind, "veth") && c->box_end.peer == c->host_end.index && c->host_end.peer == c->box_end.index)
                return 1;
        return cni_fail(err, CNI_E_CONFLICT, "the container has an interface \"%s\" already, which this network did not make", c->req->env.ifname);
}

struct announcement { int index; uint8_t mac[MAC_BYTES]; const struct cni_result *result; };

/* Gratuitous ARP: whoever knew the address under another MAC learns this one at once. Best effort. */
static int announce(void *arg, struct dr_error *err) {
        const struct announcement *a = arg;
        auto_close int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ARP));
        for (size_t i = 0; fd >= 0 && i < a->result->ips.n; i++) {
                const struct inet *ip = &a->result->ips.v[i].address.ip;
                if (ip->family != AF_INET)
                        continue;
                struct ether_arp arp = { .ea_hdr = { htons(ARPHRD_ETHER), htons(ETH_P_IP), MAC_BYTES, 4, htons(ARPOP_REQUEST) } };
                struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = a->index, .sll_halen = MAC_BYTES };
                memcpy(arp.arp_sha, a->mac, MAC_BYTES);
                memcpy(arp.arp_spa, ip->bytes, 4);
                memcpy(arp.arp_tpa, ip->bytes, 4);
                memset(to.sll_addr, 0xff, MAC_BYTES);
                (void) sendto(fd, &arp, sizeof arp, 0, (struct sockaddr *) &to, sizeof to);
        }
        return 0;
}

static int add_routes(struct bridge_call *c, const struct cni_result *result, struct cni_error *err) {
        struct dr_error why = { 0 };
        for (size_t i = 0; i < result->routes.n; i++) {
                const struct cni_route *from = &result->routes.v[i];
                struct nlk_route route = { .dst = from->dst, .gw = from->gw, .index = c->box_end.index, .mtu = from->mtu, .advmss = from->advmss, .priority = from->priority,
                                           .table = from->table };
                for (size_t k = 0; k < result->ips.n && !route.gw.family; k++)         /* without one of its own: the address's gateway */
                        if (result->ips.v[k].gateway.family == from->dst.ip.family)
                                route.gw = result->ips.v[k].gateway;
                route.scope = from->scope >= 0 ? (unsigned) from->scope : route.gw.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
                int r = nlk_route_add(c->box, &route, false, &why);
                if (r < 0 && r != -EEXIST)
                        return cni_fail_with(err, CNI_E_KERNEL, &why);
        }
        return 0;
}

int bridge_configure_box(struct bridge_call *c, const struct cni_result *result, struct cni_error *err) {
        struct dr_error why = { 0 };
        for (size_t i = 0; i < result->ips.n; i++) {
                int r = nlk_addr_add(c->box, c->box_end.index, &result->ips.v[i].address, &why);
                if (r < 0 && r != -EEXIST)
                        return cni_fail_with(err, CNI_E_KERNEL, &why);
        }
        if (!c->conf.tx_checksum && nlk_link_set_tx_checksum(c->box, c->req->env.ifname, false, &why) < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        bool was_up = c->box_end.flags & IFF_UP;
        if (!was_up && nlk_link_change(c->box, c->box_end.index, &(struct nlk_link_change) { .set_up = true, .up = true }, &why) < 0)
                return cni_fail_with(err, CNI_E_KERNEL, &why);
        if (add_routes(c, result, err) < 0)
                return -1;
        struct announcement a = { .index = c->box_end.index, .result = result };
        memcpy(a.mac, c->box_end.mac, MAC_BYTES);
        /* Only a port that forwards already brings the announcement to anybody. */
        if (!was_up && nlk_link_wait_running(c->host, c->host_end.index, RUNNING_MS, &why) > 0)
                (void) netns_run(c->ns, announce, &a, &why);
        return 0;
}
