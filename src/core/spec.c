/* spec.c: the container spec that goes to a host (docs/host-protocol.md; agent.md 8 and 9): the launch config as it is, plus what
 * the server decides: name, labels, partners by uuid. The host makes the engine's create body of it. */
#include "applier.h"

#include "agent_instance.h"
#include "formats/dockerref.h"
#include "model/launch.h"
#include "networks.h"
#include "registry.h"

#include <ctype.h>
#include <stdio.h>

/* r-<name>-<first 8 of uuid> when the name can be a Docker name, else r-<uuid> (agent.md 9). */
static void docker_name(const struct record *i, char *buf, size_t n) {
        char uuid[RECORD_UUID_MAX];
        const char *u = record_uuid(i, uuid), *name = record_name(i);
        bool good = isalnum((unsigned char) name[0]) && name[1];
        for (const char *p = name; *p && good; p++)
                good = isalnum((unsigned char) *p) || strchr("_.-", *p);
        if (good)
                snprintf(buf, n, "r-%s-%.8s", name, u);
        else
                snprintf(buf, n, "r-%s", u);
}

static const char *uuid_of(struct core *c, int64_t id, char buf[RECORD_UUID_MAX]) {
        struct record *r = instance_get(c, id);
        return r ? record_uuid(r, buf) : NULL;
}

/* hostname_override=container_name: 64 characters at most, the -<index> end kept (orchestration.md 1.10). */
static void override_hostname(const struct record *i, struct json_object *spec, struct json_object *labels) {
        if (!str_eq(json_str(labels, "io.rancher.container.hostname_override", NULL), "container_name"))
                return;
        const char *name = record_name(i), *domain = json_str(spec, "domainName", "");
        size_t max = 64 - (*domain ? MIN(strlen(domain) + 1, (size_t) 40) : 0), len = strlen(name);
        const char *tail = strrchr(name, '-');
        size_t tail_len = tail && strlen(tail) < max ? strlen(tail) : 0;
        char host[65];
        if (len <= max)
                snprintf(host, sizeof host, "%s", name);
        else
                snprintf(host, sizeof host, "%.*s%s", (int) (max - tail_len), name, tail_len ? tail : "");
        json_set_str(spec, "hostname", host);
}

static void search_domains(const struct record *i, struct json_object *spec, struct json_object *labels) {
        const char *dns = json_str(labels, "io.rancher.container.dns", NULL);
        if (!record_has(i, F_stackServiceName) || (dns && !str_ieq(dns, "true")) ||
            str_ieq(json_str(labels, "io.rancher.container.dns.priority", ""), "None"))
                return;
        char stack[128], service[128], domain[300];
        launch_names(i, stack, service, sizeof stack);
        service[strcspn(service, "/")] = 0;
        struct json_object *list = json_get_array(spec, "dnsSearch");
        struct json_object *all = list ? json_copy(list) : json_object_new_array();
        for (int k = 0; k < 2; k++) {
                snprintf(domain, sizeof domain, "%s%s%s.rancher.internal", k ? service : "", k ? "." : "", stack);
                for (char *p = domain; *p; p++)
                        *p = (char) tolower((unsigned char) *p);
                json_object_array_add(all, json_object_new_string(domain));
        }
        json_set(spec, "dnsSearch", all);
}

/* ---- links (agent.md 9): variables in Docker's old style; no links on the engine ---- */
/* Upper case, and the first kind of character that cannot be in a name becomes '_' (upstream does not look for others). */
static char *env_name(const char *s) {
        char *name = dr_xstrdup(s), odd = 0;
        for (char *p = name; *p; p++) {
                if (!isalnum((unsigned char) *p) && *p != '_' && (!odd || *p == odd)) {
                        odd = *p;
                        *p = '_';
                }
                *p = (char) toupper((unsigned char) *p);
        }
        return name;
}

static void set_env(struct json_object *env, const char *value, const char *fmt, ...) DR_PRINTF(3, 4);
static void set_env(struct json_object *env, const char *value, const char *fmt, ...) {
        char key[512];
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(key, sizeof key, fmt, ap);
        va_end(ap);
        if (n > 0 && n < (int) sizeof key)
                json_set_str(env, key, value);
}

/* "80/tcp", "8080:80/tcp" or "1.2.3.4:8080:80/tcp": the private end. */
static void link_port(struct json_object *env, const char *name, const char *host, const char *port) {
        const char *slash = strrchr(port, '/'), *proto = slash ? slash + 1 : "tcp", *from = port;
        for (const char *p = port; *p && p != slash; p++)
                if (*p == ':')
                        from = p + 1;
        char number[16], url[512], upper[16];
        snprintf(number, sizeof number, "%.*s", (int) (slash ? slash - from : (ptrdiff_t) strlen(from)), from);
        size_t k = 0;
        for (; proto[k] && k < sizeof upper - 1; k++)
                upper[k] = (char) toupper((unsigned char) proto[k]);
        upper[k] = 0;
        if (!*number || str_eq(number, "0"))
                return;
        snprintf(url, sizeof url, "%s://%s:%s", proto, host, number);
        set_env(env, url, "%s_PORT", name);
        set_env(env, url, "%s_PORT_%s_%s", name, number, upper);
        set_env(env, host, "%s_PORT_%s_%s_ADDR", name, number, upper);
        set_env(env, number, "%s_PORT_%s_%s_PORT", name, number, upper);
        set_env(env, proto, "%s_PORT_%s_%s_PROTO", name, number, upper);
}

static void link_env(struct core *c, struct json_object *env, const char *link, int64_t target_id) {
        struct record *target = instance_get(c, target_id);
        if (!target)
                return;
        auto_free char *name = env_name(link), *host = dr_xstrdup(link), *path = dr_xasprintf("/cattle/%s", link);
        for (char *p = host; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        set_env(env, path, "%s_NAME", name);
        struct json_object *lists[] = { launch_json(target, "expose"), launch_json(target, "ports") }, *seen = record_json(target, F_dockerPorts);
        for (size_t l = 0; l < ARRAY_LEN(lists); l++)
                for (size_t k = 0; json_object_is_type(lists[l], json_type_array) && k < json_object_array_length(lists[l]); k++)
                        link_port(env, name, host, json_object_get_string(json_object_array_get_idx(lists[l], k)));
        for (size_t k = 0; json_object_is_type(seen, json_type_array) && k < json_object_array_length(seen); k++) {
                struct json_object *p = json_object_array_get_idx(seen, k);
                char port[32];
                snprintf(port, sizeof port, "%lld/%.5s", (long long) json_int(p, "private", 0), json_str(p, "proto", "tcp"));
                link_port(env, name, host, port);
        }
        struct json_object *own = launch_json(target, "environment");
        if (!json_object_is_type(own, json_type_object))
                return;
        json_object_object_foreach(own, key, v)
                if (!str_eq(key, "HOME") && !str_eq(key, "PATH"))
                        set_env(env, v ? json_object_get_string(v) : "", "%s_ENV_%s", name, key);
}

static int64_t id_of(struct json_object *v) { return json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : 0; }

static void links(struct core *c, const struct record *i, struct json_object *spec) {
        const struct records *rows = world_by_int(c->world, T_instanceLink, F_instanceId, i->id);      /* of standalone containers: they may be changed */
        struct json_object *all = rows->n ? NULL : launch_json(i, "instanceLinks");
        if (!rows->n && (!json_object_is_type(all, json_type_object) || json_object_object_length(all) == 0))
                return;
        struct json_object *env = json_object_new_object(), *own = json_get_object(spec, "environment");
        for (size_t k = 0; k < rows->n; k++)
                link_env(c, env, str_or(record_str(rows->v[k], F_linkName), ""), record_int(rows->v[k], F_targetInstanceId));
        if (all) {
                json_object_object_foreach(all, link, target)
                        link_env(c, env, link, id_of(target));
        }
        if (own) {                              /* the user's values win */
                json_object_object_foreach(own, key, v)
                        json_set(env, key, json_copy(v));
        }
        json_set(spec, "environment", env);
}

/* ---- volumes ---- */
static bool has_text(struct json_object *list, const char *s) {
        for (size_t k = 0; k < json_object_array_length(list); k++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(list, k)), s))
                        return true;
        return false;
}

static struct json_object *list_of(struct json_object *spec, const char *key) {
        struct json_object *list = json_get_array(spec, key);
        if (!list) {
                list = json_object_new_array();
                json_set(spec, key, list);
        }
        return list;
}

static void add_volume(struct json_object *spec, const char *name, const char *driver, struct json_object *options) {
        struct json_object *all = list_of(spec, "volumes");
        for (size_t k = 0; k < json_object_array_length(all); k++)
                if (str_eq(json_str(json_object_array_get_idx(all, k), "name", ""), name))
                        return;
        struct json_object *v = json_object_new_object();
        json_set_str(v, "name", name);
        json_set_str(v, "driver", driver);
        if (options)
                json_set(v, "driverOpts", json_copy(options));
        json_object_array_add(all, v);
}

/* dataVolumeMounts (path to volume) become dataVolumes NAME:PATH; volumes of a driver are told, so that the host makes them first (agent.md 8, 20). */
static void volumes(struct core *c, const struct record *i, struct json_object *spec) {
        struct json_object *mounts = launch_json(i, "dataVolumeMounts");
        if (json_object_is_type(mounts, json_type_object)) {
                json_object_object_foreach(mounts, path, id) {
                        struct record *v = id_of(id) ? world_get(c->world, T_volume, id_of(id)) : NULL;
                        if (!v || !*record_name(v))
                                continue;
                        auto_free char *bind = dr_xasprintf("%s:%s", record_name(v), path);
                        if (!has_text(list_of(spec, "dataVolumes"), bind))
                                json_object_array_add(list_of(spec, "dataVolumes"), json_object_new_string(bind));
                        add_volume(spec, record_name(v), str_or(record_str(v, F_driver), "local"), record_json(v, F_driverOpts));
                }
        }
        const char *driver = launch_str(i, "volumeDriver");
        struct json_object *list = json_get_array(spec, "dataVolumes");
        for (size_t k = 0; driver && *driver && !str_eq(driver, "local") && list && k < json_object_array_length(list); k++) {
                const char *bind = json_object_get_string(json_object_array_get_idx(list, k)), *colon = bind ? strchr(bind, ':') : NULL;
                if (!colon || *bind == '/')
                        continue;
                auto_free char *name = dr_xstrndup(bind, (size_t) (colon - bind));
                add_volume(spec, name, driver, NULL);
        }
}

struct text *instance_spec(struct core *c, const struct record *i) {
        struct json_object *conf = record_json(i, F_launchConfigText);
        AUTO(json_free) struct json_object *spec = conf ? json_copy(conf) : json_object_new_object();
        static const char *const not_for_hosts[] = {
                "labels", "name", "secondaryLaunchConfigs", "dataVolumesFromLaunchConfigs", "networkLaunchConfig", "healthCheck", "version",
                "instanceLinks", "count", "startOnCreate", "requestedHostId", "type", "kind", "restartPolicy", "registryCredentialId", "dataVolumeMounts",
                "dataVolumesFrom", "networkContainerId", "networkIds", "stackId", "description", "expose", "volumeDriver", "registryAuth", "volumes",
        };
        if (!conf) {                            /* standalone: its own fields, those that the API lets users give */
                const struct type_def *def = type_get(API_V2_BETA, T_container);
                for (unsigned k = 0; k < i->n; k++) {
                        const struct slot *s = &i->slots[k];
                        const struct field_def *f = type_field(def, (enum field_id) s->field);
                        if (!f || !field_creatable(f, ROLE_service))
                                continue;
                        const char *name = field_name((enum field_id) s->field);
                        switch ((enum vtag) s->tag) {
                        case V_BOOL:  json_set_bool(spec, name, s->b); break;
                        case V_INT:   json_set_int(spec, name, s->i); break;
                        case V_FLOAT: json_set(spec, name, json_object_new_double(s->f)); break;
                        case V_STR:   json_set_str(spec, name, s->t->s); break;
                        case V_JSON:  json_set(spec, name, json_copy(text_json(s->t))); break;
                        case V_NULL:  break;
                        }
                }
        }
        AUTO(json_free) struct json_object *policy = NULL;
        if (!record_int(i, F_serviceId) && json_get(spec, "restartPolicy"))
                policy = json_copy(json_get(spec, "restartPolicy"));    /* services restart by reconciliation (orchestration.md 1.9) */
        for (size_t k = 0; k < ARRAY_LEN(not_for_hosts); k++)
                json_object_object_del(spec, not_for_hosts[k]);
        if (policy)
                json_set(spec, "restartPolicy", dr_take(policy));
        char name[RECORD_UUID_MAX + 260], uuid[RECORD_UUID_MAX];
        docker_name(i, name, sizeof name);
        json_set_str(spec, "name", name);
        struct json_object *labels = launch_labels(c->world, i);
        override_hostname(i, spec, labels);
        search_domains(i, spec, labels);
        links(c, i, spec);
        volumes(c, i, spec);
        agent_instance_spec(c, i, spec, labels);
        networks_spec(c, i, spec, labels);
        json_set(spec, "labels", labels);
        int64_t named = record_int_or(i, F_registryCredentialId, json_int(conf, "registryCredentialId", 0));
        struct json_object *auth = registry_auth(c, i->account_id, named, dockerref_from_uuid(json_str(spec, "imageUuid", "")));
        if (auth)
                json_set(spec, "registryAuth", auth);
        if (record_bool(i, F_startOnce))
                json_set_bool(spec, "startOnce", true);
        if (record_int(i, F_networkFromId)) {
                json_set_str(spec, "networkMode", "container");
                json_set_str(spec, "networkFromUuid", uuid_of(c, record_int(i, F_networkFromId), uuid));
        }
        struct json_object *ids = record_json(i, F_volumesFromIds);
        if (ids) {
                struct json_object *uuids = json_object_new_array();
                for (size_t k = 0; k < json_object_array_length(ids); k++) {
                        const char *u = uuid_of(c, json_object_get_int64(json_object_array_get_idx(ids, k)), uuid);
                        if (u)
                                json_object_array_add(uuids, json_object_new_string(u));
                }
                json_set(spec, "volumesFromUuids", uuids);
        }
        return text_from_json(spec);
}
