/* frame.h: what a client of a stream sends and gets in its websocket's messages, in its three dialects (docs/streams.md). Pure; any thread.
 *
 * text     upstream's: bytes are base64 in text messages, ":resizeTTY:COLS,ROWS" sets the terminal's size; logs and figures are text as it is
 * binary   the same, bytes in binary messages (subprotocol "binary")
 * drover   binary messages whose first byte is the kind of the host protocol's frames (subprotocol "drover.v1") */
#pragma once
#include "base/sbuf.h"

enum client_dialect { DIALECT_TEXT, DIALECT_BINARY, DIALECT_DROVER };
/* The subprotocol that the dialect answers with; NULL: none. */
const char *client_dialect_protocol(enum client_dialect d);

enum client_frame_kind { CLIENT_DATA, CLIENT_END, CLIENT_CONTROL, CLIENT_IGNORE };
struct client_frame {
        enum client_frame_kind kind;
        const char *p;                  /* data and control: borrowed, in the message or in the caller's buffer */
        size_t n;
        bool eof;                       /* control: no more data comes from the client */
};
/* Reads one message. binary: the websocket's opcode. raw: the stream carries bytes, so text messages are base64. buf: for what is decoded.
 * Control is JSON, an object. Negative with *err. */
int client_frame_read(enum client_dialect d, bool raw, bool binary, const char *msg, size_t len, struct sbuf *buf, struct client_frame *ret, struct dr_error *err);
/* Encodes data for the client into out (empty). Returns whether it is a binary message. */
bool client_frame_write(enum client_dialect d, bool raw, const char *p, size_t n, struct sbuf *out);
