/* session.h: the websocket to the server: connects, says hello, beats, delivers messages, reconnects with back-off. Protocol:
 * docs/host-protocol.md. Loop thread only; callbacks never come from inside a call. */
#pragma once
#include "net/http_client.h"
#include "node/agent/protocol.h"

struct session;
struct session_events {
        /* Writes the whole hello message. */
        void (*make_hello)(struct sbuf *out, void *arg);
        uint64_t (*get_rev)(void *arg);                         /* for heartbeats */
        /* Any message of the server, its hello first. Negative: the connection is closed with *err as the reason. */
        int (*on_message)(struct server_message *m, struct dr_error *err, void *arg);
        /* A binary frame, while ready. Negative as above. NULL: ignored, like on_drain. */
        int (*on_binary)(const char *p, size_t n, struct dr_error *err, void *arg);
        void (*on_drain)(void *arg);                            /* the queue is below the low mark of session_config again */
        /* ready: the server has said hello and it was accepted. Else why not (any more). refused: the key is not valid. */
        void (*on_state)(bool ready, bool refused, const char *why, void *arg);
};
struct session_config {
        struct loop *loop;
        struct http_client *http;       /* borrowed */
        const char *url;                /* the server's base; copied */
        const char *access_key, *secret_key;    /* copied */
        size_t low_bytes;               /* of the output queue, for on_drain; 0: the websocket's own */
        const struct session_events *events;    /* borrowed: static */
        void *arg;
};
struct session *session_new(const struct session_config *cfg);
struct session *session_free(struct session *s);        /* NULL is fine; returns NULL */
void session_start(struct session *s);
/* Ends the connection and does not connect again before delay_ms; UINT64_MAX: never. */
void session_stop(struct session *s, uint64_t delay_ms, const char *why);
bool session_is_ready(const struct session *s);
/* One text message. Returns 0, or -EPIPE when not ready: what is to be told will be told in full after the next hello. */
int session_send(struct session *s, const char *p, size_t n);
int session_send_binary(struct session *s, const char *p, size_t n);    /* likewise */
size_t session_queued_bytes(const struct session *s);
void session_beat(struct session *s);                   /* a heartbeat now */
