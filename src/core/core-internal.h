/* core-internal.h: what the files of src/core share. */
#pragma once
#include "base/sbuf.h"
#include "agent_event.h"
#include "core.h"

struct output { core_release_fn *release; void *arg; };

/* One record's content before a batch touched it. */
struct undo {
        struct batch *batch;
        struct record *r;
        struct record *old;             /* NULL: created by this batch */
        bool dirty;                     /* something that is stored really changed */
        bool deleted;                   /* left the world in this batch; r is kept until the batch is durable */
        bool to_history;                /* its row goes to history instead of vanishing */
};

struct batch {
        uint64_t seq;
        VEC(struct undo *) undos;
        VEC(struct output) outputs;
        VEC(struct text *) blobs;       /* texts whose blob row this batch writes: forgotten when it fails */
        struct store_batch *rows;       /* history rows collected while open; all rows once closed */
        bool failed;
};

struct outside_handler { core_outside_fn *fn; void *arg; };
struct change_listener { core_change_fn *fn; void *arg; };
struct timer_entry { uint64_t due_ms, key; };

struct core {
        struct core_conf conf;
        struct world *world;
        struct rng rng;
        uint64_t next_seq;
        struct batch *open;             /* NULL: nothing changed since the last commit */
        VEC(struct batch *) inflight;   /* submitted, oldest first */
        bool fatal, recovering;
        uint64_t opened_ms;             /* monotonic: when this program began */
        uint64_t next_trim_ms;
        uint64_t store_retry_ms, store_backoff_ms;      /* no queued work before this, after a failed commit */

        VEC(uint64_t) queue;            /* keys; queue_head is the first live one */
        size_t queue_head;
        struct map queued;              /* key -> non-NULL: is in the queue */
        VEC(struct timer_entry) timers; /* binary heap by due_ms */
        struct map timer_due;           /* key -> due_ms + 1 of the entry that counts */
        struct map progress;            /* key -> struct text *: what a run says of itself */
        struct map selectors;           /* selected.c: service id -> non-NULL: it has a selectorContainer */
        bool selectors_read;
        struct map address_pools;       /* addresses.c: subnet id -> struct address_pool *, derived */
        struct smap waiting;            /* event id (run->event->s) -> key + 1 */

        struct map blob_ids;            /* struct text * -> blob id: rows that exist or are on their way; holds a reference */
        struct map loaded_blobs;        /* while loading: blob id -> struct text *, borrowed from blob_ids */
        int64_t next_blob_id, next_process_id, next_history_id[T_MAX];

        VEC(struct change_listener) listeners;
        struct outside_handler outside[P_MAX];
        struct core_stats stats;
        struct hosts *hosts;            /* hosts.c */
        agent_event_fn *agent_event;    /* agent_event.c; NULL: nobody can be asked */
        void *agent_event_arg;
};

static inline uint64_t record_key(const struct record *r) { return (uint64_t) r->type << 48 | (uint64_t) r->id; }
static inline struct record *key_record(const struct core *c, uint64_t key) {
        return world_get(c->world, (enum type_id) (key >> 48), (int64_t) (key & 0xffffffffffffu));
}

/* batch.c */
struct undo *core_touch(struct core *c, struct record *r);      /* keeps the content before this batch; not yet dirty */
void core_dirty(struct core *c, struct record *r);              /* touch, and its row will be written */
void core_retire(struct core *c, struct record *r);             /* state removed was set: out of memory, into history */
void core_roll_back(struct core *c, uint64_t from_seq, const char *why);
void batch_free(struct batch *b);
struct batch *core_open_batch(struct core *c);

/* units.c */
bool unit_is_told(const struct core *c, const struct record *du);       /* its containers' rows say all of it */
void unit_lost_member(struct core *c, const struct record *instance);   /* instance has left the world in the open batch */
void units_restore(struct core *c);                                     /* after load */

/* process.c */
void core_run_record(struct core *c, struct record *r);         /* one queue item */
void core_resume_runs(struct core *c);                          /* after load */
void core_forget_waiting(struct core *c, struct run *run);

/* queue.c */
void queue_push(struct core *c, uint64_t key);
void queue_at(struct core *c, uint64_t key, uint64_t due_ms);
void queue_fire_timers(struct core *c);
bool queue_pop(struct core *c, uint64_t *key);
uint64_t queue_next_ms(const struct core *c);

/* codec.c */
/* inlined: no blobs, for history, which outlives them. */
void record_encode(struct core *c, const struct record *r, bool inlined, struct batch *b, struct sbuf *out);
int record_decode(struct core *c, const char *table, int64_t id, const char *body, size_t len, struct record **ret, struct dr_error *err);
const char *table_name(enum type_id table);
enum type_id table_by_name(const char *name);

/* defaults.c */
void core_make_defaults(struct core *c);                        /* built-in accounts, default environment */

/* handlers.c: what appliers give the core */
void core_idle_trigger(struct core *c, struct record *r);       /* woken with no run */
void core_state_changed(struct core *c, struct record *r, enum state_id old, enum state_id now);

/* hosts.c, for the rest of the core */
uint64_t hosts_heard_ms(const struct core *c, int64_t host_id);         /* monotonic; 0: never */
/* Nothing was heard of it for two heartbeats: whether, and since or from when (monotonic; UINT64_MAX: it was never expected). */
bool hosts_silent(struct core *c, int64_t host_id);
uint64_t hosts_silent_at(struct core *c, int64_t host_id);
bool hosts_note_silent(struct core *c, int64_t host_id);                /* true: that is news since it was last heard */
void hosts_flush(struct core *c);                                       /* sends what became durable: end of core_store_event() */
void hosts_resnapshot(struct core *c, struct record *host);
void hosts_forget_instance(struct core *c, const struct record *instance);
void hosts_forget(struct core *c, const struct record *host, const char *reason);       /* the host record is going */
