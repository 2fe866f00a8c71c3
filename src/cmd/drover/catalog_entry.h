/* catalog_entry.h: from what a person types to a template and a version of it in /v1-catalog (spec catalog.md 5). Blocking.
 *
 * Accepted: "library:infra*ipsec", "library/infra*ipsec", both with ":VERSION" or ":REVISION" behind; "infra*ipsec" and "ipsec" when only one
 * catalog has it; the name of a template; "catalog://..." as stacks keep it. */
#pragma once
#include "cli.h"

enum { CATALOG_ENTRY_NAME_MAX = 512 };

/* "/v1-catalog" + printf-made rest (which may hold a query) + the environment and, where the server tells it, its Rancher version, as query.
 * The environment must have been found. Caller frees. */
char *catalog_path(struct cli *c, const char *fmt, ...) DR_PRINTF(2, 3);

/* All templates that the server shows for this environment: an array, the caller owns it. */
int catalog_templates(struct cli *c, struct json_object **ret);
/* word as above. *ret: the template. *ret_version: what stands behind the id ("0.2.0", "3"), or NULL. The caller owns both. */
int catalog_find_template(struct cli *c, const char *word, struct json_object **ret, char **ret_version);
/* A version of a template with files and questions. version: version string or revision; NULL: the default one. The caller owns *ret. */
int catalog_get_version(struct cli *c, const struct json_object *template, const char *version, struct json_object **ret);
/* The version that a stack runs by its externalId; NotFound when the catalog does not have it any more, InvalidState for stacks from elsewhere. */
int catalog_version_of_stack(struct cli *c, const struct json_object *stack, struct json_object **ret);

/* The newest version that a version's upgradeVersionLinks name; NULL: none. Borrowed. */
const char *catalog_newest_upgrade(const struct json_object *version);
/* Text of "docker-compose" or "rancher-compose" among a version's files: .yml.tpl before .yml, as upstream's UI; "" when there is none. Borrowed. */
const char *catalog_compose_file(const struct json_object *version, const char *stem);
