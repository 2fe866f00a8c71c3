/* verb_env_upgrades.c: drover env upgrades ls, start, rm: upgrades of infrastructure stacks that the server has planned */
#include <stdio.h>

#include "cli.h"
#include "env_verbs.h"

static const struct opt_row ls_rows[] = { CLI_LIST_ROWS };

static const char *stack_name(const struct json_object *stacks, const char *id) {
        for (size_t i = 0; i < json_object_array_length(stacks); i++)
                if (str_eq(json_str(json_object_array_get_idx(stacks, i), "id", NULL), id))
                        return json_str(json_object_array_get_idx(stacks, i), "name", id);
        return id;
}

static int run_ls(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "ID" }, { "STACK", "Stack" }, { "STATE", "Upgrade.State" }, { "CREATED", "Upgrade.Created" }, { "STARTED", "Upgrade.Started" },
                { "DETAIL", "Upgrade.TransitioningMessage" },
        };
        (void) o;
        struct cli *c = context;
        AUTO(json_free) struct json_object *list = NULL, *stacks = NULL, *out = json_object_new_array();
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        auto_free char *path = api_project_path(c->api, "/scheduledUpgrades"), *stacks_path = api_project_path(c->api, "/stacks");
        if ((r = api_list(c->api, path, &list, &c->err)) < 0 || (r = api_list(c->api, stacks_path, &stacks, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *u = json_object_array_get_idx(list, i), *row = json_object_new_object();
                json_set_str(row, "ID", json_str(u, "id", NULL));
                json_set_str(row, "Stack", stack_name(stacks, json_str(u, "stackId", "")));
                json_set(row, "Upgrade", json_object_get(u));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

/* The action of the verb's own name on each. */
static int run_act(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *ids = opts_args(o, &n), *action = str_eq(opts_command(o)->name, "rm") ? "remove" : "start";
        int r = cli_connect_project(c);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                auto_free char *path = api_project_path(c->api, "/scheduledUpgrades/%s?action=%s", ids[i], action);
                AUTO(json_free) struct json_object *body = json_object_new_object();
                r = api_call(c->api, "POST", path, body, NULL, &c->err);
                if (r >= 0)
                        printf("%s\n", ids[i]);
        }
        return r < 0 ? r : 0;
}

static const struct opt_command ls = { .name = "ls", .aliases = "list", .summary = "list planned upgrades", OPT_ROWS(ls_rows), .run = run_ls };
static const struct opt_command start = { .name = "start", .summary = "begin planned upgrades now", .args = "ID...", .min_args = 1, .max_args = OPT_ANY, .run = run_act };
static const struct opt_command rm = { .name = "rm", .summary = "call planned upgrades off", .args = "ID...", .min_args = 1, .max_args = OPT_ANY, .run = run_act };
static const struct opt_command *const sub[] = { &ls, &start, &rm };
const struct opt_command env_verb_upgrades = { .name = "upgrades", .summary = "planned upgrades of infrastructure stacks: list, start, call off", OPT_ROWS(ls_rows),
                                               OPT_SUB(sub), .run = run_ls };
