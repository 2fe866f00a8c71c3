/* scrub.h: blanks what a log must not tell: secrets by their field's kind and name, values of environment variables. Pure. */
#pragma once
#include "formats/json.h"
#include "model/types.h"

/* Changes o in place. def: the type whose fields it holds; NULL: unknown. */
void scrub(struct json_object *o, const struct type_def *def);
