#include "plain.h"

static void empty_object(struct jw *w, const char *key) {
        jw_key(w, key);
        jw_begin_object(w);
        jw_end(w);
}

static void links(struct jw *w, const char *self) {
        jw_key(w, "links");
        jw_begin_object(w);
        if (self)
                jw_kstring(w, "self", self);
        jw_end(w);
}

void plain_begin(struct jw *w, const struct type_def *def, const char *id, const char *self) {
        jw_begin_object(w);
        jw_kstring(w, "id", id);
        jw_kstring(w, "type", def->name);
        jw_kstring(w, "baseType", def->name);
        links(w, self);
        empty_object(w, "actions");
}

void plain_collection(struct api_req *req, const struct type_def *def, void (*write)(struct api_req *req, struct jw *w, void *arg), void *arg) {
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        jw_begin_object(&w);
        jw_kstring(&w, "type", "collection");
        jw_kstring(&w, "resourceType", def->name);
        links(&w, req->self);
        empty_object(&w, "createTypes");
        empty_object(&w, "actions");
        jw_key(&w, "data");
        jw_begin_array(&w);
        write(req, &w, arg);
        jw_end(&w);
        empty_object(&w, "sortLinks");
        jw_knull(&w, "pagination");
        jw_knull(&w, "sort");
        empty_object(&w, "filters");
        empty_object(&w, "createDefaults");
        jw_end(&w);
        api_reply(req, 200);
}

void plain_reply(struct api_req *req, int status, void (*write)(struct api_req *req, struct jw *w, void *arg), void *arg) {
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        write(req, &w, arg);
        api_reply(req, status);
}
