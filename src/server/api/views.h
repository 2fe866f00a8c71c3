/* views.h: types that are not stored: computed from records each time, with ids that stay the same as long as the record does.
 *
 * A view row is a record of its own type that lives as long as the request, so lists, filters, links and encoding treat it as if
 * it were stored. Its id is (source id * sources + which source) * rows per source + index; adding a view is adding a row to
 * views[] in views.c. */
#pragma once
#include "context.h"

struct record_list { struct record **v; size_t n, cap; };       /* {0} is empty; borrowed records */

bool view_is(enum type_id table);
/* Appends the rows of a view. by: F_instanceId, F_hostId, F_serviceId or F_accountId with its value narrows what is made;
 * F_NONE: all. The caller still filters. */
void view_list(struct api_req *req, enum type_id table, enum field_id by, int64_t value, struct record_list *ret);
struct record *view_get(struct api_req *req, enum type_id table, int64_t id);   /* NULL: none */

/* The rows that one record (alive, or a copy of one that is removed: its rows are removed with it) has in a view; none for other sources. */
void view_rows_of(struct api_req *req, enum type_id table, const struct record *src, struct record_list *ret);

/* Settings: stored and built-in ones, as records of table setting without number (api.md 2.7). */
struct record *view_setting(struct api_req *req, const char *name);
