/* dial.h: a plain outgoing connection as a stream: to a unix socket, or by TCP to an address, also from inside another network namespace.
 *
 * Loop thread only. */
#pragma once
#include "net/stream.h"

struct dial;
struct dial_spec {
        const char *unix_path;          /* or, when NULL: */
        const char *address;            /* IPv4 or IPv6, as digits */
        unsigned port;                  /* 1 to 65535 */
        int netns_fd;                   /* namespace the connection is made in, borrowed for the call of dial_start(); negative: ours */
        uint64_t timeout_ms;            /* 0: 10 s */
        /* s: connected, its events still to be set at once; or NULL and *err says why. Exactly once unless cancelled, never inside dial_start(). */
        void (*done)(struct stream *s, const struct dr_error *err, void *arg);
        void *arg;
};
/* Texts are copied. NULL with *err filled: no callback comes. */
struct dial *dial_start(struct loop *l, const struct dial_spec *spec, struct dr_error *err);
void dial_cancel(struct dial *d);                       /* no callback comes; d is gone */
