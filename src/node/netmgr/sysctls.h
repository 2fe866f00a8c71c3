/* sysctls.h: kernel settings without which the rules do not work: forwarding, loopback addresses on the networks' bridges, bridged packets through
 * the rules. Set again whenever they are found otherwise. Any thread. */
#pragma once
#include "node/netmgr/rules.h"

int sysctls_set(const struct rules *r, struct dr_error *err);
/* Whether packets between ports of one bridge go through the IPv4 rules here, after an attempt to have it so. */
bool sysctls_bridge_filter(void);
