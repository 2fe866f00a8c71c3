/* metrics.h: figures of the running server in Prometheus' text form (docs/operations.md lists them).
 *
 * Counting costs an addition: everything belongs to the loop thread, nothing is locked. What is a state (records, queues) is looked at when
 * somebody asks. Loop thread only. */
#pragma once
#include "base/sbuf.h"
#include "core/core.h"
#include "net/http_server.h"

struct metrics;
struct metrics *metrics_new(void);
struct metrics *metrics_free(struct metrics *m);        /* NULL is fine; returns NULL */

/* For http_server_config.on_reply. req NULL: its head could not be read. */
void metrics_count_request(struct metrics *m, const struct http_request *req, int status);

struct metrics_view {                   /* of the moment */
        struct core *core;
        struct store *store;
        const char *db_file;            /* for the size of the store; NULL: none */
        size_t host_sessions, subscribers, streams, connections;
        uint64_t slow_readers;          /* websockets closed because their reader was too slow */
        int64_t started_ms;             /* wall clock */
};
void metrics_write(const struct metrics *m, const struct metrics_view *v, struct sbuf *out);
