/* filter.h: conditions on a field, read from query parameters "field=value" and "field_modifier=value" (spec api.md 1.5). */
#pragma once
#include "base/vec.h"
#include "context.h"

struct condition {
        enum field_id field;
        enum filter_modifier modifier;
        const char *text;               /* as given; in the arena or the request */
        struct value value;             /* converted; V_STR texts are owned */
        bool impossible;                /* an id that cannot be: nothing matches */
};
struct conditions { struct condition *v; size_t n, cap; };

/* Unknown fields and modifiers are left out silently. */
void conditions_read(struct api_req *req, const struct type_def *def, struct conditions *ret);
void conditions_done(struct conditions *c);
bool conditions_match(struct api_req *req, const struct conditions *c, const struct record *r);
/* -1, 0, 1; nulls first, numbers before text. */
int value_compare(struct value a, struct value b);
