/* Volumes that people make (storage.md 2, 4). What happens to them: core/volumes.c. */

#include "server/api/change.h"
#include "types.h"

static bool is_live(const struct record *r) { return r->state != S_removing && r->state != S_removed && r->state != S_purging && r->state != S_purged; }

static const char *text_of(const struct field_values *values, enum field_id f) {
        const struct value *v = field_values_get(values, f);
        return v && v->tag == V_STR && v->t->len ? v->t->s : NULL;
}

/* The driver's row: of the id that was given, or of this name in the environment. */
static const struct record *driver_of(struct api_req *req, const struct field_values *values) {
        const struct value *id = field_values_get(values, F_storageDriverId);
        if (id && id->tag == V_INT)
                return world_get(api_world(req), T_storageDriver, id->i);
        const char *name = text_of(values, F_driver);
        const struct records *l = world_of_account(api_world(req), T_storageDriver, req->account_id);
        for (size_t i = 0; name && i < l->n; i++)
                if (is_live(l->v[i]) && str_eq(record_name(l->v[i]), name))
                        return l->v[i];
        return NULL;
}

static bool can_size(const struct record *driver) {
        struct json_object *list = driver ? record_json(driver, F_capabilities) : NULL;
        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(list, i)), "schedule.size"))
                        return true;
        return false;
}

int volume_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        const char *name = text_of(values, F_name), *driver = text_of(values, F_driver);
        const struct record *row = driver_of(req, values);
        if (old)
                return 0;
        if (!driver && row)
                driver = record_name(row);
        if (!driver)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "driver", "either driver or storageDriverId is required");
        if (field_values_get(values, F_sizeMb) && field_values_get(values, F_sizeMb)->tag == V_INT && !can_size(row))
                return dr_fail(err, DR_E_INVALID_OPTION, "sizeMb", "volume driver %.100s does not support specifying a size", driver);
        const struct records *l = world_of_account(api_world(req), T_volume, req->account_id);
        for (size_t i = 0; i < l->n; i++)
                if (is_live(l->v[i]) && str_eq(record_name(l->v[i]), name) && str_eq(record_str(l->v[i], F_driver), driver) && !record_int(l->v[i], F_instanceId))
                        return dr_fail(err, DR_E_NOT_UNIQUE, "name", "driver %.100s has a volume \"%.100s\" already", driver, name);
        values_set(values, F_driver, value_str(driver));
        if (row)
                values_set(values, F_storageDriverId, value_int(row->id));
        return 0;
}

void volume_create_hook(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        struct core *c = api_core(req);
        const char *name = record_name(r);
        auto_free char *uri = dr_xasprintf("%s:///%s", str_or(record_str(r, F_driver), "local"), name);
        core_put_str(c, r, F_externalId, name);
        core_put_str(c, r, F_uri, uri);
}
