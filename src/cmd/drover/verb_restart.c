/* verb_restart.c: drover restart ID...: services a batch at a time, containers at once. */
#include "cli.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        CLI_TYPE_ROW("service, container"),
        { .name = "batch-size", .arg = "N", .type = OPT_INT, .dflt = "1", .min = 1, .max = 100000, .help = "containers of a service to restart at a time" },
        { .name = "interval", .arg = "MS", .type = OPT_INT, .dflt = "1000", .min = 0, .max = 86400000, .help = "milliseconds between batches" },
};

static int restart_one(struct cli *c, struct json_object **resource, struct dr_error *err) {
        AUTO(json_free) struct json_object *body = NULL;
        if (res_type_of(*resource) == RES_SERVICE) {
                struct json_object *strategy = json_object_new_object();
                body = json_object_new_object();
                json_set_int(strategy, "batchSize", opts_int(c->opts, "batch-size"));
                json_set_int(strategy, "intervalMillis", opts_int(c->opts, "interval"));
                json_set(body, "rollingRestartStrategy", strategy);
        }
        return cli_act(c, resource, (const char *const[]) { "restart", NULL }, body, err);
}

static int run(const struct opts *o, void *context) {
        unsigned types;
        (void) o;
        int r = cli_types(context, (unsigned) (BIT(RES_SERVICE) | BIT(RES_CONTAINER)), &types);
        return r < 0 ? r : cli_each(context, types, restart_one);
}

const struct opt_command verb_restart = { .name = "restart", .summary = "restart services and containers", .args = "NAME...", .min_args = 1,
                                          .max_args = OPT_ANY, .complete = "service,container", OPT_ROWS(rows), .run = run };
