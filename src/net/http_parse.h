/* http_parse.h: incremental HTTP/1.1 parsing, both directions; the only door to the parser library. No I/O.
 *
 * One message at a time: http_parse_run() stops behind each message. Limits: HTTP_HEAD_BYTES_MAX, HTTP_TARGET_BYTES_MAX,
 * HTTP_HEADERS_MAX. Rules: docs/decisions/0001-network-layer.md. */
#pragma once
#include "net/http.h"

struct http_head {
        bool is_response;
        int status;                     /* responses */
        char *method, *target;          /* requests; an absolute target is cut to its path */
        char *reason;
        int minor;
        struct http_headers headers;    /* folded lines joined, repeated Cookie lines joined */
        bool keep_alive, chunked, expect_continue;
        bool upgrade;                   /* Upgrade and Connection: upgrade were sent (requests), or 101 came (responses) */
        int64_t length;                 /* Content-Length; -1: none */
};
void http_head_done(struct http_head *h);

enum http_parse_step { HTTP_PARSE_MORE, HTTP_PARSE_DONE };
enum http_parse_go { HTTP_GO_BODY = 0, HTTP_GO_NO_BODY = 1, HTTP_GO_UPGRADE = 2, HTTP_GO_STOP = -1 };

struct http_parse {
        uint64_t lib[6];                /* the library's state */
        /* Head complete. Requests: BODY, or STOP with *status set. Responses: NO_BODY for the answer to HEAD, UPGRADE to treat what follows as raw. */
        int (*on_head)(struct http_parse *p, struct http_head *h);
        int (*on_body)(struct http_parse *p, const char *at, size_t n);        /* negative stops */
        void *arg;
        struct http_head head;          /* valid from on_head until http_parse_next() */
        int status;                     /* what to answer when run() returned negative */
        const char *message;            /* why, static storage */
        /* private */
        struct sbuf name, value, target;
        size_t head_bytes;
        bool is_response, in_value, in_trailers, started;
        int8_t go;
};
void http_parse_init(struct http_parse *p, bool is_response);
/* Returns DONE with *ret_used < n bytes maybe left, MORE when all was used, or negative (p->status, p->message say what). */
int http_parse_run(struct http_parse *p, const char *data, size_t n, size_t *ret_used);
int http_parse_eof(struct http_parse *p);               /* DONE: the end of input ended the message; negative: cut off */
void http_parse_next(struct http_parse *p);             /* after DONE: frees the head, ready for the next message */
bool http_parse_is_idle(const struct http_parse *p);    /* no byte of a message has come */
bool http_parse_keep_alive(const struct http_parse *p); /* responses: the connection can be used again; after DONE */
void http_parse_done(struct http_parse *p);
