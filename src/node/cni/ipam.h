/* ipam.h: address management of containers whose address the server gave: "drover-ipam", upstream's name "rancher-cni-ipam" (spec networking.md 5.2).
 *
 * Allocates nothing and keeps nothing: the address is what CNI_ARGS (IPAddress), the runtime (capability "ips") or metadata says. */
#pragma once
#include "node/cni/request.h"
#include "node/cni/result.h"

bool ipam_is_built_in(const char *type);
/* Fills ret (empty before) with addresses and the configuration's routes. Returns 0 or -1 with *err: CNI_E_LATER when nobody knows the
 * address yet. May ask metadata (lookup.h). */
int ipam_add(const struct cni_request *r, struct cni_result *ret, struct cni_error *err);
/* The plugin on its own. ret (empty before): what to print, for ADD. */
int ipam_plugin(const struct cni_request *r, struct cni_result *ret, struct cni_error *err);
