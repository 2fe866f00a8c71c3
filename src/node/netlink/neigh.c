#include "rtnetlink-internal.h"

#include "base/vec.h"

#include <linux/neighbour.h>

struct neigh_list { VEC(struct nlk_neigh) all; int index, family; };

static int add_neigh(const struct nlmsghdr *h, void *arg) {
        struct neigh_list *list = arg;
        if (h->nlmsg_type != RTM_NEWNEIGH)
                return 0;
        struct nlattr *a[NDA_MAX + 1] = { 0 };
        if (nlmsg_parse((struct nlmsghdr *) h, sizeof(struct ndmsg), a, NDA_MAX, NULL) < 0)
                return -EPROTO;
        const struct ndmsg *fixed = NLMSG_DATA(h);
        struct nlk_neigh e = { .index = fixed->ndm_ifindex, .state = fixed->ndm_state, .self = fixed->ndm_flags & NTF_SELF };
        if (fixed->ndm_family != list->family || (list->index > 0 && e.index != list->index))
                return 0;
        int family = list->family == AF_BRIDGE ? (a[NDA_DST] && nla_len(a[NDA_DST]) == 16 ? AF_INET6 : AF_INET) : list->family;
        e.ip = nlk_inet(family, a[NDA_DST]);
        if (a[NDA_LLADDR] && nla_len(a[NDA_LLADDR]) == MAC_BYTES)
                memcpy(e.mac, nla_data(a[NDA_LLADDR]), MAC_BYTES);
        if (list->all.n >= NLK_OBJECTS_MAX)
                return -E2BIG;
        vec_push(&list->all, e);
        return 0;
}

int nlk_neigh_list(struct netlink *n, int family, int index, struct nlk_neigh **ret, size_t *ret_n, struct dr_error *err) {
        struct neigh_list list = { .index = index, .family = family };
        int r = -EAGAIN;
        for (int tries = 0; tries < 5 && r == -EAGAIN; tries++) {
                vec_clear(&list.all);
                struct ndmsg fixed = { .ndm_family = (uint8_t) family };
                if (family == AF_BRIDGE)
                        fixed.ndm_ifindex = index;
                struct nl_msg *m = nlk_request(RTM_GETNEIGH, NLM_F_DUMP, &fixed, sizeof fixed);
                if (family != AF_BRIDGE && index > 0)
                        nlk_put_u32(m, NDA_IFINDEX, (uint32_t) index);
                r = nlk_talk(n, m, add_neigh, &list);
        }
        if (r < 0) {
                vec_done(&list.all);
                return nlk_error(n, r, err, "could not list the neighbours");
        }
        *ret = list.all.v;
        *ret_n = list.all.n;
        return 0;
}

int nlk_neigh_set(struct netlink *n, const struct nlk_neigh *e, struct dr_error *err) {
        struct ndmsg fixed = { .ndm_family = (uint8_t) e->ip.family, .ndm_ifindex = e->index, .ndm_state = e->state ? (uint16_t) e->state : NUD_PERMANENT };
        struct nl_msg *m = nlk_request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &fixed, sizeof fixed);
        nlk_put_inet(m, NDA_DST, &e->ip);
        nlk_put(m, NDA_LLADDR, e->mac, MAC_BYTES);
        int r = nlk_talk(n, m, NULL, NULL);
        char text[INET_TEXT_MAX];
        return r < 0 ? nlk_error(n, r, err, "could not set neighbour %s", inet_text(&e->ip, text)) : 0;
}

int nlk_neigh_del(struct netlink *n, int index, const struct inet *ip, struct dr_error *err) {
        struct ndmsg fixed = { .ndm_family = (uint8_t) ip->family, .ndm_ifindex = index };
        struct nl_msg *m = nlk_request(RTM_DELNEIGH, 0, &fixed, sizeof fixed);
        nlk_put_inet(m, NDA_DST, ip);
        int r = nlk_talk(n, m, NULL, NULL);
        char text[INET_TEXT_MAX];
        if (r == -ENOENT || r == -ENODEV)
                return -ENOENT;
        return r < 0 ? nlk_error(n, r, err, "could not remove neighbour %s", inet_text(ip, text)) : 0;
}

static struct nl_msg *fdb_request(int type, int flags, int index, const uint8_t *mac, const struct inet *ip) {
        struct ndmsg fixed = { .ndm_family = AF_BRIDGE, .ndm_ifindex = index, .ndm_state = NUD_PERMANENT, .ndm_flags = NTF_SELF };
        struct nl_msg *m = nlk_request(type, flags, &fixed, sizeof fixed);
        nlk_put(m, NDA_LLADDR, mac, MAC_BYTES);
        if (ip)
                nlk_put_inet(m, NDA_DST, ip);
        return m;
}

int nlk_fdb_set(struct netlink *n, int index, const uint8_t mac[MAC_BYTES], const struct inet *ip, bool append, struct dr_error *err) {
        int r = nlk_talk(n, fdb_request(RTM_NEWNEIGH, NLM_F_CREATE | (append ? NLM_F_APPEND : NLM_F_REPLACE), index, mac, ip), NULL, NULL);
        char text[MAC_TEXT_MAX], to[INET_TEXT_MAX];
        if (append && r == -EEXIST)
                return 0;
        return r < 0 ? nlk_error(n, r, err, "could not set forwarding entry %s to %s", mac_text(mac, text), inet_text(ip, to)) : 0;
}

int nlk_fdb_del(struct netlink *n, int index, const uint8_t mac[MAC_BYTES], const struct inet *ip, struct dr_error *err) {
        int r = nlk_talk(n, fdb_request(RTM_DELNEIGH, 0, index, mac, ip), NULL, NULL);
        char text[MAC_TEXT_MAX];
        if (r == -ENOENT || r == -ENODEV)
                return -ENOENT;
        return r < 0 ? nlk_error(n, r, err, "could not remove forwarding entry %s", mac_text(mac, text)) : 0;
}
