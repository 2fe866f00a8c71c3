/* Names to ids in the bodies of compose_services(). */
#include "compose.h"

#include "json.h"

#include <stdio.h>

enum { ID_BYTES_MAX = 128 };

static int find(const struct compose_resolver *r, enum compose_ref kind, const char *name, char *id) {
        const char *slash = kind == COMPOSE_REF_SERVICE ? strchr(name, '/') : NULL;
        if (!slash)
                return r->find(r->ctx, kind, NULL, name, id, ID_BYTES_MAX);
        auto_free char *stack = dr_xstrndup(name, (size_t) (slash - name));
        return r->find(r->ctx, kind, stack, slash + 1, id, ID_BYTES_MAX);
}

/* Replaces o[from], a name, by o[to], its id. */
static int resolve(struct json_object *o, const char *from, const char *to, enum compose_ref kind, const struct compose_resolver *r,
                   struct dr_error *err) {
        static const char *const what[] = {
                [COMPOSE_REF_SERVICE] = "existing service:", [COMPOSE_REF_CERTIFICATE] = "certificate", [COMPOSE_REF_SECRET] = "secret",
        };
        const char *name = json_str(o, from, NULL);
        if (!name)
                return 0;
        char id[ID_BYTES_MAX];
        if (find(r, kind, name, id) < 0)
                return dr_fail(err, DR_E_INVALID_REFERENCE, to, "Failed to find %s %s", what[kind], name);
        json_set_str(o, to, id);
        json_object_object_del(o, from);
        return 0;
}

static int resolve_lb(struct json_object *lb, const struct compose_resolver *r, struct dr_error *err) {
        struct json_object *rules = json_get_array(lb, "portRules"), *certs = json_get_array(lb, "certs");
        for (size_t i = 0; rules && i < json_object_array_length(rules); i++) {
                int e = resolve(json_object_array_get_idx(rules, i), "service", "serviceId", COMPOSE_REF_SERVICE, r, err);
                if (e < 0)
                        return e;
        }
        if (certs) {
                struct json_object *ids = json_object_new_array();
                json_set(lb, "certificateIds", ids);
                for (size_t i = 0; i < json_object_array_length(certs); i++) {
                        const char *name = json_object_get_string(json_object_array_get_idx(certs, i));
                        char id[ID_BYTES_MAX];
                        if (find(r, COMPOSE_REF_CERTIFICATE, name, id) < 0)
                                return dr_fail(err, DR_E_INVALID_REFERENCE, "certificateIds", "Failed to find certificate %s", name);
                        json_object_array_add(ids, json_object_new_string(id));
                }
                json_object_object_del(lb, "certs");
        }
        return resolve(lb, "defaultCert", "defaultCertificateId", COMPOSE_REF_CERTIFICATE, r, err);
}

static int resolve_secrets(struct json_object *lc, const struct compose_resolver *r, struct dr_error *err) {
        struct json_object *secrets = json_get_array(lc, "secrets");
        for (size_t i = 0; secrets && i < json_object_array_length(secrets); i++) {
                int e = resolve(json_object_array_get_idx(secrets, i), "source", "secretId", COMPOSE_REF_SECRET, r, err);
                if (e < 0)
                        return e;
        }
        return 0;
}

int compose_service_body(const struct compose_service *s, const char *stack_id, const struct compose_resolver *r, struct json_object **ret,
                         struct dr_error *err) {
        AUTO(json_free) struct json_object *body = json_copy(s->body);
        if (stack_id)
                json_set_str(body, "stackId", stack_id);
        int e = resolve_lb(json_get_object(body, "lbConfig"), r, err);
        if (e >= 0)
                e = resolve_secrets(json_get_object(body, "launchConfig"), r, err);
        struct json_object *secondary = json_get_array(body, "secondaryLaunchConfigs");
        for (size_t i = 0; e >= 0 && secondary && i < json_object_array_length(secondary); i++)
                e = resolve_secrets(json_object_array_get_idx(secondary, i), r, err);
        if (e < 0)
                return e;
        *ret = dr_take(body);
        return 0;
}

static unsigned slashes(const char *s) {
        unsigned n = 0;
        for (; *s; s++)
                n += *s == '/';
        return n;
}

struct json_object *compose_service_links(const struct compose_service *s, const struct compose_resolver *r, struct json_object *missing) {
        struct json_object *body = json_object_new_object(), *list = json_object_new_array();
        json_set(body, "serviceLinks", list);
        for (size_t i = 0; i < json_object_array_length(s->links); i++) {
                const struct json_object *link = json_object_array_get_idx(s->links, i);
                const char *target = json_str(link, "service", ""), *alias = json_str(link, "name", NULL);
                char id[ID_BYTES_MAX];
                bool by_name = slashes(target) >= 2;
                if (!by_name && find(r, COMPOSE_REF_SERVICE, target, id) < 0) {
                        if (missing)
                                json_object_array_add(missing, json_object_new_string(target));
                        continue;
                }
                struct json_object *o = json_object_new_object();
                if (alias)
                        json_set_str(o, "name", alias);
                json_set_str(o, by_name ? "service" : "serviceId", by_name ? target : id);
                json_object_array_add(list, o);
        }
        return body;
}
