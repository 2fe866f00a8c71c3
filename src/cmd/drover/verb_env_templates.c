/* verb_env_templates.c: drover env templates ls, create, import, export, rm */
#include <stdio.h>

#include "env_template.h"
#include "env_verbs.h"

static const struct opt_row ls_rows[] = { CLI_LIST_ROWS };

static char *stack_names(const struct json_object *template) {
        auto_sbuf struct sbuf b = SBUF(64 << 10);
        struct json_object *stacks = json_get_array(template, "stacks");
        for (size_t i = 0; stacks && i < json_object_array_length(stacks); i++)
                sbuf_printf(&b, "%s%s", i ? ", " : "", json_str(json_object_array_get_idx(stacks, i), "name", ""));
        return sbuf_steal(&b);
}

static int run_ls(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "ID" }, { "NAME", "Template.Name" }, { "STACKS", "Stacks" }, { "CATALOG", "Template.ExternalId" }, { "DESCRIPTION", "Template.Description" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *list = NULL, *out = json_object_new_array();
        int r = cli_connect(c, NULL);
        if (r < 0 || (r = api_list(c->api, "/projectTemplates", &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *t = json_object_array_get_idx(list, i), *row = json_object_new_object();
                auto_free char *stacks = stack_names(t);
                json_set_str(row, "ID", json_str(t, "id", NULL));
                json_set_str(row, "Stacks", stacks);
                json_set(row, "Template", json_object_get(t));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

/* ---- create, import ---- */
#define CREATE_ROWS                                                                                                             \
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "description" },                                     \
        { .name = "public", .type = OPT_FLAG, .help = "for everybody, not only for you (administrators)" }

static const struct opt_row create_rows[] = {
        { .name = "file", .letter = 'f', .arg = "FILE", .type = OPT_PATH, .help = "list of stacks in the form of a catalog's project.yml; \"-\" is standard input" },
        { .name = "from", .arg = "ENV", .type = OPT_STRING, .complete = "environment", .help = "the infrastructure stacks of this environment" },
        { .name = "stack", .letter = 's', .arg = "[NAME=]TEMPLATE", .type = OPT_LIST,
          .help = "a stack from a catalog, as library:infra*ipsec (its default version) or library:infra*ipsec:5" },
        CREATE_ROWS,
};
static const struct opt_row import_rows[] = {
        { .name = "name", .arg = "NAME", .type = OPT_STRING, .help = "another name than the file's" },
        CREATE_ROWS,
};

static int post(struct cli *c, const struct opts *o, struct json_object *template, const char *name) {
        AUTO(json_free) struct json_object *made = NULL;
        if (name)
                json_set_str(template, "name", name);
        if (opts_str(o, "description"))
                json_set_str(template, "description", opts_str(o, "description"));
        if (opts_bool(o, "public"))
                json_set_bool(template, "isPublic", true);
        if (!*json_str(template, "name", ""))
                return dr_fail(&c->err, DR_E_MISSING_REQUIRED, "name", "the file has no name: give one with --name");
        int r = cli_connect(c, NULL);
        if (r < 0 || (r = api_call(c->api, "POST", "/projectTemplates", template, &made, &c->err)) < 0)
                return r;
        printf("%s\n", json_str(made, "id", ""));
        return 0;
}

static struct json_object *entry_of_word(const char *word) {
        struct json_object *e = json_object_new_object();
        const char *eq = strchr(word, '='), *id = eq ? eq + 1 : word, *colon = strchr(id, ':');
        if (eq) {
                auto_free char *name = dr_xstrndup(word, (size_t) (eq - word));
                json_set_str(e, "name", name);
        }
        json_set_str(e, colon && strchr(colon + 1, ':') ? "templateVersionId" : "templateId", id);
        return e;
}

/* The lists of all that was given, one behind the other. */
static int gather(struct cli *c, const struct opts *o, struct json_object **ret) {
        AUTO(json_free) struct json_object *template = NULL, *project = NULL, *stacks = NULL;
        size_t n;
        const char *const *words = opts_list(o, "stack", &n);
        int r = opts_str(o, "file") ? env_template_read(c, opts_str(o, "file"), &template) : 0;
        if (r < 0)
                return r;
        if (!template)
                template = json_object_new_object();
        if (!json_get_array(template, "stacks"))
                json_set(template, "stacks", json_object_new_array());
        struct json_object *list = json_get_array(template, "stacks");
        if (opts_str(o, "from")) {
                if ((r = cli_connect(c, NULL)) < 0 || (r = lookup(c->api, opts_str(o, "from"), BIT(RES_PROJECT), &project, &c->err)) < 0 ||
                    (r = env_template_of(c, project, &stacks)) < 0)
                        return r;
                for (size_t i = 0; i < json_object_array_length(stacks); i++)
                        json_object_array_add(list, json_object_get(json_object_array_get_idx(stacks, i)));
        }
        for (size_t i = 0; i < n; i++)
                json_object_array_add(list, entry_of_word(words[i]));
        *ret = dr_take(template);
        return 0;
}

static int run_create(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *template = NULL;
        int r = gather(c, o, &template);
        return r < 0 ? r : post(c, o, template, opts_args(o, NULL)[0]);
}

static int run_import(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *template = NULL;
        int r = env_template_read(c, opts_args(o, NULL)[0], &template);
        return r < 0 ? r : post(c, o, template, opts_str(o, "name"));
}

/* ---- export, rm ---- */
static int each(struct cli *c, int (*fn)(struct cli *c, const struct json_object *template)) {
        size_t n;
        const char *const *words = opts_args(c->opts, &n);
        int r = cli_connect(c, NULL);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                AUTO(json_free) struct json_object *template = NULL;
                r = env_template_find(c, words[i], &template);
                if (r >= 0)
                        r = fn(c, template);
        }
        return r < 0 ? r : 0;
}

static int export_one(struct cli *c, const struct json_object *template) {
        (void) c;
        auto_free char *text = env_template_yaml(template);
        fputs(text, stdout);
        return 0;
}

static int run_export(const struct opts *o, void *context) {
        (void) o;
        return each(context, export_one);
}

static int remove_one(struct cli *c, const struct json_object *template) {
        auto_free char *path = dr_xasprintf("/projectTemplates/%s", json_str(template, "id", ""));
        int r = api_call(c->api, "DELETE", path, NULL, NULL, &c->err);
        if (r >= 0)
                printf("%s\n", json_str(template, "id", ""));
        return r;
}

static int run_rm(const struct opts *o, void *context) {
        (void) o;
        return each(context, remove_one);
}

static const struct opt_command ls = { .name = "ls", .aliases = "list", .summary = "list environment templates", OPT_ROWS(ls_rows), .run = run_ls };
static const struct opt_command create = {
        .name = "create", .summary = "make an environment template", .args = "NAME", .min_args = 1, .max_args = 1,
        .about = "What it lists comes from a file, from an environment there is, from catalog entries named one by one, or from all of these.", OPT_ROWS(create_rows),
        .run = run_create };
static const struct opt_command import = { .name = "import", .summary = "make an environment template out of a file", .args = "FILE", .min_args = 1, .max_args = 1,
                                           OPT_ROWS(import_rows), .run = run_import };
static const struct opt_command export = { .name = "export", .summary = "print environment templates as files that import takes", .args = "TEMPLATE", .min_args = 1,
                                           .max_args = 1, .complete = "template", .run = run_export };
static const struct opt_command rm = { .name = "rm", .summary = "remove environment templates; environments made from them stay as they are", .args = "TEMPLATE...",
                                       .min_args = 1, .max_args = OPT_ANY, .complete = "template", .run = run_rm };
static const struct opt_command *const sub[] = { &ls, &create, &import, &export, &rm };
const struct opt_command env_verb_templates = { .name = "templates", .aliases = "template", .summary = "environment templates: list, create, import, export, remove",
                                                OPT_ROWS(ls_rows), OPT_SUB(sub), .run = run_ls };
