/* schema_json.h: a type as the schema resource that clients read (spec api.md 1.8, last part). Any thread. */
#pragma once
#include "formats/json.h"
#include "model/types.h"

/* Writes one JSON object: the schema of def as role sees it. Nothing is written if the role does not see the type; ask
 * type_visible() before.
 *   base_url  of generated links, without a slash at its end: "http://h:8080/v2-beta/projects/1a5"
 * Absent keys of a field mean: no default, no options, no limits. A parent or child that the role does not see is left out. */
void schema_write(struct jw *w, const struct type_def *def, enum role role, const char *base_url);

/* The id of a schema by name or plural without case; NULL: unknown or not visible to the role. */
const struct type_def *schema_find(enum api_version v, enum role role, const char *name, size_t len);
