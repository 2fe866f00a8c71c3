/* Machines, hosts that are made, and drivers for them (spec api.md 3.2). Exactly one driver's configuration is given, and the driver
 * has to be there: a dynamicSchema of that name. */
#include "formats/json.h"
#include "server/api/change.h"
#include "types.h"

static bool driver_known(struct api_req *req, const char *config) {
        const struct records *l = world_all(api_world(req), T_dynamicSchema);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->state == S_active && !l->v[i]->removed_ms && str_ieq(record_name(l->v[i]), config))
                        return true;
        return false;
}

/* "amazonec2Config": of the body, since no type has it as a field. NULL unless exactly one is given. */
static const char *config_of(struct api_req *req) {
        const char *found = NULL;
        if (!json_object_is_type(req->body, json_type_object))
                return NULL;
        json_object_object_foreach(req->body, key, v) {
                if (!v || strlen(key) <= strlen("Config") || !str_ends(key, "Config") || !driver_known(req, key))
                        continue;
                if (found)
                        return NULL;
                found = key;
        }
        return found;
}

int machine_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        const struct value *tpl = field_values_get(values, F_hostTemplateId);
        const char *config = old ? NULL : config_of(req);
        if (old || (tpl && tpl->tag == V_INT))
                return 0;
        if (!config)
                return dr_fail(err, DR_E_DRIVER_CONFIG, NULL, "a %s needs the configuration of exactly one active driver", def->name);
        auto_free char *driver = dr_xstrndup(config, strlen(config) - strlen("Config"));
        if (def->base == T_physicalHost)
                values_set(values, F_driver, value_str(driver));
        return 0;
}

/* ".../docker-machine-driver-x_linux-amd64.tar.gz" is driver x. */
static char *name_of_url(const char *url) {
        const char *slash = strrchr(url, '/'), *p = slash ? slash + 1 : url;
        if (str_starts(p, "docker-machine-driver-"))
                p += strlen("docker-machine-driver-");
        return dr_xstrndup(p, strcspn(p, "._-?#"));
}

int machine_driver_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) req, (void) def, (void) err;
        const struct value *url = field_values_get(values, F_url), *name = field_values_get(values, F_name);
        if (!old && url && url->tag == V_STR && (!name || name->tag != V_STR)) {
                auto_free char *s = name_of_url(url->t->s);
                values_set(values, F_name, value_str(s));
        }
        return 0;
}
