/* services.c: life of services and stacks: carries out what engine/plan.h says (orchestration.md 1). */
#include "addresses.h"
#include "applier.h"
#include "networks.h"
#include "service_log.h"

#include "base/log.h"
#include "engine/upgrade.h"
#include "model/launch.h"
#include "selected.h"

#include <stdio.h>

enum { HOLD_BASE_MS = 2000, HOLD_MAX_MS = 120000, HOLD_IDLE = 8 /* as after so many tries, where no run counts them */ };

static bool usable(void *arg, const struct record *host) { return host_usable(arg, host); }
static bool lost(void *arg, const struct record *host) {
        struct core *c = arg;
        const struct record *agent = world_get(c->world, T_agent, record_int(host, F_agentId));
        return agent && (agent->state == S_reconnecting || agent->state == S_disconnecting || agent->state == S_disconnected);
}

struct plan_request service_request(struct core *c, const struct record *s) {
        return (struct plan_request) { .world = c->world, .service = s, .usable = usable, .lost = lost, .arg = c };
}

/* ---- health, bottom up; a write only where it changed ---- */
static void put_health(struct core *c, struct record *r, const char *health) {
        if (!str_eq(record_str(r, F_healthState), health))
                core_put_str(c, r, F_healthState, health);
}

static void update_health(struct core *c, struct record *s) {
        struct plan_request req = service_request(c, s);
        put_health(c, s, service_health(&req));
        struct record *stack = world_get(c->world, T_stack, record_int(s, F_stackId));
        if (!stack)
                return;
        const char *now = stack_health(c->world, stack);
        if (str_eq(record_str(stack, F_healthState), now))
                return;
        put_health(c, stack, now);
        struct record *account = world_get(c->world, T_account, stack->account_id);
        if (account)
                put_health(c, account, account_health(c->world, account));
}

void service_trigger(struct core *c, int64_t id) {
        struct record *s = world_get(c->world, T_service, id);
        if (s)
                core_wake(c, s);
}
void health_changed(struct core *c, int64_t id) { service_trigger(c, id); }     /* computed once per turn, where the trigger runs */

void services_hosts_changed(struct core *c, int64_t account_id) {
        const struct records *l = world_of_account(c->world, T_service, account_id);
        for (size_t k = 0; k < l->n; k++)
                if (record_bool(l->v[k], F_skip) || service_is_global(l->v[k]) || record_has(l->v[k], F_holdUntilMs) || record_has(l->v[k], F_scaleFull) || l->v[k]->run) {
                        core_clear(c, l->v[k], F_holdUntilMs);          /* what could not be placed may fit now */
                        core_clear(c, l->v[k], F_scaleFull);
                        core_wake(c, l->v[k]);
                }
}

/* ---- carrying out a plan ---- */
static struct record *create_du(struct core *c, struct record *s, int index, int64_t host) {
        struct record *du = core_create(c, T_deploymentUnit, s->account_id);
        char text[RECORD_UUID_MAX];
        du->state = S_active;                   /* a unit has no life of its own: it is while it is needed */
        core_put_str(c, du, F_deploymentUnitUuid, record_uuid(du, text));
        core_put_int(c, du, F_serviceId, s->id);
        snprintf(text, sizeof text, "%d", index);
        core_put_str(c, du, F_serviceIndex, text);
        if (host)
                core_put_int(c, du, F_globalHostId, host);
        return du;
}

static struct text *shared(const char *a, const char *b, const char *d) {
        char buf[512];
        int n = snprintf(buf, sizeof buf, "%s/%s%s%s", a, b, d ? "/" : "", d ? d : "");
        return text_get(buf, (size_t) MIN(n, (int) sizeof buf - 1));
}

static struct record *create_instance(struct core *c, struct record *s, struct record *du, int lc, int64_t host) {
        struct json_object *conf = service_lc(s, lc);
        struct record *stack = world_get(c->world, T_stack, record_int(s, F_stackId));
        const char *stack_name = stack ? record_name(stack) : "", *lc_name = lc ? service_lc_name(s, lc) : NULL;
        const char *index = str_or(record_str(du, F_serviceIndex), "1");
        struct record *i = core_create(c, T_container, s->account_id);
        char name[320];
        snprintf(name, sizeof name, "%s-%s%s%s-%s", stack_name, record_name(s), lc ? "-" : "", lc ? lc_name : "", index);
        core_put_str(c, i, F_name, name);
        core_put_int(c, i, F_stackId, record_int(s, F_stackId));
        core_put_int(c, i, F_serviceId, s->id);
        struct text *text = lc ? text_from_json(conf) : text_ref(record_text(s, F_launchConfig));
        core_put(c, i, F_launchConfigText, (struct value) { .tag = V_JSON, .t = text });
        if (lc)
                core_put_str(c, i, F_launchConfigName, lc_name);
        core_put(c, i, F_stackServiceName, (struct value) { .tag = V_STR, .t = shared(stack_name, record_name(s), lc_name) });
        core_put_int(c, i, F_deploymentUnitId, du->id);
        core_put(c, i, F_deploymentUnitUuid, (struct value) { .tag = V_STR, .t = text_ref(record_text(du, F_deploymentUnitUuid)) });
        core_put(c, i, F_serviceIndex, (struct value) { .tag = V_STR, .t = text_ref(record_text(du, F_serviceIndex)) });
        int64_t create_index = record_int(s, F_createIndex) + 1;
        core_put_int(c, s, F_createIndex, create_index);
        core_put_int(c, i, F_createIndex, create_index);
        if (host)
                core_put_int(c, i, F_globalHostId, host);
        if (record_bool(s, F_system))
                core_put_bool(c, i, F_system, true);
        const char *once = json_str(json_get(conf, "labels"), "io.rancher.container.start_once", NULL);
        if (once && str_ieq(once, "true"))
                core_put_bool(c, i, F_startOnce, true);
        const char *version = json_str(conf, "version", NULL);
        if (version && !str_eq(version, "0"))
                core_put_str(c, i, F_version, version);
        return i;
}

static struct record *member(struct core *c, struct record *du, const char *lc_name) {
        const struct records *l = world_by_text(c->world, T_instance, F_deploymentUnitUuid, record_text(du, F_deploymentUnitUuid));
        for (size_t k = l->n; k-- > 0;)
                if (!state_is_gone((enum state_id) l->v[k]->state) && !record_bool(l->v[k], F_removeAfterStop) && !upgrade_is_aside(l->v[k]) &&
                    str_eq(str_or(record_str(l->v[k], F_launchConfigName), LAUNCH_PRIMARY), lc_name))
                        return l->v[k];
        return NULL;
}

static struct record *partner(struct core *c, struct record *s, struct record *du, const char *name) {
        return member(c, du, str_eq(name, record_name(s)) ? LAUNCH_PRIMARY : name);
}

/* networkLaunchConfig and dataVolumesFromLaunchConfigs to ids, once all members of the unit are there (orchestration.md 1.16). */
static void bind_partners(struct core *c, struct record *s, struct record *du, struct record *i) {
        struct json_object *conf = record_json(i, F_launchConfigText);
        const char *net = json_str(conf, "networkLaunchConfig", NULL);
        struct record *p = net ? partner(c, s, du, net) : NULL;
        int64_t network = p ? p->id : json_int(conf, "networkContainerId", 0);
        if (network)
                core_put_int(c, i, F_networkFromId, network);
        struct json_object *from = json_get_array(conf, "dataVolumesFromLaunchConfigs"), *others = json_get_array(conf, "dataVolumesFrom");
        size_t n_others = others ? json_object_array_length(others) : 0;
        if ((!from || !json_object_array_length(from)) && !n_others)
                return;
        AUTO(json_free) struct json_object *ids = n_others ? json_copy(others) : json_object_new_array();
        for (size_t k = 0; from && k < json_object_array_length(from); k++) {
                const char *name = json_object_get_string(json_object_array_get_idx(from, k));
                p = name ? partner(c, s, du, name) : NULL;
                if (p)
                        json_object_array_add(ids, json_object_new_int64(p->id));
        }
        core_put(c, i, F_volumesFromIds, value_json(ids));
}

/* A line each for few, one for many: a row for every container of a thousand would tell nothing more. */
static void log_created(struct core *c, struct record *s, struct record *const *made, size_t n) {
        enum { EACH_MAX = 5 };
        if (n > EACH_MAX)
                service_log(c, s, NULL, LOG_OF_SERVICE, "create", "Creating %zu instances: %s to %s", n, record_name(made[0]), record_name(made[n - 1]));
        for (size_t k = 0; k < n && n <= EACH_MAX; k++)
                service_log(c, s, made[k], LOG_OF_SERVICE, "create", "Creating extra service instance %s", record_name(made[k]));
}

static void apply(struct core *c, struct record *s, struct plan *plan, bool may_create) {
        struct record *du = NULL;
        VEC(struct record *) made = { 0 };
        VEC(struct record *) made_in = { 0 };
        for (size_t k = 0; k < plan->steps.n; k++) {
                struct plan_step *st = &plan->steps.v[k];
                switch (st->action) {
                case PLAN_REMOVE_INSTANCE:
                        service_log(c, s, st->instance, plan->bad ? LOG_OF_SERVICE_ERROR : LOG_OF_SERVICE, "delete", "%s: %s",
                                    st->reason ? st->reason : "Removing service instance", record_name(st->instance));
                        instance_destroy(c, st->instance);
                        break;
                case PLAN_CONDEMN_UNIT:
                        core_put_bool(c, st->unit, F_evictable, true);
                        break;
                case PLAN_DROP_UNIT:
                        core_delete(c, st->unit);
                        core_wake(c, s);        /* its index is free now: plan again */
                        break;
                case PLAN_CREATE_UNIT:
                        du = may_create ? create_du(c, s, st->index, st->host) : NULL;
                        break;
                case PLAN_CREATE_INSTANCE:
                        if (!may_create || (!st->unit && !du))
                                break;
                        vec_push(&made, create_instance(c, s, st->unit ? st->unit : du, st->lc, st->host));
                        vec_push(&made_in, st->unit ? st->unit : du);
                        break;
                case PLAN_START_INSTANCE:
                        (void) core_process_start(c, st->instance, P_instance_start, NULL, NULL);
                        break;
                }
        }
        log_created(c, s, made.v, made.n);
        for (size_t k = 0; k < made.n; k++)
                bind_partners(c, s, made_in.v[k], made.v[k]);
        for (size_t k = 0; k < made.n; k++)
                if (core_process_start(c, made.v[k], P_instance_create, NULL, NULL) == 0)
                        core_run_record(c, made.v[k]);  /* placed and started in the batch that makes it: one row, not two */
        vec_done(&made);
        vec_done(&made_in);
}

static bool any_usable_host(struct core *c, int64_t account_id) {
        const struct records *l = world_of_account(c->world, T_host, account_id);
        for (size_t k = 0; k < l->n; k++)
                if (host_usable(c, l->v[k]))
                        return true;
        return false;
}

/* scalePolicy: no room for what was tried last, so fewer; false when it cannot be fewer (orchestration.md 1.7). */
static bool shrink(struct core *c, struct record *s, const struct plan *plan) {
        struct scale_policy p = service_policy(s);
        int64_t desired = service_scale(s), floor = MIN(MAX(p.min, record_int(s, F_lockedScale)), p.max);
        if (!p.on || !plan->bad || !plan->message || !str_starts(plan->message, "Allocation failed") || desired <= floor)
                return false;
        core_put_int(c, s, F_desiredScale, MAX(floor, desired - p.increment));
        core_put_bool(c, s, F_scaleFull, true);         /* until hosts or the policy change */
        return true;
}

static bool may_grow(const struct record *s) {
        struct scale_policy p = service_policy(s);
        return p.on && service_scale(s) < p.max && !record_bool(s, F_scaleFull);
}

/* It is as it should be: a policy remembers that, and tries more. */
static bool grow(struct core *c, struct record *s) {
        struct scale_policy p = service_policy(s);
        int64_t desired = service_scale(s);
        if (!p.on)
                return false;
        core_put_int(c, s, F_lockedScale, desired);
        core_put_int(c, s, F_desiredScale, may_grow(s) ? MIN(p.max, desired + p.increment) : desired);
        return service_scale(s) > desired;
}

/* What fails is tried again, but not at once. */
static void hold_back(struct core *c, struct record *s, struct run *run, const struct plan *plan) {
        if (run)
                run->attempts++;
        int64_t hold = MIN((int64_t) HOLD_MAX_MS, HOLD_BASE_MS + ((int64_t) 100 << MIN(run ? run->attempts : HOLD_IDLE, 16)));
        core_put_int(c, s, F_holdUntilMs, core_wall_ms(c) + hold);
        if (!run || !plan->message)
                return;
        text_unref(run->error);
        run->error = text_get(plan->message, strlen(plan->message));
        core_progress(c, s, plan->message);
}

enum step service_reconcile(struct core *c, struct record *s, struct run *run) {
        struct plan_request req = service_request(c, s);
        struct plan plan;
        service_plan(&req, &plan);
        bool smaller = shrink(c, s, &plan);
        if (smaller || (plan_converged(&plan) && grow(c, s))) {
                plan_done(&plan);
                service_plan(&req, &plan);
        }
        bool none = !world_by_int(c->world, T_instance, F_serviceId, s->id)->n;
        if (none && !plan_converged(&plan) && !any_usable_host(c, s->account_id)) {
                core_put_bool(c, s, F_skip, true);      /* no host yet: active and empty until the first one comes (1.2) */
                plan_done(&plan);
                update_health(c, s);
                return STEP_DONE;
        }
        core_clear(c, s, F_skip);
        int64_t now = core_wall_ms(c);
        if (plan.bad && !smaller)
                hold_back(c, s, run, &plan);
        int64_t hold = record_int(s, F_holdUntilMs);
        bool held = hold > now;
        if (held)
                core_wake_at(c, s, core_mono_ms(c) + (uint64_t) (hold - now));
        bool done = plan_converged(&plan);
        apply(c, s, &plan, !held);
        plan_done(&plan);
        update_health(c, s);
        if (!done)
                return STEP_WAIT;
        core_clear(c, s, F_holdUntilMs);
        addresses_converged(c, s);
        return STEP_DONE;
}

enum step service_create(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        (void) run;
        selected_by_service(c, s, false);
        update_health(c, s);
        if (!record_bool(s, F_startOnCreate))
                return STEP_DONE;
        ctx->chain = P_service_activate;
        return STEP_CHAIN;
}

/* Services this one links to come first, as far as they are on their way (orchestration.md 1.11). */
static bool links_settled(struct core *c, struct record *s) {
        const struct records *l = world_by_int(c->world, T_serviceConsumeMap, F_serviceId, s->id);
        for (size_t k = 0; k < l->n; k++) {
                const struct record *t = world_get(c->world, T_service, record_int(l->v[k], F_consumedServiceId));
                if (t && t != s && state_is_transitioning(T_service, (enum state_id) t->state) && t->state != S_activating &&
                    !state_is_gone((enum state_id) t->state))
                        return false;
        }
        return true;
}

enum step service_activate(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        if (run->step == 0) {
                if (!links_settled(c, s)) {
                        core_progress(c, s, "waiting for linked services");
                        core_wake_at(c, s, core_mono_ms(c) + 1000);
                        return STEP_WAIT;
                }
                run->step = 1;
                core_clear(c, s, F_scaleFull);
                networks_service_active(c, s);
                service_log(c, s, NULL, LOG_OF_SERVICE, "service.activate", "Activating service");
        }
        return service_reconcile(c, s, run);
}

enum step service_update(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        if (run->step == 0) {
                bool asked = run->data && json_has(text_json(run->data), "old");        /* by a PUT; else something changed by itself */
                service_log(c, s, NULL, LOG_OF_SERVICE, asked ? "service.update" : "service.trigger", asked ? "Updating service" : "Re-evaluating state");
                if (asked) {
                        selected_by_service(c, s, false);
                        addresses_retain(c, s);
                        core_clear(c, s, F_scaleFull);
                }
                run->step = 1;
        }
        if (s->state == S_updating_inactive) {
                update_health(c, s);
                return STEP_DONE;
        }
        return service_reconcile(c, s, run);
}

enum step service_deactivate(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        if (run->step == 0) {
                service_log(c, s, NULL, LOG_OF_SERVICE, "service.deactivate", "Deactivating service");
                run->step = 1;
        }
        (void) ctx;
        const struct records *l = world_by_int(c->world, T_instance, F_serviceId, s->id);
        bool waiting = false;
        for (size_t k = 0; k < l->n; k++) {
                struct record *i = l->v[k];
                if (i->state == S_stopped || i->state == S_error)
                        continue;
                waiting = true;
                if (i->state != S_stopping && core_process_allowed(i, P_instance_stop))
                        (void) core_process_start(c, i, P_instance_stop, NULL, NULL);
        }
        update_health(c, s);
        return waiting ? STEP_WAIT : STEP_DONE;
}

enum step service_remove(struct core *c, struct record *s, struct run *run, struct step_ctx *ctx) {
        if (run->step == 0) {
                service_log(c, s, NULL, LOG_OF_SERVICE, "service.remove", "Removing service");
                selected_by_service(c, s, true);
                run->step = 1;
        }
        (void) ctx;
        const struct records *l = world_by_int(c->world, T_instance, F_serviceId, s->id);
        if (l->n) {
                for (size_t k = 0; k < l->n; k++)
                        instance_destroy(c, l->v[k]);
                char text[64];
                snprintf(text, sizeof text, "removing %zu containers", l->n);
                core_progress(c, s, text);
                return STEP_WAIT;
        }
        static const struct { enum type_id table; enum field_id field; } owned[] = {
                { T_deploymentUnit, F_serviceId }, { T_serviceConsumeMap, F_serviceId }, { T_serviceConsumeMap, F_consumedServiceId },
        };
        for (size_t o = 0; o < ARRAY_LEN(owned); o++)
                for (;;) {
                        const struct records *rows = world_by_int(c->world, owned[o].table, owned[o].field, s->id);
                        if (!rows->n)
                                break;
                        core_delete(c, rows->v[rows->n - 1]);
                }
        addresses_forget_service(c, s->id);
        networks_service_gone(c, s);
        struct record *stack = world_get(c->world, T_stack, record_int(s, F_stackId));
        if (stack)
                core_wake(c, stack);
        return STEP_DONE;
}

void service_idle(struct core *c, struct record *s) {
        update_health(c, s);
        struct record *stack = world_get(c->world, T_stack, record_int(s, F_stackId));
        if (stack && stack->run)
                core_wake(c, stack);
        if (s->state == S_upgraded)
                (void) service_reconcile(c, s, NULL);   /* its containers are kept running, as what it is now; it stays upgraded */
        if (s->state != S_active && s->state != S_updating_active)
                return;
        struct plan_request req = service_request(c, s);
        struct plan plan;
        service_plan(&req, &plan);
        bool act = !plan_converged(&plan) || may_grow(s);
        plan_done(&plan);
        if (!act || (record_bool(s, F_skip) && !any_usable_host(c, s->account_id)))
                return;                         /* nothing to do: no change of state is seen (1.2) */
        (void) core_process_start(c, s, P_service_update, NULL, NULL);
}

/* ---- stacks ---- */
enum step stack_create(struct core *c, struct record *stack, struct run *run, struct step_ctx *ctx) {
        (void) run;
        (void) ctx;
        put_health(c, stack, "healthy");
        return STEP_DONE;
}

enum step stack_remove(struct core *c, struct record *stack, struct run *run, struct step_ctx *ctx) {
        (void) run;
        environment_stack_goes(c, stack);
        const struct records *l = world_by_int(c->world, T_service, F_stackId, stack->id);
        for (size_t k = 0; k < l->n; k++)
                if (core_process_allowed(l->v[k], P_service_remove) && core_process_start(c, l->v[k], P_service_remove, NULL, &ctx->err) < 0)
                        return STEP_RETRY;
        if (l->n) {
                char text[64];
                snprintf(text, sizeof text, "removing %zu services", l->n);
                core_progress(c, stack, text);
                core_wake_at(c, stack, core_mono_ms(c) + 1000); /* the last service wakes it; this is for one that is replaced meanwhile */
                return STEP_WAIT;
        }
        struct record *account = world_get(c->world, T_account, stack->account_id);
        if (account && account->run)
                core_wake(c, account);
        return STEP_DONE;
}
