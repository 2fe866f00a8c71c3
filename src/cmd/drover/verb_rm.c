/* verb_rm.c: drover rm ID... */
#include "cli.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        CLI_TYPE_ROW("service, container, stack, host, volume"),
        { .name = "stop", .letter = 's', .type = OPT_FLAG, .help = "stop or deactivate first, where that is needed" },
};

static int remove_one(struct cli *c, struct json_object **resource, struct dr_error *err) {
        static const char *const stops[] = { "stop", "deactivate" };
        int r, type = res_type_of(*resource);
        for (size_t i = 0; opts_bool(c->opts, "stop") && i < ARRAY_LEN(stops); i++) {
                if (!api_can(*resource, stops[i]))
                        continue;
                if ((r = cli_act(c, resource, (const char *const[]) { stops[i], NULL }, NULL, err)) < 0)
                        return r;
                struct waiter_config cfg = { .api = c->api, .timeout_ms = (uint64_t) opts_int(c->opts, "wait-timeout") };
                AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
                waiter_add(w, *resource, NULL);
                if ((r = waiter_run(w, err)) < 0)
                        return r;
                break;
        }
        auto_free char *path = api_project_path(c->api, "/%s/%s", res_type_plural((enum res_type) type), json_str(*resource, "id", ""));
        r = api_call(c->api, "DELETE", path, NULL, NULL, err);
        if (r < 0 && type == RES_HOST && !opts_bool(c->opts, "stop") && api_last_problem(c->api)->status == 405)
                c->hint = "an active host must be deactivated first: drover rm --stop, or drover hosts rm";
        return r;
}

static int run(const struct opts *o, void *context) {
        unsigned types;
        (void) o;
        int r = cli_types(context, (unsigned) (BIT(RES_SERVICE) | BIT(RES_CONTAINER) | BIT(RES_STACK) | BIT(RES_HOST) | BIT(RES_VOLUME)), &types);
        return r < 0 ? r : cli_each(context, types, remove_one);
}

const struct opt_command verb_rm = { .name = "rm", .aliases = "remove delete", .summary = "remove services, containers, stacks, hosts, volumes",
                                     .args = "NAME...", .min_args = 1, .max_args = OPT_ANY, .complete = "service,stack,container,host,volume",
                                     OPT_ROWS(rows), .run = run };
