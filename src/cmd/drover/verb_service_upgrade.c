/* verb_service_upgrade.c: drover services upgrade, finish, rollback, cancel, continue (spec orchestration.md 2). */
#include <stdio.h>

#include "rollout.h"
#include "service_verbs.h"

static const struct opt_row upgrade_rows[] = {
        { .name = "image", .letter = 'i', .arg = "IMAGE", .type = OPT_STRING, .help = "the image of the new containers; without it they are made anew of the same" },
        { .name = "env", .letter = 'e', .arg = "NAME=VALUE", .type = OPT_LIST, .flags = OPT_NO_ENV, .help = "set a variable of the containers" },
        { .name = "sidekick", .arg = "NAME", .type = OPT_STRING, .help = "replace this sidekick's containers instead of the primary ones" },
        { .name = "start-first", .type = OPT_FLAG, .help = "start new containers before old ones are stopped" },
        { .name = "to", .arg = "SERVICE", .type = OPT_STRING, .complete = "service", .help = "move to another service: that one grows while this one shrinks to 0" },
        { .name = "scale", .arg = "N", .type = OPT_INT, .dflt = "0", .min = 0, .max = 100000, .help = "with --to: the scale it ends with, else this service's" },
        { .name = "update-links", .type = OPT_FLAG, .dflt = "true", .help = "with --to: who links to this service is linked to the other one" },
        { .name = "batch-size", .arg = "N", .type = OPT_INT, .dflt = "2", .min = 1, .max = 100000, .help = "containers to replace at a time" },
        { .name = "interval", .arg = "MS", .type = OPT_INT, .dflt = "2000", .min = 100, .max = 86400000, .help = "milliseconds between batches" },
        { .name = "confirm", .letter = 'c', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "finish at once when all containers are replaced: no rollback then" },
        { .name = "detach", .letter = 'd', .type = OPT_FLAG, .help = "do not wait" },
};
static const struct opt_row end_rows[] = { { .name = "detach", .letter = 'd', .type = OPT_FLAG, .help = "do not wait" } };

static int find(struct cli *c, struct json_object **ret) {
        int r = cli_connect_project(c);
        return r < 0 ? r : lookup(c->api, opts_args(c->opts, NULL)[0], (unsigned) BIT(RES_SERVICE), ret, &c->err);
}

static int change_config(struct cli *c, struct json_object *config) {
        const char *image = opts_str(c->opts, "image");
        size_t n;
        const char *const *words = opts_list(c->opts, "env", &n);
        if (image) {
                auto_free char *uuid = str_starts(image, "docker:") ? dr_xstrdup(image) : dr_xasprintf("docker:%s", image);
                json_set_str(config, "imageUuid", uuid);
        }
        if (n && !json_get_object(config, "environment"))
                json_set(config, "environment", json_object_new_object());
        for (size_t i = 0; i < n; i++) {
                const char *eq = strchr(words[i], '=');
                if (!eq || eq == words[i])
                        return dr_fail(&c->err, DR_E_INVALID_FORMAT, "env", "--env takes NAME=VALUE, not \"%.100s\"", words[i]);
                auto_free char *name = dr_xstrndup(words[i], (size_t) (eq - words[i]));
                json_set_str(json_get_object(config, "environment"), name, eq + 1);
        }
        return 0;
}

static int in_service(struct cli *c, const struct json_object *service, struct json_object *strategy) {
        const char *sidekick = opts_str(c->opts, "sidekick");
        struct json_object *list = json_get_array(service, "secondaryLaunchConfigs"), *found = sidekick ? NULL : json_get_object(service, "launchConfig");
        for (size_t i = 0; sidekick && list && i < json_object_array_length(list); i++)
                if (str_eq(json_str(json_object_array_get_idx(list, i), "name", ""), sidekick))
                        found = json_object_array_get_idx(list, i);
        if (!found)
                return dr_fail(&c->err, DR_E_NOT_FOUND, NULL, "service \"%.80s\" has no %s \"%.80s\"", json_str(service, "name", ""),
                               sidekick ? "sidekick" : "configuration", sidekick ? sidekick : "launchConfig");
        AUTO(json_free) struct json_object *config = json_copy(found);
        int r = change_config(c, config);
        if (r < 0)
                return r;
        if (sidekick) {
                struct json_object *configs = json_object_new_array();
                json_object_array_add(configs, dr_take(config));
                json_set(strategy, "secondaryLaunchConfigs", configs);
        } else {
                json_set(strategy, "launchConfig", dr_take(config));
        }
        if (opts_bool(c->opts, "start-first"))
                json_set_bool(strategy, "startFirst", true);
        return 0;
}

static int to_service(struct cli *c, const struct json_object *service, struct json_object *strategy) {
        AUTO(json_free) struct json_object *other = NULL;
        int r = lookup(c->api, opts_str(c->opts, "to"), (unsigned) BIT(RES_SERVICE), &other, &c->err);
        if (r < 0)
                return r;
        int64_t scale = opts_int(c->opts, "scale");
        json_set_str(strategy, "toServiceId", json_str(other, "id", ""));
        json_set_int(strategy, "finalScale", scale > 0 ? scale : MAX(json_int(service, "scale", 1), (int64_t) 1));
        json_set_bool(strategy, "updateLinks", opts_bool(c->opts, "update-links"));
        return 0;
}

static int finish(struct cli *c, struct json_object **service) {
        rollout_on_interrupt("It goes on without this command: \"drover ps\" shows how far it is.");
        return rollout_act(c, service, "finishupgrade", NULL, "active", false);
}

static int run_upgrade(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *service = NULL, *body = json_object_new_object();
        struct json_object *strategy = json_object_new_object();
        bool to = opts_str(o, "to") != NULL, detach = opts_bool(o, "detach");
        const char *word = opts_args(o, NULL)[0];
        json_set(body, to ? "toServiceStrategy" : "inServiceStrategy", strategy);
        if (opts_bool(o, "confirm") && detach)
                return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "--confirm waits for the upgrade, --detach does not");
        int r = find(c, &service);
        if (r < 0 || (r = to ? to_service(c, service, strategy) : in_service(c, service, strategy)) < 0)
                return r;
        json_set_int(strategy, "batchSize", opts_int(o, "batch-size"));
        json_set_int(strategy, "intervalMillis", opts_int(o, "interval"));
        auto_free char *keep = dr_xasprintf("drover services finish %s", word), *back = dr_xasprintf("drover services rollback %s", word);
        rollout_explain_interrupt(keep, back);
        if ((r = rollout_act(c, &service, "upgrade", body, "upgraded", detach)) < 0)
                return r;
        if (opts_bool(o, "confirm"))
                r = finish(c, &service);
        else
                rollout_explain_end(keep, back);
        if (r >= 0)
                printf("%s\n", json_str(service, "id", ""));
        return r;
}

/* Verb, action, and the state in which it ends. */
static int run_end(const struct opts *o, void *context) {
        static const struct rollout_end ends[] = {
                { "finish", "finishupgrade", "active" }, { "rollback", "rollback", "active" }, { "cancel", "cancelupgrade", "canceled-upgrade" },
                { "continue", "continueupgrade", "upgraded" },
        };
        return rollout_end(context, RES_SERVICE, ends, ARRAY_LEN(ends), "drover ps");
}

#define END_VERB(variable, verb, text)                                                                                                  \
        const struct opt_command variable = { .name = verb, .summary = text, .args = "SERVICE", .min_args = 1, .max_args = 1,          \
                                              .complete = "service", OPT_ROWS(end_rows), .run = run_end }
const struct opt_command service_upgrade = {
        .name = "upgrade", .summary = "replace a service's containers a batch at a time", .args = "SERVICE", .min_args = 1, .max_args = 1, .complete = "service",
        .about = "The old containers are kept, stopped, until \"finish\" removes them; \"rollback\" starts them again. Ctrl-C ends the watching, not the upgrade.",
        OPT_ROWS(upgrade_rows), .run = run_upgrade,
};
END_VERB(service_finish, "finish", "keep an upgrade: the old containers are removed");
END_VERB(service_rollback, "rollback", "take an upgrade back: the old containers run again");
END_VERB(service_cancel, "cancel", "stop an upgrade where it is");
END_VERB(service_continue, "continue", "go on with an upgrade that was cancelled");
