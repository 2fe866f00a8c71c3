/* verb_convert.c: drover convert CONTAINER STACK/SERVICE: a service that runs what a standalone container runs. */
#include <stdio.h>

#include "cli.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        { .name = "scale", .arg = "N", .type = OPT_INT, .dflt = "1", .min = 0, .max = 10000, .help = "how many containers the service has" },
        { .name = "replace", .type = OPT_FLAG, .help = "stop and remove the container first, so that the service can have its ports" },
};

/* Fields of the container that a launch config takes, as the server's schema names them, where the container has a value. */
static int launch_config(struct cli *c, const struct json_object *container, struct json_object **ret) {
        static const char *const own[] = { "name", "description", "count", "requestedHostId", "stackId", "startOnCreate", "kind", "uuid", "data" };
        AUTO(json_free) struct json_object *schema = NULL, *lc = json_object_new_object();
        auto_free char *path = api_project_path(c->api, "/schemas/launchConfig");
        int r = api_get(c->api, path, &schema, &c->err);
        if (r < 0)
                return r;
        struct json_object *fields = json_get_object(schema, "resourceFields");
        if (fields) {
                json_object_object_foreach(fields, name, field) {
                        struct json_object *value = json_get(container, name);
                        if (!value || !json_bool(field, "create", false))
                                continue;
                        json_set(lc, name, json_copy(value));
                }
        }
        for (size_t i = 0; i < ARRAY_LEN(own); i++)
                json_object_object_del(lc, own[i]);
        *ret = dr_take(lc);
        return 0;
}

static int stack_id(struct cli *c, const char *name, char **ret) {
        AUTO(json_free) struct json_object *stack = NULL;
        int r = lookup(c->api, name, (unsigned) BIT(RES_STACK), &stack, &c->err);
        if (r == 0)
                *ret = dr_xstrdup(json_str(stack, "id", ""));
        return r;
}

static int remove_container(struct cli *c, struct json_object *container) {
        AUTO(json_free) struct json_object *body = json_object_new_object(), *gone = NULL;
        json_set_bool(body, "remove", true);
        bool stops = api_can(container, "stop");
        int r = stops ? api_action(c->api, container, "stop", body, &gone, &c->err)
                      : api_call(c->api, "DELETE", json_str(json_get_object(container, "links"), "self", ""), NULL, &gone, &c->err);
        if (r < 0)
                return r;
        struct waiter_config cfg = { .api = c->api, .timeout_ms = (uint64_t) opts_int(c->opts, "wait-timeout"), .state = "removed" };
        AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
        waiter_add(w, container, NULL);
        return waiter_run(w, &c->err);
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        const char *const *args = opts_args(o, NULL), *slash = strchr(args[1], '/');
        AUTO(json_free) struct json_object *container = NULL, *lc = NULL, *body = json_object_new_object(), *made = NULL;
        auto_free char *stack = NULL, *in = NULL;
        if (!slash || !slash[1])
                return dr_fail(&c->err, DR_E_INVALID_FORMAT, NULL, "say STACK/SERVICE: \"%.100s\" names no stack", args[1]);
        stack = dr_xstrndup(args[1], (size_t) (slash - args[1]));
        int r = cli_connect_project(c);
        if (r < 0 || (r = lookup(c->api, args[0], (unsigned) BIT(RES_CONTAINER), &container, &c->err)) < 0)
                return r;
        if (json_str(container, "serviceId", NULL))
                return dr_fail(&c->err, DR_E_INVALID_STATE, NULL, "container \"%.100s\" belongs to a service already", args[0]);
        if ((r = stack_id(c, stack, &in)) < 0 || (r = launch_config(c, container, &lc)) < 0)
                return r;
        if (opts_bool(o, "replace") && (r = remove_container(c, container)) < 0)
                return r;
        json_set_str(body, "name", slash + 1);
        json_set_str(body, "stackId", in);
        json_set_int(body, "scale", opts_int(o, "scale"));
        json_set_bool(body, "startOnCreate", true);
        json_set(body, "launchConfig", dr_take(lc));
        auto_free char *path = lookup_collection(c->api, RES_SERVICE);
        if ((r = api_call(c->api, "POST", path, body, &made, &c->err)) < 0)
                return dr_prefix(&c->err, r, "could not make a service of \"%s\"", args[0]);
        printf("%s\n", json_str(made, "id", ""));
        (void) fflush(stdout);
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, false, &progress);
        if (w)
                waiter_add(w, made, slash + 1);
        return w ? waiter_run(w, &c->err) : 0;
}

const struct opt_command verb_convert = {
        .name = "convert", .summary = "make a service of a standalone container", .args = "CONTAINER STACK/SERVICE", .min_args = 2, .max_args = 2,
        .complete = "container",
        .about = "The service runs what the container runs: image, command, environment, ports, volumes and all else that both have. The container stays unless\n"
                 "--replace says otherwise; with ports of its own it stands in the service's way on its host.",
        OPT_ROWS(rows), .run = run,
};
