/* health.c: health of services, stacks and environments from their containers (orchestration.md 1.12). */
#include "formats/json.h"
#include "upgrade.h"

static bool gone(const struct record *r) { return state_is_gone((enum state_id) r->state); }

const char *service_health(const struct plan_request *req) {
        const struct record *s = req->service;
        if (s->kind != T_service && s->kind != T_loadBalancerService)
                return "healthy";
        bool global = service_is_global(s);
        struct scale_policy policy = service_policy(s);
        const struct records *l = world_by_int(req->world, T_instance, F_serviceId, s->id);
        int64_t healthy = 0, init = 0, once = 0, count = 0;
        for (size_t k = 0; k < l->n; k++) {
                const struct record *i = l->v[k];
                if (gone(i) || i->state == S_error || i->state == S_erroring || upgrade_is_aside(i))
                        continue;
                const struct record *host = world_get(req->world, T_host, record_int(i, F_hostId));
                if (global && (!host || !req->usable(req->arg, host)))
                        continue;
                count++;
                const char *h = record_str(i, F_healthState);
                if (i->state == S_running && (!h || str_eq(h, "healthy") || str_eq(h, "updating-healthy")))
                        healthy++;
                else if (i->state == S_running && (str_eq(h, "initializing") || str_eq(h, "reinitializing")))
                        init++;
                else if (record_bool(i, F_startOnce) && record_int(i, F_startCount) > 0 && (i->state == S_stopped || i->state == S_stopping))
                        once++;
        }
        int64_t expected = service_lc_count(s) * (policy.on ? policy.min : record_int_or(s, F_scale, 1));
        if (once > 0 && once >= (global ? count : expected))
                return "started-once";
        healthy += once;
        if (global ? healthy >= count && count > 0 : healthy >= expected)
                return "healthy";
        return init > 0 ? "initializing" : healthy > 0 ? "degraded" : "unhealthy";
}

static bool service_active_like(enum state_id s) {
        switch (s) {
        case S_activating: case S_active: case S_updating_active: case S_upgrading: case S_rolling_back: case S_canceling_upgrade:
        case S_canceled_upgrade: case S_finishing_upgrade: case S_upgraded: case S_restarting:
                return true;
        default:
                return false;
        }
}

static const char *roll_up(const struct records *l, bool services) {
        size_t n = 0, healthy = 0, once = 0, init = 0;
        for (size_t k = 0; k < l->n; k++) {
                const struct record *r = l->v[k];
                if (gone(r))
                        continue;
                n++;
                enum state_id s = (enum state_id) r->state;
                bool active = services ? service_active_like(s) : s == S_activating || s == S_active || s == S_updating_active;
                const char *h = record_str(r, F_healthState);
                bool is_once = str_eq(h, "started-once");
                if (active && (!h || str_eq(h, "healthy") || is_once)) {
                        healthy++;
                        once += is_once;
                } else if (str_eq(h, "initializing")) {
                        init++;
                }
        }
        return n == 0 ? "healthy" : once == n ? "started-once" : healthy >= n ? "healthy" : init ? "initializing" : healthy ? "degraded" : "unhealthy";
}

const char *stack_health(const struct world *w, const struct record *stack) {
        return roll_up(world_by_int(w, T_service, F_stackId, stack->id), true);
}

const char *account_health(const struct world *w, const struct record *account) {
        return roll_up(world_of_account(w, T_stack, account->id), false);
}

bool health_is_watched(const struct world *w, int64_t account_id) {
        const struct record *account = world_get(w, T_account, account_id);
        int64_t id = account ? record_int(account, F_healthcheckServiceId) : 0;
        const struct record *s = id ? world_get(w, T_service, id) : NULL;
        return s && !gone(s);
}
