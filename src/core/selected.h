/* selected.h: containers that a service takes in by its selectorContainer (orchestration.md 1.17). Loop thread only.
 *
 * A container's F_selectedByIds lists the services that have it so; their expose maps are views of that list and say managed = false.
 * Nothing is ever started, stopped or removed because of it. */
#pragma once
#include "core.h"

/* The service was made or changed, or goes (gone): every container of the environment is looked at. */
void selected_by_service(struct core *c, const struct record *service, bool gone);
/* The container has started: every service with a selector looks at it. */
void selected_instance(struct core *c, struct record *instance);
