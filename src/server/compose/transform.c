#include "transform.h"

#include "formats/docker_inspect.h"
#include "server/api/context.h"

static void write_answer(struct api_req *req, struct json_object *fields) {
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        jw_begin_object(&w);
        jw_kstring(&w, "type", "instance");
        jw_kstring(&w, "baseType", "instance");
        static const char *const empty[] = { "links", "actions" };
        for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
                jw_key(&w, empty[i]);
                jw_begin_object(&w);
                jw_end(&w);
        }
        json_object_object_foreach(fields, key, value) {
                jw_key(&w, key);
                jw_json(&w, value);
        }
        jw_end(&w);
        api_reply(req, 200);
}

void transform_special(void *arg, struct api_req *req) {
        (void) arg;
        struct dr_error err;
        const char *other;
        if (req->method != VERB_POST || req->n_seg != 2) {
                api_fail_code(req, req->n_seg == 2 ? DR_E_METHOD : DR_E_NOT_FOUND, NULL);
                return;
        }
        const char *mode = json_str(json_get_object(req->body, "HostConfig"), "NetworkMode", "");
        if (str_starts(mode, "container:")) {
                (void) dr_fail(&err, DR_E_INVALID_OPTION, "networkMode", "Transformer API does not support container network mode.");
                api_fail(req, &err);
                return;
        }
        AUTO(json_free) struct json_object *fields = docker_inspect_fields(req->body);
        const char *image = json_str(json_get_object(req->body, "Config"), "Image", ""), *name = json_str(req->body, "Name", "");
        if (*image)
                json_set_str(fields, "imageUuid", arena_printf(&req->arena, "%s%s", str_starts(image, "docker:") || str_starts(image, "sim:") ? "" : "docker:", image));
        if (*name)
                json_set_str(fields, "name", name + (*name == '/'));
        if (*mode)
                json_set_str(fields, "networkMode", docker_inspect_network(req->body, &other));
        write_answer(req, fields);
}
