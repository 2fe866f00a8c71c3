/* bridge-internal.h: the parts of the bridge plugin, and for its tests. */
#pragma once
#include "node/cni/bridge.h"
#include "node/netlink/rtnetlink.h"

/* Keys of the configuration (spec networking.md 5.1). Texts are borrowed from the request's conf. */
struct bridge_conf {
        const char *bridge, *ipam, *log_file, *state_dir;
        bool has_subnet, has_bridge_ip;
        struct inet_cidr subnet, bridge_ip;                     /* bridge_ip has the subnet's prefix; valid with has_subnet or has_bridge_ip */
        bool skip_configure, is_gateway, is_default_gateway, use_bridge_ip, hairpin, promisc, tx_checksum, debug;
        unsigned mtu, overhead;
};
int bridge_conf_read(const struct cni_request *r, struct bridge_conf *ret, struct cni_error *err);

/* Name of the host's end: "vethr" and the first ten characters of a Docker id; of other ids, or another interface than eth0, ten digits of a hash. */
void bridge_host_name(const char *network, const char *container_id, const char *ifname, char ret[IFNAMSIZ]);
/* The host's end tells whose it is by its alias: "drover:NETWORK:CONTAINER:IFNAME:NAMESPACE". */
struct bridge_owner { char network[CNI_NAME_BYTES_MAX + 1], container[CNI_ID_BYTES_MAX + 1], ifname[IFNAMSIZ]; uint64_t ns; };
void bridge_alias(const struct bridge_owner *o, char ret[256]);
bool bridge_owner_parse(const char *alias, struct bridge_owner *ret);   /* false: not ours */

/* One call's open things. */
struct bridge_call {
        const struct cni_request *req;
        struct bridge_conf conf;
        struct netlink *host, *box;
        int ns;                                                 /* the container's namespace; -1: none */
        char host_name[IFNAMSIZ];
        struct nlk_link bridge, host_end, box_end;              /* index 0: not there */
};
int bridge_add(struct bridge_call *c, struct cni_result *ret, struct cni_error *err);
int bridge_del(struct bridge_call *c, struct cni_error *err);
int bridge_check(struct bridge_call *c, struct cni_error *err);
int bridge_gc(struct bridge_call *c, struct cni_error *err);
int bridge_status(struct bridge_call *c, struct cni_error *err);

/* bridge_setup.c: the bridge with its addresses; looks at it only with create false (index 0 when it is not there). */
int bridge_ensure(struct bridge_call *c, bool create, struct cni_error *err);
/* Gateways, default route and the bridge's own address; needs c->bridge. result: addresses and routes of address management, completed. */
int bridge_gateways(struct bridge_call *c, struct cni_result *result, struct cni_error *err);
/* Addresses, link up, routes inside; then a word to the neighbours. */
int bridge_configure_box(struct bridge_call *c, const struct cni_result *result, struct cni_error *err);
/* Fills c->host_end and c->box_end. 1: the attachment is there; 0: not (a host end of it that lost its other half is told by host_end);
 * -1: an interface of that name is there and not ours. */
int bridge_find(struct bridge_call *c, struct cni_error *err);

/* leases.c: addresses of other address management plugins, kept so that a second ADD and GC know them. */
bool leases_load(const struct bridge_conf *conf, const struct bridge_owner *o, struct cni_result *ret);
int leases_save(const struct bridge_conf *conf, const struct bridge_owner *o, const struct cni_result *r, struct cni_error *err);
void leases_remove(const struct bridge_conf *conf, const struct bridge_owner *o);
/* Calls each for every lease of a network; negative ends it and is returned. */
int leases_each(const struct bridge_conf *conf, const char *network, int (*each)(const struct bridge_owner *o, void *arg, struct cni_error *err), void *arg, struct cni_error *err);
