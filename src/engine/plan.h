/* plan.h: what a service needs to become what it should be. Pure: takes the world read-only and returns steps.
 *
 * Rules: orchestration.md 1.3 (one pass), 1.5 (fixed scale), 1.6 (global), 1.7 (policy), 1.8 (start-once), 1.13 (events). The applier carries
 * the steps out in order, in one batch where it can, and plans again when something changed. */
#pragma once
#include "model/world.h"

enum plan_action {
        PLAN_REMOVE_INSTANCE,           /* instance */
        PLAN_CONDEMN_UNIT,              /* unit: it goes, whatever happens meanwhile; its containers follow as REMOVE_INSTANCE */
        PLAN_DROP_UNIT,                 /* unit: no container of it is left and none shall come */
        PLAN_CREATE_INSTANCE,           /* unit (NULL: the one made by the CREATE_UNIT before it), lc */
        PLAN_CREATE_UNIT,               /* index, host (global services; 0 otherwise) */
        PLAN_START_INSTANCE,            /* instance */
};
struct plan_step {
        enum plan_action action;
        struct record *instance, *unit; /* borrowed from the world */
        int index;
        int lc;                         /* 0: primary, n: secondaryLaunchConfigs[n - 1] */
        int64_t host;
        const char *reason;             /* static text for the service log; NULL: none */
};
struct plan {
        VEC(struct plan_step) steps;
        bool waiting;                   /* something is under way: a container starts, stops or goes */
        bool bad;                       /* a unit in error is being removed: new ones should wait a while */
        const char *message;            /* why it was bad, borrowed; NULL: nothing to say */
};
void plan_done(struct plan *p);
static inline bool plan_converged(const struct plan *p) { return !p->steps.n && !p->waiting; }

struct plan_request {
        const struct world *world;
        const struct record *service;
        bool (*usable)(void *arg, const struct record *host);           /* active, with an active agent */
        bool (*lost)(void *arg, const struct record *host);             /* reconnecting, disconnected */
        void *arg;
};
void service_plan(const struct plan_request *req, struct plan *ret);

bool service_is_global(const struct record *service);
int service_lc_count(const struct record *service);                     /* 0: nothing to run (selector only) */
int service_lc_of(const struct record *service, const struct record *instance);  /* -1: it has none of these any more */
const char *service_lc_name(const struct record *service, int lc);      /* LAUNCH_PRIMARY for 0 */
struct json_object *service_lc(const struct record *service, int lc);   /* borrowed */
/* scalePolicy (orchestration.md 1.7); off for global services. */
struct scale_policy { bool on; int64_t min, max, increment; };
struct scale_policy service_policy(const struct record *service);
int64_t service_scale(const struct record *service);                    /* of a service that is not global: by policy or as it was set */
/* Of a global service: false where its host does not qualify (any more): what is there is left alone, nothing is made (1.6). */
bool service_wants_unit(const struct plan_request *req, const struct record *du);
/* How many units it should have now. */
int64_t service_desired(const struct plan_request *req);
/* orchestration.md 1.12: "healthy", "degraded", "unhealthy", "initializing", "started-once". */
const char *service_health(const struct plan_request *req);
const char *stack_health(const struct world *w, const struct record *stack);
/* Does anybody check health in this environment (a healthcheck service: core/health_checks.h)? */
bool health_is_watched(const struct world *w, int64_t account_id);
const char *account_health(const struct world *w, const struct record *account);
