/* verb_catalog.c: drover catalog ls, show, refresh, sources, add, rm; install and upgrade are in verb_catalog_install.c */
#include <stdio.h>

#include "catalog_entry.h"
#include "catalog_verbs.h"
#include "net/http.h"
#include "verbs.h"

/* ---- ls ---- */

static const struct opt_row ls_rows[] = {
        { .name = "system", .letter = 's', .type = OPT_FLAG, .help = "infrastructure templates" },
        CLI_ALL_ROW,
        { .name = "catalog", .arg = "NAME", .type = OPT_STRING, .help = "only of this catalog" },
        { .name = "category", .arg = "CATEGORY", .type = OPT_STRING, .help = "only of this category" },
        CLI_LIST_ROWS,
};

static char *joined(const struct json_object *list) {
        auto_sbuf struct sbuf b = SBUF(4096);
        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                sbuf_printf(&b, "%s%s", i ? ", " : "", str_or(json_object_get_string(json_object_array_get_idx(list, i)), ""));
        return sbuf_steal(&b);
}

static bool has_word(const struct json_object *list, const char *word) {
        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                if (str_ieq(json_object_get_string(json_object_array_get_idx(list, i)), word))
                        return true;
        return false;
}

/* Whether a template's label lets it run under this orchestration (catalog.md 2); without the label under all. */
static bool suits(const struct json_object *t, const char *orchestration) {
        const char *list = json_str(json_get_object(t, "labels"), "io.rancher.orchestration.supported", NULL);
        size_t n = strlen(orchestration);
        if (!list || !n)
                return true;
        for (const char *p = list; *p;) {
                p += strspn(p, " ,");
                size_t len = strcspn(p, " ,");
                if (len == n && strncmp(p, orchestration, n) == 0)
                        return true;
                p += len;
        }
        return false;
}

/* Without options: what is launched as an ordinary stack here. --system: infrastructure. --all: what other orchestrations launch, too. */
static bool is_wanted(const struct opts *o, const struct json_object *t, const char *orchestration) {
        const char *base = json_str(t, "templateBase", ""), *catalog = opts_str(o, "catalog"), *category = opts_str(o, "category");
        struct json_object *categories = json_get_array(t, "categories");
        bool system = str_eq(base, "infra") || json_bool(t, "isSystem", false) || has_word(categories, "system");
        if (catalog && !str_eq(json_str(t, "catalogId", ""), catalog))
                return false;
        if (category && !has_word(categories, category))
                return false;
        if (opts_bool(o, "all"))
                return true;
        return suits(t, orchestration) && (opts_bool(o, "system") ? system : !system && !*base);
}

static int run_ls(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "ID" }, { "NAME", "Template.Name" }, { "VERSION", "Template.DefaultVersion" }, { "CATEGORY", "Category" },
                { "DESCRIPTION", "Template.Description" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *list = NULL, *project = NULL, *out = json_object_new_array();
        const char *id;
        int r = cli_connect_project(c);
        if (r < 0 || (r = api_project(c->api, &id, &c->err)) < 0)
                return r;
        auto_free char *path = dr_xasprintf("/projects/%s", id);
        if ((r = api_get(c->api, path, &project, &c->err)) < 0 || (r = catalog_templates(c, &list)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *t = json_object_array_get_idx(list, i), *row;
                if (!is_wanted(o, t, json_str(project, "orchestration", "")))
                        continue;
                auto_free char *categories = joined(json_get_array(t, "categories"));
                row = json_object_new_object();
                json_set_str(row, "ID", json_str(t, "id", NULL));
                json_set_str(row, "Category", categories);
                json_set(row, "Template", json_object_get(t));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

/* ---- show ---- */

static const struct opt_row show_rows[] = {
        { .name = "version", .arg = "VERSION", .type = OPT_STRING, .help = "this version instead of the default one" },
        { .name = "answers", .type = OPT_FLAG, .help = "print an answers file with the defaults, for install --answers" },
        { .name = "files", .type = OPT_FLAG, .help = "print the version's files" },
        { .name = "format", .arg = "FORMAT", .type = OPT_STRING, .help = "\"json\" (the template with its version), or a template such as '{{.Version.Version}}'" },
};

static void print_limits(const struct json_object *q) {
        static const struct { const char *key, *words; } limits[] = {
                { "min", "at least" }, { "max", "at most" }, { "minLength", "characters, at least" }, { "maxLength", "characters, at most" },
        };
        for (size_t i = 0; i < ARRAY_LEN(limits); i++)
                if (json_int(q, limits[i].key, 0) != 0)
                        printf(", %s %lld", limits[i].words, (long long) json_int(q, limits[i].key, 0));
        auto_free char *options = joined(json_get_array(q, "options"));
        if (*options)
                printf(", one of: %s", options);
}

static void print_question(const struct json_object *q) {
        const char *description = json_str(q, "description", ""), *initial = json_str(q, "default", "");
        bool secret = str_eq(json_str(q, "type", ""), "password");
        printf("  %s (%s)%s", json_str(q, "variable", "?"), json_str(q, "type", "string"), json_bool(q, "required", false) ? ", required" : "");
        print_limits(q);
        if (*initial)
                printf(", default: %s", secret ? "(hidden)" : initial);
        printf("\n      %s%s%s\n", json_str(q, "label", ""), *description ? ": " : "", description);
}

static void print_template(const struct json_object *t, const struct json_object *v) {
        struct json_object *questions = json_get_array(v, "questions"), *links = json_get_object(t, "versionLinks");
        auto_free char *categories = joined(json_get_array(t, "categories"));
        printf("%s\n%s\n\nid          %s\nversion     %s (%s)\ncategories  %s\n", json_str(t, "name", ""), json_str(t, "description", ""),
               json_str(t, "id", ""), json_str(v, "version", ""), json_str(v, "id", ""), categories);
        printf("versions    ");
        size_t n = 0;
        if (links) {
                json_object_object_foreach(links, name, link) {
                        (void) link;
                        printf("%s%s", n++ ? ", " : "", name);
                }
        }
        n = questions ? json_object_array_length(questions) : 0;
        puts(n ? "\n\nquestions:" : "\n\nno questions");
        for (size_t i = 0; i < n; i++)
                print_question(json_object_array_get_idx(questions, i));
}

/* As an answers file of formats/answers.h: JSON, which no value can break. */
static void print_answers(const struct json_object *v) {
        AUTO(json_free) struct json_object *answers = json_object_new_object();
        struct json_object *questions = json_get_array(v, "questions");
        auto_sbuf struct sbuf b = SBUF(TABLE_BYTES_MAX);
        for (size_t i = 0; questions && i < json_object_array_length(questions); i++) {
                struct json_object *q = json_object_array_get_idx(questions, i);
                json_set_str(answers, json_str(q, "variable", ""), json_str(q, "default", ""));
        }
        size_t n = 0;
        puts("{");
        json_object_object_foreach(answers, name, value) {
                sbuf_reset(&b);
                sbuf_json_string(&b, name, strlen(name));
                sbuf_puts(&b, ": ");
                sbuf_json_string(&b, json_object_get_string(value), strlen(json_object_get_string(value)));
                printf("%s  %s", n++ ? ",\n" : "", sbuf_str(&b));
        }
        puts(n ? "\n}" : "}");
}

static void print_files(const struct json_object *v) {
        struct json_object *files = json_get_object(v, "files");
        if (!files)
                return;
        json_object_object_foreach(files, name, text)
                printf("==> %s\n%s\n", name, str_or(json_object_get_string(text), ""));
}

static int run_show(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *t = NULL, *v = NULL, *out = json_object_new_array();
        auto_free char *version = NULL;
        int r = cli_connect_project(c);
        if (r < 0 || (r = catalog_find_template(c, opts_args(o, NULL)[0], &t, &version)) < 0 ||
            (r = catalog_get_version(c, t, opts_str(o, "version") ? opts_str(o, "version") : version, &v)) < 0)
                return r;
        if (opts_bool(o, "answers"))
                print_answers(v);
        else if (opts_bool(o, "files"))
                print_files(v);
        else if (!opts_str(o, "format"))
                print_template(t, v);
        else {
                struct json_object *row = json_object_new_object();
                json_set_str(row, "ID", json_str(t, "id", NULL));
                json_set(row, "Template", json_object_get(t));
                json_set(row, "Version", json_object_get(v));
                json_object_array_add(out, row);
                struct table_style style = { .format = opts_str(o, "format") };
                auto_sbuf struct sbuf b = SBUF(TABLE_BYTES_MAX);
                if ((r = table_render(NULL, 0, out, &style, &b, &c->err)) < 0)
                        return r;
                fputs(sbuf_str(&b), stdout);
        }
        return 0;
}

/* ---- refresh, sources ---- */

static int run_refresh(const struct opts *o, void *context) {
        struct cli *c = context;
        (void) o;
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        auto_free char *path = catalog_path(c, "/templates?action=refresh");
        r = api_call(c->api, "POST", path, NULL, NULL, &c->err);
        return r < 0 ? dr_prefix(&c->err, r, "could not refresh the catalogs") : 0;
}

static const struct opt_row sources_rows[] = { CLI_LIST_ROWS };

static int run_sources(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "NAME", "ID" }, { "URL", "Catalog.Url" }, { "BRANCH", "Catalog.Branch" }, { "COMMIT", "Catalog.Commit" }, { "STATE", "Catalog.State" },
                { "DETAIL", "Catalog.TransitioningMessage" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *answer = NULL, *out = json_object_new_array();
        (void) o;
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        auto_free char *path = catalog_path(c, "/catalogs");
        if ((r = api_get(c->api, path, &answer, &c->err)) < 0)
                return r;
        struct json_object *data = json_get_array(answer, "data");
        for (size_t i = 0; data && i < json_object_array_length(data); i++) {
                struct json_object *row = json_object_new_object(), *one = json_object_array_get_idx(data, i);
                json_set_str(row, "ID", json_str(one, "id", NULL));
                json_set(row, "Catalog", json_object_get(one));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

static const struct opt_row add_rows[] = {
        { .name = "branch", .letter = 'b', .arg = "BRANCH", .type = OPT_STRING, .dflt = "master", .help = "branch of the repository" },
};

static int run_add(const struct opts *o, void *context) {
        struct cli *c = context;
        const char *const *args = opts_args(o, NULL);
        AUTO(json_free) struct json_object *body = json_object_new_object(), *made = NULL;
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        json_set_str(body, "name", args[0]);
        json_set_str(body, "url", args[1]);
        json_set_str(body, "branch", opts_str(o, "branch"));
        auto_free char *path = catalog_path(c, "/catalogs");
        if ((r = api_call(c->api, "POST", path, body, &made, &c->err)) < 0)
                return dr_prefix(&c->err, r, "could not add catalog \"%s\"", args[0]);
        printf("%s\n", json_str(made, "id", args[0]));
        (void) fflush(stdout);
        /* A new catalog is fetched by a refresh (catalog.md 5). */
        return run_refresh(o, c);
}

static int run_rm(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *names = opts_args(o, &n);
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                auto_sbuf struct sbuf name = SBUF(1024);
                http_escape(&name, names[i]);
                auto_free char *path = catalog_path(c, "/catalogs/%s", sbuf_str(&name));
                struct dr_error err = { 0 };
                AUTO(json_free) struct json_object *there = NULL;
                /* Deleting what is not there succeeds, so look first. */
                if (api_get(c->api, path, &there, &err) < 0 || api_call(c->api, "DELETE", path, NULL, NULL, &err) < 0)
                        cli_complain(c, &err);
                else
                        printf("%s\n", names[i]);
        }
        return 0;
}

static const struct opt_command ls = { .name = "ls", .aliases = "list", .summary = "list templates", OPT_ROWS(ls_rows), .run = run_ls };
static const struct opt_command show = { .name = "show", .summary = "show a template: its versions and questions", .args = "TEMPLATE[:VERSION]", .min_args = 1,
                                         .max_args = 1, .complete = "catalog-template", OPT_ROWS(show_rows), .run = run_show };
static const struct opt_command refresh = { .name = "refresh", .summary = "look for new templates and versions in all catalogs, now", .run = run_refresh };
static const struct opt_command sources = { .name = "sources", .summary = "list the catalogs that templates come from", OPT_ROWS(sources_rows), .run = run_sources };
static const struct opt_command add = { .name = "add", .summary = "add a catalog to the environment and fetch it", .args = "NAME URL", .min_args = 2, .max_args = 2,
                                        OPT_ROWS(add_rows), .run = run_add };
static const struct opt_command rm = { .name = "rm", .summary = "take catalogs out of the environment; stacks made from them stay", .args = "NAME...",
                                       .min_args = 1, .max_args = OPT_ANY, .run = run_rm };
static const struct opt_command *const sub[] = { &ls, &show, &catalog_install, &catalog_upgrade, &refresh, &sources, &add, &rm };
const struct opt_command verb_catalog = {
        .name = "catalog", .summary = "templates: list, show, install, upgrade",
        .about = "A template is named by its id (\"library:web\", \"library/web\"), or by its folder or name while only one catalog has it.",
        OPT_ROWS(ls_rows), OPT_SUB(sub), .run = run_ls,
};
