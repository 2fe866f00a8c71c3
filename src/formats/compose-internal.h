/* compose-internal.h: what the compose*.c files share. Included by them and their tests alone. */
#pragma once
#include "base/map.h"
#include "base/vec.h"
#include "compose.h"
#include "gotemplate.h"
#include "yaml.h"

enum { COMPOSE_WORK_MAX = 4000000 };                    /* nodes looked at by copies and merges of one read */

struct compose {
        const struct compose_env *env;
        struct yarena *arena;           /* bounded by the caps on text and work, so that builders cannot fail */
        VEC(struct compose_message) messages;
        size_t errors;
        size_t work, text_bytes;
        VEC(char *) names;              /* of documents, by ynode's file */
        struct json_object *answers;    /* the caller's, as texts: variable -> string */
        struct json_object *questions;  /* of the catalog sections, in catalog.h's form */
        struct json_object *defaults;   /* theirs: variable -> string */
        char *rendered[COMPOSE_DOCS_MAX];       /* texts of documents that were templates */
        struct gotemplate_lines lines[COMPOSE_DOCS_MAX];        /* where their lines come from */
        struct ynode *services;         /* merged, normalised: name -> map */
        struct ynode *volumes, *secrets, *hosts;
        struct smap unset;              /* variables warned about */
        VEC(struct compose_service) out;
        struct json_object *volumes_json, *secrets_json, *hosts_json;
};

/* One document on its way. */
struct compose_input {
        struct ynode *root, *services;  /* services after folding */
        unsigned version;               /* 1 or 2 */
        bool spec;                      /* Compose specification file: no version or 3.x */
};

void compose_error(struct compose *c, const struct ynode *at, const char *fmt, ...) DR_PRINTF(3, 4);
void compose_warn(struct compose *c, const struct ynode *at, const char *fmt, ...) DR_PRINTF(3, 4);
void compose_suggest(struct compose *c, const char *suggestion);        /* to the last message */
bool compose_spend(struct compose *c, size_t n, const struct ynode *at);        /* false: the budget is used up, an error is noted */
const char *compose_file(const struct compose *c, const struct ynode *at);

/* composetemplate.c */
void compose_take_answers(struct compose *c);           /* fills c->answers */
struct json_object *compose_defaults(struct json_object *questions);
/* ret: n documents, those that are templates with their rendered text, which c holds. Negative: errors were noted. */
int compose_render(struct compose *c, const struct compose_doc *docs, size_t n, struct compose_doc *ret);
unsigned compose_line(const struct compose *c, const struct ynode *at);        /* the line in the document as it was given */

/* composevars.c */
const char *compose_lookup(struct compose *c, const char *name);
struct ynode *compose_interpolate(struct compose *c, const struct ynode *n, const char *key);   /* a copy; errors are noted */

/* composekeys.c: the table of service keys */
enum key_type { KEY_STRING, KEY_BOOL, KEY_NUMBER, KEY_STRING_NULL, KEY_LIST, KEY_STRINGS, KEY_COMMAND, KEY_MAP, KEY_DICT, KEY_RATES,
                KEY_STRING_MAP, KEY_ANY, KEY_TYPE_MAX };
enum key_item { ITEM_STRING, ITEM_NUMBER, ITEM_PORT, ITEM_EXPOSE, ITEM_SECRET };
enum { V1 = 1, V2 = 2, V12 = 3 };

struct compose_build;                   /* a launch config being made, see composelaunch.c */
typedef void (*compose_convert_fn)(struct compose_build *b, const char *field, const struct ynode *v);

struct compose_key {
        const char *name;
        unsigned versions;
        enum key_type type;
        enum key_item item;
        bool duplicates;                /* a list may hold the same item twice */
        const char *field;              /* launchConfig field, or NULL: handled elsewhere or without effect */
        compose_convert_fn convert;
};
const struct compose_key *compose_keys(size_t *ret_n);
const struct compose_key *compose_key_find(const char *name);
void compose_check_service(struct compose *c, const struct compose_input *in, const char *name, struct ynode *svc);
bool compose_port_ok(const char *s);
bool compose_expose_ok(const char *s);
void compose_print_go(const struct ynode *n, struct sbuf *ret);        /* like Go's %v: map[a:b], [x y], <nil> */

/* composenorm.c: one validated service to v2 form with lists and maps of strings; extends and env_file; merging */
struct ynode *compose_normalise(struct compose *c, const struct compose_input *in, const char *name, struct ynode *svc, unsigned depth);
void compose_merge(struct compose *c, struct ynode *into, const struct ynode *from);
/* Everything from the raw service of a document to its normalised form: interpolation, fix-ups, checks. NULL: errors were noted. */
struct ynode *compose_prepare(struct compose *c, const struct compose_input *in, const char *name, const struct ynode *raw, unsigned depth);
int compose_open(struct compose *c, const struct ynode *root, struct compose_input *in);       /* version and sections */

/* composelaunch.c, composevalue.c */
struct compose_build { struct compose *c; const char *service; const char *key; const struct ynode *svc; struct json_object *out; };
struct json_object *compose_launch_config(struct compose *c, const char *name, const struct ynode *svc);

void conv_string(struct compose_build *b, const char *field, const struct ynode *v);
void conv_bool(struct compose_build *b, const char *field, const struct ynode *v);
void conv_int(struct compose_build *b, const char *field, const struct ynode *v);
void conv_size(struct compose_build *b, const char *field, const struct ynode *v);
void conv_seconds(struct compose_build *b, const char *field, const struct ynode *v);
void conv_list(struct compose_build *b, const char *field, const struct ynode *v);
void conv_dict(struct compose_build *b, const char *field, const struct ynode *v);
void conv_image(struct compose_build *b, const char *field, const struct ynode *v);
void conv_build(struct compose_build *b, const char *field, const struct ynode *v);
void conv_network(struct compose_build *b, const char *field, const struct ynode *v);
void conv_logging(struct compose_build *b, const char *field, const struct ynode *v);
void conv_volumes(struct compose_build *b, const char *field, const struct ynode *v);
void conv_tmpfs(struct compose_build *b, const char *field, const struct ynode *v);
void conv_devices(struct compose_build *b, const char *field, const struct ynode *v);
void conv_ulimits(struct compose_build *b, const char *field, const struct ynode *v);
void conv_rates(struct compose_build *b, const char *field, const struct ynode *v);
void conv_secrets(struct compose_build *b, const char *field, const struct ynode *v);
void conv_health(struct compose_build *b, const char *field, const struct ynode *v);
void conv_kind(struct compose_build *b, const char *field, const struct ynode *v);
void conv_memory_mb(struct compose_build *b, const char *field, const struct ynode *v);
void conv_disks(struct compose_build *b, const char *field, const struct ynode *v);

int compose_size(const struct ynode *v, int64_t *ret);                  /* SIZE of compose.md 4.6; -EINVAL */
int compose_int(const struct ynode *v, int64_t *ret);                   /* integer, number or decimal string */
int compose_duration(const struct ynode *v, int64_t *ret_s);

/* Objects with snake_case keys to camelCase fields, by rows. Unknown keys are ignored, nulls are absent, zero values are left out. */
enum field_type { FIELD_INT, FIELD_STRING, FIELD_BOOL, FIELD_STRINGS, FIELD_ANY, FIELD_OBJECT, FIELD_CAMEL };
struct compose_field { const char *key, *field; enum field_type type; const struct compose_field *rows; };
struct json_object *compose_object(struct compose_build *b, const struct compose_field *rows, const struct ynode *v);
struct json_object *compose_objects(struct compose_build *b, const struct compose_field *rows, const struct ynode *v);
struct json_object *compose_camel(const struct ynode *v);               /* every key, at every depth */
extern const struct compose_field compose_health_fields[], compose_lb_fields[], compose_storage_fields[], compose_network_fields[],
        compose_policy_fields[], compose_disk_fields[];

/* composelb.c: both give lbConfig with names instead of ids; NULL: none */
struct json_object *compose_lb_config(struct compose_build *b, const struct ynode *v, bool *ret_balances);
struct json_object *compose_legacy_lb(struct compose_build *b, struct json_object *launch_config, const struct ynode *links,
                                      const struct ynode *external_links);

/* composebinding.c: after all documents are merged */
void compose_bind(struct compose *c);

/* compose_export_config.c: the way back */
struct compose_export_source;
struct compose_exporter {
        const struct compose_export_source *source;
        struct json_object *docker, *rancher, *volumes, *secrets;       /* name -> entry, for the documents */
};
/* Adds the keys of a launchConfig (also of a sidekick) to the entries of both documents. */
void compose_export_config(struct compose_exporter *x, const struct json_object *launch_config, struct json_object *docker, struct json_object *rancher);
void compose_export_health(const struct json_object *check, struct json_object *o);     /* as health_check of an entry */
struct json_object *compose_written(const struct compose_field *rows, const struct json_object *v);     /* compose_object() backwards; NULL: nothing */
struct json_object *compose_sorted(const struct json_object *map);      /* a copy with the keys in order; maps only at this level */

/* composeplan.c */
void compose_plan(struct compose *c);

/* A map under construction, quick for many keys. */
struct map_builder { struct compose *c; struct ynode *map; struct smap seen; };
void map_builder_put(struct map_builder *m, struct ynode *key, struct ynode *value);
void map_builder_done(struct map_builder *m);

int compose_shell_split(const char *s, struct json_object **ret, const char **ret_why);        /* composevalue.c; array of strings */
