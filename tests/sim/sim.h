/* sim.h: a whole engine in simulated time: core, memory store, simulated hosts. No threads, no sleeping; repeats by seed. */
#pragma once
#include "core/core.h"
#include "core/hosts.h"
#include "core/simhost.h"
#include "formats/json.h"
#include "store/store.h"

struct sim {
        uint64_t now_ms;                /* simulated: monotonic; wall is this plus SIM_WALL_MS */
        uint64_t seed;
        struct rng rng;
        struct mem_disk *disk;
        struct store *store;
        struct core *core;
        struct simhosts *hosts;
        bool dead;                      /* the process is thought dead: reopen */
        struct store *(*wrap)(struct sim *s, struct store *inner);      /* set before sim_open(): faults in front of the store */
        void (*opened)(struct sim *s);                                  /* after each opening of the core */
};
enum { SIM_ENVIRONMENT = 5 };           /* account id of Default */

/* wrap and opened are kept from *s: it starts as {0}. */
void sim_open(struct sim *s, uint64_t seed, int hosts, const struct simhosts_conf *conf);
void sim_close(struct sim *s);
void sim_reopen(struct sim *s);         /* the process dies and starts again on the same disk; hosts run on */
/* One turn; then, when nothing is ready, time jumps to the next event. Returns false when nothing is left to happen before `until`. */
bool sim_step(struct sim *s, uint64_t until_ms);
/* Runs for at least ms of simulated time. */
void sim_run(struct sim *s, uint64_t ms);
/* Runs until every service is settled and hosts agree, at most ms of simulated time. Returns true when it was reached. */
bool sim_converge(struct sim *s, uint64_t ms);
/* Empty: the API's state and the hosts' containers agree and names and indexes have no gap and no double; else what is wrong. */
const char *sim_disagreement(struct sim *s);

struct record *sim_stack(struct sim *s, const char *name);
struct record *sim_service(struct sim *s, struct record *stack, const char *name, int scale, const char *lc_json);
/* The environment gets a health check service, which runs; what it reports is up to the test. */
void sim_checkers(struct sim *s);
void sim_scale(struct sim *s, int64_t service_id, int scale);
/* An in-service upgrade: strategy is an inServiceUpgradeStrategy. Returns 0, or negative: not in this state. */
int sim_upgrade(struct sim *s, int64_t service_id, const char *strategy_json);
int sim_rollback(struct sim *s, int64_t service_id);
int sim_process(struct sim *s, int64_t service_id, enum process_id p);
/* Units of the service of which all containers of one version, the one before or the one now, really run on their hosts. */
size_t sim_serving(struct sim *s, int64_t service_id);
struct record *sim_find(struct sim *s, enum type_id table, const char *name);
