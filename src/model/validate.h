/* validate.h: turns the JSON body of a POST, PUT or action into accepted field values, or says which rule it breaks.
 *
 * Source: spec api.md 1.7 (codes) and 1.8 (order of checks, coercions, defaults). Fields the role may not set are dropped
 * without error. References become numbers (or names, for things without numeric ids), dates become milliseconds, also inside
 * arrays, maps and nested types. Loop thread only (values are interned texts). Reads no clock and no records by itself. */
#pragma once
#include "base/base.h"
#include "base/vec.h"
#include "model/record.h"
#include "model/types.h"

struct json_object;

enum validate_op {
        VALIDATE_CREATE,        /* POST */
        VALIDATE_UPDATE,        /* PUT: only what is present, no defaults, nothing required */
        VALIDATE_INPUT,         /* body of an action: as a create of the input type */
};

struct validate {
        enum api_version version;
        enum role role;
        enum validate_op op;
        bool plain_ids;         /* references may be bare numbers */
        int64_t now_ms;         /* what the date "now" means: wall clock, milliseconds */
        /* Is there such a thing, visible to the caller? name is NULL when id is a number >= 0, else id is -1. NULL: all exist. */
        bool (*exists)(enum type_id type, int64_t id, const char *name, void *arg);
        /* Does another row that is not removed hold this value in a unique field? The row being updated does not count: the
         * caller knows it. NULL: never. */
        bool (*taken)(const struct type_def *def, enum field_id field, struct value value, void *arg);
        void *arg;
};

struct field_value { enum field_id field; struct value value; };
struct field_values { struct field_value *v; size_t n, cap; };  /* {0} is empty */
void field_values_done(struct field_values *v);
static inline void field_values_done_auto(struct field_values *v) { field_values_done(v); }
/* Borrowed; NULL: not among them. */
const struct value *field_values_get(const struct field_values *v, enum field_id f);

/* in: borrowed object; NULL, or JSON that is no object, counts as empty (api.md 1.1).
 * ret: filled on success only (it must be empty): the input's fields in their order, then defaults in alphabetical order. V_NULL
 * values were null and allowed: they clear the field. The caller owns it: field_values_done().
 * Returns 0, or negative with *err: code and field exactly as the API prints them. */
int validate(const struct validate *c, const struct type_def *def, struct json_object *in, struct field_values *ret,
             struct dr_error *err);

/* Does every character of s lie in the class, written as inside [...]: "a-zA-Z0-9_.-"? True for the empty string. */
bool chars_match(const char *s, const char *chars);
