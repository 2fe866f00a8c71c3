/* http_conn.h: the inside of the HTTP server: listeners, connections, requests. For http_server.c, http_conn.c and http_reply.c alone. */
#pragma once
#include "base/map.h"
#include "net/http_parse.h"
#include "net/http_server.h"
#include "net/stream-internal.h"

struct listener {
        union { uv_handle_t handle; uv_stream_t stream; uv_tcp_t tcp; uv_pipe_t pipe; } h;      /* first member */
        struct http_server *srv;
        struct tls_ctx *tls;
        char *unix_path;                /* removed when the listener closes */
};

struct address_count { char peer[46]; unsigned n; };

struct http_server {
        struct loop *loop;
        struct http_server_config cfg;
        VEC(struct listener *) listeners;
        struct stream *streams;         /* HTTP, websocket and raw connections */
        unsigned n_streams, n_listeners;        /* those whose close callback has not run */
        struct smap by_address;         /* struct address_count: connections that are not trusted */
        bool draining, freed;
        struct timer *drain_timer;
        loop_fn drained;
        void *drained_arg;
        int64_t date_s;
        char date[64];
};

struct request;
struct http_conn {
        struct http_server *srv;
        struct stream *s;               /* NULL: handed over to an upgrade */
        struct http_parse parse;
        struct request *req;            /* waiting for its reply, or its body is being read */
        struct sbuf body;
        size_t body_bytes, body_mark;   /* body_mark: body_bytes at the last look of the deadline */
        const char *rest;               /* bytes behind the head while the handler runs */
        size_t n_rest;
        uint64_t n_requests;
        struct address_count *address;  /* counted there; NULL: trusted or unix */
        bool in_input, body_pending, handling, eof, hold_drain;
};

struct request {
        struct http_request pub;        /* first member */
        struct http_conn *c;
        char *raw_path, *raw_query;
        bool keep_alive;
        /* streamed reply */
        const struct http_producer *ops;
        void *ops_arg;
        bool streaming, chunked, produce_deferred;
        int64_t left;                   /* -1: unknown length */
};

struct http_conn *http_conn_new(struct http_server *srv, struct stream *s);
extern const struct stream_events http_conn_events;
void http_conn_refuse(struct http_conn *c, int status, const char *message);
/* The reply is queued: on to the next request, or close. Frees the request. keep: the connection may be used again. */
void http_conn_request_done(struct http_conn *c, bool keep);
/* Hands the stream over; bytes behind the request go back to it. Frees request and connection (at the end of its input loop). */
struct stream *http_conn_detach(struct http_conn *c);
void http_conn_trust(struct http_conn *c);
/* An answer with this status goes out to the current request, or to what was none. */
static inline void http_conn_count(struct http_conn *c, int status) {
        if (c->srv->cfg.on_reply)
                c->srv->cfg.on_reply(c->req ? &c->req->pub : NULL, status, c->srv->cfg.arg);
}
void http_reply_produce(void *request);                 /* deferred call of the producer; also on drain */
const char *http_server_date(struct http_server *srv);
