/* verb_env_change.c: drover env update, clone, members */
#include <stdio.h>

#include "env_members.h"
#include "env_template.h"
#include "env_verbs.h"

static int find_project(struct cli *c, const char *word, struct json_object **ret) {
        int r = cli_connect(c, NULL);
        return r < 0 ? r : lookup(c->api, word, BIT(RES_PROJECT), ret, &c->err);
}

/* ---- update ---- */
static const struct opt_row update_rows[] = {
        { .name = "name", .arg = "NAME", .type = OPT_STRING, .help = "another name" },
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "another description" },
        { .name = "member", .arg = "NAME[=ROLE]", .type = OPT_LIST, .help = "add a member, or change the role of one: owner, member, restricted, readonly" },
        { .name = "remove-member", .arg = "NAME", .type = OPT_LIST, .help = "take a member out" },
};

static int update_fields(struct cli *c, const struct opts *o, const struct json_object *project) {
        AUTO(json_free) struct json_object *body = json_object_new_object();
        if (opts_str(o, "name"))
                json_set_str(body, "name", opts_str(o, "name"));
        if (opts_str(o, "description"))
                json_set_str(body, "description", opts_str(o, "description"));
        if (!json_object_object_length(body))
                return 0;
        auto_free char *path = dr_xasprintf("/projects/%s", json_str(project, "id", ""));
        return api_call(c->api, "PUT", path, body, NULL, &c->err);
}

static int update_members(struct cli *c, const struct opts *o, struct json_object *project) {
        size_t n_add, n_drop;
        const char *const *add = opts_list(o, "member", &n_add), *const *drop = opts_list(o, "remove-member", &n_drop);
        AUTO(json_free) struct json_object *members = NULL, *body = json_object_new_object();
        if (!n_add && !n_drop)
                return 0;
        int r = env_members_of(c, project, &members);
        if (r < 0 || (r = env_members_add(c, add, n_add, members)) < 0 || (r = env_members_drop(c, drop, n_drop, &members)) < 0)
                return r;
        json_set(body, "members", dr_take(members));
        return api_action(c->api, project, "setmembers", body, NULL, &c->err);
}

static int run_update(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *project = NULL;
        int r = find_project(c, opts_args(o, NULL)[0], &project);
        if (r < 0 || (r = update_fields(c, o, project)) < 0 || (r = update_members(c, o, project)) < 0)
                return r;
        printf("%s\n", json_str(project, "id", ""));
        return 0;
}

/* ---- members ---- */
static const struct opt_row members_rows[] = { CLI_LIST_ROWS };

static int run_members(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "Member.ExternalId" }, { "NAME", "Member.Name" }, { "ROLE", "Member.Role" }, { "TYPE", "Member.ExternalIdType" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *project = NULL, *list = NULL, *out = json_object_new_array();
        int r = find_project(c, opts_args(o, NULL)[0], &project);
        if (r < 0)
                return r;
        auto_free char *path = dr_xasprintf("/projects/%s/projectMembers", json_str(project, "id", ""));
        if ((r = api_list(c->api, path, &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *m = json_object_array_get_idx(list, i), *row = json_object_new_object();
                json_set_str(row, "ID", json_str(m, "id", NULL));
                json_set(row, "Member", json_object_get(m));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

/* ---- clone ---- */
static const struct opt_row clone_rows[] = {
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "description; without it that of the original" },
        { .name = "no-members", .type = OPT_FLAG, .help = "only you, not the members of the original" },
};

/* The infrastructure stacks as they are now become a template of one's own: the clone is made from it. */
static int make_template(struct cli *c, const struct json_object *project, const char *name, struct json_object **ret) {
        AUTO(json_free) struct json_object *stacks = NULL, *body = json_object_new_object();
        int r = env_template_of(c, project, &stacks);
        if (r < 0 || json_object_array_length(stacks) == 0)
                return r;
        auto_free char *title = dr_xasprintf("%s (infrastructure of %s)", name, json_str(project, "name", ""));
        json_set_str(body, "name", title);
        json_set(body, "stacks", dr_take(stacks));
        return api_call(c->api, "POST", "/projectTemplates", body, ret, &c->err);
}

static int make_clone(struct cli *c, const struct opts *o, const struct json_object *project, const struct json_object *template, struct json_object **ret) {
        AUTO(json_free) struct json_object *body = json_object_new_object(), *members = NULL;
        const char *description = opts_str(o, "description") ? opts_str(o, "description") : json_str(project, "description", NULL);
        json_set_str(body, "name", opts_args(o, NULL)[1]);
        if (description)
                json_set_str(body, "description", description);
        if (template)
                json_set_str(body, "projectTemplateId", json_str(template, "id", ""));
        if (json_get(project, "servicesPortRange"))
                json_set(body, "servicesPortRange", json_object_get(json_get(project, "servicesPortRange")));
        if (!opts_bool(o, "no-members")) {
                int r = env_members_of(c, project, &members);
                if (r < 0)
                        return r;
                json_set(body, "members", dr_take(members));
        }
        return api_call(c->api, "POST", "/projects", body, ret, &c->err);
}

static int run_clone(const struct opts *o, void *context) {
        struct cli *c = context;
        const char *const *args = opts_args(o, NULL);
        AUTO(json_free) struct json_object *project = NULL, *template = NULL, *made = NULL;
        AUTO(progress_free) struct progress *progress = NULL;
        int r = find_project(c, args[0], &project);
        if (r < 0 || (r = make_template(c, project, args[1], &template)) < 0)
                return r;
        if ((r = make_clone(c, o, project, template, &made)) < 0) {
                auto_free char *path = dr_xasprintf("/projectTemplates/%s", json_str(template, "id", ""));
                if (template)
                        (void) api_call(c->api, "DELETE", path, NULL, NULL, NULL);      /* made for it: of no use without */
                return r;
        }
        printf("%s\n", json_str(made, "id", ""));
        (void) fflush(stdout);
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, false, &progress);
        if (!w)
                return 0;
        waiter_add(w, made, args[1]);
        return waiter_run(w, &c->err);
}

const struct opt_command env_verb_update = { .name = "update", .aliases = "edit", .summary = "change name, description and members of an environment", .args = "ENV",
                                             .min_args = 1, .max_args = 1, .complete = "environment", OPT_ROWS(update_rows), .run = run_update };
const struct opt_command env_verb_members = { .name = "members", .summary = "list who may use an environment", .args = "ENV", .min_args = 1, .max_args = 1,
                                              .complete = "environment", OPT_ROWS(members_rows), .run = run_members };
const struct opt_command env_verb_clone = {
        .name = "clone", .summary = "make an environment with the infrastructure stacks and members of another", .args = "ENV NEWNAME", .min_args = 2, .max_args = 2,
        .about = "The infrastructure stacks of ENV, with their versions and answers, become an environment template of your own; the new environment is\n"
                 "made from it. Hosts and applications are not copied.",
        .complete = "environment", OPT_ROWS(clone_rows), .run = run_clone };
