/* spec.c: the container spec that goes to a host (docs/host-protocol.md; agent.md 8 and 9): the launch config as it is, plus what
 * the server decides: name, labels, partners by uuid. The host makes the engine's create body of it. */
#include "applier.h"

#include "model/launch.h"

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

struct text *instance_spec(struct core *c, const struct record *i) {
        struct json_object *conf = record_json(i, F_launchConfigText);
        AUTO(json_free) struct json_object *spec = conf ? json_copy(conf) : json_object_new_object();
        static const char *const not_for_hosts[] = {
                "labels", "name", "secondaryLaunchConfigs", "dataVolumesFromLaunchConfigs", "networkLaunchConfig", "healthCheck", "version",
                "instanceLinks", "count", "startOnCreate", "requestedHostId", "type", "kind", "restartPolicy",
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
        json_set(spec, "labels", labels);
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
