/* feed.h: keeps a model up to date from the agent's socket or from a file.
 *
 * Loop thread only. The socket is dialled again and again (0.1 s, doubling to 5 s; 0.1 s after a gap in the revisions); the model keeps what it has while
 * it is away. First line sent: {"resume":{TOPIC:REV,...}}; then messages of model.h, one a line, at most 8 MB each. */
#pragma once
#include "node/metadata/model.h"
#include "net/loop.h"

struct feed;
struct feed_config {
        const char *socket_path;        /* NULL: FEED_SOCKET, unless file is given */
        const char *file;               /* read instead of the socket (development, tests), at start and by feed_reload(); may be NULL */
        const char *cache;              /* file this process keeps its last data in: read at start, written at most every 30 s and at the end; may be NULL */
        /* Something changed, or sync came: once per turn in which it did, never inside a call of yours. May be NULL. */
        void (*changed)(struct mdata *m, void *arg);
        void *arg;
};
#define FEED_SOCKET "/var/lib/rancher/state/metadata.sock"

/* cfg's strings are copied. NULL with *err: the file cannot be read. What the file or the cache holds is in the model on return. */
struct feed *feed_new(struct loop *l, struct mdata *m, const struct feed_config *cfg, struct dr_error *err);
struct feed *feed_free(struct feed *f);                 /* NULL is fine; returns NULL; the model stays */
DR_DEFINE_AUTO(struct feed *, feed_free)
bool feed_is_connected(const struct feed *f);
/* The file again. Negative with *err: the data stays as it is. -ENOTSUP without file. */
int feed_reload(struct feed *f, struct dr_error *err);
