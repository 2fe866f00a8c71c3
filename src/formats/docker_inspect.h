/* docker_inspect.h: the engine's description of a container (GET /containers/ID/json) as fields of the API: the inverse of the table in
 * agent.md 8, for containers that drover did not make (agent.md 16). Pure; any thread. */
#pragma once
#include "json.h"

/* What was asked for when it was made: command, environment, ports, memory ... by the API's field names; only what is there. References to
 * other containers (network, volumes from) are the caller's. The caller owns the object; inspect is borrowed. */
struct json_object *docker_inspect_fields(struct json_object *inspect);

/* The API's networkMode (agent.md 16): labels of the platform win over the engine's mode. other: the container whose network it shares,
 * by id or name, or NULL. Both point into inspect or are static. */
const char *docker_inspect_network(struct json_object *inspect, const char **other);
