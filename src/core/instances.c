/* instances.c: life of containers (orchestration.md 1.1, 1.4; agent.md 11, 12).
 *
 * What runs on a host is told by generation: each start, stop and restart raises it and is done when the host has obeyed that
 * generation. Everything here may run twice: it looks at record and observation, acts, and waits. */
#include "addresses.h"
#include "adopt.h"
#include "applier.h"
#include "service_log.h"

#include "agent_instance.h"
#include "health_checks.h"
#include "base/log.h"
#include "engine/place.h"
#include "model/launch.h"
#include "selected.h"
#include "settings.h"

#include <stdio.h>

enum { DEPENDENCY_WAIT_MS = 30000, ERROR_KEPT_MS = 300000 };
enum { STEP_PLACE = 0, STEP_STARTING = 1 };

static struct record *host_of(struct core *c, const struct record *i) {
        int64_t id = record_int(i, F_hostId);
        return id ? world_get(c->world, T_host, id) : NULL;
}

/* Can this host still stop or remove anything? If not, stop and remove count as done (agent.md 6). */
static bool host_answers(struct core *c, const struct record *i) {
        const struct record *h = host_of(c, i);
        if (!h)
                return false;
        const struct record *agent = world_get(c->world, T_agent, record_int(h, F_agentId));
        if (!agent || (hosts_silent(c, h->id) && health_is_checked(c, i)))      /* a checked one does not wait for reconnecting (DESIGN.md) */
                return false;
        return agent->state == S_active || agent->state == S_finishing_reconnect || agent->state == S_reconnected ||
               hosts_connected(c, h);
}

static void raise_generation(struct core *c, struct record *i, enum desired_state state) {
        core_put_int(c, i, F_generation, record_int(i, F_generation) + 1);
        hosts_desire(c, i, state);
}

void instance_destroy(struct core *c, struct record *i) {
        if (state_is_gone((enum state_id) i->state))
                return;
        if (core_process_allowed(i, P_instance_remove)) {
                (void) core_process_start(c, i, P_instance_remove, NULL, NULL);
                return;
        }
        if (i->state == S_stopping) {                   /* on its way: go on with remove afterwards */
                core_put_bool(c, i, F_removeAfterStop, true);
                return;
        }
        if (core_process_allowed(i, P_instance_stop)) {
                core_put_bool(c, i, F_removeAfterStop, true);
                (void) core_process_start(c, i, P_instance_stop, NULL, NULL);
        }
}

enum step instance_create(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        enum step labels = run->step == 0 ? instance_ask_labels(c, i, run, ctx) : STEP_DONE;
        if (labels != STEP_DONE)
                return labels;
        run->step = record_bool(i, F_nativeContainer);  /* it asks for something else now */
        if (record_bool(i, F_nativeContainer))
                return adopt_create(c, i, run, ctx);
        return record_int_or(i, F_startOnCreate, 1) ? STEP_DELEGATE : STEP_DONE;
}

/* A failed first start ends in error, a later one in stopped; both through stop, with the message kept (orchestration.md 1.4). */
static enum step start_failed(struct core *c, struct record *i, struct step_ctx *ctx, const char *message) {
        bool first = record_int(i, F_startCount) == 0 && !record_bool(i, F_nativeContainer);   /* error would remove it from its host */
        AUTO(json_free) struct json_object *data = json_object_new_object();
        json_set_bool(data, "failed", true);
        json_set_bool(data, "error", first);
        json_set_str(data, "message", message);
        ctx->chain = P_instance_stop;
        ctx->chain_data = text_from_json(data);
        log_info("container did not start", "name", record_name(i), "reason", message, NULL);
        service_log(c, world_get(c->world, T_service, record_int(i, F_serviceId)), i, LOG_OF_SERVICE_ERROR, "create", "%s: %s", record_name(i), message);
        return STEP_CHAIN;
}

/* 1: all dependencies run; 0: not yet; -1: one is gone. */
static int dependencies(struct core *c, const struct record *i, const char **what) {
        struct record *from = instance_get(c, record_int(i, F_networkFromId));
        if (record_int(i, F_networkFromId)) {
                *what = "the container whose network it shares";
                if (!from || state_is_gone((enum state_id) from->state) || from->state == S_error)
                        return -1;
                if (from->state != S_running)
                        return 0;
        }
        struct json_object *ids = record_json(i, F_volumesFromIds);
        for (size_t k = 0; ids && k < json_object_array_length(ids); k++) {
                from = instance_get(c, json_object_get_int64(json_object_array_get_idx(ids, k)));
                *what = "a container whose volumes it uses";
                if (!from || state_is_gone((enum state_id) from->state) || from->state == S_error)
                        return -1;
                bool once = record_bool(from, F_startOnce) && record_int(from, F_startCount) > 0 && from->state == S_stopped;
                if (from->state != S_running && !once)
                        return 0;
        }
        return 1;
}

/* The instances that are placed together with i: its deployment unit, or itself. */
static void unit_of(struct core *c, struct record *i, struct place_request *req) {
        struct text *unit = record_text(i, F_deploymentUnitUuid);
        if (!unit) {
                vec_push(&req->instances, i);
                return;
        }
        const struct records *l = world_by_text(c->world, T_instance, F_deploymentUnitUuid, unit);
        for (size_t k = 0; k < l->n; k++)        /* those set aside by an upgrade pin nothing (orchestration.md 2.3) */
                if (!state_is_gone((enum state_id) l->v[k]->state) && l->v[k]->state != S_error && l->v[k]->state != S_erroring &&
                    (l->v[k] == i || !record_bool(l->v[k], F_upgradeSetAside)))
                        vec_push(&req->instances, l->v[k]);
}

struct placing { struct core *c; int64_t only; bool heard; };    /* only: the host that has its volumes; 0: any. heard: no silent one */
static bool usable(void *arg, const struct record *host) {
        const struct placing *p = arg;
        return host_usable(p->c, host) && (!p->only || host->id == p->only) && !(p->heard && hosts_silent(p->c, host->id));
}

/* The host of a local volume that one of them mounts by id (storage.md 7); 0: none. */
static int64_t host_of_volumes(struct core *c, const struct place_request *req) {
        for (size_t k = 0; k < req->instances.n; k++) {
                struct json_object *mounts = launch_json(req->instances.v[k], "dataVolumeMounts");
                if (!json_object_is_type(mounts, json_type_object))
                        continue;
                json_object_object_foreach(mounts, path, id) {
                        (void) path;
                        const struct record *v = world_get(c->world, T_volume, json_object_get_int64(id));
                        if (v && record_int(v, F_hostId) && str_eq(str_or(record_str(v, F_driver), "local"), "local"))
                                return record_int(v, F_hostId);
                }
        }
        return 0;
}

static int place(struct core *c, struct record *i, struct dr_error *err) {
        struct placing placing = { .c = c };
        struct place_request req = { .world = c->world, .rng = &c->rng, .usable = usable, .arg = &placing };
        unit_of(c, i, &req);
        placing.only = host_of_volumes(c, &req);
        struct record *host = NULL;
        placing.heard = health_is_checked(c, i);        /* what comes in place of an unhealthy one does not go where that was lost */
        int r = place_unit(&req, &host, err);
        if (r < 0 && placing.heard) {
                placing.heard = false;
                r = place_unit(&req, &host, err);
        }
        if (r == 0)
                for (size_t k = 0; k < req.instances.n; k++)
                        if (!record_int(req.instances.v[k], F_hostId))
                                core_put_int(c, req.instances.v[k], F_hostId, host->id);
        vec_done(&req.instances);
        return r;
}

static void take_facts(struct core *c, struct record *i, const struct observation *o) {
        if (o->docker_id)
                core_put(c, i, F_externalId, (struct value) { .tag = V_STR, .t = text_ref(o->docker_id) });
        core_put(c, i, F_dockerIp, o->ip ? (struct value) { .tag = V_STR, .t = text_ref(o->ip) } : value_null());
        if (o->ports)
                core_put(c, i, F_dockerPorts, (struct value) { .tag = V_JSON, .t = text_ref(o->ports) });
        if (o->mounts || record_has(i, F_mountList))
                volumes_observed(c, i, text_json(o->mounts));
        if (o->started_ms)
                core_put_int(c, i, F_firstRunning, record_int_or(i, F_firstRunning, o->started_ms));
}

static bool try_again(struct core *c, struct record *i, struct run *run) {
        if (++run->attempts >= setting_int(c, "instance.compute.tries"))
                return false;
        run->run_after_ms = core_wall_ms(c) + 500 * run->attempts;
        raise_generation(c, i, DESIRED_RUNNING);
        return true;
}

/* Waits for the generation to be obeyed with the container running. */
static enum step await_running(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        const struct observation *o = hosts_observation(c, i);
        struct record *host = host_of(c, i);
        if (!host)
                return start_failed(c, i, ctx, "the host is gone");
        if (!o || o->gen < record_int(i, F_generation)) {
                if (state_is_gone((enum state_id) host->state))
                        return start_failed(c, i, ctx, "the host is being removed");
                return STEP_WAIT;
        }
        switch (o->state) {
        case OBS_RUNNING:
        case OBS_STOPPED:                       /* it ran and has ended: running first, then stopped, as events would tell */
                take_facts(c, i, o);
                core_put_int(c, i, F_startCount, record_int(i, F_startCount) + 1);
                if (!record_int(i, F_serviceId))
                        core_clear(c, i, F_observedError);
                return STEP_DONE;
        case OBS_FAILED:
        case OBS_ABSENT:
                if (try_again(c, i, run))
                        return STEP_WAIT;
                return start_failed(c, i, ctx, o->error ? o->error->s : "the container vanished from its host");
        default:
                return STEP_WAIT;
        }
}

enum step instance_start(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        if (run->step == STEP_STARTING)
                return await_running(c, i, run, ctx);
        struct json_object *data = text_json(run->data);
        if (json_bool(data, "noop", false)) {   /* somebody started it on the host: take over what is */
                const struct observation *o = hosts_observation(c, i);
                if (o)
                        take_facts(c, i, o);
                return STEP_DONE;
        }
        const char *what = "";
        int ready = dependencies(c, i, &what);
        if (ready <= 0) {
                if (!run->deadline_ms)
                        run->deadline_ms = core_wall_ms(c) + DEPENDENCY_WAIT_MS;
                char text[160];
                snprintf(text, sizeof text, "%s %s", what, ready < 0 ? "is gone" : "does not run");
                if (ready < 0 || core_wall_ms(c) >= run->deadline_ms)
                        return start_failed(c, i, ctx, text);
                core_progress(c, i, "Waiting for dependencies");
                return STEP_WAIT;
        }
        struct dr_error err;
        if (!record_int(i, F_hostId)) {
                core_progress(c, i, "Scheduling");
                if (place(c, i, &err) < 0) {
                        char text[sizeof err.message + 32];
                        snprintf(text, sizeof text, "Allocation failed: %s", err.message);
                        return start_failed(c, i, ctx, text);
                }
        }
        bool fresh = !record_has(i, F_externalId);      /* one that its host has is on the network it was made with */
        if (fresh && addresses_give(c, i, &err) < 0)
                return start_failed(c, i, ctx, err.message);
        if (!record_bool(i, F_nativeContainer))
                agent_instance_ensure(c, i);
        run->step = STEP_STARTING;
        run->deadline_ms = 0;
        run->attempts = 0;
        core_progress(c, i, "Starting");
        raise_generation(c, i, DESIRED_RUNNING);
        return await_running(c, i, run, ctx);
}

enum step instance_stop(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        struct json_object *data = text_json(run->data);
        bool error = json_bool(data, "error", false), failed = json_bool(data, "failed", false), native = record_bool(i, F_nativeContainer);
        bool noop = native ? adopt_hands_off(c, i, run) : json_bool(data, "noop", false);
        if (run->step == 0) {
                run->step = 1;
                if (json_bool(data, "remove", false))
                        core_put_bool(c, i, F_removeAfterStop, true);
                int64_t timeout = json_int(data, "timeout", record_int_or(i, F_stopTimeout, 10));
                core_put(c, i, F_desiredStopTimeout, timeout == 10 ? value_null() : value_int(timeout));
                if (!noop && (record_int(i, F_generation) || native))
                        raise_generation(c, i, error ? DESIRED_ABSENT : DESIRED_STOPPED);
        }
        const struct observation *o = hosts_observation(c, i);
        bool obeyed = o && ((o->gen >= record_int(i, F_generation) && o->state != OBS_RUNNING) || o->by_silence);
        if (!noop && record_int(i, F_generation) && host_answers(c, i) && !obeyed)
                return STEP_WAIT;
        if (o && o->state == OBS_STOPPED)
                core_put_int(c, i, F_exitCode, o->exit_code);
        if (record_bool(i, F_removeAfterStop)) {
                ctx->chain = P_instance_remove;
                ctx->chain_data = native && noop ? text_ref(run->data) : NULL;
                return STEP_CHAIN;
        }
        if (error) {
                ctx->chain = P_instance_error;
                ctx->chain_data = text_ref(run->data);
                return STEP_CHAIN;
        }
        if (failed) {
                core_put_str(c, i, F_transitioningState, "error");
                core_put_str(c, i, F_transitioningMessage, json_str(data, "message", ""));
        }
        return STEP_DONE;
}

enum step instance_error(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        core_put_str(c, i, F_transitioningState, "error");
        core_put_str(c, i, F_transitioningMessage, json_str(text_json(run->data), "message", "error"));
        return STEP_DONE;
}

enum step instance_restart(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        const struct observation *o = hosts_observation(c, i);
        if (run->step == STEP_PLACE && !run->deadline_ms) {
                run->deadline_ms = INT64_MAX;           /* marks: the stop was asked for */
                raise_generation(c, i, DESIRED_STOPPED);
        }
        if (run->step == STEP_PLACE) {
                if (!host_of(c, i))
                        return start_failed(c, i, ctx, "the host is gone");
                if (!o || (!o->by_silence && (o->gen < record_int(i, F_generation) || o->state == OBS_RUNNING)))
                        return STEP_WAIT;
                run->step = STEP_STARTING;
                run->deadline_ms = 0;
                raise_generation(c, i, DESIRED_RUNNING);
        }
        return await_running(c, i, run, ctx);
}

enum step instance_remove(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        const struct observation *o = hosts_observation(c, i);
        bool native = record_bool(i, F_nativeContainer);
        if ((!record_int(i, F_generation) && !native) || !record_int(i, F_hostId))
                return STEP_DONE;
        if (native && (adopt_hands_off(c, i, run) || (run->step == 0 && o && o->state == OBS_ABSENT)))
                return STEP_DONE;
        if (run->step == 0) {
                run->step = 1;
                raise_generation(c, i, DESIRED_ABSENT);
        }
        if (host_answers(c, i) && (!o || o->state != OBS_ABSENT || (o->gen < record_int(i, F_generation) && !o->by_silence)))
                return STEP_WAIT;
        return STEP_DONE;               /* a host that is away drops it when it compares after its return */
}

/* The host's word about a container nobody is working on (agent.md 17). */
void instance_idle(struct core *c, struct record *i) {
        if (i->state == S_error && !record_int(i, F_serviceId)) {       /* removed 300 s after their creation (api.md 4.3) */
                int64_t left = i->created_ms + ERROR_KEPT_MS - core_wall_ms(c);
                if (left > 0)
                        core_wake_at(c, i, core_mono_ms(c) + (uint64_t) left);
                else
                        (void) core_process_start(c, i, P_instance_remove, NULL, NULL);
                return;
        }
        if (record_bool(i, F_removeAfterStop) && core_process_allowed(i, P_instance_remove)) {
                (void) core_process_start(c, i, P_instance_remove, NULL, NULL);
                return;
        }
        health_timeout_look(c, i);
        if (i->run)
                return;
        const struct observation *o = hosts_observation(c, i);
        int64_t host = record_int(i, F_hostId), gen = record_int(i, F_generation);
        if (record_bool(i, F_nativeContainer)) {
                if (!host || !hosts_synced(c, host))
                        return;
                if (i->state == S_running && o && o->state == OBS_RUNNING)
                        take_facts(c, i, o);
                adopt_follow(c, i, o ? o->state : OBS_ABSENT);
                return;
        }
        if (!host || !gen || !hosts_synced(c, host))
                return;
        bool absent = !o || o->state == OBS_ABSENT;
        AUTO(json_free) struct json_object *noop = json_object_new_object();
        json_set_bool(noop, "noop", true);
        if (i->state == S_running) {
                if (absent) {
                        core_put_bool(c, i, F_removeAfterStop, true);
                        (void) core_process_start(c, i, P_instance_stop, noop, NULL);
                } else if (o->gen >= gen && (o->state == OBS_STOPPED || o->state == OBS_FAILED)) {
                        (void) core_process_start(c, i, P_instance_stop, noop, NULL);
                } else if (o->gen >= gen && o->state == OBS_RUNNING) {
                        take_facts(c, i, o);
                } else if (o->gen < gen) {
                        hosts_desire(c, i, DESIRED_RUNNING);
                }
        } else if (i->state == S_stopped) {
                if (absent)
                        (void) core_process_start(c, i, P_instance_remove, NULL, NULL);
                else if (o->gen >= gen && o->state == OBS_RUNNING)
                        (void) core_process_start(c, i, P_instance_start, noop, NULL);
                else if (o->gen < gen)
                        hosts_desire(c, i, DESIRED_STOPPED);
        }
}

static void wake_dependants(struct core *c, struct record *i) {
        struct text *unit = record_text(i, F_deploymentUnitUuid);
        if (unit) {
                const struct records *l = world_by_text(c->world, T_instance, F_deploymentUnitUuid, unit);
                for (size_t k = 0; l->n > 1 && k < l->n; k++)
                        if (l->v[k] != i)
                                core_wake(c, l->v[k]);
                return;
        }
        const struct records *l = world_by_int(c->world, T_instance, F_networkFromId, i->id);
        for (size_t k = 0; k < l->n; k++)
                core_wake(c, l->v[k]);
}

void instance_state_changed(struct core *c, struct record *i, enum state_id old, enum state_id now) {
        int64_t service = record_int(i, F_serviceId), host = record_int(i, F_hostId);
        if (service) {
                service_trigger(c, service);
                health_changed(c, service);
        }
        if (now == S_running) {
                selected_instance(c, i);
                if (old != S_updating_running)
                        health_started(c, i);
        }
        if (now == S_running || now == S_stopped || now == S_error || now == S_removed)
                wake_dependants(c, i);
        if (old == S_running && (now == S_stopping || now == S_restarting)) {
                const struct records *l = world_by_int(c->world, T_instance, F_networkFromId, i->id);
                for (size_t k = 0; k < l->n; k++)       /* without the network they share they stop too (orchestration.md 1.13) */
                        if (l->v[k]->state == S_running && !record_bool(l->v[k], F_nativeContainer))
                                (void) core_process_start(c, l->v[k], P_instance_stop, NULL, NULL);
        }
        if (now == S_removed) {
                agent_instance_gone(c, i);
                volumes_instance_gone(c, i);
                for (const struct records *l; (l = world_by_int(c->world, T_instanceLink, F_instanceId, i->id))->n;)
                        core_delete(c, l->v[l->n - 1]);
                struct record *h = host ? world_get(c->world, T_host, host) : NULL;
                if (h && h->run)
                        core_wake(c, h);
        }
}
