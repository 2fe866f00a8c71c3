/* verb_hosts.c: drover hosts|host ls, rm, activate, deactivate, evacuate, create, join-command */
#include <stdio.h>
#include <time.h>

#include "base/times.h"
#include "cli.h"
#include "join_command.h"
#include "verbs.h"

enum { TOKEN_ACTIVE_MS = 30000, TOKEN_POLL_MS = 100 };

static const struct opt_row ls_rows[] = { CLI_ALL_ROW, CLI_LIST_ROWS };

static char *labels_of(const struct json_object *host) {
        auto_sbuf struct sbuf b = SBUF(64 * 1024);
        struct json_object *labels = json_get_object(host, "labels");
        if (labels) {
                json_object_object_foreach(labels, key, value)
                        if (!str_starts(key, "io.rancher"))
                                sbuf_printf(&b, "%s%s=%s", b.len ? "," : "", key, str_or(json_object_get_string(value), ""));
        }
        return sbuf_steal(&b);
}

static int run_ls(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "ID" }, { "HOSTNAME", "Name" }, { "STATE", "State" }, { "CONTAINERS", "ContainerCount" }, { "IP", "Host.AgentIpAddress" },
                { "LABELS", "Labels" }, { "DETAIL", "Host.TransitioningMessage" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *list = NULL, *out = json_object_new_array();
        int r = cli_connect_project(c);
        if (r < 0)
                return r;
        auto_free char *path = api_project_path(c->api, "/hosts");
        if ((r = api_list(c->api, path, &list, &c->err)) < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *host = json_object_array_get_idx(list, i), *row;
                if (cli_is_hidden(host) && !opts_bool(o, "all"))
                        continue;
                auto_free char *labels = labels_of(host);
                row = json_object_new_object();
                json_set_str(row, "ID", json_str(host, "id", NULL));
                json_set_str(row, "Name", json_str(host, "hostname", json_str(host, "name", NULL)));
                json_set_str(row, "State", waiter_combined_state(host));
                struct json_object *ids = json_get_array(host, "instanceIds");
                json_set_int(row, "ContainerCount", ids ? (int64_t) json_object_array_length(ids) : 0);
                json_set_str(row, "Labels", labels);
                json_set(row, "Host", json_object_get(host));
                json_object_array_add(out, row);
        }
        return cli_print(c, columns, ARRAY_LEN(columns), out);
}

static int act(struct cli *c, struct json_object **resource, struct dr_error *err) {
        return cli_act(c, resource, (const char *const[]) { opts_command(c->opts)->name, NULL }, NULL, err);
}

static int run_act(const struct opts *o, void *context) {
        (void) o;
        return cli_each(context, BIT(RES_HOST), act);
}

/* The API refuses to remove an active host (405): deactivate first, wait until it is inactive. */
static int remove_one(struct cli *c, struct json_object **resource, struct dr_error *err) {
        auto_free char *path = api_project_path(c->api, "/hosts/%s", json_str(*resource, "id", ""));
        int r;
        if (api_can(*resource, "deactivate")) {
                if ((r = cli_act(c, resource, (const char *const[]) { "deactivate", NULL }, NULL, err)) < 0)
                        return r;
                struct waiter_config cfg = { .api = c->api, .timeout_ms = (uint64_t) opts_int(c->opts, "wait-timeout") };
                AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
                waiter_add(w, *resource, NULL);
                if ((r = waiter_run(w, err)) < 0)
                        return r;
        }
        return api_call(c->api, "DELETE", path, NULL, NULL, err);
}

static int run_rm(const struct opts *o, void *context) {
        (void) o;
        return cli_each(context, BIT(RES_HOST), remove_one);
}

static const struct opt_row create_rows[] = {
        { .name = "custom", .type = OPT_FLAG, .help = "a machine that is there already: print the command that joins it" },
        { .name = "ip", .arg = "ADDRESS", .type = OPT_STRING, .help = "the host's address, where the server would see another one" },
        { .name = "label", .letter = 'l', .arg = "K=V", .type = OPT_LIST, .help = "host label" },
};

/* An active registration token, made when there is none. */
static int get_token(struct cli *c, struct json_object **ret) {
        AUTO(json_free) struct json_object *list = NULL, *token = NULL;
        auto_free char *path = api_project_path(c->api, "/registrationtokens");
        int r = api_list(c->api, path, &list, &c->err);
        if (r < 0)
                return r;
        for (size_t i = 0; !token && i < json_object_array_length(list); i++) {
                struct json_object *t = json_object_array_get_idx(list, i);
                if (str_eq(json_str(t, "state", ""), "active") && json_str(t, "command", NULL))
                        token = json_object_get(t);
        }
        if (!token && (r = api_call(c->api, "POST", path, NULL, &token, &c->err)) < 0)
                return r;
        auto_free char *self = dr_xasprintf("%s/%s", path, json_str(token, "id", ""));
        uint64_t deadline = time_mono_ms() + TOKEN_ACTIVE_MS;
        while (!str_eq(json_str(token, "state", ""), "active") || !json_str(token, "command", NULL)) {
                if (time_mono_ms() > deadline)
                        return dr_fail(&c->err, DR_E_TIMEOUT, NULL, "registration token %s did not become active: it is %s", json_str(token, "id", "?"),
                                       json_str(token, "state", "?"));
                (void) nanosleep(&(struct timespec) { .tv_nsec = TOKEN_POLL_MS * 1000000L }, NULL);
                json_free(token);
                token = NULL;
                if ((r = api_get(c->api, self, &token, &c->err)) < 0)
                        return r;
        }
        *ret = dr_take(token);
        return 0;
}

static int run_join(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *token = NULL;
        auto_free char *command = NULL;
        size_t n;
        const char *const *labels = opts_list(o, "label", &n);
        int r = cli_connect_project(c);
        if (r < 0 || (r = get_token(c, &token)) < 0 ||
            (r = join_command_make(json_str(token, "command", ""), opts_str(o, "ip"), labels, n, &command, &c->err)) < 0)
                return r;
        if (isatty(STDOUT_FILENO))
                fprintf(stderr, "run this on the machine that is to join:\n");
        puts(command);
        return 0;
}

static int run_create(const struct opts *o, void *context) {
        struct cli *c = context;
        if (!opts_bool(o, "custom")) {
                c->hint = "\"drover hosts create --custom\" prints the command that joins a machine that is there already";
                return dr_fail(&c->err, DR_E_NOT_IMPLEMENTED, NULL, "no machine driver is installed that could create a host");
        }
        return run_join(o, context);
}

static const struct opt_command ls = { .name = "ls", .aliases = "list", .summary = "list hosts", OPT_ROWS(ls_rows), .run = run_ls };
static const struct opt_command rm = { .name = "rm", .summary = "remove hosts, deactivating them first; their service containers move", .args = "HOST...",
                                       .min_args = 1, .max_args = OPT_ANY, .complete = "host", .run = run_rm };
static const struct opt_command activate = { .name = "activate", .summary = "let hosts take new containers again", .args = "HOST...", .min_args = 1,
                                             .max_args = OPT_ANY, .complete = "host", .run = run_act };
static const struct opt_command deactivate = { .name = "deactivate", .summary = "keep new containers off hosts", .args = "HOST...", .min_args = 1,
                                               .max_args = OPT_ANY, .complete = "host", .run = run_act };
static const struct opt_command evacuate = { .name = "evacuate", .summary = "move service containers off hosts", .args = "HOST...", .min_args = 1,
                                             .max_args = OPT_ANY, .complete = "host", .run = run_act };
static const struct opt_command create = { .name = "create", .summary = "add a host", OPT_ROWS(create_rows), .run = run_create };
static const struct opt_command join = { .name = "join-command", .summary = "print the command that joins a machine as a host",
                                         .rows = create_rows + 1, .n_rows = ARRAY_LEN(create_rows) - 1, .run = run_join };
static const struct opt_command *const sub[] = { &ls, &rm, &activate, &deactivate, &evacuate, &create, &join };
const struct opt_command verb_hosts = { .name = "hosts", .aliases = "host", .summary = "hosts: list, join, remove, evacuate", OPT_ROWS(ls_rows),
                                        OPT_SUB(sub), .run = run_ls };
