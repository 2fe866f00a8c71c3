/* verb_start.c: drover start|activate ID... */
#include "cli.h"
#include "verbs.h"

static const struct opt_row rows[] = { CLI_TYPE_ROW("service, container, host, stack") };

static int start_one(struct cli *c, struct json_object **resource, struct dr_error *err) {
        return cli_act(c, resource, (const char *const[]) { "start", "activate", "activateservices", NULL }, NULL, err);
}

static int run(const struct opts *o, void *context) {
        unsigned types;
        (void) o;
        int r = cli_types(context, (unsigned) (BIT(RES_SERVICE) | BIT(RES_CONTAINER) | BIT(RES_HOST) | BIT(RES_STACK)), &types);
        return r < 0 ? r : cli_each(context, types, start_one);
}

const struct opt_command verb_start = { .name = "start", .aliases = "activate", .summary = "start services, containers, stacks; activate hosts",
                                        .args = "NAME...", .min_args = 1, .max_args = OPT_ANY, .complete = "service,stack,container,host",
                                        OPT_ROWS(rows), .run = run };
