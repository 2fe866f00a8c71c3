/* addresses.h: addresses of containers (networking.md 3, orchestration.md 1.18).
 *
 * The truth is in the rows: a container's primaryIpAddress and primaryNetworkId, and the address of a serviceIndex row, which a service with
 * retainIp has for each of its indexes. An address is held while such a row is live, so a container's is until it is removed. What is free
 * is derived: a pool for each subnet (engine/address_pool.h), made out of the rows at start, with the subnet, and again after a roll-back. */
#pragma once
#include "core.h"
#include "engine/networks.h"

/* Puts a container on the network that its mode and labels name, with an address where that has subnets; one that is on a network that is
 * there stays as it is. Negative with *err: there is no such network, or no address is free. */
int addresses_give(struct core *c, struct record *instance, struct dr_error *err);
/* The network of a container that is there still; NULL: none, it is Docker's or another container's. */
struct record *addresses_network(const struct world *w, const struct record *instance);
/* The subnet of its network that has its address; NULL: it has none. */
const struct record *addresses_subnet(const struct world *w, const struct record *instance);
/* MAC: the network's prefix and the number of the address in it (so an address always has the same), or the container's id where the server
 * gives no address. False: it is on no network, or that has no prefix yet. */
bool addresses_mac(const struct world *w, const struct record *instance, char buf[MAC_TEXT]);

/* ---- for the appliers ---- */
void addresses_retain(struct core *c, struct record *service);          /* after retainIp may have changed: takes current addresses over, or drops them */
void addresses_converged(struct core *c, const struct record *service);         /* every unit that it should have is there: other indexes keep nothing */
void addresses_forget_service(struct core *c, int64_t service_id);              /* nothing is retained for it any more */
void addresses_left(struct core *c, const struct record *r);            /* r has left the world in the open batch */
void addresses_rebuild(struct core *c);         /* after load, and when rows changed behind our back */
void addresses_done(struct core *c);
