/* verb_wait.c: drover wait ID...: until all rest, or reach --wait-state. */
#include "cli.h"
#include "verbs.h"

static const struct opt_row rows[] = { CLI_TYPE_ROW("service, container, host, stack, project, volume") };

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        unsigned types;
        size_t n;
        const char *const *args = opts_args(o, &n);
        int r = cli_types(c, (unsigned) (BIT(RES_TYPE_MAX) - 1), &types);
        if (r < 0 || (r = types == BIT(RES_PROJECT) ? cli_connect(c, NULL) : cli_connect_project(c)) < 0)
                return r;
        AUTO(progress_free) struct progress *progress = NULL;
        AUTO(waiter_free) struct waiter *w = cli_waiter(c, true, &progress);
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *resource = NULL;
                if ((r = lookup(c->api, args[i], types, &resource, &c->err)) < 0)
                        return r;
                waiter_add(w, resource, args[i]);
        }
        return waiter_run(w, &c->err);
}

const struct opt_command verb_wait = { .name = "wait", .summary = "wait until things come to rest, or for --wait-state", .args = "NAME...", .min_args = 1,
                                       .max_args = OPT_ANY, .complete = "service,stack,container,host", OPT_ROWS(rows), .run = run };
