/* verb_env.c: drover environment|env ls, create, rm, activate, deactivate, use; the others have files of their own (env_verbs.h) */
#include <stdio.h>

#include "config_file.h"
#include "env_members.h"
#include "env_template.h"
#include "env_verbs.h"
#include "verbs.h"

static const struct opt_row ls_rows[] = { CLI_ALL_ROW, CLI_LIST_ROWS };

static int run_ls(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "ID" }, { "NAME", "Environment.Name" }, { "ORCHESTRATION", "Orchestration" }, { "STATE", "State" },
                { "CREATED", "Environment.Created" }, { "DETAIL", "Environment.TransitioningMessage" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *list = NULL, *out = json_object_new_array();
        int r = cli_connect(c, NULL);
        if (r < 0 || (r = api_list(c->api, opts_bool(o, "all") ? "/projects?all=true" : "/projects", &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *p = json_object_array_get_idx(list, i), *row;
                if (cli_is_hidden(p) && !opts_bool(o, "all"))
                        continue;
                row = json_object_new_object();
                json_set_str(row, "ID", json_str(p, "id", NULL));
                json_set_str(row, "Orchestration", json_str(p, "orchestration", "cattle"));
                json_set_str(row, "State", waiter_combined_state(p));
                json_set(row, "Environment", json_object_get(p));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

static const struct opt_row create_rows[] = {
        { .name = "template", .letter = 't', .arg = "TEMPLATE", .type = OPT_STRING, .complete = "template", .help = "environment template, by name or id" },
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "description" },
        { .name = "member", .arg = "NAME[=ROLE]", .type = OPT_LIST,
          .help = "member with a role: owner, member, restricted, readonly; one has to be owner. Without any it is you alone" },
};

/* What all that are made have in common. */
static int create_body(struct cli *c, const struct opts *o, struct json_object **ret) {
        AUTO(json_free) struct json_object *body = json_object_new_object(), *template = NULL, *members = json_object_new_array();
        size_t n;
        const char *const *words = opts_list(o, "member", &n);
        if (opts_str(o, "description"))
                json_set_str(body, "description", opts_str(o, "description"));
        int r = opts_str(o, "template") ? env_template_find(c, opts_str(o, "template"), &template) : 0;
        if (r < 0 || (r = env_members_add(c, words, n, members)) < 0)
                return r;
        if (template)
                json_set_str(body, "projectTemplateId", json_str(template, "id", ""));
        if (n)
                json_set(body, "members", dr_take(members));
        *ret = dr_take(body);
        return 0;
}

static int run_create(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *names = opts_args(o, &n);
        AUTO(json_free) struct json_object *body = NULL;
        int r = cli_connect(c, NULL);
        if (r < 0 || (r = create_body(c, o, &body)) < 0)
                return r;
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, false, &progress);
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *made = NULL;
                json_set_str(body, "name", names[i]);
                if ((r = api_call(c->api, "POST", "/projects", body, &made, &c->err)) < 0)
                        return dr_prefix(&c->err, r, "could not create environment \"%s\"", names[i]);
                printf("%s\n", json_str(made, "id", ""));
                if (w)
                        waiter_add(w, made, names[i]);
        }
        (void) fflush(stdout);
        return w ? waiter_run(w, &c->err) : 0;
}

static int act(struct cli *c, struct json_object **resource, struct dr_error *err) {
        bool activate = str_eq(opts_command(c->opts)->name, "activate");
        return cli_act(c, resource, (const char *const[]) { activate ? "activate" : "deactivate", NULL }, NULL, err);
}

static int run_act(const struct opts *o, void *context) {
        (void) o;
        return cli_each(context, BIT(RES_PROJECT), act);
}

static int remove_one(struct cli *c, struct json_object **resource, struct dr_error *err) {
        auto_free char *path = dr_xasprintf("/projects/%s", json_str(*resource, "id", ""));
        return api_call(c->api, "DELETE", path, NULL, NULL, err);
}

static int run_rm(const struct opts *o, void *context) {
        (void) o;
        return cli_each(context, BIT(RES_PROJECT), remove_one);
}

static int run_use(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *project = NULL;
        int r = cli_connect(c, NULL);
        if (r < 0 || (r = lookup(c->api, opts_args(o, NULL)[0], BIT(RES_PROJECT), &project, &c->err)) < 0)
                return r;
        json_set_str(c->config, "environment", json_str(project, "id", NULL));
        if ((r = config_file_save(c->config_path, c->config, &c->err)) < 0)
                return r;
        printf("%s\n", json_str(project, "id", ""));
        return 0;
}

static const struct opt_command ls = { .name = "ls", .aliases = "list", .summary = "list environments", OPT_ROWS(ls_rows), .run = run_ls };
static const struct opt_command create = { .name = "create", .summary = "create environments", .args = "NAME...", .min_args = 1, .max_args = OPT_ANY,
                                           OPT_ROWS(create_rows), .run = run_create };
static const struct opt_command rm = { .name = "rm", .summary = "remove environments and all that is in them", .args = "ENV...", .min_args = 1,
                                       .max_args = OPT_ANY, .complete = "environment", .run = run_rm };
static const struct opt_command activate = { .name = "activate", .summary = "activate environments", .args = "ENV...", .min_args = 1,
                                             .max_args = OPT_ANY, .complete = "environment", .run = run_act };
static const struct opt_command deactivate = { .name = "deactivate", .summary = "deactivate environments", .args = "ENV...", .min_args = 1,
                                               .max_args = OPT_ANY, .complete = "environment", .run = run_act };
static const struct opt_command use = { .name = "use", .summary = "remember an environment as the one to work in", .args = "ENV", .min_args = 1,
                                        .max_args = 1, .complete = "environment", .run = run_use };
static const struct opt_command *const sub[] = { &ls, &create, &env_verb_update, &env_verb_clone, &env_verb_members, &rm, &activate, &deactivate, &use, &env_verb_templates,
                                                 &env_verb_upgrades };
const struct opt_command verb_env = { .name = "environment", .aliases = "env environments", .summary = "environments and their templates: list, create, clone, change, remove, switch",
                                      OPT_ROWS(ls_rows), OPT_SUB(sub), .run = run_ls };
