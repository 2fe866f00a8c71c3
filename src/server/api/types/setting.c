/* Settings: named, built-in or stored (spec api.md 2.7). POST with a name that is there updates; PUT stores a built-in one. */
#include "core/settings.h"
#include "server/api/change.h"
#include "server/api/views.h"
#include "types.h"

static int store(struct api_req *req, const char *name, const char *value, int status, struct dr_error *err) {
        struct core *c = api_core(req);
        if (!name || !*name)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "name", "a setting needs a name");
        if (strlen(name) > 255)
                return dr_fail(err, DR_E_MAX_LENGTH, "name", "the name of a setting has at most 255 characters");
        if (!value)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "value", "setting \"%s\" needs a value", name);
        struct record *r = setting_record(c, name);
        if (!r) {
                r = core_create(c, T_setting, 0);
                core_put_str(c, r, F_name, name);
        }
        core_put_str(c, r, F_value, value);
        req->wrote = true;
        struct record *view = view_setting(req, name);
        assert(view);
        record_reply(req, view, status);
        return 1;
}

static const char *value_of(struct api_req *req) {
        struct json_object *v = json_get(req->body, "value");
        return v && !json_object_is_type(v, json_type_object) && !json_object_is_type(v, json_type_array) ? json_object_get_string(v) : NULL;
}

int setting_post(struct api_req *req, const struct type_def *def, struct dr_error *err) {
        return store(req, json_str(req->body, "name", NULL), value_of(req), 201, err);
}

int setting_put(struct api_req *req, const char *name, struct dr_error *err) { return store(req, name, value_of(req), 200, err); }

int setting_remove(struct api_req *req, struct record *r, struct dr_error *err) {
        const char *name = arena_strdup(&req->arena, record_name(r));
        struct record *stored = setting_record(api_core(req), name);
        if (stored)
                core_delete(api_core(req), stored);
        struct record *view = view_setting(req, name);          /* the default again, or what was there */
        record_reply(req, view ? view : r, 200);
        return 1;
}
