/* stream.h: one TCP or unix connection, plain or TLS, with queued output. What HTTP, websockets and raw upgrades stand on.
 *
 * Loop thread only. Output given during a turn leaves together at its end in one writev. Callbacks never come after
 * stream_close() returned, except on_close, which is always the last one, never comes from inside a call of yours, and after
 * which the stream is gone. */
#pragma once
#include "net/buf.h"
#include "net/loop.h"

struct stream;
struct stream_events {
        /* Bytes from the peer, not kept past the call. Negative closes the stream with that reason. */
        int (*on_data)(struct stream *s, const char *p, size_t n, void *arg);
        void (*on_eof)(struct stream *s, void *arg);            /* the peer sends no more; NULL: stream_finish() */
        void (*on_drain)(struct stream *s, void *arg);          /* the queue fell below the low mark (256 KB) again; may be NULL */
        void (*on_deadline)(struct stream *s, void *arg);       /* NULL: closed with -ETIMEDOUT */
        void (*on_close)(struct stream *s, int why, void *arg); /* 0 in order, else negative errno; may be NULL */
};
enum { STREAM_QUEUE_MAX = 1 << 20, STREAM_LOW_BYTES = 256 * 1024, STREAM_HIGH_BYTES = 512 * 1024 };

void stream_set_events(struct stream *s, const struct stream_events *ev, void *arg);   /* ev is borrowed: static */
/* Queue bytes. 0, -EPIPE (closing) or -ENOBUFS (queue above its maximum: the caller closes). */
int stream_write(struct stream *s, const void *p, size_t n);
int stream_write_buf(struct stream *s, struct buf *b);          /* takes a reference of its own */
/* on_drain comes when the queue falls below this instead of STREAM_LOW_BYTES; 1: when all was given to the kernel. */
void stream_set_low(struct stream *s, size_t bytes);
/* The kernel takes at most about this much that it has not sent yet: what is written next overtakes the rest of a long queue. TCP only. */
void stream_set_unsent(struct stream *s, size_t bytes);
void stream_set_queue_max(struct stream *s, size_t bytes);      /* STREAM_QUEUE_MAX unless set */
size_t stream_queued_bytes(const struct stream *s);
void stream_pause(struct stream *s);                            /* no on_data until resumed */
void stream_resume(struct stream *s);
void stream_shutdown(struct stream *s);                         /* half-close once what is queued has left; reading goes on */
void stream_finish(struct stream *s);   /* send what is queued, half-close, discard input for at most 1 s, close */
void stream_close(struct stream *s);                            /* at once */
bool stream_is_closing(const struct stream *s);
void stream_set_deadline(struct stream *s, uint64_t at_ms);     /* loop_now_ms() time; 0: none. Checked every 250 ms */
void stream_set_stall_ms(struct stream *s, uint64_t ms);        /* closed with -ETIMEDOUT when nothing drains this long; 0: never */
/* Two connected ends: what is written to one arrives at the other. Set events of both at once. Negative with *err: no descriptors are left. */
int stream_pair(struct loop *l, struct stream **ret_a, struct stream **ret_b, struct dr_error *err);
struct loop *stream_loop(const struct stream *s);
/* After on_eof, of a unix socket: has the peer closed for good, not only its sending side? Asks the kernel. */
bool stream_is_hung_up(const struct stream *s);
bool stream_is_tls(const struct stream *s);
const char *stream_peer(const struct stream *s);                /* address without port; "unix" */
