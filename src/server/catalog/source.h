/* source.h: where catalogs come from: the setting catalog.url and what environments add, as lists of name, place and branch (catalog.md 5.1).
 *
 * Places: "builtin:NAME"; a folder (absolute path or file:// URL) that is no git repository; a git repository: http, https, git, ssh URLs,
 * USER@HOST:PATH, or a folder that is one. Pure, except source_kind()'s look at a folder. Any thread. */
#pragma once
#include <json-c/json.h>

#include "base/base.h"
#include "base/vec.h"

enum { SOURCES_MAX = 100, SOURCE_NAME_BYTES_MAX = 63, SOURCE_URL_BYTES_MAX = 1024, SOURCE_BRANCH_BYTES_MAX = 200 };

struct source { char *name, *url, *branch, *kind; };            /* branch: "" when none was given */
struct sources { struct source *v; size_t n, cap; };            /* {0} is empty */
void sources_done(struct sources *s);
void sources_add(struct sources *s, const char *name, const char *url, const char *branch, const char *kind);
const struct source *sources_get(const struct sources *s, const char *name);   /* NULL: none */
void sources_remove(struct sources *s, const char *name);

/* The setting's value: {"catalogs":{NAME:{"url":U,"branch":B,"kind":K}}} or NAME=URL,NAME=URL. server_version: for ${RELEASE} in branches. Entries
 * without a usable name or without a url are left out; *err (may be NULL) names the first one. What cannot be read for other reasons is in it: looking at
 * it says so. ret: by name. Returns 0 or -EINVAL. */
int sources_parse(const char *value, const char *server_version, struct sources *ret, struct dr_error *err);
/* {"catalogs":...} as above, for the account record of an environment. The caller owns it. */
struct json_object *sources_to_json(const struct sources *s);

int source_check_name(const char *name, struct dr_error *err);
int source_check_branch(const char *branch, struct dr_error *err);

enum source_kind { SOURCE_BUILTIN, SOURCE_FOLDER, SOURCE_GIT, SOURCE_KIND_MAX };
/* What is at url. local: whether it is this machine's (folders, and ssh with this machine's keys): only for those who may read them. ret_where:
 * builtin name, folder, or what git is told; the caller frees. Returns the kind or negative with *err. */
int source_kind(const char *url, bool *ret_local, char **ret_where, struct dr_error *err);
