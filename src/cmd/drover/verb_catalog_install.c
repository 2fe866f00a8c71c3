/* verb_catalog_install.c: drover catalog install TEMPLATE, drover catalog upgrade STACK (spec catalog.md 7).
 *
 * A stack of a template is an ordinary stack whose externalId names the version and whose environment holds the answers; the server's executor makes
 * and upgrades its services. */
#include <ctype.h>
#include <stdio.h>

#include "catalog_entry.h"
#include "catalog_verbs.h"
#include "formats/catalog.h"
#include "questions.h"
#include "rollout.h"

#define ANSWER_ROWS                                                                                                                             \
        { .name = "answers", .letter = 'a', .arg = "FILE", .type = OPT_PATH,                                                                    \
          .help = "answers from a file: YAML, JSON, or lines NAME=VALUE; \"-\" is standard input" },                                            \
        { .name = "set", .arg = "NAME=VALUE", .type = OPT_LIST, .flags = OPT_NO_ENV, .help = "answer to one question; wins over the file" },    \
        { .name = "defaults", .letter = 'y', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "ask nothing: defaults for all that is not given" }, \
        { .name = "detach", .letter = 'd', .type = OPT_FLAG, .help = "do not wait until the containers run" }

/* ---- answers ---- */

/* Names for questions that ask for something that is there. */
static struct json_object *choices(void *ctx, const char *type) {
        struct cli *c = ctx;
        AUTO(json_free) struct json_object *list = NULL, *stacks = NULL, *names = json_object_new_array();
        bool service = str_eq(type, "service");
        auto_free char *path = api_project_path(c->api, service ? "/services" : str_eq(type, "secret") ? "/secrets" : "/certificates");
        auto_free char *stacks_path = api_project_path(c->api, "/stacks");
        if (api_list(c->api, path, &list, NULL) < 0 || (service && api_list(c->api, stacks_path, &stacks, NULL) < 0))
                return NULL;            /* the question is asked without */
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *o = json_object_array_get_idx(list, i);
                const char *stack = NULL;
                for (size_t k = 0; service && k < json_object_array_length(stacks); k++)
                        if (str_eq(json_str(json_object_array_get_idx(stacks, k), "id", NULL), json_str(o, "stackId", "")))
                                stack = json_str(json_object_array_get_idx(stacks, k), "name", "");
                auto_free char *name = stack ? dr_xasprintf("%s/%s", stack, json_str(o, "name", "")) : dr_xstrdup(json_str(o, "name", ""));
                json_object_array_add(names, json_object_new_string(name));
        }
        return dr_take(names);
}

static int get_answers(struct cli *c, const struct json_object *version, struct json_object *before, struct json_object **ret) {
        AUTO(json_free) struct json_object *given = NULL;
        size_t n;
        const char *const *words = opts_list(c->opts, "set", &n), *file = opts_str(c->opts, "answers");
        int r = questions_read(file, words, n, &given, &c->err);
        if (r < 0)
                return r;
        struct questions_config cfg = { .questions = json_get_array(version, "questions"), .given = given, .before = before, .choices = choices, .ctx = c,
                                        .ask = isatty(STDIN_FILENO) && !opts_bool(c->opts, "defaults") && !file };
        r = questions_answer(&cfg, ret, &c->err);
        if (r < 0 && !cfg.ask)
                c->hint = "give answers with --answers FILE or --set NAME=VALUE; \"drover catalog show TEMPLATE --answers\" prints a file to begin with";
        return r;
}

/* The body that create and upgrade share. */
static int compose_body(struct cli *c, const struct json_object *version, struct json_object *answers, struct json_object **ret) {
        const char *docker = catalog_compose_file(version, "docker-compose"), *id = json_str(version, "id", "");
        AUTO(json_free) struct json_object *body = json_object_new_object();
        if (!*docker)
                return dr_fail(&c->err, DR_E_INVALID_STATE, NULL, "version \"%.120s\" has no docker-compose.yml: it is not launched as a stack", id);
        auto_free char *external = dr_xasprintf("catalog://%s", id);
        json_set_str(body, "dockerCompose", docker);
        json_set_str(body, "rancherCompose", catalog_compose_file(version, "rancher-compose"));
        json_set(body, "environment", json_object_get(answers));
        json_set_str(body, "externalId", external);
        *ret = dr_take(body);
        return 0;
}

/* ---- install ---- */

static const struct opt_row install_rows[] = {
        { .name = "name", .letter = 'n', .arg = "NAME", .type = OPT_STRING, .help = "name of the stack, else the template's with a capital" },
        { .name = "version", .arg = "VERSION", .type = OPT_STRING, .help = "this version instead of the default one" },
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "description of the stack" },
        { .name = "system", .letter = 's', .type = OPT_FLAG, .help = "an infrastructure stack; implied for infrastructure templates" },
        { .name = "start", .type = OPT_FLAG, .dflt = "true", .help = "start the services once they are created (--no-start: do not)" },
        ANSWER_ROWS,
};

/* "hello-world" to "Hello-World", as upstream's command line names stacks. Caller frees. */
static char *title_of(const struct json_object *t) {
        char *name = dr_xstrdup(json_str(t, "folderName", "stack"));
        for (char *p = name; *p; p++)
                if (p == name || !isalnum((unsigned char) p[-1]))
                        *p = (char) toupper((unsigned char) *p);
        return name;
}

static int install_one(struct cli *c, const char *word) {
        const struct opts *o = c->opts;
        AUTO(json_free) struct json_object *t = NULL, *v = NULL, *answers = NULL, *body = NULL, *stack = NULL;
        auto_free char *version = NULL, *title = NULL;
        int r;
        if ((r = catalog_find_template(c, word, &t, &version)) < 0 ||
            (r = catalog_get_version(c, t, opts_str(o, "version") ? opts_str(o, "version") : version, &v)) < 0)
                return r;
        fprintf(stderr, "%s %s (%s)\n", json_str(t, "name", ""), json_str(v, "version", ""), json_str(v, "id", ""));
        if ((r = get_answers(c, v, NULL, &answers)) < 0 || (r = compose_body(c, v, answers, &body)) < 0)
                return r;
        title = title_of(t);
        const char *name = opts_str(o, "name") ? opts_str(o, "name") : title;
        json_set_str(body, "name", name);
        json_set_bool(body, "system", opts_bool(o, "system") || str_eq(json_str(t, "templateBase", ""), "infra"));
        json_set_bool(body, "startOnCreate", opts_bool(o, "start"));
        if (opts_str(o, "description"))
                json_set_str(body, "description", opts_str(o, "description"));
        auto_free char *path = api_project_path(c->api, "/stacks");
        if ((r = api_call(c->api, "POST", path, body, &stack, &c->err)) < 0) {
                if (str_eq(api_last_problem(c->api)->code, "NotUnique"))
                        c->hint = "there is such a stack already: choose another name with --name, or \"drover catalog upgrade\" it";
                return dr_prefix(&c->err, r, "could not create stack \"%s\"", name);
        }
        printf("%s\n", json_str(stack, "id", ""));
        (void) fflush(stdout);
        rollout_on_interrupt("The installation goes on without this command: \"drover ps\" shows how far it is.");
        return opts_bool(o, "detach") ? 0 : rollout_attach(c, &stack);
}

static int run_install(const struct opts *o, void *context) {
        struct cli *c = context;
        int r = cli_connect_project(c);
        return r < 0 ? r : install_one(c, opts_args(o, NULL)[0]);
}

/* ---- upgrade ---- */

static const struct opt_row upgrade_rows[] = {
        { .name = "to", .arg = "VERSION", .type = OPT_STRING, .help = "this version instead of the newest one that the stack can be upgraded to" },
        { .name = "force", .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "any version of the template, also an older or the same one" },
        { .name = "confirm", .letter = 'c', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "finish at once when all containers are replaced: no rollback then" },
        { .name = "finish", .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "finish an upgrade that is done: removes the old containers" },
        { .name = "rollback", .letter = 'r', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "go back to the containers and answers from before the upgrade" },
        ANSWER_ROWS,
};

static int say_choices(struct cli *c, const struct json_object *stack, const struct json_object *version, const char *to) {
        struct json_object *links = json_get_object(version, "upgradeVersionLinks");
        auto_sbuf struct sbuf b = SBUF(256);
        if (links) {
                json_object_object_foreach(links, name, link) {
                        (void) link;
                        sbuf_printf(&b, "%s%s", b.len ? ", " : "", name);
                }
        }
        c->hint = "--force takes any version of the template";
        return dr_fail(&c->err, DR_E_INVALID_OPTION, "to", "stack \"%.60s\" (%.40s) cannot be upgraded to \"%.40s\": possible are %.80s", json_str(stack, "name", ""),
                       json_str(version, "version", "?"), to, sbuf_ok(&b) && b.len ? sbuf_str(&b) : "none");
}

/* The version to upgrade to. *ret stays NULL when there is none and none was asked for. */
static int choose_version(struct cli *c, const struct json_object *stack, struct json_object **ret) {
        AUTO(json_free) struct json_object *now = NULL, *t = NULL;
        auto_free char *ignored = NULL;
        const char *to = opts_str(c->opts, "to");
        bool force = opts_bool(c->opts, "force");
        int r = catalog_version_of_stack(c, stack, &now);
        if (r < 0 && !(force && r == -ENOENT))
                return r;
        if (!to && !force && !(to = catalog_newest_upgrade(now)))
                return 0;
        if (!force && !json_has(json_get_object(now, "upgradeVersionLinks"), to))
                return say_choices(c, stack, now, to);
        struct catalog_id id;
        if ((r = catalog_id_parse(json_str(stack, "externalId", ""), &id, &c->err)) < 0)
                return r;
        id.version[0] = '\0';
        id.revision = -1;
        auto_free char *template_id = catalog_id_format(&id);
        if ((r = catalog_find_template(c, template_id, &t, &ignored)) < 0)
                return r;
        return catalog_get_version(c, t, to, ret);
}

static int finish(struct cli *c, struct json_object **stack) {
        rollout_on_interrupt("It goes on without this command: \"drover stacks\" shows how far it is.");
        return rollout_act(c, stack, "finishupgrade", NULL, "active", opts_bool(c->opts, "detach"));
}

static int upgrade(struct cli *c, struct json_object **stack) {
        AUTO(json_free) struct json_object *v = NULL, *answers = NULL, *body = NULL;
        const char *name = json_str(*stack, "name", "");
        int r = choose_version(c, *stack, &v);
        if (r < 0)
                return r;
        if (!v) {
                fprintf(stderr, "stack %s: there is no newer version\n", name);
                return 0;
        }
        fprintf(stderr, "stack %s: upgrade to %s (%s)\n", name, json_str(v, "version", ""), json_str(v, "id", ""));
        if ((r = get_answers(c, v, json_get_object(*stack, "environment"), &answers)) < 0 || (r = compose_body(c, v, answers, &body)) < 0)
                return r;
        auto_free char *keep = dr_xasprintf("drover catalog upgrade --finish %s", name), *back = dr_xasprintf("drover catalog upgrade --rollback %s", name);
        rollout_explain_interrupt(keep, back);
        r = rollout_act(c, stack, "upgrade", body, "upgraded", opts_bool(c->opts, "detach"));
        if (r >= 0 && opts_bool(c->opts, "confirm"))
                return finish(c, stack);
        if (r < 0)
                fprintf(stderr, "the server goes on trying; to end it:\n  %s\n  %s\n", keep, back);
        else
                rollout_explain_end(keep, back);
        return r;
}

static int run_upgrade(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *stack = NULL;
        bool done = opts_bool(o, "finish"), back = opts_bool(o, "rollback"), confirm = opts_bool(o, "confirm");
        int r;
        if (done + back + confirm > 1)
                return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "--confirm, --finish and --rollback exclude each other");
        if (confirm && opts_bool(o, "detach"))
                return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "--confirm waits for the upgrade, --detach does not");
        if ((r = cli_connect_project(c)) < 0 || (r = lookup(c->api, opts_args(o, NULL)[0], (unsigned) BIT(RES_STACK), &stack, &c->err)) < 0)
                return r;
        if (back) {
                rollout_on_interrupt("It goes on without this command: \"drover stacks\" shows how far it is.");
                r = rollout_act(c, &stack, "rollback", NULL, "active", opts_bool(o, "detach"));
        } else {
                r = done ? finish(c, &stack) : upgrade(c, &stack);
        }
        if (r >= 0)
                printf("%s\n", json_str(stack, "id", ""));
        return r;
}

const struct opt_command catalog_install = {
        .name = "install", .summary = "make a stack of a template", .args = "TEMPLATE[:VERSION]", .min_args = 1, .max_args = 1, .complete = "catalog-template",
        .about = "Asks the template's questions on the terminal; Enter takes what stands in brackets. With --answers or without a terminal nothing is asked, and\n"
                 "questions without answer and default are an error that names them. Then waits until all containers run.",
        OPT_ROWS(install_rows), .run = run_install,
};
const struct opt_command catalog_upgrade = {
        .name = "upgrade", .summary = "upgrade a stack to another version of its template", .args = "STACK", .min_args = 1, .max_args = 1, .complete = "stack",
        .about = "Answers given before are the defaults. Containers are replaced a batch at a time; the old ones are kept until --finish, and --rollback starts them\n"
                 "again. Ctrl-C ends the watching, not the upgrade.",
        OPT_ROWS(upgrade_rows), .run = run_upgrade,
};
