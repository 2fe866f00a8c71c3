/* networks.h: network drivers of services, their networks and subnets (networking.md 3), and what of them a host is told. */
#pragma once
#include "core.h"

struct json_object;

/* A network driver's service is being activated: its driver has a network, made now if it has lost it. */
void networks_service_active(struct core *c, const struct record *service);
/* A network driver's service has been removed: its driver goes, and with it its networks. */
void networks_service_gone(struct core *c, const struct record *service);
/* The subnets that a network is to be made with: their form, and that they have nothing in common. list may be NULL. */
int network_check_subnets(struct json_object *list, struct dr_error *err);
/* The spec of a container on a CNI network (docs/host-protocol.md): `network`, labels, name servers; nothing of it is the engine's to connect or
 * to publish. Others stay as they are. spec and labels are changed. */
void networks_spec(struct core *c, const struct record *instance, struct json_object *spec, struct json_object *labels);
