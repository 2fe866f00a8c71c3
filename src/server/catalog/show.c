/* show.c: catalogs, templates and versions as JSON (spec catalog.md 5, "Resources"). */
#include <ctype.h>
#include <stdio.h>

#include "base/times.h"
#include "catalogs-internal.h"
#include "formats/catalog.h"
#include "server/audit/scrub.h"

static const char *project_text(struct api_req *req, int64_t project_id) {
        char id[ID_TEXT_MAX];
        return project_id ? arena_strdup(&req->arena, id_format(API_V2_BETA, T_account, project_id, id)) : "global";
}

/* An id in a URL: clients cut them out and compare them, so ':' and '*' stay as they are. */
static const char *url_of(struct api_req *req, const char *plural, const char *id, const char *query) {
        struct sbuf b = SBUF(4 * CATALOG_ID_MAX);
        for (const char *p = id; *p; p++) {
                if (isalnum((unsigned char) *p) || strchr("-._~:*@!$()+,;=", *p))
                        sbuf_putc(&b, *p);
                else
                        sbuf_printf(&b, "%%%02X", (unsigned char) *p);
        }
        const char *url = arena_printf(&req->arena, "%s/%s/%s%s", req->url, plural, sbuf_str(&b), query);
        sbuf_done(&b);
        return url;
}

static void empty_object(struct jw *w, const char *key) {
        jw_key(w, key);
        jw_begin_object(w);
        jw_end(w);
}

/* ---- catalogs ---- */
/* Nobody is shown passwords: a PUT with what is shown here keeps them. */
static const char *shown_url(struct api_req *req, const char *url) {
        auto_free char *redacted = scrub_url(url);
        return arena_strdup(&req->arena, redacted);
}

static void begin_catalog(struct jw *w, struct api_req *req, const char *name, int64_t project_id, const char *kind) {
        const char *env = project_text(req, project_id ? project_id : req->project_id);
        jw_begin_object(w);
        jw_kstring(w, "id", name);
        jw_kstring(w, "type", "catalog");
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", url_of(req, "catalogs", name, arena_printf(&req->arena, "?projectId=%s", env)));
        jw_end(w);
        empty_object(w, "actions");
        jw_kstring(w, "environmentId", project_text(req, project_id));
        jw_kstring(w, "name", name);
        jw_kstring(w, "kind", kind);
}

static void time_field(struct jw *w, const char *key, int64_t wall_ms) {
        char text[40];
        if (!wall_ms) {
                jw_knull(w, key);
                return;
        }
        time_format_iso(wall_ms, text, sizeof text);
        jw_kstring(w, key, text);
}

void catalog_show(struct jw *w, struct api_req *req, const struct catalog_entry *e) {
        const struct repo *r = e->repo;
        bool failed = !r || r->err.code != DR_OK;
        begin_catalog(w, req, e->name, e->project_id, e->kind);
        jw_kstring(w, "url", r ? shown_url(req, r->url) : "");
        jw_kstring(w, "branch", r ? r->branch : "");
        jw_kstring(w, "commit", r ? r->commit : "");
        jw_kstring(w, "state", failed ? "error" : r->running ? "refreshing" : "active");
        jw_kstring(w, "transitioning", failed ? "error" : r->running ? "yes" : "no");
        jw_kstring(w, "transitioningMessage", !r ? e->refused : failed ? r->err.message : r->running ? "reading" : NULL);
        time_field(w, "checked", r ? r->checked_ms : 0);
        time_field(w, "loaded", r ? r->loaded_ms : 0);
        const struct snapshot *s = r ? r->now : NULL;
        jw_kint(w, "templateCount", s ? (int64_t) s->n_templates : 0);
        jw_kint(w, "versionCount", s ? (int64_t) s->n_versions : 0);
        jw_kint(w, "skippedCount", s ? (int64_t) s->n_skipped_all : 0);
        jw_key(w, "skipped");
        jw_begin_array(w);
        for (size_t i = 0; s && i < s->n_skipped; i++)
                jw_string(w, s->skipped[i]);
        jw_end(w);
        jw_end(w);
}

void catalog_show_source(struct jw *w, struct api_req *req, const struct catalogs *c, const struct source *s) {
        const struct catalog_entry *e = catalogs_get(c, req->project_id, s->name);
        if (e) {
                catalog_show(w, req, e);
                return;
        }
        begin_catalog(w, req, s->name, req->project_id, s->kind);
        jw_kstring(w, "url", shown_url(req, s->url));
        jw_kstring(w, "branch", s->branch);
        jw_end(w);
}

/* ---- templates and versions ---- */
/* What a catalog of an environment has is only found by those who name it. */
static const char *query_of(struct api_req *req, const struct catalog_entry *e, const char *what) {
        return e->project_id ? arena_printf(&req->arena, "?%s&projectId=%s", what, project_text(req, e->project_id))
                             : arena_printf(&req->arena, "?%s", what);
}

static const char *version_url(struct api_req *req, const struct catalog_entry *e, const struct snapshot_template *t,
                               const struct snapshot_version *v) {
        char id[CATALOG_ID_MAX];
        catalogs_version_id(e, t, v, id);
        return url_of(req, "templates", id, "");
}

/* {"1.2": url, ...}: of two versions with the same text the newer one. */
static void write_versions(struct jw *w, struct api_req *req, const struct catalog_entry *e, const struct snapshot_template *t,
                           const struct snapshot_version *from, const char *r) {
        jw_begin_object(w);
        for (size_t i = 0; i < t->n_versions; i++) {
                const struct snapshot_version *v = &t->versions[i];
                bool shown = snapshot_visible(v, r);
                if (from)
                        shown = shown && catalog_version_greater(v->version, from->version) &&
                                (!*v->upgrade_from || catalog_version_in_range(from->version, v->upgrade_from) == 1);
                for (size_t k = i + 1; k < t->n_versions && shown; k++)
                        shown = !str_eq(t->versions[k].version, v->version) || !snapshot_visible(&t->versions[k], r);
                if (shown)
                        jw_kstring(w, v->version, version_url(req, e, t, v));
        }
        jw_end(w);
}

static const char *text_of(const struct snapshot_template *t, const char *key) { return json_str(t->config, key, ""); }

/* Projects are pages: a link that is something else is none. */
static void project_link(struct jw *w, const struct snapshot_template *t) {
        const char *url = text_of(t, "projectURL");
        if (str_starts(url, "https://") || str_starts(url, "http://"))
                jw_kstring(w, "project", url);
}

static void write_json(struct jw *w, const char *key, const struct json_object *o, const char *other) {
        jw_key(w, key);
        if (o)
                jw_json(w, o);
        else
                jw_raw(w, other, strlen(other));
}

void catalog_show_template(struct jw *w, struct api_req *req, const struct catalog_entry *e, const struct snapshot_template *t,
                           const char *r) {
        static const char *const texts[] = { "name", "description", "defaultVersion", "maintainer", "license", "upgradeFrom", "path" };
        char id[CATALOG_ID_MAX], version_id[CATALOG_ID_MAX] = "";
        const struct snapshot_version *dflt = snapshot_default(t, r);
        catalogs_version_id(e, t, NULL, id);
        if (dflt)
                catalogs_version_id(e, t, dflt, version_id);
        jw_begin_object(w);
        jw_kstring(w, "id", id);
        jw_kstring(w, "type", "template");
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", url_of(req, "templates", id, ""));
        jw_kstring(w, "icon",
                   url_of(req, "templates", id,
                          req->project_id ? arena_printf(&req->arena, "?image&projectId=%s", project_text(req, req->project_id))
                                          : "?image"));
        if (t->readme)
                jw_kstring(w, "readme", url_of(req, "templates", id, query_of(req, e, "readme")));
        project_link(w, t);
        jw_end(w);
        empty_object(w, "actions");
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                jw_kstring(w, texts[i], text_of(t, texts[i]));
        jw_kstring(w, "defaultTemplateVersionId", version_id);
        jw_kstring(w, "catalogId", e->name);
        jw_kstring(w, "environmentId", project_text(req, e->project_id));
        jw_kstring(w, "templateBase", t->base);
        jw_kstring(w, "folderName", t->folder);
        jw_kstring(w, "iconFilename", str_or(t->icon_name, ""));
        write_json(w, "isSystem", json_get(t->config, "isSystem"), "\"\"");
        write_json(w, "categories", json_get(t->config, "categories"), "[]");
        write_json(w, "labels", json_get(t->config, "labels"), "{}");
        jw_key(w, "versionLinks");
        write_versions(w, req, e, t, NULL, r);
        jw_end(w);
}

static bool is_text(const struct blob *b) { return memchr(b->data, 0, b->len) == NULL; }

void catalog_show_version(struct jw *w, struct api_req *req, const struct catalog_entry *e, const struct snapshot_template *t,
                          const struct snapshot_version *v, const char *r) {
        char id[CATALOG_ID_MAX], template_id[CATALOG_ID_MAX];
        catalogs_version_id(e, t, v, id);
        catalogs_version_id(e, t, NULL, template_id);
        jw_begin_object(w);
        jw_kstring(w, "id", id);
        jw_kstring(w, "type", "templateVersion");
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", url_of(req, "templates", id, ""));
        jw_kstring(w, "template", url_of(req, "templates", template_id, ""));
        jw_kstring(w, "icon",
                   url_of(req, "templates", template_id,
                          req->project_id ? arena_printf(&req->arena, "?image&projectId=%s", project_text(req, req->project_id))
                                          : "?image"));
        jw_kstring(w, "readme", url_of(req, "templates", id, query_of(req, e, "readme")));
        project_link(w, t);
        jw_end(w);
        empty_object(w, "actions");
        jw_kstring(w, "templateId", template_id);
        jw_key(w, "revision");
        if (v->revision >= 0)
                jw_int(w, v->revision);
        else
                jw_null(w);
        jw_kstring(w, "version", v->version);
        jw_kstring(w, "minimumRancherVersion", v->min);
        jw_kstring(w, "maximumRancherVersion", v->max);
        jw_kstring(w, "upgradeFrom", v->upgrade_from);
        jw_key(w, "labels");
        jw_raw(w, v->labels, strlen(v->labels));
        jw_key(w, "questions");
        jw_raw(w, v->questions, strlen(v->questions));
        jw_knull(w, "bindings");
        jw_key(w, "files");
        jw_begin_object(w);
        for (size_t i = 0; i < v->n_files; i++)
                if (is_text(v->files[i].blob)) {
                        jw_key(w, v->files[i].name);
                        jw_stringn(w, v->files[i].blob->data, v->files[i].blob->len);
                }
        jw_end(w);
        jw_key(w, "upgradeVersionLinks");
        write_versions(w, req, e, t, v, r);
        jw_end(w);
}

/* ---- schemas ---- */
struct field { const char *name, *type; bool create; };
struct schema { const char *id, *plural, *collection_methods, *resource_methods; struct field fields[20]; };
static const struct schema schemas[] = {
        { "apiVersion", "apiversions", "[]", "[\"GET\"]", { { 0 } } },
        { "schema", "schemas", "[\"GET\"]", "[\"GET\"]", { { "collectionMethods", "array[string]", 0 }, { "resourceMethods", "array[string]", 0 }, { "resourceFields", "map[json]", 0 } } },
        { "catalog", "catalogs", "[\"GET\",\"POST\"]", "[\"GET\",\"PUT\",\"DELETE\"]",
          { { "name", "string", 1 }, { "url", "string", 1 }, { "branch", "string", 1 }, { "kind", "string", 1 }, { "environmentId", "string", 0 }, { "commit", "string", 0 },
            { "state", "string", 0 }, { "transitioning", "string", 0 }, { "transitioningMessage", "string", 0 }, { "checked", "date", 0 }, { "loaded", "date", 0 },
            { "templateCount", "int", 0 }, { "versionCount", "int", 0 }, { "skippedCount", "int", 0 }, { "skipped", "array[string]", 0 } } },
        { "template", "templates", "[\"GET\"]", "[\"GET\"]",
          { { "catalogId", "reference[catalog]", 0 }, { "categories", "array[string]", 0 }, { "defaultTemplateVersionId", "reference[templateVersion]", 0 }, { "defaultVersion", "string", 0 },
            { "description", "string", 0 }, { "environmentId", "string", 0 }, { "folderName", "string", 0 }, { "iconFilename", "string", 0 }, { "isSystem", "string", 0 }, { "labels", "map[string]", 0 },
            { "license", "string", 0 }, { "maintainer", "string", 0 }, { "name", "string", 0 }, { "path", "string", 0 }, { "templateBase", "string", 0 }, { "upgradeFrom", "string", 0 },
            { "versionLinks", "map[string]", 0 } } },
        { "question", "questions", "[]", "[]",
          { { "variable", "string", 0 }, { "label", "string", 0 }, { "description", "string", 0 }, { "type", "string", 0 }, { "required", "boolean", 0 }, { "default", "string", 0 },
            { "group", "string", 0 }, { "minLength", "int", 0 }, { "maxLength", "int", 0 }, { "min", "int", 0 }, { "max", "int", 0 }, { "options", "array[string]", 0 },
            { "validChars", "string", 0 }, { "invalidChars", "string", 0 } } },
        { "templateVersion", "templateversions", "[]", "[\"GET\"]",
          { { "bindings", "map[json]", 0 }, { "files", "map[string]", 0 }, { "labels", "map[string]", 0 }, { "maximumRancherVersion", "string", 0 }, { "minimumRancherVersion", "string", 0 },
            { "questions", "array[question]", 0 }, { "revision", "int", 0 }, { "templateId", "reference[template]", 0 }, { "upgradeFrom", "string", 0 }, { "upgradeVersionLinks", "map[string]", 0 },
            { "version", "string", 0 } } },
        { "error", "errors", "[]", "[]", { { "status", "string", 0 }, { "code", "string", 0 }, { "message", "string", 0 } } },
};

static void write_schema(struct jw *w, struct api_req *req, const struct schema *s) {
        jw_begin_object(w);
        jw_kstring(w, "id", s->id);
        jw_kstring(w, "type", "schema");
        jw_kstring(w, "pluralName", s->plural);
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", arena_printf(&req->arena, "%s/schemas/%s", req->url, s->id));
        jw_kstring(w, "collection", arena_printf(&req->arena, "%s/%s", req->url, s->plural));
        jw_end(w);
        empty_object(w, "actions");
        jw_key(w, "collectionMethods");
        jw_raw(w, s->collection_methods, strlen(s->collection_methods));
        jw_key(w, "resourceMethods");
        jw_raw(w, s->resource_methods, strlen(s->resource_methods));
        jw_key(w, "collectionActions");
        jw_begin_object(w);
        if (str_eq(s->id, "template"))
                empty_object(w, "refresh");
        jw_end(w);
        empty_object(w, "resourceActions");
        empty_object(w, "collectionFilters");
        jw_key(w, "resourceFields");
        jw_begin_object(w);
        for (size_t i = 0; i < ARRAY_LEN(s->fields) && s->fields[i].name; i++) {
                jw_key(w, s->fields[i].name);
                jw_begin_object(w);
                jw_kstring(w, "type", s->fields[i].type);
                jw_kbool(w, "create", s->fields[i].create);
                jw_kbool(w, "update", s->fields[i].create);
                jw_kbool(w, "required", s->fields[i].create && (str_eq(s->fields[i].name, "name") || str_eq(s->fields[i].name, "url")));
                jw_kbool(w, "nullable", true);
                jw_end(w);
        }
        jw_end(w);
        jw_end(w);
}

void catalog_show_schemas(struct api_req *req, const char *id) {
        struct jw w = JW(&req->out, 0);
        if (!id) {
                jw_begin_object(&w);
                jw_kstring(&w, "type", "collection");
                jw_kstring(&w, "resourceType", "schema");
                jw_key(&w, "links");
                jw_begin_object(&w);
                jw_kstring(&w, "self", arena_printf(&req->arena, "%s/schemas", req->url));
                jw_end(&w);
                jw_key(&w, "data");
                jw_begin_array(&w);
        }
        bool found = !id;
        for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
                if (!id || str_ieq(id, schemas[i].id) || str_ieq(id, schemas[i].plural)) {
                        write_schema(&w, req, &schemas[i]);
                        found = true;
                }
        if (!found) {
                catalog_fail(req, 404, "Schema not found");
                return;
        }
        if (!id) {
                jw_end(&w);
                jw_end(&w);
        }
        api_reply(req, 200);
}
