/* verb_up.c: drover up: makes a stack what its compose files say.
 *
 * Idempotent: looks at what is there, creates and changes only what differs (formats/compose_change.h decides), in the waves that
 * compose_services() gives: what others refer to first. Running it twice changes nothing the second time. */
#include <stdio.h>

#include "base/vec.h"
#include "cli.h"
#include "formats/compose_change.h"
#include "net/http.h"
#include "up_files.h"
#include "verbs.h"

static const struct opt_row rows[] = {
        { .name = "file", .letter = 'f', .arg = "FILE", .type = OPT_LIST, .env = "COMPOSE_FILE",
          .help = "compose file; without it docker-compose.yml, docker-compose.override.yml and rancher-compose.yml" },
        { .name = "rancher-file", .arg = "FILE", .type = OPT_PATH, .help = "Rancher's compose file, else rancher-compose.yml beside the first file" },
        { .name = "env-file", .letter = 'e', .arg = "FILE", .type = OPT_PATH, .help = "file with variables, NAME=VALUE on each line" },
        { .name = "stack", .letter = 's', .arg = "STACK", .type = OPT_STRING, .complete = "stack",
          .help = "name of the stack, else COMPOSE_PROJECT_NAME or the folder's name" },
        { .name = "description", .arg = "TEXT", .type = OPT_STRING, .help = "description of the stack, when it is created" },
        { .name = "error-grace", .arg = "TIME", .type = OPT_DURATION, .dflt = "10s", .min = 0, .max = 86400000,
          .help = "how long an error must stay to end the wait: the server tries again" },
        { .name = "detach", .letter = 'd', .type = OPT_FLAG, .help = "do not wait until the containers run" },
};

struct service {
        const struct compose_service *want;
        struct json_object *have;       /* as the API last showed it; NULL until created */
        struct compose_change step;
};

struct up {
        struct cli *cli;
        struct progress *progress;
        struct up_files files;
        char *stack_id;
        struct json_object *existing;   /* services of the stack */
        VEC(struct service) services;
};

static void note(struct up *u, const struct service *s, enum progress_mark mark, const char *text) {
        progress_set(u->progress, s->want->name, s->want->name, mark, text);
        progress_draw(u->progress);
}

/* ---- stack, volumes, secrets ---- */

static int wait_quietly(struct up *u, const struct json_object *o, const char *label) {
        struct waiter_config cfg = { .api = u->cli->api, .timeout_ms = (uint64_t) opts_int(u->cli->opts, "wait-timeout"), .error_grace_ms = (uint64_t) opts_int(u->cli->opts, "error-grace") };
        AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
        waiter_add(w, o, label);
        return waiter_run(w, &u->cli->err);
}

static int find_stack(struct up *u, struct json_object **ret) {
        AUTO(json_free) struct json_object *list = NULL;
        auto_free char *collection = api_project_path(u->cli->api, "/stacks");
        auto_sbuf struct sbuf path = SBUF(1024);
        sbuf_printf(&path, "%s?name=", collection);
        http_escape(&path, u->files.stack);
        int r = api_list(u->cli->api, sbuf_str(&path), &list, &u->cli->err);
        if (r < 0)
                return r;
        *ret = json_object_array_length(list) ? json_object_get(json_object_array_get_idx(list, 0)) : NULL;
        return 0;
}

static int get_stack(struct up *u) {
        struct cli *c = u->cli;
        AUTO(json_free) struct json_object *stack = NULL, *body = json_object_new_object();
        auto_free char *collection = api_project_path(c->api, "/stacks");
        int r = find_stack(u, &stack);
        if (r < 0)
                return r;
        if (stack && str_eq(json_str(stack, "state", ""), "removing")) {
                fprintf(stderr, "stack \"%s\" is being removed: waiting for that\n", u->files.stack);
                if ((r = wait_quietly(u, stack, u->files.stack)) < 0)
                        return r;
                json_free(stack);
                stack = NULL;
        }
        if (!stack) {
                json_set_str(body, "name", u->files.stack);
                if (opts_str(c->opts, "description"))
                        json_set_str(body, "description", opts_str(c->opts, "description"));
                if ((r = api_call(c->api, "POST", collection, body, &stack, &c->err)) < 0)
                        return dr_prefix(&c->err, r, "could not create stack \"%s\"", u->files.stack);
                if ((r = wait_quietly(u, stack, u->files.stack)) < 0)
                        return r;
        }
        u->stack_id = dr_xstrdup(json_str(stack, "id", ""));
        auto_free char *path = api_project_path(c->api, "/services?stackId=%s", u->stack_id);
        return api_list(c->api, path, &u->existing, &c->err);
}

static int make_volumes(struct up *u) {
        struct cli *c = u->cli;
        struct json_object *volumes = compose_volumes(u->files.compose);
        AUTO(json_free) struct json_object *have = NULL;
        if (!volumes || json_object_array_length(volumes) == 0)
                return 0;
        auto_free char *collection = api_project_path(c->api, "/volumetemplates"), *path = dr_xasprintf("%s?stackId=%s", collection, u->stack_id);
        int r = api_list(c->api, path, &have, &c->err);
        if (r == -ENOENT) {
                fprintf(stderr, "warning: this server has no volume templates: each host's engine makes the volumes of the files\n");
                return 0;
        }
        for (size_t i = 0; r >= 0 && i < json_object_array_length(volumes); i++) {
                struct json_object *v = json_object_array_get_idx(volumes, i);
                bool there = false;
                for (size_t k = 0; k < json_object_array_length(have); k++)
                        there = there || str_eq(json_str(json_object_array_get_idx(have, k), "name", NULL), json_str(v, "name", ""));
                if (there)
                        continue;
                AUTO(json_free) struct json_object *body = json_copy(v);
                json_set_str(body, "stackId", u->stack_id);
                if ((r = api_call(c->api, "POST", collection, body, NULL, &c->err)) < 0)
                        dr_prefix(&c->err, r, "could not create volume \"%s\"", json_str(v, "name", ""));
        }
        return r;
}

static int make_secrets(struct up *u) {
        struct cli *c = u->cli;
        struct json_object *secrets = compose_secrets(u->files.compose);
        AUTO(json_free) struct json_object *have = NULL;
        if (!secrets || json_object_array_length(secrets) == 0)
                return 0;
        auto_free char *collection = api_project_path(c->api, "/secrets");
        int r = api_list(c->api, collection, &have, &c->err);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(secrets); i++) {
                struct json_object *s = json_object_array_get_idx(secrets, i);
                bool there = json_bool(s, "external", false);
                for (size_t k = 0; k < json_object_array_length(have); k++)
                        there = there || str_eq(json_str(json_object_array_get_idx(have, k), "name", NULL), json_str(s, "name", ""));
                if (there)
                        continue;
                AUTO(json_free) struct json_object *body = json_object_new_object();
                json_set_str(body, "name", json_str(s, "name", ""));
                json_set_str(body, "value", json_str(s, "value", ""));
                if ((r = api_call(c->api, "POST", collection, body, NULL, &c->err)) < 0)
                        dr_prefix(&c->err, r, "could not create secret \"%s\"", json_str(s, "name", ""));
        }
        return r < 0 ? dr_prefix(&c->err, r, "secrets") : 0;
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

static int create_service(struct up *u, struct service *s, struct json_object *body) {
        struct cli *c = u->cli;
        auto_free char *collection = api_project_path(c->api, "/%s", s->want->collection);
        note(u, s, PROGRESS_RUNNING, "creating");
        int r = api_call(c->api, "POST", collection, body, &s->have, &c->err);
        return r < 0 ? dr_prefix(&c->err, r, "could not create service \"%s\" (%s:%u)", s->want->name, s->want->file, s->want->line) : 0;
}

static int update_service(struct up *u, struct service *s) {
        struct cli *c = u->cli;
        AUTO(json_free) struct json_object *answer = NULL;
        auto_free char *path = api_project_path(c->api, "/%s/%s", s->want->collection, json_str(s->have, "id", ""));
        auto_free char *text = dr_xasprintf("updating %s", s->step.changed);
        note(u, s, PROGRESS_RUNNING, text);
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
                struct service *s = &u->services.v[i];
                AUTO(json_free) struct json_object *body = NULL, *links = NULL;
                int r;
                if (s->want->wave != wave)
                        continue;
                if ((r = compose_service_body(s->want, u->stack_id, &resolver, &body, &c->err)) < 0)
                        return dr_prefix(&c->err, r, "service \"%s\" (%s:%u)", s->want->name, s->want->file, s->want->line);
                struct json_object *there = have_named(u, s->want->name);
                s->have = there ? json_object_get(there) : NULL;
                links = s->want->sets_links ? compose_service_links(s->want, &resolver, NULL) : NULL;
                struct compose_wish wish = { .type = s->want->type, .body = body, .links = links, .strategy = s->want->upgrade_strategy,
                                             .keep_scale = !s->want->scale_given };
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
static int set_links(struct up *u, struct service *s) {
        struct cli *c = u->cli;
        struct compose_resolver resolver = { .ctx = u, .find = find_reference };
        AUTO(json_free) struct json_object *missing = json_object_new_array(), *links = NULL, *answer = NULL, *now = NULL;
        int r;
        if (!s->want->sets_links)
                return 0;
        links = compose_service_links(s->want, &resolver, missing);
        for (size_t i = 0; i < json_object_array_length(missing); i++)
                fprintf(stderr, "warning: service \"%s\" links to \"%s\", which does not exist\n", s->want->name,
                        json_object_get_string(json_object_array_get_idx(missing, i)));
        if (!compose_links_differ(links, s->have))
                return 0;
        auto_free char *path = api_project_path(c->api, "/%s/%s", s->want->collection, json_str(s->have, "id", ""));
        if ((r = api_get(c->api, path, &now, &c->err)) < 0 ||
            (r = api_action(c->api, now, "setservicelinks", links, &answer, &c->err)) < 0)
                return dr_prefix(&c->err, r, "could not set the links of service \"%s\"", s->want->name);
        return 0;
}

static int settle_wave(struct up *u, unsigned wave) {
        struct waiter_config cfg = { .api = u->cli->api, .timeout_ms = (uint64_t) opts_int(u->cli->opts, "wait-timeout"), .error_grace_ms = (uint64_t) opts_int(u->cli->opts, "error-grace"),
                                     .progress = u->progress };
        AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
        for (size_t i = 0; i < u->services.n; i++) {
                const struct service *s = &u->services.v[i];
                if (s->want->wave == wave && str_eq(json_str(s->have, "transitioning", "no"), "yes") && s->step.action == COMPOSE_CREATE)
                        waiter_add(w, s->have, s->want->name);
        }
        return waiter_count(w) ? waiter_run(w, &u->cli->err) : 0;
}

static int activate(struct up *u, struct service *s) {
        struct cli *c = u->cli;
        AUTO(json_free) struct json_object *now = NULL, *answer = NULL;
        auto_free char *path = api_project_path(c->api, "/%s/%s", s->want->collection, json_str(s->have, "id", ""));
        int r = api_get(c->api, path, &now, &c->err);
        if (r >= 0 && !str_eq(json_str(now, "state", ""), "inactive") && str_eq(json_str(now, "transitioning", "no"), "yes")) {
                /* Still being created or stopped: it can start when that is over. */
                if ((r = wait_quietly(u, now, s->want->name)) < 0)
                        return r;
                json_free(now);
                now = NULL;
                r = api_get(c->api, path, &now, &c->err);
        }
        if (r >= 0 && api_can(now, "activate"))
                r = api_action(c->api, now, "activate", NULL, &answer, &c->err);
        if (r < 0)
                return dr_prefix(&c->err, r, "could not start service \"%s\"", s->want->name);
        json_free(s->have);
        s->have = answer && json_str(answer, "id", NULL) ? dr_take(answer) : dr_take(now);
        auto_free char *text = waiter_describe(s->have);
        note(u, s, PROGRESS_RUNNING, text);
        return 0;
}

/* Starts a wave; attached, waits until what later waves depend on is active (or healthy, where it asks for that). */
static int start_wave(struct up *u, unsigned wave, bool last) {
        struct waiter_config cfg = { .api = u->cli->api, .timeout_ms = (uint64_t) opts_int(u->cli->opts, "wait-timeout"), .error_grace_ms = (uint64_t) opts_int(u->cli->opts, "error-grace"),
                                     .progress = u->progress };
        AUTO(waiter_free) struct waiter *active = waiter_new(&cfg);
        cfg.state = "healthy";
        AUTO(waiter_free) struct waiter *healthy = waiter_new(&cfg);
        int r;
        for (size_t i = 0; i < u->services.n; i++) {
                struct service *s = &u->services.v[i];
                if (s->want->wave != wave)
                        continue;
                if (s->step.start && (r = activate(u, s)) < 0)
                        return r;
                if (s->step.start && !last && !opts_bool(u->cli->opts, "detach"))
                        waiter_add(s->want->wait_healthy ? healthy : active, s->have, s->want->name);
        }
        if (waiter_count(active) && (r = waiter_run(active, &u->cli->err)) < 0)
                return r;
        return waiter_count(healthy) ? waiter_run(healthy, &u->cli->err) : 0;
}

static int attach(struct up *u) {
        struct waiter_config cfg = { .api = u->cli->api, .timeout_ms = (uint64_t) opts_int(u->cli->opts, "wait-timeout"), .error_grace_ms = (uint64_t) opts_int(u->cli->opts, "error-grace"),
                                     .up = true, .progress = u->progress };
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
                const struct service *s = &u->services.v[i];
                counts[s->step.action]++;
                if (!s->step.needs_upgrade)
                        continue;
                behind++;
                fprintf(stderr, "warning: service \"%s\" is out of sync with the files: %s; its containers keep what they have, "
                                "since changing that replaces them, which is an upgrade and which this version of drover up does not do\n",
                        s->want->name, s->step.needs_upgrade);
        }
        fprintf(stderr, "stack %s: %zu created, %zu updated, %zu unchanged\n", u->files.stack, counts[COMPOSE_CREATE], counts[COMPOSE_UPDATE], counts[COMPOSE_KEEP]);
        if (behind == 0)
                return 0;
        u->cli->hint = "remove the service (drover rm STACK/SERVICE) and run drover up again to have it made anew";
        return dr_fail(&u->cli->err, DR_E_CONFLICT, NULL, "%zu of %zu services differ from the files in what only an upgrade changes", behind, u->services.n);
}

static int bring_up(struct up *u) {
        size_t n;
        const struct compose_service *list = compose_services(u->files.compose, &n);
        unsigned waves = 0;
        struct json_object *hosts = compose_hosts(u->files.compose);
        int r;
        if (hosts && json_object_array_length(hosts) > 0)
                fprintf(stderr, "warning: the files' \"hosts\" section is not used: hosts join with \"drover hosts join-command\"\n");
        for (size_t i = 0; i < n; i++) {
                vec_push(&u->services, ((struct service) { .want = &list[i] }));
                waves = MAX(waves, list[i].wave + 1);
        }
        if ((r = get_stack(u)) < 0 || (r = make_volumes(u)) < 0 || (r = make_secrets(u)) < 0)
                return r;
        for (unsigned w = 0; w < waves; w++)
                if ((r = apply_wave(u, w)) < 0 || (r = settle_wave(u, w)) < 0)
                        return r;
        for (size_t i = 0; i < u->services.n; i++)
                if ((r = set_links(u, &u->services.v[i])) < 0)
                        return r;
        for (unsigned w = 0; w < waves; w++)
                if ((r = start_wave(u, w, w + 1 == waves)) < 0)
                        return r;
        printf("%s\n", u->stack_id);
        (void) fflush(stdout);
        if (!opts_bool(u->cli->opts, "detach") && (r = attach(u)) < 0)
                return r;
        return report(u);
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        struct up u = { .cli = c };
        size_t n;
        struct up_files_config cfg = { .rancher_file = opts_str(o, "rancher-file"), .env_file = opts_str(o, "env-file"), .stack = opts_str(o, "stack"),
                                       .split_colons = opts_source(o, "file") == OPT_FROM_ENV };
        cfg.files = opts_list(o, "file", &n);
        cfg.n = n;
        int r = up_files_read(&cfg, &u.files, &c->err);
        if (r < 0)
                return r;
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
        .name = "up", .summary = "create or update a stack from compose files and start it",
        .about = "Services that are as the files say are left alone; scale, metadata, descriptions and links are updated.\n"
                 "Then waits until all containers run, showing what holds them up; Ctrl-C stops waiting, not the stack.",
        OPT_ROWS(rows), .run = run,
};
