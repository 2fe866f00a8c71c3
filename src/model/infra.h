/* infra.h: what an environment is by the infrastructure stacks in it (spec orchestration.md 7.2, 7.3; catalog.md 8).
 *
 * Infrastructure templates have ids with ":infra*NAME" in them: "library:infra*k8s", "catalog://library:infra*k8s:12"; NAME is the type.
 * Any thread, no allocation, cannot fail. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct record;
struct world;
struct json_object;

bool infra_is(const char *id, const char *type);        /* id may be NULL; type NULL: of any */

struct infra_kind { unsigned seen; bool virtual_machine; };     /* {0}: nothing installed */
void infra_kind_add(struct infra_kind *k, const char *id);      /* one stack's externalId, or an entry's template id; may be NULL */
/* "cattle", or what is installed: the last of kubernetes, swarm, mesos, windows. Static storage. */
const char *infra_orchestration(const struct infra_kind *k);

/* Entries of an environment template (objects with templateId or templateVersionId); those with a stackId count by their stack. */
void infra_kind_add_entries(struct infra_kind *k, const struct json_object *entries);
/* The system stacks there are, and what its template still wants to make. */
struct infra_kind infra_kind_of(const struct world *w, const struct record *project);
