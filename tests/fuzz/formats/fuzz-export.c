/* Any JSON as services and volume templates of the API, {"services": [], "volumes": []}: what is exported is YAML in two documents of version 2,
 * and what reads of it exports again without trouble. */
#include <stdio.h>
#include <stdlib.h>

#include "formats/compose_export.h"
#include "formats/yaml.h"

enum { TEXT_BYTES_MAX = 1 << 15 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int name(void *ctx, enum compose_ref kind, const char *id, struct compose_named *ret) {
        static const char *const words[] = { "svc", "cert", "secret", "box" };
        (void) ctx;
        if (id[0] == 'U')
                return -ENOENT;
        *ret = (struct compose_named) { words[kind], id[0] == 'N' ? NULL : "other" };
        return 0;
}

static int find(void *ctx, enum compose_ref kind, const char *stack, const char *word, char *id, size_t n) {
        (void) ctx;
        (void) stack;
        snprintf(id, n, "%d%s", (int) kind, word);
        return 0;
}

static void check_yaml(const char *text) {
        AUTO(yarena_free) struct yarena *a = yarena_new(256 << 20);
        struct yaml_options o = { .size_max = COMPOSE_EXPORT_BYTES_MAX };
        struct ynode *root = NULL;
        struct dr_error err;
        if (yaml_parse(a, text, strlen(text), &o, &root, &err) < 0)
                abort();
        const struct ynode *version = ynode_get(root, "version");
        if (!version || strcmp(version->text, "2") != 0)
                abort();
}

static struct json_object *read_back(const char *docker, const char *rancher) {
        struct compose_doc docs[] = { { "docker", docker, strlen(docker) }, { "rancher", rancher, strlen(rancher) } };
        AUTO(compose_free) struct compose *c = NULL;
        struct compose_resolver r = { .find = find };
        struct json_object *list = json_object_new_array();
        size_t n = 0;
        if (compose_read(docs, 2, NULL, &c, NULL) < 0)
                return list;
        const struct compose_service *s = compose_services(c, &n);
        for (size_t i = 0; i < n; i++) {
                struct json_object *body = NULL;
                if (compose_service_body(&s[i], "1st1", &r, &body, NULL) < 0)
                        continue;
                json_set_str(body, "type", s[i].type);
                json_object_array_add(list, body);
        }
        return list;
}

static void export_once(const struct json_object *services, const struct json_object *volumes, char **docker, char **rancher) {
        struct compose_export_source source = { .services = services, .volumes = volumes, .name = name };
        if (compose_export(&source, docker, rancher, NULL) < 0)
                abort();
        check_yaml(*docker);
        check_yaml(*rancher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        AUTO(json_free) struct json_object *o = NULL, *empty = json_object_new_array(), *again = NULL;
        if (size > TEXT_BYTES_MAX || json_parse((const char *) data, size, TEXT_BYTES_MAX, &o, NULL) < 0)
                return 0;
        auto_free char *docker = NULL, *rancher = NULL, *docker2 = NULL, *rancher2 = NULL;
        const struct json_object *services = json_get_array(o, "services");
        export_once(services ? services : empty, json_get_array(o, "volumes"), &docker, &rancher);
        again = read_back(docker, rancher);
        export_once(again, NULL, &docker2, &rancher2);
        return 0;
}
