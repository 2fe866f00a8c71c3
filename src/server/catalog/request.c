/* request.c: /v1-catalog: which resource a request is about (spec catalog.md 5). Behind authentication, and behind the look at whether the
 * caller may be in the environment it names. */
#include <stdio.h>
#include <strings.h>

#include "catalogs-internal.h"
#include "formats/catalog.h"

/* Errors of this part of the API have a form of their own: the status is a string. */
void catalog_fail(struct api_req *req, int status, const char *fmt, ...) {
        char text[600];
        char number[12];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        snprintf(number, sizeof number, "%d", status);
        sbuf_reset(&req->out);
        req->content_type = NULL;
        req->failed = true;
        struct jw w = JW(&req->out, 0);
        jw_begin_object(&w);
        jw_kstring(&w, "type", "error");
        jw_kstring(&w, "status", number);
        jw_kstring(&w, "code", http_status_text(status));
        jw_kstring(&w, "message", text);
        jw_end(&w);
        api_reply(req, status);
}

static const char *server_of(struct api_req *req) {
        const char *r = api_param(req, "rancherVersion");
        return r ? r : api_param(req, "minimumRancherVersion_lte");
}

/* ---- collections ---- */
static void begin_collection(struct jw *w, struct api_req *req, const char *type, const char *plural) {
        jw_begin_object(w);
        jw_kstring(w, "type", "collection");
        jw_kstring(w, "resourceType", type);
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", arena_printf(&req->arena, "%s/%s", req->url, plural));
        jw_end(w);
        jw_key(w, "actions");
        jw_begin_object(w);
        if (str_eq(type, "template"))
                jw_kstring(w, "refresh", arena_printf(&req->arena, "%s/templates?action=refresh", req->url));
        jw_end(w);
        jw_key(w, "createTypes");
        jw_begin_object(w);
        jw_end(w);
        jw_knull(w, "createDefaults");
        jw_knull(w, "sort");
        jw_knull(w, "pagination");
        jw_knull(w, "filters");
        jw_key(w, "sortLinks");
        jw_begin_object(w);
        jw_end(w);
        jw_key(w, "data");
        jw_begin_array(w);
}

static void end_collection(struct jw *w, struct api_req *req) {
        jw_end(w);
        jw_end(w);
        api_reply(req, 200);
}

static void list_catalogs(struct catalogs *c, struct api_req *req) {
        struct jw w = JW(&req->out, 0);
        begin_collection(&w, req, "catalog", "catalogs");
        for (size_t i = 0; i < c->entries.n; i++)
                if (catalogs_shows(c, &c->entries.v[i], req->project_id))
                        catalog_show(&w, req, &c->entries.v[i]);
        end_collection(&w, req);
}

static bool has_category(const struct snapshot_template *t, const char *name) {
        struct json_object *all = json_get_array(t->config, "categories");
        for (size_t i = 0; all && i < json_object_array_length(all); i++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(all, i)), name))
                        return true;
        return false;
}

/* category: all that are named must be there; category_ne: none may. Case counts. */
static bool fits_categories(const struct api_req *req, const struct snapshot_template *t) {
        for (size_t i = 0; i < req->http->query.n; i++) {
                const struct http_param *p = &req->http->query.v[i];
                if ((str_eq(p->name, "category") && *p->value && !has_category(t, p->value)) ||
                    (str_eq(p->name, "category_ne") && has_category(t, p->value)))
                        return false;
        }
        return true;
}

static bool has_visible(const struct snapshot_template *t, const char *r) {
        for (size_t i = 0; i < t->n_versions; i++)
                if (snapshot_visible(&t->versions[i], r))
                        return true;
        return false;
}

static void list_templates(struct catalogs *c, struct api_req *req) {
        const char *catalog = api_param(req, "catalogId"), *base = api_param(req, "templateBase_eq"), *r = server_of(req);
        if (!catalog || !*catalog)
                catalog = api_param(req, "catalog");
        struct jw w = JW(&req->out, 0);
        begin_collection(&w, req, "template", "templates");
        for (size_t i = 0; i < c->entries.n; i++) {
                const struct catalog_entry *e = &c->entries.v[i];
                if (!catalogs_shows(c, e, req->project_id) || !e->repo || !e->repo->now ||
                    (catalog && *catalog && !str_eq(catalog, e->name)))
                        continue;
                for (size_t k = 0; k < e->repo->now->n_templates; k++) {
                        const struct snapshot_template *t = &e->repo->now->templates[k];
                        if ((!base || !*base || str_eq(base, t->base)) && has_visible(t, r) && fits_categories(req, t))
                                catalog_show_template(&w, req, e, t, r);
                }
        }
        end_collection(&w, req);
}

/* ---- one ---- */
static const char *icon_type(const char *name) {
        static const char *const types[][2] = {
                { ".svg", "image/svg+xml" }, { ".png", "image/png" },   { ".jpg", "image/jpeg" },   { ".jpeg", "image/jpeg" },
                { ".gif", "image/gif" },     { ".webp", "image/webp" }, { ".ico", "image/x-icon" },
        };
        const char *dot = strrchr(name, '.');
        for (size_t i = 0; dot && i < ARRAY_LEN(types); i++)
                if (strcasecmp(dot, types[i][0]) == 0)
                        return types[i][1];
        return "application/octet-stream";
}

static void send_blob(struct api_req *req, const struct blob *b, const char *type) {
        /* A picture of somebody's repository runs nothing and fetches nothing, wherever it is opened. */
        api_header_add(req, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox");
        api_header_add(req, "X-Content-Type-Options", "nosniff");
        api_header_add(req, "Cache-Control", "private, max-age=300");
        req->content_type = type;
        sbuf_add(&req->out, b->data, b->len);
        api_reply(req, 200);
}

static const struct blob *readme_of(const struct snapshot_version *v) {
        for (size_t i = 0; i < v->n_files; i++)
                if (strncasecmp(v->files[i].name, "readme.md", strlen("readme.md")) == 0)
                        return v->files[i].blob;
        return NULL;
}

static void one_template(struct catalogs *c, struct api_req *req, const char *id) {
        struct catalog_id at;
        struct dr_error err;
        if (catalog_id_parse(id, &at, &err) < 0)
                return catalog_fail(req, 404, "Template not found");
        const struct catalog_entry *e = catalogs_get(c, req->project_id, at.catalog);
        const struct snapshot_template *t = e && e->repo && e->repo->now ? snapshot_template(e->repo->now, at.base, at.folder) : NULL;
        if (!t)
                return catalog_fail(req, 404, "Template not found");
        const struct snapshot_version *v = *at.version ? snapshot_version(t, at.revision, at.version) : NULL;
        if (*at.version && !v)
                return catalog_fail(req, 404, "Version not found");
        if (!v && api_param(req, "image"))
                return t->icon ? send_blob(req, t->icon, icon_type(t->icon_name)) : catalog_fail(req, 404, "the template has no icon");
        if (api_param(req, "readme")) {
                const struct blob *b = v ? readme_of(v) : t->readme;
                return b ? send_blob(req, b, "text/plain; charset=utf-8") : catalog_fail(req, 404, "it has no readme");
        }
        struct jw w = JW(&req->out, 0);
        if (v)
                catalog_show_version(&w, req, e, t, v, server_of(req));
        else
                catalog_show_template(&w, req, e, t, server_of(req));
        api_reply(req, 200);
}

static void one_catalog(struct catalogs *c, struct api_req *req, const char *name) {
        if (req->method == VERB_PUT)
                return catalog_write_update(c, req, name);
        if (req->method == VERB_DELETE)
                return catalog_write_remove(c, req, name);
        if (req->method != VERB_GET)
                return catalog_fail(req, 405, "Method not allowed");
        if (!req->project_id)
                return catalog_fail(req, 400, "Missing environment: name it with the header x-api-project-id or the parameter projectId");
        const struct catalog_entry *e = catalogs_get(c, req->project_id, name);
        if (!e)
                return catalog_fail(req, 404, "Catalog not found");
        struct jw w = JW(&req->out, 0);
        catalog_show(&w, req, e);
        api_reply(req, 200);
}

static void root(struct api_req *req) {
        static const char *const links[] = { "catalogs", "templates", "templateversions", "schemas" };
        struct jw w = JW(&req->out, 0);
        jw_begin_object(&w);
        jw_kstring(&w, "id", "v1-catalog");
        jw_kstring(&w, "type", "apiVersion");
        jw_key(&w, "links");
        jw_begin_object(&w);
        jw_kstring(&w, "self", req->url);
        for (size_t i = 0; i < ARRAY_LEN(links); i++)
                jw_kstring(&w, links[i], arena_printf(&req->arena, "%s/%s", req->url, links[i]));
        jw_end(&w);
        jw_key(&w, "actions");
        jw_begin_object(&w);
        jw_end(&w);
        jw_end(&w);
        api_reply(req, 200);
}

static bool is_any(const char *s, const char *a, const char *b) { return str_ieq(s, a) || str_ieq(s, b); }

void catalog_special(void *arg, struct api_req *req) {
        struct catalogs *c = arg;
        const char *kind = req->n_seg > 1 ? req->seg[1] : NULL, *id = req->n_seg > 2 ? req->seg[2] : NULL;
        bool get = req->method == VERB_GET || req->method == VERB_HEAD;
        if (req->method == VERB_HEAD)
                req->method = VERB_GET;
        if (!req->http || req->n_seg > 3)
                return catalog_fail(req, 404, "Not found");
        if (kind && is_any(kind, "catalogs", "catalog")) {
                if (id)
                        one_catalog(c, req, id);
                else if (get)
                        list_catalogs(c, req);
                else if (req->method == VERB_POST)
                        catalog_write_create(c, req);
                else
                        catalog_fail(req, 405, "Method not allowed");
                return;
        }
        bool templates = kind && is_any(kind, "templates", "template");
        if (templates && !id && req->method == VERB_POST && str_eq(req->action, "refresh"))
                return catalog_write_refresh(c, req);
        if (!get)
                return catalog_fail(req, 405, "Method not allowed");
        if (!kind)
                root(req);
        else if (is_any(kind, "schemas", "schema"))
                catalog_show_schemas(req, id);
        else if (id && (templates || is_any(kind, "templateversions", "templateversion")))
                one_template(c, req, id);
        else if (templates)
                list_templates(c, req);
        else
                catalog_fail(req, 404, "Not found");
}
