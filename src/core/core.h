/* core.h: the one owner of the state: batches with undo, process runs, the work queue, timers. No network, no threads.
 *
 * The caller drives it: core_turn() does what is due, core_commit() hands the collected changes to the store, core_store_event()
 * learns of commits and releases or takes back what waited for them. Simulation and server differ only in who drives.
 *
 * Nothing leaves before its commit: whatever derives from a change (an answer, an event, a message to a host) is given to
 * core_output() and released when the batch it hangs on is durable, or dropped when the batch is rolled back. */
#pragma once
#include "base/rng.h"
#include "model/world.h"
#include "store/store.h"

struct json_object;
struct core;

struct core_clock {                     /* injected: a simulation has its own */
        int64_t (*wall_ms)(void *arg);
        uint64_t (*mono_ms)(void *arg);
        void *arg;
};
extern const struct core_clock core_real_clock;

struct core_conf {
        struct store *store;            /* borrowed */
        struct core_clock clock;
        uint64_t seed;                  /* 0: from the kernel */
        bool simulator;                 /* sim:// agents and sim: images */
        bool no_auth;
        const char *proxy_mode;         /* value of setting host.api.proxy.mode while none is stored: "off"; NULL: its default */
        const char *data_key;           /* 32 bytes: master key for secrets given out again; NULL: fixed test key */
};

struct core *core_new(const struct core_conf *conf);
struct core *core_free(struct core *c);                 /* open batch and outputs are dropped; returns NULL */
DR_DEFINE_AUTO(struct core *, core_free)
/* Reads everything stored, makes the built-in accounts and settings if they are missing, resumes runs. */
int core_load(struct core *c, struct dr_error *err);

struct world *core_world(struct core *c);
struct rng *core_rng(struct core *c);
int64_t core_wall_ms(const struct core *c);
uint64_t core_mono_ms(const struct core *c);
uint64_t core_epoch(const struct core *c);
const struct core_conf *core_config(const struct core *c);

/* ---- driving ---- */
/* Does due timers and queued work, at most `budget` items (0: all). Returns true when more is ready. */
bool core_turn(struct core *c, unsigned budget);
/* Closes the open batch and submits it if it holds anything. */
void core_commit(struct core *c);
/* Polls the store: releases outputs of durable batches, rolls back failed ones. Returns -EIO on STORE_FATAL: exit now. */
int core_store_event(struct core *c);
/* Milliseconds (monotonic) at which core_turn() has something to do: 0 now, UINT64_MAX never. */
uint64_t core_next_ms(const struct core *c);
size_t core_in_flight(const struct core *c);            /* batches submitted and not yet known to be stored */
bool core_idle(const struct core *c);                   /* nothing queued, nothing uncommitted */

/* ---- output ---- */
/* release(arg, 0) when everything changed so far is durable (at once if it is), release(arg, -EIO) when it was taken back, or
 * core_free(). Always called exactly once, never from inside core_output() unless nothing is pending. */
typedef void core_release_fn(void *arg, int result);
void core_output(struct core *c, core_release_fn *release, void *arg);
/* The same, but waits only for batch seq (record->seq or world_table_seq()): reads. seq 0: nothing to wait for. */
void core_output_after(struct core *c, uint64_t seq, core_release_fn *release, void *arg);

/* ---- changing records: inside a turn, an API request or a host's message; all on the loop thread ---- */
/* New record of kind (T_container, T_service...) in state requested, with uuid, created and seq. Borrowed. */
struct record *core_create(struct core *c, enum type_id kind, int64_t account_id);
void core_put(struct core *c, struct record *r, enum field_id f, struct value v);       /* takes v; no-op when equal */
static inline void core_put_int(struct core *c, struct record *r, enum field_id f, int64_t i) { core_put(c, r, f, value_int(i)); }
static inline void core_put_bool(struct core *c, struct record *r, enum field_id f, bool b) { core_put(c, r, f, value_bool(b)); }
static inline void core_put_str(struct core *c, struct record *r, enum field_id f, const char *s) { core_put(c, r, f, value_str(s)); }
static inline void core_clear(struct core *c, struct record *r, enum field_id f) { core_put(c, r, f, value_null()); }
void core_set_account(struct core *c, struct record *r, int64_t account_id);
void core_set_uuid(struct core *c, struct record *r, const char *uuid);
/* Deletes a row without a life cycle (setting, token). Records with one end through their remove process. */
void core_delete(struct core *c, struct record *r);
/* Appends to history: audit, service log, finished runs. body is taken (malloc). */
int64_t core_history(struct core *c, enum type_id table, int64_t account_id, char *body, size_t len);
/* A removed record out of its history row: the caller owns it. Values kept as blobs that nobody uses any more read as absent. */
int core_decode_history(struct core *c, const char *table, int64_t id, const char *body, size_t len, struct record **ret, struct dr_error *err);

/* ---- processes ---- */
enum step {
        STEP_DONE,      /* set the done state, end the run */
        STEP_WAIT,      /* run again when woken or at run->deadline_ms (0: only when woken) */
        STEP_DELEGATE,  /* go on as the definition's delegate, from the transitioning state */
        STEP_CHAIN,     /* end this run and start *chain on the record */
        STEP_RETRY,     /* failed: *err says why; again after the back-off; the record shows it in transitioningMessage */
        STEP_CANCEL,    /* end the run and leave the state as it is */
};
struct step_ctx { struct dr_error err; enum process_id chain; struct text *chain_data; };
typedef enum step core_handler(struct core *c, struct record *r, struct run *run, struct step_ctx *ctx);
/* One row per process that does something; others go straight to done. Defined by the appliers (handlers.c). */
struct core_handler_row { enum process_id process; core_handler *fn; };

core_handler *core_handler_of(enum process_id p);       /* NULL: nothing to do, it goes straight to its done state */

/* The work of a process that a room above does (stacks out of compose text): comes before core's own handler, which follows at once when fn answers
 * STEP_DONE. One per process; set before the first core_turn(). */
typedef enum step core_outside_fn(void *arg, struct record *r, struct run *run, struct step_ctx *ctx);
void core_outside(struct core *c, enum process_id p, core_outside_fn *fn, void *arg);
bool core_is_handled(const struct core *c, enum process_id p);          /* by either */

/* Schedules process p on r. A running process is taken over when p's table allows its state (remove over create, stop over start).
 * Returns 0, also when the state is the done state already or p is under way; -EEXIST (DR_E_CONFLICT): the state is no start state.
 * data: JSON or NULL, borrowed. */
int core_process_start(struct core *c, struct record *r, enum process_id p, struct json_object *data, struct dr_error *err);
bool core_process_allowed(const struct record *r, enum process_id p);   /* the state is a start state */
/* Progress shown in transitioningMessage; NULL clears. Not written to the store by itself. */
void core_progress(struct core *c, struct record *r, const char *message);
/* Gives a reply to the run that waits for this event; false when nobody does. */
bool core_reply(struct core *c, const char *event, struct json_object *reply);

/* Queues r: its run's handler, or its type's idle trigger. Collapses. */
void core_wake(struct core *c, struct record *r);
void core_wake_at(struct core *c, struct record *r, uint64_t mono_ms);
/* "yes", "no" or "error", as the API shows it (api.md 4.1). */
const char *core_transitioning(const struct record *r);
const char *core_transitioning_message(const struct core *c, const struct record *r);  /* NULL: none */

/* Deletes now what history holds beyond its retention; otherwise that happens every ten minutes. */
void core_purge(struct core *c);

/* ---- listening ---- */
/* Called at commit time of each batch, after release of its outputs, for each record it changed (removed ones with state removed). */
typedef void core_change_fn(void *arg, const struct record *r);
void core_on_change(struct core *c, core_change_fn *fn, void *arg);

struct core_stats { uint64_t batches, rolled_back, rows, runs, runs_failed; size_t queued, timers; };
struct core_stats core_stats(const struct core *c);
