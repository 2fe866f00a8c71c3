/* upgrade.c: upgrade of a service in its place, finish, cancel and rollback (orchestration.md 2.3 to 2.5, 2.8).
 *
 * What is next is engine/upgrade.h's to say, from the records alone; a run only remembers whether it is between two batches. So it goes on
 * after a restart of the server wherever it was, and a rollback is the same walk with the launch configs of before. */
#include "applier.h"
#include "service_log.h"

#include "engine/upgrade.h"
#include "engine/upgrade_config.h"
#include "service_upgrade.h"

#include <stdio.h>

enum { STEP_BEGIN = 0, STEP_READY = 1, STEP_BATCH = 2, STEP_PAUSE = 3, STEP_CLEAN = 4 };
static const char FAILING[] = "Container should have been running but is in error state. Check logs for more information.";

static void put_configs(struct core *c, struct record *s, const struct upgrade_configs *to) {
        core_put(c, s, F_launchConfig, to->primary ? value_json(to->primary) : value_null());
        core_put(c, s, F_secondaryLaunchConfigs, to->secondaries ? value_json(to->secondaries) : value_null());
}

/* As core_process_start(), but a service that has done it already is refused: it would be done with other launch configs. */
static int start(struct core *c, struct record *s, enum process_id p, struct dr_error *err) {
        if (!core_process_allowed(s, p))
                return dr_fail(err, DR_E_CONFLICT, NULL, "cannot %s service \"%s\" in state %s", process_get(p)->action, record_name(s), state_name((enum state_id) s->state));
        return core_process_start(c, s, p, NULL, err);
}

static void put_strategy(struct core *c, struct record *s, const char *key, struct json_object *strategy) {
        AUTO(json_free) struct json_object *upgrade = json_object_new_object();
        json_set(upgrade, key, json_copy(strategy));
        core_put(c, s, F_upgrade, value_json(upgrade));
}

int service_upgrade_begin(struct core *c, struct record *s, const struct upgrade_configs *to, struct dr_error *err) {
        int r = start(c, s, P_service_upgrade, err);
        if (r < 0)
                return r;
        put_configs(c, s, to);
        put_strategy(c, s, "inServiceStrategy", to->strategy);
        return 0;
}

int service_upgrade_to_begin(struct core *c, struct record *s, struct json_object *in, struct dr_error *err) {
        int r = start(c, s, P_service_upgrade, err);
        if (r == 0)
                put_strategy(c, s, "toServiceStrategy", in);
        return r;
}

int service_rollback_begin(struct core *c, struct record *s, struct dr_error *err) {
        int r = start(c, s, P_service_rollback, err);
        if (r == 0 && json_get_object(record_json(s, F_upgrade), "inServiceStrategy")) {
                struct upgrade_configs before = upgrade_configs_before(s);
                put_configs(c, s, &before);
                upgrade_configs_done(&before);
        }
        return r;
}

/* A line each for few, one for many: a row for every container of a thousand would tell nothing more. */
static void log_all(struct core *c, struct record *s, const struct records *l, const char *event, const char *what) {
        enum { EACH_MAX = 5 };
        if (l->n > EACH_MAX)
                service_log(c, s, NULL, LOG_OF_SERVICE, event, "%s: %zu instances, %s to %s", what, l->n, record_name(l->v[0]), record_name(l->v[l->n - 1]));
        for (size_t k = 0; k < l->n && l->n <= EACH_MAX; k++)
                service_log(c, s, l->v[k], LOG_OF_SERVICE, event, "%s: %s", what, record_name(l->v[k]));
}

static void apply(struct core *c, struct record *s, const struct upgrade_step *v, size_t n) {
        struct records stopped = { 0 }, removed = { 0 };
        for (size_t k = 0; k < n; k++) {
                struct record *i = v[k].instance;
                switch (v[k].action) {
                case UPGRADE_SET_ASIDE:
                        core_put_bool(c, i, F_upgradeSetAside, true);
                        break;
                case UPGRADE_RESTORE:
                        core_clear(c, i, F_upgradeSetAside);
                        break;
                case UPGRADE_STOP:
                        if (core_process_allowed(i, P_instance_stop) && core_process_start(c, i, P_instance_stop, NULL, NULL) == 0)
                                vec_push(&stopped, i);
                        break;
                case UPGRADE_REMOVE:
                        instance_destroy(c, i);
                        vec_push(&removed, i);
                        break;
                }
        }
        log_all(c, s, &stopped, "service.instance.stop", "Stopping instance of the version before");
        log_all(c, s, &removed, "delete", "Removing instance of the version before");
        vec_done(&stopped);
        vec_done(&removed);
}

/* How far it is and what it waits for; between the tries of what fails it shows as an error (2.8). */
static void tell(struct core *c, struct record *s, struct run *run, const char *verb, const struct upgrade_view *v) {
        char text[640];
        int n = snprintf(text, sizeof text, "%s: %zu of %zu units", verb, v->done, v->units);
        const char *health = v->waits_for ? record_str(v->waits_for, F_healthState) : NULL;
        bool failing = v->moving && run->error && record_int(s, F_holdUntilMs) > core_wall_ms(c);
        if (v->moving && run->error)
                snprintf(text + n, sizeof text - (size_t) n, ": %s: %s", FAILING, run->error->s);
        else if (v->waits_for && v->waits_for->state == S_running)
                snprintf(text + n, sizeof text - (size_t) n, ": waiting for %s to be healthy (%s)", record_name(v->waits_for), str_or(health, "initializing"));
        if (!v->moving && run->error) {
                text_unref(run->error);
                run->error = NULL;
                run->attempts = 0;
        }
        if (failing)
                core_put_str(c, s, F_transitioningState, "error");
        else
                core_clear(c, s, F_transitioningState);
        core_progress(c, s, text);
}

/* One look. DONE: no unit is left and all are ready. health: whether to wait for it. */
static enum step advance(struct core *c, struct record *s, struct run *run, const char *verb, bool health) {
        struct plan_request req = service_request(c, s);
        for (;;) {
                enum step converged = service_reconcile(c, s, run);
                struct upgrade_view v;
                upgrade_look(&req, health, &v);
                apply(c, s, v.now.v, v.now.n);
                tell(c, s, run, verb, &v);
                int64_t now = core_wall_ms(c);
                bool next = v.pending && !v.moving;
                if (v.moving) {
                        run->step = STEP_BATCH;
                        run->deadline_ms = 0;
                } else if (next && run->step == STEP_BATCH) {
                        run->step = STEP_PAUSE;
                        run->deadline_ms = now + upgrade_conf(s).interval_ms;
                }
                next = next && (run->step != STEP_PAUSE || now >= run->deadline_ms);
                if (next) {
                        run->step = STEP_BATCH;
                        run->deadline_ms = 0;
                        apply(c, s, v.next.v, v.next.n);
                }
                bool done = !v.pending && !v.moving && converged == STEP_DONE;
                upgrade_view_done(&v);
                if (!next)              /* else once more: what follows from it belongs to the same batch of the store */
                        return done ? STEP_DONE : STEP_WAIT;
        }
}

/* Those that are set aside go: there is no way back then. */
static enum step clean(struct core *c, struct record *s, struct run *run) {
        const struct records *l = world_by_int(c->world, T_instance, F_serviceId, s->id);
        struct records going = { 0 };
        size_t n = 0;
        for (size_t k = 0; k < l->n; k++) {
                if (!upgrade_is_aside(l->v[k]))
                        continue;
                if (!state_is_gone((enum state_id) l->v[k]->state) && !record_bool(l->v[k], F_removeAfterStop))
                        vec_push(&going, l->v[k]);
                instance_destroy(c, l->v[k]);
                n++;
        }
        log_all(c, s, &going, "delete", "Removing instance that was set aside");
        vec_done(&going);
        enum step converged = service_reconcile(c, s, run);
        if (n) {
                char text[64];
                snprintf(text, sizeof text, "removing %zu containers", n);
                core_progress(c, s, text);
                return STEP_WAIT;
        }
        return converged;
}

static bool is_in_service(const struct record *s) { return json_get_object(record_json(s, F_upgrade), "inServiceStrategy") != NULL; }

static void begin(struct core *c, struct record *s, struct run *run, const char *event, const char *what) {
        if (run->step != STEP_BEGIN)
                return;
        service_log(c, s, NULL, LOG_OF_SERVICE, event, "%s", what);
        run->step = STEP_READY;
}

enum step service_upgrade(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        begin(c, s, run, run->process == P_service_upgrade ? "service.upgrade" : "service.continueupgrade",
              run->process == P_service_upgrade ? "Upgrading service" : "Continuing upgrade of service");
        return is_in_service(s) ? advance(c, s, run, "upgrading", true) : service_upgrade_to(c, s, run, ctx);
}

enum step service_cancelupgrade(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        begin(c, s, run, "service.cancelupgrade", "Canceling upgrade of service");
        return STEP_DONE;               /* the upgrade's run ended when this one took over */
}

static enum step walk_and_clean(struct core *c, struct record *s, struct run *run, const char *verb, bool health) {
        if (run->step != STEP_CLEAN && is_in_service(s)) {
                enum step r = advance(c, s, run, verb, health);
                if (r != STEP_DONE)
                        return r;
        }
        run->step = STEP_CLEAN;
        run->deadline_ms = 0;
        return clean(c, s, run);
}

enum step service_finishupgrade(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        begin(c, s, run, "service.finishupgrade", "Finishing upgrade of service");
        return walk_and_clean(c, s, run, "finishing upgrade", true);
}

enum step service_rollback(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        begin(c, s, run, "service.rollback", "Rolling back service");
        return walk_and_clean(c, s, run, "rolling back", false);
}
