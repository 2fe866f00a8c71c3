/* stream-internal.h: making streams, and what HTTP needs of them beyond stream.h. For this room alone. */
#pragma once
#include "base/sbuf.h"
#include "net/loop-internal.h"
#include "net/stream.h"
#include "net/tls-internal.h"

struct stream {
        union { uv_handle_t handle; uv_stream_t stream; uv_tcp_t tcp; uv_pipe_t pipe; } h;      /* first member */
        struct loop *loop;
        const struct stream_events *ev;
        void *arg;
        SSL *ssl;                       /* NULL: plain */
        struct tls_ctx *sniff;          /* server: the first byte decides; NULL: decided */
        char *error;                    /* TLS failure in words, or NULL */
        VEC(struct buf *) out;          /* this turn's output, not yet handed to the kernel */
        size_t out_bytes, queue_max, low_bytes, last_queue;
        uint64_t deadline_ms, stall_ms, progress_ms;
        struct sbuf unread;             /* read while held, or given back: delivered before anything newer */
        struct stream *next, **pprev;                   /* loop->streams */
        struct stream *next_dirty, **pprev_dirty;       /* loop->dirty; NULL: not in it */
        struct stream *next_owned, **pprev_owned;       /* list of the owner (a server's connections); NULL: none */
        void (*on_gone)(struct stream *s, void *owner); /* after on_close, whoever holds the events by then */
        void *owner;
        int why;
        bool closing, finishing, shutdown_wanted, shutdown_sent, shut_down, paused, held, eof, connecting, need_drain, unread_deferred;
        char peer[46];
};

struct stream *stream_new(struct loop *l, bool is_unix);
int stream_accept(struct stream *s, uv_stream_t *listener, struct tls_ctx *sniff);     /* negative: the caller closes s */
/* fn(s, status) once, not inside the call, unless s is closed before. */
int stream_connect_tcp(struct stream *s, const struct sockaddr *addr, void (*fn)(struct stream *s, int status));
int stream_connect_unix(struct stream *s, const char *path, void (*fn)(struct stream *s, int status));
void stream_start_tls_client(struct stream *s, struct tls_ctx *ctx, const char *host);  /* output waits for the handshake */
void stream_set_owner(struct stream *s, struct stream **list, void (*on_gone)(struct stream *s, void *owner), void *owner);
void stream_fail(struct stream *s, int why);
/* Gives bytes back: delivered to on_data in a later turn, before anything newer. */
void stream_unread(struct stream *s, const char *p, size_t n);
/* Held: bytes are kept instead of delivered, up to 64 KB, then reading stops; end of file and errors are still seen. */
void stream_hold(struct stream *s);
void stream_release(struct stream *s);
