/* answers.h: files of answers to the questions of a template, and of variables (spec compose.md 3).
 *
 * No I/O. By the file's name: *.yml, *.yaml and *.json are a flat map of texts, numbers and booleans; all others lines KEY=VALUE, split at the
 * first "=", without quoting, comments or trimming (a carriage return at the end is taken off; empty lines count for nothing). */
#pragma once
#include <json-c/json.h>

#include "base/base.h"

enum { ANSWERS_BYTES_MAX = 1 << 20, ANSWERS_MAX = 10000 };

/* *ret: an object KEY -> string in the file's order, the caller's. Later values of a key win. Returns 0, or negative with *err
 * (DR_E_INVALID_FORMAT, DR_E_TOO_LARGE) that names file and line. */
int answers_parse(const char *name, const char *text, size_t n, struct json_object **ret, struct dr_error *err);
/* A value as variables are printed: true, false, 5, 1.5, text, null as "". Lists and maps become their JSON text. malloc'ed. */
char *answers_text(const struct json_object *value);
