/* lookup.h: from what a person types ("demo/web", "1s5", "host2") to the API's resource.
 *
 * Accepted: ids; STACK/SERVICE; names of services (when only one stack has it), stacks, containers, hosts (name or
 * hostname), environments; the first 6 or more digits of a container's Docker id. Blocking. */
#pragma once
#include "api_client.h"

enum res_type { RES_SERVICE, RES_CONTAINER, RES_HOST, RES_STACK, RES_PROJECT, RES_VOLUME, RES_TYPE_MAX };
const char *res_type_to_string(enum res_type t);        /* "service"; NULL out of range */
const char *res_type_plural(enum res_type t);           /* "services" */
int res_type_from_string(const char *s);                /* singular or plural; -EINVAL */
/* Kinds of service and container count as those (loadBalancerService, virtualMachine); -EINVAL for others. */
int res_type_of(const struct json_object *resource);

/* The type that an id's letters say ("1s5": RES_SERVICE), -EINVAL when s is no id of a known type. */
int res_type_of_id(const char *s);

/* types: BIT(RES_...) that are wanted, tried in the order of the enum. ret: the caller owns it. NotFound says what was looked for,
 * InvalidReference lists the candidates when several fit. */
int lookup(struct api *a, const char *word, unsigned types, struct json_object **ret, struct dr_error *err);
/* Path of a type's collection: project-scoped but for environments. Caller frees. */
char *lookup_collection(struct api *a, enum res_type t);
