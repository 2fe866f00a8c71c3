/* api.h: the HTTP API, /v1 and /v2-beta (spec api.md). One entry, api_handle(), for every request that is not taken by
 * something else in front of it. Loop thread only.
 *
 * Life of a request: context.c reads path, options and body; the authenticator says who asks; dispatch.c finds the operation;
 * collection.c, encode.c, create.c ... do it and write the answer; it leaves when the batch it read from or wrote is durable. */
#pragma once
#include "core/core.h"
#include "net/http_server.h"

struct api;
struct api_req;

/* Finds out who asks: calls api_set_caller() (context.h) and returns 0; returns negative with *err (DR_E_UNAUTHORIZED ...) to
 * refuse; or returns 1 and calls api_resume() later, exactly once. */
typedef int api_authenticate_fn(void *arg, struct api_req *req, struct dr_error *err);
/* Answers a request of its own kind: anything below /VER/NAME. Runs behind authentication. Must lead to api_reply() or
 * api_fail() once, or take the connection (context.h: api_detach()). */
typedef void api_special_fn(void *arg, struct api_req *req);
/* Where an answer goes. Default: http_reply(). */
typedef void api_reply_fn(void *arg, struct http_request *http, int status, const struct http_header *headers, size_t n,
                          const void *body, size_t len);

struct api_conf {
        struct core *core;                      /* borrowed, as all here */
        struct store *store;                    /* history of removed records; NULL: none */
        api_authenticate_fn *authenticate;      /* NULL: access control is off, everybody is the admin account (api.md 2.3) */
        void *authenticate_arg;
        struct host_tokens *host_tokens;        /* NULL: nobody gets at hosts through this server (501) */
        const char *ca_pem;                     /* authority that hosts shall trust, for join commands; NULL: none of ours */
        api_reply_fn *reply;
        void *reply_arg;
};
struct api *api_new(const struct api_conf *conf);
struct api *api_free(struct api *a);            /* after the HTTP server; NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct api *, api_free)
/* name: the path segment behind the version ("subscribe"), or two of them, which go before one ("scripts/transform"); static storage. open: no authentication (scripts). */
void api_add_special(struct api *a, const char *name, bool open, api_special_fn *fn, void *arg);

/* One more row of type task, by which administrators have something done at once. name: static storage. */
void api_add_task(struct api *a, const char *name, void (*fn)(void *arg), void *arg);

void api_handle(struct api *a, struct http_request *http);
void api_resume(struct api_req *req, int result, const struct dr_error *err);
