/* proxy.h: a client's HTTP request, answered by a container: sent through a tunnel, the answer streamed back; upgrades too (spec agent.md 15
 * "container-proxy", orchestrators.md 1.2). Loop thread only. */
#pragma once
#include "core/core.h"
#include "net/http_server.h"

struct proxies;
int proxies_new(struct loop *l, struct core *c, struct proxies **ret, struct dr_error *err);
struct proxies *proxies_free(struct proxies *p);        /* after the HTTP server; NULL is fine; returns NULL */

struct proxy_spec {                     /* all borrowed for the call */
        const struct record *host;
        struct json_object *data;       /* of the tcp stream: {container, uuid, port} */
        bool tls;                       /* to the container; its certificate is not checked */
        const char *target;             /* "/path?query" */
        const char *authorization;      /* header for the container; NULL: none */
};
/* Answers the request, now or later: with what the container says, or 503. req->body is sent. */
void proxy_start(struct proxies *p, struct http_request *req, const struct proxy_spec *spec);
/* What is behind the first segments of the request's path, with its query but for "token=" (it is the platform's). The caller frees. */
char *proxy_target(const struct http_request *req, int segments);
