/* host_stream.h: one stream of bytes between this server and something on a host: a log, a command's terminal, figures, a socket
 * (docs/host-protocol.md, "Streams"). The same for real hosts and simulated ones: a link carries the frames, this module keeps the credit.
 *
 * Each direction has 64 KB of credit: the sender of data takes from it, and the receiver gives back what it has passed on. So a slow reader
 * holds up its own stream and nothing else. Callbacks never come from inside a call of yours. Loop thread only. */
#pragma once
#include "core.h"

enum { HOST_STREAM_WINDOW_BYTES = 65536, HOST_STREAM_PAYLOAD_MAX = 65536, HOST_STREAM_CONTROL_MAX = 4096, HOST_STREAMS_MAX = 512 };
enum host_stream_kind { HOST_STREAM_DATA, HOST_STREAM_END, HOST_STREAM_CREDIT, HOST_STREAM_CONTROL, HOST_STREAM_KIND_MAX };

struct host_link;
struct host_stream;
struct host_stream_events {
        /* At most HOST_STREAM_PAYLOAD_MAX bytes; say host_stream_passed() once they have gone on. */
        void (*on_data)(struct host_stream *s, const char *p, size_t n);
        void (*on_control)(struct host_stream *s, const char *json, size_t n);          /* not checked; may be NULL */
        void (*on_credit)(struct host_stream *s);                                       /* host_stream_send() takes some again; may be NULL */
        /* The last call; s may be freed in it. code "": in order, else why (HostUnavailable, WindowExceeded, TooManyStreams, the host's own). */
        void (*on_end)(struct host_stream *s, const char *code, const char *message);
};

/* Part of its owner's object, who sets ev; the rest is this module's and the link's. */
struct host_stream {
        const struct host_stream_events *ev;    /* borrowed: static */
        struct host_link *link;         /* NULL: not open */
        uint32_t id;                    /* on that link */
        uint32_t send_credit;           /* bytes of data that we may send */
        uint32_t receive_credit;        /* bytes of data that the host may send */
        uint32_t passed;                /* bytes gone on, not given back yet */
};

/* Opens s on this host. kind and data: docs/host-protocol.md; data is borrowed.
 * Negative with *err when the host is not connected (Unavailable), when HOST_STREAMS_MAX are open (TooManyRequests) or has none (NotImplemented). */
int host_stream_open(struct core *c, const struct record *host, struct host_stream *s, const char *kind, struct json_object *data, struct dr_error *err);
/* Returns how many of n bytes were taken: less when the credit ends (on_credit follows), 0 when s is not open. */
size_t host_stream_send(struct host_stream *s, const void *p, size_t n);
void host_stream_control(struct host_stream *s, const char *json, size_t n);
void host_stream_passed(struct host_stream *s, size_t n);       /* gives credit back, in pieces worth a frame */
/* Ends it at the host; no callback comes any more. code may be NULL: in order. Nothing happens when it is not open. */
void host_stream_close(struct host_stream *s, const char *code, const char *message);

/* ---- for links ---- */
/* A frame came. s may be gone afterwards: look it up again. p is borrowed. */
void host_stream_receive(struct host_stream *s, unsigned kind, const char *p, size_t n);
/* The link is lost or cannot go on with s: it is forgotten by the link already. */
void host_stream_lost(struct host_stream *s, const char *code, const char *message);
