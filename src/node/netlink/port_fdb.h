/* port_fdb.h: a bridge's own forwarding entries for one of its ports: which MAC addresses are behind it. The VXLAN device's entries, which
 * say what host a MAC address is on, are rtnetlink.h's nlk_fdb_set(). Errors and threads: as there. */
#pragma once
#include "node/netlink/rtnetlink.h"

/* Static: does not age. Replaces what the bridge learned. index: of the port. */
int nlk_port_fdb_set(struct netlink *n, int index, const uint8_t mac[MAC_BYTES], struct dr_error *err);
int nlk_port_fdb_del(struct netlink *n, int index, const uint8_t mac[MAC_BYTES], struct dr_error *err);         /* -ENOENT: there is none */
