/* register.h: gets this host's agent key from the server with a registration token (spec agent.md 2.4).
 *
 * GET URL/register?key=K; no such row: POST it; then asked again until it has keys. What may work later (server not reachable, 5xx) is
 * tried again with back-off; a refusal ends it. Loop thread only; callbacks never come from inside a call. */
#pragma once
#include "net/http_client.h"

struct registration;
struct registration_config {
        struct loop *loop;
        struct http_client *http;       /* borrowed */
        const char *url;                /* ends in /v1 or /v2-beta, or is the server's base; copied */
        const char *token, *key;        /* copied */
        unsigned tries_max;             /* 0: without end */
        /* Once. result 0 with the keys, or negative with *err. The registration is to be freed by the owner. */
        void (*on_done)(int result, const char *access_key, const char *secret_key, const struct dr_error *err, void *arg);
        void (*on_trouble)(const char *message, void *arg);    /* it will be tried again; may be NULL */
        void *arg;
};
struct registration *registration_start(const struct registration_config *cfg);
struct registration *registration_free(struct registration *r);        /* NULL is fine; returns NULL */

/* "http://h:8080/v1/schemas" to "http://h:8080/v1"; without a version "/v1" is added. Caller frees. */
char *server_api_url(const char *url);
/* "http://h:8080/v1" to "http://h:8080". Caller frees. */
char *server_base_url(const char *url);
