/* verb_stacks.c: drover stacks|stack ls, create, rm */
#include <fcntl.h>
#include <stdio.h>

#include "cli.h"
#include "verbs.h"

enum { COMPOSE_BYTES_MAX = 1 << 20 };

static const struct opt_row ls_rows[] = { CLI_SYSTEM_ROW, CLI_ALL_ROW, CLI_LIST_ROWS };

static int run_ls(const struct opts *o, void *context) {
        static const struct table_column columns[] = {
                { "ID", "ID" }, { "NAME", "Stack.Name" }, { "STATE", "State" }, { "CATALOG", "Catalog" }, { "SERVICES", "ServiceCount" },
                { "SYSTEM", "System" }, { "DETAIL", "Stack.TransitioningMessage" },
        };
        struct cli *c = context;
        AUTO(json_free) struct json_object *list = NULL, *out = json_object_new_array();
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

/* -ENOENT is left to the caller. */
static int read_text(const char *path, char **ret, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : DR_E_INTERNAL, NULL, "could not open \"%s\": %m", path);
        auto_free char *buf = dr_xmalloc(COMPOSE_BYTES_MAX + 2);
        size_t n = 0;
        ssize_t r;
        while ((r = read(fd, buf + n, COMPOSE_BYTES_MAX + 1 - n)) > 0 && (n += (size_t) r) <= COMPOSE_BYTES_MAX)
                ;
        if (r < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not read \"%s\": %m", path);
        if (n > COMPOSE_BYTES_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "\"%s\" is longer than %d bytes", path, COMPOSE_BYTES_MAX);
        buf[n] = '\0';
        *ret = dr_take(buf);
        return 0;
}

static int run_create(const struct opts *o, void *context) {
        struct cli *c = context;
        size_t n;
        const char *const *names = opts_args(o, &n);
        auto_free char *docker = NULL, *rancher = NULL;
        int r;
        if (!opts_bool(o, "empty")) {
                if ((r = read_text(opts_str(o, "docker-compose"), &docker, &c->err)) < 0) {
                        c->hint = "name the file with -f, or make a stack without services with --empty";
                        return r;
                }
                r = read_text(opts_str(o, "rancher-compose"), &rancher, &c->err);
                if (r < 0 && (r != -ENOENT || opts_source(o, "rancher-compose") != OPT_FROM_DEFAULT))
                        return r;
        }
        if ((r = cli_connect_project(c)) < 0)
                return r;
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, false, &progress);
        auto_free char *path = api_project_path(c->api, "/stacks");
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *body = json_object_new_object(), *made = NULL;
                json_set_str(body, "name", names[i]);
                json_set_bool(body, "startOnCreate", opts_bool(o, "start"));
                if (opts_bool(o, "system"))
                        json_set_bool(body, "system", true);
                if (opts_str(o, "description"))
                        json_set_str(body, "description", opts_str(o, "description"));
                if (docker)
                        json_set_str(body, "dockerCompose", docker);
                if (rancher)
                        json_set_str(body, "rancherCompose", rancher);
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
static const struct opt_command *const sub[] = { &ls, &create, &rm };
const struct opt_command verb_stacks = { .name = "stacks", .aliases = "stack", .summary = "stacks: list, create, remove", OPT_ROWS(ls_rows),
                                         OPT_SUB(sub), .run = run_ls };
