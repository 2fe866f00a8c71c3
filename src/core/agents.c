/* agents.c: life of agents and hosts (agent.md 6, 19; orchestration.md 3.9). */
#include "adopt.h"
#include "applier.h"

#include "agent_instance.h"
#include "agent_key.h"
#include "health_checks.h"
#include "settings.h"
#include "simagent.h"

#include <stdio.h>

enum { REMOVE_DELAY_MAX_S = 10 * 365 * 86400 };

static struct record *host_of_agent(struct core *c, const struct record *agent) {
        const struct records *l = world_by_int(c->world, T_host, F_agentId, agent->id);
        return l->n ? l->v[0] : NULL;
}

static bool connected(struct core *c, const struct record *agent) {
        struct record *h = host_of_agent(c, agent);
        return h && hosts_connected(c, h);
}

static uint64_t silence_ms(struct core *c) {
        return (uint64_t) setting_int(c, "drover.host.heartbeat.millis") * (uint64_t) setting_int(c, "agent.ping.reconnect.after.failed.count");
}

static bool is_silent(struct core *c, const struct record *agent) {
        struct record *h = host_of_agent(c, agent);
        return h && core_mono_ms(c) >= hosts_heard_ms(c, h->id) + silence_ms(c);
}

enum step agent_create(struct core *c, struct record *agent, struct run *run, struct step_ctx *ctx) {
        (void) run;
        (void) ctx;
        if (!agent->account_id) {
                struct record *a = core_create(c, T_account, 0);        /* the account whose key the agent has */
                char uuid[64];
                snprintf(uuid, sizeof uuid, "agentAccount%lld", (long long) agent->id);
                a->state = S_active;                                    /* made finished, like the built-in ones */
                core_set_uuid(c, a, uuid);
                core_put_str(c, a, F_kind, "agent");
                core_put_str(c, a, F_name, uuid);
                core_set_account(c, agent, a->id);
        }
        return STEP_DELEGATE;
}

/* Agents connect by themselves once active; a simulated one may be told to wait for it (spec simulator.md). */
enum step agent_activate(struct core *c, struct record *agent, struct run *run, struct step_ctx *ctx) {
        (void) run;
        (void) ctx;
        struct json_object *scope = json_get_object(record_json(agent, F_data), SIM_ACTIVATE_SCOPE);
        if (!scope || !json_bool(scope, "waitForPing", false) || connected(c, agent))
                return STEP_DONE;
        core_wake_at(c, agent, core_mono_ms(c) + 1000);
        core_progress(c, agent, "waiting for the host's first report");
        return STEP_WAIT;
}

/* reconnecting: until the host is back, or given up after agent.disconnect.after.seconds. */
enum step agent_reconnect(struct core *c, struct record *agent, struct run *run, struct step_ctx *ctx) {
        if (connected(c, agent) && !is_silent(c, agent))
                return STEP_DELEGATE;
        if (!run->deadline_ms)
                run->deadline_ms = run->started_ms + setting_int(c, "agent.disconnect.after.seconds") * 1000;
        if (core_wall_ms(c) >= run->deadline_ms) {
                ctx->chain = P_agent_disconnect;
                return STEP_CHAIN;
        }
        core_progress(c, agent, "waiting for the host to connect again");
        return STEP_WAIT;
}

enum step agent_finishreconnect(struct core *c, struct record *agent, struct run *run, struct step_ctx *ctx) {
        (void) run;
        struct record *h = host_of_agent(c, agent);
        if (!h || hosts_synced(c, h->id))
                return STEP_DONE;
        if (!connected(c, agent) && is_silent(c, agent)) {
                ctx->chain = P_agent_disconnect;
                return STEP_CHAIN;
        }
        run->deadline_ms = core_wall_ms(c) + (int64_t) silence_ms(c);   /* woken by the full report */
        core_progress(c, agent, "comparing what runs on the host");
        return STEP_WAIT;
}

enum step agent_remove(struct core *c, struct record *agent, struct run *run, struct step_ctx *ctx) {
        (void) run;
        struct record *h = host_of_agent(c, agent);
        if (h) {
                if (h->state == S_active && core_process_start(c, h, P_host_deactivate, NULL, &ctx->err) < 0)
                        return STEP_RETRY;
                if (core_process_allowed(h, P_host_remove) && core_process_start(c, h, P_host_remove, NULL, &ctx->err) < 0)
                        return STEP_RETRY;
                core_wake_at(c, agent, core_mono_ms(c) + 1000);
                return STEP_WAIT;
        }
        /* its keys, account and register rows go too: the host may register anew with the same key (agent.md 1) */
        agent_keys_drop(c, agent->account_id);
        agent_accounts_drop(c, agent);
        const char *key = record_str(agent, F_registerKey);
        if (key) {
                const struct records *l = world_by_str(c->world, T_genericObject, F_key, key);
                for (size_t i = 0; i < l->n; i++)
                        if (core_process_allowed(l->v[i], P_genericobject_remove) &&
                            core_process_start(c, l->v[i], P_genericobject_remove, NULL, &ctx->err) < 0)
                                return STEP_RETRY;
        }
        struct record *account = world_get(c->world, T_account, agent->account_id);
        if (account && str_eq(record_str(account, F_kind), "agent"))
                core_delete(c, account);
        return STEP_DONE;
}

void agent_idle(struct core *c, struct record *agent) {
        struct record *h = host_of_agent(c, agent);
        if (!h) {
                if (agent->state == S_inactive)         /* its host is removed: so is it */
                        (void) core_process_start(c, agent, P_agent_remove, NULL, NULL);
                return;
        }
        if (record_bool(agent, F_removeAfterStop)) {    /* DELETE of an active agent: deactivate, then remove (api.md 1.6) */
                enum process_id p = agent->state == S_inactive ? P_agent_remove : P_agent_deactivate;
                if (core_process_allowed(agent, p))
                        (void) core_process_start(c, agent, p, NULL, NULL);
                return;
        }
        if (agent->state == S_active) {
                if (is_silent(c, agent)) {
                        (void) core_process_start(c, agent, P_agent_reconnect, NULL, NULL);     /* allowed from active */
                        return;
                }
                core_wake_at(c, agent, hosts_heard_ms(c, h->id) + silence_ms(c));
                return;
        }
        if (connected(c, agent) && !is_silent(c, agent) && core_process_allowed(agent, P_agent_reconnect))
                (void) core_process_start(c, agent, P_agent_reconnect, NULL, NULL);
}

/* Seconds after which a lost host is removed: the environment's, else the setting's (orchestration.md 3.9). Below 0: never. */
static int64_t remove_delay_s(struct core *c, const struct record *h) {
        const struct record *env = world_get(c->world, T_account, h->account_id);
        int64_t all = setting_int(c, "host.remove.delay.seconds");
        return MIN(env ? record_int_or(env, F_hostRemoveDelaySeconds, all) : all, (int64_t) REMOVE_DELAY_MAX_S);
}

static void host_agent_changed(struct core *c, struct record *h, enum state_id now) {
        core_put_str(c, h, F_agentState, state_name(now));
        int64_t delay = remove_delay_s(c, h);
        if (delay >= 0 && now == S_disconnected) {
                core_put_int(c, h, F_removeAfter, core_wall_ms(c) + delay * 1000);
                core_wake(c, h);                        /* host_idle() waits for it */
        } else if (record_has(h, F_removeAfter)) {
                core_clear(c, h, F_removeAfter);
        }
        if (now == S_active || now == S_reconnecting || now == S_disconnected) {
                const struct records *l = world_by_int(c->world, T_instance, F_hostId, h->id);
                for (size_t i = 0; i < l->n; i++) {
                        core_wake(c, l->v[i]);
                        if (record_int(l->v[i], F_serviceId))
                                service_trigger(c, record_int(l->v[i], F_serviceId));
                }
                services_hosts_changed(c, h->account_id);
                health_review_soon(c, h->account_id);
        }
}

void agent_state_changed(struct core *c, struct record *agent, enum state_id now) {
        const struct records *hosts = world_by_int(c->world, T_host, F_agentId, agent->id);
        for (size_t i = 0; i < hosts->n; i++)           /* one, but for simulated agents */
                host_agent_changed(c, hosts->v[i], now);
}

/* ---- hosts ---- */
enum step host_remove(struct core *c, struct record *h, struct run *run, struct step_ctx *ctx) {
        const struct records *l = world_by_int(c->world, T_instance, F_hostId, h->id);
        if (l->n) {
                /* A host that is away cannot stop anything: its rows go now, and its agent removes what it still has when it returns. */
                for (size_t i = 0; i < l->n; i++)
                        (record_bool(l->v[i], F_nativeContainer) ? adopt_forget : instance_destroy)(c, l->v[i]);
                char text[64];
                snprintf(text, sizeof text, "removing %zu containers", l->n);
                core_progress(c, h, text);
                core_wake_at(c, h, core_mono_ms(c) + 1000);     /* instances wake it as well */
                return STEP_WAIT;
        }
        const struct records *pools = world_of_account(c->world, T_storagePool, h->account_id);
        for (size_t i = 0; i < pools->n; i++) {
                struct record *p = pools->v[i];
                if (record_int(p, F_hostId) != h->id)
                        continue;
                if (p->state == S_active && core_process_start(c, p, P_storagepool_deactivate, NULL, &ctx->err) < 0)
                        return STEP_RETRY;
                if (core_process_allowed(p, P_storagepool_remove) && core_process_start(c, p, P_storagepool_remove, NULL, &ctx->err) < 0)
                        return STEP_RETRY;
        }
        for (size_t i = 0; i < pools->n; i++)
                if (record_int(pools->v[i], F_hostId) == h->id) {
                        core_wake_at(c, h, core_mono_ms(c) + 100);
                        return STEP_WAIT;
                }
        struct record *ph = world_get(c->world, T_physicalHost, record_int(h, F_physicalHostId));
        if (ph && core_process_allowed(ph, P_physicalhost_remove) && core_process_start(c, ph, P_physicalhost_remove, NULL, &ctx->err) < 0)
                return STEP_RETRY;
        (void) run;
        struct record *agent = world_get(c->world, T_agent, record_int(h, F_agentId));
        if (agent && core_process_allowed(agent, P_agent_deactivate) && core_process_start(c, agent, P_agent_deactivate, NULL, &ctx->err) < 0)
                return STEP_RETRY;
        return STEP_DONE;               /* the agent's idle trigger removes it once this host is gone */
}

int hosts_evacuate(struct core *c, struct record *h, struct dr_error *err) {
        int r = core_process_allowed(h, P_host_deactivate) ? core_process_start(c, h, P_host_deactivate, NULL, err) : 0;
        if (r < 0)
                return r;
        VEC(int64_t) ids = { 0 };               /* destroying one may change the index */
        const struct records *l = world_by_int(c->world, T_instance, F_hostId, h->id);
        for (size_t i = 0; i < l->n; i++)
                if (!record_bool(l->v[i], F_system) && !record_bool(l->v[i], F_nativeContainer))
                        vec_push(&ids, l->v[i]->id);
        for (size_t i = 0; i < ids.n; i++) {
                struct record *i_rec = instance_get(c, ids.v[i]);
                if (i_rec)
                        instance_destroy(c, i_rec);
        }
        vec_done(&ids);
        return 0;
}

void host_idle(struct core *c, struct record *h) {
        hosts_resnapshot(c, h);
        health_host_look(c, h);
        int64_t after = record_int(h, F_removeAfter);
        struct record *agent = world_get(c->world, T_agent, record_int(h, F_agentId));
        if (!after || !agent || agent->state != S_disconnected)
                return;
        /* Right after a start hosts get the time to come back. */
        int64_t up = (int64_t) (core_mono_ms(c) - c->opened_ms), startup = setting_int(c, "host.remove.delay.startup.seconds") * 1000 - up;
        int64_t left = MAX(after - core_wall_ms(c), startup);
        if (left > 0)
                core_wake_at(c, h, core_mono_ms(c) + (uint64_t) left);
        else if (h->state == S_active)
                (void) core_process_start(c, h, P_host_deactivate, NULL, NULL);
        else if (h->state == S_inactive)
                (void) core_process_start(c, h, P_host_remove, NULL, NULL);
}

void host_state_changed(struct core *c, struct record *h, enum state_id old, enum state_id now) {
        if (now == S_active || now == S_removed || old == now) {        /* old == now: its labels changed */
                services_hosts_changed(c, h->account_id);
                health_review_soon(c, h->account_id);
        }
        if (now == S_removed) {
                struct record *agent = world_get(c->world, T_agent, record_int(h, F_agentId));
                if (agent)
                        core_wake(c, agent);
        }
}
