/* encode.h: a stored value as the API prints it: references as obfuscated ids, dates as text, also inside arrays, maps and
 * nested types (spec api.md 1.3). The mirror of validate.h. Loop thread only: reads parsed texts. */
#pragma once
#include "formats/json.h"
#include "model/record.h"
#include "model/types.h"

/* Writes one JSON value.
 *   plain_ids  references are bare numbers as text (_plainId)
 *   role       fields of nested types that it does not see are left out; keys that a nested type does not have stay
 * A value whose tag does not fit its type is printed as it is stored. */
void value_write(struct jw *w, enum api_version v, enum role role, bool plain_ids, const struct field_type *type, struct value value);
/* The same for a value that is JSON already (out of a launch config): borrowed; NULL is null. */
void value_write_json(struct jw *w, enum api_version v, enum role role, bool plain_ids, const struct field_type *type, struct json_object *o);
