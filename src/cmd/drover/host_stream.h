/* host_stream.h: logs, exec and sockets of hosts, as the command line sees them: the websocket that a hostAccess answer names, with the
 * subprotocol drover.v1 (docs/streams.md). Blocking, one thread. */
#pragma once
#include "api_client.h"

enum { HOST_STREAM_DATA = 0, HOST_STREAM_END = 1, HOST_STREAM_CONTROL = 3, HOST_STREAM_CHUNK = 16 << 10 };

struct host_stream;
/* access: what an action answered ({url, token}); the host part of its url is not looked at. */
int host_stream_open(struct api *a, const struct json_object *access, struct host_stream **ret, struct dr_error *err);
struct host_stream *host_stream_free(struct host_stream *s);    /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct host_stream *, host_stream_free)
/* 1: data (the caller frees *ret); 0: none within wait_ms, or the watched descriptor can be read; -ENODATA: it ended well; other negatives: *err says how it ended. */
int host_stream_next(struct host_stream *s, uint64_t wait_ms, char **ret, size_t *ret_n, struct dr_error *err);
int host_stream_send(struct host_stream *s, const void *p, size_t n, struct dr_error *err);
int host_stream_eof(struct host_stream *s, struct dr_error *err);               /* no more data from here */
int host_stream_resize(struct host_stream *s, unsigned cols, unsigned rows, struct dr_error *err);
int host_stream_exit_code(const struct host_stream *s);         /* of exec, once it ended; -1: not told */
void host_stream_watch(struct host_stream *s, int fd);          /* -1: none */
