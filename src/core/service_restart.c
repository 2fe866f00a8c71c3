/* service_restart.c: rolling restart of a service: the same containers, a batch of units at a time (orchestration.md 2.7).
 *
 * Which containers are left is kept in the run's data, so a restart of the server goes on where it was. The next batch waits until all
 * containers of the service serve: one that does not come back stops the walk, and the service says so. */
#include "applier.h"
#include "service_log.h"

#include "engine/upgrade.h"

#include <stdio.h>

enum { STEP_BEGIN = 0, STEP_BATCH = 1, STEP_UNDER_WAY = 2, STEP_PAUSE = 3 };
enum { INTERVAL_MS = 2000 };

static void keep(struct run *run, int64_t batch, int64_t interval, struct json_object *left) {
        AUTO(json_free) struct json_object *data = json_object_new_object();
        json_set_int(data, "batchSize", batch);
        json_set_int(data, "intervalMillis", interval);
        json_set(data, "left", json_copy(left));
        text_unref(run->data);
        run->data = text_from_json(data);
}

static void begin(struct core *c, const struct record *s, struct run *run) {
        service_log(c, s, NULL, LOG_OF_SERVICE, "service.restart", "Restarting service");
        struct json_object *strategy = json_get_object(text_json(run->data), "rollingRestartStrategy");
        int64_t batch = MAX(json_int(strategy, "batchSize", 1), (int64_t) 1), interval = json_int(strategy, "intervalMillis", INTERVAL_MS);
        AUTO(json_free) struct json_object *left = json_object_new_array();
        const struct records *l = world_by_int(c->world, T_instance, F_serviceId, s->id);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->state == S_running && !upgrade_is_aside(l->v[i]))
                        json_object_array_add(left, json_object_new_int64(l->v[i]->id));
        keep(run, batch, interval, left);
}

/* A container that does not serve, be it on its way or not healthy yet; NULL: all do. */
static const struct record *not_ready(struct core *c, const struct record *s) {
        const struct records *l = world_by_int(c->world, T_instance, F_serviceId, s->id);
        for (size_t i = 0; i < l->n; i++)
                if (!upgrade_is_aside(l->v[i]) && !upgrade_serves(c->world, l->v[i], true))
                        return l->v[i];
        return NULL;
}

static void tell(struct core *c, struct record *s, const struct run *run, const struct record *waits_for) {
        struct json_object *left = json_get_array(text_json(run->data), "left");
        char text[400];
        int n = snprintf(text, sizeof text, "restarting: %zu containers to go", left ? json_object_array_length(left) : 0);
        if (waits_for)
                snprintf(text + n, sizeof text - (size_t) n, ", waiting for %.150s (%s)", record_name(waits_for),
                         waits_for->state == S_running ? str_or(record_str(waits_for, F_healthState), "initializing") : state_name((enum state_id) waits_for->state));
        core_progress(c, s, text);
}

/* Restarts the next units; false when none is left. */
static bool next_batch(struct core *c, struct run *run) {
        struct json_object *data = text_json(run->data), *left = json_get_array(data, "left");
        int64_t batch = json_int(data, "batchSize", 1), units = 0;
        AUTO(json_free) struct json_object *rest = json_object_new_array();
        VEC(struct text *) taken = { 0 };
        bool any = false;
        for (size_t i = 0; left && i < json_object_array_length(left); i++) {
                struct json_object *id = json_object_array_get_idx(left, i);
                struct record *r = instance_get(c, json_object_get_int64(id));
                if (!r || r->state != S_running)
                        continue;       /* went, or stopped by itself: the service's plan sees to it */
                struct text *unit = record_text(r, F_deploymentUnitUuid);
                bool in = false;
                for (size_t k = 0; unit && k < taken.n; k++)
                        in |= taken.v[k] == unit;
                if (!in && units < batch) {
                        units++;
                        in = true;
                        if (unit)
                                vec_push(&taken, unit);
                }
                if (in)
                        any |= core_process_start(c, r, P_instance_restart, NULL, NULL) == 0;
                else
                        json_object_array_add(rest, json_object_get(id));
        }
        vec_done(&taken);
        keep(run, batch, json_int(data, "intervalMillis", INTERVAL_MS), rest);
        return any;
}

enum step service_restart(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        if (run->step == STEP_BEGIN) {
                begin(c, s, run);
                run->step = STEP_BATCH;
        }
        enum step converged = service_reconcile(c, s, run);     /* starts what did not come back by itself */
        const struct record *waits_for = not_ready(c, s);
        tell(c, s, run, waits_for);
        if (waits_for || converged != STEP_DONE)
                return STEP_WAIT;       /* woken when their state or health changes */
        int64_t now = core_wall_ms(c);
        if (run->step == STEP_UNDER_WAY) {
                run->step = STEP_PAUSE;
                run->deadline_ms = now + json_int(text_json(run->data), "intervalMillis", INTERVAL_MS);
        }
        struct json_object *left = json_get_array(text_json(run->data), "left");
        if (!left || !json_object_array_length(left))
                return STEP_DONE;
        if (run->step == STEP_PAUSE && now < run->deadline_ms)
                return STEP_WAIT;
        run->deadline_ms = 0;
        run->step = STEP_UNDER_WAY;
        return next_batch(c, run) ? STEP_WAIT : STEP_DONE;
}
