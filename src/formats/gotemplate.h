/* gotemplate.h: Go's text/template with the functions of sprig, as compose files, catalogs and --format use it (spec catalog.md 6, compose.md 1).
 *
 * The language is Go 1.19's: text, {{actions}} with trim markers and comments, if/else if/else, with, range, break, continue, define, template,
 * block, variables, pipelines, parentheses, literals, field chains; and {{else with}}. Functions and differences: docs/templates.md.
 * Parsing and executing do no I/O (random functions and now apart). A parsed template may be executed any number of times, by one thread at a time. */
#pragma once
#include "base/sbuf.h"
#include "json.h"

enum {
        GOTEMPLATE_BYTES_MAX = 4 << 20, GOTEMPLATE_DEPTH_MAX = 300,     /* of the text; of nested actions and parentheses */
        GOTEMPLATE_VARIABLES_MAX = 1000,                                /* visible at one place */
        GOTEMPLATE_STEPS_MAX = 2000000,                                 /* nodes executed; 64 bytes of text made or looked at are one more */
        GOTEMPLATE_VALUE_BYTES_MAX = 8 << 20,                           /* of one value on the way */
};

struct gotemplate;
/* name is for messages ("docker-compose.yml.tpl"); borrowed for the call. Returns 0, or negative with *err: DR_E_INVALID_FORMAT,
 * DR_E_INVALID_REFERENCE for a function that does not exist, DR_E_TOO_LARGE. Messages are "NAME:LINE: " and Go's text. */
int gotemplate_parse(const char *text, size_t n, const char *name, struct gotemplate **ret, struct dr_error *err);
struct gotemplate *gotemplate_free(struct gotemplate *t);       /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct gotemplate *, gotemplate_free)

enum {
        GOTEMPLATE_FOLD_CASE = 1,       /* keys are found whatever their case */
        GOTEMPLATE_JSON = 2,            /* lists and objects print as JSON, absent and null values as nothing, and count as "" for functions */
};
/* Appends what the template makes of data (borrowed, may be NULL) to out; out's cap holds: DR_E_TOO_LARGE. On an error out has what came
 * before it. Messages are "NAME:LINE:COLUMN: at <CONTEXT>: " and Go's text, columns from 0 as Go counts them. */
int gotemplate_execute(const struct gotemplate *t, struct json_object *data, unsigned flags, struct sbuf *out, struct dr_error *err);
/* The same; lines: which line of the template each line of the output comes from, v[0] the first's. The caller frees lines->v. */
struct gotemplate_lines { unsigned *v; size_t n, cap; };
int gotemplate_execute_lines(const struct gotemplate *t, struct json_object *data, unsigned flags, struct sbuf *out, struct gotemplate_lines *lines,
                             struct dr_error *err);
/* Marks an object as a map of strings: absent keys print as <no value>, but are "" for index, as in Go. */
void gotemplate_string_map(struct json_object *o);
