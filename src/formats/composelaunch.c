/* A normalised service to its launchConfig: one converter per kind of key (compose.md 4.1). Zero values are left out, as upstream's are. */
#include "compose-internal.h"

#include "base/parse.h"
#include "json.h"

#include <stdio.h>

static void bad_value(struct compose_build *b, const struct ynode *v, const char *want) {
        compose_error(b->c, v, "Service '%s' configuration key '%s' contains '%.100s', it should be %s", b->service, b->key, v->text, want);
}

void conv_string(struct compose_build *b, const char *field, const struct ynode *v) {
        if (v->kind == YNODE_STRING && *v->text)
                json_set_str(b->out, field, v->text);
}

void conv_bool(struct compose_build *b, const char *field, const struct ynode *v) {
        if (v->kind == YNODE_BOOL && v->b)
                json_set_bool(b->out, field, true);
}

void conv_int(struct compose_build *b, const char *field, const struct ynode *v) {
        int64_t i;
        if (compose_int(v, &i) < 0)
                bad_value(b, v, "a number");
        else if (i)
                json_set_int(b->out, field, i);
}

void conv_size(struct compose_build *b, const char *field, const struct ynode *v) {
        int64_t i;
        if (compose_size(v, &i) < 0)
                compose_error(b->c, v, "invalid size: '%.100s'", v->text);
        else if (i)
                json_set_int(b->out, field, i);
}

/* The type's field is in MiB. Upstream passes "512m" as 536870912; drover converts a size with unit. */
void conv_memory_mb(struct compose_build *b, const char *field, const struct ynode *v) {
        int64_t i;
        if (compose_int(v, &i) == 0) {
                if (i)
                        json_set_int(b->out, field, i);
        } else if (compose_size(v, &i) == 0) {
                json_set_int(b->out, field, i >> 20);
        } else {
                compose_error(b->c, v, "invalid size: '%.100s'", v->text);
        }
}

void conv_seconds(struct compose_build *b, const char *field, const struct ynode *v) {
        int64_t i;
        if (compose_duration(v, &i) < 0)
                compose_error(b->c, v, strspn(v->text, "0123456789.") == strlen(v->text) && *v->text ? "time: missing unit in duration \"%.100s\""
                                                                                                     : "time: invalid duration \"%.100s\"", v->text);
        else if (i)
                json_set_int(b->out, field, i);
}

static void add_strings(struct json_object *list, const struct ynode *v) {
        for (size_t i = 0; i < v->seq.n; i++)
                if (ynode_is_scalar(v->seq.v[i]))
                        json_object_array_add(list, json_object_new_string(v->seq.v[i]->text));
}

void conv_list(struct compose_build *b, const char *field, const struct ynode *v) {
        if (v->kind == YNODE_MAP) {             /* extra_hosts: upstream's check takes a map, its type fails; drover: host:address */
                struct json_object *list = json_object_new_array();
                for (size_t i = 0; i < v->map.n; i++) {
                        auto_free char *s = dr_xasprintf("%s:%s", v->map.v[i].key->text, v->map.v[i].value->text);
                        json_object_array_add(list, json_object_new_string(s));
                }
                json_set(b->out, field, list);
        } else if (v->kind == YNODE_SEQ && v->seq.n) {
                struct json_object *list = json_object_new_array();
                add_strings(list, v);
                json_set(b->out, field, list);
        }
}

void conv_dict(struct compose_build *b, const char *field, const struct ynode *v) {
        if (v->kind != YNODE_MAP || !v->map.n)
                return;
        struct json_object *o = json_object_new_object();
        for (size_t i = 0; i < v->map.n; i++)
                json_set_str(o, v->map.v[i].key->text, v->map.v[i].value->text);
        json_set(b->out, field, o);
}

void conv_image(struct compose_build *b, const char *field, const struct ynode *v) {
        if (!*v->text)
                return;
        auto_free char *uuid = dr_xasprintf("%s%s", str_starts(v->text, "docker:") ? "" : "docker:", v->text);
        json_set_str(b->out, field, uuid);
}

static bool is_remote(const char *context) {
        static const char *const prefixes[] = { "http://", "https://", "git://", "git@", "github.com/" };
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
                if (str_starts(context, prefixes[i]))
                        return true;
        return false;
}

void conv_build(struct compose_build *b, const char *field, const struct ynode *v) {
        const struct ynode *context = ynode_get(v, "context"), *dockerfile = ynode_get(v, "dockerfile");
        if (!context || !ynode_is_scalar(context) || !is_remote(context->text)) {
                compose_error(b->c, context ? context : v, "Service '%s' is to be built from a local folder, which is not supported: build the image "
                              "first and name it with 'image'", b->service);
                return;
        }
        struct json_object *build = json_object_new_object();
        json_set_str(build, "remote", context->text);
        if (dockerfile && ynode_is_scalar(dockerfile) && *dockerfile->text)
                json_set_str(build, "dockerfile", dockerfile->text);
        json_set(b->out, field, build);
        if (ynode_get(b->svc, "image"))
                return;
        /* A name of its own for each source: the same source keeps it. */
        uint64_t h = UINT64_C(0xcbf29ce484222325);
        for (const char *p = context->text; *p; p++)
                h = (h ^ (unsigned char) *p) * UINT64_C(0x100000001b3);
        auto_free char *uuid = dr_xasprintf("docker:%s_%s_%016llx", str_or(b->c->env->stack, "stack"), b->service, (unsigned long long) h);
        json_set_str(b->out, "imageUuid", uuid);
}

void conv_network(struct compose_build *b, const char *field, const struct ynode *v) {
        if (str_starts(v->text, "container:")) {
                json_set_str(b->out, field, "container");
                json_set_str(b->out, "networkLaunchConfig", v->text + 10);
        } else if (*v->text) {
                json_set_str(b->out, field, v->text);
        }
}

void conv_logging(struct compose_build *b, const char *field, const struct ynode *v) {
        const struct ynode *driver = ynode_get(v, "driver"), *options = ynode_get(v, "options");
        struct json_object *log = json_get_object(b->out, field);
        if (driver && ynode_is_scalar(driver) && *driver->text)
                json_set_str(log, "driver", driver->text);
        if (!options || options->kind != YNODE_MAP || !options->map.n)
                return;
        struct json_object *config = json_object_new_object();
        for (size_t i = 0; i < options->map.n; i++) {
                const struct ynode *o = options->map.v[i].value;
                char buf[64];
                const char *text;
                if (!ynode_is_scalar(o)) {
                        bad_value(b, o, "a map of strings");
                        continue;
                }
                ynode_scalar_text(o, buf, sizeof buf, &text);
                json_set_str(config, options->map.v[i].key->text, text);
        }
        json_set(log, "config", config);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *) a, *(const char *const *) b); }

/* Anonymous ones first, sorted; then the rest as written. An empty source leaves the anonymous path. */
void conv_volumes(struct compose_build *b, const char *field, const struct ynode *v) {
        VEC(const char *) anonymous = { 0 };
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < v->seq.n; i++) {
                const char *s = v->seq.v[i]->text;
                if (*s == ':')
                        s++;
                if (!strchr(s, ':') && *s)
                        vec_push(&anonymous, s);
        }
        vec_sort(&anonymous, by_text);
        for (size_t i = 0; i < anonymous.n; i++)
                json_object_array_add(list, json_object_new_string(anonymous.v[i]));
        vec_done(&anonymous);
        for (size_t i = 0; i < v->seq.n; i++) {
                const char *s = v->seq.v[i]->text;
                if (strchr(*s == ':' ? s + 1 : s, ':'))
                        json_object_array_add(list, json_object_new_string(s));
        }
        json_set(b->out, field, list);
}

void conv_tmpfs(struct compose_build *b, const char *field, const struct ynode *v) {
        struct json_object *o = json_object_new_object();
        for (size_t i = 0; v->kind == YNODE_SEQ && i < v->seq.n; i++) {
                const char *s = v->seq.v[i]->text, *colon = strchr(s, ':');
                auto_free char *path = dr_xstrndup(s, colon ? (size_t) (colon - s) : strlen(s));
                json_set_str(o, path, colon ? colon + 1 : "");
        }
        json_set(b->out, field, o);
}

void conv_devices(struct compose_build *b, const char *field, const struct ynode *v) {
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < v->seq.n; i++) {
                const char *s = v->seq.v[i]->text, *c1 = strchr(s, ':'), *c2 = c1 ? strchr(c1 + 1, ':') : NULL;
                if (!*s || (c2 && strchr(c2 + 1, ':'))) {
                        compose_error(b->c, v->seq.v[i], "invalid device specification: %.200s", s);
                        continue;
                }
                auto_free char *full = c2 ? dr_xstrdup(s) : c1 ? dr_xasprintf("%s:rwm", s) : dr_xasprintf("%s:%s:rwm", s, s);
                json_object_array_add(list, json_object_new_string(full));
        }
        if (v->seq.n)
                json_set(b->out, field, list);
        else
                json_free(list);
}

static int by_key_text(const void *a, const void *b) {
        return strcmp(((const struct ypair *) a)->key->text, ((const struct ypair *) b)->key->text);
}

void conv_ulimits(struct compose_build *b, const char *field, const struct ynode *v) {
        if (!v->map.n)
                return;
        qsort(v->map.v, v->map.n, sizeof *v->map.v, by_key_text);
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < v->map.n; i++) {
                const struct ynode *u = v->map.v[i].value;
                const struct ynode *soft = u->kind == YNODE_MAP ? ynode_get(u, "soft") : u, *hard = u->kind == YNODE_MAP ? ynode_get(u, "hard") : u;
                struct json_object *o = json_object_new_object();
                json_set_str(o, "name", v->map.v[i].key->text);
                json_set_int(o, "soft", soft->i);
                json_set_int(o, "hard", hard->i);
                json_object_array_add(list, o);
        }
        json_set(b->out, field, list);
}

static void add_rate(struct compose_build *b, const char *field, const struct ynode *at, const char *path, const char *rate) {
        uint64_t v;
        if (!*path || parse_u64(rate, INT64_MAX, &v) < 0) {
                compose_error(b->c, at, "Service '%s' configuration key '%s' contains '%.60s:%.60s', it should be a device path and a number", b->service,
                              b->key, path, rate);
                return;
        }
        struct json_object *options = json_get_object(b->out, "blkioDeviceOptions");
        if (!options) {
                options = json_object_new_object();
                json_set(b->out, "blkioDeviceOptions", options);
        }
        struct json_object *device = json_get_object(options, path);
        if (!device) {
                device = json_object_new_object();
                json_set(options, path, device);
        }
        json_set_int(device, field, (int64_t) v);
}

void conv_rates(struct compose_build *b, const char *field, const struct ynode *v) {
        for (size_t i = 0; v->kind == YNODE_MAP && i < v->map.n; i++)
                add_rate(b, field, v->map.v[i].value, v->map.v[i].key->text, v->map.v[i].value->text);
        for (size_t i = 0; v->kind == YNODE_SEQ && i < v->seq.n; i++) {
                const char *s = v->seq.v[i]->text, *colon = strrchr(s, ':');
                auto_free char *path = dr_xstrndup(s, colon ? (size_t) (colon - s) : strlen(s));
                add_rate(b, field, v->seq.v[i], path, colon ? colon + 1 : "");
        }
}

/* YAML integers are rendered in octal; text is read as octal. */
static void secret_mode(struct compose_build *b, struct json_object *o, const struct ynode *v) {
        int64_t mode = -1;
        if (v->kind == YNODE_INT) {
                mode = v->i;
        } else if (v->kind == YNODE_STRING && *v->text && strspn(v->text, "01234567") == strlen(v->text) && strlen(v->text) <= 6) {
                mode = 0;
                for (const char *p = v->text; *p; p++)
                        mode = mode * 8 + (*p - '0');
        }
        if (mode < 0 || mode > 0777) {
                bad_value(b, v, "a file mode of 0 to 0777");
                return;
        }
        char text[8];
        snprintf(text, sizeof text, "%o", (unsigned) mode);
        json_set_str(o, "mode", text);
}

/* "source" is a name until compose_service_body() makes it secretId. drover: a sidekick has its own list; upstream gives it the primary's. */
void conv_secrets(struct compose_build *b, const char *field, const struct ynode *v) {
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < v->seq.n; i++) {
                static const struct { const char *key, *field; } rows[] = { { "source", "source" }, { "target", "name" }, { "uid", "uid" }, { "gid", "gid" } };
                const struct ynode *s = v->seq.v[i];
                struct json_object *o = json_object_new_object();
                json_object_array_add(list, o);
                if (s->kind == YNODE_STRING) {
                        json_set_str(o, "source", s->text);
                        json_set_str(o, "name", s->text);
                        continue;
                }
                for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
                        const struct ynode *f = ynode_get(s, rows[k].key);
                        if (f && *f->text)
                                json_set_str(o, rows[k].field, f->text);
                }
                const struct ynode *mode = ynode_get(s, "mode");
                if (mode && mode->kind != YNODE_NULL)
                        secret_mode(b, o, mode);
                if (!json_has(o, "source"))
                        bad_value(b, s, "an object with the key source");
        }
        json_set(b->out, field, list);
}

static const struct compose_field quorum_fields[] = { { "quorum", "quorum", FIELD_INT }, { 0 } };
const struct compose_field compose_health_fields[] = {
        { "name", "name", FIELD_STRING }, { "port", "port", FIELD_INT }, { "request_line", "requestLine", FIELD_STRING },
        { "interval", "interval", FIELD_INT }, { "response_timeout", "responseTimeout", FIELD_INT },
        { "healthy_threshold", "healthyThreshold", FIELD_INT }, { "unhealthy_threshold", "unhealthyThreshold", FIELD_INT },
        { "initializing_timeout", "initializingTimeout", FIELD_INT }, { "reinitializing_timeout", "reinitializingTimeout", FIELD_INT },
        { "strategy", "strategy", FIELD_STRING },
        { "recreate_on_quorum_strategy_config", "recreateOnQuorumStrategyConfig", FIELD_OBJECT, quorum_fields }, { 0 },
};

void conv_health(struct compose_build *b, const char *field, const struct ynode *v) {
        json_set(b->out, field, compose_object(b, compose_health_fields, v));
}

void conv_kind(struct compose_build *b, const char *field, const struct ynode *v) {
        if (str_ieq(v->text, "virtualMachine") || str_ieq(v->text, "virtual_machine"))
                json_set_str(b->out, field, "virtualMachine");
        else
                conv_string(b, field, v);
}

const struct compose_field compose_disk_fields[] = {
        { "driver", "driver", FIELD_STRING }, { "name", "name", FIELD_STRING }, { "opts", "opts", FIELD_ANY },
        { "read_iops", "readIops", FIELD_INT }, { "root", "root", FIELD_BOOL }, { "size", "size", FIELD_STRING },
        { "write_iops", "writeIops", FIELD_INT }, { 0 },
};

void conv_disks(struct compose_build *b, const char *field, const struct ynode *v) {
        if (v->seq.n)
                json_set(b->out, field, compose_objects(b, compose_disk_fields, v));
}

struct json_object *compose_launch_config(struct compose *c, const char *name, const struct ynode *svc) {
        struct compose_build b = { .c = c, .service = name, .svc = svc, .out = json_object_new_object() };
        json_set_str(b.out, "networkMode", "managed");
        json_set(b.out, "labels", json_object_new_object());
        json_set(b.out, "logConfig", json_object_new_object());
        size_t n;
        const struct compose_key *keys = compose_keys(&n);
        for (size_t i = 0; i < n; i++) {
                const struct ynode *v = ynode_get(svc, keys[i].name);
                if (!v || !keys[i].convert)
                        continue;
                b.key = keys[i].name;
                keys[i].convert(&b, keys[i].field, v);
        }
        return b.out;
}
