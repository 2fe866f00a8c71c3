#include "check.h"
#include "base/sbuf.h"
#include "formats/compose.h"
#include "formats/json.h"

#include <stdlib.h>

/* Where drover differs from the recorded behaviour, and what it does instead. */
enum outcome {
        SUCCEEDS,               /* where upstream fails; test-compose.c has what comes out */
        DIFFERS,                /* both succeed, with other requests; test-compose.c has what comes out */
        FAILS,                  /* with a text of its own */
        WAVES,                  /* same requests, stricter order */
};
static const struct { const char *name; enum outcome outcome; const char *why; } differences[] = {
        { "answers-float-bool-int", DIFFERS, "numbers from answers are plain: 12345678" },
        { "answers-large-int", DIFFERS, "1000000" },
        { "answers-null", DIFFERS, "null is the empty string" },
        { "build-local", FAILS, "says what to do instead" },
        { "command-backtick", SUCCEEDS, "a backtick is an ordinary character" },
        { "depends-on", WAVES, "depends_on orders" },
        { "depends-on-cycle", WAVES, "depends_on orders" },
        { "doc-v1-catalog", FAILS, "the right service is named" },
        { "doc-v2-services-dot-catalog", SUCCEEDS, "the catalog section is found there too" },
        { "doc-version-1", SUCCEEDS, "read as version 1" },
        { "doc-version-2.0", SUCCEEDS, "read as version 2" },
        { "doc-version-2.1", SUCCEEDS, "read as version 2" },
        { "doc-version-3", SUCCEEDS, "read as version 2 with a warning" },
        { "doc-version-3-int", SUCCEEDS, "read as version 2 with a warning" },
        { "env-file", FAILS, "the caller reads files" },
        { "env-nested", FAILS, "one message, not two" },
        { "env-no-value-typed", DIFFERS, "null is the empty string" },
        { "external-without-image", DIFFERS, "as Rancher 1.2: an external service" },
        { "extra-hosts-map", SUCCEEDS, "the map form works" },
        { "interp-form-00", SUCCEEDS, "defaults in variables" },
        { "interp-form-01", SUCCEEDS, "defaults in variables" },
        { "labels-nested", FAILS, "one message, not two" },
        { "lb-v2", DIFFERS, "a later document does not clear lb_config" },
        { "legacy-lb-target-13", SUCCEEDS, "an empty target label is ignored" },
        { "links-cycle", DIFFERS, "either may be created first" },
        { "merge-lb-config-cleared", DIFFERS, "a later document does not clear lb_config" },
        { "merge-lists-same-item", DIFFERS, "each item once" },
        { "merge-rc-retain-ip-false", DIFFERS, "a later false overrides" },
        { "merge-rc-v1-drops", WAVES, "depends_on orders" },
        { "merge-scalars", DIFFERS, "a later command replaces, a later false overrides" },
        { "metadata-bool-key", SUCCEEDS, "the key's text" },
        { "metadata-int-key", SUCCEEDS, "the key's text" },
        { "oom-range", FAILS, "a readable message" },
        { "order-mixed", WAVES, "depends_on orders" },
        { "ports-sexagesimal", SUCCEEDS, "text 22:22, as in block form" },
        { "restart-no", SUCCEEDS, "accepted" },
        { "restart-no-v2", SUCCEEDS, "accepted" },
        { "section-network-drivers", SUCCEEDS, "the driver's keys are moved, not copied" },
        { "section-storage-drivers", SUCCEEDS, "the driver's keys are moved, not copied" },
        { "secrets-file-missing", FAILS, "the caller reads files" },
        { "secrets-sidekick", DIFFERS, "a sidekick has its own secrets" },
        { "sidekick-build", DIFFERS, "the image's name is made of the source, not of the time" },
        { "sidekick-ports-forms", DIFFERS, "a sidekick's ports are passed as written, expose too" },
        { "sidekicks-two", DIFFERS, "a sidekick's ports are passed as written" },
        { "sysctls-map-int", SUCCEEDS, "numbers are accepted" },
        { "ulimits-interpolated", FAILS, "a readable message" },
        { "ulimits-soft-only", FAILS, "a readable message" },
        { "unknown-two-errors", FAILS, "the right services are named" },
        { "virtual-machine-memory-size", DIFFERS, "512m is 512 MiB" },
        { "volumes-driver-changed", SUCCEEDS, "the caller compares with what exists" },
        { "volumes-existing", SUCCEEDS, "the caller compares with what exists" },
        { "yaml-bool-key-no", SUCCEEDS, "the key's text" },
        { "yaml-bool-key-y", SUCCEEDS, "the key's text" },
};

enum { FILE_BYTES_MAX = 8 << 20 };

static char *read_file(const char *path) {
        FILE *f = fopen(path, "re");
        CHECK(f);
        char *text = dr_xmalloc(FILE_BYTES_MAX + 1);
        size_t n = fread(text, 1, FILE_BYTES_MAX, f);
        fclose(f);
        text[n] = 0;
        return text;
}

struct fixture { const struct json_object *answers; const struct compose *compose; char buf[4096]; };

static const char *lookup(void *ctx, const char *name) {
        struct fixture *f = ctx;
        if (!json_has(f->answers, name))
                return NULL;
        struct json_object *v = json_get(f->answers, name);
        if (json_object_is_type(v, json_type_double) && json_double(f->answers, name, 0) == (double) json_int(f->answers, name, -1))
                snprintf(f->buf, sizeof f->buf, "%lld", (long long) json_int(f->answers, name, 0));
        else
                snprintf(f->buf, sizeof f->buf, "%s", v ? json_object_get_string(v) : "");
        return f->buf;
}

static int find(void *ctx, enum compose_ref kind, const char *stack, const char *name, char *id, size_t id_n) {
        static const char *const others[] = { "db", "cache", "web" };
        struct fixture *f = ctx;
        if (kind != COMPOSE_REF_SERVICE) {
                const char *what = kind == COMPOSE_REF_SECRET ? "secret" : "certificate", *prefix = kind == COMPOSE_REF_SECRET ? "secret" : "cert";
                size_t n = strlen(prefix);
                if (strncmp(name, prefix, n) != 0 || (!str_eq(name + n, "1") && !str_eq(name + n, "2")))
                        return -ENOENT;
                snprintf(id, id_n, "%s:%s", what, name);
                return 0;
        }
        if (stack) {
                for (size_t i = 0; i < ARRAY_LEN(others); i++)
                        if (str_eq(stack, "other") && str_eq(name, others[i])) {
                                snprintf(id, id_n, "service:other~%s", name);
                                return 0;
                        }
                return -ENOENT;
        }
        size_t n;
        const struct compose_service *s = compose_services(f->compose, &n);
        for (size_t i = 0; i < n; i++)
                if (str_eq(s[i].name, name)) {
                        snprintf(id, id_n, "service:%s", name);
                        return 0;
                }
        return -ENOENT;
}

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

/* Without empty values; hashes read HASH. */
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
                struct json_object *r = str_eq(key, "io.rancher.service.hash") ? json_object_new_string("HASH") : reduced(value, key);
                if (is_empty(r) && !texts)
                        json_object_put(r);
                else
                        json_set(o, key, r);
        }
        return o;
}

static char *text_of(const struct json_object *v) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        json_canonical(v, &b);
        return sbuf_steal(&b);
}

static bool same(const char *name, const char *what, const struct json_object *got, const struct json_object *want) {
        AUTO(json_free) struct json_object *g = reduced(got, ""), *w = reduced(want, "");
        auto_free char *gt = text_of(g), *wt = text_of(w);
        if (json_equal(g, w))
                return true;
        print_error("case %s, %s:\n  got  %s\n  want %s\n", name, what, gt, wt);
        return false;
}

static int by_text(const void *a, const void *b) {
        auto_free char *x = text_of(*(struct json_object *const *) a), *y = text_of(*(struct json_object *const *) b);
        return strcmp(x, y);
}

static struct json_object *request(const struct json_object *requests, const char *collection, const char *name, const char *action) {
        auto_free char *path = action ? dr_xasprintf("%s/service:%s", collection, name) : dr_xstrdup(collection);
        for (size_t i = 0; i < json_object_array_length(requests); i++) {
                struct json_object *r = json_object_array_get_idx(requests, i);
                if (str_eq(json_str(r, "path", ""), path) && str_eq(json_str(r, "action", NULL), action) &&
                    (action || str_eq(json_str(json_get(r, "body"), "name", ""), name)))
                        return r;
        }
        return NULL;
}

static size_t count_requests(const struct json_object *requests) {
        size_t n = 0;
        for (size_t i = 0; i < json_object_array_length(requests); i++)
                n += !json_str(json_object_array_get_idx(requests, i), "action", NULL);
        return n;
}

static bool check_service(const char *name, const struct compose_service *s, const struct compose_resolver *r, const struct json_object *requests,
                          bool waves, struct json_object *missing, char **error) {
        AUTO(json_free) struct json_object *body = NULL;
        struct dr_error err = { 0 };
        if (compose_service_body(s, "stack:main", r, &body, &err) < 0) {
                free(*error);
                *error = dr_xstrdup(err.message);
                return true;
        }
        if (!requests)
                return true;
        struct json_object *want = request(requests, s->collection, s->name, NULL), *links = request(requests, s->collection, s->name, "setservicelinks");
        if (!want) {
                print_error("case %s: no request for %s in %s\n", name, s->name, s->collection);
                return false;
        }
        bool ok = same(name, s->name, body, json_get(want, "body"));
        if (waves && json_int(want, "wave", -1) != (int64_t) s->wave) {
                print_error("case %s: %s is in wave %u, not %d\n", name, s->name, s->wave, (int) json_int(want, "wave", -1));
                ok = false;
        }
        if (s->sets_links != (links != NULL)) {
                print_error("case %s: %s links: %d\n", name, s->name, s->sets_links);
                ok = false;
        }
        AUTO(json_free) struct json_object *made = compose_service_links(s, r, missing);
        json_object_array_sort(json_get(made, "serviceLinks"), by_text);
        return (!links || same(name, "links", made, json_get(links, "body"))) && ok;
}

static bool check_volumes(const char *name, const struct compose *c, const struct json_object *requests) {
        struct json_object *volumes = compose_volumes(c);
        bool ok = true;
        for (size_t i = 0; i < json_object_array_length(volumes); i++) {
                AUTO(json_free) struct json_object *v = json_copy(json_object_array_get_idx(volumes, i));
                struct json_object *want = request(requests, "volumetemplates", json_str(v, "name", ""), NULL);
                json_set_str(v, "stackId", "stack:main");
                ok &= want && same(name, "volume", v, json_get(want, "body"));
        }
        return ok;
}

static size_t check_hosts(const char *name, const struct compose *c, const struct json_object *requests, bool *ok) {
        struct json_object *hosts = compose_hosts(c);
        size_t n = 0;
        for (size_t i = 0; i < json_object_array_length(hosts); i++) {
                const struct json_object *h = json_object_array_get_idx(hosts, i);
                for (int64_t k = 1; k <= json_int(h, "count", 0); k++, n++) {
                        AUTO(json_free) struct json_object *body = json_copy(json_get(h, "fields"));
                        auto_free char *host = dr_xasprintf("golden-%s-%d", json_str(h, "name", ""), (int) k);
                        json_set_str(body, "name", host);
                        json_set_str(body, "hostname", host);
                        json_set_str(body, "stackId", "stack:main");
                        if (json_str(h, "template", NULL))
                                json_set_str(body, "hostTemplateId", "hostTemplate:small");
                        struct json_object *want = request(requests, "hosts", host, NULL);
                        *ok &= want && same(name, "host", body, json_get(want, "body"));
                }
        }
        return n;
}

/* What the caller finds out with the API: secrets and host templates that must exist. */
static char *outside_error(const struct compose *c) {
        for (size_t i = 0; i < json_object_array_length(compose_secrets(c)); i++) {
                const struct json_object *s = json_object_array_get_idx(compose_secrets(c), i);
                char id[64];
                if (json_bool(s, "external", false) && find(NULL, COMPOSE_REF_SECRET, NULL, json_str(s, "name", ""), id, sizeof id) < 0)
                        return dr_xasprintf("Existing secret %s not found", json_str(s, "name", ""));
        }
        for (size_t i = 0; i < json_object_array_length(compose_hosts(c)); i++) {
                const char *t = json_str(json_object_array_get_idx(compose_hosts(c), i), "template", "small");
                if (!str_eq(t, "small"))
                        return dr_xasprintf("Failed to find host template %s", t);
        }
        return NULL;
}

static bool library_text(const char *text) {
        static const char *const prefixes[] = { "yaml:", "strconv.", "error parsing yaml", "PANIC" };
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
                if (str_starts(text, prefixes[i]))
                        return true;
        return false;
}

/* Ours may have a suggestion where upstream has none. */
static bool same_error(const char *ours, const char *theirs) {
        size_t n = strlen(theirs);
        return strncmp(ours, theirs, n) == 0 && (!ours[n] || str_starts(ours + n, " (did you mean"));
}

static bool was_told(const struct compose *c, const struct json_object *missing, const char *warning) {
        size_t n;
        const struct compose_message *m = compose_messages(c, &n);
        for (size_t i = 0; i < n; i++)
                if (m[i].warning && str_eq(m[i].text, warning))
                        return true;
        for (size_t i = 0; i < json_object_array_length(missing); i++) {
                auto_free char *text = dr_xasprintf("Failed to find service %s to link to", json_object_get_string(json_object_array_get_idx(missing, i)));
                if (str_eq(text, warning))
                        return true;
        }
        return false;
}

static bool run_case(const struct json_object *line) {
        const char *name = json_str(line, "name", "?"), *docker = json_str(line, "docker", ""), *rancher = json_str(line, "rancher", NULL);
        const char *want_error = json_str(line, "error", NULL);
        const struct json_object *requests = json_get(line, "requests");
        struct fixture f = { .answers = json_get(line, "answers") };
        struct compose_doc docs[] = { { "docker-compose.yml", docker, strlen(docker) }, { "rancher-compose.yml", rancher, rancher ? strlen(rancher) : 0 } };
        struct compose_env env = { .ctx = &f, .lookup = lookup, .stack = "golden" };
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        int r = compose_read(docs, rancher ? 2 : 1, &env, &c, &err);
        auto_free char *error = r < 0 ? compose_errors(c) : outside_error(c);
        f.compose = c;
        struct compose_resolver resolver = { .ctx = &f, .find = find };

        int difference = -1;
        for (size_t i = 0; i < ARRAY_LEN(differences); i++)
                if (str_eq(differences[i].name, name))
                        difference = (int) differences[i].outcome;
        if (difference >= 0 && difference != WAVES)
                requests = NULL;
        AUTO(json_free) struct json_object *missing = json_object_new_array();
        size_t n, hosts = 0;
        const struct compose_service *s = compose_services(c, &n);
        bool ok = true;
        for (size_t i = 0; i < n && !error; i++)
                ok &= check_service(name, &s[i], &resolver, requests, difference != WAVES, missing, &error);
        if (requests && !error) {
                ok &= check_volumes(name, c, requests);
                hosts = check_hosts(name, c, requests, &ok);
                size_t made = n + hosts + json_object_array_length(compose_volumes(c));
                if (made != count_requests(requests)) {
                        print_error("case %s: %zu requests, not %zu\n", name, made, count_requests(requests));
                        ok = false;
                }
        }
        const struct json_object *warnings = json_get_array(line, "warnings");
        for (size_t i = 0; warnings && difference < 0 && i < json_object_array_length(warnings); i++)
                if (!was_told(c, missing, json_object_get_string(json_object_array_get_idx(warnings, i)))) {
                        print_error("case %s: not warned: %s\n", name, json_object_get_string(json_object_array_get_idx(warnings, i)));
                        ok = false;
                }
        bool want_fail = difference == FAILS || (want_error && difference < 0);
        if (want_fail != (error != NULL)) {
                print_error("case %s: %s, but should %s%s%s\n", name, error ? error : "reads", want_fail ? "fail" : "read", want_error ? ": " : "",
                            want_error ? want_error : "");
                return false;
        }
        if (error && want_fail && difference < 0 && !library_text(want_error) && !same_error(error, want_error)) {
                print_error("case %s:\n  got  %s\n  want %s\n", name, error, want_error);
                return false;
        }
        return ok;
}

TEST(every_recorded_case_gives_the_recorded_requests_or_error) {
        auto_free char *text = read_file(DROVER_TEST_DATA "/compose/cases.jsonl");
        size_t cases = 0, failed = 0, differing = 0;
        for (char *p = text; *p;) {
                char *nl = strchr(p, '\n');
                CHECK(nl);
                AUTO(json_free) struct json_object *line = NULL;
                struct dr_error err = { 0 };
                CHECK_OK(json_parse(p, (size_t) (nl - p), FILE_BYTES_MAX, &line, &err), &err);
                cases++;
                failed += !run_case(line);
                for (size_t i = 0; i < ARRAY_LEN(differences); i++)
                        differing += str_eq(differences[i].name, json_str(line, "name", ""));
                p = nl + 1;
        }
        CHECK_INT(cases, >, 500);
        CHECK_INT(failed, ==, 0);
        CHECK_INT(differing, ==, ARRAY_LEN(differences));
}

TEST_MAIN("formats/compose-cases")
