#include "compose_player.h"

#include <sys/stat.h>

#include <stdio.h>

#include "base/sbuf.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include "formats/compose_change.h"
#include "formats/compose_export.h"
#include "formats/yaml.h"

enum { FILE_BYTES_MAX = 8 << 20, TEXT_BYTES_MAX = 8 << 20 };

char *player_read_file(const char *path, size_t *ret_len) {
        FILE *f = fopen(path, "re");
        if (!f)
                return NULL;
        struct stat st;
        size_t size = fstat(fileno(f), &st) == 0 && st.st_size < FILE_BYTES_MAX ? (size_t) st.st_size : FILE_BYTES_MAX;
        char *text = dr_xmalloc(size + 1);
        size_t n = fread(text, 1, size, f);
        fclose(f);
        text[n] = 0;
        if (ret_len)
                *ret_len = n;
        return dr_xrealloc(text, n + 1);
}

void player_init(struct player *p, const char *stack, const struct json_object *answers) {
        *p = (struct player) { .stack = stack, .answers = answers ? json_copy(answers) : json_object_new_object(),
                               .services = json_object_new_array(), .volumes = json_object_new_array() };
}

static void forget_run(struct player *p) {
        json_free(p->requests);
        json_free(p->warnings);
        free(p->error);
        p->requests = json_object_new_array();
        p->warnings = json_object_new_array();
        p->error = NULL;
        free(dr_take(p->messages));
        free(dr_take(p->rendered[0]));
        free(dr_take(p->rendered[1]));
}

void player_done(struct player *p) {
        forget_run(p);
        json_free(p->requests);
        json_free(p->warnings);
        json_free(p->answers);
        json_free(p->services);
        json_free(p->volumes);
        free(p->version);
        free(p->previous_version);
}

static struct json_object *by_name(const struct json_object *list, const char *name) {
        for (size_t i = 0; i < json_object_array_length(list); i++)
                if (str_eq(json_str(json_object_array_get_idx(list, i), "name", ""), name))
                        return json_object_array_get_idx(list, i);
        return NULL;
}

struct json_object *player_service(const struct player *p, const char *name) { return by_name(p->services, name); }

static int find(void *ctx, enum compose_ref kind, const char *stack, const char *name, char *id, size_t id_n) {
        static const char *const others[] = { "db", "cache", "web" };
        const struct player *p = ctx;
        if (kind != COMPOSE_REF_SERVICE) {
                const char *what = kind == COMPOSE_REF_SECRET ? "secret" : "certificate", *prefix = kind == COMPOSE_REF_SECRET ? "secret" : "cert";
                size_t n = strlen(prefix);
                if (strncmp(name, prefix, n) != 0 || (!str_eq(name + n, "1") && !str_eq(name + n, "2")))
                        return -ENOENT;
                snprintf(id, id_n, "%s:%s", what, name);
                return 0;
        }
        for (size_t i = 0; stack && i < ARRAY_LEN(others); i++)
                if (str_eq(stack, "other") && str_eq(name, others[i])) {
                        snprintf(id, id_n, "service:other~%s", name);
                        return 0;
                }
        if (stack || !player_service(p, name))
                return -ENOENT;
        snprintf(id, id_n, "service:%s", name);
        return 0;
}

/* What stands in the catalog section, before any template is rendered. */
static char *catalog_version(const char *text, size_t len) {
        AUTO(yarena_free) struct yarena *a = yarena_new(64 << 20);
        struct yaml_options o = { .duplicate_keys = true };
        struct ynode *root = NULL;
        if (!text || yaml_parse(a, text, len, &o, &root, NULL) < 0)
                return dr_xstrdup("");
        const struct ynode *section = ynode_get(root, ".catalog");
        const struct ynode *version = ynode_get(section ? section : ynode_get(root, "catalog"), "version");
        return dr_xstrdup(version && ynode_is_scalar(version) ? version->text : "");
}

static void record(struct player *p, const char *method, const char *path, const char *action, struct json_object *body, int wave) {
        struct json_object *r = json_object_new_object();
        json_set_str(r, "method", method);
        json_set_str(r, "path", path);
        if (action)
                json_set_str(r, "action", action);
        if (body)
                json_set(r, "body", body);
        if (wave >= 0)
                json_set_int(r, "wave", wave);
        json_object_array_add(p->requests, r);
}

static int failed(struct player *p, const char *text) {
        if (!p->error)
                p->error = dr_xstrdup(text);
        return -EINVAL;
}

static int volumes(struct player *p, const struct compose *c) {
        struct json_object *list = compose_volumes(c);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *v = json_object_array_get_idx(list, i), *have = by_name(p->volumes, json_str(v, "name", ""));
                struct dr_error err = { 0 };
                if (have && compose_volume_fits(v, have, &err) < 0)
                        return failed(p, err.message);
                if (have)
                        continue;
                struct json_object *body = json_copy(v);
                json_set_str(body, "stackId", "stack:main");
                record(p, "POST", "volumetemplates", NULL, json_object_get(body), -1);
                json_object_array_add(p->volumes, body);
        }
        return 0;
}

static int secrets(struct player *p, const struct compose *c) {
        struct json_object *list = compose_secrets(c);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                const struct json_object *s = json_object_array_get_idx(list, i);
                char id[64];
                if (find(p, COMPOSE_REF_SECRET, NULL, json_str(s, "name", ""), id, sizeof id) == 0)
                        continue;
                auto_free char *text = dr_xasprintf("Existing secret %s not found", json_str(s, "name", ""));
                if (json_bool(s, "external", false))
                        return failed(p, text);
                record(p, "POST", "secrets", NULL, json_copy(s), -1);
        }
        return 0;
}

static int hosts(struct player *p, const struct compose *c) {
        struct json_object *list = compose_hosts(c);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                const struct json_object *h = json_object_array_get_idx(list, i);
                const char *template = json_str(h, "template", NULL);
                auto_free char *text = dr_xasprintf("Failed to find host template %s", template ? template : "");
                if (template && !str_eq(template, "small"))
                        return failed(p, text);
                for (int64_t k = 1; k <= json_int(h, "count", 0); k++) {
                        struct json_object *body = json_copy(json_get(h, "fields"));
                        auto_free char *host = dr_xasprintf("%s-%s-%d", p->stack, json_str(h, "name", ""), (int) k);
                        json_set_str(body, "name", host);
                        json_set_str(body, "hostname", host);
                        json_set_str(body, "stackId", "stack:main");
                        if (template)
                                json_set_str(body, "hostTemplateId", "hostTemplate:small");
                        record(p, "POST", "hosts", NULL, body, -1);
                }
        }
        return 0;
}

static const char *collection_of(const struct compose_service *s, const struct json_object *existing) {
        return existing ? json_str(existing, "collection", "") : s->collection;
}

static int by_text(const void *a, const void *b) {
        auto_free char *x = player_text(*(struct json_object *const *) a), *y = player_text(*(struct json_object *const *) b);
        return strcmp(x, y);
}

/* Links of every service are set again, in every run, as the original program does. */
static void set_links(struct player *p, const struct compose_service *s, const struct compose_resolver *r) {
        AUTO(json_free) struct json_object *missing = json_object_new_array();
        struct json_object *existing = player_service(p, s->name), *links = compose_service_links(s, r, missing), *linked = json_object_new_object(),
                           *by_names = json_object_new_array();
        auto_free char *path = dr_xasprintf("%s/service:%s", collection_of(s, existing), s->name);
        json_object_array_sort(json_get(links, "serviceLinks"), by_text);
        record(p, "POST", path, "setservicelinks", links, -1);
        for (size_t i = 0; i < json_object_array_length(json_get(links, "serviceLinks")); i++) {
                struct json_object *l = json_object_array_get_idx(json_get(links, "serviceLinks"), i);
                const char *id = json_str(l, "serviceId", NULL), *alias = json_str(l, "name", NULL);
                auto_free char *key = alias ? dr_xstrdup(alias) : dr_xasprintf("%s/%s", p->stack, id ? id : "");
                if (id)
                        json_set_str(linked, key, id);
                else
                        json_object_array_add(by_names, json_object_get(l));
        }
        json_set(existing, "linkedServices", linked);
        json_set(existing, "serviceLinks", by_names);
        for (size_t i = 0; i < json_object_array_length(missing); i++) {
                auto_free char *text = dr_xasprintf("Failed to find service %s to link to", json_object_get_string(json_object_array_get_idx(missing, i)));
                json_object_array_add(p->warnings, json_object_new_string(text));
        }
}

static void create(struct player *p, const struct compose_service *s, struct json_object *body) {
        struct json_object *o = json_copy(body);
        auto_free char *id = dr_xasprintf("service:%s", s->name);
        json_set_str(o, "id", id);
        json_set_str(o, "type", s->type);
        json_set_str(o, "collection", s->collection);
        json_set_str(o, "state", "inactive");
        json_object_array_add(p->services, o);
        record(p, "POST", s->collection, NULL, json_object_get(body), (int) s->wave);
}

/* Services that exist get their updates and upgrades; those that are not upgraded start. */
static int change(struct player *p, const struct compose_service *s, struct json_object *existing, const struct json_object *body) {
        struct compose_wish wish = { .type = json_str(existing, "type", ""), .body = body, .strategy = s->upgrade_strategy, .keep_scale = true };
        struct compose_change step;
        auto_free char *path = dr_xasprintf("%s/service:%s", collection_of(s, existing), s->name);
        compose_change_plan(&wish, existing, &step);
        if (step.action == COMPOSE_UPDATE)
                record(p, "PUT", path, NULL, json_object_get(step.fields), -1);
        struct dr_error err = { 0 };
        int r = step.upgrade ? compose_upgrade_ready(existing, &err) : 0;
        if (r > 0)
                record(p, "POST", path, "finishupgrade", NULL, -1);
        if (r < 0)
                failed(p, err.message);
        else if (step.upgrade)
                record(p, "POST", path, "upgrade", json_object_get(step.upgrade), -1);
        else if (step.start)
                record(p, "POST", path, "activate", NULL, -1);
        compose_change_done(&step);
        return r;
}

static int service(struct player *p, const struct compose_service *s, const struct compose_resolver *r, struct json_object **ret_body) {
        struct dr_error err = { 0 };
        if (compose_service_body(s, "stack:main", r, ret_body, &err) < 0)
                return failed(p, err.message);
        return 0;
}

static int services(struct player *p, const struct compose *c, bool upgrade) {
        struct compose_resolver resolver = { .ctx = p, .find = find };
        size_t n;
        const struct compose_service *s = compose_services(c, &n);
        AUTO(json_free) struct json_object *before = json_copy(p->services);
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *body = NULL;
                if (!player_service(p, s[i].name)) {
                        if (service(p, &s[i], &resolver, &body) < 0)
                                return -EINVAL;
                        create(p, &s[i], body);
                }
        }
        for (size_t i = 0; i < n; i++)
                if (s[i].sets_links)
                        set_links(p, &s[i], &resolver);
        for (size_t i = 0; i < n && (upgrade || p->start); i++) {
                AUTO(json_free) struct json_object *body = NULL;
                struct json_object *existing = player_service(p, s[i].name);
                auto_free char *path = dr_xasprintf("%s/service:%s", collection_of(&s[i], existing), s[i].name);
                if (!by_name(before, s[i].name))
                        record(p, "POST", path, "activate", NULL, -1);
                else if (service(p, &s[i], &resolver, &body) < 0 || change(p, &s[i], existing, body) < 0)
                        return -EINVAL;
        }
        return 0;
}

static int read_file(void *ctx, const char *doc, const char *path, char **ret, size_t *ret_len, struct dr_error *err) {
        const struct player *p = ctx;
        (void) doc;
        auto_free char *full = dr_xasprintf("%s/%s", str_or(p->folder, ""), path);
        char *text = p->folder && path[0] != '/' && !strstr(path, "..") ? player_read_file(full, ret_len) : NULL;
        if (!text)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "files are not read here");
        *ret = text;
        return 0;
}

const char *player_rendered(const struct player *p, size_t document) { return p->rendered[document]; }

static void keep_messages(struct player *p, const struct compose *c, size_t documents) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        size_t n;
        const struct compose_message *m = compose_messages(c, &n);
        for (size_t i = 0; i < n; i++) {
                auto_free char *text = compose_message_format(&m[i]);
                sbuf_printf(&b, "%s: %s\n", m[i].warning ? "warning" : "error", text);
                if (m[i].warning)
                        json_object_array_add(p->warnings, json_object_new_string(m[i].text));
        }
        p->messages = sbuf_steal(&b);
        for (size_t i = 0; i < documents; i++)
                p->rendered[i] = compose_rendered(c, i) ? dr_xstrdup(compose_rendered(c, i)) : NULL;
}

static int run(struct player *p, const struct player_files *f, bool upgrade) {
        struct compose_doc docs[] = { { f->name, f->text, f->len }, { "rancher-compose.yml", f->rancher, f->rancher_len } };
        struct compose_env env = { .ctx = p, .read_file = read_file, .stack = p->stack, .templates = true, .answers = p->answers, .environment = "Default", .version = p->version,
                                   .previous_version = p->previous_version };
        AUTO(compose_free) struct compose *c = NULL;
        forget_run(p);
        int r = compose_read(docs, f->rancher ? 2 : 1, &env, &c, NULL);
        keep_messages(p, c, f->rancher ? 2 : 1);
        auto_free char *text = compose_errors(c);
        if (r < 0)
                return failed(p, text);
        if ((r = volumes(p, c)) < 0 || (r = secrets(p, c)) < 0 || (r = hosts(p, c)) < 0)
                return r;
        return services(p, c, upgrade);
}

int player_create(struct player *p, const struct player_files *files) {
        free(p->version);
        p->version = catalog_version(files->rancher, files->rancher_len);
        return run(p, files, false);
}

int player_upgrade(struct player *p, const struct player_files *files, const struct json_object *answers) {
        free(p->previous_version);
        p->previous_version = dr_take(p->version);
        p->version = catalog_version(files->rancher, files->rancher_len);
        if (!answers)
                return run(p, files, true);
        json_object_object_foreach((struct json_object *) answers, key, value)
                json_set(p->answers, key, json_copy(value));
        return run(p, files, true);
}

/* ---- back to documents ---- */

static int name(void *ctx, enum compose_ref kind, const char *id, struct compose_named *ret) {
        const char *colon = strchr(id, ':'), *tilde = strchr(id, '~');
        (void) ctx;
        if (!colon)
                return -ENOENT;
        ret->stack = kind == COMPOSE_REF_SERVICE ? "other" : NULL;
        ret->name = tilde ? tilde + 1 : colon + 1;
        return 0;
}

void player_export(struct player *p, char **ret_docker, char **ret_rancher) {
        AUTO(json_free) struct json_object *stack = json_object_new_object();
        json_set_str(stack, "id", "stack:main");
        json_set_str(stack, "name", p->stack);
        struct compose_export_source source = { .stack = stack, .services = p->services, .volumes = p->volumes, .ctx = p, .name = name };
        assert_int_equal(compose_export(&source, ret_docker, ret_rancher, NULL), 0);
}

/* What export does not keep, by its rules (compose.md 9): volume drivers of launch configs become volumes, global services have no scale,
 * the label that a legacy balancer loses at its first reading is written for its selector, external services without image get theirs,
 * sidekicks have no sidekicks, and the default of a health check's strategy is not written. */
static void settle(struct json_object *config, const char *sidekicks_label) {
        struct json_object *check = json_get(config, "healthCheck");
        json_object_object_del(config, "volumeDriver");
        if (str_eq(json_str(check, "strategy", ""), "recreate"))
                json_object_object_del(check, "strategy");
        if (sidekicks_label)
                json_object_object_del(json_get(config, "labels"), sidekicks_label);
}

static struct json_object *comparable(const struct json_object *service) {
        static const char *const own[] = { "id", "state", "collection" };
        AUTO(json_free) struct json_object *o = json_copy(service);
        struct json_object *labels = json_get(json_get(o, "launchConfig"), "labels"), *check = json_get(o, "healthCheck"), *sidekicks = json_get_array(o, "secondaryLaunchConfigs");
        settle(json_get(o, "launchConfig"), NULL);
        for (size_t i = 0; sidekicks && i < json_object_array_length(sidekicks); i++)
                settle(json_object_array_get_idx(sidekicks, i), "io.rancher.sidekicks");
        if (str_eq(json_str(check, "strategy", ""), "recreate"))
                json_object_object_del(check, "strategy");
        if (str_eq(json_str(labels, "io.rancher.scheduler.global", ""), "true"))
                json_object_object_del(o, "scale");
        if (str_eq(json_str(o, "type", ""), "loadBalancerService"))
                json_object_object_del(labels, "io.rancher.service.selector.link");
        for (size_t i = 0; i < ARRAY_LEN(own); i++)
                json_object_object_del(o, own[i]);
        if (str_eq(json_str(o, "type", ""), "externalService"))
                json_object_object_del(json_get(o, "launchConfig"), "imageUuid");
        return player_reduced(o);
}

static bool same_services(const struct player *a, const struct player *b, const char *title, const char *docker) {
        bool ok = json_object_array_length(a->services) == json_object_array_length(b->services);
        if (!ok)
                print_error("%s: %zu services come back as %zu\n", title, json_object_array_length(a->services), json_object_array_length(b->services));
        for (size_t i = 0; i < json_object_array_length(a->services); i++) {
                const struct json_object *s = json_object_array_get_idx(a->services, i), *t = player_service(b, json_str(s, "name", ""));
                AUTO(json_free) struct json_object *x = comparable(s), *y = t ? comparable(t) : NULL;
                if (json_equal(x, y))
                        continue;
                auto_free char *xt = player_text(x), *yt = player_text(y);
                print_error("%s: service comes back as another:\n  was %s\n  is  %s\nfrom\n%s\n", title, xt, yt, docker);
                ok = false;
        }
        return ok;
}

bool player_round_trip(struct player *p, const char *title) {
        auto_free char *docker = NULL, *rancher = NULL, *docker2 = NULL, *rancher2 = NULL;
        __attribute__((cleanup(player_done))) struct player again;
        player_export(p, &docker, &rancher);
        player_init(&again, p->stack, NULL);
        struct player_files files = { "docker-compose.yml", docker, strlen(docker), rancher, strlen(rancher) };
        if (player_create(&again, &files) < 0) {
                print_error("%s: what was exported does not read: %s\n%s\n%s\n", title, again.error, docker, rancher);
                return false;
        }
        bool ok = same_services(p, &again, title, docker);
        player_export(&again, &docker2, &rancher2);
        if (!str_eq(docker, docker2) || !str_eq(rancher, rancher2)) {
                print_error("%s: exporting again gives another text:\n%s\n%s\n---- again\n%s\n%s\n", title, docker, rancher, docker2, rancher2);
                ok = false;
        }
        return ok;
}

/* ---- comparing ---- */

static bool is_empty(const struct json_object *v) {
        switch (json_object_get_type(v)) {
        case json_type_null: return true;
        case json_type_boolean: return !json_object_get_boolean(v);
        case json_type_int: return json_object_get_int64(v) == 0;
        case json_type_double: return json_object_get_double(v) == 0;
        case json_type_string: return json_object_get_string_len(v) == 0;
        case json_type_array: return json_object_array_length(v) == 0;
        case json_type_object: return json_object_object_length(v) == 0;
        default: return false;
        }
}

static struct json_object *reduced(const struct json_object *v, const char *under) {
        if (json_object_is_type(v, json_type_array)) {
                struct json_object *list = json_object_new_array();
                for (size_t i = 0; i < json_object_array_length(v); i++)
                        json_object_array_add(list, reduced(json_object_array_get_idx(v, i), ""));
                return list;
        }
        if (!json_object_is_type(v, json_type_object))
                return json_copy(v);
        struct json_object *o = json_object_new_object();
        bool texts = str_eq(under, "environment") || str_eq(under, "labels") || str_eq(under, "tmpfs") || str_eq(under, "sysctls");
        json_object_object_foreach((struct json_object *) v, key, value) {
                struct json_object *r = str_eq(key, COMPOSE_HASH_LABEL) ? json_object_new_string("HASH") : reduced(value, key);
                if (is_empty(r) && !texts)
                        json_object_put(r);
                else
                        json_set(o, key, r);
        }
        return o;
}

struct json_object *player_reduced(const struct json_object *v) { return reduced(v, ""); }

char *player_text(const struct json_object *v) {
        auto_sbuf struct sbuf b = SBUF(TEXT_BYTES_MAX);
        json_canonical(v, &b);
        return sbuf_steal(&b);
}

/* The words that tell requests apart, with the name of what is made. */
static char *request_key(const struct json_object *r) {
        const char *action = json_str(r, "action", ""), *name = json_str(json_get(r, "body"), "name", "");
        bool post = !*action && str_eq(json_str(r, "method", ""), "POST");
        return dr_xasprintf("%s %s %s %s", json_str(r, "method", ""), json_str(r, "path", ""), action, post ? name : "");
}

static bool same(const char *name, const char *what, const struct json_object *got, const struct json_object *want) {
        AUTO(json_free) struct json_object *g = player_reduced(got), *w = player_reduced(want);
        if (json_equal(g, w))
                return true;
        auto_free char *gt = player_text(g), *wt = player_text(w);
        print_error("case %s, %s:\n  got  %s\n  want %s\n", name, what, gt, wt);
        return false;
}

/* A PUT of ours has only the fields that differ: together with what was there they are what the recorded one says. */
static bool same_put(const struct player *p, const char *name, const struct json_object *got, const struct json_object *want) {
        static const char *const others[] = { "launchConfig", "secondaryLaunchConfigs", "healthCheck", "name", "stackId", "scale" };
        const struct json_object *existing = NULL;
        for (size_t i = 0; i < json_object_array_length(p->services); i++) {
                const struct json_object *o = json_object_array_get_idx(p->services, i);
                auto_free char *path = dr_xasprintf("%s/%s", json_str(o, "collection", ""), json_str(o, "id", ""));
                if (str_eq(path, json_str(want, "path", "")))
                        existing = o;
        }
        AUTO(json_free) struct json_object *g = json_object_new_object(), *w = json_copy(json_get(want, "body"));
        const struct json_object *fields = json_get(got, "body");
        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                json_object_object_del(w, others[i]);
        json_object_object_foreach(w, key, value) {
                (void) value;
                json_set(g, key, json_copy(json_get(fields, key) ? json_get(fields, key) : json_get(existing, key)));
        }
        json_object_object_foreach((struct json_object *) fields, field, text)
                json_set(g, field, json_copy(text));
        return same(name, "PUT", g, w);
}

bool player_matches(const struct player *p, const char *name, const struct json_object *requests, bool waves) {
        size_t n = json_object_array_length(requests), made = json_object_array_length(p->requests);
        bool ok = true;
        auto_free bool *used = dr_xcalloc(made + 1, sizeof *used);
        for (size_t i = 0; i < n; i++) {
                const struct json_object *want = json_object_array_get_idx(requests, i), *got = NULL;
                auto_free char *key = request_key(want);
                for (size_t k = 0; k < made && !got; k++) {
                        auto_free char *other = request_key(json_object_array_get_idx(p->requests, k));
                        if (!used[k] && str_eq(key, other)) {
                                used[k] = true;
                                got = json_object_array_get_idx(p->requests, k);
                        }
                }
                if (!got) {
                        print_error("case %s: no request %s\n", name, key);
                        ok = false;
                        continue;
                }
                ok &= str_eq(json_str(want, "method", ""), "PUT") ? same_put(p, name, got, want) : same(name, key, json_get(got, "body"), json_get(want, "body"));
                if (waves && json_has(want, "wave") && json_int(want, "wave", -1) != json_int(got, "wave", -1)) {
                        print_error("case %s: %s in wave %d, not %d\n", name, key, (int) json_int(got, "wave", -1), (int) json_int(want, "wave", -1));
                        ok = false;
                }
        }
        for (size_t k = 0; k < made; k++)
                if (!used[k]) {
                        auto_free char *key = request_key(json_object_array_get_idx(p->requests, k));
                        print_error("case %s: request %s is too many\n", name, key);
                        ok = false;
                }
        return ok;
}
