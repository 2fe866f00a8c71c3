/* protocol.h: the messages of the host protocol (docs/host-protocol.md) as the agent reads and writes them. Pure; any thread. */
#pragma once
#include "node/agent/state.h"
#include "node/docker/message.h"

enum { PROTOCOL_VERSION = 1, PROTOCOL_BYTES_MAX = 8 << 20 };

enum server_kind { SERVER_OTHER, SERVER_HELLO, SERVER_DESIRED, SERVER_REQUEST, SERVER_STREAM, SERVER_SETTINGS, SERVER_METADATA, SERVER_BYE };

struct server_message {
        enum server_kind kind;
        json_object *tree;              /* owns what the pointers below lead to */
        uint64_t epoch, rev;            /* hello, desired, request, stream; rev: desired */
        bool full;                      /* desired */
        json_object *containers;        /* desired: a list, may be NULL */
        uint64_t heartbeat_ms;          /* hello; 5000 unless 100 to 600000 is said */
        const char *host_id, *project;  /* hello */
        const char *node_sha256;        /* hello, settings; "": no upgrade is wanted */
        json_object *images;            /* hello, settings: the policy for unused images; may be NULL */
        const char *id, *name;          /* request */
        json_object *data;              /* request, stream; may be NULL */
        uint64_t stream;                /* stream: its number, 0 when none is said */
        const char *stream_kind;        /* stream */
        uint64_t deadline_ms;           /* request; 0: none */
        const char *reason;             /* bye */
};
/* Returns 0 or negative with *err filled. Unknown kinds are SERVER_OTHER. */
int server_message_parse(const char *buf, size_t len, struct server_message *ret, struct dr_error *err);
void server_message_done(struct server_message *m);

/* Takes a `desired` message into the state: changed entries, and with full, absence for all that is not listed. An entry with a lower
 * generation than the one held is left alone. Sets epoch and rev. Returns 0, or negative with *err filled and the state as it was. */
int protocol_take_desired(const struct server_message *m, struct node_state *s, struct dr_error *err);

/* One element of observed.containers. c: NULL when there is no container (absent, creating, failed). */
struct report {
        const char *uuid;
        uint64_t gen;
        enum told told;
        const struct docker_container *c;
        const char *error, *progress;   /* NULL or "": left out */
        const char *foreign_inspect;    /* compact inspect document of a foreign container; with it labels are sent; NULL: not foreign */
        bool foreign;
        const char *labels;             /* compact JSON object, foreign only */
};
void report_format(const struct report *r, struct sbuf *out);
