#include "compose-internal.h"

#include "base/sbuf.h"
#include "json.h"

#include <ctype.h>
#include <stdio.h>

static void add_message(struct compose *c, bool warning, const struct ynode *at, const char *fmt, va_list ap) {
        if (!warning)
                c->errors++;
        if (c->messages.n >= COMPOSE_MESSAGES_MAX)
                return;
        struct compose_message m = { .warning = warning, .file = compose_file(c, at) };
        if (at) {
                m.line = compose_line(c, at);
                m.column = at->column;
        }
        char *text = NULL;
        if (vasprintf(&text, fmt, ap) < 0)
                abort();
        m.text = text;
        vec_push(&c->messages, m);
}

void compose_error(struct compose *c, const struct ynode *at, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        add_message(c, false, at, fmt, ap);
        va_end(ap);
}

void compose_warn(struct compose *c, const struct ynode *at, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        add_message(c, true, at, fmt, ap);
        va_end(ap);
}

void compose_suggest(struct compose *c, const char *suggestion) {
        if (!c->messages.n || c->messages.n >= COMPOSE_MESSAGES_MAX || c->messages.v[c->messages.n - 1].suggestion)
                return;
        c->messages.v[c->messages.n - 1].suggestion = dr_xstrdup(suggestion);
}

const char *compose_file(const struct compose *c, const struct ynode *at) {
        return at && at->file < c->names.n ? c->names.v[at->file] : "";
}

bool compose_spend(struct compose *c, size_t n, const struct ynode *at) {
        if (c->work > COMPOSE_WORK_MAX)
                return false;
        c->work += n;
        if (c->work <= COMPOSE_WORK_MAX)
                return true;
        compose_error(c, at, "the documents are too large: more than %d values once extended and merged", COMPOSE_WORK_MAX);
        return false;
}

void map_builder_put(struct map_builder *m, struct ynode *key, struct ynode *value) {
        size_t at = (size_t) smap_get(&m->seen, key->text);
        if (at) {
                m->map->map.v[at - 1] = (struct ypair) { key, value };
                return;
        }
        struct ynode *map = m->map;
        if (map->map.n == map->map.cap) {
                size_t cap = map->map.cap ? map->map.cap * 2 : 4;
                struct ypair *v = yarena_alloc(m->c->arena, cap * sizeof *v);
                if (map->map.n)
                        memcpy(v, map->map.v, map->map.n * sizeof *v);
                map->map.v = v;
                map->map.cap = cap;
        }
        map->map.v[map->map.n++] = (struct ypair) { key, value };
        smap_set(&m->seen, key->text, (void *) map->map.n);
}

void map_builder_done(struct map_builder *m) { smap_done(&m->seen); }

/* Version and sections */

static const char *const section_names[] = { "load_balancers", "storage_drivers", "network_drivers", "virtual_machines", "external_services", "aliases" };

static bool known_top_level(const char *key) {
        static const char *const quiet[] = { "version", "services", "volumes", "networks", "secrets", "hosts", "catalog", ".catalog" };
        for (size_t i = 0; i < ARRAY_LEN(quiet); i++)
                if (str_eq(key, quiet[i]))
                        return true;
        for (size_t i = 0; i < ARRAY_LEN(section_names); i++)
                if (str_eq(key, section_names[i]))
                        return true;
        return str_starts(key, "x-");
}

/* Keys of driver or balancer sections that belong into a nested map. */
static void fold_keys(struct compose *c, struct ynode *svc, const char *into, const char *const *keys, bool move) {
        struct ynode *nested = ynode_new(c->arena, YNODE_MAP, svc);
        struct ynode *old = ynode_get(svc, into);
        if (old && old->kind == YNODE_MAP)
                for (size_t i = 0; i < old->map.n; i++)
                        ynode_set(c->arena, nested, old->map.v[i].key, old->map.v[i].value);
        for (; *keys; keys++) {
                struct ynode *v = ynode_get(svc, *keys);
                if (!v)
                        continue;
                ynode_set(c->arena, nested, ynode_key(svc, *keys), v);
                if (move)
                        ynode_unset(svc, *keys);
        }
        if (nested->map.n)
                ynode_set(c->arena, svc, ynode_string(c->arena, into, svc), nested);
}

static void fold_service(struct compose *c, const char *section, struct ynode *svc) {
        static const char *const lb[] = { "certs", "default_cert", "port_rules", "config", "stickiness_policy", NULL };
        static const char *const storage[] = { "name", "scope", "volume_access_mode", "description", "block_device_path", "volume_capabilities", NULL };
        static const char *const network[] = { "name", "default_network", "cni_config", "network_metadata", NULL };
        const char *image = NULL;
        if (str_eq(section, "load_balancers")) {
                fold_keys(c, svc, "lb_config", lb, false);
        } else if (str_eq(section, "storage_drivers")) {        /* drover: moved, so that they pass the check of service keys */
                fold_keys(c, svc, "storage_driver", storage, true);
        } else if (str_eq(section, "network_drivers")) {
                fold_keys(c, svc, "network_driver", network, true);
        } else if (str_eq(section, "external_services")) {
                image = "rancher/external-service";
        } else if (str_eq(section, "aliases")) {
                image = "rancher/dns-service";
                struct ynode *services = ynode_get(svc, "services");
                if (services)
                        ynode_set(c->arena, svc, ynode_string(c->arena, "links", ynode_key(svc, "services")), services);
                ynode_unset(svc, "services");
        }
        if (image)
                ynode_set(c->arena, svc, ynode_string(c->arena, "image", svc), ynode_string(c->arena, image, svc));
}

static struct ynode *shallow_copy(struct compose *c, const struct ynode *map) {
        struct ynode *copy = ynode_new(c->arena, YNODE_MAP, map);
        if (map->kind == YNODE_MAP && map->map.n && compose_spend(c, map->map.n, map)) {
                copy->map.v = yarena_alloc(c->arena, map->map.n * sizeof *copy->map.v);
                memcpy(copy->map.v, map->map.v, map->map.n * sizeof *copy->map.v);
                copy->map.n = copy->map.cap = map->map.n;
        }
        return copy;
}

static struct ynode *section(struct compose *c, const struct ynode *root, const char *name) {
        struct ynode *s = ynode_get(root, name);
        if (!s || s->kind == YNODE_NULL)
                return NULL;
        if (s->kind != YNODE_MAP) {
                compose_error(c, s, "top-level key '%s' must be a map, found a %s", name, ynode_kind_to_string(s->kind));
                return NULL;
        }
        return s;
}

static int open_v2(struct compose *c, const struct ynode *root, struct compose_input *in) {
        size_t errors = c->errors;
        for (size_t i = 0; i < root->map.n; i++) {
                const char *key = root->map.v[i].key->text;
                if (!known_top_level(key))
                        compose_warn(c, root->map.v[i].key, "top-level key '%s' has no effect", key);
        }
        struct ynode *services = section(c, root, "services");
        in->services = services ? shallow_copy(c, services) : ynode_new(c->arena, YNODE_MAP, root);
        ynode_unset(in->services, ".catalog");
        for (size_t i = 0; i < ARRAY_LEN(section_names); i++) {
                struct ynode *s = section(c, root, section_names[i]);
                for (size_t k = 0; s && k < s->map.n; k++) {
                        struct ynode *svc = shallow_copy(c, s->map.v[k].value);
                        fold_service(c, section_names[i], svc);
                        ynode_set(c->arena, in->services, s->map.v[k].key, svc);
                }
        }
        return c->errors > errors ? -EINVAL : 0;
}

/* "services" of a document without version: the section of a Compose specification file, not a v1 service of that name. */
static bool has_services_section(const struct ynode *root) {
        const struct ynode *s = ynode_get(root, "services");
        if (!s || s->kind != YNODE_MAP)
                return false;
        for (size_t i = 0; i < s->map.n; i++)
                if (s->map.v[i].value->kind != YNODE_MAP && s->map.v[i].value->kind != YNODE_NULL)
                        return false;
        return true;
}

int compose_open(struct compose *c, const struct ynode *root, struct compose_input *in) {
        *in = (struct compose_input) { .root = (struct ynode *) root, .version = 1 };
        if (root->kind == YNODE_NULL) {
                in->services = ynode_new(c->arena, YNODE_MAP, root);
                return 0;
        }
        if (root->kind != YNODE_MAP) {
                compose_error(c, root, "a compose document must be a map at its top level, found a %s", ynode_kind_to_string(root->kind));
                return -EINVAL;
        }
        const struct ynode *version = ynode_get(root, "version");
        if (version && ynode_is_scalar(version)) {
                bool three = str_eq(version->text, "3") || str_starts(version->text, "3.");
                if (str_eq(version->text, "2") || str_starts(version->text, "2.") || three)
                        in->version = 2;
                else if (!str_eq(version->text, "1")) {
                        compose_error(c, version, "version \"%.40s\" is not supported: versions 1, 2 and 3 are", version->text);
                        return -EINVAL;
                }
                in->spec = three;
        } else if (!version && has_services_section(root)) {
                in->version = 2;
                in->spec = true;
        }
        if (in->spec)
                compose_warn(c, version ? version : root, "a Compose specification file is read as version 2");
        if (in->version == 2)
                return open_v2(c, root, in);
        in->services = shallow_copy(c, root);
        ynode_unset(in->services, ".catalog");
        if (version && ynode_is_scalar(version))
                ynode_unset(in->services, "version");
        return 0;
}

/* Documents */

static bool valid_name(const char *s) {
        if (!*s)
                return false;
        for (; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr("._-", *s))
                        return false;
        return true;
}

static int by_key_text(const void *a, const void *b) {
        return strcmp(((const struct ypair *) a)->key->text, ((const struct ypair *) b)->key->text);
}

static void merge_section(struct compose *c, struct ynode **into, const struct ynode *from, bool interpolate) {
        if (!from)
                return;
        if (!*into)
                *into = ynode_new(c->arena, YNODE_MAP, from);
        struct map_builder m = { .c = c, .map = *into };
        for (size_t i = 0; i < (*into)->map.n; i++)
                smap_set(&m.seen, (*into)->map.v[i].key->text, (void *) (i + 1));
        for (size_t i = 0; i < from->map.n; i++) {
                struct ynode *key = from->map.v[i].key, *value = from->map.v[i].value;
                if (interpolate)
                        value = compose_interpolate(c, value, key->text);
                map_builder_put(&m, key, value);
        }
        map_builder_done(&m);
}

static void read_document(struct compose *c, const struct ynode *root) {
        struct compose_input in;
        if (compose_open(c, root, &in) < 0)
                return;
        if (in.version == 2) {
                struct ynode *networks = NULL;          /* accepted, no effect; interpolation errors count as upstream */
                merge_section(c, &networks, section(c, root, "networks"), true);
                merge_section(c, &c->volumes, section(c, root, "volumes"), true);
                merge_section(c, &c->secrets, section(c, root, "secrets"), false);
                merge_section(c, &c->hosts, section(c, root, "hosts"), false);
        }
        if (in.services->map.n > COMPOSE_SERVICES_MAX) {
                compose_error(c, root, "more than %d services", COMPOSE_SERVICES_MAX);
                return;
        }
        if (in.services->map.n > 1)
                qsort(in.services->map.v, in.services->map.n, sizeof *in.services->map.v, by_key_text);
        for (size_t i = 0; i < in.services->map.n; i++) {
                struct ynode *key = in.services->map.v[i].key;
                if (!valid_name(key->text)) {
                        compose_error(c, key, "Invalid service name '%.100s' - only [a-zA-Z0-9\\._\\-] characters are allowed", key->text);
                        continue;
                }
                struct ynode *svc = compose_prepare(c, &in, key->text, in.services->map.v[i].value, 0);
                if (!svc)
                        continue;
                struct ynode *old = ynode_get(c->services, key->text);
                if (old)
                        compose_merge(c, old, svc);
                else if (c->services->map.n == COMPOSE_SERVICES_MAX)
                        compose_error(c, key, "more than %d services", COMPOSE_SERVICES_MAX);
                else
                        ynode_set(c->arena, c->services, key, svc);
        }
}

static void read_all(struct compose *c, const struct compose_doc *docs, size_t n) {
        VEC(struct ynode *) roots = { 0 };
        size_t total = 0;
        for (size_t i = 0; i < n; i++) {
                vec_push(&c->names, dr_xstrdup(docs[i].name));
                total += docs[i].len;
        }
        if (n > COMPOSE_DOCS_MAX || total > COMPOSE_TEXT_MAX) {
                compose_error(c, NULL, "more than %d documents or %d bytes of text", COMPOSE_DOCS_MAX, COMPOSE_TEXT_MAX);
                return;
        }
        struct compose_doc rendered[COMPOSE_DOCS_MAX];
        compose_take_answers(c);
        c->questions = compose_questions(docs, n, c->env);
        c->defaults = compose_defaults(c->questions);
        if (c->env->templates) {
                if (compose_render(c, docs, n, rendered) < 0)
                        return;
                docs = rendered;
        }
        for (size_t i = 0; i < n; i++) {
                struct yaml_options o = { .size_max = COMPOSE_TEXT_MAX, .file = (uint16_t) i, .duplicate_keys = true };
                struct ynode *root = NULL;
                struct dr_error err;
                if (yaml_parse(c->arena, docs[i].text, docs[i].len, &o, &root, &err) < 0) {
                        unsigned line = 0, column = 0;
                        (void) sscanf(err.message, "line %u, column %u", &line, &column);       /* absent in messages about size */
                        struct ynode at = { .file = (uint16_t) i, .line = line, .column = column };
                        compose_error(c, &at, "error parsing yaml, please check: %s", err.message);
                        continue;
                }
                vec_push(&roots, root);
        }
        for (size_t i = 0; i < roots.n && roots.n == n; i++)
                read_document(c, roots.v[i]);
        vec_done(&roots);
}

int compose_read(const struct compose_doc *docs, size_t n, const struct compose_env *env, struct compose **ret, struct dr_error *err) {
        static const struct compose_env nothing;
        struct compose *c = dr_xnew(struct compose);
        c->env = env ? env : &nothing;
        c->arena = yarena_new(SIZE_MAX / 2);
        c->services = ynode_new(c->arena, YNODE_MAP, NULL);
        c->volumes_json = json_object_new_array();
        c->secrets_json = json_object_new_array();
        c->hosts_json = json_object_new_array();
        read_all(c, docs, n);
        if (!c->errors)
                compose_bind(c);
        if (!c->errors)
                compose_plan(c);
        c->env = &nothing;              /* the caller's need not live on */
        *ret = c;
        if (!c->errors)
                return 0;
        for (size_t i = 0; i < c->messages.n; i++) {
                if (c->messages.v[i].warning)
                        continue;
                auto_free char *text = compose_message_format(&c->messages.v[i]);
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "%s", text);
        }
        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "the documents have errors after %d warnings", COMPOSE_MESSAGES_MAX);
}

struct compose *compose_free(struct compose *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->messages.n; i++) {
                free(c->messages.v[i].text);
                free(c->messages.v[i].suggestion);
        }
        vec_done(&c->messages);
        for (size_t i = 0; i < c->names.n; i++)
                free(c->names.v[i]);
        vec_done(&c->names);
        for (size_t i = 0; i < c->out.n; i++) {
                json_object_put(c->out.v[i].body);
                json_object_put(c->out.v[i].links);
                json_object_put(c->out.v[i].upgrade_strategy);
        }
        vec_done(&c->out);
        for (size_t i = 0; i < COMPOSE_DOCS_MAX; i++) {
                free(c->rendered[i]);
                free(c->lines[i].v);
        }
        json_object_put(c->answers);
        json_object_put(c->questions);
        json_object_put(c->defaults);
        smap_done(&c->unset);
        json_object_put(c->volumes_json);
        json_object_put(c->secrets_json);
        json_object_put(c->hosts_json);
        yarena_free(c->arena);
        free(c);
        return NULL;
}

const struct compose_message *compose_messages(const struct compose *c, size_t *ret_n) {
        *ret_n = c->messages.n;
        return c->messages.v;
}

char *compose_message_format(const struct compose_message *m) {
        auto_free char *hint = m->suggestion ? dr_xasprintf(" (did you mean '%s'?)", m->suggestion) : dr_xstrdup("");
        if (m->line)
                return dr_xasprintf("%s:%u:%u: %s%s", m->file, m->line, m->column, m->text, hint);
        return dr_xasprintf("%s%s%s%s", m->file, *m->file ? ": " : "", m->text, hint);
}

char *compose_errors(const struct compose *c) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        for (size_t i = 0; i < c->messages.n; i++) {
                const struct compose_message *m = &c->messages.v[i];
                if (m->warning)
                        continue;
                if (b.len)
                        sbuf_putc(&b, '\n');
                sbuf_puts(&b, m->text);
                if (m->suggestion)
                        sbuf_printf(&b, " (did you mean '%s'?)", m->suggestion);
        }
        return sbuf_steal(&b);
}

const struct compose_service *compose_services(const struct compose *c, size_t *ret_n) {
        *ret_n = c->errors ? 0 : c->out.n;
        return c->out.v;
}

struct json_object *compose_volumes(const struct compose *c) { return c->volumes_json; }
struct json_object *compose_secrets(const struct compose *c) { return c->secrets_json; }
struct json_object *compose_hosts(const struct compose *c) { return c->hosts_json; }
