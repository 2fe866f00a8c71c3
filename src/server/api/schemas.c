#include "schemas.h"

#include "model/schema_json.h"

static void begin_collection(struct api_req *req, struct jw *w, const char *type, const char *self) {
        jw_begin_object(w);
        jw_kstring(w, "type", "collection");
        jw_kstring(w, "resourceType", type);
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", self);
        if (str_eq(type, "apiVersion"))
                jw_kstring(w, "latest", arena_printf(&req->arena, "%s/v2-beta", req->base));
        jw_end(w);
        static const char *const empty[] = { "createTypes", "actions", "sortLinks", "filters", "createDefaults" };
        for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
                jw_key(w, empty[i]);
                jw_begin_object(w);
                jw_end(w);
        }
        jw_knull(w, "pagination");
        jw_knull(w, "sort");
        jw_key(w, "data");
        jw_begin_array(w);
}

/* Definitions of this version in the order of their ids; v1's environment stands for stack. */
static const struct type_def *nth_type(const struct api_req *req, int id) {
        const struct type_def *d = api_visible_type(req, (enum type_id) id);
        if (!d)
                return NULL;
        return req->version == API_V1 && id == T_environment && type_get(API_V1, T_stack) == d ? NULL : d;
}

void schemas_reply_all(struct api_req *req) {
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        begin_collection(req, &w, "schema", req->self);
        for (int t = T_NONE + 1; t < T_MAX; t++) {
                const struct type_def *d = nth_type(req, t);
                if (d)
                        schema_write(&w, d, req->role, req->url);
        }
        jw_end(&w);
        jw_end(&w);
        api_reply(req, 200);
}

/* The schema of schemas. Clients ask for it by mistake, "schemas/schemas", and look at nothing but the headers (compose.md 8). */
static void schema_of_schemas(struct api_req *req) {
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        jw_begin_object(&w);
        jw_kstring(&w, "id", "schema");
        jw_kstring(&w, "type", "schema");
        jw_key(&w, "links");
        jw_begin_object(&w);
        jw_kstring(&w, "self", arena_printf(&req->arena, "%s/schemas/schema", req->url));
        jw_kstring(&w, "collection", arena_printf(&req->arena, "%s/schemas", req->url));
        jw_end(&w);
        jw_key(&w, "actions");
        jw_begin_object(&w);
        jw_end(&w);
        jw_kstring(&w, "pluralName", "schemas");
        static const char *const methods[] = { "collectionMethods", "resourceMethods" };
        for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
                jw_key(&w, methods[i]);
                jw_begin_array(&w);
                jw_string(&w, "GET");
                jw_end(&w);
        }
        jw_key(&w, "resourceFields");
        jw_begin_object(&w);
        jw_end(&w);
        jw_end(&w);
        api_reply(req, 200);
}

void schemas_reply(struct api_req *req, const char *name) {
        if (str_ieq(name, "schema") || str_ieq(name, "schemas")) {
                schema_of_schemas(req);
                return;
        }
        const struct type_def *d = schema_find(req->version, req->role, name, strlen(name));
        if (!d) {
                api_fail_code(req, DR_E_NOT_FOUND, NULL);
                return;
        }
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        schema_write(&w, d, req->role, req->url);
        api_reply(req, 200);
}

static void write_version(struct api_req *req, struct jw *w, const char *name, bool links) {
        jw_begin_object(w);
        jw_kstring(w, "id", name);
        jw_kstring(w, "type", "apiVersion");
        jw_kstring(w, "baseType", "apiVersion");
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", links ? req->url : arena_printf(&req->arena, "%s/%s", req->base, name));
        for (int t = T_NONE + 1; links && t < T_MAX; t++) {
                const struct type_def *d = nth_type(req, t);
                if (d && (type_methods(d, req->role) & TM_LIST))
                        jw_kstring(w, d->plural, api_url_type(req, d));
        }
        jw_end(w);
        jw_key(w, "actions");
        jw_begin_object(w);
        jw_end(w);
        jw_end(w);
}

void versions_reply(struct api_req *req) {
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        begin_collection(req, &w, "apiVersion", arena_printf(&req->arena, "%s/", req->base));
        write_version(req, &w, "v1", false);
        write_version(req, &w, "v2-beta", false);
        jw_end(&w);
        jw_end(&w);
        req->url = req->base;
        api_reply(req, 200);
}

void version_reply(struct api_req *req) {
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        write_version(req, &w, api_version_to_string(req->version), true);
        api_reply(req, 200);
}

/* ---- documentation: one sentence per field, from the same table that checks it ---- */
static const char *describe(struct api_req *req, const struct field_def *f) {
        const struct field_rule *r = f->rule;
        struct sbuf b = SBUF(16 << 10);
        sbuf_puts(&b, f->type->text);
        if (field_required(f, req->role))
                sbuf_puts(&b, "; required");
        if (!field_creatable(f, req->role) && !field_updatable(f, req->role))
                sbuf_puts(&b, "; read only");
        else if (!field_updatable(f, req->role))
                sbuf_puts(&b, "; set on create only");
        if (f->flags & FF_UNIQUE)
                sbuf_puts(&b, "; unique");
        if (r->default_json)
                sbuf_printf(&b, "; default %s", r->default_json);
        if (r->has_min)
                sbuf_printf(&b, "; at least %lld", (long long) r->min);
        if (r->has_max)
                sbuf_printf(&b, "; at most %lld", (long long) r->max);
        if (r->has_min_length)
                sbuf_printf(&b, "; %lld characters or more", (long long) r->min_length);
        if (r->has_max_length)
                sbuf_printf(&b, "; %lld characters or less", (long long) r->max_length);
        if (r->valid_chars)
                sbuf_printf(&b, "; characters %s", r->valid_chars);
        for (unsigned i = 0; i < r->n_options; i++)
                sbuf_printf(&b, "%s%s", i ? ", " : "; one of ", r->options[i]);
        const char *s = arena_strdup(&req->arena, sbuf_str(&b));
        sbuf_done(&b);
        return s;
}

static void write_documentation(struct api_req *req, struct jw *w, const struct type_def *d) {
        jw_begin_object(w);
        jw_kstring(w, "id", d->name);
        jw_kstring(w, "type", "typeDocumentation");
        jw_kstring(w, "baseType", "typeDocumentation");
        jw_key(w, "links");
        jw_begin_object(w);
        jw_kstring(w, "self", arena_printf(&req->arena, "%s/typedocumentations/%s", req->url, arena_lower(&req->arena, d->name)));
        jw_end(w);
        jw_key(w, "actions");
        jw_begin_object(w);
        jw_end(w);
        jw_key(w, "resourceFields");
        jw_begin_object(w);
        for (unsigned i = 0; i < d->n_fields; i++) {
                const struct field_def *f = &d->fields[i];
                if (!field_visible(f, req->role))
                        continue;
                jw_key(w, field_name((enum field_id) f->id));
                jw_begin_object(w);
                jw_kstring(w, "description", describe(req, f));
                jw_end(w);
        }
        jw_end(w);
        jw_end(w);
}

void documentation_reply_all(struct api_req *req) {
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        begin_collection(req, &w, "typeDocumentation", req->self);
        for (int t = T_NONE + 1; t < T_MAX; t++) {
                const struct type_def *d = nth_type(req, t);
                if (d)
                        write_documentation(req, &w, d);
        }
        jw_end(&w);
        jw_end(&w);
        api_reply(req, 200);
}

void documentation_reply(struct api_req *req, const char *name) {
        const struct type_def *d = schema_find(req->version, req->role, name, strlen(name));
        if (!d) {
                api_fail_code(req, DR_E_NOT_FOUND, NULL);
                return;
        }
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        write_documentation(req, &w, d);
        api_reply(req, 200);
}
