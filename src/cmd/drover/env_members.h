/* env_members.h: who may use an environment, as typed ("ann=owner") and as the API takes it. Blocking. */
#pragma once
#include "cli.h"

/* words: NAME[=ROLE] (role member without one): adds {externalId, externalIdType, role} to list, or changes the role there. */
int env_members_add(struct cli *c, const char *const *words, size_t n, struct json_object *list);
/* words: NAME; takes them out of list; NotFound when one is not in it. */
int env_members_drop(struct cli *c, const char *const *words, size_t n, struct json_object **list);
/* The members there are, as the API takes them back. The caller owns *ret. */
int env_members_of(struct cli *c, const struct json_object *project, struct json_object **ret);
