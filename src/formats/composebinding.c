/* A stack's binding: {"services": {NAME: {"labels": {}, "ports": []}}}. What is not empty stands for the labels and ports of all documents
 * (compose.md 11; Rancher 1.2 applies it, 1.6 only stores it). Names that no document has are left alone. */
#include "compose-internal.h"
#include "json.h"

static struct ynode *text_node(struct compose *c, const struct json_object *value, const char *key, const struct ynode *at) {
        const char *s = json_object_is_type(value, json_type_null) ? "" : json_object_get_string((struct json_object *) value);
        return compose_interpolate(c, ynode_string(c->arena, s, at), key);
}

static bool plain(const struct json_object *value) {
        return !json_object_is_type(value, json_type_object) && !json_object_is_type(value, json_type_array);
}

static void bind_labels(struct compose *c, const char *name, struct ynode *svc, struct json_object *labels) {
        struct map_builder m = { .c = c, .map = ynode_new(c->arena, YNODE_MAP, svc) };
        json_object_object_foreach(labels, key, value) {
                if (plain(value))
                        map_builder_put(&m, ynode_string(c->arena, key, svc), text_node(c, value, "labels", svc));
                else
                        compose_error(c, svc, "binding of service '%s': label '%.100s' should be a string", name, key);
        }
        map_builder_done(&m);
        ynode_set(c->arena, svc, ynode_string(c->arena, "labels", svc), m.map);
}

static void bind_ports(struct compose *c, const char *name, struct ynode *svc, struct json_object *ports) {
        struct ynode *list = ynode_new(c->arena, YNODE_SEQ, svc);
        for (size_t i = 0; i < json_object_array_length(ports); i++) {
                const struct json_object *value = json_object_array_get_idx(ports, i);
                struct ynode *text = plain(value) ? text_node(c, value, "ports", svc) : NULL;
                if (text && compose_port_ok(text->text))
                        ynode_push(c->arena, list, text);
                else
                        compose_error(c, svc, "binding of service '%s': port %zu does not match format 'ports'", name, i);
        }
        ynode_set(c->arena, svc, ynode_string(c->arena, "ports", svc), list);
}

void compose_bind(struct compose *c) {
        struct json_object *services = json_get_object(c->env->binding, "services");
        if (!services)
                return;
        json_object_object_foreach(services, name, binding) {
                struct ynode *svc = ynode_get(c->services, name);
                struct json_object *labels = json_get_object(binding, "labels"), *ports = json_get_array(binding, "ports");
                if (!svc || svc->kind != YNODE_MAP)
                        continue;
                size_t n = (labels ? (size_t) json_object_object_length(labels) : 0) + (ports ? json_object_array_length(ports) : 0);
                if (!compose_spend(c, n, svc))
                        return;
                if (labels && json_object_object_length(labels) > 0)
                        bind_labels(c, name, svc, labels);
                if (ports && json_object_array_length(ports) > 0)
                        bind_ports(c, name, svc, ports);
        }
}
