/* pick.h: from a name to one container. Blocking. */
#pragma once
#include "cli.h"

/* The container of this name, or the first running one of the service of this name (and says on stderr which). The caller owns *ret. */
int pick_container(struct cli *c, const char *word, struct json_object **ret);
/* All containers that the words name: containers themselves, those of services. An array; the caller owns it. */
int pick_containers(struct cli *c, const char *const *words, size_t n, struct json_object **ret);
