#include "kernel.h"

#include "base/log.h"
#include "node/netlink/port_fdb.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>

enum { EVENT_BYTES_MAX = 64 * 1024, EVENTS_RCVBUF = 1 << 20, UNDERLAY_MTU = 1500, VTEP_MTU_MAX = 65485 };

struct kernel {
        struct netlink *nl;
        int events_fd;
        struct fd_watch *watch;
        loop_fn touched;
        void *arg;
        int device, bridge, underlay;   /* indexes; 0: none */
        char bridge_name[IFNAMSIZ];
        char *buf;
};

/* Events --------------------------------------------------------------------------------------------------------------- */

static bool is_mine(const struct kernel *k, int index) { return index > 0 && (index == k->device || index == k->bridge || index == k->underlay); }

static bool has_text(const struct rtattr *a, int len, int type, const char *text) {
        for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
                if (a->rta_type == type)
                        return strncmp(RTA_DATA(a), text, RTA_PAYLOAD(a)) == 0;
        return false;
}

static bool is_relevant(const struct kernel *k, const struct nlmsghdr *h) {
        const struct ifinfomsg *link = NLMSG_DATA(h);
        const struct ndmsg *neigh = NLMSG_DATA(h);
        const struct ifaddrmsg *addr = NLMSG_DATA(h);
        const struct rtmsg *route = NLMSG_DATA(h);
        switch (h->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
                if (h->nlmsg_len < NLMSG_LENGTH(sizeof *link))
                        return false;
                return is_mine(k, link->ifi_index) || has_text(IFLA_RTA(link), (int) (h->nlmsg_len - NLMSG_LENGTH(sizeof *link)), IFLA_IFNAME, k->bridge_name);
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
                return h->nlmsg_len >= NLMSG_LENGTH(sizeof *neigh) && neigh->ndm_ifindex == k->device && (h->nlmsg_type == RTM_DELNEIGH || neigh->ndm_state & (NUD_PERMANENT | NUD_NOARP));
        case RTM_NEWADDR:
        case RTM_DELADDR:
                return h->nlmsg_len >= NLMSG_LENGTH(sizeof *addr) && (is_mine(k, (int) addr->ifa_index) || k->underlay == 0);
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
                return h->nlmsg_len >= NLMSG_LENGTH(sizeof *route) && route->rtm_protocol == OVERLAY_ROUTE_PROTOCOL;
        default:
                return false;
        }
}

static bool fits_in(const struct nlmsghdr *h, int left) { return left >= (int) sizeof *h && h->nlmsg_len >= sizeof *h && (int) h->nlmsg_len <= left; }

static void on_events(int events, void *arg) {
        struct kernel *k = arg;
        bool relevant = false;
        for (;;) {
                ssize_t got = recv(k->events_fd, k->buf, EVENT_BYTES_MAX, MSG_DONTWAIT);
                if (got < 0 && errno == ENOBUFS) {
                        relevant = true;                /* some were lost: look at all */
                        continue;
                }
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        break;
                int left = (int) got;
                for (const struct nlmsghdr *h = (const struct nlmsghdr *) k->buf; !relevant && fits_in(h, left); h = NLMSG_NEXT(h, left))
                        relevant = is_relevant(k, h);
        }
        if (relevant)
                k->touched(k->arg);
}

int kernel_new(struct loop *l, loop_fn touched, void *arg, struct kernel **ret, struct dr_error *err) {
        AUTO(kernel_free) struct kernel *k = dr_xnew(struct kernel);
        k->touched = touched;
        k->arg = arg;
        k->events_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        int size = EVENTS_RCVBUF;
        struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE };
        if (k->events_fd < 0 || setsockopt(k->events_fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) < 0 || bind(k->events_fd, (struct sockaddr *) &addr, sizeof addr) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not listen to the kernel's network events: %m");
        int r = netlink_open(-1, &k->nl, err);
        if (r < 0)
                return r;
        k->buf = dr_xmalloc(EVENT_BYTES_MAX);
        k->watch = fd_watch_new(l, k->events_fd, FD_READABLE, on_events, k);
        if (!k->watch)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not watch the kernel's network events");
        *ret = dr_take(k);
        return 0;
}

struct kernel *kernel_free(struct kernel *k) {
        if (!k)
                return NULL;
        fd_watch_free(k->watch);
        if (k->events_fd >= 0)
                close(k->events_fd);
        netlink_free(k->nl);
        free(k->buf);
        free(k);
        return NULL;
}

/* Links ---------------------------------------------------------------------------------------------------------------- */

static void find_underlay(struct kernel *k, const struct inet *host, struct kernel_result *ret) {
        struct nlk_addr *all = NULL;
        size_t n = 0;
        struct nlk_link link;
        k->underlay = 0;
        ret->underlay_mtu = UNDERLAY_MTU;
        if (nlk_addr_list(k->nl, AF_INET, 0, &all, &n, NULL) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                if (inet_eq(&all[i].cidr.ip, host) && nlk_link_get_index(k->nl, all[i].index, &link, NULL) == 0) {
                        k->underlay = link.index;
                        ret->underlay_mtu = link.mtu;
                        snprintf(ret->underlay, sizeof ret->underlay, "%s", link.name);
                        break;
                }
        free(all);
}

/* Whether the device is one that this program made for this host, but for what can be changed in place. */
static bool fits(const struct nlk_link *l, const struct nlk_vxlan *v, const uint8_t *mac) {
        const struct nlk_vxlan *is = &l->vxlan;
        return str_eq(l->kind, "vxlan") && is->vni == v->vni && is->port == v->port && !is->learning && is->proxy && !is->rsc && !is->l2miss && !is->l3miss &&
               is->link == 0 && is->local.family == v->local.family && (v->local.family == 0 || inet_eq(&is->local, &v->local)) && memcmp(l->mac, mac, MAC_BYTES) == 0;
}

static int have_device(struct kernel *k, const struct overlay *o, struct kernel_result *ret, struct nlk_link *link, struct dr_error *err) {
        struct nlk_vxlan v = { .vni = OVERLAY_VNI, .port = OVERLAY_PORT, .proxy = true };
        if (k->underlay)
                v.local = o->host;
        unsigned mtu = MIN(MAX(ret->underlay_mtu, 576u + OVERLAY_OVERHEAD) - OVERLAY_OVERHEAD, (unsigned) VTEP_MTU_MAX);
        int r = nlk_link_get(k->nl, OVERLAY_DEVICE, link, err);
        if (r == 0 && !fits(link, &v, o->mac)) {
                log_warning("the overlay's device is not as it should be; making it again", "device", OVERLAY_DEVICE, NULL);
                r = nlk_link_del(k->nl, link->index, err);
                if (r == 0)
                        r = -ENOENT;
        }
        if (r == -ENOENT) {
                r = nlk_vxlan_add(k->nl, OVERLAY_DEVICE, &v, mtu, o->mac, err);
                if (r == -EEXIST)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not make %s: another device has VXLAN %d on port %d", OVERLAY_DEVICE, OVERLAY_VNI, OVERLAY_PORT);
                if (r == 0)
                        r = nlk_link_get(k->nl, OVERLAY_DEVICE, link, err);
                ret->made_device = true;
        }
        if (r < 0)
                return r;
        struct nlk_link_change c = { .mtu = link->mtu != mtu ? mtu : 0, .set_up = !(link->flags & IFF_UP), .up = true };
        c.set_master = link->master != k->bridge && k->bridge > 0;
        c.master = k->bridge;
        if (!c.mtu && !c.set_up && !c.set_master)
                return 0;
        ret->added++;
        return nlk_link_change(k->nl, link->index, &c, err);
}

static void have_address(struct kernel *k, const struct overlay *o, struct kernel_result *ret) {
        struct inet_cidr want = { o->address, 32 };
        struct nlk_addr *all = NULL;
        size_t n = 0;
        bool there = false;
        if (nlk_addr_list(k->nl, AF_INET, k->device, &all, &n, &ret->first) < 0) {
                ret->failed++;
                return;
        }
        for (size_t i = 0; i < n; i++) {
                if (inet_cidr_eq(&all[i].cidr, &want))
                        there = true;
                else if (nlk_addr_del(k->nl, k->device, &all[i].cidr, NULL) == 0)
                        ret->removed++;
        }
        free(all);
        int r = there ? 0 : nlk_addr_add(k->nl, k->device, &want, &ret->first);
        ret->added += !there && r == 0;
        ret->failed += r < 0 && r != -EEXIST;
}

/* The host hands packets back through the link they came by, between containers and hosts: nobody is to be told of a shorter way. */
static void no_redirects(const char *link) {
        char path[128], is[4] = "";
        snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/send_redirects", link);
        auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0 || read(fd, is, sizeof is - 1) < 0)
                return;
        if (is[0] != '0' && pwrite(fd, "0", 1, 0) < 0)
                log_warningf("could not write %s: %m", path);
}

/* Entries -------------------------------------------------------------------------------------------------------------- */

typedef VEC(struct overlay_item) item_list;

static void found(item_list *list, enum overlay_kind kind, const void *key, size_t key_len, const void *value, size_t value_len) {
        struct overlay_item item = { .kind = (uint8_t) kind };
        memcpy(item.key, key, key_len);
        if (value_len)
                memcpy(item.value, value, value_len);
        vec_push(list, item);
}

static int list_entries(struct kernel *k, item_list *list, struct dr_error *err) {
        static const uint8_t none[MAC_BYTES];
        struct nlk_neigh *all = NULL;
        size_t n = 0;
        int r = nlk_neigh_list(k->nl, AF_BRIDGE, k->device, &all, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (all[i].self && memcmp(all[i].mac, none, MAC_BYTES) == 0 && !all[i].ip.family)
                        continue;
                if (all[i].self)
                        found(list, OVERLAY_FDB, all[i].mac, MAC_BYTES, all[i].ip.bytes, all[i].ip.family == AF_INET ? 4 : 0);
                else if (all[i].state & NUD_NOARP)
                        found(list, OVERLAY_PORT_FDB, all[i].mac, MAC_BYTES, NULL, 0);
        }
        free(dr_take(all));
        r = nlk_neigh_list(k->nl, AF_INET, k->device, &all, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (all[i].state & NUD_PERMANENT)
                        found(list, OVERLAY_NEIGHBOUR, all[i].ip.bytes, 4, all[i].mac, MAC_BYTES);
        free(all);
        return 0;
}

static int list_routes(struct kernel *k, item_list *list, struct kernel_result *ret, struct dr_error *err) {
        struct nlk_route *all = NULL;
        size_t n = 0;
        int r = nlk_route_list(k->nl, AF_INET, 0, 0, &all, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (all[i].protocol != OVERLAY_ROUTE_PROTOCOL)
                        continue;
                if (all[i].index != k->bridge || all[i].dst.prefix != 32) {
                        ret->removed += nlk_route_del(k->nl, &all[i], NULL) == 0;
                        continue;
                }
                uint8_t value[10] = { 0 };
                uint16_t mtu = htons((uint16_t) all[i].mtu);
                memcpy(value, all[i].gw.bytes, 4);
                memcpy(value + 4, all[i].src.bytes, 4);
                memcpy(value + 8, &mtu, sizeof mtu);
                found(list, OVERLAY_ROUTE, all[i].dst.ip.bytes, 4, value, sizeof value);
        }
        free(all);
        return 0;
}

static struct inet ip4(const uint8_t *bytes) {
        struct inet ip = { .family = AF_INET };
        memcpy(ip.bytes, bytes, 4);
        return ip;
}

static bool has_gateway(const struct overlay_item *i) {
        static const uint8_t none[4];
        return i->kind == OVERLAY_ROUTE && memcmp(i->value, none, 4) != 0;
}

static struct nlk_route route_of(const struct kernel *k, const struct overlay_item *i) {
        uint16_t mtu;
        memcpy(&mtu, i->value + 8, sizeof mtu);
        struct nlk_route r = { .dst = { ip4(i->key), 32 }, .src = ip4(i->value + 4), .index = k->bridge, .protocol = OVERLAY_ROUTE_PROTOCOL, .mtu = ntohs(mtu),
                               .scope = has_gateway(i) ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK };
        if (has_gateway(i))
                r.gw = ip4(i->value);
        return r;
}

static int set_item(struct kernel *k, const struct overlay_item *i, struct dr_error *err) {
        struct inet ip = ip4(i->value);
        struct nlk_neigh neigh = { .index = k->device, .ip = ip4(i->key) };
        struct nlk_route route;
        switch (i->kind) {
        case OVERLAY_FDB:
                return nlk_fdb_set(k->nl, k->device, i->key, &ip, false, err);
        case OVERLAY_PORT_FDB:
                return nlk_port_fdb_set(k->nl, k->device, i->key, err);
        case OVERLAY_NEIGHBOUR:
                memcpy(neigh.mac, i->value, MAC_BYTES);
                return nlk_neigh_set(k->nl, &neigh, err);
        default:
                route = route_of(k, i);
                return nlk_route_add(k->nl, &route, true, err);
        }
}

static int unset_item(struct kernel *k, const struct overlay_item *i, struct dr_error *err) {
        struct inet ip = ip4(i->kind == OVERLAY_FDB ? i->value : i->key);
        struct nlk_route route;
        switch (i->kind) {
        case OVERLAY_FDB:
                return nlk_fdb_del(k->nl, k->device, i->key, inet_is_zero(&ip) ? NULL : &ip, err);
        case OVERLAY_PORT_FDB:
                return nlk_port_fdb_del(k->nl, k->device, i->key, err);
        case OVERLAY_NEIGHBOUR:
                return nlk_neigh_del(k->nl, k->device, &ip, err);
        default:
                route = (struct nlk_route) { .dst = { ip, 32 }, .index = k->bridge, .protocol = OVERLAY_ROUTE_PROTOCOL };
                return nlk_route_del(k->nl, &route, err);
        }
}

static void count(int r, unsigned *done, struct kernel_result *ret, const struct dr_error *err) {
        if (r == 0)
                (*done)++;
        else if (r != -ENOENT && ret->failed++ == 0)
                ret->first = *err;
}

/* Setting an item replaces the one of the same key. */
static bool is_replaced(const item_list *want, size_t at, const struct overlay_item *old) {
        return (at < want->n && overlay_item_same_key(&want->v[at], old)) || (at > 0 && overlay_item_same_key(&want->v[at - 1], old));
}

static void apply(struct kernel *k, const struct overlay *o, item_list *is, bool keep, struct kernel_result *ret) {
        item_list want = { .v = o->items.v, .n = o->items.n }, missing = { 0 };
        struct dr_error err = { 0 };
        vec_sort(is, overlay_item_compare);
        for (size_t w = 0, i = 0; w < want.n || i < is->n;) {
                int d = w == want.n ? 1 : i == is->n ? -1 : overlay_item_compare(&want.v[w], &is->v[i]);
                if (d < 0)
                        vec_push(&missing, want.v[w]);
                else if (d > 0 && !keep && !is_replaced(&want, w, &is->v[i]))
                        count(unset_item(k, &is->v[i], &err), &ret->removed, ret, &err);
                w += d <= 0;
                i += d >= 0;
        }
        /* Hosts first: the routes to their containers go through them. */
        for (int gateway = 0; gateway < 2; gateway++)
                for (size_t i = 0; i < missing.n; i++)
                        if (has_gateway(&missing.v[i]) == (gateway == 1) && (k->bridge || missing.v[i].kind == OVERLAY_FDB || missing.v[i].kind == OVERLAY_NEIGHBOUR))
                                count(set_item(k, &missing.v[i], &err), &ret->added, ret, &err);
        vec_done(&missing);
}

int kernel_sync(struct kernel *k, const struct overlay *o, bool keep, struct kernel_result *ret, struct dr_error *err) {
        *ret = (struct kernel_result) { 0 };
        struct nlk_link bridge, device = { 0 };
        snprintf(k->bridge_name, sizeof k->bridge_name, "%s", o->bridge);
        int r = nlk_link_get(k->nl, o->bridge, &bridge, err);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0 && !str_eq(bridge.kind, "bridge"))
                return dr_fail(err, DR_E_INVALID_STATE, NULL, "cannot build on link \"%s\": it is no bridge", o->bridge);
        ret->no_bridge = r < 0;
        k->bridge = r < 0 ? 0 : bridge.index;
        find_underlay(k, &o->host, ret);
        r = have_device(k, o, ret, &device, err);
        if (r < 0)
                return r;
        k->device = device.index;
        have_address(k, o, ret);
        no_redirects("all");
        if (k->bridge)
                no_redirects(o->bridge);
        item_list is = { 0 };
        r = list_entries(k, &is, err);
        if (r == 0)
                r = list_routes(k, &is, ret, err);
        if (r == 0)
                apply(k, o, &is, keep, ret);
        vec_done(&is);
        return r;
}
