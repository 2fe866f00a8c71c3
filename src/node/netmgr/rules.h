/* rules.h: which packet rules this host shall have: published ports, host NAT, hairpin, forwarding. Pure: metadata to texts.
 *
 * Everything is in one nftables table, "ip drover", whose text replaces it in one transaction (spec networking.md 6, 12.2); the same data
 * always gives the same text. What must be accepted in other tables' forward chains is a list of iptables rules (forward.h). */
#pragma once
#include "base/sbuf.h"
#include "base/vec.h"
#include "node/metadata/model.h"
#include "node/netlink/inet.h"

enum { RULES_PORTS_MAX = 65536, RULES_BYTES_MAX = 16 << 20 };

/* A published port. host 0.0.0.0: every address of this host. */
struct port_map { uint32_t host, target; uint16_t port, target_port; bool udp; };       /* addresses in host order */
struct host_net { char bridge[16]; struct inet_cidr subnet; bool nat; };
struct rules {
        VEC(struct port_map) ports;     /* by protocol, host, port; each once */
        VEC(struct host_net) nets;      /* networks with a bridge and a subnet, by name */
        size_t conflicts;               /* ports left out because another container has them */
};
/* Reads what is published here: containers of this host that start, run or stop, on networks with host ports (spec 6.2). */
void rules_read(const struct mdata *m, struct rules *ret);
void rules_done(struct rules *r);

/* bridge_filter: packets that a bridge passes on go through these rules too (net.bridge.bridge-nf-call-iptables). Without it a container would get
 * answers from its neighbour's own address, so those connections are masqueraded. metadata_ip: never masqueraded. */
void rules_format(const struct rules *r, const char *metadata_ip, bool bridge_filter, struct sbuf *out);
/* "SIP:SPORT:TPORT[/proto]" or "SPORT:TPORT[/proto]". -EINVAL: no published port. */
int port_map_parse(const char *text, uint32_t target, struct port_map *ret);
/* -1, 0, 1 */
int port_map_compare(const struct port_map *a, const struct port_map *b);
