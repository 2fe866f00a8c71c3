/* metadata-internal.h: what the files of metadata subscriptions share. */
#pragma once
#include "base/map.h"
#include "base/vec.h"
#include "core/metadata.h"
#include "formats/json.h"
#include "metadata.h"

enum {
        FIRST_MS = 1, GAP_MS = 100, BUSY_GAP_MS = 1000,
        BUSY_MS = 20, BUSY_RECORDS = 500,       /* a pass above either makes the next gap the long one */
        PIECE_BYTES = 512 * 1024,               /* where snapshots and large changes are cut */
        MESSAGE_BYTES_MAX = 7 << 20,
        LOG_BYTES_MAX = 4 << 20,                /* of an environment; beyond it hosts get snapshots */
        SNAPSHOT_KEEP_MS = 30000, LINGER_MS = 30000,
};

struct md_item { char *key; uint64_t hash; };
typedef VEC(struct md_item) md_items;
struct md_topic;

/* The objects of one record. */
struct md_group {
        uint64_t key;                           /* table << 48 | id */
        struct md_topic *topic;                 /* NULL: no objects */
        size_t at;                              /* in topic->groups */
        md_items items;
        uint64_t seen;
};

typedef VEC(struct buf *) md_frames;
struct md_topic {
        char *name;
        uint64_t sum;                           /* of its items' hashes */
        size_t n_items;
        uint64_t told_rev;                      /* of the last message; 0: none yet */
        VEC(struct md_group *) groups;
        struct sbuf set, del;                   /* of the message being made */
        md_frames snapshot;                     /* complete, of revision snapshot_rev; empty: none kept */
        uint64_t snapshot_rev, snapshot_ms;
};

struct md_log_row { struct md_topic *topic; uint64_t base, rev; struct buf *frame; };

/* One environment with at least one listener. */
struct md_env {
        struct metadata *all;
        int64_t account_id;
        struct map groups, dirty;               /* group key -> group; key -> anything */
        struct smap topics;
        VEC(struct md_log_row) log;
        size_t log_bytes;
        struct timer *flush;
        uint64_t flushed_ms, gap_ms, empty_ms;  /* empty_ms: since when nobody listens */
        struct md_topic *capture;               /* its snapshot is being made: pieces go to captured */
        VEC(struct sbuf) pieces;                /* of that snapshot: members of its "set" */
        bool quiet;                             /* the first pass: nobody has anything yet */
        VEC(struct md_topic *) touched;
        bool placed;                            /* something changed that decides what few-topic hosts listen to */
        bool selves;                            /* something changed that hosts' own objects are made of */
        struct metadata_sub *first;
        struct md_delivery *delivery;           /* of the pass under way; NULL: none yet */
};

/* Frames that wait until what they say is durable. */
struct md_post { struct metadata_sub *sub; struct buf *frame; };
struct md_delivery { struct metadata *all; struct md_env *env; struct md_delivery *prev, *next; VEC(struct md_post) posts; };

struct md_behind { struct md_topic *topic; uint64_t have; };
struct metadata_sub {
        struct md_env *env;
        struct metadata_sub *prev, *next;
        int64_t host_id;
        const struct metadata_ops *ops;
        void *arg;
        bool everything, sync_due, pumping;
        struct smap wanted;                     /* names of topics, when not everything: owned */
        VEC(struct md_behind) behind;           /* what is still to be brought up: changes of these do not go out */
        uint64_t self_rev;
        md_frames out;                          /* durable, to go; from out_at on */
        size_t out_at, waiting_bytes;           /* in out and in deliveries */
};

struct metadata {
        struct loop *loop;
        struct core *core;
        struct map envs;                        /* account id -> env */
        struct md_delivery *deliveries;
        struct timer *sweep;
        uint64_t messages;
};

/* ---- metadata_topics.c ---- */
struct md_env *md_env_new(struct metadata *m, int64_t account_id);      /* complete, with all topics */
void md_env_free(struct md_env *e);
void md_env_mark(struct md_env *e, enum type_id table, int64_t id);
void md_env_mark_all(struct md_env *e);
void md_env_changed(struct md_env *e, const struct record *r);
void md_env_pass(struct md_env *e);             /* all that is marked; messages go to md_env_told() */
uint64_t md_topic_rev(const struct md_topic *t);        /* never 0 */
/* Frames from `have` to now: none when it is that already, the log's, or a snapshot. The caller owns the references. The topic may end by it: then false. */
bool md_topic_frames(struct md_env *e, struct md_topic *t, uint64_t have, md_frames *ret);
void md_env_sweep(struct md_env *e, uint64_t now_ms);   /* drops snapshots nobody has asked for lately */
void md_env_drop_log(struct md_env *e, const struct md_topic *t);       /* NULL: of all topics */
void md_frames_done(md_frames *f);
struct buf *md_gone_frame(struct md_env *e, const char *topic);

/* ---- metadata.c ---- */
void md_env_told(struct md_env *e, struct md_topic *t, struct buf *frame);      /* a change of t: to all who follow it */
void md_env_ended(struct md_env *e, struct md_topic *t);                        /* t is about to go */
void md_env_due(struct md_env *e);                                              /* it is time for a pass */
