/* verb_stack_upgrade.c: drover stack upgrade, finish, rollback, cancel: upgrades that the server makes from compose files (compose.md 8). */
#include <stdio.h>

#include "questions.h"
#include "rollout.h"
#include "stack_files.h"
#include "stack_verbs.h"

static const struct opt_row upgrade_rows[] = {
        { .name = "docker-compose", .letter = 'f', .arg = "FILE", .type = OPT_PATH, .dflt = "docker-compose.yml", .help = "compose file" },
        { .name = "rancher-compose", .letter = 'r', .arg = "FILE", .type = OPT_PATH, .dflt = "rancher-compose.yml", .help = "Rancher's compose file" },
        { .name = "env-file", .letter = 'e', .arg = "FILE", .type = OPT_PATH, .help = "variables: YAML, JSON, or lines NAME=VALUE; they add to those of the stack" },
        { .name = "set", .arg = "NAME=VALUE", .type = OPT_LIST, .flags = OPT_NO_ENV, .help = "one variable; wins over the file" },
        { .name = "confirm", .letter = 'c', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "finish at once when all containers are replaced: no rollback then" },
        { .name = "detach", .letter = 'd', .type = OPT_FLAG, .help = "do not wait" },
};
static const struct opt_row end_rows[] = { { .name = "detach", .letter = 'd', .type = OPT_FLAG, .help = "do not wait" } };

static int find(struct cli *c, struct json_object **ret) {
        int r = cli_connect_project(c);
        return r < 0 ? r : lookup(c->api, opts_args(c->opts, NULL)[0], (unsigned) BIT(RES_STACK), ret, &c->err);
}

static int run_upgrade(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *stack = NULL, *variables = NULL, *body = json_object_new_object();
        bool detach = opts_bool(o, "detach");
        size_t n;
        const char *const *words = opts_list(o, "set", &n);
        int r;
        if (opts_bool(o, "confirm") && detach)
                return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "--confirm waits for the upgrade, --detach does not");
        if ((r = stack_files_read(c, body)) < 0 || (r = questions_read(opts_str(o, "env-file"), words, n, &variables, &c->err)) < 0 || (r = find(c, &stack)) < 0)
                return r;
        json_set(body, "environment", json_object_get(variables));
        if (json_str(stack, "externalId", NULL))
                json_set_str(body, "externalId", json_str(stack, "externalId", NULL));
        const char *name = json_str(stack, "name", "");
        auto_free char *keep = dr_xasprintf("drover stack finish %s", name), *back = dr_xasprintf("drover stack rollback %s", name);
        rollout_explain_interrupt(keep, back);
        if ((r = rollout_act(c, &stack, "upgrade", body, "upgraded", detach)) < 0)
                return r;
        if (opts_bool(o, "confirm"))
                r = rollout_act(c, &stack, "finishupgrade", NULL, "active", false);
        else
                rollout_explain_end(keep, back);
        if (r >= 0)
                printf("%s\n", json_str(stack, "id", ""));
        return r;
}

/* Verb, action, and where it ends. */
static int run_end(const struct opts *o, void *context) {
        static const struct rollout_end ends[] = {
                { "finish", "finishupgrade", "active" }, { "rollback", "rollback", "active" }, { "cancel", "cancelupgrade", NULL },
        };
        return rollout_end(context, RES_STACK, ends, ARRAY_LEN(ends), "drover stacks");
}

const struct opt_command stack_upgrade = {
        .name = "upgrade", .summary = "upgrade a stack to other compose files", .args = "STACK", .min_args = 1, .max_args = 1, .complete = "stack",
        .about = "The server compares the files with the services: what a container is made of is replaced a batch at a time, new services are made and started,\n"
                 "services that are not in the files stay. Ctrl-C ends the watching, not the upgrade.",
        OPT_ROWS(upgrade_rows), .run = run_upgrade,
};
const struct opt_command stack_finish = { .name = "finish", .summary = "keep a stack's upgrade: the old containers are removed", .args = "STACK", .min_args = 1,
                                          .max_args = 1, .complete = "stack", OPT_ROWS(end_rows), .run = run_end };
const struct opt_command stack_rollback = { .name = "rollback", .summary = "take a stack's upgrade back: the old containers run again", .args = "STACK", .min_args = 1,
                                            .max_args = 1, .complete = "stack", OPT_ROWS(end_rows), .run = run_end };
const struct opt_command stack_cancel = { .name = "cancel", .summary = "stop a stack's upgrade where it is", .args = "STACK", .min_args = 1, .max_args = 1,
                                          .complete = "stack", OPT_ROWS(end_rows), .run = run_end };
