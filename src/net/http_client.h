/* http_client.h: asynchronous HTTP/1.1 client: http, https and unix sockets, pooled; streams, uploads, upgrades, websockets.
 *
 * Loop thread only. URLs as http_url_parse(). Callbacks never come from inside a call of yours. A request on a reused
 * connection that the peer closed before any byte of the answer is sent once more on a fresh connection if it is idempotent
 * (GET, HEAD, PUT, DELETE, OPTIONS) or retry_any is set. */
#pragma once
#include "net/http.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"
#include "net/ws.h"

struct http_client_config {
        struct tls_client_options tls;
        unsigned idle_max;              /* idle connections kept per target; 0: 8 */
        uint64_t idle_ms;               /* 0: 30 s (below most servers' own limit) */
        const char *user_agent;         /* NULL: "drover/VERSION" */
};
struct http_client;
int http_client_new(struct loop *l, const struct http_client_config *cfg, struct http_client **ret, struct dr_error *err);
struct http_client *http_client_free(struct http_client *c);    /* cancels running calls (without callbacks); returns NULL */

struct http_response {
        int status;                     /* 0: none came */
        struct http_headers headers;
        char *body;                     /* NUL-terminated behind len; NULL when streamed or none */
        size_t body_len;
};
void http_response_done(struct http_response *r);

struct http_call;
struct http_call_events {
        /* Final status (not 1xx). May be NULL. */
        void (*on_head)(struct http_call *c, const struct http_response *res, void *arg);
        /* Streams the body: no border of messages. NULL: collected up to body_max and given in on_done. */
        void (*on_body)(struct http_call *c, const char *p, size_t n, void *arg);
        /* 101, or a 200 with hijack_on_200: the connection is yours (stream_set_events() at once); on_done follows with 101 or 200. */
        void (*on_upgrade)(struct http_call *c, struct stream *s, void *arg);
        /* Upload: there is room: http_call_write() until -ENOBUFS or until there is nothing to send now, http_call_write_end() at
         * the end. May be NULL. */
        void (*on_writable)(struct http_call *c, void *arg);
        /* Exactly once unless cancelled; c is gone afterwards. result 0: complete, whatever the status; negative: *err says why,
         * res then holds what came. res may be emptied by taking its pointers. */
        void (*on_done)(struct http_call *c, int result, struct http_response *res, const struct dr_error *err, void *arg);
        void (*on_cancel)(void *arg);   /* the call was cancelled, by http_call_cancel() or with its client: frees arg. May be NULL */
};
struct http_call_spec {
        const char *method;             /* "GET" when NULL */
        const char *url;
        const struct http_header *headers;      /* extra; copied */
        size_t n_headers;
        const void *body;               /* copied; or body_buf, counted */
        size_t body_len;
        struct buf *body_buf;
        bool upload;                    /* chunked body through http_call_write() */
        const char *upgrade;            /* sends Connection: Upgrade, Upgrade: this; or NULL */
        bool hijack_on_200;             /* old Docker engines answer attach with 200 and speak raw */
        bool retry_any;
        struct stream *over;            /* the connection to use instead of one to the URL's host: taken when the call starts, not kept for another */
        uint64_t connect_ms;            /* 0: 5 s */
        uint64_t first_byte_ms;         /* 0: 30 s; UINT64_MAX: none */
        uint64_t total_ms;              /* 0: none */
        uint64_t idle_ms;               /* between bytes of the body; 0: none */
        size_t body_max;                /* for collected bodies; 0: HTTP_BODY_BYTES_MAX; more is -EFBIG (DR_E_TOO_LARGE) */
        const struct http_call_events *events;  /* borrowed: static */
        void *arg;
};
/* NULL with *err filled when the URL is not usable; then no callback comes. */
struct http_call *http_call_start(struct http_client *c, const struct http_call_spec *spec, struct dr_error *err);
void http_call_cancel(struct http_call *c);             /* closes its connection; no callback comes; c is gone */
void http_call_pause(struct http_call *c);              /* the rest of the current read is still delivered */
void http_call_resume(struct http_call *c);
int http_call_write(struct http_call *c, const void *p, size_t n);      /* -ENOBUFS: wait for on_writable */
void http_call_write_end(struct http_call *c);

struct ws_connect_spec {
        const char *url;                /* ws://, wss://, http://, https://, unix: */
        const struct http_header *headers;
        size_t n_headers;
        const char *user, *password;    /* Basic; NULL: from the URL, or none */
        const char *protocol;           /* subprotocol to ask for; NULL: none */
        struct ws_options options;
        uint64_t timeout_ms;            /* until the 101; 0: 30 s */
        const struct ws_events *events; /* borrowed: static */
        /* Open: ret_arg for the events is arg. Else w is NULL, and res (NULL when none came) and err say why. Exactly once unless cancelled. */
        void (*on_open)(struct ws *w, const struct http_response *res, const struct dr_error *err, void *arg);
        void *arg;
};
/* The call ends with on_open. NULL with *err filled: no callback comes. */
struct http_call *http_client_websocket(struct http_client *c, const struct ws_connect_spec *spec, struct dr_error *err);
