/* conduct.h: what a host may not do, and what is then known of it. A host's key gives it its own containers, requests and streams, nothing else.
 *
 * A host that says what cannot be (containers of other hosts, streams that were not opened, an epoch that no server of this data had) or that sends
 * more than a host can have to say is cut off, kept out for a while, and named: in the log, and as error of the host in the API until it has
 * connected and reported without fault. Nobody else notices. Loop thread only. */
#pragma once
#include "core/hosts.h"

enum { CONDUCT_OUT_MS = 10000 };

struct conduct { double tokens; uint64_t at_ms; };      /* of a connection */
void conduct_init(struct conduct *k, uint64_t now_ms);
/* One more message; false: too many. Frames of streams that are open do not count: they have their credit. */
bool conduct_may_send(struct conduct *k, uint64_t now_ms);

/* NULL, or why this report is a lie: it has a container that is another host's. Static storage until the next call. */
const char *conduct_check_observed(struct core *c, int64_t host_id, const struct observed *obs, size_t n);
/* NULL, or why this epoch cannot have been obeyed by an honest host. Static storage until the next call. */
const char *conduct_check_epoch(struct core *c, uint64_t epoch);

/* Names the host: log and API. host may be NULL: unknown yet. */
void conduct_name(struct core *c, struct record *host, const char *peer, const char *why);
/* The host behaves: what was said of it before is over. */
void conduct_clear(struct core *c, struct record *host);
