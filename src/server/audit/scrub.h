/* scrub.h: blanks what a log must not tell: secrets by their field's kind and name, values of environment variables. Pure. */
#pragma once
#include "formats/json.h"
#include "model/types.h"

/* Changes o in place. def: the type whose fields it holds; NULL: unknown, or a catalog (whose url may hold a password). */
void scrub(struct json_object *o, const struct type_def *def);
/* The URL with "xxxxx" in the place of a password. The caller frees. */
char *scrub_url(const char *url);
