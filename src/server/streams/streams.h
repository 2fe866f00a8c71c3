/* streams.h: clients that are connected to something on a host: logs, exec, console, dockersocket, stats, hoststats, containerstats and
 * container-proxy below /v1 and /v2-beta (spec agent.md 14, 15; docs/streams.md). Loop thread only.
 *
 * A client's websocket is joined to one stream of a host, or to several whose messages are merged. What a host sends is given back to it as
 * credit only when the client's socket takes it, so a slow client holds up nothing but itself. */
#pragma once
#include "core/core.h"
#include "net/http_server.h"
#include "server/auth/host_token.h"

struct streams;
int streams_new(struct loop *l, struct core *c, struct host_tokens *tokens, struct streams **ret, struct dr_error *err);
/* After the HTTP server. NULL is fine; returns NULL. */
struct streams *streams_free(struct streams *s);
/* Takes over a request for one of these paths; false: it is for somebody else. */
/* HTTP to a container on its host: answers req. container: its record; port, tls: where to in it; target: "/path?query"; authorization: header
 * for it, or NULL. */
void streams_proxy(struct streams *s, struct http_request *req, const struct record *container, unsigned port, bool tls, const char *target, const char *authorization);
bool streams_take(struct streams *s, struct http_request *req);
size_t streams_count(const struct streams *s);          /* clients */
