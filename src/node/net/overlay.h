/* overlay.h: decides what of the VXLAN overlay should be in a host's kernel, from the environment's metadata (spec networking.md 8, 8.1).
 *
 * A device on the host is a port of the network's bridge. For each container of the network on another host there is: a neighbour that the
 * device answers ARP with, a forwarding entry from its MAC to that host, an entry in the bridge that this MAC is behind the device, and a
 * route by which the host itself reaches it. Why so: docs/decisions/0004-vxlan-in-the-bridge.md. No I/O. Any thread. */
#pragma once
#include "base/vec.h"
#include "node/metadata/model.h"
#include "node/netlink/inet.h"

enum { OVERLAY_VNI = 1042, OVERLAY_PORT = 4789, OVERLAY_OVERHEAD = 50, OVERLAY_ROUTE_PROTOCOL = 142, OVERLAY_BRIDGE_MAX = 15 };
#define OVERLAY_DEVICE "vtep1042"

/* One thing in the kernel. Sorted by kind, key, value they can be compared with what is there. */
enum overlay_kind { OVERLAY_FDB, OVERLAY_PORT_FDB, OVERLAY_NEIGHBOUR, OVERLAY_ROUTE };
struct overlay_item {
        uint8_t kind;
        uint8_t key[6];                 /* MAC; of neighbours and routes the IPv4 address */
        uint8_t value[10];              /* FDB: host's address; neighbour: MAC; route: gateway (0: none), source, MTU in network order */
};
int overlay_item_compare(const void *a, const void *b);         /* for qsort */
bool overlay_item_same_key(const struct overlay_item *a, const struct overlay_item *b);

struct overlay_peer {
        const char *uuid, *name;        /* borrowed from the model */
        struct inet host;               /* where its packets go: agent_ip */
        struct inet address;            /* its own on the overlay */
        bool away;                      /* not expected to answer: its agent is not connected, or it is not active */
};

struct overlay {
        char missing[160];              /* why nothing can be said yet; "" when all below is */
        char bridge[OVERLAY_BRIDGE_MAX + 1];
        unsigned mtu;                   /* of containers: the network's less its overhead */
        struct inet host;               /* this host's agent_ip */
        struct inet address;            /* this host's own on the overlay */
        uint8_t mac[MAC_BYTES];         /* of this host's device */
        VEC(struct overlay_item) items; /* sorted, each once */
        VEC(struct overlay_peer) peers; /* by uuid */
        unsigned containers;            /* on other hosts */
        unsigned duplicates;            /* addresses that a second container claims; the running one, else the first, has it */
};
/* network: name of the network. o is zero or of an earlier call; overlay_done() it. */
void overlay_decide(struct overlay *o, const struct mdata *m, const char *network);
void overlay_done(struct overlay *o);

/* 0e:00 and the bytes of a host's address. */
void overlay_mac(const struct inet *host, uint8_t ret[MAC_BYTES]);
