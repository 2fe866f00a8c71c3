/* ws-internal.h: making a websocket out of an upgraded stream. For this room alone. */
#pragma once
#include "net/stream-internal.h"
#include "net/ws.h"

extern const struct stream_events ws_stream_events;    /* a stream with these has its struct ws as arg */
struct ws *ws_new(struct stream *s, bool is_server, const struct ws_options *o, const struct ws_events *ev, void *arg);
enum { WS_ACCEPT_CHARS = 28 };
void ws_accept_value(const char *key, char buf[WS_ACCEPT_CHARS + 1]);  /* Sec-WebSocket-Accept for a key */
