/* message.h: what an agent sends (docs/host-protocol.md), bytes to structs, and what is sent to it, structs to text. Pure; any thread. */
#pragma once
#include "core/hosts.h"

enum { HOST_PROTOCOL_VERSION = 1, HOST_MESSAGE_BYTES_MAX = 8 << 20, HOST_CONTAINERS_MAX = 20000 };

enum host_message_kind { HOST_OTHER, HOST_HELLO, HOST_HEARTBEAT, HOST_HOST, HOST_OBSERVED, HOST_REPLY, HOST_PROGRESS, HOST_METADATA };

struct host_message {
        enum host_message_kind kind;
        struct json_object *tree;               /* owns what the pointers lead to */
        int64_t version;                        /* hello */
        const char *node_version, *boot;        /* hello; "" when not said */
        uint64_t epoch, rev;                    /* hello; rev: heartbeat too */
        bool metadata;                          /* hello: it understands metadata */
        struct json_object *topics;             /* metadata.resume: topic -> revision; NULL: none */
        struct json_object *host;               /* hello and host: an object */
        bool full;                              /* observed */
        struct observed *observed;              /* n_observed; NULL when there are none */
        size_t n_observed;
        const char *id;                         /* reply and progress */
        struct json_object *data, *error;       /* reply; either may be NULL */
        const char *message;                    /* progress; "" when not said */
        int64_t percent;                        /* progress; -1: not said */
};
/* Unknown kinds are HOST_OTHER. Containers without a usable uuid or state are an error: the report could not be trusted as a whole.
 * Returns 0, or negative with *err and nothing to free. */
int host_message_parse(const char *buf, size_t len, struct host_message *ret, struct dr_error *err);
void host_message_done(struct host_message *m);

struct sbuf;
struct host_hello {
        uint64_t epoch, heartbeat_ms;
        const char *host_id, *project_uuid, *server_version;
        const char *node_sha256;                /* NULL: no program to serve, or hosts are not to be upgraded */
        const char *images;                     /* JSON: the policy for unused images */
};
void host_hello_write(const struct host_hello *h, struct sbuf *out);
/* The same two, when they changed since hello. */
void host_settings_write(uint64_t epoch, const char *node_sha256, const char *images, struct sbuf *out);
void host_desired_write(uint64_t epoch, uint64_t rev, bool full, const struct desired *entries, size_t n, struct sbuf *out);
void host_request_write(uint64_t epoch, const char *id, const char *name, struct json_object *data, uint64_t deadline_ms, struct sbuf *out);
void host_stream_write(uint64_t epoch, uint32_t id, const char *kind, struct json_object *data, struct sbuf *out);
void host_bye_write(uint64_t epoch, const char *reason, struct sbuf *out);

/* A binary frame: 4 bytes stream id, 1 byte kind, payload. */
enum { HOST_FRAME_HEAD_BYTES = 5 };
struct host_frame { uint32_t id; unsigned kind; const char *payload; size_t len; };     /* payload: borrowed, in buf */
int host_frame_parse(const char *buf, size_t len, struct host_frame *ret, struct dr_error *err);
void host_frame_head(uint32_t id, unsigned kind, char buf[HOST_FRAME_HEAD_BYTES]);
