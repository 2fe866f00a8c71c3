/* Host templates (spec api.md 3.2): secret values are sealed; they show as their structure without values, the values themselves only
 * to the machine service, through link secretValues. */
#include "core/secret.h"
#include "formats/json.h"
#include "server/api/change.h"
#include "types.h"

#define SEALED "sealed"
enum { DEPTH_MAX = 32 };

static struct json_object *without_values(struct json_object *o, unsigned depth) {
        if (json_object_is_type(o, json_type_object) && depth < DEPTH_MAX) {
                struct json_object *copy = json_object_new_object();
                json_object_object_foreach(o, key, v)
                        json_set(copy, key, without_values(v, depth + 1));
                return copy;
        }
        return NULL;
}

/* The values as they were given; the caller frees. NULL: none. */
static struct json_object *open_values(struct core *c, const struct record *r) {
        auto_free char *text = secret_open(c, json_str(record_json(r, F_secretValues), SEALED, ""));
        struct json_object *o = NULL;
        return text && json_parse(text, strlen(text), strlen(text), &o, NULL) == 0 ? o : NULL;
}

int host_template_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def, (void) old, (void) err;
        const struct value *secret = field_values_get(values, F_secretValues);
        if (!secret || secret->tag != V_JSON)
                return 0;
        auto_free char *sealed = secret_seal(api_core(req), secret->t->s);
        AUTO(json_free) struct json_object *o = json_object_new_object();
        json_set_str(o, SEALED, sealed);
        values_set(values, F_secretValues, value_json(o));
        return 0;
}

void host_template_write_secrets(struct api_req *req, const struct record *r, struct jw *w) {
        AUTO(json_free) struct json_object *all = open_values(api_core(req), r);
        AUTO(json_free) struct json_object *shape = all ? without_values(all, 0) : NULL;
        jw_json(w, shape);
}

int host_template_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        if (!str_eq(l->name, "secretValues") || req->role != ROLE_service)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no such link");
        AUTO(json_free) struct json_object *all = open_values(api_core(req), r);
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        jw_json(&w, all);
        api_reply(req, 200);
        return 1;
}
