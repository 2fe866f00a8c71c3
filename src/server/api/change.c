/* What create, update and action share. */
#include "change.h"

#include "access.h"
#include "encode.h"

struct scope { struct api_req *req; const struct type_def *def; const struct record *self; };

static bool exists(enum type_id type, int64_t id, const char *name, void *arg) {
        struct scope *s = arg;
        if (id < 0)                     /* identities and such go by name; settings are looked up */
                return type == T_setting || type == T_activeSetting ? access_get(s->req, type_get(s->req->version, type), name) != NULL
                                                                     : type == T_identity;
        return type == T_NONE || type == T_identity || access_find(s->req, type, id) != NULL;
}

static bool taken(const struct type_def *def, enum field_id field, struct value value, void *arg) {
        struct scope *s = arg;
        const struct records *l = world_all(api_world(s->req), def->base);
        for (size_t i = 0; i < l->n; i++) {
                const struct record *r = l->v[i];
                char uuid[RECORD_UUID_MAX];
                if (r == s->self || r->removed_ms)
                        continue;
                if (field == F_uuid ? value.tag == V_STR && str_eq(record_uuid(r, uuid), value.t->s) : value_eq(record_value(r, field), value))
                        return true;
        }
        return false;
}

int change_validate(struct api_req *req, const struct type_def *def, enum validate_op op, struct json_object *body, const struct record *self,
                    struct field_values *ret, struct dr_error *err) {
        struct scope s = { req, def, self };
        struct validate v = {
                .version = req->version, .role = req->role, .op = op, .plain_ids = req->plain_ids, .now_ms = core_wall_ms(api_core(req)),
                .exists = exists, .taken = taken, .arg = &s,
        };
        return validate(&v, def, body, ret, err);
}

void record_reply(struct api_req *req, const struct record *r, int status) {
        struct jw w = JW(&req->out, JSON_ESCAPE_SLASH);
        req->subject_kind = (enum type_id) r->kind;
        req->subject_id = r->id;
        if (encode_record(req, &w, r, NULL, NULL))
                api_reply(req, status);
        else
                api_fail_code(req, DR_E_NOT_FOUND, NULL);
}

static struct json_object *value_to_json(struct value v) {
        switch (v.tag) {
        case V_BOOL:  return json_object_new_boolean(v.b);
        case V_INT:   return json_object_new_int64(v.i);
        case V_FLOAT: return json_object_new_double(v.f);
        case V_STR:   return json_object_new_string_len(v.t->s, (int) v.t->len);
        case V_JSON:  return json_copy(text_json(v.t));
        default:      return NULL;
        }
}

struct json_object *values_json(const struct field_values *v) {
        struct json_object *o = json_object_new_object();
        for (size_t i = 0; i < v->n; i++)
                json_set(o, field_name(v->v[i].field), value_to_json(v->v[i].value));
        return o;
}

void values_set(struct field_values *v, enum field_id f, struct value value) {
        for (size_t i = 0; i < v->n; i++)
                if (v->v[i].field == f) {
                        value_done(&v->v[i].value);
                        v->v[i].value = value;
                        return;
                }
        vec_push(v, ((struct field_value) { f, value }));
}
