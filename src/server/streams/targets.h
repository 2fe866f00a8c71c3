/* targets.h: from a token's claims to the streams that have to be opened at hosts (spec agent.md 14, 15; docs/host-protocol.md). Loop thread only. */
#pragma once
#include "base/vec.h"
#include "core/core.h"
#include "formats/json.h"

struct stream_target { const struct record *host; const char *kind; struct json_object *data; };        /* host: borrowed, for this turn */
struct stream_targets { struct stream_target *v; size_t n, cap; };              /* {0} is empty; owns data */
void stream_targets_done(struct stream_targets *t);

struct stream_route {
        const char *name;               /* path segment: "logs" */
        bool raw;                       /* bytes, not text */
        bool is_exec;
        /* rest: the path segment behind the route's, or "". Negative with *err: Unauthorized when the token does not name a connected host or is for
         * something else, NotFound when what it names is gone. Several hosts: those that are connected, maybe none. */
        int (*find)(struct core *c, const struct json_object *claims, const char *rest, struct stream_targets *ret, struct dr_error *err);
};
/* NULL: no such one. */
const struct stream_route *stream_route_get(const char *name);
/* Where a container proxy's token leads: one target of kind tcp. */
int stream_proxy_target(struct core *c, const struct json_object *claims, struct stream_targets *ret, struct dr_error *err);
