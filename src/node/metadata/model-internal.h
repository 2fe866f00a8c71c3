/* model-internal.h: the inside of the model: for model.c, model_index.c and model_apply.c alone. */
#pragma once
#include "node/metadata/model.h"

#include "base/sbuf.h"

/* What is known under a name that objects refer to, whether the object itself is here or not. The id's first byte says what it is:
 * c/UUID container, s/UUID/NAME one service object, S/UUID a service with its sidekicks, t/UUID stack, h/UUID host, n/UUID network,
 * i/ADDRESS, N<kind>/LOWER_NAME. Goes when every list of it is empty. */
struct near {
        char *id;
        md_list objects;                /* those with this identity; S: primary first */
        md_list links, members, owners, guests;
        md_list memberships;            /* c, s: serviceContainerLink objects */
};

struct md_topic {
        char *name;
        int64_t rev;
        uint64_t snapshot;              /* number of the snapshot that is being or was applied last */
        bool partial;                   /* a snapshot is not complete: rev counts for its continuation only */
        struct object *first, *last;
};

struct object {
        struct md_object pub;           /* first member */
        char *key, *lower;
        struct object *prev, *next;     /* of the topic, in order of arrival */
        uint64_t snapshot;
};

struct remote { char *name; struct mdata *m; };

struct mdata {
        struct smap objects;            /* by key */
        struct smap nears;
        struct smap topics;
        VEC(struct md_topic *) topic_list;      /* by name */
        VEC(struct remote) remotes;             /* by name */
        md_list lists[MD_NETWORK + 1], lower_lists[MD_NETWORK + 1];
        struct md_object *environment, *default_data;
        uint64_t generation, next_seq, snapshots;
        bool synced, is_remote;
        struct { md_observer fn; void *arg; } observers[4];
        size_t n_observers;
        void (*view_free)(void *view);
        struct sbuf *scratch;           /* for ids; lookups of a constant model use it too */
};

static inline struct object *object_of(struct md_object *o) { return (struct object *) o; }

/* Puts an object whose fields are set into every list, and takes it out again. */
void index_add(struct mdata *m, struct object *o);
void index_remove(struct mdata *m, struct object *o);
/* Tells the observers of o, then of the neighbours that see it. shown: what its containers show of it (service) changed. */
void index_notify(struct mdata *m, struct object *o, enum md_change what, bool shown);

/* Adds, changes or replaces an object whose key fits it. Returns whether anything changed. json: a reference is taken. */
bool object_set(struct mdata *m, struct md_topic *t, enum md_kind kind, const char *key, struct json_object *json);
void object_remove(struct mdata *m, struct object *o);
/* Equal as JSON text but for the order of keys: unlike json_equal() 1 and 1.0 differ, since they are shown differently. */
bool json_identical(const struct json_object *a, const struct json_object *b);
