/* reconcile.h: decides the next step for one container: desired entry, what was recorded, what was seen. Pure.
 *
 * Rules: docs/host-protocol.md, "Rules for the agent". The applier looks, asks here, does one step, and looks again, until there is
 * nothing to do; so every step may be repeated and a killed agent goes on where it was. Any thread. */
#pragma once
#include "base/base.h"

enum want { WANT_RUNNING, WANT_STOPPED, WANT_ABSENT, WANT_MAX };
const char *want_to_string(enum want w);                /* static storage; NULL out of range */
int want_from_string(const char *s);                    /* -EINVAL: unknown */

/* What is kept on disk about one container beside its spec. Generations are 0 when the event never happened. */
struct record {
        uint64_t gen;                   /* of the desired entry */
        enum want want;
        bool start_once;
        bool foreign;                   /* not made by drover: each generation is an order carried out once, then it is only watched */
        uint64_t done_gen;              /* foreign: the generation that was carried out */
        uint64_t made_gen;              /* a container exists or existed for this generation */
        uint64_t intent_gen;            /* a start for this generation was about to be sent ... */
        int64_t intent_prev_ms;         /* ... when the container's StartedAt was this ... */
        uint64_t intent_engine;         /* ... and the engine instance was this */
        uint64_t started_gen;           /* it was running, or was started, for this generation */
        uint64_t ended_gen;             /* it ended by itself in this generation */
        uint64_t lost_gen;              /* it disappeared in this generation, and the server was told */
        uint64_t failed_gen;            /* this generation could not be brought about */
        uint64_t seen_engine;           /* the engine instance under which it was last seen running; see struct situation */
};

enum seen_state { SEEN_MISSING, SEEN_CREATED, SEEN_RUNNING, SEEN_STOPPED, SEEN_REMOVING, SEEN_MAX };
struct seen { enum seen_state state; int64_t started_ms; };     /* paused and restarting count as running */

struct situation {
        uint64_t engine;                /* this run of the engine on this boot; differs after either restarts */
        bool server;                    /* the server can be reached: it decides about what is new or lost */
        bool alone;                     /* it has not been reachable for a while: what existed is kept up without it */
        bool engine_data_lost;          /* the engine's data directory is not the one of before */
};

enum step { STEP_NONE, STEP_CREATE, STEP_START, STEP_STOP, STEP_REMOVE, STEP_WAIT, STEP_FORGET, STEP_MAX };
const char *step_to_string(enum step s);

enum told { TOLD_RUNNING, TOLD_STOPPED, TOLD_ABSENT, TOLD_PULLING, TOLD_CREATING, TOLD_FAILED, TOLD_MAX };     /* "state" of a report */
const char *told_to_string(enum told t);

struct decision {
        enum step step;
        enum told told;                 /* what to report now; TOLD_CREATING while a step is to come */
        struct record record;           /* the record as it shall be on disk before the step */
        bool record_changed;
};
struct decision reconcile(const struct record *r, const struct seen *s, const struct situation *now);
