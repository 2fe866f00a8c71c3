/* snapshot.h: a catalog as it is served: templates and versions, made out of its files and never changed afterwards.
 *
 * Made on a worker, then read on the loop only. Compose files are kept as text and not parsed, except for the catalog section of
 * rancher-compose.yml; what a version says of itself is kept as JSON text, equal texts once. Catalog names are not in it: copies are shared. */
#pragma once
#include <json-c/json.h>

#include "fileset.h"

struct snapshot_file { const char *name; const struct blob *blob; };
struct snapshot_version {
        const char *folder;             /* "5", "1.2.3" */
        const char *version;            /* "v0.5.2"; never empty */
        const char *min, *max, *upgrade_from;   /* "" where there is none */
        const char *labels, *questions; /* JSON text */
        int64_t revision;               /* -1: named by a semantic version */
        struct snapshot_file *files;    /* by name */
        size_t n_files;
};
struct snapshot_template {
        const char *base, *folder;
        const char *default_version;    /* "" when the template names none */
        struct json_object *config;     /* what catalog_config_parse() gave */
        const char *icon_name;          /* NULL: no icon */
        const struct blob *icon, *readme;       /* NULL: none */
        struct snapshot_version *versions;      /* oldest first: by revision, then by version */
        size_t n_versions;              /* never 0 */
};
struct snapshot {
        struct snapshot_template *templates;    /* by base, then folder */
        size_t n_templates, n_versions, n_files, bytes;
        char **skipped;                 /* what was left out and why */
        size_t n_skipped, n_skipped_all;
        struct snapshot_inside *inside;
};

/* Takes the contents of f, also when it fails (-EINVAL: no template is in it). */
int snapshot_new(struct fileset *f, struct snapshot **ret, struct dr_error *err);
struct snapshot *snapshot_free(struct snapshot *s);     /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct snapshot *, snapshot_free)

const struct snapshot_template *snapshot_template(const struct snapshot *s, const char *base, const char *folder);      /* NULL: none */
/* By its number (-1: text only), else by version string. NULL: none. */
const struct snapshot_version *snapshot_version(const struct snapshot_template *t, int64_t revision, const char *version);
/* The default version if server r may see it, else the newest that it may see, else NULL. r NULL or "": any server. */
const struct snapshot_version *snapshot_default(const struct snapshot_template *t, const char *r);
bool snapshot_visible(const struct snapshot_version *v, const char *r);
const struct blob *snapshot_file(const struct snapshot_version *v, const char *name);   /* NULL: none */
