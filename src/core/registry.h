/* registry.h: which credentials of an environment's registries go with an image to a host (agent.md 10). Loop thread only. */
#pragma once
#include "core.h"

/* The registryAuth of docs/host-protocol.md, to be freed by the caller: of credential_id (0: none named) when it and its registry are active in this
 * environment; else of the environment's active registry whose server is the image's (case does not matter), the lowest credential. NULL: none.
 * image: without "docker:". */
struct json_object *registry_auth(struct core *c, int64_t account_id, int64_t credential_id, const char *image);
