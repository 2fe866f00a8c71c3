/* verb_stacks.c: drover stacks|stack ls, create, rm; upgrades are in verb_stack_upgrade.c */
#include <stdio.h>

#include "catalog_entry.h"
#include "stack_files.h"
#include "stack_verbs.h"
#include "verbs.h"

static const struct opt_row ls_rows[] = { CLI_SYSTEM_ROW, CLI_ALL_ROW, CLI_LIST_ROWS };

/* The newest version that a stack's template has for it; "" when there is none, "gone" when the catalog has its version no more. known: answers so
 * far, by externalId. Borrowed from known. */
static const char *upgrade_of(struct cli *c, const struct json_object *stack, struct json_object *known) {
        const char *external = json_str(stack, "externalId", "");
        if (!str_starts(external, "catalog://") && !str_starts(external, "system-catalog://"))
                return "";
        if (!json_has(known, external)) {
                AUTO(json_free) struct json_object *version = NULL;
                struct dr_error kept = c->err;
                int r = catalog_version_of_stack(c, stack, &version);
                c->err = kept;          /* the listing is worth more than this column */
                json_set_str(known, external, r == -ENOENT ? "gone" : r < 0 ? "" : str_or(catalog_newest_upgrade(version), ""));
        }
        return json_str(known, external, "");
}

static int run_ls(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "ID" }, { "NAME", "Stack.Name" }, { "STATE", "State" }, { "CATALOG", "Catalog" }, { "UPGRADE", "Upgrade" }, { "SERVICES", "ServiceCount" },
                { "SYSTEM", "System" }, { "DETAIL", "Stack.TransitioningMessage" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *list = NULL, *out = json_object_new_array(), *known = json_object_new_object();
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        auto_free char *path = api_project_path(c->api, "/stacks");
        if ((r = api_list(c->api, path, &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *stack = json_object_array_get_idx(list, i), *row;
                bool system = json_bool(stack, "system", false);
                if ((system && !opts_bool(o, "system")) || (cli_is_hidden(stack) && !opts_bool(o, "all")))
                        continue;
                row = json_object_new_object();
                json_set_str(row, "ID", json_str(stack, "id", NULL));
                json_set_str(row, "State", waiter_combined_state(stack));
                json_set_str(row, "Catalog", json_str(stack, "externalId", NULL));
                json_set_str(row, "Upgrade", opts_bool(o, "quiet") ? "" : upgrade_of(c, stack, known));
                struct json_object *ids = json_get_array(stack, "serviceIds");
                json_set_int(row, "ServiceCount", ids ? (int64_t) json_object_array_length(ids) : 0);
                json_set_bool(row, "System", system);
                json_set(row, "Stack", json_object_get(stack));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

static const struct opt_row create_rows[] = {
        { .name = "start", .type = OPT_FLAG, .dflt = "true", .help = "start the services once they are created (--no-start: do not)" },
        { .name = "system", .letter = 's', .type = OPT_FLAG, .help = "an infrastructure stack" },
        { .name = "empty", .letter = 'e', .type = OPT_FLAG, .help = "without services" },
        { .name = "quiet", .letter = 'q', .type = OPT_FLAG, .help = "only show ids" },
        { .name = "docker-compose", .letter = 'f', .arg = "FILE", .type = OPT_PATH, .dflt = "docker-compose.yml", .help = "compose file" },
        { .name = "rancher-compose", .letter = 'r', .arg = "FILE", .type = OPT_PATH, .dflt = "rancher-compose.yml", .help = "Rancher's compose file" },
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "description" },
};

static int run_create(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *names = opts_args(o, &n);
        AUTO(json_free) struct json_object *files = json_object_new_object();
        int r;
        if (!opts_bool(o, "empty") && (r = stack_files_read(c, files)) < 0)
                return r;
        if ((r = cli_connect_project(c)) < 0)
                return r;
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, false, &progress);
        auto_free char *path = api_project_path(c->api, "/stacks");
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *body = json_copy(files), *made = NULL;
                json_set_str(body, "name", names[i]);
                json_set_bool(body, "startOnCreate", opts_bool(o, "start"));
                if (opts_bool(o, "system"))
                        json_set_bool(body, "system", true);
                if (opts_str(o, "description"))
                        json_set_str(body, "description", opts_str(o, "description"));
                if ((r = api_call(c->api, "POST", path, body, &made, &c->err)) < 0)
                        return dr_prefix(&c->err, r, "could not create stack \"%s\"", names[i]);
                printf("%s\n", json_str(made, "id", ""));
                if (w)
                        waiter_add(w, made, names[i]);
        }
        (void) fflush(stdout);
        return w ? waiter_run(w, &c->err) : 0;
}

static int remove_one(struct cli *c, struct json_object **resource, struct dr_error *err) {
        auto_free char *path = api_project_path(c->api, "/stacks/%s", json_str(*resource, "id", ""));
        return api_call(c->api, "DELETE", path, NULL, NULL, err);
}

static int run_rm(const struct opts *o, void *context) {
        (void) o;
        return cli_each(context, BIT(RES_STACK), remove_one);
}

static const struct opt_command ls = { .name = "ls", .aliases = "list", .summary = "list stacks", OPT_ROWS(ls_rows), .run = run_ls };
static const struct opt_command create = { .name = "create", .summary = "create stacks from compose files", .args = "NAME...", .min_args = 1,
                                           .max_args = OPT_ANY, OPT_ROWS(create_rows), .run = run_create };
static const struct opt_command rm = { .name = "rm", .summary = "remove stacks with their services", .args = "STACK...", .min_args = 1,
                                       .max_args = OPT_ANY, .complete = "stack", .run = run_rm };
static const struct opt_command *const sub[] = { &ls, &create, &stack_upgrade, &stack_finish, &stack_rollback, &stack_cancel, &rm };
const struct opt_command verb_stacks = { .name = "stacks", .aliases = "stack", .summary = "stacks: list, create, upgrade, remove", OPT_ROWS(ls_rows),
                                         OPT_SUB(sub), .run = run_ls };
