/* metadata_service.c: the objects of services: one for each launch config (spec metadata.md 6.2, 6.7), and their links. */
#include "metadata-internal.h"

static struct json_object *array_of(struct json_object *o) { return json_object_is_type(o, json_type_array) ? o : NULL; }

static void list(struct jw *j, const char *key, struct json_object *o) {
        jw_key(j, key);
        if (array_of(o))
                jw_json(j, o);
        else
                jw_raw(j, "[]", 2);
}

static void map(struct jw *j, const char *key, struct json_object *o) {
        jw_key(j, key);
        if (json_object_is_type(o, json_type_object))
                jw_json(j, o);
        else
                jw_raw(j, "{}", 2);
}

static void text_map(struct jw *j, const char *key, struct json_object *o) {
        jw_key(j, key);
        jw_begin_object(j);
        if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, k, v)
                        jw_kstring(j, k, v ? json_object_get_string(v) : "");
        }
        jw_end(j);
}

static void json_or_null(struct jw *j, const char *key, struct json_object *o) {
        jw_key(j, key);
        jw_json(j, o);
}

static const char *nonempty(const char *s) { return s && *s ? s : NULL; }

/* ---- load balancers ---- */
static void service_path(const struct world *w, struct jw *j, int64_t id) {
        const struct record *s = metadata_live(w, T_service, id);
        const struct record *stack = s ? metadata_live(w, T_stack, record_int(s, F_stackId)) : NULL;
        auto_free char *path = stack ? dr_xasprintf("%s/%s", record_name(stack), record_name(s)) : NULL;
        jw_kstring(j, "service", path);
}

static void lower(struct jw *j, const char *key, const char *s) {
        auto_free char *own = nonempty(s) ? dr_xstrdup(s) : NULL;
        for (char *p = own; p && *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char) (*p + 32);
        jw_kstring(j, key, own);
}

static void port_rule(const struct world *w, struct jw *j, struct json_object *rule) {
        jw_begin_object(j);
        json_or_null(j, "source_port", json_get(rule, "sourcePort"));
        jw_kstring(j, "protocol", nonempty(json_str(rule, "protocol", NULL)));
        jw_kstring(j, "path", nonempty(json_str(rule, "path", NULL)));
        jw_kstring(j, "hostname", nonempty(json_str(rule, "hostname", NULL)));
        service_path(w, j, json_int(rule, "serviceId", 0));
        json_or_null(j, "target_port", json_get(rule, "targetPort"));
        json_or_null(j, "priority", json_get(rule, "priority"));
        jw_kstring(j, "backend_name", nonempty(json_str(rule, "backendName", NULL)));
        jw_kstring(j, "selector", nonempty(json_str(rule, "selector", NULL)));
        lower(j, "region", json_str(rule, "region", NULL));
        lower(j, "environment", json_str(rule, "environment", NULL));
        jw_kint(j, "weight", json_int(rule, "weight", 1));
        jw_end(j);
}

static const char *certificate_name(const struct world *w, struct json_object *id) {
        const struct record *c = json_object_is_type(id, json_type_int) ? metadata_live(w, T_certificate, json_object_get_int64(id)) : NULL;
        return c ? record_name(c) : NULL;
}

static void stickiness(struct jw *j, struct json_object *o) {
        static const char *const texts[] = { "name", "cookie", "domain" }, *const flags[] = { "indirect", "nocache", "postonly" };
        if (!json_object_is_type(o, json_type_object)) {
                jw_knull(j, "stickiness_policy");
                return;
        }
        jw_key(j, "stickiness_policy");
        jw_begin_object(j);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                jw_kstring(j, texts[i], nonempty(json_str(o, texts[i], NULL)));
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
                jw_kbool(j, flags[i], json_bool(o, flags[i], false));
        jw_kstring(j, "mode", nonempty(json_str(o, "mode", NULL)));
        jw_end(j);
}

static void lb_config(const struct world *w, struct jw *j, struct json_object *lb) {
        jw_key(j, "lb_config");
        if (!json_object_is_type(lb, json_type_object)) {
                jw_null(j);
                return;
        }
        struct json_object *certs = json_get_array(lb, "certificateIds"), *rules = json_get_array(lb, "portRules");
        jw_begin_object(j);
        jw_key(j, "certs");
        jw_begin_array(j);
        for (size_t i = 0; certs && i < json_object_array_length(certs); i++) {
                const char *name = certificate_name(w, json_object_array_get_idx(certs, i));
                if (name)
                        jw_string(j, name);
        }
        jw_end(j);
        jw_kstring(j, "default_cert", certificate_name(w, json_get(lb, "defaultCertificateId")));
        jw_key(j, "port_rules");
        jw_begin_array(j);
        for (size_t i = 0; rules && i < json_object_array_length(rules); i++)
                port_rule(w, j, json_object_array_get_idx(rules, i));
        jw_end(j);
        jw_kstring(j, "config", nonempty(json_str(lb, "config", NULL)));
        stickiness(j, json_get(lb, "stickinessPolicy"));
        jw_end(j);
}

/* ---- services ---- */
/* Primary and sidekicks show the service's own fields alike; config: NULL for the primary of a service without launch config. */
static void object(const struct world *w, const struct record *s, struct json_object *config, const char *sidekick, struct metadata_out *o) {
        const struct record *project = world_get(w, T_account, s->account_id), *stack = world_get(w, T_stack, record_int(s, F_stackId));
        const char *kind = str_or(record_str(s, F_kind), type_name((enum type_id) s->kind));
        struct json_object *secondary = record_json(s, F_secondaryLaunchConfigs);
        bool has_vip = s->kind == T_kubernetesService || json_bool(config, "setVip", false);
        char uuid[RECORD_UUID_MAX];
        sbuf_reset(&o->key);
        sbuf_printf(&o->key, "service/%s%s%s", record_uuid(s, uuid), sidekick ? "/" : "", str_or(sidekick, ""));
        struct jw j = metadata_begin(o);
        jw_kstring(&j, "name", sidekick ? sidekick : record_name(s));
        metadata_kuuid(&j, "uuid", s);
        jw_kstring(&j, "stack_name", stack ? record_name(stack) : NULL);
        metadata_kuuid(&j, "stack_uuid", stack);
        jw_kstring(&j, "kind", kind);
        jw_kstring(&j, "hostname", sidekick ? NULL : nonempty(record_str(s, F_hostname)));
        jw_kstring(&j, "vip", has_vip ? nonempty(record_str(s, F_vip)) : NULL);
        metadata_ints(&j, "create_index", s, F_createIndex);
        list(&j, "external_ips", sidekick ? NULL : record_json(s, F_externalIpAddresses));
        jw_key(&j, "sidekicks");
        jw_begin_array(&j);
        for (size_t i = 0; array_of(secondary) && i < json_object_array_length(secondary); i++)
                jw_string(&j, json_str(json_object_array_get_idx(secondary, i), "name", ""));
        jw_end(&j);
        list(&j, "ports", json_get(config, "ports"));
        text_map(&j, "labels", json_get(config, "labels"));
        map(&j, "metadata", sidekick ? json_get(config, "metadata") : record_json(s, F_metadata));
        metadata_ints(&j, "scale", s, record_has(s, F_desiredScale) ? F_desiredScale : F_scale);
        jw_kstring(&j, "fqdn", sidekick ? NULL : nonempty(record_str(s, F_fqdn)));
        list(&j, "expose", json_get(config, "expose"));
        struct json_object *own_check = sidekick ? NULL : record_json(s, F_healthCheck);
        jw_key(&j, "health_check");
        metadata_health_check(&j, own_check ? own_check : json_get(config, "healthCheck"));
        jw_kbool(&j, "system", record_bool(s, F_system));
        lb_config(w, &j, sidekick ? NULL : record_json(s, F_lbConfig));
        jw_kstring(&j, "primary_service_name", record_name(s));
        metadata_kuuid(&j, "environment_uuid", project);
        jw_kstring(&j, "state", state_name((enum state_id) s->state));
        jw_kstring(&j, "token", nonempty(record_str(s, F_token)));
        metadata_end(o, &j, "service");
}

/* "stack/service" of a service of this environment; one of elsewhere as the link names it. The alias defaults to the service's name. */
static void link_object(const struct world *w, const struct record *s, const struct record *consume, struct metadata_out *o) {
        const struct record *to = metadata_live(w, T_service, record_int(consume, F_consumedServiceId));
        const struct record *stack = to ? metadata_live(w, T_stack, record_int(to, F_stackId)) : NULL;
        const char *elsewhere = nonempty(record_str(consume, F_consumedService)), *alias = nonempty(record_name(consume));
        if (metadata_is_gone(consume) || (!stack && !elsewhere))
                return;
        auto_free char *path = stack ? dr_xasprintf("%s/%s", record_name(stack), record_name(to)) : dr_xstrdup(elsewhere);
        char uuid[RECORD_UUID_MAX];
        sbuf_reset(&o->key);
        sbuf_printf(&o->key, "serviceLink/%s/%s", record_uuid(s, uuid), path);
        struct jw j = metadata_begin(o);
        jw_kstring(&j, "service_uuid", record_uuid(s, uuid));
        jw_kstring(&j, "key", path);
        jw_kstring(&j, "value", alias ? alias : strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
        metadata_end(o, &j, "serviceLink");
}

void metadata_service_objects(const struct world *w, const struct record *s, struct metadata_out *o) {
        struct json_object *secondary = record_json(s, F_secondaryLaunchConfigs);
        object(w, s, record_json(s, F_launchConfig), NULL, o);
        for (size_t i = 0; array_of(secondary) && i < json_object_array_length(secondary); i++) {
                struct json_object *config = json_object_array_get_idx(secondary, i);
                if (*json_str(config, "name", ""))
                        object(w, s, config, json_str(config, "name", ""), o);
        }
        const struct records *links = world_by_int(w, T_serviceConsumeMap, F_serviceId, s->id);
        for (size_t i = 0; i < links->n; i++)
                link_object(w, s, links->v[i], o);
}
