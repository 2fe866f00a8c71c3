/* session.h: the server's side of the host protocol (docs/host-protocol.md): one websocket per host, GET /v3/host/connect with the
 * agent's own key. Each session is a link of core/hosts.h. Loop thread only. */
#pragma once
#include "core/hosts.h"
#include "net/http_server.h"
#include "server/node_files.h"

struct host_sessions;
struct host_sessions *host_sessions_new(struct loop *l, struct core *c, struct node_files *files);      /* borrowed */
/* After the HTTP server is gone, before the core. NULL is fine; returns NULL. */
struct host_sessions *host_sessions_free(struct host_sessions *h);
/* Takes the request to its end: 401, 403, 426 or a session. */
void host_sessions_connect(struct host_sessions *h, struct http_request *req);
size_t host_sessions_count(const struct host_sessions *h);
