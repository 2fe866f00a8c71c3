#include "rtnetlink-internal.h"

#include "base/vec.h"

#include <linux/if_addr.h>

struct addr_list { VEC(struct nlk_addr) addrs; int index; };

static int add_addr(const struct nlmsghdr *h, void *arg) {
        struct addr_list *list = arg;
        if (h->nlmsg_type != RTM_NEWADDR)
                return 0;
        struct nlattr *a[IFA_MAX + 1] = { 0 };
        if (nlmsg_parse((struct nlmsghdr *) h, sizeof(struct ifaddrmsg), a, IFA_MAX, NULL) < 0)
                return -EPROTO;
        const struct ifaddrmsg *fixed = NLMSG_DATA(h);
        struct nlk_addr addr = { .index = (int) fixed->ifa_index, .scope = fixed->ifa_scope };
        addr.cidr = (struct inet_cidr) { nlk_inet(fixed->ifa_family, a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS]), fixed->ifa_prefixlen };
        if (!addr.cidr.ip.family || (list->index > 0 && addr.index != list->index))     /* older kernels do not filter */
                return 0;
        if (list->addrs.n >= NLK_OBJECTS_MAX)
                return -E2BIG;
        vec_push(&list->addrs, addr);
        return 0;
}

int nlk_addr_list(struct netlink *n, int family, int index, struct nlk_addr **ret, size_t *ret_n, struct dr_error *err) {
        struct addr_list list = { .index = index };
        int r = -EAGAIN;
        for (int tries = 0; tries < 5 && r == -EAGAIN; tries++) {
                vec_clear(&list.addrs);
                struct ifaddrmsg fixed = { .ifa_family = (uint8_t) family, .ifa_index = (uint32_t) index };
                r = nlk_talk(n, nlk_request(RTM_GETADDR, NLM_F_DUMP, &fixed, sizeof fixed), add_addr, &list);
        }
        if (r < 0) {
                vec_done(&list.addrs);
                return nlk_error(n, r, err, "could not list the addresses");
        }
        *ret = list.addrs.v;
        *ret_n = list.addrs.n;
        return 0;
}

static struct nl_msg *addr_request(int type, int flags, int index, const struct inet_cidr *cidr) {
        struct ifaddrmsg fixed = { .ifa_family = (uint8_t) cidr->ip.family, .ifa_prefixlen = (uint8_t) cidr->prefix, .ifa_index = (uint32_t) index,
                                   .ifa_flags = cidr->ip.family == AF_INET6 && type == RTM_NEWADDR ? IFA_F_NODAD : 0 };
        struct nl_msg *m = nlk_request(type, flags, &fixed, sizeof fixed);
        nlk_put_inet(m, IFA_LOCAL, &cidr->ip);
        nlk_put_inet(m, IFA_ADDRESS, &cidr->ip);
        return m;
}

int nlk_addr_add(struct netlink *n, int index, const struct inet_cidr *cidr, struct dr_error *err) {
        struct nl_msg *m = addr_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, cidr);
        if (cidr->ip.family == AF_INET && cidr->prefix < 31) {
                struct inet_cidr last = inet_cidr_net(cidr);
                for (unsigned bit = cidr->prefix; bit < 32; bit++)
                        last.ip.bytes[bit / 8] |= (uint8_t) (0x80u >> bit % 8);
                nlk_put_inet(m, IFA_BROADCAST, &last.ip);
        }
        int r = nlk_talk(n, m, NULL, NULL);
        char text[INET_TEXT_MAX];
        return r < 0 && r != -EEXIST ? nlk_error(n, r, err, "could not add address %s", inet_cidr_text(cidr, text)) : r;
}

int nlk_addr_del(struct netlink *n, int index, const struct inet_cidr *cidr, struct dr_error *err) {
        int r = nlk_talk(n, addr_request(RTM_DELADDR, 0, index, cidr), NULL, NULL);
        char text[INET_TEXT_MAX];
        if (r == -EADDRNOTAVAIL || r == -ENODEV)
                return -ENOENT;
        return r < 0 ? nlk_error(n, r, err, "could not remove address %s", inet_cidr_text(cidr, text)) : 0;
}

static struct nl_msg *route_request(int type, int flags, const struct nlk_route *r) {
        unsigned table = r->table ? r->table : RT_TABLE_MAIN;
        struct rtmsg fixed = { .rtm_family = (uint8_t) r->dst.ip.family, .rtm_dst_len = (uint8_t) r->dst.prefix, .rtm_table = table < 256 ? (uint8_t) table : RT_TABLE_UNSPEC };
        if (type == RTM_NEWROUTE) {
                fixed.rtm_type = RTN_UNICAST;
                fixed.rtm_scope = (uint8_t) r->scope;
                fixed.rtm_protocol = r->protocol ? (uint8_t) r->protocol : RTPROT_STATIC;
        } else {
                fixed.rtm_scope = r->dst.ip.family == AF_INET ? RT_SCOPE_NOWHERE : 0;   /* whatever its scope */
                fixed.rtm_protocol = (uint8_t) r->protocol;
        }
        struct nl_msg *m = nlk_request(type, flags, &fixed, sizeof fixed);
        nlk_put_u32(m, RTA_TABLE, table);
        struct inet_cidr net = inet_cidr_net(&r->dst);
        if (net.prefix > 0)
                nlk_put_inet(m, RTA_DST, &net.ip);
        if (r->gw.family)
                nlk_put_inet(m, RTA_GATEWAY, &r->gw);
        if (r->src.family)
                nlk_put_inet(m, RTA_PREFSRC, &r->src);
        if (r->index > 0)
                nlk_put_u32(m, RTA_OIF, (uint32_t) r->index);
        if (r->priority)
                nlk_put_u32(m, RTA_PRIORITY, r->priority);
        if ((r->mtu || r->advmss) && type == RTM_NEWROUTE) {
                struct nlattr *metrics = nla_nest_start(m, RTA_METRICS);
                if (r->mtu)
                        nlk_put_u32(m, RTAX_MTU, r->mtu);
                if (r->advmss)
                        nlk_put_u32(m, RTAX_ADVMSS, r->advmss);
                nla_nest_end(m, metrics);
        }
        return m;
}

static int route_failed(struct netlink *n, int r, struct dr_error *err, const char *what, const struct nlk_route *route) {
        struct inet_cidr net = inet_cidr_net(&route->dst);
        char dst[INET_TEXT_MAX], gw[INET_TEXT_MAX];
        return nlk_error(n, r, err, "could not %s route %s%s%s", what, inet_cidr_text(&net, dst), route->gw.family ? " via " : "", inet_text(&route->gw, gw));
}

int nlk_route_add(struct netlink *n, const struct nlk_route *route, bool replace, struct dr_error *err) {
        int r = nlk_talk(n, route_request(RTM_NEWROUTE, NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL), route), NULL, NULL);
        return r < 0 && r != -EEXIST ? route_failed(n, r, err, "add", route) : r;
}

int nlk_route_del(struct netlink *n, const struct nlk_route *route, struct dr_error *err) {
        int r = nlk_talk(n, route_request(RTM_DELROUTE, 0, route), NULL, NULL);
        if (r == -ESRCH || r == -ENODEV)
                return -ENOENT;
        return r < 0 ? route_failed(n, r, err, "remove", route) : 0;
}

struct route_list { VEC(struct nlk_route) routes; int index; unsigned table; };

static int add_route(const struct nlmsghdr *h, void *arg) {
        struct route_list *list = arg;
        if (h->nlmsg_type != RTM_NEWROUTE)
                return 0;
        struct nlattr *a[RTA_MAX + 1] = { 0 }, *metrics[RTAX_MAX + 1] = { 0 };
        if (nlmsg_parse((struct nlmsghdr *) h, sizeof(struct rtmsg), a, RTA_MAX, NULL) < 0)
                return -EPROTO;
        const struct rtmsg *fixed = NLMSG_DATA(h);
        struct nlk_route r = {
                .dst = { nlk_inet(fixed->rtm_family, a[RTA_DST]), fixed->rtm_dst_len }, .gw = nlk_inet(fixed->rtm_family, a[RTA_GATEWAY]),
                .src = nlk_inet(fixed->rtm_family, a[RTA_PREFSRC]), .index = a[RTA_OIF] ? (int) nla_get_u32(a[RTA_OIF]) : 0,
                .table = a[RTA_TABLE] ? nla_get_u32(a[RTA_TABLE]) : fixed->rtm_table, .scope = fixed->rtm_scope, .protocol = fixed->rtm_protocol,
                .priority = a[RTA_PRIORITY] ? nla_get_u32(a[RTA_PRIORITY]) : 0,
        };
        r.dst.ip.family = fixed->rtm_family;
        if (a[RTA_METRICS] && nla_parse_nested(metrics, RTAX_MAX, a[RTA_METRICS], NULL) == 0) {
                r.mtu = metrics[RTAX_MTU] ? nla_get_u32(metrics[RTAX_MTU]) : 0;
                r.advmss = metrics[RTAX_ADVMSS] ? nla_get_u32(metrics[RTAX_ADVMSS]) : 0;
        }
        if (fixed->rtm_type != RTN_UNICAST || fixed->rtm_flags & RTM_F_CLONED || r.table != list->table || (list->index > 0 && r.index != list->index))
                return 0;
        if (list->routes.n >= NLK_OBJECTS_MAX)
                return -E2BIG;
        vec_push(&list->routes, r);
        return 0;
}

int nlk_route_list(struct netlink *n, int family, int index, unsigned table, struct nlk_route **ret, size_t *ret_n, struct dr_error *err) {
        struct route_list list = { .index = index, .table = table ? table : RT_TABLE_MAIN };
        int r = -EAGAIN;
        for (int tries = 0; tries < 5 && r == -EAGAIN; tries++) {
                vec_clear(&list.routes);
                struct rtmsg fixed = { .rtm_family = (uint8_t) family };
                struct nl_msg *m = nlk_request(RTM_GETROUTE, NLM_F_DUMP, &fixed, sizeof fixed);
                nlk_put_u32(m, RTA_TABLE, list.table);
                if (index > 0)
                        nlk_put_u32(m, RTA_OIF, (uint32_t) index);
                r = nlk_talk(n, m, add_route, &list);
        }
        if (r < 0 && r != -ENOENT) {                    /* -ENOENT: a table that has no route */
                vec_done(&list.routes);
                return nlk_error(n, r, err, "could not list the routes");
        }
        *ret = list.routes.v;
        *ret_n = list.routes.n;
        return 0;
}
