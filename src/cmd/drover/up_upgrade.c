#include <stdio.h>

#include "pull.h"
#include "up.h"

/* Services of the files by name among those of the stack. */
static bool is_wanted(const struct up *u, const struct json_object *existing) {
        for (size_t i = 0; i < u->services.n; i++)
                if (str_ieq(u->services.v[i].want->name, json_str(existing, "name", "")))
                        return true;
        return false;
}

/* POSTs action to the services of the files that are in one of the NULL-ended states, and waits until they rest. *ret_n: how many there were. */
static int act_on(struct up *u, const char *const *states, const char *action, size_t *ret_n) {
        struct cli *c = u->cli;
        struct waiter_config cfg = up_waiter_config(u, false);
        AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
        *ret_n = 0;
        for (size_t i = 0; i < json_object_array_length(u->existing); i++) {
                struct json_object *o = json_object_array_get_idx(u->existing, i);
                AUTO(json_free) struct json_object *answer = NULL;
                const char *state = json_str(o, "state", "");
                bool fits = false;
                for (const char *const *s = states; *s; s++)
                        fits = fits || str_eq(state, *s);
                if (!fits || !is_wanted(u, o))
                        continue;
                int r = api_action(c->api, o, action, NULL, &answer, &c->err);
                if (r < 0)
                        return dr_prefix(&c->err, r, "%s of service \"%s\"", action, json_str(o, "name", ""));
                waiter_add(w, o, json_str(o, "name", ""));
                (*ret_n)++;
        }
        return *ret_n ? waiter_run(w, &c->err) : 0;
}

static int look_again(struct up *u) {
        AUTO(json_free) struct json_object *now = NULL;
        auto_free char *path = api_project_path(u->cli->api, "/services?stackId=%s", u->stack_id);
        int r = api_list(u->cli->api, path, &now, &u->cli->err);
        if (r < 0)
                return r;
        json_free(u->existing);
        u->existing = dr_take(now);
        return 0;
}

int up_roll_back(struct up *u) {
        size_t n;
        int r = act_on(u, (const char *const[]) { "upgraded", "upgrading", "canceled-upgrade", NULL }, "rollback", &n);
        if (r < 0)
                return r;
        if (n == 0)
                return dr_fail(&u->cli->err, DR_E_INVALID_STATE, NULL, "no service of stack \"%.100s\" has an upgrade that could be taken back", u->files.stack);
        fprintf(stderr, "stack %s: %zu rolled back\n", u->files.stack, n);
        return 0;
}

int up_confirm(struct up *u) {
        size_t n;
        int r = act_on(u, (const char *const[]) { "upgraded", NULL }, "finishupgrade", &n);
        return r < 0 || n == 0 ? r : look_again(u);
}

/* ---- images ---- */

static void add_image(struct json_object *images, const struct json_object *config) {
        const char *image = json_str(config, "imageUuid", "");
        if (str_starts(image, "docker:"))
                image += strlen("docker:");
        if (!*image || str_eq(image, COMPOSE_NO_IMAGE))
                return;
        for (size_t i = 0; i < json_object_array_length(images); i++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(images, i)), image))
                        return;
        json_object_array_add(images, json_object_new_string(image));
}

int up_pull(struct up *u) {
        AUTO(json_free) struct json_object *images = json_object_new_array();
        VEC(const char *) names = { 0 };
        for (size_t i = 0; i < u->services.n; i++) {
                struct json_object *body = u->services.v[i].want->body, *sidekicks = json_get_array(body, "secondaryLaunchConfigs");
                add_image(images, json_get_object(body, "launchConfig"));
                for (size_t k = 0; sidekicks && k < json_object_array_length(sidekicks); k++)
                        add_image(images, json_object_array_get_idx(sidekicks, k));
        }
        for (size_t i = 0; i < json_object_array_length(images); i++)
                vec_push(&names, json_object_get_string(json_object_array_get_idx(images, i)));
        int r = pull_images(u->cli, names.v, names.n, "cached", NULL, false);
        vec_done(&names);
        return r;
}

/* ---- upgrade ---- */

static int start_upgrade(struct up *u, struct up_service *s) {
        struct cli *c = u->cli;
        AUTO(json_free) struct json_object *answer = NULL;
        int r = up_look(u, s);
        if (r >= 0 && str_eq(json_str(s->have, "transitioning", "no"), "yes") && (r = up_wait_quietly(u, s->have, s->want->name)) >= 0)
                r = up_look(u, s);
        if (r >= 0 && (r = compose_upgrade_ready(s->have, &c->err)) > 0) {
                c->hint = "--confirm-upgrade keeps the last upgrade, --rollback takes it back";
                return dr_fail(&c->err, DR_E_CONFLICT, NULL, "service \"%.60s\" has an upgrade that is neither confirmed nor rolled back", s->want->name);
        }
        if (r < 0)
                return r;
        auto_free char *text = dr_xasprintf("upgrading: %s", s->step.needs_upgrade);
        up_note(u, s, PROGRESS_RUNNING, text);
        if ((r = api_action(c->api, s->have, "upgrade", s->step.upgrade, &answer, &c->err)) < 0)
                return dr_prefix(&c->err, r, "could not upgrade service \"%s\" (%s:%u)", s->want->name, s->want->file, s->want->line);
        s->upgraded = true;
        u->n_upgraded++;
        return 0;
}

/* All of a wave at once, then the next wave: what others depend on is replaced first. */
static int upgrade_wave(struct up *u, unsigned wave) {
        struct waiter_config cfg = up_waiter_config(u, false);
        AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
        int r;
        for (size_t i = 0; i < u->services.n; i++) {
                struct up_service *s = &u->services.v[i];
                if (s->want->wave != wave || !s->step.upgrade)
                        continue;
                if ((r = start_upgrade(u, s)) < 0)
                        return r;
                waiter_add(w, s->have, s->want->name);
        }
        r = waiter_count(w) && !opts_bool(u->cli->opts, "detach") ? waiter_run(w, &u->cli->err) : 0;
        if (r < 0)
                u->cli->hint = "the server goes on trying; \"drover up --rollback\" with the same files takes the upgrade back";
        return r;
}

/* That all rest says not yet that they are upgraded: somebody may have cancelled. */
static int check_upgraded(struct up *u) {
        int r;
        for (size_t i = 0; i < u->services.n; i++) {
                struct up_service *s = &u->services.v[i];
                if (!s->upgraded)
                        continue;
                if ((r = up_look(u, s)) < 0)
                        return r;
                if (!str_eq(json_str(s->have, "state", ""), "upgraded"))
                        return dr_fail(&u->cli->err, DR_E_INVALID_STATE, NULL, "the upgrade of service \"%.80s\" ended in state %.40s", s->want->name,
                                       json_str(s->have, "state", "?"));
        }
        return 0;
}

int up_upgrade(struct up *u) {
        unsigned waves = 0;
        int r = 0;
        for (size_t i = 0; i < u->services.n; i++)
                waves = MAX(waves, u->services.v[i].want->wave + 1);
        for (unsigned w = 0; w < waves && r >= 0; w++)
                r = upgrade_wave(u, w);
        if (r < 0 || opts_bool(u->cli->opts, "detach") || u->n_upgraded == 0)
                return r;
        if ((r = check_upgraded(u)) < 0 || !opts_bool(u->cli->opts, "confirm-upgrade"))
                return r;
        return (r = look_again(u)) < 0 ? r : up_confirm(u);
}

/* ---- prune ---- */

int up_prune(struct up *u) {
        struct cli *c = u->cli;
        struct waiter_config cfg = up_waiter_config(u, false);
        AUTO(waiter_free) struct waiter *w = waiter_new(&cfg);
        for (size_t i = 0; i < json_object_array_length(u->existing); i++) {
                struct json_object *o = json_object_array_get_idx(u->existing, i);
                const char *name = json_str(o, "name", "");
                if (is_wanted(u, o) || str_eq(json_str(o, "state", ""), "removing") || str_eq(json_str(o, "state", ""), "removed"))
                        continue;
                auto_free char *path = api_project_path(c->api, "/services/%s", json_str(o, "id", ""));
                int r = api_call(c->api, "DELETE", path, NULL, NULL, &c->err);
                if (r < 0)
                        return dr_prefix(&c->err, r, "could not remove service \"%s\"", name);
                u->n_pruned++;
                waiter_add(w, o, name);
        }
        return waiter_count(w) && !opts_bool(c->opts, "detach") ? waiter_run(w, &c->err) : 0;
}
