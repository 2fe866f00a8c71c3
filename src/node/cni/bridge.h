/* bridge.h: puts a container on a bridge: the CNI plugin "drover-bridge", upstream's name "rancher-bridge" (spec networking.md 5.1, 12.3).
 *
 * Blocking; one thread. What belongs to an attachment is told by the kernel's own objects (name and alias of the host's link), so that a
 * plugin that was killed at any step leaves nothing that a later ADD, DEL or GC would not find. */
#pragma once
#include "node/cni/request.h"
#include "node/cni/result.h"

/* Runs the request's command. ret (empty before): what to print, for ADD. Returns 0 or -1 with *err. */
int bridge_plugin(const struct cni_request *r, struct cni_result *ret, struct cni_error *err);
