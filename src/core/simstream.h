/* simstream.h: streams of simulated hosts, so that clients can be tried and measured without an engine.
 *
 *   logs            as many lines as were asked for, at most 10, "01 [TIME ]line N of simulated container UUID"; with follow one more each
 *                   second, "tick N"
 *   exec            gives back what it gets. Ends, exit code 0, when the input ends, or at a byte 0x04 with a terminal; command
 *                   {"exit", N} ends at once with N; {"yes", TEXT} prints TEXT for ever
 *   containerStats, hostStats   figures that grow, each second
 *   tcp             answers each request head with 200 and "simulated container UUID, port PORT, METHOD PATH", then closes
 *   others          end with NotSupported
 *
 * One set belongs to a simulated host. Nothing is called back from inside these functions but simstreams_turn(). Loop thread only. */
#pragma once
#include "host_stream.h"

struct simstreams;
struct simstreams *simstreams_new(struct core *c);
void simstreams_free(struct simstreams *s);             /* NULL is fine; streams must be lost before */
int simstreams_open(struct simstreams *s, struct host_stream *st, const char *kind, struct json_object *data, struct dr_error *err);
void simstreams_send(struct simstreams *s, struct host_stream *st, unsigned kind, const void *p, size_t n);
void simstreams_forget(struct simstreams *s, struct host_stream *st);
void simstreams_lose(struct simstreams *s);             /* the host is gone: ends all */
void simstreams_turn(struct simstreams *s);
uint64_t simstreams_next_ms(const struct simstreams *s);        /* monotonic; UINT64_MAX never */
