/* write.c: catalogs of environments are made, changed and removed; what is known is refreshed on demand (spec catalog.md 5). */
#include "catalogs-internal.h"
#include "server/audit/scrub.h"

/* NULL: answered. Those who may only look at an environment, and agents in it, change nothing. */
static struct record *project_of(struct api_req *req) {
        static const enum role may[] = { ROLE_owner, ROLE_member, ROLE_project, ROLE_admin, ROLE_superadmin };
        bool allowed = false;
        if (!req->project_id) {
                catalog_fail(req, 400, "Missing environment: name it with the header x-api-project-id or the parameter projectId");
                return NULL;
        }
        for (size_t i = 0; i < ARRAY_LEN(may); i++)
                allowed = allowed || req->role == may[i];
        struct record *p = world_get(api_world(req), T_account, req->project_id);
        if (!allowed || !p)
                catalog_fail(req, 403, "role %s may not change the catalogs of an environment", role_name(req->role));
        return allowed ? p : NULL;
}

/* An administrator, in an environment or outside: who may read folders of the server and use its ssh keys. */
static bool is_admin(const struct api_req *req) {
        const char *kind = req->caller ? record_str(req->caller, F_kind) : NULL;
        return str_eq(kind, "admin") || str_eq(kind, "superadmin");
}

/* A value of the body that is a string; NULL: absent or something else. */
static const char *text_of(struct api_req *req, const char *key) {
        struct json_object *o = json_object_is_type(req->body, json_type_object) ? json_get(req->body, key) : NULL;
        return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

static bool check_body(struct api_req *req, const char *url) {
        struct dr_error err;
        bool local;
        auto_free char *where = NULL;
        const char *missing = !*str_or(text_of(req, "name"), "") ? "name" : !*str_or(url, "") ? "url" : NULL;
        if (missing) {
                catalog_fail(req, 400, "Missing field '%s'", missing);
                return false;
        }
        const char *kind = str_or(text_of(req, "kind"), "");
        if (*kind && !str_eq(kind, "native")) {
                catalog_fail(req, 422, "catalogs of kind %.40s are not supported: only native ones are", kind);
                return false;
        }
        if (source_check_name(text_of(req, "name"), &err) < 0 || source_check_branch(str_or(text_of(req, "branch"), ""), &err) < 0 ||
            source_kind(url, &local, &where, &err) < 0) {
                catalog_fail(req, 422, "%s", err.message);
                return false;
        }
        if (local && !is_admin(req)) {
                catalog_fail(req, 403, "folders of the server, and ssh with its keys, are for administrators: use https, http or git");
                return false;
        }
        return true;
}

static bool is_taken(struct catalogs *c, struct api_req *req, const struct sources *own, const char *name) {
        const struct catalog_entry *e = catalogs_get(c, req->project_id, name);
        if (!sources_get(own, name) && !e)
                return false;
        catalog_fail(req, 422, "Catalog name %s already exists", name);
        return true;
}

static void store(struct catalogs *c, struct api_req *req, struct record *project, const struct sources *own) {
        catalogs_own_put(api_core(req), project, own);
        c->dirty = true;
        req->wrote = true;
        catalogs_reload(c);             /* the next request finds it */
}

static void reply_with(struct catalogs *c, struct api_req *req, const struct sources *own, const char *name) {
        struct jw w = JW(&req->out, 0);
        catalog_show_source(&w, req, c, sources_get(own, name));
        api_reply(req, 200);
}

void catalog_write_create(struct catalogs *c, struct api_req *req) {
        const char *url = text_of(req, "url");
        struct record *p = project_of(req);
        struct sources own = { 0 };
        if (!p || !check_body(req, url))
                return;
        const char *name = arena_strdup(&req->arena, text_of(req, "name"));
        catalogs_own(api_core(req), p, &own);
        if (own.n >= CATALOGS_OF_PROJECT_MAX) {
                catalog_fail(req, 422, "the environment has %d catalogs already", CATALOGS_OF_PROJECT_MAX);
        } else if (!is_taken(c, req, &own, name)) {
                sources_add(&own, name, url, text_of(req, "branch"), text_of(req, "kind"));
                store(c, req, p, &own);
                reply_with(c, req, &own, name);
        }
        sources_done(&own);
}

void catalog_write_update(struct catalogs *c, struct api_req *req, const char *name) {
        const char *url = text_of(req, "url");
        struct record *p = project_of(req);
        struct sources own = { 0 };
        if (!p)
                return;
        catalogs_own(api_core(req), p, &own);
        const struct source *old = sources_get(&own, name);
        if (!old) {
                catalog_fail(req, 404, "Catalog not found");
        } else {
                auto_free char *shown = scrub_url(old->url);
                if (str_eq(url, shown))         /* the password that was not shown stays */
                        url = arena_strdup(&req->arena, old->url);
                const char *to = text_of(req, "name");
                if ((to && !str_eq(to, name) && is_taken(c, req, &own, to)) || !check_body(req, url)) {
                        sources_done(&own);
                        return;
                }
                sources_remove(&own, name);
                sources_add(&own, to, url, text_of(req, "branch"), text_of(req, "kind"));
                store(c, req, p, &own);
                reply_with(c, req, &own, to);
        }
        sources_done(&own);
}

void catalog_write_remove(struct catalogs *c, struct api_req *req, const char *name) {
        struct record *p = project_of(req);
        struct sources own = { 0 };
        if (!p)
                return;
        catalogs_own(api_core(req), p, &own);
        if (sources_get(&own, name)) {
                sources_remove(&own, name);
                store(c, req, p, &own);
        } else if (is_admin(req)) {
                catalogs_hide(c, name);         /* a global one: gone until the next refresh, as upstream does */
        }
        sources_done(&own);
        api_reply_empty(req, 204);
}

/* ---- refresh ---- */
static void on_refreshed(void *arg, const struct dr_error *err) {
        struct api_req *req = arg;
        if (err)
                catalog_fail(req, 500, "%s", err->message);
        else
                api_reply_empty(req, 204);
}

void catalog_write_refresh(struct catalogs *c, struct api_req *req) {
        req->caller = NULL;             /* the answer waits; the account may be gone by then */
        catalog_refresh(c, req->project_id, on_refreshed, req);
}
