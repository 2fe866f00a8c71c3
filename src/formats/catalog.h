/* catalog.h: files of catalogs to records in the form of /v1-catalog, and the rules for versions and ids.
 *
 * No I/O: the caller has read the files. Any thread. Sources: spec catalog.md 1 to 6 and 8. Results are JSON objects of the caller.
 * A file that is larger, deeper or longer than the limits is refused like one that does not parse: DR_E_INVALID_FORMAT or DR_E_TOO_LARGE with
 * "rancher-compose.yml:3:5: ...". Keys of another type than the table's are converted as upstream does (1 to "1"), or left out. */
#pragma once
#include <json-c/json.h>

#include "base/base.h"

enum {
        CATALOG_FILE_BYTES_MAX = 1 << 20,       /* of a file that is parsed */
        CATALOG_QUESTIONS_MAX = 1000,           /* of one version */
        CATALOG_NAME_BYTES_MAX = 255,           /* of a part of an id */
        CATALOG_STACKS_MAX = 200,               /* of one project.yml */
};

/* ---- places: BASE-templates/FOLDER/... ---- */
enum catalog_file { CATALOG_FILE_CONFIG, CATALOG_FILE_ICON, CATALOG_FILE_README, CATALOG_FILE_VERSION, CATALOG_FILE_OTHER, CATALOG_FILE_MAX };
struct catalog_place {
        enum catalog_file kind;         /* OTHER: of no template, or of no version */
        char base[CATALOG_NAME_BYTES_MAX + 1];          /* "infra"; "" for templates/ */
        char folder[CATALOG_NAME_BYTES_MAX + 1];
        char version[CATALOG_NAME_BYTES_MAX + 1];       /* VERSION only: the folder's name, "5" or "1.2.3" */
        int64_t revision;                               /* VERSION only: the number, or -1 for a folder named by semver */
        const char *name;                               /* the file's base name, inside path */
};
/* path: relative, "/" between parts. Fails only (-EINVAL) for paths with empty parts, ".." or too long ones. */
int catalog_place_parse(const char *path, struct catalog_place *ret);

/* ---- files; name is for messages ---- */
/* config.yml: {name, description, defaultVersion, categories: [], labels: {}, maintainer, license, projectURL, isSystem, path, upgradeFrom};
 * absent texts are "". */
int catalog_config_parse(const char *text, size_t n, const char *name, struct json_object **ret, struct dr_error *err);
/* rancher-compose.yml of a version: {version, minimumRancherVersion, maximumRancherVersion, upgradeFrom, labels: {}, questions: []}. version is
 * folder (a version folder's name) when the file has none. A text with template actions that is no YAML before rendering is refused too, as
 * upstream does: the version does not exist then. */
int catalog_version_parse(const char *text, size_t n, const char *name, const char *folder, struct json_object **ret, struct dr_error *err);
/* What catalog_version_parse() gives for a version folder without the file. */
struct json_object *catalog_version_plain(const char *folder);
/* project.yml: {name, description, stacks: [{name, description, templateId, templateVersionId, answers, binding, dockerCompose, rancherCompose}]};
 * absent keys are absent. */
int catalog_project_parse(const char *text, size_t n, const char *name, struct json_object **ret, struct dr_error *err);

/* ---- questions: {variable, label, description, type, required, default, group, minLength, maxLength, min, max, options, validChars, invalidChars},
 * all present; options is null or a list ---- */
struct ynode;
/* The questions of a compose document's catalog section (catalog, .catalog, services/.catalog: the first there is). Never NULL. */
struct json_object *catalog_questions(const struct ynode *root);
/* What an answer must be, for those who ask people (the server takes anything, as upstream does). text NULL or "": no answer, which gives the
 * default. *ret: the answer as the API wants it (boolean for boolean, else a string). -EINVAL: DR_E_* with a sentence that names the label. */
int catalog_answer(const struct json_object *question, const char *text, struct json_object **ret, struct dr_error *err);

/* ---- versions (catalog.md 4) ---- */
bool catalog_version_greater(const char *a, const char *b);
/* min <= r <= max; empty or NULL bounds and r are no bounds. "v" in front is optional everywhere. */
bool catalog_version_visible(const char *min, const char *max, const char *r);
/* Ranges: "1.0.0", ">=1.0.0", ">1.0.0 <2.0.0 || >3.0.0", "1.2.x", "!1.1.0". 1: satisfies, 0: does not, -EINVAL: either cannot be read. */
int catalog_version_in_range(const char *version, const char *range);
/* to (a record of catalog_version_parse()) is offered to those on from, under server version r. */
bool catalog_version_upgrades(const struct json_object *from, const struct json_object *to, const char *r);
/* A semantic version "1.2.3-rc1+build", "v" in front allowed: what a version folder may be named by. */
bool catalog_version_is_semver(const char *s);

/* ---- ids: CATALOG:[BASE*]FOLDER[:REVISION or VERSION] ---- */
struct catalog_id {
        char catalog[CATALOG_NAME_BYTES_MAX + 1], base[CATALOG_NAME_BYTES_MAX + 1], folder[CATALOG_NAME_BYTES_MAX + 1];
        char version[CATALOG_NAME_BYTES_MAX + 1];       /* third part; "": a template's id */
        int64_t revision;                               /* when version is all digits, else -1 */
};
int catalog_id_parse(const char *text, struct catalog_id *ret, struct dr_error *err);   /* "catalog://" in front is taken off */
char *catalog_id_format(const struct catalog_id *id);                                   /* malloc'ed */
