/* http_sync.h: blocking HTTP and websocket calls for command-line programs, on a private loop. One thread per object. */
#pragma once
#include "net/http_client.h"

struct http_sync;
int http_sync_new(const struct http_client_config *cfg, struct http_sync **ret, struct dr_error *err);
struct http_sync *http_sync_free(struct http_sync *s);
DR_DEFINE_AUTO(struct http_sync *, http_sync_free)
/* spec: events and arg are ignored; body_max caps the answer. timeout in spec->total_ms (0: 60 s). Returns 0 with *ret filled
 * whatever the status (http_response_done() it), or negative with *err. */
int http_sync_call(struct http_sync *s, const struct http_call_spec *spec, struct http_response *ret, struct dr_error *err);
/* Like http_sync_call(), the body given to on_body piece by piece (negative breaks off with that value). */
int http_sync_stream(struct http_sync *s, const struct http_call_spec *spec, int (*on_body)(const char *p, size_t n, void *arg), void *arg,
                     struct http_response *ret, struct dr_error *err);

struct ws_sync;
/* spec: on_open, events and arg are ignored. ret_status (may be NULL) gets the status when the server refused. */
int ws_sync_connect(struct http_sync *s, const struct ws_connect_spec *spec, struct ws_sync **ret, int *ret_status, struct dr_error *err);
/* 1: a message, caller frees *ret (NUL-terminated); 0: nothing within wait_ms (UINT64_MAX: no limit); negative: closed, *err says how. */
int ws_sync_next(struct ws_sync *w, uint64_t wait_ms, unsigned *ret_opcode, char **ret, size_t *ret_len, struct dr_error *err);
int ws_sync_send(struct ws_sync *w, unsigned opcode, const void *p, size_t n, struct dr_error *err);  /* blocks while the queue is above the low mark */
struct ws_sync *ws_sync_free(struct ws_sync *w);        /* before its http_sync; close handshake of at most 2 s; returns NULL */
DR_DEFINE_AUTO(struct ws_sync *, ws_sync_free)
/* A descriptor to wait for beside the websocket (terminal input): ws_sync_next() returns 0 early when it is readable. -1: none. */
void ws_sync_watch_fd(struct ws_sync *w, int fd);
