/* ws_frame.h: websocket framing (RFC 6455) without I/O: encoding, and a decoder that delivers whole messages. */
#pragma once
#include "base/sbuf.h"
#include "net/buf.h"

enum ws_opcode { WS_OP_CONTINUATION = 0, WS_OP_TEXT = 1, WS_OP_BINARY = 2, WS_OP_CLOSE = 8, WS_OP_PING = 9, WS_OP_PONG = 10 };

/* mask: NULL (server to client) or four random bytes. */
struct buf *ws_frame(unsigned opcode, const void *p, size_t n, const unsigned char *mask);
void ws_mask(void *p, size_t n, const unsigned char key[4], size_t offset);     /* in place; offset of p in the payload */
bool utf8_valid(const char *p, size_t n);

struct ws_decoder {
        bool is_server;                 /* frames from a client must be masked, those from a server must not */
        size_t message_max;
        /* Whole messages and control frames. p is NUL-terminated. Non-zero stops with that value. */
        int (*on_message)(void *arg, unsigned opcode, char *p, size_t n);
        void *arg;
        const char *reason;             /* when a close code came back; static storage */
        /* private */
        unsigned char head[14];
        unsigned n_head;
        bool in_payload, fin;
        unsigned opcode, message_opcode;        /* message_opcode 0: outside a fragmented message */
        unsigned char mask[4];
        uint64_t left, at;
        struct sbuf message;
        unsigned char control[126];
        unsigned n_control;
};
void ws_decoder_init(struct ws_decoder *d, bool is_server, size_t message_max);
void ws_decoder_done(struct ws_decoder *d);
/* 0: all used; else the value of on_message, or a close code (1002, 1007, 1009) with d->reason set. Nothing more may be fed then. */
int ws_decoder_feed(struct ws_decoder *d, const char *p, size_t n);
/* Code and reason in a close frame's payload. Returns 0, or the close code to answer a malformed one with. */
int ws_close_parse(const char *p, size_t n, unsigned *ret_code, char reason[124]);
