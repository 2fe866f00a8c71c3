/* A launchConfig back to service keys: the rows of composekeys.c the other way round (compose.md 4.1, 9). */
#include "compose-internal.h"

#include "base/sbuf.h"
#include "compose_change.h"
#include "compose_export.h"
#include "dockerref.h"

#include <ctype.h>
#include <stdio.h>

static bool is_empty(const struct json_object *v) {
        switch (json_object_get_type(v)) {
        case json_type_null: return true;
        case json_type_boolean: return !json_object_get_boolean(v);
        case json_type_string: return json_object_get_string_len(v) == 0;
        case json_type_array: return json_object_array_length(v) == 0;
        case json_type_object: return json_object_object_length(v) == 0;
        default: return false;          /* 0 is written */
        }
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

struct json_object *compose_sorted(const struct json_object *map) {
        VEC(const char *) names = { 0 };
        struct json_object *o = json_object_new_object();
        json_object_object_foreach((struct json_object *) map, key, value) {
                (void) value;
                vec_push(&names, key);
        }
        vec_sort(&names, by_name);
        for (size_t i = 0; i < names.n; i++)
                json_set(o, names.v[i], json_copy(json_get(map, names.v[i])));
        vec_done(&names);
        return o;
}

/* Objects with camelCase fields to snake_case keys */

static struct json_object *snake(const struct json_object *v) {
        if (json_object_is_type(v, json_type_array)) {
                struct json_object *list = json_object_new_array();
                for (size_t i = 0; i < json_object_array_length(v); i++)
                        json_object_array_add(list, snake(json_object_array_get_idx(v, i)));
                return list;
        }
        if (!json_object_is_type(v, json_type_object))
                return json_copy(v);
        AUTO(json_free) struct json_object *o = json_object_new_object();
        auto_sbuf struct sbuf name = SBUF(COMPOSE_TEXT_MAX);
        json_object_object_foreach((struct json_object *) v, key, value) {
                sbuf_reset(&name);
                for (const char *p = key; *p; p++) {
                        if (isupper((unsigned char) *p) && p > key)
                                sbuf_putc(&name, '_');
                        sbuf_putc(&name, (char) (p > key ? tolower((unsigned char) *p) : *p));
                }
                json_set(o, sbuf_str(&name), snake(value));
        }
        return compose_sorted(o);
}

static struct json_object *written_value(const struct compose_field *f, const struct json_object *v) {
        if (f->type == FIELD_CAMEL)
                return snake(v);
        if (f->type != FIELD_OBJECT)
                return json_copy(v);
        if (!json_object_is_type(v, json_type_array))
                return compose_written(f->rows, v);
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(v); i++) {
                struct json_object *o = compose_written(f->rows, json_object_array_get_idx(v, i));
                if (o)
                        json_object_array_add(list, o);
        }
        return list;
}

struct json_object *compose_written(const struct compose_field *rows, const struct json_object *v) {
        if (!json_object_is_type(v, json_type_object))
                return NULL;
        AUTO(json_free) struct json_object *o = json_object_new_object();
        for (; rows->key; rows++) {
                const struct json_object *value = json_get(v, rows->field);
                struct json_object *w = is_empty(value) ? NULL : written_value(rows, value);
                if (is_empty(w))
                        json_free(w);
                else
                        json_set(o, rows->key, w);
        }
        return json_object_object_length(o) ? dr_take(o) : NULL;
}

/* Converters: what conv_...() of composelaunch.c made, back. Each adds its key to o, or not. */

static void put(struct json_object *o, const char *key, const struct json_object *v) {
        if (!is_empty(v))
                json_set(o, key, json_object_is_type(v, json_type_object) ? compose_sorted(v) : json_copy(v));
}

static void write_image(struct json_object *o, const char *key, const struct json_object *lc) {
        const char *image = dockerref_from_uuid(json_str(lc, "imageUuid", ""));
        if (*image)
                json_set_str(o, key, image);
}

static void write_build(struct json_object *o, const char *key, const struct json_object *lc) {
        const char *remote = json_str(json_get(lc, "build"), "remote", ""), *dockerfile = json_str(json_get(lc, "build"), "dockerfile", "");
        if (!*remote)
                return;
        struct json_object *build = json_object_new_object();
        json_set_str(build, "context", remote);
        if (*dockerfile)
                json_set_str(build, "dockerfile", dockerfile);
        json_set(o, key, build);
}

static void write_labels(struct json_object *o, const char *key, const struct json_object *lc) {
        AUTO(json_free) struct json_object *labels = json_copy(json_get_object(lc, "labels"));
        if (!labels)
                return;
        json_object_object_del(labels, COMPOSE_HASH_LABEL);
        put(o, key, labels);
}

static void write_logging(struct json_object *o, const char *key, const struct json_object *lc) {
        const struct json_object *log = json_get(lc, "logConfig");
        AUTO(json_free) struct json_object *logging = json_object_new_object();
        put(logging, "driver", json_get(log, "driver"));
        put(logging, "options", json_get(log, "config"));
        put(o, key, logging);
}

static void write_tmpfs(struct json_object *o, const char *key, const struct json_object *lc) {
        struct json_object *map = json_get_object(lc, "tmpfs");
        if (!map)
                return;
        AUTO(json_free) struct json_object *sorted = compose_sorted(map), *list = json_object_new_array();
        json_object_object_foreach(sorted, path, options) {
                const char *text = options ? json_object_get_string(options) : "";
                auto_free char *s = dr_xasprintf("%s%s%s", path, *text ? ":" : "", text);
                json_object_array_add(list, json_object_new_string(s));
        }
        put(o, key, list);
}

static void write_ulimits(struct json_object *o, const char *key, const struct json_object *lc) {
        struct json_object *list = json_get_array(lc, "ulimits");
        AUTO(json_free) struct json_object *map = json_object_new_object();
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                const struct json_object *u = json_object_array_get_idx(list, i), *soft = json_get(u, "soft"), *hard = json_get(u, "hard");
                if (!*json_str(u, "name", "") || (!soft && !hard))
                        continue;
                struct json_object *both = json_object_new_object();
                json_set(both, "hard", json_copy(hard ? hard : soft));
                json_set(both, "soft", json_copy(soft ? soft : hard));
                json_set(map, json_str(u, "name", ""), hard ? both : json_copy(soft));
                if (!hard)
                        json_free(both);
        }
        put(o, key, map);
}

/* One field of blkioDeviceOptions: device path -> rate. */
static void write_rates(struct json_object *o, const char *key, const char *field, const struct json_object *lc) {
        struct json_object *options = json_get_object(lc, "blkioDeviceOptions");
        AUTO(json_free) struct json_object *map = json_object_new_object();
        if (!options)
                return;
        json_object_object_foreach(options, path, device)
                if (json_get(device, field))
                        json_set(map, path, json_copy(json_get(device, field)));
        put(o, key, map);
}

static void write_network(struct compose_exporter *x, struct json_object *o, const char *key, const struct json_object *lc) {
        const char *mode = json_str(lc, "networkMode", ""), *of = json_str(lc, "networkLaunchConfig", "");
        struct compose_named named = { 0 };
        if (!str_eq(mode, "container")) {
                if (*mode && !str_eq(mode, "managed"))
                        json_set_str(o, key, mode);
                return;
        }
        const char *id = json_str(lc, "networkContainerId", NULL);
        if (!*of && id && x->source->name && x->source->name(x->source->ctx, COMPOSE_REF_CONTAINER, id, &named) == 0)
                of = named.name;
        auto_free char *text = dr_xasprintf("container:%s", of);
        if (*of)
                json_set_str(o, key, text);
}

static void write_volumes_from(struct compose_exporter *x, struct json_object *o, const char *key, const struct json_object *lc) {
        struct json_object *configs = json_get_array(lc, "dataVolumesFromLaunchConfigs"), *containers = json_get_array(lc, "dataVolumesFrom");
        AUTO(json_free) struct json_object *list = configs ? json_copy(configs) : json_object_new_array();
        for (size_t i = 0; containers && x->source->name && i < json_object_array_length(containers); i++) {
                struct compose_named named = { 0 };
                const char *id = json_object_get_string(json_object_array_get_idx(containers, i));
                if (x->source->name(x->source->ctx, COMPOSE_REF_CONTAINER, id, &named) == 0)
                        json_object_array_add(list, json_object_new_string(named.name));
        }
        put(o, key, list);
}

static void write_secrets(struct compose_exporter *x, struct json_object *o, const char *key, const struct json_object *lc) {
        static const struct { const char *key, *field; } rows[] = { { "target", "name" }, { "uid", "uid" }, { "gid", "gid" } };
        struct json_object *secrets = json_get_array(lc, "secrets");
        AUTO(json_free) struct json_object *list = json_object_new_array();
        for (size_t i = 0; secrets && i < json_object_array_length(secrets); i++) {
                const struct json_object *s = json_object_array_get_idx(secrets, i);
                struct compose_named named = { 0 };
                if (!x->source->name || x->source->name(x->source->ctx, COMPOSE_REF_SECRET, json_str(s, "secretId", ""), &named) < 0)
                        continue;
                struct json_object *external = json_object_new_object();
                json_set_str(external, "external", "true");
                json_set(x->secrets, named.name, external);
                const char *mode = json_str(s, "mode", "");
                bool brief = !*mode && is_empty(json_get(s, "uid")) && is_empty(json_get(s, "gid")) && str_eq(json_str(s, "name", ""), named.name);
                if (brief) {
                        json_object_array_add(list, json_object_new_string(named.name));
                        continue;
                }
                struct json_object *entry = json_object_new_object();
                json_set_str(entry, "source", named.name);
                for (size_t k = 0; k < ARRAY_LEN(rows); k++)
                        put(entry, rows[k].key, json_get(s, rows[k].field));
                auto_free char *octal = dr_xasprintf("%s%s", strlen(mode) == 3 ? "0" : "", mode);
                if (*mode)
                        json_set_str(entry, "mode", octal);
                json_object_array_add(list, entry);
        }
        put(o, key, list);
}

/* Keys that stand in rancher-compose.yml. */
static bool of_rancher(const char *key) {
        static const char *const keys[] = { "disks", "drain_timeout_ms", "health_check", "memory", "milli_cpu_reservation", "type", "userdata", "vcpu" };
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (str_eq(keys[i], key))
                        return true;
        return false;
}

/* Values that the API has without being told. */
static bool is_default(const struct compose_key *k, const struct json_object *lc) {
        bool machine = str_eq(json_str(lc, "kind", ""), "virtualMachine");
        if (str_eq(k->name, "type"))
                return !machine;
        if (str_eq(k->name, "vcpu"))
                return !machine && json_int(lc, k->field, 1) == 1;
        return str_eq(k->name, "drain_timeout_ms") && json_int(lc, k->field, 0) == 0;
}

static void write_key(struct compose_exporter *x, const struct compose_key *k, const struct json_object *lc, struct json_object *o) {
        if (k->convert == conv_image)
                write_image(o, k->name, lc);
        else if (k->convert == conv_build)
                write_build(o, k->name, lc);
        else if (k->convert == conv_logging)
                write_logging(o, k->name, lc);
        else if (k->convert == conv_tmpfs)
                write_tmpfs(o, k->name, lc);
        else if (k->convert == conv_ulimits)
                write_ulimits(o, k->name, lc);
        else if (k->convert == conv_rates)
                write_rates(o, k->name, k->field, lc);
        else if (k->convert == conv_network)
                write_network(x, o, k->name, lc);
        else if (k->convert == conv_secrets)
                write_secrets(x, o, k->name, lc);
        else if (str_eq(k->name, "labels"))
                write_labels(o, k->name, lc);
        else if (str_eq(k->name, "volumes_from"))
                write_volumes_from(x, o, k->name, lc);
        else
                put(o, k->name, json_get(lc, k->field));
}

/* The default strategy is left out: balancers have a check of their own that does not say it. */
void compose_export_health(const struct json_object *check, struct json_object *o) {
        struct json_object *w = compose_written(compose_health_fields, check);
        if (!w)
                return;
        if (str_eq(json_str(w, "strategy", ""), "recreate"))
                json_object_object_del(w, "strategy");
        json_set(o, "health_check", w);
}

/* Objects whose fields have other names than their keys. */
static void write_rows(const struct compose_key *k, const struct compose_field *rows, const struct json_object *lc, struct json_object *o) {
        struct compose_field f = { k->name, k->field, FIELD_OBJECT, rows };
        const struct json_object *v = json_get(lc, k->field);
        struct json_object *w = is_empty(v) ? NULL : written_value(&f, v);
        if (is_empty(w))
                json_free(w);
        else
                json_set(o, k->name, w);
}

void compose_export_config(struct compose_exporter *x, const struct json_object *launch_config, struct json_object *docker, struct json_object *rancher) {
        size_t n;
        const struct compose_key *keys = compose_keys(&n);
        write_image(docker, "image", launch_config);
        for (size_t i = 0; i < n; i++) {
                const struct compose_key *k = &keys[i];
                struct json_object *o = of_rancher(k->name) ? rancher : docker;
                if (!k->convert || k->convert == conv_image || str_eq(k->name, "volume_driver") || is_default(k, launch_config))
                        continue;
                if (k->convert == conv_health)
                        compose_export_health(json_get(launch_config, k->field), o);
                else if (k->convert == conv_disks)
                        write_rows(k, compose_disk_fields, launch_config, o);
                else
                        write_key(x, k, launch_config, o);
        }
}
