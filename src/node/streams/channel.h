/* channel.h: the streams of one host session: opens them, shares the connection among them, keeps credit both ways, ends them with the session.
 *
 * A channel is one stream (the word stream is taken by net/stream.h); what it carries is its kind (channel-internal.h). A source without credit is
 * not read. Frames leave in turn, one of each channel, and only while little else is queued on the connection, so that control messages are never
 * behind more than OUT_LOW_BYTES of stream data. Loop thread only. Rules: docs/host-protocol.md, "Streams". */
#pragma once
#include "node/docker/client.h"

enum { CHANNELS_MAX = 512 };

struct channels;
struct channels_config {
        struct loop *loop;
        struct docker *docker;          /* borrowed */
        const char *proc, *cgroup;      /* NULL: "/proc", "/sys/fs/cgroup"; tests give other folders */
        /* One binary message. Returns 0, or negative when the connection is gone. */
        int (*send)(const char *p, size_t n, void *arg);
        size_t (*queued_bytes)(void *arg);                      /* of the connection, not yet given to the kernel */
        /* Whether a foreign container (no label of drover's) may be reached; name is its uuid at the server. */
        const char *(*project)(void *arg);                      /* uuid of this host's environment; NULL or "": not known */
        void *arg;
};
struct channels *channels_new(const struct channels_config *cfg);
/* Turns the loop once when there are streams, so that programs hear of the end: not from inside a callback. NULL is fine; returns NULL. */
struct channels *channels_free(struct channels *cs);

/* {"t":"stream"}: id, kind and data of the message. Negative with *err: the server breaks the protocol, close the connection. */
int channels_open(struct channels *cs, uint64_t id, const char *kind, json_object *data, struct dr_error *err);
/* A binary frame. As above. */
int channels_input(struct channels *cs, const char *p, size_t n, struct dr_error *err);
void channels_drained(struct channels *cs);                     /* the connection's queue is below OUT_LOW_BYTES again */
void channels_end_all(struct channels *cs);                     /* the session is lost; ids may begin anew */
enum { OUT_LOW_BYTES = 64 * 1024 };
size_t channels_count(const struct channels *cs);

/* To be forwarded from the engine's watch. */
void channels_engine_connected(struct channels *cs);
void channels_engine_event(struct channels *cs, const struct docker_event *e);
