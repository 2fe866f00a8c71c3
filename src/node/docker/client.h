/* client.h: talks to one Docker Engine over its unix socket: finds it, negotiates the API version, watches its health, its restarts
 * and its events, and makes calls with deadlines. An engine that hangs or is gone fails calls and is reported; it blocks nothing else.
 *
 * Loop thread only. Callbacks never come from inside a call of yours, and none comes after docker_free() or a cancel. */
#pragma once
#include "net/http_client.h"
#include "node/docker/message.h"

struct docker;
struct docker_watch {
        /* healthy turned, or the engine was restarted while we looked away. message: why not, or "". */
        void (*on_health)(bool healthy, const char *message, void *arg);
        /* The events stream is open: what happened before must be looked for. */
        void (*on_connected)(void *arg);
        void (*on_event)(const struct docker_event *e, void *arg);
};
/* socket_path: as in "unix:///run/docker.sock" without the scheme. watch is borrowed: static. */
int docker_new(struct loop *l, const char *socket_path, const struct docker_watch *watch, void *arg, struct docker **ret, struct dr_error *err);
struct docker *docker_free(struct docker *d);           /* NULL is fine; cancels all calls; returns NULL */
void docker_start(struct docker *d);                    /* looks for the engine and keeps looking */

bool docker_is_healthy(const struct docker *d);
const char *docker_health_message(const struct docker *d);
const struct docker_version *docker_version(const struct docker *d);   /* empty texts before the first contact */
unsigned docker_api_minor(const struct docker *d);      /* 0 before the first contact */
/* A number for this run of the engine on this boot of the host; 0 before the first contact. Differs after either restarted: made of the boot id,
 * the start time of pid 1, process id and start time of who listens on the socket, and the id of the default bridge network, which an engine
 * makes anew whenever it starts (the listener may be systemd or a proxy that outlives it). */
uint64_t docker_instance(const struct docker *d);

struct docker_call;
/* status: the HTTP status when result is 0, whatever it is. result negative: no usable answer, *err says why (engine gone, hanging).
 * body: NUL-terminated behind len, gone after the call. */
typedef void (*docker_done_fn)(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg);
struct docker_request {
        const char *method;             /* NULL: GET */
        const char *path;               /* "/containers/json?all=1", without a version */
        const char *body;               /* JSON, or bytes of a tar archive; NULL: none; copied */
        size_t tar_bytes;               /* of such an archive; 0: body is JSON and a string */
        const char *registry_auth;      /* X-Registry-Auth; NULL: none */
        uint64_t total_ms;              /* deadline; 0: 30 s. With stream: for the first byte only; 0: none */
        uint64_t idle_ms;               /* with stream: between bytes; 0: no limit */
        size_t body_max;                /* 0: 8 MB */
        bool fresh;                     /* on a connection of its own */
        void (*stream)(const char *p, size_t n, void *arg);     /* the body as it comes instead of at the end, for status 200 only */
        /* Asks the engine to hand the connection over (POST exec start, attach): on 101 (or 200, older engines) s is yours, its events to be set at
         * once; then done comes with that status. Any other answer: done alone, with the body. total_ms: until then. */
        void (*hijacked)(struct stream *s, void *arg);
        docker_done_fn done;
        void *arg;
};
/* NULL with *err filled while the engine is not known; then done is not called. */
struct docker_call *docker_call_start(struct docker *d, const struct docker_request *r, struct dr_error *err);
/* Asks on a connection of its own whether this run of the engine is still there: result is 0 then (any status below 500), else negative.
 * An engine that is going down serves the connections it has but takes no new one. As docker_call_start(). */
struct docker_call *docker_confirm(struct docker *d, docker_done_fn done, void *arg, struct dr_error *err);
void docker_call_cancel(struct docker_call *c);         /* no callback comes */
/* With stream: nothing is read from the engine any more, but what was read already (at most 64 KB) is still delivered; and on again. */
void docker_call_pause(struct docker_call *c, bool paused);
const char *docker_socket_path(const struct docker *d);
