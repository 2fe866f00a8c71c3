#include "launch.h"

#include <strings.h>

#include "formats/json.h"
#include "world.h"

#include <stdio.h>

struct json_object *launch_json(const struct record *i, const char *field) {
        enum field_id f = field_by_name(field, strlen(field));
        struct json_object *own = f != F_NONE ? record_json(i, f) : NULL;
        return own ? own : json_get(record_json(i, F_launchConfigText), field);
}

const char *launch_str(const struct record *i, const char *field) {
        enum field_id f = field_by_name(field, strlen(field));
        const char *own = f != F_NONE ? record_str(i, f) : NULL;
        return own ? own : json_str(record_json(i, F_launchConfigText), field, NULL);
}

void launch_names(const struct record *i, char *stack, char *service, size_t n) {
        const char *both = str_or(record_str(i, F_stackServiceName), "");
        const char *slash = strchr(both, '/');
        snprintf(stack, n, "%.*s", slash ? (int) (slash - both) : 0, both);
        snprintf(service, n, "%s", slash ? slash + 1 : "");
}

/* The labels the platform adds to a service's container. */
static const char *added_label(const struct record *i, unsigned k, const char **key, char *buf, size_t n) {
        static const char *const keys[] = {
                "io.rancher.stack.name", "io.rancher.project.name", "io.rancher.stack_service.name", "io.rancher.project_service.name",
                "io.rancher.service.deployment.unit", "io.rancher.service.launch.config", "io.rancher.service.requested.host.id",
        };
        if (k >= ARRAY_LEN(keys))
                return NULL;
        *key = keys[k];
        const char *both = record_str(i, F_stackServiceName);
        if (!both)
                return "";
        switch (k) {
        case 0: case 1: {
                const char *slash = strchr(both, '/');
                snprintf(buf, n, "%.*s", slash ? (int) (slash - both) : (int) strlen(both), both);
                return buf;
        }
        case 2: case 3:
                return both;
        case 4:
                return str_or(record_str(i, F_deploymentUnitUuid), "");
        case 5:
                return str_or(record_str(i, F_launchConfigName), LAUNCH_PRIMARY);
        default:
                if (!record_int(i, F_globalHostId))
                        return "";
                snprintf(buf, n, "%lld", (long long) record_int(i, F_globalHostId));
                return buf;
        }
}

const char *launch_label(const struct record *i, const char *key, char *buf, size_t n) {
        const char *k, *v;
        for (unsigned j = 0; record_has(i, F_stackServiceName) && (v = added_label(i, j, &k, buf, n)); j++)
                if (*v && str_eq(k, key))
                        return v;
        return json_str(launch_json(i, "labels"), key, NULL);
}

static char *lower_key(const char *key) {       /* user labels io.rancher... are lower-cased by key (orchestration.md 1.10) */
        char *k = dr_xstrdup(key);
        if (strncasecmp(k, "io.rancher", 10) == 0)
                for (char *p = k; *p; p++)
                        if (*p >= 'A' && *p <= 'Z')
                                *p = (char) (*p + 32);
        return k;
}

struct json_object *launch_labels(const struct world *w, const struct record *i) {
        struct json_object *all = json_object_new_object();
        struct json_object *given = launch_json(i, "labels");
        if (given) {
                json_object_object_foreach(given, key, v) {
                        auto_free char *k = lower_key(key);
                        json_set_str(all, k, v ? json_object_get_string(v) : "");
                }
        }
        char buf[160];
        const char *k, *v;
        for (unsigned j = 0; record_has(i, F_stackServiceName) && (v = added_label(i, j, &k, buf, sizeof buf)); j++)
                if (*v)
                        json_set_str(all, k, v);
        if (record_bool(i, F_nativeContainer))  /* made by somebody else: it has those it was made with */
                return all;
        char uuid[RECORD_UUID_MAX];
        json_set_str(all, "io.rancher.container.uuid", record_uuid(i, uuid));
        if (*record_name(i))
                json_set_str(all, "io.rancher.container.name", record_name(i));
        const struct record *account = world_get(w, T_account, i->account_id);
        if (account)
                json_set_str(all, "io.rancher.environment.uuid", record_uuid(account, uuid));
        if (record_bool(i, F_system))
                json_set_str(all, "io.rancher.container.system", "true");
        return all;
}
