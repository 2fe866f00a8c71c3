/* verb_up.c: drover up: makes a stack what its compose files say.
 *
 * Idempotent: looks at what is there, creates and changes only what differs (formats/compose_change.h decides), in the waves that
 * compose_services() gives: what others refer to first. Running it twice changes nothing the second time. */
#include <stdio.h>

#include "net/http.h"
#include "rollout.h"
#include "up.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        { .name = "file", .letter = 'f', .arg = "FILE", .type = OPT_LIST, .env = "COMPOSE_FILE",
          .help = "compose file; without it docker-compose.yml, docker-compose.override.yml and rancher-compose.yml" },
        { .name = "rancher-file", .arg = "FILE", .type = OPT_PATH, .help = "Rancher's compose file, else rancher-compose.yml beside the first file" },
        { .name = "env-file", .letter = 'e', .arg = "FILE", .type = OPT_PATH, .help = "variables: YAML, JSON, or lines NAME=VALUE" },
        { .name = "stack", .letter = 's', .arg = "STACK", .type = OPT_STRING, .complete = "stack",
          .help = "name of the stack, else COMPOSE_PROJECT_NAME or the folder's name" },
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "description of the stack, when it is created" },
        { .name = "error-grace", .arg = "TIME", .type = OPT_DURATION, .dflt = "10s", .min = 0, .max = 86400000,
          .help = "how long an error must stay to end the wait: the server tries again" },
        { .name = "upgrade recreate", .letter = 'u', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "replace the containers of services that differ from the files" },
        { .name = "force-upgrade force-recreate", .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "replace all containers, whether or not the files differ" },
        { .name = "confirm-upgrade", .letter = 'c', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "finish upgrades that are done: removes the old containers" },
        { .name = "rollback", .letter = 'r', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "take upgrades back: the old containers run again; nothing else is done" },
        { .name = "batch-size", .arg = "N", .type = OPT_INT, .dflt = "2", .min = 1, .max = 100000, .help = "containers of a service to replace at a time" },
        { .name = "interval", .arg = "MS", .type = OPT_INT, .dflt = "1000", .min = 100, .max = 86400000, .help = "milliseconds between batches" },
        { .name = "pull", .letter = 'p', .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "first pull the images anew on the hosts that have them" },
        { .name = "prune", .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "remove services of the stack that are not in the files" },
        { .name = "render", .type = OPT_FLAG, .flags = OPT_NO_ENV, .help = "print the files as they are after their templates, and do nothing" },
        { .name = "detach", .letter = 'd', .type = OPT_FLAG, .help = "do not wait until the containers run" },
};

void up_note(struct up *u, const struct up_service *s, enum progress_mark mark, const char *text) {
        progress_set(u->progress, s->want->name, s->want->name, mark, text);
        progress_draw(u->progress);
}

/* ---- references ---- */

static struct json_object *have_named(struct up *u, const char *name) {
        for (size_t i = 0; i < u->services.n; i++)
                if (u->services.v[i].have && str_eq(u->services.v[i].want->name, name))
                        return u->services.v[i].have;
        for (size_t i = 0; i < json_object_array_length(u->existing); i++) {
                struct json_object *o = json_object_array_get_idx(u->existing, i);
                if (str_ieq(json_str(o, "name", ""), name))
                        return o;
        }
        return NULL;
}

static int find_reference(void *ctx, enum compose_ref kind, const char *stack, const char *name, char *id, size_t n) {
        struct up *u = ctx;
        AUTO(json_free) struct json_object *found = NULL, *list = NULL;
        struct json_object *o = NULL;
        if (kind == COMPOSE_REF_SERVICE && !stack) {
                o = have_named(u, name);
        } else if (kind == COMPOSE_REF_SERVICE) {
                auto_free char *word = dr_xasprintf("%s/%s", stack, name);
                o = lookup(u->cli->api, word, (unsigned) BIT(RES_SERVICE), &found, NULL) < 0 ? NULL : found;
        } else {
                auto_free char *collection = api_project_path(u->cli->api, kind == COMPOSE_REF_SECRET ? "/secrets" : "/certificates");
                auto_sbuf struct sbuf path = SBUF(4096);
                sbuf_printf(&path, "%s?name=", collection);
                http_escape(&path, name);
                if (api_list(u->cli->api, sbuf_str(&path), &list, NULL) == 0)
                        o = json_object_array_get_idx(list, 0);
        }
        if (!o)
                return -ENOENT;
        snprintf(id, n, "%s", json_str(o, "id", ""));
        return 0;
}

/* ---- services ---- */

static bool wants_upgrade(const struct up *u) {
        return opts_bool(u->cli->opts, "upgrade") || opts_bool(u->cli->opts, "force-upgrade");
}

/* What the options say wins, then the file's upgrade_strategy, then the options' defaults. The caller owns it. */
static struct json_object *strategy_of(const struct up *u, const struct up_service *s) {
        static const struct { const char *option, *field; } fields[] = { { "batch-size", "batchSize" }, { "interval", "intervalMillis" } };
        struct json_object *strategy = s->want->upgrade_strategy ? json_copy(s->want->upgrade_strategy) : json_object_new_object();
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
                if (opts_source(u->cli->opts, fields[i].option) != OPT_FROM_DEFAULT || !json_get(strategy, fields[i].field))
                        json_set_int(strategy, fields[i].field, opts_int(u->cli->opts, fields[i].option));
        return strategy;
}

static int create_service(struct up *u, struct up_service *s, struct json_object *body) {
        struct cli *c = u->cli;
        auto_free char *collection = api_project_path(c->api, "/%s", s->want->collection);
        up_note(u, s, PROGRESS_RUNNING, "creating");
        int r = api_call(c->api, "POST", collection, body, &s->have, &c->err);
        return r < 0 ? dr_prefix(&c->err, r, "could not create service \"%s\" (%s:%u)", s->want->name, s->want->file, s->want->line) : 0;
}

char *up_service_path(struct up *u, const struct up_service *s) {
        const char *self = json_str(json_get_object(s->have, "links"), "self", NULL);
        if (self)
                return dr_xstrdup(self);        /* under its own type, which the files may change */
        return api_project_path(u->cli->api, "/%s/%s", s->want->collection, json_str(s->have, "id", ""));
}

int up_look(struct up *u, struct up_service *s) {
        AUTO(json_free) struct json_object *now = NULL;
        auto_free char *path = up_service_path(u, s);
        int r = api_get(u->cli->api, path, &now, &u->cli->err);
        if (r < 0)
                return r;
        json_free(s->have);
        s->have = dr_take(now);
        return 0;
}

static int update_service(struct up *u, struct up_service *s) {
        struct cli *c = u->cli;
        AUTO(json_free) struct json_object *answer = NULL;
        auto_free char *path = up_service_path(u, s);
        auto_free char *text = dr_xasprintf("updating %s", s->step.changed);
        up_note(u, s, PROGRESS_RUNNING, text);
        int r = api_call(c->api, "PUT", path, s->step.fields, &answer, &c->err);
        if (r < 0)
                return dr_prefix(&c->err, r, "could not update service \"%s\" (%s)", s->want->name, s->step.changed);
        json_free(s->have);
        s->have = dr_take(answer);
        return 0;
}

/* Creates or updates the services of one wave; those of earlier waves are there. */
static int apply_wave(struct up *u, unsigned wave) {
        struct cli *c = u->cli;
        struct compose_resolver resolver = { .ctx = u, .find = find_reference };
        for (size_t i = 0; i < u->services.n; i++) {
                struct up_service *s = &u->services.v[i];
                AUTO(json_free) struct json_object *body = NULL, *links = NULL;
                int r;
                if (s->want->wave != wave)
                        continue;
                if ((r = compose_service_body(s->want, u->stack_id, &resolver, &body, &c->err)) < 0)
                        return dr_prefix(&c->err, r, "service \"%s\" (%s:%u)", s->want->name, s->want->file, s->want->line);
                struct json_object *there = have_named(u, s->want->name);
                s->have = there ? json_object_get(there) : NULL;
                links = s->want->sets_links ? compose_service_links(s->want, &resolver, NULL) : NULL;
                AUTO(json_free) struct json_object *strategy = strategy_of(u, s);
                struct compose_wish wish = { .type = s->want->type, .body = body, .links = links, .strategy = strategy,
                                             .keep_scale = !s->want->scale_given, .force = opts_bool(c->opts, "force-upgrade") };
                compose_change_plan(&wish, s->have, &s->step);
                if (s->step.action == COMPOSE_CREATE)
                        r = create_service(u, s, body);
                else if (s->step.action == COMPOSE_UPDATE)
                        r = update_service(u, s);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Links may go both ways between services: set when all exist. */
static int set_links(struct up *u, struct up_service *s) {
        struct cli *c = u->cli;
        struct compose_resolver resolver = { .ctx = u, .find = find_reference };
        AUTO(json_free) struct json_object *missing = json_object_new_array(), *links = NULL, *answer = NULL;
        int r;
        if (!s->want->sets_links)
                return 0;
        links = compose_service_links(s->want, &resolver, missing);
        for (size_t i = 0; i < json_object_array_length(missing); i++)
                fprintf(stderr, "warning: service \"%s\" links to \"%s\", which does not exist\n", s->want->name,
                        json_object_get_string(json_object_array_get_idx(missing, i)));
        if (!compose_links_differ(links, s->have))
                return 0;
        if ((r = up_look(u, s)) < 0 || (r = api_action(c->api, s->have, "setservicelinks", links, &answer, &c->err)) < 0)
                return dr_prefix(&c->err, r, "could not set the links of service \"%s\"", s->want->name);
        return 0;
}

static int settle_wave(struct up *u, unsigned wave) {
        struct waiter_config cfg = up_waiter_config(u, false);
        AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
        for (size_t i = 0; i < u->services.n; i++) {
                const struct up_service *s = &u->services.v[i];
                if (s->want->wave == wave && str_eq(json_str(s->have, "transitioning", "no"), "yes") && s->step.action == COMPOSE_CREATE)
                        waiter_add(w, s->have, s->want->name);
        }
        return waiter_count(w) ? waiter_run(w, &u->cli->err) : 0;
}

static int activate(struct up *u, struct up_service *s) {
        struct cli *c = u->cli;
        AUTO(json_free) struct json_object *answer = NULL;
        int r = up_look(u, s);
        /* Still being created or stopped: it can start when that is over. */
        if (r >= 0 && !str_eq(json_str(s->have, "state", ""), "inactive") && str_eq(json_str(s->have, "transitioning", "no"), "yes") &&
            (r = up_wait_quietly(u, s->have, s->want->name)) >= 0)
                r = up_look(u, s);
        if (r >= 0 && api_can(s->have, "activate"))
                r = api_action(c->api, s->have, "activate", NULL, &answer, &c->err);
        if (r < 0)
                return dr_prefix(&c->err, r, "could not start service \"%s\"", s->want->name);
        if (json_str(answer, "id", NULL)) {
                json_free(s->have);
                s->have = dr_take(answer);
        }
        auto_free char *text = waiter_describe(s->have);
        up_note(u, s, PROGRESS_RUNNING, text);
        return 0;
}

/* An upgrade starts an inactive service by itself. */
static bool will_upgrade(const struct up *u, const struct up_service *s) {
        return wants_upgrade(u) && s->step.upgrade;
}

/* Starts a wave; attached, waits until what later waves depend on is active (or healthy, where it asks for that). */
static int start_wave(struct up *u, unsigned wave, bool last) {
        struct waiter_config cfg = up_waiter_config(u, false);
        AUTO(waiter_free) struct waiter *active = waiter_new(&cfg);
        cfg.state = "healthy";
        AUTO(waiter_free) struct waiter *healthy = waiter_new(&cfg);
        int r;
        for (size_t i = 0; i < u->services.n; i++) {
                struct up_service *s = &u->services.v[i];
                if (s->want->wave != wave)
                        continue;
                if (!s->step.start || will_upgrade(u, s))
                        continue;
                if ((r = activate(u, s)) < 0)
                        return r;
                if (!last && !opts_bool(u->cli->opts, "detach"))
                        waiter_add(s->want->wait_healthy ? healthy : active, s->have, s->want->name);
        }
        if (waiter_count(active) && (r = waiter_run(active, &u->cli->err)) < 0)
                return r;
        return waiter_count(healthy) ? waiter_run(healthy, &u->cli->err) : 0;
}

static int attach(struct up *u) {
        struct waiter_config cfg = up_waiter_config(u, true);
        AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
        for (size_t i = 0; i < u->services.n; i++)
                waiter_add(w, u->services.v[i].have, u->services.v[i].want->name);
        int r = waiter_run(w, &u->cli->err);
        if (r < 0)
                u->cli->hint = "the server keeps trying: \"drover ps\" shows how it goes on";
        return r;
}

static int report(struct up *u) {
        size_t counts[COMPOSE_ACTION_MAX] = { 0 }, behind = 0;
        for (size_t i = 0; i < u->services.n; i++) {
                const struct up_service *s = &u->services.v[i];
                counts[s->step.action]++;
                if (!s->step.needs_upgrade || s->upgraded)
                        continue;
                behind++;
                fprintf(stderr, "warning: service \"%s\" is out of sync with the files: %s; its containers keep what they have\n", s->want->name,
                        s->step.needs_upgrade);
        }
        fprintf(stderr, "stack %s: %zu created, %zu updated, %zu unchanged", u->files.stack, counts[COMPOSE_CREATE], counts[COMPOSE_UPDATE], counts[COMPOSE_KEEP]);
        if (u->n_upgraded)
                fprintf(stderr, "; %zu upgraded", u->n_upgraded);
        if (u->n_pruned)
                fprintf(stderr, "; %zu removed", u->n_pruned);
        fputc('\n', stderr);
        if (u->n_upgraded && !opts_bool(u->cli->opts, "confirm-upgrade"))
                fprintf(stderr, "the old containers are kept, stopped: run drover up again with --confirm-upgrade to remove them, with --rollback to go back to them\n");
        if (behind == 0)
                return 0;
        u->cli->hint = "\"drover up --upgrade\" replaces the containers, a batch at a time";
        return dr_fail(&u->cli->err, DR_E_CONFLICT, NULL, "%zu of %zu services differ from the files in what only an upgrade changes", behind, u->services.n);
}

/* Makes what is missing, changes what a PUT changes, starts what does not run: in waves. */
static int apply(struct up *u) {
        unsigned waves = 0;
        int r;
        for (size_t i = 0; i < u->services.n; i++)
                waves = MAX(waves, u->services.v[i].want->wave + 1);
        for (unsigned w = 0; w < waves; w++)
                if ((r = apply_wave(u, w)) < 0 || (r = settle_wave(u, w)) < 0)
                        return r;
        for (size_t i = 0; i < u->services.n; i++)
                if ((r = set_links(u, &u->services.v[i])) < 0)
                        return r;
        for (unsigned w = 0; w < waves; w++)
                if ((r = start_wave(u, w, w + 1 == waves)) < 0)
                        return r;
        return 0;
}

static void explain_interrupt(struct up *u, bool upgrade) {
        auto_free char *text = upgrade ? dr_xasprintf("The upgrade goes on without this command. When it is done, with the same files:\n"
                                                      "  drover up -s %s --confirm-upgrade   keeps it\n  drover up -s %s --rollback   takes it back", u->files.stack, u->files.stack)
                                       : dr_xstrdup("The server goes on without this command: \"drover ps\" shows how far it is.");
        rollout_on_interrupt(text);
}

static int bring_up(struct up *u) {
        const struct opts *o = u->cli->opts;
        struct json_object *hosts = compose_hosts(u->files.compose);
        int r;
        if (hosts && json_object_array_length(hosts) > 0)
                fprintf(stderr, "warning: the files' \"hosts\" section is not used: hosts join with \"drover hosts join-command\"\n");
        if ((r = up_get_stack(u)) < 0)
                return r;
        if (opts_bool(o, "rollback"))
                return up_roll_back(u);
        if (opts_bool(o, "confirm-upgrade") && (r = up_confirm(u)) < 0)
                return r;
        if ((r = up_make_volumes(u)) < 0 || (r = up_make_secrets(u)) < 0 || (opts_bool(o, "pull") && (r = up_pull(u)) < 0) || (r = apply(u)) < 0)
                return r;
        printf("%s\n", u->stack_id);
        (void) fflush(stdout);
        explain_interrupt(u, wants_upgrade(u));
        if (wants_upgrade(u) && (r = up_upgrade(u)) < 0)
                return r;
        explain_interrupt(u, false);
        if ((opts_bool(o, "prune") && (r = up_prune(u)) < 0) || (!opts_bool(o, "detach") && (r = attach(u)) < 0))
                return r;
        return report(u);
}

/* Known only where a server is: templates of files that are read without one see "". */
static const char *environment_name(void *ctx) {
        struct cli *c = ctx;
        struct dr_error kept = c->err;
        bool known = cli_connect_project(c) == 0;
        c->err = kept;
        c->hint = NULL;
        return known ? api_project_name(c->api) : NULL;
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        struct up u = { .cli = c };
        size_t n;
        struct up_files_config cfg = { .rancher_file = opts_str(o, "rancher-file"), .env_file = opts_str(o, "env-file"), .stack = opts_str(o, "stack"),
                                       .split_colons = opts_source(o, "file") == OPT_FROM_ENV, .environment = environment_name, .ctx = c };
        cfg.files = opts_list(o, "file", &n);
        cfg.n = n;
        if (opts_bool(o, "render"))
                return up_files_render(&cfg, &c->err);
        if (opts_bool(o, "rollback") && (opts_bool(o, "confirm-upgrade") || wants_upgrade(&u)))
                return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "--rollback cannot be combined with --upgrade or --confirm-upgrade");
        if (opts_bool(o, "confirm-upgrade") && wants_upgrade(&u) && opts_bool(o, "detach"))
                return dr_fail(&c->err, DR_E_INVALID_OPTION, NULL, "--confirm-upgrade waits for the upgrade, --detach does not");
        int r = up_files_read(&cfg, &u.files, &c->err);
        if (r < 0)
                return r;
        const struct compose_service *list = compose_services(u.files.compose, &n);
        for (size_t i = 0; i < n; i++)
                vec_push(&u.services, ((struct up_service) { .want = &list[i] }));
        u.progress = progress_new_stderr();
        if ((r = cli_connect_project(c)) >= 0)
                r = bring_up(&u);
        for (size_t i = 0; i < u.services.n; i++) {
                json_free(u.services.v[i].have);
                compose_change_done(&u.services.v[i].step);
        }
        vec_done(&u.services);
        json_free(u.existing);
        free(u.stack_id);
        progress_free(u.progress);
        up_files_done(&u.files);
        return r;
}

const struct opt_command verb_up = {
        .name = "up", .summary = "create, update or upgrade a stack from compose files and start it",
        .about = "Services that are as the files say are left alone; scale, metadata, descriptions and links are updated. What a container is made of (image, command,\n"
                 "labels ...) only --upgrade changes: a batch of containers at a time is replaced, the old ones are kept until --confirm-upgrade, and --rollback starts\n"
                 "them again. Questions in rancher-compose.yml are asked on the terminal unless their variable is given.\n"
                 "Then waits until all containers run, showing what holds them up; Ctrl-C stops waiting, not the stack.",
        OPT_ROWS(rows), .run = run,
};
