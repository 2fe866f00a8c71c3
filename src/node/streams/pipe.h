/* pipe.h: joins a channel to a connection: bytes both ways, credit given back when the kernel has taken what came, reading only with credit.
 *
 * What exec, dockerSocket and tcp have in common. Part of the kind's state; loop thread only. */
#pragma once
#include "net/stream.h"
#include "node/streams/channel-internal.h"

struct pipe {
        struct channel *channel;
        struct stream *s;               /* NULL: not connected yet, or over */
        struct sbuf early;              /* what came from the server before the connection was there; at most FRAME_CREDIT */
        size_t unwritten;               /* bytes from the server that the kernel has not taken yet */
        bool eof;                       /* the server sends no more */
        bool discard;                   /* what comes from the server goes nowhere */
        /* Bytes of the connection; NULL: sent on as they are. Negative with *err ends the channel. */
        int (*output)(struct channel *c, const char *p, size_t n, struct dr_error *err);
        void (*over)(struct channel *c, int why);       /* the connection has ended: 0 in order, else negative errno. pipe->s is NULL */
        const char *eot;                /* written instead of a half close; NULL: half close */
};
void pipe_init(struct pipe *p, struct channel *c);
void pipe_connect(struct pipe *p, struct stream *s);            /* takes s */
void pipe_input(struct pipe *p, const char *data, size_t n);    /* channel_kind.input */
void pipe_eof(struct pipe *p);                                  /* {"eof": true} */
void pipe_pause(struct pipe *p, bool paused);
/* Lets the connection go: what is queued, and last (may be NULL), is still written, then it is closed. */
void pipe_done(struct pipe *p, const char *last);
