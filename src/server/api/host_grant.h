/* host_grant.h: answers that let a client open a stream to a host: an address and a token for it (spec api.md 5.3, 5.4). Loop thread only. */
#pragma once
#include "context.h"

struct host_grant {
        enum type_id type;              /* hostAccess, statsAccess */
        const char *path;               /* "/v1/logs/": behind the address of this server */
        bool http;                      /* the address is http(s), else ws(s) */
        struct json_object *claims;     /* borrowed */
        int64_t life_s;                 /* 0: the setting's */
        const struct record *host;      /* adds the claim hostUuid; NULL: none */
};
/* 0, or negative with *err: 501 HostApiProxyDisabled, 404 without a host (NULL), 503 when the host or its agent is not active. */
int host_grant_check(struct api_req *req, const struct record *host, struct dr_error *err);
/* The same with the type's own answer: the token, in the arena, and the address. */
int host_grant_make(struct api_req *req, const struct host_grant *g, const char **ret_url, const char **ret_token, struct dr_error *err);
/* Answers: 1, or negative with *err. */
int host_grant_reply(struct api_req *req, const struct host_grant *g, struct dr_error *err);

const struct record *host_grant_of(struct api_req *req, const struct record *instance); /* the host it is on; NULL: none */
/* How its host's engine knows a container: Docker id, or its uuid while there is none (simulated hosts). In the arena. */
const char *host_grant_container(struct api_req *req, const struct record *instance);
/* Claim "proxy" of a container, and whose token lives long; labels of the container override port and scheme. The caller owns it. */
struct json_object *host_grant_proxy(struct api_req *req, const struct record *instance, int64_t port, const char *scheme);
