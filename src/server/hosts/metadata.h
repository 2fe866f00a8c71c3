/* metadata.h: what hosts are told of their environment: topics with revisions, their logs, and who listens (docs/host-protocol.md, "Metadata").
 *
 * Objects are made from records by core/metadata.h. A revision is a hash of a topic's content, so it means the same after a restart of the server.
 * A change is written once: every host gets the same bytes. Nothing leaves before its commit. An environment in which no host listens costs
 * nothing. Loop thread only. */
#pragma once
#include "core/core.h"
#include "net/loop.h"
#include "net/ws.h"

enum { METADATA_RESUME_TOPICS_MAX = 100000 };

struct metadata;
struct metadata_sub;
struct metadata *metadata_new(struct loop *l, struct core *c);
/* Every subscription must have ended. NULL is fine; returns NULL. */
struct metadata *metadata_free(struct metadata *m);

struct metadata_ops {
        void (*send)(void *arg, struct buf *frame);             /* a whole text message; takes its own reference */
        size_t (*queued_bytes)(void *arg);
};
/* have: topic -> revision, what the host says it has; borrowed, NULL for nothing. NULL: the host is none of a project. */
struct metadata_sub *metadata_subscribe(struct metadata *m, int64_t host_id, struct json_object *have, const struct metadata_ops *ops, void *arg);
/* It asks again, for these topics only; all that there is when it asks for none. */
void metadata_resume(struct metadata_sub *s, struct json_object *have);
void metadata_drained(struct metadata_sub *s);
struct metadata_sub *metadata_unsubscribe(struct metadata_sub *s);      /* NULL is fine; returns NULL */

struct metadata_stats { size_t environments, topics, objects, subscribers; uint64_t messages, log_bytes; };
struct metadata_stats metadata_stats(const struct metadata *m);
