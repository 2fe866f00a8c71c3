/* lookup.h: what metadata says of one container: for calls whose CNI_ARGS do not name the address or the MAC address.
 *
 * Blocking, a few seconds at most; one thread. Labels, which the manager passes in CNI_ARGS, are the first source: this is for other
 * runtimes (spec networking.md 5.1, 5.2, 13 race 2). */
#pragma once
#include "node/cni/request.h"

/* Asks the agent's metadata socket (DROVER_METADATA_SOCKET, /var/lib/rancher/state/metadata.sock); when the variable RANCHER_METADATA_ADDRESS
 * is set, or there is no socket, the metadata service there (169.254.169.250). Found by the container's uuid, or by its Docker id.
 * uuid may be NULL. Returns 0 with the container's object, which the caller owns; or -1 with *err: CNI_E_LATER when metadata does not
 * answer or does not know the container yet. */
int lookup_container(const char *uuid, const char *container_id, struct json_object **ret, struct cni_error *err);
