#include "rtnetlink-internal.h"

#include "base/times.h"
#include "base/vec.h"

#include <linux/ethtool.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>

static void copy_text(char *to, size_t size, const struct nlattr *a) {
        if (a)
                snprintf(to, size, "%.*s", nla_len(a), (const char *) nla_data(a));
}

static bool flag(struct nlattr *a) { return a && nla_get_u8(a); }

static void read_vxlan(struct nlattr *data, struct nlk_vxlan *ret) {
        struct nlattr *v[IFLA_VXLAN_MAX + 1] = { 0 };
        if (nla_parse_nested(v, IFLA_VXLAN_MAX, data, NULL) < 0)
                return;
        *ret = (struct nlk_vxlan) {
                .vni = v[IFLA_VXLAN_ID] ? nla_get_u32(v[IFLA_VXLAN_ID]) : 0, .port = v[IFLA_VXLAN_PORT] ? ntohs(nla_get_u16(v[IFLA_VXLAN_PORT])) : 0,
                .link = v[IFLA_VXLAN_LINK] ? (int) nla_get_u32(v[IFLA_VXLAN_LINK]) : 0, .learning = flag(v[IFLA_VXLAN_LEARNING]), .proxy = flag(v[IFLA_VXLAN_PROXY]),
                .rsc = flag(v[IFLA_VXLAN_RSC]), .l2miss = flag(v[IFLA_VXLAN_L2MISS]), .l3miss = flag(v[IFLA_VXLAN_L3MISS]),
                .local = v[IFLA_VXLAN_LOCAL] ? nlk_inet(AF_INET, v[IFLA_VXLAN_LOCAL]) : nlk_inet(AF_INET6, v[IFLA_VXLAN_LOCAL6]),
        };
}

static int read_link(const struct nlmsghdr *h, struct nlk_link *ret) {
        if (h->nlmsg_type != RTM_NEWLINK)
                return 0;
        struct nlattr *a[IFLA_MAX + 1] = { 0 }, *info[IFLA_INFO_MAX + 1] = { 0 };
        if (nlmsg_parse((struct nlmsghdr *) h, sizeof(struct ifinfomsg), a, IFLA_MAX, NULL) < 0)
                return -EPROTO;
        const struct ifinfomsg *fixed = NLMSG_DATA(h);
        *ret = (struct nlk_link) { .index = fixed->ifi_index, .flags = fixed->ifi_flags, .mtu = a[IFLA_MTU] ? nla_get_u32(a[IFLA_MTU]) : 0,
                                   .master = a[IFLA_MASTER] ? (int) nla_get_u32(a[IFLA_MASTER]) : 0 };
        copy_text(ret->name, sizeof ret->name, a[IFLA_IFNAME]);
        copy_text(ret->alias, sizeof ret->alias, a[IFLA_IFALIAS]);
        if (a[IFLA_ADDRESS] && nla_len(a[IFLA_ADDRESS]) == MAC_BYTES)
                memcpy(ret->mac, nla_data(a[IFLA_ADDRESS]), MAC_BYTES);
        if (!a[IFLA_LINKINFO] || nla_parse_nested(info, IFLA_INFO_MAX, a[IFLA_LINKINFO], NULL) < 0)
                return 1;
        copy_text(ret->kind, sizeof ret->kind, info[IFLA_INFO_KIND]);
        if (str_eq(ret->kind, "veth") && a[IFLA_LINK])
                ret->peer = (int) nla_get_u32(a[IFLA_LINK]);
        if (str_eq(ret->kind, "vxlan") && info[IFLA_INFO_DATA])
                read_vxlan(info[IFLA_INFO_DATA], &ret->vxlan);
        if (info[IFLA_INFO_SLAVE_KIND] && info[IFLA_INFO_SLAVE_DATA] && str_eq(nla_data(info[IFLA_INFO_SLAVE_KIND]), "bridge")) {
                struct nlattr *port[IFLA_BRPORT_MAX + 1] = { 0 };
                if (nla_parse_nested(port, IFLA_BRPORT_MAX, info[IFLA_INFO_SLAVE_DATA], NULL) == 0)
                        ret->hairpin = flag(port[IFLA_BRPORT_MODE]);
        }
        return 1;
}

static int on_link(const struct nlmsghdr *h, void *arg) {
        int r = read_link(h, arg);
        return r < 0 ? r : 0;
}

static struct nl_msg *get_request(int index, const char *name) {
        struct ifinfomsg fixed = { .ifi_index = index };
        struct nl_msg *m = nlk_request(RTM_GETLINK, 0, &fixed, sizeof fixed);
        if (name)
                nlk_put_text(m, IFLA_IFNAME, name);
        nlk_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        return m;
}

int nlk_link_get(struct netlink *n, const char *name, struct nlk_link *ret, struct dr_error *err) {
        if (strlen(name) >= IFNAMSIZ || !name[0])
                return -ENOENT;
        struct nlk_link link = { 0 };
        int r = nlk_talk(n, get_request(0, name), on_link, &link);
        if (r == -ENODEV || r == -ENOENT)
                return -ENOENT;
        if (r < 0)
                return nlk_error(n, r, err, "could not look at link \"%s\"", name);
        *ret = link;
        return 0;
}

int nlk_link_get_index(struct netlink *n, int index, struct nlk_link *ret, struct dr_error *err) {
        struct nlk_link link = { 0 };
        int r = nlk_talk(n, get_request(index, NULL), on_link, &link);
        if (r == -ENODEV || r == -ENOENT)
                return -ENOENT;
        if (r < 0)
                return nlk_error(n, r, err, "could not look at link %d", index);
        *ret = link;
        return 0;
}

struct link_list { VEC(struct nlk_link) links; int master; };

static int add_link(const struct nlmsghdr *h, void *arg) {
        struct link_list *list = arg;
        struct nlk_link link;
        int r = read_link(h, &link);
        if (r <= 0)
                return r;
        if (list->links.n >= NLK_OBJECTS_MAX)
                return -E2BIG;
        if (list->master <= 0 || link.master == list->master)           /* older kernels do not filter */
                vec_push(&list->links, link);
        return 0;
}

int nlk_link_list(struct netlink *n, int master, struct nlk_link **ret, size_t *ret_n, struct dr_error *err) {
        struct link_list list = { .master = master };
        int r = -EAGAIN;
        for (int tries = 0; tries < 5 && r == -EAGAIN; tries++) {       /* -EAGAIN: links changed while they were listed */
                vec_clear(&list.links);
                struct ifinfomsg fixed = { 0 };
                struct nl_msg *m = nlk_request(RTM_GETLINK, NLM_F_DUMP, &fixed, sizeof fixed);
                if (master > 0)
                        nlk_put_u32(m, IFLA_MASTER, (uint32_t) master);
                nlk_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
                r = nlk_talk(n, m, add_link, &list);
        }
        if (r < 0) {
                vec_done(&list.links);
                return nlk_error(n, r, err, "could not list the links");
        }
        *ret = list.links.v;
        *ret_n = list.links.n;
        return 0;
}

int nlk_link_change(struct netlink *n, int index, const struct nlk_link_change *c, struct dr_error *err) {
        int r = 0;
        if (c->set_up || c->set_promisc || c->set_mac || c->set_master || c->mtu || c->alias) {
                struct ifinfomsg fixed = { .ifi_index = index };
                fixed.ifi_change = (c->set_up ? IFF_UP : 0u) | (c->set_promisc ? IFF_PROMISC : 0u);
                fixed.ifi_flags = (c->set_up && c->up ? IFF_UP : 0u) | (c->set_promisc && c->promisc ? IFF_PROMISC : 0u);
                struct nl_msg *m = nlk_request(RTM_NEWLINK, 0, &fixed, sizeof fixed);
                if (c->set_mac)
                        nlk_put(m, IFLA_ADDRESS, c->mac, MAC_BYTES);
                if (c->mtu)
                        nlk_put_u32(m, IFLA_MTU, c->mtu);
                if (c->set_master)
                        nlk_put_u32(m, IFLA_MASTER, (uint32_t) c->master);
                if (c->alias)
                        nlk_put(m, IFLA_IFALIAS, c->alias, strlen(c->alias));
                r = nlk_talk(n, m, NULL, NULL);
        }
        if (r == 0 && c->set_hairpin) {
                struct ifinfomsg fixed = { .ifi_family = AF_BRIDGE, .ifi_index = index };
                struct nl_msg *m = nlk_request(RTM_SETLINK, 0, &fixed, sizeof fixed);
                struct nlattr *port = nla_nest_start(m, IFLA_PROTINFO | NLA_F_NESTED);
                nlk_put_u8(m, IFLA_BRPORT_MODE, c->hairpin);
                nla_nest_end(m, port);
                r = nlk_talk(n, m, NULL, NULL);
        }
        return r < 0 ? nlk_error(n, r, err, "could not change link %d", index) : 0;
}

int nlk_link_del(struct netlink *n, int index, struct dr_error *err) {
        struct ifinfomsg fixed = { .ifi_index = index };
        int r = nlk_talk(n, nlk_request(RTM_DELLINK, 0, &fixed, sizeof fixed), NULL, NULL);
        if (r == -ENODEV || r == -ENOENT)
                return -ENOENT;
        return r < 0 ? nlk_error(n, r, err, "could not remove link %d", index) : 0;
}

/* Reads the kernel's announcements until one says that the link runs. */
static int wait_announced(struct netlink *n, int index, uint64_t deadline_ms) {
        for (;;) {
                struct pollfd p = { .fd = n->fd, .events = POLLIN };
                uint64_t now = time_mono_ms();
                if (now >= deadline_ms || poll(&p, 1, (int) (deadline_ms - now)) == 0)
                        return 0;
                ssize_t got = recv(n->fd, n->buf, NLK_ANSWER_BYTES_MAX, MSG_DONTWAIT);
                if (got < 0 && errno != EINTR && errno != EAGAIN)
                        return -errno;
                int left = (int) got;
                for (struct nlmsghdr *h = (struct nlmsghdr *) n->buf; got > 0 && nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
                        struct nlk_link link;
                        if (h->nlmsg_type == RTM_NEWLINK && read_link(h, &link) > 0 && link.index == index && link.flags & IFF_RUNNING)
                                return 1;
                }
        }
}

int nlk_link_wait_running(struct netlink *n, int index, unsigned timeout_ms, struct dr_error *err) {
        int group = RTNLGRP_LINK;
        struct nlk_link link;
        if (setsockopt(n->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not listen for changes of links: %m");
        int r = nlk_link_get_index(n, index, &link, err);
        if (r == 0)
                r = link.flags & IFF_RUNNING ? 1 : wait_announced(n, index, time_mono_ms() + timeout_ms);
        /* What comes until here and is not read has no number of a request and is passed over later. */
        (void) setsockopt(n->fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group);
        return r;
}

static struct nl_msg *add_request(const char *name, unsigned flags, unsigned mtu, const uint8_t *mac) {
        struct ifinfomsg fixed = { .ifi_flags = flags, .ifi_change = flags };
        struct nl_msg *m = nlk_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &fixed, sizeof fixed);
        nlk_put_text(m, IFLA_IFNAME, name);
        if (mtu)
                nlk_put_u32(m, IFLA_MTU, mtu);
        if (mac)
                nlk_put(m, IFLA_ADDRESS, mac, MAC_BYTES);
        return m;
}

static int added(struct netlink *n, int r, const char *kind, const char *name, struct dr_error *err) {
        return r < 0 && r != -EEXIST ? nlk_error(n, r, err, "could not make %s \"%s\"", kind, name) : r;
}

int nlk_bridge_add(struct netlink *n, const char *name, unsigned mtu, const uint8_t *mac, struct dr_error *err) {
        struct nl_msg *m = add_request(name, 0, mtu, mac);
        struct nlattr *info = nla_nest_start(m, IFLA_LINKINFO);
        nlk_put_text(m, IFLA_INFO_KIND, "bridge");
        nla_nest_end(m, info);
        return added(n, nlk_talk(n, m, NULL, NULL), "bridge", name, err);
}

int nlk_veth_add(struct netlink *n, const struct nlk_veth *v, struct dr_error *err) {
        struct nl_msg *m = add_request(v->name, IFF_UP, v->mtu, NULL);
        if (v->master > 0)
                nlk_put_u32(m, IFLA_MASTER, (uint32_t) v->master);
        struct nlattr *info = nla_nest_start(m, IFLA_LINKINFO);
        nlk_put_text(m, IFLA_INFO_KIND, "veth");
        struct nlattr *data = nla_nest_start(m, IFLA_INFO_DATA);
        struct nlattr *peer = nla_nest_start(m, VETH_INFO_PEER);
        struct ifinfomsg fixed = { 0 };
        int r = nlmsg_append(m, &fixed, sizeof fixed, NLMSG_ALIGNTO);
        assert(r == 0);
        nlk_put_text(m, IFLA_IFNAME, v->peer_name);
        if (v->peer_mtu)
                nlk_put_u32(m, IFLA_MTU, v->peer_mtu);
        if (v->peer_mac)
                nlk_put(m, IFLA_ADDRESS, v->peer_mac, MAC_BYTES);
        if (v->peer_netns_fd >= 0)
                nlk_put_u32(m, IFLA_NET_NS_FD, (uint32_t) v->peer_netns_fd);
        nla_nest_end(m, peer);
        nla_nest_end(m, data);
        nla_nest_end(m, info);
        return added(n, nlk_talk(n, m, NULL, NULL), "link", v->name, err);
}

int nlk_vxlan_add(struct netlink *n, const char *name, const struct nlk_vxlan *v, unsigned mtu, const uint8_t *mac, struct dr_error *err) {
        struct nl_msg *m = add_request(name, 0, mtu, mac);
        struct nlattr *info = nla_nest_start(m, IFLA_LINKINFO);
        nlk_put_text(m, IFLA_INFO_KIND, "vxlan");
        struct nlattr *data = nla_nest_start(m, IFLA_INFO_DATA);
        nlk_put_u32(m, IFLA_VXLAN_ID, v->vni);
        nlk_put_u16(m, IFLA_VXLAN_PORT, htons(v->port));
        nlk_put_u8(m, IFLA_VXLAN_LEARNING, v->learning);
        nlk_put_u8(m, IFLA_VXLAN_PROXY, v->proxy);
        nlk_put_u8(m, IFLA_VXLAN_RSC, v->rsc);
        nlk_put_u8(m, IFLA_VXLAN_L2MISS, v->l2miss);
        nlk_put_u8(m, IFLA_VXLAN_L3MISS, v->l3miss);
        if (v->local.family)
                nlk_put_inet(m, v->local.family == AF_INET ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, &v->local);
        if (v->link > 0)
                nlk_put_u32(m, IFLA_VXLAN_LINK, (uint32_t) v->link);
        nla_nest_end(m, data);
        nla_nest_end(m, info);
        return added(n, nlk_talk(n, m, NULL, NULL), "VXLAN device", name, err);
}

int nlk_link_set_tx_checksum(struct netlink *n, const char *name, bool on, struct dr_error *err) {
        struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM, .data = on };
        struct ifreq req = { .ifr_data = (char *) &value };
        snprintf(req.ifr_name, sizeof req.ifr_name, "%s", name);
        if (ioctl(n->fd, SIOCETHTOOL, &req) < 0)                /* any socket does; this one is in the right namespace */
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not turn transmit checksum offload of link \"%s\" %s: %m", name, on ? "on" : "off");
        return 0;
}
