/* catalog.h: the catalogs of this server: where they come from, when they are read again, and what is in them (spec catalog.md 1, 5, 8).
 *
 * A catalog has a name and a place: "builtin:library" (in this program), a folder, or a git repository with a branch. Global ones are in the
 * setting catalog.url, those of an environment in its account record. Two catalogs with the same place and branch share one copy in memory.
 * Reading and parsing happen on a worker, git in a child process; the result is swapped in on the loop. A refresh that fails shows its
 * reason and keeps what was read before. Rules for users: docs/catalogs.md. Loop thread only. */
#pragma once
#include "core/core.h"
#include "net/loop.h"

struct api;
struct catalogs;
struct snapshot_version;

struct catalogs_conf {
        struct loop *loop;
        struct core *core;
        struct api *api;                /* gets /v1-catalog; NULL: none (tests) */
        const char *data_dir;           /* git copies are kept below DIR/catalogs. Copied */
};
/* Reads what is there without network at once (on a worker), then with. */
struct catalogs *catalogs_new(const struct catalogs_conf *conf);
/* Ends its children and waits for its workers, turning the loop: before those whose callbacks the loop may call are freed. Then nothing is
 * found any more, and nothing is ready. NULL is fine. */
void catalogs_stop(struct catalogs *c);
/* Before loop, core and api: stops, if that was not done: ends its children, waits for its workers. NULL is fine; returns NULL. */
struct catalogs *catalogs_free(struct catalogs *c);
DR_DEFINE_AUTO(struct catalogs *, catalogs_free)

/* One version of a template. Everything is borrowed until the caller returns to the loop: copy what is kept. */
enum { CATALOG_ID_MAX = 1100 };
struct catalog_version {
        char id[CATALOG_ID_MAX];                /* "library:infra*ipsec:5": externalId is "catalog://" and this */
        char template_id[CATALOG_ID_MAX];       /* "library:infra*ipsec" */
        const char *name, *description;         /* of the template; never NULL */
        const char *version, *min, *max, *upgrade_from; /* version strings; "" where there is none */
        int64_t revision;                       /* -1: the folder is named by a semantic version */
        bool is_default;                        /* the template's default version */
        const char *docker_compose; /* docker-compose.yml or, when that is absent or blank, docker-compose.yml.tpl; NULL: neither */
        const char *rancher_compose;            /* rancher-compose.yml, else .tpl; NULL: neither */
        const char *project;                    /* project.yml; NULL: none */
        const struct snapshot_version *inside;  /* for catalog_file() */
};
/* id: of a version, or of a template: then its default version, or the newest one when the default is not for that server. "catalog://" in
 * front is taken off. Looks in the environment's catalogs and the global ones; project_id 0: the global ones only. rancher_version: which
 * server it must be for; NULL: this one (setting rancher.server.version); "": any.
 * Returns 0 or negative with *err: DR_E_NOT_FOUND, DR_E_INVALID_FORMAT (no id). */
int catalog_find(struct catalogs *c, int64_t project_id, const char *id, const char *rancher_version, struct catalog_version *ret,
                 struct dr_error *err);
/* A file of the version by its base name, NUL-terminated; NULL: none. ret_len may be NULL. */
const char *catalog_file(const struct catalog_version *v, const char *name, size_t *ret_len);
/* The version that catalog_find() gives for each template of that base ("infra", "project", "") that has one. */
typedef void catalog_each_fn(void *arg, const struct catalog_version *v);
void catalog_each(struct catalogs *c, int64_t project_id, const char *base, const char *rancher_version, catalog_each_fn *fn, void *arg);

/* fn(arg) on the loop each time the content of a catalog, or the list of catalogs, has changed; not from inside a call of this module. */
void catalog_on_loaded(struct catalogs *c, void (*fn)(void *arg), void *arg);
/* Every catalog that is known has been read, or has failed, once since the start. */
bool catalog_is_ready(const struct catalogs *c);

/* Looks at the places of the environment's catalogs and of the global ones now; fn(arg, NULL) or fn(arg, error) when that is over (once; also
 * from catalogs_free()). Errors of one do not stop the others. */
typedef void catalog_refreshed_fn(void *arg, const struct dr_error *err);
void catalog_refresh(struct catalogs *c, int64_t project_id, catalog_refreshed_fn *fn, void *arg);
