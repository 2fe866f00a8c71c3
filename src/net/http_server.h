/* http_server.h: HTTP/1.1 server on TCP and unix sockets, TLS and plain on the same port.
 *
 * Loop thread only. Requests of one connection are handled one at a time, in order. Limits and time limits are those of
 * docs/decisions/0001-network-layer.md; heads the layer refuses itself (400, 413, 414, 417, 431, 501, 505, 408, 503) get error_body's body. */
#pragma once
#include "net/buf.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"
#include "net/ws.h"

struct http_request {                   /* read-only except where said */
        enum verb verb;
        const char *method;             /* as sent */
        const char *target;             /* raw "/a%2Fb?x=1"; the scheme and host of an absolute target are cut off */
        const char *raw_path;           /* raw, without query */
        const char *raw_query;          /* raw, behind '?'; NULL: none */
        struct http_path path;
        struct http_query query;
        struct http_headers headers;    /* folded lines joined by the blanks they begin with; repeated Cookie lines joined by "; ", others kept apart */
        const char *host;               /* Host header, "" in HTTP/1.0 without one */
        int minor;                      /* 0 or 1 */
        bool tls;
        const char *peer;               /* address; "unix" */
        uint64_t began_us;              /* CLOCK_MONOTONIC microseconds: the head was complete */
        const char *body;               /* NUL-terminated behind body_len; NULL when none, or when on_body took it */
        size_t body_len;

        /* Set by the handler or on_head: */
        void *user;
        void (*on_abort)(struct http_request *req);     /* the client left before the reply was complete; req is gone afterwards */
        bool abort_on_eof;              /* take a half-close for leaving (long polls): default is that the client still waits */
        /* Set by on_head only: */
        size_t body_max;                /* preset from the configuration */
        int (*on_body)(struct http_request *req, const char *p, size_t n);      /* streams the body; negative: 500 and close */
};

struct http_server_config {
        /* Request complete. Must lead to exactly one http_reply...() or http_upgrade...(), now or later, unless on_abort comes. */
        void (*handler)(struct http_request *req, void *arg);
        /* Optional. Head complete, body not read. May reply (the connection then closes if a body follows), set body_max and on_body. */
        void (*on_head)(struct http_request *req, void *arg);
        /* Optional. Body for errors of the layer: write it, set *ret_type (static storage). Default: text/plain. */
        void (*error_body)(int status, const char *message, struct sbuf *body, const char **ret_type, void *arg);
        /* Optional. An answer's head goes out: for counting. req is NULL when no head could be read. */
        void (*on_reply)(const struct http_request *req, int status, void *arg);
        void *arg;
        size_t body_max;                /* HTTP_BODY_BYTES_MAX when 0 */
        unsigned connections_max;       /* 0: soft descriptor limit minus 256 */
        unsigned per_address_max;       /* connections of one address without http_request_trust(); 0: 256 */
        uint64_t head_ms, body_ms, idle_ms, stall_ms;   /* 10, 10, 60, 60 s when 0 */
        const char *server_name;        /* Server header; NULL: none */
        int unknown_method_status;      /* instead of 501 for methods (and transfer encodings) that are not known here; 0: 501 */
};
struct http_server;
struct http_server *http_server_new(struct loop *l, const struct http_server_config *cfg);
/* tls may be NULL: plain only; else the first byte decides, TLS or plain. ret_port (may be NULL) gets the port, useful with 0.
 * address: numeric IPv4 or IPv6, "" or "*" for all. */
int http_server_listen_tcp(struct http_server *s, const char *address, unsigned short port, struct tls_ctx *tls,
                           unsigned short *ret_port, struct dr_error *err);
/* A stale socket file is replaced; one that answers is -EBUSY. mode: 0600 for instance. */
int http_server_listen_unix(struct http_server *s, const char *path, unsigned mode, struct dr_error *err);
/* Closes listeners and idle connections, lets running requests end with Connection: close, websockets get 1001; after
 * timeout_ms (0: 5 s) the rest is closed. done (may be NULL) when the last connection is gone. Once. */
void http_server_drain(struct http_server *s, uint64_t timeout_ms, loop_fn done, void *arg);
/* Closes everything at once; on_abort is called for running requests. Memory goes when the last connection's close callback ran.
 * Returns NULL. */
struct http_server *http_server_free(struct http_server *s);
unsigned http_server_connections(const struct http_server *s);  /* websockets and raw streams included */

/* Body bytes are copied / the reference is counted. extra headers are borrowed for the call; do not give Content-Length,
 * Connection, Date or Transfer-Encoding. HEAD, 204 and 304 send no body. req is gone afterwards. */
void http_reply(struct http_request *req, int status, const struct http_header *extra, size_t n_extra, const void *body, size_t len);
void http_reply_buf(struct http_request *req, int status, const struct http_header *extra, size_t n_extra, struct buf *body);
/* The layer's own error form (error_body). message may be NULL. */
void http_reply_error(struct http_request *req, int status, const char *message);

struct http_producer {
        /* Called when there is room: write some with http_stream_write() and return 1 for "call again when there is room",
         * 0 for "http_stream_wake() will tell", HTTP_STREAM_END when all is written, negative to break off (the connection closes). */
        int (*produce)(struct http_request *req, void *arg);
        void (*done)(void *arg);        /* always, exactly once, after end or abort; req must not be used; may be NULL */
};
enum { HTTP_STREAM_END = 2 };
/* length: -1 unknown (chunked; closes to HTTP/1.0). ops is borrowed: static. on_abort is not called after this, done is.
 * The first produce comes before the end of this turn, not inside the call. */
void http_reply_stream(struct http_request *req, int status, const struct http_header *extra, size_t n_extra, int64_t length,
                       const struct http_producer *ops, void *arg);
int http_stream_write(struct http_request *req, const void *p, size_t n);
int http_stream_write_buf(struct http_request *req, struct buf *b);
void http_stream_wake(struct http_request *req);

/* Whether this is a valid websocket handshake request. */
bool http_request_wants_websocket(const struct http_request *req);
/* Answers 101 and hands the connection over; req is gone afterwards. When the handshake is not acceptable, answers 400 or 426
 * itself and returns NULL. protocol: subprotocol to accept, or NULL. ev borrowed: static. options may be NULL.
 * Decide authentication before. */
struct ws *http_upgrade_websocket(struct http_request *req, const char *protocol, const struct ws_options *options,
                                  const struct ws_events *ev, void *arg);
/* 101 with Upgrade: protocol; bytes behind the head are delivered to on_data in a later turn. req is gone afterwards. */
struct stream *http_upgrade_raw_with(struct http_request *req, const char *protocol, const struct http_header *extra, size_t n_extra,
                                     const struct stream_events *ev, void *arg);         /* with more headers */
struct stream *http_upgrade_raw(struct http_request *req, const char *protocol, const struct stream_events *ev, void *arg);
/* The connection has authenticated itself: it no longer counts against per_address_max. */
void http_request_trust(struct http_request *req);
struct loop *http_request_loop(const struct http_request *req);
