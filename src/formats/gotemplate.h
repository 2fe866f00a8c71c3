/* gotemplate.h: the part of Go's text/template that compose files, catalogs and --format use (spec catalog.md 6, compose.md 1).
 *
 * Text, {{actions}} with trim markers and comments, if/else if/else, with, range over lists, maps and whole numbers, variables, pipelines,
 * parentheses, literals, field chains; the functions of gotemplate_funcs.c. Not there: define, template, block, methods.
 * Parsing and executing are pure; a parsed template may be executed any number of times, on any thread. */
#pragma once
#include "base/sbuf.h"
#include "json.h"

enum {
        GOTEMPLATE_BYTES_MAX = 4 << 20, GOTEMPLATE_DEPTH_MAX = 100,     /* of the text; of nested actions and parentheses */
        GOTEMPLATE_STEPS_MAX = 2000000,                                 /* nodes executed */
        GOTEMPLATE_VALUE_BYTES_MAX = 8 << 20,                           /* of one value on the way */
};

struct gotemplate;
/* name is for messages ("docker-compose.yml.tpl"); borrowed for the call. Returns 0, or negative with *err: DR_E_INVALID_FORMAT with file and
 * line, DR_E_INVALID_REFERENCE for a function that does not exist (callers may take such a text as plain). */
int gotemplate_parse(const char *text, size_t n, const char *name, struct gotemplate **ret, struct dr_error *err);
struct gotemplate *gotemplate_free(struct gotemplate *t);       /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct gotemplate *, gotemplate_free)

enum {
        GOTEMPLATE_FOLD_CASE = 1,       /* keys are found whatever their case */
        GOTEMPLATE_JSON = 2,            /* lists and objects print as JSON, absent and null values as nothing */
};
/* Appends what the template makes of data (borrowed, may be NULL) to out; out's cap holds: DR_E_TOO_LARGE. On an error out has what came
 * before it. */
int gotemplate_execute(const struct gotemplate *t, struct json_object *data, unsigned flags, struct sbuf *out, struct dr_error *err);
