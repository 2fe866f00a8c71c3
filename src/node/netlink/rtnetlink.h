/* rtnetlink.h: links, addresses, routes, neighbours and forwarding entries of one network namespace, by rtnetlink.
 *
 * Blocking, one question and one answer at a time (microseconds, except that the kernel takes milliseconds to remove a link). One
 * thread per object. Messages are built with libnl-3; answers are read here, so that the kernel's own words reach the error.
 *
 * Errors: negative errno with *err ("could not add route 10.1.0.0/16: Network is unreachable (Nexthop has invalid gateway)").
 * -ENOENT of a _get and a _del and -EEXIST of an _add are answers, not failures: *err stays as it was.
 * Names begin with nlk_ because libnl has nl_, and this file is not netlink.h because libnl has that. */
#pragma once
#include "node/netlink/inet.h"

#include <net/if.h>
#include <netinet/in.h>

struct netlink;
/* netns_fd: the namespace to work in, borrowed during the call; -1: the caller's. */
int netlink_open(int netns_fd, struct netlink **ret, struct dr_error *err);
struct netlink *netlink_free(struct netlink *n);                /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct netlink *, netlink_free)

/* --- links (link.c) --- */
struct nlk_vxlan {
        uint32_t vni;
        uint16_t port;                                          /* UDP, host order */
        bool learning, proxy, rsc, l2miss, l3miss;
        struct inet local;                                      /* family 0: none */
        int link;                                               /* underlay's index; 0: none */
};
struct nlk_link {
        int index;
        char name[IFNAMSIZ];
        char kind[16];                                          /* "bridge", "veth", "vxlan"; "" for hardware and lo */
        char alias[256];
        uint8_t mac[MAC_BYTES];
        unsigned mtu, flags;                                    /* IFF_UP, IFF_PROMISC, ... */
        int master;                                             /* index, 0: none */
        int peer;                                               /* index of the other end of a veth, in its own namespace; 0: none */
        bool hairpin;                                           /* bridge port */
        struct nlk_vxlan vxlan;                                  /* kind "vxlan" */
};
int nlk_link_get(struct netlink *n, const char *name, struct nlk_link *ret, struct dr_error *err);
int nlk_link_get_index(struct netlink *n, int index, struct nlk_link *ret, struct dr_error *err);
/* All links, or with master > 0 those below it. The caller frees *ret. */
int nlk_link_list(struct netlink *n, int master, struct nlk_link **ret, size_t *ret_n, struct dr_error *err);

struct nlk_link_change {
        bool set_up, up, set_promisc, promisc, set_mac, set_master, set_hairpin, hairpin;
        uint8_t mac[MAC_BYTES];
        unsigned mtu;                                           /* 0: stays */
        int master;                                             /* with set_master; 0 takes it out */
        const char *alias;                                      /* NULL: stays */
};
int nlk_link_change(struct netlink *n, int index, const struct nlk_link_change *change, struct dr_error *err);
int nlk_link_del(struct netlink *n, int index, struct dr_error *err);
/* Waits until the link can carry packets (IFF_RUNNING): for a bridge's port that is when the bridge forwards for it, a moment after both
 * ends of a veth are up. Returns 1; 0 when it did not happen within timeout_ms. */
int nlk_link_wait_running(struct netlink *n, int index, unsigned timeout_ms, struct dr_error *err);

/* A bridge, down. mac: NULL lets the kernel choose, and change it with its ports. mtu 0: the kernel's. */
int nlk_bridge_add(struct netlink *n, const char *name, unsigned mtu, const uint8_t *mac, struct dr_error *err);
/* A veth pair in one step: this end is up and below master (0: none), the other end is in peer_netns_fd (-1: here too) with its
 * name and MAC (NULL: random) from birth, down. */
struct nlk_veth { const char *name, *peer_name; unsigned mtu, peer_mtu; const uint8_t *peer_mac; int master, peer_netns_fd; };
int nlk_veth_add(struct netlink *n, const struct nlk_veth *v, struct dr_error *err);
/* A VXLAN device, down. mtu 0: the kernel's. */
int nlk_vxlan_add(struct netlink *n, const char *name, const struct nlk_vxlan *v, unsigned mtu, const uint8_t *mac, struct dr_error *err);
/* Transmit checksum offload of a link (`ethtool -K NAME tx on|off`). */
int nlk_link_set_tx_checksum(struct netlink *n, const char *name, bool on, struct dr_error *err);

/* --- addresses and routes (route.c) --- */
struct nlk_addr { int index; struct inet_cidr cidr; unsigned scope; };           /* scope: RT_SCOPE_... */
/* index 0: of all links; family 0: both. The caller frees *ret. */
int nlk_addr_list(struct netlink *n, int family, int index, struct nlk_addr **ret, size_t *ret_n, struct dr_error *err);
int nlk_addr_add(struct netlink *n, int index, const struct inet_cidr *cidr, struct dr_error *err);     /* IPv6: without waiting for DAD */
int nlk_addr_del(struct netlink *n, int index, const struct inet_cidr *cidr, struct dr_error *err);

struct nlk_route {
        struct inet_cidr dst;                                   /* prefix 0: default route; host bits are ignored */
        struct inet gw, src;                                    /* family 0: none */
        int index;                                              /* outgoing link; 0: none */
        unsigned table;                                         /* 0: main */
        unsigned scope;                                         /* RT_SCOPE_LINK for what is on the link; 0 (universe) with a gateway */
        unsigned protocol;                                      /* RTPROT_...; 0 when adding: RTPROT_STATIC */
        unsigned priority, mtu, advmss;                         /* 0: none */
};
int nlk_route_add(struct netlink *n, const struct nlk_route *r, bool replace, struct dr_error *err);
int nlk_route_del(struct netlink *n, const struct nlk_route *r, struct dr_error *err);
/* Unicast routes. index 0: all links; table 0: main. The caller frees *ret. */
int nlk_route_list(struct netlink *n, int family, int index, unsigned table, struct nlk_route **ret, size_t *ret_n, struct dr_error *err);

/* --- neighbours and forwarding entries (neigh.c) --- */
struct nlk_neigh {
        int index;
        struct inet ip;                                         /* neighbour's address; of a forwarding entry: where to send (VXLAN), family 0: none */
        uint8_t mac[MAC_BYTES];
        unsigned state;                                         /* NUD_... */
        bool self;                                              /* forwarding entry of the device itself (VXLAN), not of its bridge */
};
/* family: AF_INET, AF_INET6, or AF_BRIDGE for forwarding entries. index 0: of all links. The caller frees *ret. */
int nlk_neigh_list(struct netlink *n, int family, int index, struct nlk_neigh **ret, size_t *ret_n, struct dr_error *err);
int nlk_neigh_set(struct netlink *n, const struct nlk_neigh *e, struct dr_error *err);           /* adds or replaces; state 0: permanent */
int nlk_neigh_del(struct netlink *n, int index, const struct inet *ip, struct dr_error *err);
/* Forwarding entry MAC -> ip of a VXLAN device, permanent. append: one more destination for the same MAC (all-zero MAC: for unknown ones). */
int nlk_fdb_set(struct netlink *n, int index, const uint8_t mac[MAC_BYTES], const struct inet *ip, bool append, struct dr_error *err);
int nlk_fdb_del(struct netlink *n, int index, const uint8_t mac[MAC_BYTES], const struct inet *ip, struct dr_error *err);     /* ip NULL: all */
