/* service_instance.h: which container answers for a service (spec orchestrators.md 1.2). Pure; loop thread only. */
#pragma once
#include "model/world.h"

/* The first running container of a service of this environment. name: "SERVICE" or "SERVICE.STACK", without case. NULL: none. Borrowed. */
const struct record *service_instance_find(const struct world *w, int64_t account_id, const char *name);
