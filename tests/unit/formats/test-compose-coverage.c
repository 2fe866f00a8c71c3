#include "check.h"
#include "compose_player.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/sbuf.h"
#include "base/vec.h"
#include "formats/compose-internal.h"
#include "formats/yaml.h"

/* Shows that the stacks of tests/data/compose/stacks together use everything that features.txt lists and every service key of the program, and
 * that the table docs/compose-coverage.md says so. DROVER_WRITE_EXPECTED=1 writes the table anew. */
enum { TEXT_BYTES_MAX = 4 << 20, NAMES_SHOWN = 3 };
#define DATA DROVER_TEST_DATA "/compose"

enum kind { TOP, KEY, NESTED, LABEL, CATALOG, QUESTION, TEMPLATE, FUNCTION, KIND_MAX };
static const struct { const char *word, *title; } kinds[KIND_MAX] = {
        [TOP] = { "top", "Top-level keys (version 2, and `.catalog`)" }, [KEY] = { "key", "Service keys" },
        [NESTED] = { "nested", "Keys within keys" }, [LABEL] = { "label", "Labels" }, [CATALOG] = { "catalog", "Keys of the catalog section" },
        [QUESTION] = { "question", "Questions" }, [TEMPLATE] = { "template", "Template syntax" }, [FUNCTION] = { "function", "Template functions" },
};

struct feature { enum kind kind; char *name; unsigned count; VEC(size_t) stacks; };
static VEC(struct feature) features;
static VEC(char *) stacks;
static struct smap by_key;              /* "kind name" -> index + 1 */
static VEC(char *) keys;

static struct feature *find(enum kind kind, const char *name) {
        auto_free char *key = dr_xasprintf("%d %s", (int) kind, name);
        size_t i = (size_t) smap_get(&by_key, key);
        return i ? &features.v[i - 1] : NULL;
}

static void require(enum kind kind, const char *name, unsigned count) {
        if (find(kind, name))
                return;
        vec_push(&features, ((struct feature) { .kind = kind, .name = dr_xstrdup(name), .count = count }));
        vec_push(&keys, dr_xasprintf("%d %s", (int) kind, name));
        smap_set(&by_key, keys.v[keys.n - 1], (void *) features.n);
}

static void use(enum kind kind, const char *name) {
        struct feature *f = find(kind, name);
        size_t stack = stacks.n - 1;
        if (f && !(f->stacks.n && f->stacks.v[f->stacks.n - 1] == stack))
                vec_push(&f->stacks, stack);
}

static void read_features(void) {
        auto_free char *text = player_read_file(DATA "/features.txt", NULL);
        CHECK(text);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                char word[16];
                unsigned count;
                int at = 0;
                if (*line == '#')
                        continue;
                CHECK_INT(sscanf(line, "%15s %u %n", word, &count, &at), ==, 2);
                for (unsigned k = 0; k < KIND_MAX; k++)
                        if (str_eq(kinds[k].word, word))
                                require((enum kind) k, line + at, count);
        }
        size_t n;
        const struct compose_key *all = compose_keys(&n);
        for (size_t i = 0; i < n; i++)
                require(KEY, all[i].name, 0);
}

/* ---- what a document uses ---- */

static void nested(const char *prefix, const struct ynode *v, unsigned depth) {
        for (size_t i = 0; v->kind == YNODE_SEQ && i < v->seq.n; i++)
                nested(prefix, v->seq.v[i], depth);
        for (size_t i = 0; v->kind == YNODE_MAP && i < v->map.n && depth < 5; i++) {
                auto_free char *name = dr_xasprintf("%s.%s", prefix, v->map.v[i].key->text);
                use(NESTED, name);
                nested(name, v->map.v[i].value, depth + 1);
        }
}

static void label(const char *name) {
        if (str_starts(name, "io.rancher.loadbalancer.target."))
                use(LABEL, "io.rancher.loadbalancer.target.*");
        use(LABEL, name);
}

static void labels(const struct ynode *v) {
        for (size_t i = 0; v->kind == YNODE_MAP && i < v->map.n; i++)
                label(v->map.v[i].key->text);
        for (size_t i = 0; v->kind == YNODE_SEQ && i < v->seq.n; i++) {
                const char *text = v->seq.v[i]->text;
                auto_free char *name = dr_xstrndup(text, strcspn(text, "="));
                label(name);
        }
}

static void services(const struct ynode *v) {
        for (size_t i = 0; v && v->kind == YNODE_MAP && i < v->map.n; i++) {
                const struct ynode *svc = v->map.v[i].value;
                bool is_catalog = str_eq(v->map.v[i].key->text, ".catalog");    /* stands among services in version 1 */
                for (size_t k = 0; svc->kind == YNODE_MAP && !is_catalog && k < svc->map.n; k++) {
                        const char *key = svc->map.v[k].key->text;
                        use(KEY, key);
                        if (str_eq(key, "ulimits"))
                                for (size_t u = 0; u < svc->map.v[k].value->map.n; u++)
                                        nested(key, svc->map.v[k].value->map.v[u].value, 1);
                        else
                                nested(key, svc->map.v[k].value, 1);
                        if (str_eq(key, "labels"))
                                labels(svc->map.v[k].value);
                }
        }
}

static void catalog(const struct ynode *section) {
        const struct ynode *questions = ynode_get(section, "questions");
        for (size_t i = 0; section && section->kind == YNODE_MAP && i < section->map.n; i++)
                use(CATALOG, section->map.v[i].key->text);
        for (size_t i = 0; questions && questions->kind == YNODE_SEQ && i < questions->seq.n; i++) {
                const struct ynode *q = questions->seq.v[i], *type = ynode_get(q, "type");
                auto_free char *name = dr_xasprintf("type %s", type ? type->text : "absent");
                use(QUESTION, name);
                for (size_t k = 0; q->kind == YNODE_MAP && k < q->map.n; k++) {
                        auto_free char *key = dr_xasprintf("key %s", q->map.v[k].key->text);
                        use(QUESTION, key);
                }
        }
}

static void document(const char *text) {
        static const char *const sections[] = { "services", "load_balancers", "storage_drivers", "network_drivers", "virtual_machines",
                                                "external_services", "aliases" };
        static const char *const others[] = { "volumes", "secrets", "hosts" };
        AUTO(yarena_free) struct yarena *a = yarena_new(64 << 20);
        struct yaml_options o = { .duplicate_keys = true };
        struct ynode *root = NULL;
        if (yaml_parse(a, text, strlen(text), &o, &root, NULL) < 0 || root->kind != YNODE_MAP)
                return;
        const struct ynode *version = ynode_get(root, "version");
        bool two = version && version->text[0] == '2';
        for (size_t i = 0; i < root->map.n; i++)
                if (two || str_eq(root->map.v[i].key->text, ".catalog"))
                        use(TOP, root->map.v[i].key->text);
        catalog(ynode_get(root, ynode_get(root, "catalog") ? "catalog" : ".catalog"));
        if (!two)
                services(root);
        for (size_t i = 0; two && i < ARRAY_LEN(sections); i++)
                services(ynode_get(root, sections[i]));
        for (size_t i = 0; two && i < ARRAY_LEN(others); i++) {
                const struct ynode *v = ynode_get(root, others[i]);
                for (size_t k = 0; v && v->kind == YNODE_MAP && k < v->map.n; k++)
                        nested(others[i], v->map.v[k].value, 1);
        }
}

/* ---- what a template uses ---- */

static void words(const char *p, const char *end) {
        bool after_else = false;
        while (p < end) {
                if (*p == '"') {
                        for (p++; p < end && *p != '"'; p++)
                                p += *p == '\\';
                        p++;
                } else if (*p == '.' || *p == '$' || isalpha((unsigned char) *p)) {
                        size_t n = 1;
                        while (p + n < end && (isalnum((unsigned char) p[n]) || p[n] == '_'))
                                n++;
                        auto_free char *word = dr_xstrndup(p, n);
                        use(TEMPLATE, word);
                        if (*p != '.' && *p != '$')
                                use(FUNCTION, word);
                        if (after_else && str_eq(word, "if"))
                                use(TEMPLATE, "else if");
                        after_else = str_eq(word, "else");
                        p += n;
                } else {
                        if (*p == '|')
                                use(TEMPLATE, "pipe |");
                        if (*p == '(')
                                use(TEMPLATE, "parentheses");
                        if (*p == ':' && p + 1 < end && p[1] == '=')
                                use(TEMPLATE, "variable :=");
                        p++;
                }
        }
}

static void template(const char *text) {
        if (str_starts(text, "# notemplating") || str_starts(text, "#notemplating")) {
                use(TEMPLATE, "# notemplating");
                return;
        }
        for (const char *p = text; (p = strstr(p, "{{")); ) {
                const char *end = strstr(p, "}}");
                if (!end)
                        return;
                if (p[2] == '-')
                        use(TEMPLATE, "trim {{-");
                if (end[-1] == '-')
                        use(TEMPLATE, "trim -}}");
                if (memmem(p, (size_t) (end - p), "/*", 2))
                        use(TEMPLATE, "comment");
                else
                        words(p + 2, end);
                p = end;
        }
}

/* ---- all stacks ---- */

static void read_stack(const char *name) {
        static const char *const names[] = { "docker-compose.yml", "docker-compose.yml.tpl", "rancher-compose.yml" };
        auto_free char *answers_path = dr_xasprintf(DATA "/stacks/%s/answers.json", name), *answers = player_read_file(answers_path, NULL);
        char *texts[ARRAY_LEN(names)];
        AUTO(json_free) struct json_object *values = NULL;
        if (answers)
                CHECK_INT(json_parse(answers, strlen(answers), TEXT_BYTES_MAX, &values, NULL), ==, 0);
        vec_push(&stacks, dr_xstrdup(name));
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                auto_free char *path = dr_xasprintf(DATA "/stacks/%s/%s", name, names[i]);
                texts[i] = player_read_file(path, NULL);
                if (texts[i])
                        template(texts[i]);
        }
        __attribute__((cleanup(player_done))) struct player p;
        const char *docker = texts[0] ? texts[0] : texts[1];
        CHECK(docker);
        struct player_files files = { texts[0] ? names[0] : names[1], docker, strlen(docker), texts[2], texts[2] ? strlen(texts[2]) : 0 };
        auto_free char *folder = dr_xasprintf(DATA "/stacks/%s", name);
        player_init(&p, name, values);
        p.folder = folder;
        if (player_create(&p, &files) == 0) {   /* stacks that are refused show nothing */
                document(player_rendered(&p, 0) ? player_rendered(&p, 0) : docker);
                if (texts[2])
                        document(player_rendered(&p, 1) ? player_rendered(&p, 1) : texts[2]);
        }
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                free(texts[i]);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *) a, *(char *const *) b); }

static void read_stacks(void) {
        VEC(char *) names = { 0 };
        DIR *d = opendir(DATA "/stacks");
        CHECK(d);
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.')
                        vec_push(&names, dr_xstrdup(e->d_name));
        closedir(d);
        vec_sort(&names, by_text);
        for (size_t i = 0; i < names.n; i++) {
                read_stack(names.v[i]);
                free(names.v[i]);
        }
        vec_done(&names);
}

/* Of a service key: versions, and what it becomes in the API. */
static void write_key(struct sbuf *b, const char *name) {
        static const struct { const char *name, *field; } of_service[] = {
                { "certs", "lbConfig.certificateIds" }, { "default_cert", "lbConfig.defaultCertificateId" }, { "depends_on", "order of starts" },
                { "dockerfile", "launchConfig.build.dockerfile" }, { "env_file", "launchConfig.environment" }, { "extends", "the other service's keys" },
                { "external_ips", "externalIpAddresses" }, { "external_links", "action setservicelinks" }, { "lb_config", "lbConfig" },
                { "links", "action setservicelinks" }, { "load_balancer_config", "lbConfig" }, { "log_driver", "launchConfig.logConfig.driver" },
                { "log_opt", "launchConfig.logConfig.config" }, { "metadata", "metadata" }, { "net", "launchConfig.networkMode" },
                { "network_driver", "networkDriver" }, { "retain_ip", "retainIp" }, { "scale", "scale" }, { "scale_policy", "scalePolicy" },
                { "storage_driver", "storageDriver" }, { "upgrade_strategy", "action upgrade: inServiceStrategy" },
        };
        const struct compose_key *k = compose_key_find(name);
        const char *field = NULL;
        for (size_t i = 0; i < ARRAY_LEN(of_service); i++)
                if (str_eq(of_service[i].name, name))
                        field = of_service[i].field;
        sbuf_printf(b, "%s | ", !k ? "" : k->versions == V12 ? "1, 2" : k->versions == V1 ? "1" : "2");
        if (field)
                sbuf_printf(b, "%s | ", field);
        else if (k && k->field)
                sbuf_printf(b, "launchConfig.%s%s | ", k->type == KEY_RATES ? "blkioDeviceOptions[path]." : "", k->field);
        else
                sbuf_puts(b, "(no effect) | ");
}

static void write_table(struct sbuf *b) {
        sbuf_puts(b, "# What the compose tests use\n\n"
                  "Made by `tests/unit/formats/test-compose-coverage.c` (`DROVER_WRITE_EXPECTED=1` writes it anew); the test fails when something here has no "
                  "stack, or when this page is not current.\nThe stacks are folders of `tests/data/compose/stacks`. *Seen* is how often two public catalogs "
                  "(1,051 compose files) have it.\n");
        for (unsigned k = 0; k < KIND_MAX; k++) {
                sbuf_printf(b, "\n## %s\n\n| Name | %sSeen | Stacks |\n|---|%s---|---|\n", kinds[k].title, k == KEY ? "Version | Becomes | " : "",
                            k == KEY ? "---|---|" : "");
                for (size_t i = 0; i < features.n; i++) {
                        const struct feature *f = &features.v[i];
                        if (f->kind != (enum kind) k)
                                continue;
                        sbuf_puts(b, "| `");
                        for (const char *p = f->name; *p; p++)
                                sbuf_printf(b, "%s%c", *p == '|' ? "\\" : "", *p);
                        sbuf_puts(b, "` | ");
                        if (k == KEY)
                                write_key(b, f->name);
                        sbuf_printf(b, "%u | ", f->count);
                        for (size_t s = 0; s < f->stacks.n && s < NAMES_SHOWN; s++)
                                sbuf_printf(b, "%s%s", s ? ", " : "", stacks.v[f->stacks.v[s]]);
                        if (f->stacks.n > NAMES_SHOWN)
                                sbuf_printf(b, " and %zu more", f->stacks.n - NAMES_SHOWN);
                        sbuf_puts(b, " |\n");
                }
        }
}

TEST(the_stacks_use_every_key_function_and_question_type_and_the_table_is_current) {
        auto_sbuf struct sbuf table = SBUF(TEXT_BYTES_MAX);
        size_t missing = 0;
        read_features();
        read_stacks();
        for (size_t i = 0; i < features.n; i++)
                if (!features.v[i].stacks.n) {
                        print_error("no stack uses %s %s\n", kinds[features.v[i].kind].word, features.v[i].name);
                        missing++;
                }
        write_table(&table);
        auto_free char *page = player_read_file(DROVER_DOCS "/compose-coverage.md", NULL);
        if (getenv("DROVER_WRITE_EXPECTED") && missing == 0) {
                FILE *f = fopen(DROVER_DOCS "/compose-coverage.md", "we");
                CHECK(f);
                CHECK(fputs(sbuf_str(&table), f) >= 0);
                CHECK_INT(fclose(f), ==, 0);
        } else if (!str_eq(str_or(page, ""), sbuf_str(&table))) {
                print_error("docs/compose-coverage.md is not current\n");
                missing++;
        }
        print_message("%zu features, %zu stacks\n", features.n, stacks.n);
        for (size_t i = 0; i < features.n; i++) {
                free(features.v[i].name);
                free(keys.v[i]);
                vec_done(&features.v[i].stacks);
        }
        for (size_t i = 0; i < stacks.n; i++)
                free(stacks.v[i]);
        vec_done(&features);
        vec_done(&keys);
        vec_done(&stacks);
        smap_done(&by_key);
        CHECK_INT(missing, ==, 0);
}

TEST_MAIN("formats/compose-coverage")
