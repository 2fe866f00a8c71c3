/* One service: interpolation, fix-ups, checks (compose.md 1, steps 5 to 8), then v2 form, extends, env_file (9, 10) and merging (11). */
#include "compose-internal.h"

#include "base/sbuf.h"
#include "json.h"

#include <ctype.h>

enum { EXTENDS_DEPTH_MAX = 8, ENV_FILE_BYTES_MAX = 1 << 20, FILE_BYTES_PER_WORK = 8, SERVICE_KEYS_MAX = 1000 };

static struct ynode *str(struct compose *c, const char *s, const struct ynode *at) { return ynode_string(c->arena, s, at); }

/* Fix-up 1: scalars to text, null stays. */
static struct ynode *to_text(struct compose *c, struct ynode *n) {
        if (n->kind == YNODE_SEQ) {
                for (size_t i = 0; i < n->seq.n; i++)
                        n->seq.v[i] = to_text(c, n->seq.v[i]);
        } else if (n->kind == YNODE_MAP) {
                for (size_t i = 0; i < n->map.n; i++)
                        n->map.v[i].value = to_text(c, n->map.v[i].value);
        } else if (n->kind != YNODE_NULL && n->kind != YNODE_STRING) {
                char buf[64];
                const char *text;
                ynode_scalar_text(n, buf, sizeof buf, &text);
                return str(c, text, n);
        }
        return n;
}

/* Fix-up 2: decimal integers in strings to integers. */
static struct ynode *to_numbers(struct compose *c, struct ynode *n) {
        if (n->kind == YNODE_SEQ) {
                for (size_t i = 0; i < n->seq.n; i++)
                        n->seq.v[i] = to_numbers(c, n->seq.v[i]);
        } else if (n->kind == YNODE_MAP) {
                for (size_t i = 0; i < n->map.n; i++)
                        n->map.v[i].value = to_numbers(c, n->map.v[i].value);
        } else if (n->kind == YNODE_STRING) {
                int64_t v;
                if (*n->text && compose_int(n, &v) == 0) {
                        struct ynode *i = str(c, n->text, n);
                        i->kind = YNODE_INT;
                        i->i = v;
                        return i;
                }
        }
        return n;
}

static void fix_up(struct compose *c, struct ynode *svc) {
        static const char *const texts[] = { "environment", "labels" };
        static const char *const numbers[] = { "lb_config", "load_balancer_config", "certs", "disks", "external_ips", "health_check", "scale_policy",
                                               "upgrade_strategy", "storage_driver", "network_driver" };
        for (size_t i = 0; i < svc->map.n; i++) {
                struct ypair *p = &svc->map.v[i];
                bool nested = !ynode_is_scalar(p->value);
                for (size_t k = 0; nested && k < ARRAY_LEN(texts); k++)
                        if (str_eq(texts[k], p->key->text))
                                p->value = to_text(c, p->value);
                for (size_t k = 0; nested && k < ARRAY_LEN(numbers); k++)
                        if (str_eq(numbers[k], p->key->text))
                                p->value = to_numbers(c, p->value);
        }
}

/* Long forms of the Compose specification in their short ones. */

static struct ynode *short_port(struct compose *c, struct ynode *v) {
        const struct ynode *target = ynode_get(v, "target"), *published = ynode_get(v, "published"), *protocol = ynode_get(v, "protocol"),
                           *ip = ynode_get(v, "host_ip");
        if (!target || !ynode_is_scalar(target))
                return v;
        auto_free char *s = dr_xasprintf("%s%s%s%s%s%s%s", ip ? ip->text : "", ip ? ":" : "", published ? published->text : "", published || ip ? ":" : "",
                                         target->text, protocol ? "/" : "", protocol ? protocol->text : "");
        return str(c, s, v);
}

static struct ynode *short_volume(struct compose *c, struct ynode *v) {
        const struct ynode *source = ynode_get(v, "source"), *target = ynode_get(v, "target"), *ro = ynode_get(v, "read_only");
        if (!target || !ynode_is_scalar(target) || (source && !ynode_is_scalar(source)))
                return v;
        auto_free char *s = dr_xasprintf("%s%s%s%s", source ? source->text : "", source ? ":" : "", target->text,
                                         source && ro && ro->kind == YNODE_BOOL && ro->b ? ":ro" : "");
        return str(c, s, v);
}

static void short_forms(struct compose *c, struct ynode *svc) {
        static const struct { const char *key; struct ynode *(*shorten)(struct compose *c, struct ynode *v); } rows[] = {
                { "ports", short_port }, { "volumes", short_volume },
        };
        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
                struct ynode *list = ynode_get(svc, rows[k].key);
                for (size_t i = 0; list && list->kind == YNODE_SEQ && i < list->seq.n; i++)
                        if (list->seq.v[i]->kind == YNODE_MAP)
                                list->seq.v[i] = rows[k].shorten(c, list->seq.v[i]);
        }
        struct ynode *depends = ynode_get(svc, "depends_on");
        if (depends && depends->kind == YNODE_MAP) {
                struct ynode *list = ynode_new(c->arena, YNODE_SEQ, depends);
                for (size_t i = 0; i < depends->map.n; i++)
                        ynode_push(c->arena, list, str(c, depends->map.v[i].key->text, depends->map.v[i].key));
                ynode_set(c->arena, svc, ynode_key(svc, "depends_on"), list);
        }
}

/* To v2 form */

static struct ynode *words(struct compose *c, const char *name, const char *key, struct ynode *v) {
        if (v->kind != YNODE_STRING)
                return v;
        AUTO(json_free) struct json_object *list = NULL;
        const char *why = NULL;
        struct ynode *seq = ynode_new(c->arena, YNODE_SEQ, v);
        if (!*v->text) {
                compose_error(c, v, "Service '%s' configuration key '%s' is empty, it should be a string or array", name, key);
                return seq;
        }
        if (compose_shell_split(v->text, &list, &why) < 0) {
                compose_error(c, v, "%s", why);
                return seq;
        }
        for (size_t i = 0; i < json_object_array_length(list); i++)
                ynode_push(c->arena, seq, str(c, json_object_get_string(json_object_array_get_idx(list, i)), v));
        return seq;
}

/* Lists "K=V" and maps to a map of strings. env: entries without value are looked up, and dropped when unset. */
static struct ynode *dict(struct compose *c, struct ynode *v, bool env) {
        struct map_builder m = { .c = c, .map = ynode_new(c->arena, YNODE_MAP, v) };
        for (size_t i = 0; v->kind == YNODE_SEQ && i < v->seq.n; i++) {
                const struct ynode *item = v->seq.v[i];
                const char *eq = strchr(item->text, '=');
                auto_free char *key = dr_xstrndup(item->text, eq ? (size_t) (eq - item->text) : strlen(item->text));
                const char *value = eq ? eq + 1 : env ? compose_lookup(c, key) : "";
                if (value)
                        map_builder_put(&m, str(c, key, item), str(c, value, item));
        }
        for (size_t i = 0; v->kind == YNODE_MAP && i < v->map.n; i++) {
                struct ynode *key = v->map.v[i].key, *value = v->map.v[i].value;
                if (value->kind == YNODE_NULL && !env) {
                        compose_error(c, key, "Cannot unmarshal '<nil>' of type <nil> into a string value");
                        continue;
                }
                const char *text = value->kind == YNODE_NULL ? compose_lookup(c, key->text) : NULL;
                if (value->kind != YNODE_NULL)
                        map_builder_put(&m, key, to_text(c, value));
                else if (text)
                        map_builder_put(&m, key, str(c, text, key));
        }
        map_builder_done(&m);
        return m.map;
}

static struct ynode *as_list(struct compose *c, struct ynode *v) {
        if (v->kind != YNODE_STRING)
                return v;
        struct ynode *seq = ynode_new(c->arena, YNODE_SEQ, v);
        ynode_push(c->arena, seq, v);
        return seq;
}

static void move_key(struct compose *c, struct ynode *svc, const char *from, const char *to, const char *inside) {
        struct ynode *v = ynode_get(svc, from);
        if (!v)
                return;
        struct ynode *key = ynode_key(svc, from), *value = v;
        if (inside) {
                struct ynode *old = ynode_get(svc, to);
                value = old && old->kind == YNODE_MAP ? old : ynode_new(c->arena, YNODE_MAP, key);
                ynode_set(c->arena, value, str(c, inside, key), v);
        }
        if (!str_eq(from, to))
                ynode_unset(svc, from);
        ynode_set(c->arena, svc, str(c, to, key), value);
}

static void v2_names(struct compose *c, struct ynode *svc) {
        struct ynode *build = ynode_get(svc, "build");
        if (build && build->kind == YNODE_STRING)
                move_key(c, svc, "build", "build", "context");
        move_key(c, svc, "dockerfile", "build", "dockerfile");
        move_key(c, svc, "log_driver", "logging", "driver");
        move_key(c, svc, "log_opt", "logging", "options");
        move_key(c, svc, "net", "network_mode", NULL);
}

static int read_named_file(struct compose *c, const struct ynode *at, const char *path, char **ret, size_t *ret_len) {
        struct dr_error err = { .message = "files are not read here" };
        int r = c->env->read_file ? c->env->read_file(c->env->ctx, compose_file(c, at), path, ret, ret_len, &err) : -EACCES;
        if (r >= 0 && *ret_len > ENV_FILE_BYTES_MAX) {
                free(dr_take(*ret));
                r = dr_fail(&err, DR_E_TOO_LARGE, NULL, "it is longer than %d bytes", ENV_FILE_BYTES_MAX);
        }
        if (r < 0)
                compose_error(c, at, "could not read file \"%.200s\": %s", path, err.message);
        else if (!compose_spend(c, *ret_len / FILE_BYTES_PER_WORK + 1, at)) {
                free(dr_take(*ret));
                r = -EFBIG;
        }
        return r;
}

/* A file's name as seen from where the document that names it stands. The caller frees. */
static char *beside(const char *doc, const char *path) {
        const char *slash = strrchr(doc, '/');
        return slash && *path != '/' ? dr_xasprintf("%.*s/%s", (int) (slash - doc), doc, path) : dr_xstrdup(path);
}

/* Lines trimmed; empty ones and comments skipped. Earlier values stay: files are read last first, under the service's own environment. */
static void env_file_lines(struct compose *c, struct map_builder *m, const struct ynode *at, const char *text, size_t len) {
        for (const char *p = text, *end = text + len; p < end;) {
                const char *nl = memchr(p, '\n', (size_t) (end - p)), *q = nl ? nl : end, *next = nl ? nl + 1 : end;
                while (p < q && isspace((unsigned char) *p))
                        p++;
                while (q > p && isspace((unsigned char) q[-1]))
                        q--;
                if (p < q && *p != '#' && !memchr(p, 0, (size_t) (q - p))) {
                        const char *eq = memchr(p, '=', (size_t) (q - p));
                        auto_free char *key = dr_xstrndup(p, (size_t) ((eq ? eq : q) - p));
                        auto_free char *given = eq ? dr_xstrndup(eq + 1, (size_t) (q - eq - 1)) : NULL;
                        const char *value = given ? given : compose_lookup(c, key);
                        if (value)
                                map_builder_put(m, str(c, key, at), str(c, value, at));
                }
                p = next;
        }
}

static void read_env_files(struct compose *c, struct ynode *svc) {
        struct ynode *files = ynode_get(svc, "env_file"), *own = ynode_get(svc, "environment");
        if (!files)
                return;
        struct map_builder m = { .c = c, .map = ynode_new(c->arena, YNODE_MAP, files) };
        files = as_list(c, files);
        for (size_t i = 0; i < files->seq.n; i++) {
                auto_free char *text = NULL;
                size_t len = 0;
                if (read_named_file(c, files->seq.v[i], files->seq.v[i]->text, &text, &len) >= 0)
                        env_file_lines(c, &m, files->seq.v[i], text, len);
        }
        for (size_t i = 0; own && i < own->map.n; i++)
                map_builder_put(&m, own->map.v[i].key, own->map.v[i].value);
        map_builder_done(&m);
        ynode_set(c->arena, svc, str(c, "environment", files), m.map);
        ynode_unset(svc, "env_file");
}

static struct ynode *base_service(struct compose *c, const struct compose_input *in, struct ynode *extends, const char *name, unsigned depth) {
        const struct ynode *file = ynode_get(extends, "file");
        struct compose_input other;
        if (file && file->kind == YNODE_STRING) {
                auto_free char *text = NULL;
                size_t len = 0;
                if (read_named_file(c, file, file->text, &text, &len) < 0)
                        return NULL;
                if (c->names.n == UINT16_MAX)
                        return NULL;
                vec_push(&c->names, beside(compose_file(c, file), file->text));
                struct yaml_options o = { .size_max = COMPOSE_TEXT_MAX, .file = (uint16_t) (c->names.n - 1), .duplicate_keys = true };
                struct ynode *root = NULL;
                struct dr_error err;
                if (!compose_spend(c, len / 2, file))
                        return NULL;
                if (yaml_parse(c->arena, text, len, &o, &root, &err) < 0) {
                        compose_error(c, file, "error parsing yaml, please check: %.100s: %s", file->text, err.message);
                        return NULL;
                }
                if (compose_open(c, root, &other) < 0)
                        return NULL;
                in = &other;
        }
        const struct ynode *raw = ynode_get(in->services, name);
        if (!raw) {
                compose_error(c, extends, "Failed to find service %s to extend", name);
                return NULL;
        }
        return compose_prepare(c, in, name, raw, depth + 1);
}

static struct ynode *extend(struct compose *c, const struct compose_input *in, const char *name, struct ynode *svc, unsigned depth) {
        static const char *const forbidden[] = { "links", "volumes_from" };
        struct ynode *extends = ynode_get(svc, "extends");
        if (!extends)
                return svc;
        const struct ynode *service = ynode_get(extends, "service"), *file = ynode_get(extends, "file");
        ynode_unset(svc, "extends");
        if (extends->kind != YNODE_MAP)
                return svc;             /* the string form is accepted and ignored upstream */
        if (!service || service->kind != YNODE_STRING) {
                compose_error(c, extends, "Service '%s' configuration key 'extends' needs the key 'service'", name);
                return svc;
        }
        if (depth >= EXTENDS_DEPTH_MAX) {
                compose_error(c, extends, "Service '%s' is extended in a circle or more than %d times", name, EXTENDS_DEPTH_MAX);
                return svc;
        }
        struct ynode *base = base_service(c, in, extends, service->text, depth);
        if (!base)
                return svc;
        for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
                if (ynode_get(base, forbidden[i])) {
                        compose_error(c, extends, "Cannot extend service '%s' in %s: services with '%s' cannot be extended", service->text,
                                      file ? file->text : "", forbidden[i]);
                        return svc;
                }
        compose_merge(c, base, svc);
        return base;
}

struct ynode *compose_normalise(struct compose *c, const struct compose_input *in, const char *name, struct ynode *svc, unsigned depth) {
        v2_names(c, svc);
        for (size_t i = 0; i < svc->map.n; i++) {
                struct ypair *p = &svc->map.v[i];
                const struct compose_key *row = compose_key_find(p->key->text);
                if (!row)
                        continue;
                if (row->type == KEY_COMMAND)
                        p->value = words(c, name, row->name, p->value);
                else if (row->type == KEY_STRINGS)
                        p->value = as_list(c, p->value);
                else if (row->type == KEY_DICT && !str_eq(row->name, "extra_hosts"))
                        p->value = dict(c, p->value, str_eq(row->name, "environment"));
        }
        read_env_files(c, svc);
        return extend(c, in, name, svc, depth);
}

struct ynode *compose_prepare(struct compose *c, const struct compose_input *in, const char *name, const struct ynode *raw, unsigned depth) {
        size_t errors = c->errors;
        struct ynode *svc = ynode_new(c->arena, YNODE_MAP, raw);
        if (raw->kind != YNODE_MAP && raw->kind != YNODE_NULL) {
                compose_error(c, raw, "Service '%s' must be a map of keys, found a %s", name, ynode_kind_to_string(raw->kind));
                return NULL;
        }
        if (raw->kind == YNODE_MAP && raw->map.n > SERVICE_KEYS_MAX) {
                compose_error(c, raw, "Service '%s' has more than %d keys", name, SERVICE_KEYS_MAX);
                return NULL;
        }
        for (size_t i = 0; raw->kind == YNODE_MAP && i < raw->map.n; i++)
                ynode_set(c->arena, svc, raw->map.v[i].key, compose_interpolate(c, raw->map.v[i].value, raw->map.v[i].key->text));
        fix_up(c, svc);
        if (in->spec)
                short_forms(c, svc);
        compose_check_service(c, in, name, svc);
        if (c->errors > errors)
                return NULL;
        for (size_t i = 0; i < svc->map.n;) {           /* what was warned about */
                const struct compose_key *row = compose_key_find(svc->map.v[i].key->text);
                if (!row)
                        ynode_unset(svc, svc->map.v[i].key->text);
                else
                        i++;
        }
        if (in->version == 1)
                ynode_unset(svc, "mem_reservation");    /* known to v1's check, absent from its type */
        svc = compose_normalise(c, in, name, svc, depth);
        return c->errors > errors ? NULL : svc;
}

/* Merging */

static struct ynode *joined(struct compose *c, const struct ynode *a, const struct ynode *b) {
        struct ynode *list = ynode_new(c->arena, YNODE_SEQ, a);
        struct smap seen = { 0 };
        if (compose_spend(c, a->seq.n + b->seq.n, b)) {
                for (size_t i = 0; i < a->seq.n + b->seq.n; i++) {
                        struct ynode *item = i < a->seq.n ? a->seq.v[i] : b->seq.v[i - a->seq.n];
                        if (ynode_is_scalar(item) && smap_set(&seen, item->text, item))
                                continue;       /* drover: each item once; upstream keeps duplicates */
                        ynode_push(c->arena, list, item);
                }
        }
        smap_done(&seen);
        return list;
}

static struct ynode *overlaid(struct compose *c, const struct ynode *a, const struct ynode *b) {
        struct map_builder m = { .c = c, .map = ynode_new(c->arena, YNODE_MAP, a) };
        if (compose_spend(c, a->map.n + b->map.n, b)) {
                for (size_t i = 0; i < a->map.n; i++)
                        map_builder_put(&m, a->map.v[i].key, a->map.v[i].value);
                for (size_t i = 0; i < b->map.n; i++)
                        map_builder_put(&m, b->map.v[i].key, b->map.v[i].value);
        }
        map_builder_done(&m);
        return m.map;
}

void compose_merge(struct compose *c, struct ynode *into, const struct ynode *from) {
        for (size_t i = 0; i < from->map.n; i++) {
                struct ynode *key = from->map.v[i].key, *value = from->map.v[i].value, *old = ynode_get(into, key->text);
                const struct compose_key *row = compose_key_find(key->text);
                bool replace = !row || row->type == KEY_COMMAND || str_eq(row->name, "lb_config");
                if (old && !replace && old->kind == YNODE_SEQ && value->kind == YNODE_SEQ)
                        value = joined(c, old, value);
                else if (old && !replace && old->kind == YNODE_MAP && value->kind == YNODE_MAP)
                        value = overlaid(c, old, value);
                ynode_set(c->arena, into, key, value);
                if (str_eq(key->text, "image") && !ynode_get(from, "build"))
                        ynode_unset(into, "build");
                if (str_eq(key->text, "build") && !ynode_get(from, "image"))
                        ynode_unset(into, "image");
        }
}
