/* ws.h: websocket connections (RFC 6455), server and client side: whole messages in and out, pings, close, slow readers.
 *
 * Loop thread only. No extension is negotiated. A connection comes from http_upgrade_websocket() or http_client_websocket().
 * It pings after 30 s of silence and closes after two unanswered pings. A reader whose queue passes queue_max, or that takes
 * nothing for 10 s with something queued, is closed with 1008. */
#pragma once
#include "net/buf.h"
#include "net/loop.h"

enum {
        WS_TEXT = 1, WS_BINARY = 2,
        WS_CLOSE_NORMAL = 1000, WS_CLOSE_GOING_AWAY = 1001, WS_CLOSE_PROTOCOL = 1002, WS_CLOSE_NO_STATUS = 1005,
        WS_CLOSE_ABNORMAL = 1006, WS_CLOSE_NOT_UTF8 = 1007, WS_CLOSE_POLICY = 1008, WS_CLOSE_TOO_BIG = 1009,
        WS_CLOSE_INTERNAL = 1011, WS_CLOSE_TRY_LATER = 1013,
        WS_MESSAGE_BYTES_MAX = 64 * 1024, WS_SESSION_BYTES_MAX = 8 << 20,       /* subscribers; host sessions */
};
struct ws;
struct ws_events {
        /* opcode WS_TEXT (checked to be UTF-8) or WS_BINARY. p is NUL-terminated behind n, not kept past the call. */
        void (*on_message)(struct ws *w, unsigned opcode, const char *p, size_t n, void *arg);
        void (*on_drain)(struct ws *w, void *arg);              /* queue below the low mark again; may be NULL */
        /* Last call, exactly once, never from inside a call of yours, also after ws_close(). code: the peer's, or ours when we
         * ended it, or WS_CLOSE_ABNORMAL. */
        void (*on_close)(struct ws *w, unsigned code, const char *reason, void *arg);
};
struct ws_options {                     /* zero takes the default */
        size_t message_max;             /* WS_MESSAGE_BYTES_MAX; larger: 1009 */
        size_t queue_max;               /* 1 MB */
        size_t low_bytes;               /* on_drain comes when the queue was at this or above and is below it again; 256 KB. When set, the kernel too
                                         * holds only about this much that is not sent yet */
        uint64_t ping_ms;               /* 30 s */
        uint64_t stall_ms;              /* 10 s */
};

/* Encode a message once for any number of server-side connections. Caller owns the reference. */
struct buf *ws_frame_text(const void *p, size_t n);
struct buf *ws_frame_binary(const void *p, size_t n);
/* 0; -EPIPE: closing; -ENOBUFS: too slow, and it is being closed with 1008. */
int ws_send_frame(struct ws *w, struct buf *frame);             /* server side only; takes its own reference */
bool ws_is_broken(const struct ws *w);                  /* the peer broke the protocol or a limit; also in on_close */
/* How many connections of this process were closed, their queue dropped, because the other side was too slow. Any thread. */
uint64_t ws_slow_closed(void);
int ws_send(struct ws *w, unsigned opcode, const void *p, size_t n);
int ws_send_text(struct ws *w, const char *s);
void ws_pause(struct ws *w);            /* no on_message soon: what was already read is still delivered */
void ws_resume(struct ws *w);
size_t ws_queued_bytes(const struct ws *w);
void ws_close(struct ws *w, unsigned code, const char *reason); /* handshake, at most 2 s; reason may be NULL */
bool ws_is_closing(const struct ws *w);
void *ws_arg(const struct ws *w);
void ws_set_events(struct ws *w, const struct ws_events *ev, void *arg);        /* ev borrowed: static */
const char *ws_peer(const struct ws *w);
