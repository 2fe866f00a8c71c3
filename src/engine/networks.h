/* networks.h: which network a container is on (networking.md 3, orchestration.md 7.1). Pure: looks at the world.
 *
 * An environment without any CNI network has none for its containers: what their mode says is Docker's then, `managed` being its bridge. */
#pragma once
#include "model/world.h"

bool network_is_cni(const struct record *n);            /* a driver's plugins connect containers to it (kind `cni`) */
bool network_is_usable(const struct record *n);         /* active or on its way, and none of Docker's: may be the default */
/* The network of containers of mode `managed`: the account's own default while it can be used, else the last active one, else one that is
 * on its way; NULL: none. */
struct record *network_default(const struct world *w, int64_t account_id);
/* 0 with *ret the CNI or other network it belongs on, or NULL: Docker's business, or another container's network; -ENOENT with *err
 * ("Failed to find network for networkMode X") when its mode names none. */
int network_of(const struct world *w, const struct record *instance, struct record **ret, struct dr_error *err);
/* The first network of a driver that is not going; NULL: it has none. */
struct record *network_of_driver(const struct world *w, const struct record *driver);
/* The next free prefix of MAC addresses, "02:00:01" to "02:ff:ff", after the one that was given last; false: none is left. */
enum { MAC_PREFIX_TEXT = 9, MAC_TEXT = 18 };
bool network_next_mac_prefix(const struct world *w, char buf[MAC_PREFIX_TEXT]);
