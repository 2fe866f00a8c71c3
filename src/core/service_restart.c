/* service_restart.c: rolling restart of a service: the same containers, a batch of units at a time (orchestration.md 2.7).
 *
 * Which containers are left is kept in the run's data, so a restart of the server goes on where it was. */
#include "applier.h"
#include "service_log.h"

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
                if (l->v[i]->state == S_running)
                        json_object_array_add(left, json_object_new_int64(l->v[i]->id));
        keep(run, batch, interval, left);
}

/* Is any container of the service on its way to another state? */
static bool unsettled(struct core *c, const struct record *s) {
        const struct records *l = world_by_int(c->world, T_instance, F_serviceId, s->id);
        for (size_t i = 0; i < l->n; i++)
                if (state_is_transitioning(T_instance, (enum state_id) l->v[i]->state))
                        return true;
        return false;
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
        if (unsettled(c, s)) {
                core_progress(c, s, "restarting containers");
                return STEP_WAIT;       /* woken when their state changes */
        }
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
