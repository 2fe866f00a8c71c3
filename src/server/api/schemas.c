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

void schemas_reply(struct api_req *req, const char *name) {
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
