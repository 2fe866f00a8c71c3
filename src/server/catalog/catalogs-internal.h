/* catalogs-internal.h: what the files of this folder share: the list of catalogs. */
#pragma once
#include "catalog.h"
#include "repo.h"
#include "server/api/context.h"

struct catalog_entry {
        char *name, *kind;
        int64_t project_id;             /* 0: global */
        struct repo *repo;              /* held; NULL: refused says why it cannot be read */
        const char *refused;            /* static storage */
        bool hidden;                    /* a global one that somebody deleted: back with the next refresh */
};
struct loaded_listener { void (*fn)(void *arg); void *arg; };

struct catalogs {
        struct catalogs_conf conf;
        char *home;
        struct repos *repos;
        VEC(struct catalog_entry) entries;      /* by environment, then name */
        VEC(struct catalog_waiter *) waiters;
        VEC(struct loaded_listener) on_loaded;
        struct timer *periodic;
        uint64_t every_ms;              /* that it runs with; 0: it does not */
        bool dirty, closing;            /* dirty: what catalogs are there has to be looked up again */
};

/* The catalog of that name as an environment sees it: the global one, else its own. project_id 0: global ones only. NULL: none. */
const struct catalog_entry *catalogs_get(const struct catalogs *c, int64_t project_id, const char *name);
/* Whether the entry is there for the environment: not hidden, not behind a global one. */
bool catalogs_shows(const struct catalogs *c, const struct catalog_entry *e, int64_t project_id);
void catalogs_reload(struct catalogs *c);       /* after the setting or an environment's list has changed */
void catalogs_hide(struct catalogs *c, const char *name);       /* a global one, until the next refresh */
const char *catalogs_server_version(struct catalogs *c);
void catalogs_version_id(const struct catalog_entry *e, const struct snapshot_template *t, const struct snapshot_version *v,
                         char ret[CATALOG_ID_MAX]); /* v NULL: of the template */

/* An environment's own list (account field catalogSources). */
enum { CATALOGS_OF_PROJECT_MAX = 50 };
void catalogs_own(struct core *core, const struct record *project, struct sources *ret);
void catalogs_own_put(struct core *core, struct record *project, const struct sources *s);

/* request.c, write.c, show.c: the HTTP side */
void catalog_special(void *arg, struct api_req *req);
void catalog_fail(struct api_req *req, int status, const char *fmt, ...) DR_PRINTF(3, 4);
void catalog_write_create(struct catalogs *c, struct api_req *req);
void catalog_write_update(struct catalogs *c, struct api_req *req, const char *name);
void catalog_write_remove(struct catalogs *c, struct api_req *req, const char *name);
void catalog_write_refresh(struct catalogs *c, struct api_req *req);
void catalog_show(struct jw *w, struct api_req *req, const struct catalog_entry *e);
void catalog_show_source(struct jw *w, struct api_req *req, const struct catalogs *c, const struct source *s);
void catalog_show_template(struct jw *w, struct api_req *req, const struct catalog_entry *e, const struct snapshot_template *t,
                           const char *r);
void catalog_show_version(struct jw *w, struct api_req *req, const struct catalog_entry *e, const struct snapshot_template *t,
                          const struct snapshot_version *v, const char *r);
void catalog_show_schemas(struct api_req *req, const char *id);
