/* simhost.h: hosts simulated in the process, behind the same interface as real ones (core/hosts.h): for the simulation tests, the
 * scale benchmarks and, with --simulator, the API's sim:// agents.
 *
 * A set of hosts shares one clock (the core's) and one random source. Operations take drawn times; faults are drawn too. The owner
 * calls simhosts_turn() when simhosts_next_ms() says so; nothing happens in between. */
#pragma once
#include "hosts.h"

struct simhosts_conf {
        uint64_t op_min_ms, op_max_ms;          /* how long start, stop and remove take */
        unsigned fail_per_mille;                /* an operation fails with an error */
        unsigned die_per_mille;                 /* a started container ends by itself soon after */
        unsigned lie_per_mille;                 /* a report is lost, doubled or names an old generation; full reports are true */
        uint64_t heartbeat_ms, full_report_ms;  /* 0: 5,000 and 60,000 */
        void (*told)(void *arg, const struct uuid *uuid, int64_t gen, enum desired_state want);     /* each desired entry that arrives; may be NULL */
        void *told_arg;
        bool quiet;                             /* no heartbeats: for tests without losses and for scale */
        bool steered;                           /* words in a container's definition steer it (spec simulator.md) */
};

struct simhosts;
struct simhosts *simhosts_new(struct core *c, const struct simhosts_conf *conf);
void simhosts_free(struct simhosts *s);
/* Registers host number n (uuid sim-N) in the environment and connects it. Returns its index. */
int simhosts_add(struct simhosts *s, int64_t account_id, const char *name);
/* The same for an agent that is there already. uuid and name: of the host; physical: physicalUuid, or "" for one of its own. */
int simhosts_add_to(struct simhosts *s, const struct record *agent, const char *uuid, const char *name, const char *physical);
/* Joins hosts that are in the core's world already (after a restart): matched by uuid. */
void simhosts_rejoin(struct simhosts *s, struct core *c);
void simhosts_turn(struct simhosts *s);
uint64_t simhosts_next_ms(const struct simhosts *s);    /* monotonic; UINT64_MAX never */

/* Connects hosts of this agent that wait for it, and makes each tell everything it has. */
void simhosts_ping(struct simhosts *s, int64_t agent_id);
void simhosts_cut(struct simhosts *s, int host, bool cut);      /* no message passes; containers run on */
void simhosts_reboot(struct simhosts *s, int host);             /* all containers end; those desired running come back after a while */
void simhosts_kill_container(struct simhosts *s, int host, struct rng *r);      /* one ends behind the server's back */
void simhosts_remove_container(struct simhosts *s, int host, struct rng *r);    /* one vanishes behind the server's back */

size_t simhosts_count(const struct simhosts *s);
/* What really runs: calls fn per container. */
void simhosts_each(const struct simhosts *s, void (*fn)(void *arg, int host, const struct uuid *uuid, bool running), void *arg);
struct record *simhosts_record(const struct simhosts *s, int host);     /* its host record; NULL when removed */
void simhosts_faults(struct simhosts *s, const struct simhosts_conf *conf);    /* from now on */
