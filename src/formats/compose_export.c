#include "compose_export.h"

#include "base/sbuf.h"
#include "compose-internal.h"
#include "compose_change.h"

#define SIDEKICKS_LABEL "io.rancher.sidekicks"
#define LINK_LABEL "io.rancher.service.selector.link"
#define CONTAINER_LABEL "io.rancher.service.selector.container"

static int name_of(const struct compose_exporter *x, enum compose_ref kind, const char *id, struct compose_named *ret) {
        *ret = (struct compose_named) { 0 };
        return id && x->source->name ? x->source->name(x->source->ctx, kind, id, ret) : -ENOENT;
}

/* ---- references ---- */

/* A service as documents of this stack name it: "web", "other/db"; NULL: it is not there. The caller frees. */
static char *service_name(const struct compose_exporter *x, const char *id, bool *ret_here) {
        const struct json_object *list = x->source->services;
        for (size_t i = 0; id && i < json_object_array_length(list); i++) {
                const struct json_object *s = json_object_array_get_idx(list, i);
                if (str_eq(json_str(s, "id", ""), id)) {
                        *ret_here = true;
                        return dr_xstrdup(json_str(s, "name", ""));
                }
        }
        struct compose_named named;
        if (name_of(x, COMPOSE_REF_SERVICE, id, &named) < 0)
                return NULL;
        const char *stack = json_str(x->source->stack, "name", "");
        *ret_here = false;
        return dr_xasprintf("%s/%s", named.stack ? named.stack : stack, named.name);
}

static void push(struct json_object *o, const char *key, const char *text) {
        struct json_object *list = json_get_array(o, key);
        if (!list) {
                list = json_object_new_array();
                json_set(o, key, list);
        }
        json_object_array_add(list, json_object_new_string(text));
}

static void push_link(struct json_object *o, const char *key, const char *target, const char *alias) {
        auto_free char *text = dr_xasprintf("%s%s%s", target, *alias ? ":" : "", alias);
        push(o, key, text);
}

static int by_text(const void *a, const void *b) {
        return strcmp(json_object_get_string(*(struct json_object *const *) a), json_object_get_string(*(struct json_object *const *) b));
}

static void write_links(const struct compose_exporter *x, const struct json_object *service, struct json_object *docker) {
        static const char *const keys[] = { "links", "external_links" };
        struct json_object *linked = json_get_object(service, "linkedServices"), *by_name = json_get_array(service, "serviceLinks");
        if (linked) {
                json_object_object_foreach(linked, alias, id) {
                        bool here;
                        auto_free char *target = service_name(x, json_object_get_string(id), &here);
                        if (!target)
                                continue;
                        /* without alias the API's key is "stack/service" */
                        push_link(docker, here ? "links" : "external_links", target, strchr(alias, '/') ? "" : alias);
                }
        }
        for (size_t i = 0; by_name && i < json_object_array_length(by_name); i++) {
                const struct json_object *l = json_object_array_get_idx(by_name, i);
                if (*json_str(l, "service", ""))
                        push_link(docker, "external_links", json_str(l, "service", ""), json_str(l, "name", ""));
        }
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)    /* the API's order depends on the stack's name */
                if (json_get_array(docker, keys[i]))
                        json_object_array_sort(json_get_array(docker, keys[i]), by_text);
}

/* lbConfig with names instead of ids, as compose_lb_config() makes it. */
static struct json_object *named_lb(const struct compose_exporter *x, const struct json_object *lb) {
        struct json_object *o = json_copy(lb), *rules = json_get_array(o, "portRules"), *ids = json_get_array(o, "certificateIds");
        struct compose_named named;
        for (size_t i = rules ? json_object_array_length(rules) : 0; i-- > 0;) {
                struct json_object *r = json_object_array_get_idx(rules, i);
                bool here;
                auto_free char *target = service_name(x, json_str(r, "serviceId", NULL), &here);
                if (target)
                        json_set_str(r, "service", target);
                else if (json_str(r, "serviceId", NULL))
                        json_object_array_del_idx(rules, i, 1);
        }
        for (size_t i = 0; ids && i < json_object_array_length(ids); i++)
                if (name_of(x, COMPOSE_REF_CERTIFICATE, json_object_get_string(json_object_array_get_idx(ids, i)), &named) == 0)
                        push(o, "certs", named.name);
        if (name_of(x, COMPOSE_REF_CERTIFICATE, json_str(o, "defaultCertificateId", NULL), &named) == 0)
                json_set_str(o, "defaultCert", named.name);
        return o;
}

static void write_object(struct json_object *o, const char *key, const struct compose_field *rows, const struct json_object *v) {
        struct json_object *w = compose_written(rows, v);
        if (w)
                json_set(o, key, w);
}

static void write_lb(const struct compose_exporter *x, const struct json_object *service, struct json_object *rancher) {
        if (!json_get_object(service, "lbConfig"))
                return;
        AUTO(json_free) struct json_object *lb = named_lb(x, json_get_object(service, "lbConfig"));
        write_object(rancher, "lb_config", compose_lb_fields, lb);
}

/* ---- one service ---- */

static void set_label(struct json_object *docker, const char *name, const char *value) {
        struct json_object *labels = json_get_object(docker, "labels");
        AUTO(json_free) struct json_object *copy = labels ? json_copy(labels) : json_object_new_object();
        if (value)
                json_set_str(copy, name, value);
        else
                json_object_object_del(copy, name);
        if (json_object_object_length(copy) > 0)
                json_set(docker, "labels", compose_sorted(copy));
        else
                json_object_object_del(docker, "labels");
}

/* The names in a sidekicks label, trimmed and joined by commas. The caller frees. */
static char *joined(const char *label) {
        auto_sbuf struct sbuf b = SBUF(COMPOSE_TEXT_MAX);
        for (const char *p = label; *p; p += *p == ',') {
                size_t n = strcspn(p, ",");
                const char *s = p, *e = p + n;
                while (s < e && *s == ' ')
                        s++;
                while (e > s && e[-1] == ' ')
                        e--;
                sbuf_printf(&b, "%s%.*s", b.len ? "," : "", (int) (e - s), s);
                p += n;
        }
        return sbuf_steal(&b);
}

static bool is_gone(const struct json_object *sidekick) {
        const char *image = json_str(sidekick, "imageUuid", "");
        return str_eq(image, COMPOSE_NO_IMAGE) || str_eq(image, "docker:" COMPOSE_NO_IMAGE) || !*json_str(sidekick, "name", "");
}

/* The label is made anew from the launch configs; written as it was where that says the same. */
static void label_sidekicks(const struct json_object *service, struct json_object *docker) {
        struct json_object *list = json_get_array(service, "secondaryLaunchConfigs");
        const char *was = json_str(json_get(docker, "labels"), SIDEKICKS_LABEL, "");
        auto_sbuf struct sbuf names = SBUF(COMPOSE_TEXT_MAX);
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                const struct json_object *side = json_object_array_get_idx(list, i);
                if (!is_gone(side))
                        sbuf_printf(&names, "%s%s", names.len ? "," : "", json_str(side, "name", ""));
        }
        auto_free char *same = joined(was);
        if (!str_eq(same, sbuf_str(&names)))
                set_label(docker, SIDEKICKS_LABEL, names.len ? sbuf_str(&names) : NULL);
}

/* Volume drivers of launch configs: in version 2 the volumes say theirs. */
static void write_volume_drivers(const struct compose_exporter *x, const struct json_object *lc) {
        const char *driver = json_str(lc, "volumeDriver", "");
        struct json_object *volumes = json_get_array(lc, "dataVolumes");
        for (size_t i = 0; *driver && volumes && i < json_object_array_length(volumes); i++) {
                const char *text = json_object_get_string(json_object_array_get_idx(volumes, i)), *colon = text ? strchr(text, ':') : NULL;
                if (!colon || colon == text || strchr("/.~", *text))
                        continue;
                auto_free char *name = dr_xstrndup(text, (size_t) (colon - text));
                if (json_has(x->volumes, name))
                        continue;
                struct json_object *v = json_object_new_object();
                json_set_str(v, "driver", driver);
                json_set_bool(v, "external", true);
                json_set(x->volumes, name, v);
        }
}

/* Takes both over. The image comes first, then all others in order. */
static void add_entries(const struct compose_exporter *x, const char *name, struct json_object *docker, struct json_object *rancher) {
        AUTO(json_free) struct json_object *sorted = compose_sorted(docker);
        struct json_object *entry = json_object_new_object();
        if (json_get(sorted, "image"))
                json_set(entry, "image", json_copy(json_get(sorted, "image")));
        json_object_object_foreach(sorted, key, value)
                if (!str_eq(key, "image"))
                        json_set(entry, key, json_object_get(value));
        json_free(docker);
        json_set(x->docker, name, entry);
        if (json_object_object_length(rancher) > 0)
                json_set(x->rancher, name, compose_sorted(rancher));
        json_free(rancher);
}

static void write_sidekick(struct compose_exporter *x, const struct json_object *lc) {
        struct json_object *docker = json_object_new_object(), *rancher = json_object_new_object();
        compose_export_config(x, lc, docker, rancher);
        set_label(docker, SIDEKICKS_LABEL, NULL);
        write_volume_drivers(x, lc);
        add_entries(x, json_str(lc, "name", ""), docker, rancher);
}

static void write_scale(const struct json_object *service, const struct json_object *docker, struct json_object *rancher) {
        const char *global = json_str(json_get(docker, "labels"), "io.rancher.scheduler.global", "");
        if (json_get(service, "scale") && !str_eq(global, "true"))
                json_set_int(rancher, "scale", json_int(service, "scale", 1));
}

static void write_service_keys(const struct compose_exporter *x, const struct json_object *service, struct json_object *docker, struct json_object *rancher) {
        static const struct { const char *field, *key; bool docker; } plain[] = {
                { "externalIpAddresses", "external_ips", false }, { "hostname", "hostname", true },
        };
        for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
                struct json_object *v = json_get(service, plain[i].field);
                if (json_object_is_type(v, json_type_array) ? json_object_array_length(v) > 0 : *json_str(service, plain[i].field, ""))
                        json_set(plain[i].docker ? docker : rancher, plain[i].key, json_copy(v));
        }
        AUTO(json_free) struct json_object *metadata = json_copy(json_get_object(service, "metadata"));
        if (metadata) {
                json_object_object_del(metadata, COMPOSE_HASH_LABEL);
                if (json_object_object_length(metadata) > 0)
                        json_set(rancher, "metadata", compose_sorted(metadata));
        }
        if (json_bool(service, "retainIp", false))
                json_set_bool(rancher, "retain_ip", true);
        if (json_bool(service, "startOnCreate", false))
                json_set_bool(rancher, "start_on_create", true);
        if (!json_has(rancher, "health_check"))
                compose_export_health(json_get(service, "healthCheck"), rancher);
        write_object(rancher, "scale_policy", compose_policy_fields, json_get(service, "scalePolicy"));
        write_object(rancher, "network_driver", compose_network_fields, json_get(service, "networkDriver"));
        write_object(rancher, "storage_driver", compose_storage_fields, json_get(service, "storageDriver"));
        write_lb(x, service, rancher);
}

/* Rules with a source port make a balancer of a service when it is read back; without any, only the old image does. */
static bool balances(const struct json_object *service) {
        struct json_object *rules = json_get_array(json_get(service, "lbConfig"), "portRules");
        for (size_t i = 0; rules && i < json_object_array_length(rules); i++)
                if (json_int(json_object_array_get_idx(rules, i), "sourcePort", 0))
                        return true;
        return false;
}

static const char *pseudo_image(const struct json_object *service) {
        const char *type = json_str(service, "type", "");
        if (str_eq(type, "externalService"))
                return "rancher/external-service";
        if (str_eq(type, "dnsService"))
                return "rancher/dns-service";
        return str_eq(type, "loadBalancerService") && !balances(service) ? "rancher/load-balancer-service" : NULL;
}

static void write_service(struct compose_exporter *x, const struct json_object *service) {
        struct json_object *docker = json_object_new_object(), *rancher = json_object_new_object();
        const struct json_object *lc = json_get_object(service, "launchConfig");
        struct json_object *sidekicks = json_get_array(service, "secondaryLaunchConfigs");
        const char *image = pseudo_image(service), *links = json_str(service, "selectorLink", ""), *containers = json_str(service, "selectorContainer", "");
        if (image)
                json_set_str(docker, "image", image);
        compose_export_config(x, lc, docker, rancher);
        if (image)
                json_set_str(docker, "image", image);
        label_sidekicks(service, docker);
        if (*links)
                set_label(docker, LINK_LABEL, links);
        if (*containers)
                set_label(docker, CONTAINER_LABEL, containers);
        write_scale(service, docker, rancher);
        write_service_keys(x, service, docker, rancher);
        write_volume_drivers(x, lc);
        if (!(str_eq(json_str(service, "type", ""), "loadBalancerService") && json_get_object(service, "lbConfig")))
                write_links(x, service, docker);
        add_entries(x, json_str(service, "name", ""), docker, rancher);
        for (size_t i = 0; sidekicks && i < json_object_array_length(sidekicks); i++)
                if (!is_gone(json_object_array_get_idx(sidekicks, i)))
                        write_sidekick(x, json_object_array_get_idx(sidekicks, i));
}

/* ---- documents ---- */

static const struct compose_field volume_fields[] = {
        { "driver", "driver", FIELD_STRING }, { "driver_opts", "driverOpts", FIELD_ANY }, { "external", "external", FIELD_BOOL },
        { "per_container", "perContainer", FIELD_BOOL }, { 0 },
};

static void write_volume_templates(const struct compose_exporter *x) {
        const struct json_object *list = x->source->volumes;
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                const struct json_object *v = json_object_array_get_idx(list, i);
                struct json_object *w = compose_written(volume_fields, v);
                if (*json_str(v, "name", ""))
                        json_set(x->volumes, json_str(v, "name", ""), w ? w : json_object_new_object());
                else
                        json_free(w);
        }
}

/* A copy in which every '$' of a value is doubled, since reading it back interpolates values (keys are left alone). */
static struct json_object *escaped(const struct json_object *v) {
        if (json_object_is_type(v, json_type_string)) {
                auto_sbuf struct sbuf b = SBUF(COMPOSE_EXPORT_BYTES_MAX);
                for (const char *p = json_object_get_string((struct json_object *) v); *p; p++) {
                        if (*p == '$')
                                sbuf_putc(&b, '$');
                        sbuf_putc(&b, *p);
                }
                return json_object_new_string(sbuf_str(&b));
        }
        if (json_object_is_type(v, json_type_array)) {
                struct json_object *list = json_object_new_array();
                for (size_t i = 0; i < json_object_array_length(v); i++)
                        json_object_array_add(list, escaped(json_object_array_get_idx(v, i)));
                return list;
        }
        if (!json_object_is_type(v, json_type_object))
                return json_copy(v);
        struct json_object *o = json_object_new_object();
        json_object_object_foreach((struct json_object *) v, key, value)
                json_set(o, key, escaped(value));
        return o;
}

static void add_section(struct json_object *document, const char *name, const struct json_object *entries, bool interpolated) {
        if (json_object_object_length(entries) == 0)
                return;
        AUTO(json_free) struct json_object *sorted = compose_sorted(entries);
        json_set(document, name, interpolated ? escaped(sorted) : json_copy(sorted));
}

/* Text with "{{" would be taken for a template when it is read back. */
static int write_document(const struct json_object *document, char **ret, struct dr_error *err) {
        auto_sbuf struct sbuf body = SBUF(COMPOSE_EXPORT_BYTES_MAX), b = SBUF(COMPOSE_EXPORT_BYTES_MAX);
        if (json_object_object_length(document) > 0)
                yaml_write(document, YAML_CRLF | YAML_SKIP_NULL, &body);
        if (body.len && strstr(sbuf_str(&body), "{{"))
                sbuf_puts(&b, "# notemplating\r\n");
        sbuf_puts(&b, "version: '2'\r\n");
        sbuf_add(&b, sbuf_str(&body), body.len);
        if (!sbuf_ok(&body) || !sbuf_ok(&b))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "the stack's documents are longer than %d bytes", COMPOSE_EXPORT_BYTES_MAX);
        *ret = sbuf_steal(&b);
        return 0;
}

int compose_export(const struct compose_export_source *source, char **ret_docker, char **ret_rancher, struct dr_error *err) {
        AUTO(json_free) struct json_object *docker = json_object_new_object(), *rancher = json_object_new_object(), *volumes = json_object_new_object(),
                                           *secrets = json_object_new_object(), *docker_doc = json_object_new_object(),
                                           *rancher_doc = json_object_new_object();
        struct compose_exporter x = { source, docker, rancher, volumes, secrets };
        auto_free char *docker_text = NULL, *rancher_text = NULL;
        write_volume_templates(&x);
        for (size_t i = 0; i < json_object_array_length(source->services); i++)
                write_service(&x, json_object_array_get_idx(source->services, i));
        add_section(docker_doc, "services", docker, true);
        add_section(docker_doc, "volumes", volumes, true);
        add_section(docker_doc, "secrets", secrets, false);
        add_section(rancher_doc, "services", rancher, true);
        int r = write_document(docker_doc, &docker_text, err);
        if (r >= 0)
                r = write_document(rancher_doc, &rancher_text, err);
        if (r < 0)
                return r;
        *ret_docker = dr_take(docker_text);
        *ret_rancher = dr_take(rancher_text);
        return 0;
}
