/* table.h: what a listing prints: aligned columns, ids only, JSON lines, or a template of the user's.
 *
 * A row is a JSON object such as {"ID":"1s5","Name":"demo/web","Service":{...as the API has it...}}; columns and templates
 * name values in it by path: "Service.TransitioningMessage". Keys are compared without case, so that the API's spelling
 * (imageUuid) and upstream's (ImageUuid) both work. No I/O. */
#pragma once
#include "base/sbuf.h"
#include "formats/json.h"

enum { TABLE_BYTES_MAX = 64 << 20 };

struct table_column { const char *header, *path; };

struct table_style {
        bool quiet;                     /* the value of "ID" only */
        const char *format;             /* NULL or "table": columns; "json": one object a line; else a template (formats/gotemplate.h) */
};

/* rows: array, borrowed. Control characters in values are printed as spaces. Returns 0, or -EINVAL with *err (bad template). */
int table_render(const struct table_column *columns, size_t n, const struct json_object *rows, const struct table_style *style,
                 struct sbuf *ret, struct dr_error *err);
/* Text of the value at a path: "" when absent or null, JSON for lists and objects. Caller frees. */
char *table_value(const struct json_object *row, const char *path);
/* Columns that a UTF-8 string takes on a terminal, one for each character. */
size_t table_width(const char *s);
