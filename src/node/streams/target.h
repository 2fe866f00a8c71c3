/* target.h: looks at the container a stream is about, and whether this agent may reach it. Loop thread only. */
#pragma once
#include "node/streams/channel-internal.h"

struct target {
        char id[DOCKER_ID_CHARS + 1];
        bool running, tty;
        int pid;                        /* of its first process, in the engine's pid namespace; 0: none */
        int64_t started_ms;
        char ip[46];                    /* address by which this host reaches it; "" when none */
        char own_ip[46];                /* address it has in a network that is not the engine's; "" when not known */
        bool host_network, shares_network;      /* shares_network: another container's */
};
/* Reads an inspect document. Returns 0; -ENOENT: a container, but none of this agent's; or another negative with *err: no inspect document. */
int target_parse(const struct channels *cs, const char *body, size_t len, const char *uuid, struct target *ret, struct dr_error *err);
struct target_look;
/* container: Docker id; uuid: the server's, "" when not told. Asks the engine; then fn, or no (err NULL: the container is not there; else the engine
 * gave no answer). no NULL: then the channel is ended, with NotFound or the engine's reason. *slot holds the look while it is under way and is NULL
 * before anything is called. */
void target_look(struct channel *c, const char *container, const char *uuid, struct target_look **slot,
                 void (*fn)(struct channel *c, const struct target *t), void (*no)(struct channel *c, const struct dr_error *err));
void target_look_cancel(struct target_look **slot);     /* NULL in it is fine */
/* The network namespace of its first process as a descriptor the caller closes, or negative with *err. */
int target_netns(const struct channels *cs, const struct target *t, struct dr_error *err);
