/* verb_volumes.c: drover volumes ls, create, rm */
#include <stdio.h>

#include "cli.h"
#include "verbs.h"

static const struct opt_row ls_rows[] = { CLI_ALL_ROW, CLI_LIST_ROWS };

static int run_ls(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "ID" }, { "NAME", "Volume.Name" }, { "STATE", "State" }, { "DRIVER", "Volume.Driver" }, { "HOST", "Host" }, { "DETAIL", "Volume.TransitioningMessage" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *list = NULL, *out = json_object_new_array();
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        auto_free char *path = lookup_collection(c->api, RES_VOLUME);
        if ((r = api_list(c->api, path, &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *v = json_object_array_get_idx(list, i), *row;
                if (cli_is_hidden(v) && !opts_bool(o, "all") && !str_eq(json_str(v, "state", ""), "inactive"))
                        continue;
                row = json_object_new_object();
                json_set_str(row, "ID", json_str(v, "id", NULL));
                json_set_str(row, "State", json_str(v, "state", ""));
                json_set_str(row, "Host", json_str(v, "hostId", ""));
                json_set(row, "Volume", json_object_get(v));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

static const struct opt_row create_rows[] = {
        { .name = "driver", .letter = 'd', .arg = "DRIVER", .type = OPT_STRING, .dflt = "local", .help = "volume driver" },
        { .name = "opt", .arg = "KEY=VALUE", .type = OPT_LIST, .help = "option of the driver" },
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "description" },
};

static int run_create(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n, n_opts;
        const char *const *names = opts_args(o, &n), *const *pairs = opts_list(o, "opt", &n_opts);
        AUTO(json_free) struct json_object *driver_opts = json_object_new_object();
        for (size_t i = 0; i < n_opts; i++) {
                const char *eq = strchr(pairs[i], '=');
                if (!eq)
                        return dr_fail(&c->err, DR_E_INVALID_FORMAT, "opt", "--opt: \"%.100s\" is not KEY=VALUE", pairs[i]);
                auto_free char *key = dr_xstrndup(pairs[i], (size_t) (eq - pairs[i]));
                json_set_str(driver_opts, key, eq + 1);
        }
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, false, &progress);
        auto_free char *path = lookup_collection(c->api, RES_VOLUME);
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *body = json_object_new_object(), *made = NULL;
                json_set_str(body, "name", names[i]);
                json_set_str(body, "driver", opts_str(o, "driver"));
                json_set(body, "driverOpts", json_object_get(driver_opts));
                if (opts_str(o, "description"))
                        json_set_str(body, "description", opts_str(o, "description"));
                if ((r = api_call(c->api, "POST", path, body, &made, &c->err)) < 0)
                        return dr_prefix(&c->err, r, "could not create volume \"%s\"", names[i]);
                printf("%s\n", json_str(made, "id", ""));
                if (w)
                        waiter_add(w, made, names[i]);
        }
        (void) fflush(stdout);
        return w ? waiter_run(w, &c->err) : 0;
}

static int rm_one(struct cli *c, struct json_object **resource, struct dr_error *err) {
        AUTO(json_free) struct json_object *gone = NULL;
        int r = 0;
        if (api_can(*resource, "deactivate") && !api_can(*resource, "remove"))
                r = cli_act(c, resource, (const char *const[]) { "deactivate", NULL }, NULL, err);
        const char *self = json_str(json_get_object(*resource, "links"), "self", "");
        return r < 0 ? r : api_call(c->api, "DELETE", self, NULL, &gone, err);
}
static int run_rm(const struct opts *o, void *context) {
        (void) o;
        return cli_each(context, (unsigned) BIT(RES_VOLUME), rm_one);
}

static const struct opt_command ls = { .name = "ls", .aliases = "list", .summary = "list volumes", OPT_ROWS(ls_rows), .run = run_ls };
static const struct opt_command create = { .name = "create", .summary = "create volumes", .args = "NAME...", .min_args = 1, .max_args = OPT_ANY,
                                           OPT_ROWS(create_rows), .run = run_create };
static const struct opt_command rm = { .name = "rm", .aliases = "delete", .summary = "remove volumes, with what is in them", .args = "NAME...", .min_args = 1,
                                       .max_args = OPT_ANY, .complete = "volume", .run = run_rm };
static const struct opt_command *const sub[] = { &ls, &create, &rm };
const struct opt_command verb_volumes = { .name = "volumes", .aliases = "volume", .summary = "list, create and remove volumes", OPT_ROWS(ls_rows), OPT_SUB(sub), .run = run_ls };
