/* render.h: nodes as text, JSON and YAML (spec metadata.md 4), and which of them a client wants. Loop thread only. */
#pragma once
#include "base/sbuf.h"
#include "node/metadata/tree.h"

enum md_format { MD_TEXT, MD_JSON, MD_YAML, MD_FORMAT_MAX };
const char *md_format_content_type(enum md_format f);   /* static storage */

/* From an Accept header (NULL: none): highest q, then the more specific range, then text, JSON, YAML; text when nothing fits. Types without case,
 * parameters other than q are ignored. */
enum md_format md_format_negotiate(const char *accept);

enum { MD_RENDER_BYTES_MAX = 1 << 30 };
void md_render(const struct md_node *n, enum md_format f, struct sbuf *ret);
void md_render_yaml(const struct md_node *n, struct sbuf *ret);         /* yaml_text.c */

/* A value as long polls compare it (spec 5): scalars as upstream's "%v"; "[]", "map[]" for what is empty; false for other lists and maps, which
 * differ from everything. */
bool md_plain(const struct md_node *n, struct sbuf *ret);

/* Shortest digits that read back as v; with an exponent when that is below -4 or above 5: 1.5, 1e+06, 1e-05. */
void md_float(double v, struct sbuf *ret);
/* The same laid out as upstream's JSON: exponent below 1e-6 and from 1e21, without leading zeros in it. */
void md_float_json(double v, struct sbuf *ret);
/* Query escaping: all but A-Za-z0-9-._~ as %XX, blank as '+'. */
void md_escape(const char *s, struct sbuf *ret);
