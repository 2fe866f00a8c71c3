/* tunnel.h: a stream of a host as an ordinary connection, so that what speaks over connections (the HTTP client, TLS) can speak to a container.
 * Loop thread only. */
#pragma once
#include "core/core.h"
#include "net/stream.h"

struct tunnels;
struct tunnels *tunnels_new(struct loop *l, struct core *c);
struct tunnels *tunnels_free(struct tunnels *t);        /* ends those that are open; NULL is fine; returns NULL */
/* Opens a stream of this kind (data: borrowed; docs/host-protocol.md) at the host. *ret: the caller's end, whose events are still to be set.
 * The tunnel ends with either side. Negative with *err. */
int tunnel_open(struct tunnels *t, const struct record *host, const char *kind, struct json_object *data, struct stream **ret, struct dr_error *err);
size_t tunnels_count(const struct tunnels *t);
