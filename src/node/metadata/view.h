/* view.h: what one object shows in one form of the API: its fields by name, and their JSON text.
 *
 * Two forms: names as created (2015-07-25, 2015-12-19), names in lower case (2016-07-29). The nested list of a service or stack is a
 * hole: the field is there, the text is cut in two at it. Kept with the object until its stamp changes. Loop thread only. */
#pragma once
#include "base/sbuf.h"
#include "node/metadata/model.h"

struct view_field { const char *key; struct json_object *value; };
struct view {
        uint64_t stamp;
        VEC(struct view_field) fields;  /* by key, bytewise; each value is a reference */
        const char *hole;               /* key of the nested list; NULL: none */
        char *text;                     /* JSON; NULL until asked for */
        size_t len, hole_at;            /* where the list's text belongs */
};

const struct view *view_get(const struct mdata *m, struct md_object *o, bool lower);
struct view_field *view_find(const struct view *v, const char *key);
const char *view_text(const struct view *v);            /* v->text, made when needed */
void view_json(const struct json_object *o, struct sbuf *ret);          /* sorted keys, floats as upstream writes them */
void view_json_text(const char *s, size_t n, struct sbuf *ret);           /* one string */
void views_free(void *views);                           /* for mdata_set_view_free() */
