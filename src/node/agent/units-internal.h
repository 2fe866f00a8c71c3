/* units-internal.h: what units.c (table, queue, looking, deciding), units_steps.c (doing one step) and units_orphans.c share. */
#pragma once
#include "node/agent/units.h"

#include "node/agent/create_body.h"
#include "node/agent/pull.h"

struct op;
struct unit {
        char *key;                      /* uuid, or Docker id of a foreign container */
        char id[DOCKER_ID_CHARS + 1];   /* Docker id last known; "" when there is none */
        bool foreign;
        bool released;                  /* was a foreign one's order, which is over: it is told as foreign, and nothing of this */
        bool inspected;                 /* foreign: its inspect document was told in this session */
        bool running;                   /* as of the last look */
        bool wake;                      /* look again when the work at hand is done */
        bool queued, retry, waiting;    /* waiting: for another unit (network or volumes of it) */
        unsigned partner_missed;        /* creates in a row in which the engine did not know a partner that it has */
        bool networking;                /* runs, and the network manager has not said that its network is there */
        char run[40];                   /* the run, as StartedAt, of which that is so ... */
        uint64_t run_seen_ms;           /* ... and since when it is known */
        uint64_t obeyed;                /* generation last settled */
        uint64_t survey;                /* number of the last survey for which this was looked at */
        uint64_t told_hash;             /* of the report last given to the server */
        char *report;                   /* as last told or to be told; NULL: never looked at, or foreign and told */
        bool fresh;                     /* the report is news */
        struct op *op;                  /* work at hand; NULL: none */
};

/* One piece of work on a unit. */
struct op {
        struct units *units;
        struct unit *unit;
        struct docker_call *call;       /* running; NULL: none */
        struct timer *timer;            /* running wait; NULL: never waited */
        uint64_t gen;                   /* the generation it works for, as of the last decision */
        enum step step;                 /* being done; STEP_NONE while looking */
        unsigned looks, stops, removes;
        bool pulled;                    /* or built */
        size_t volumes;                 /* of the spec's, how many are there */
        bool confirmed;                 /* the engine is not going down: what ended, ended by itself */
        int64_t started_ms;             /* StartedAt at the last look */
        bool running;
        struct pull *pull;              /* running; NULL: none */
        char *start_error;              /* why a start failed, while what it left is removed */
        json_object *image_config;      /* of a container on a CNI network; NULL: not asked for yet */
        bool save_failed;
        struct op *next_saving;
};

/* A container of this environment that nobody desires: removed when its grace is over. */
struct orphan { char id[DOCKER_ID_CHARS + 1]; uint64_t since_ms, survey; };

struct units {
        struct units_config cfg;
        struct smap by_key;             /* key to struct unit */
        VEC(struct unit *) queue;
        size_t ops;
        bool server, is_alone, pumping, flushing, survey_again;
        struct docker_call *listing;
        uint64_t survey, listed;        /* number of the current survey, 0: none yet; of the last one whose list came */
        bool survey_open;               /* its full report is still to be told */
        struct op *saving;              /* wait for the state to be on disk */
        bool save_wanted, save_deferred;
        struct timer *flush, *retry;
        VEC(struct orphan) orphans;     /* seen, and not removed yet */
        struct timer *orphan;           /* the next one's grace is over */
        size_t inspect_bytes;           /* told since the survey began */
        struct timer *alone;            /* runs from the loss of the server until it counts as away */
        struct timer *networks;         /* runs while a unit is networking */
        char *docker_root, *default_disk;
        unsigned cgroup_version;
        bool engine_data_lost;
};

void op_look(struct op *op);                            /* look, decide, step, ... until nothing is to do */
void op_step(struct op *op, enum step step);            /* the record is on disk */
void op_decide(struct op *op, const struct seen *seen, struct docker_container *c);
void op_fail(struct op *op, const char *fmt, ...) DR_PRINTF(2, 3);     /* ends op: this generation has failed */
void op_end(struct op *op, bool retry);                 /* retry: the engine gave no answer */
void op_call(struct op *op, const char *method, const char *path, const char *body, uint64_t total_ms, docker_done_fn done);
void op_wait(struct op *op, uint64_t ms);               /* then look */
void op_tell(struct op *op, enum told told, const char *progress);      /* a report without a container */
void units_save_later(struct units *u);
void unit_wake(struct units *u, struct unit *unit);
/* units_orphans.c: containers of this environment that nobody desires (agent.md 18). */
bool orphans_due(struct units *u, const char *id);      /* seen again; true: its grace is over */
void orphans_look(void *units);                         /* timer: a survey when one is due */
/* units_network.c: a container on a CNI network counts as running when the network manager says that it has one. True: op has ended, because there
 * is no word yet (the unit is woken when there is), or the network could not be set up. Else c has the address. */
bool network_holds(struct op *op, struct docker_container *c);
void networks_look(void *units);                        /* timer */
struct unit *units_find_uuid(const struct units *u, const char *uuid);
struct entry *unit_entry(const struct units *u, const struct unit *unit);
