/* upgrade_to.c: upgrade of a service by another one: scale moves from the old to the new a batch at a time (orchestration.md 2.6). */
#include "applier.h"

#include "engine/upgrade.h"

#include <stdio.h>

enum { STEP_READY = 1, STEP_ROUND = 2, STEP_PAUSE = 3 };

static struct record *consume_map(struct core *c, int64_t service, int64_t consumed, const char *name) {
        const struct records *l = world_by_int(c->world, T_serviceConsumeMap, F_serviceId, service);
        for (size_t k = 0; k < l->n; k++)
                if (record_int(l->v[k], F_consumedServiceId) == consumed && !state_is_gone((enum state_id) l->v[k]->state) &&
                    str_eq(record_name(l->v[k]), name))
                        return l->v[k];
        return NULL;
}

/* Who links to the old one links to the new one too, by the same alias. */
static void copy_links(struct core *c, const struct record *from, const struct record *to) {
        VEC(struct record *) links = { 0 };
        const struct records *l = world_by_int(c->world, T_serviceConsumeMap, F_consumedServiceId, from->id);
        for (size_t k = 0; k < l->n; k++)
                if (!state_is_gone((enum state_id) l->v[k]->state))
                        vec_push(&links, l->v[k]);
        for (size_t k = 0; k < links.n; k++) {
                int64_t consumer = record_int(links.v[k], F_serviceId);
                const char *name = record_name(links.v[k]);
                if (consumer == to->id || consume_map(c, consumer, to->id, name))
                        continue;
                struct record *m = core_create(c, T_serviceConsumeMap, links.v[k]->account_id);
                core_put_int(c, m, F_serviceId, consumer);
                core_put_int(c, m, F_consumedServiceId, to->id);
                core_put_str(c, m, F_name, name);
                (void) core_process_start(c, m, P_serviceconsumemap_create, NULL, NULL);
        }
        vec_done(&links);
}

/* The new one has all of its containers and they serve. */
static bool is_ready(struct core *c, struct record *to) {
        if (to->state == S_inactive)
                (void) core_process_start(c, to, P_service_activate, NULL, NULL);
        if (to->state != S_active || to->run)
                return false;
        struct plan_request req = service_request(c, to);
        struct plan plan;
        service_plan(&req, &plan);
        bool ready = plan_converged(&plan);
        plan_done(&plan);
        const struct records *l = world_by_int(c->world, T_instance, F_serviceId, to->id);
        for (size_t k = 0; ready && k < l->n; k++)
                ready = upgrade_serves(c->world, l->v[k], true);
        return ready;
}

static void scale_to(struct core *c, struct record *s, int64_t scale) {
        if (record_int_or(s, F_scale, 1) == scale)
                return;
        core_put_int(c, s, F_scale, scale);
        if (core_process_allowed(s, P_service_update))
                (void) core_process_start(c, s, P_service_update, NULL, NULL);
}

enum step service_upgrade_to(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        struct json_object *in = json_get_object(record_json(s, F_upgrade), "toServiceStrategy");
        struct record *to = world_get(c->world, T_service, json_int(in, "toServiceId", 0));
        enum step converged = service_reconcile(c, s, run);
        if (!to || state_is_gone((enum state_id) to->state))
                return STEP_DONE;
        if (run->step == STEP_READY && json_bool(in, "updateLinks", false))
                copy_links(c, s, to);
        struct upgrade_conf conf = upgrade_conf(s);
        struct upgrade_scales at = { record_int_or(s, F_scale, 1), record_int_or(to, F_scale, 1) }, next;
        int64_t final = json_int(in, "finalScale", 1), now = core_wall_ms(c);
        char text[400];
        snprintf(text, sizeof text, "upgrading: %.100s has %lld of %lld, %.100s has %lld", record_name(to), (long long) at.to, (long long) final,
                 record_name(s), (long long) at.from);
        core_progress(c, s, text);
        if (run->step == STEP_PAUSE && now < run->deadline_ms)
                return STEP_WAIT;
        run->step = STEP_ROUND;
        run->deadline_ms = 0;
        bool ready = is_ready(c, to), more = upgrade_next_scales(at, final, conf.batch, &next);
        if (ready && !more)
                return converged;
        if (ready) {
                scale_to(c, to, next.to);
                scale_to(c, s, next.from);
        }
        run->step = STEP_PAUSE;         /* the new one's containers do not wake this service: it looks again */
        run->deadline_ms = now + MAX(conf.interval_ms, (int64_t) 100);
        return STEP_WAIT;
}
