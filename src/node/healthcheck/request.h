/* request.h: what a check asks a server and what counts as an answer (orchestration.md 4.1, compose.md 4.3). Pure; any thread. */
#pragma once
#include "base/base.h"

enum { REQUEST_LINE_BYTES_MAX = 4096 };
/* Bytes to send for a request line as users write it, the caller owns them:
 *   GET /ping HTTP/1.0 | GET "/ping" "HTTP/1.0" | GET /ping | GET | /ping
 * Without a method GET, without a path "/", without a version HTTP/1.0. Quotes and backslashes (\r \n \t "\ ") are those of the balancer that upstream
 * gives the line to, so headers may follow the version: GET / HTTP/1.1\r\nHost:\ example.com. Host and "Connection: close" are added where HTTP/1.1
 * needs them. host: for the header, "ADDRESS:PORT". *ret NULL with 0: an empty line, no request is sent (TCP check). Negative with *err: DR_E_INVALID_FORMAT. */
int request_make(const char *line, const char *host, char **ret, struct dr_error *err);

/* What has come so far of an answer, at most the few bytes that decide. */
struct answer { char head[16]; unsigned n; };
enum answer_verdict { ANSWER_MORE, ANSWER_UP, ANSWER_BAD_STATUS, ANSWER_GARBAGE };
/* Takes bytes until it knows: 2xx and 3xx are up. */
enum answer_verdict answer_take(struct answer *a, const char *p, size_t n);
enum answer_verdict answer_end(const struct answer *a);         /* the peer has sent all: never ANSWER_MORE */
int answer_status(const struct answer *a);                      /* 0: none was seen */
