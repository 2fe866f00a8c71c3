/* metadata.h: an agent's side of metadata (docs/host-protocol.md, "Metadata"): takes topics from the server, keeps them, serves them to services.
 * Loop thread only. */
#pragma once
#include "net/loop.h"
#include "node/agent/metastore.h"

struct agent_metadata;
struct agent_metadata_config {
        struct loop *loop;
        const char *state_dir;          /* topics in metadata/, the socket is metadata.sock; copied */
        /* A text message to the server; negative when it is not there. */
        int (*send)(const char *p, size_t n, void *arg);
        void *arg;
};
/* Serves at once what the disk has. A socket that cannot be made is logged: the topics are kept all the same. */
struct agent_metadata *agent_metadata_new(const struct agent_metadata_config *cfg);
struct agent_metadata *agent_metadata_free(struct agent_metadata *m);   /* writes what is unsaved; NULL is fine; returns NULL */
void agent_metadata_connected(struct agent_metadata *m);        /* asks for what is newer than what it has */
void agent_metadata_lost(struct agent_metadata *m);             /* the connection */
void agent_metadata_take(struct agent_metadata *m, struct json_object *message);
void agent_metadata_clear(struct agent_metadata *m);            /* the host is in another environment, or registered anew */
