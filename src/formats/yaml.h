/* yaml.h: YAML 1.1 text to trees with source positions, and JSON trees to YAML text. Any thread; a tree belongs to one thread.
 *
 * Scalars resolve as compose users know them from upstream's Go library: y/n/yes/no/on/off/true/false (lower, Capital, UPPER) are
 * booleans; 0755 is octal, 0x10 hexadecimal, 0b11 binary, 1_000 an integer, 1e6 and .inf floats; 22:22, 12:30 and dates stay text.
 * A map key is its text, whatever it resolves to. Aliases share nodes; a budget over the expanded tree stops billion-laughs input.
 * Merge keys (<<) are resolved. Only the first document of a stream is read. NUL characters are refused. */
#pragma once
#include <json-c/json.h>

#include "base/base.h"
#include "base/sbuf.h"

enum { YAML_DEPTH_MAX = 64, YAML_NODES_MAX = 200000 };

enum ynode_kind { YNODE_NULL, YNODE_BOOL, YNODE_INT, YNODE_FLOAT, YNODE_STRING, YNODE_SEQ, YNODE_MAP, YNODE_KIND_MAX };
const char *ynode_kind_to_string(enum ynode_kind k);    /* "null", "boolean", "integer", ...; static storage */

struct ynode;
struct ypair { struct ynode *key, *value; };            /* key: a scalar, used by its text */

struct ynode {
        enum ynode_kind kind;
        uint16_t file;                  /* whatever the caller of yaml_parse() gave */
        uint16_t height;                /* levels below it, as parsed */
        uint32_t line, column;          /* from 1; column in characters */
        const char *text;               /* scalars: the text without quotes, NUL-terminated; never NULL */
        union {
                bool b;
                int64_t i;
                double f;
                struct { struct ynode **v; size_t n, cap; } seq;
                struct { struct ypair *v; size_t n, cap; } map;
        };
};

/* Memory of trees: everything made in one goes with it. max_bytes caps the sum. */
struct yarena;
struct yarena *yarena_new(size_t max_bytes);
struct yarena *yarena_free(struct yarena *a);
DR_DEFINE_AUTO(struct yarena *, yarena_free)
void *yarena_alloc(struct yarena *a, size_t n);         /* zeroed; NULL once the cap is reached */
bool yarena_full(const struct yarena *a);               /* an allocation was refused: the tree is not to be used */

struct yaml_options {
        size_t size_max;                /* longest text; 0: 1 MiB */
        uint16_t file;
        bool duplicate_keys;            /* false: an error; true: the last one wins (compose.md 10) */
};

/* Parses into a. ret: success only; an empty document is a null node. Returns 0, or negative with *err: DR_E_INVALID_FORMAT with
 * message "line L, column C: ...", DR_E_TOO_LARGE. */
int yaml_parse(struct yarena *a, const char *buf, size_t len, const struct yaml_options *o, struct ynode **ret, struct dr_error *err);

struct ynode *ynode_get(const struct ynode *map, const char *key);      /* NULL: no map or absent */
struct ynode *ynode_key(const struct ynode *map, const char *key);      /* the key's node, for its place */
bool ynode_is_scalar(const struct ynode *n);

/* Builders, for callers that change trees. NULL only when the arena is full; the place is copied from at (may be NULL). */
struct ynode *ynode_new(struct yarena *a, enum ynode_kind kind, const struct ynode *at);
struct ynode *ynode_string(struct yarena *a, const char *s, const struct ynode *at);
bool ynode_set(struct yarena *a, struct ynode *map, struct ynode *key, struct ynode *value);    /* replaces; false: arena full */
void ynode_unset(struct ynode *map, const char *key);
bool ynode_push(struct yarena *a, struct ynode *seq, struct ynode *item);

/* A scalar as upstream prints it where text is wanted: true, 1, 1.5, 1e+06, +Inf; strings as they are; null as "". */
void ynode_scalar_text(const struct ynode *n, char *buf, size_t buf_n, const char **ret);
/* Gives n the kind its text resolves to when written plain. */
void ynode_resolve_plain(struct ynode *n);
struct json_object *ynode_to_json(const struct ynode *n);               /* the caller owns it; null is NULL */

enum { YAML_CRLF = 1 << 0, YAML_SKIP_NULL = 1 << 1 };
/* Block style, two blanks per level, keys in the tree's order; strings quoted only where reading them back needs it. */
void yaml_write(const struct json_object *o, unsigned flags, struct sbuf *ret);
