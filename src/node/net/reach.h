/* reach.h: asks the other hosts, once a second and over the overlay, whether packets come through, and tells which do not answer.
 *
 * ICMP echo between the hosts' own overlay addresses: the kernel answers, so that a peer whose program is being replaced does not look broken.
 * Every other question is as large as a container's packets may be and must not be cut. A peer that did not answer for 4.5 s is lost, one
 * that answers small ones only for 9 s is too; the first answer heals. Loop thread only. */
#pragma once
#include "net/loop.h"
#include "node/net/overlay.h"

enum peer_state { PEER_UNKNOWN, PEER_OK, PEER_SMALL_ONLY, PEER_LOST, PEER_AWAY, PEER_STATE_MAX };
const char *peer_state_to_string(enum peer_state s);    /* "unknown", "ok", "smallPacketsOnly", "unreachable", "away"; NULL out of range */

struct probed {
        char *uuid, *name;
        struct inet host, address;
        enum peer_state state;
        int64_t since_ms;               /* Unix time of the last change of state */
        uint64_t rtt_us;                /* of the last answer; 0: none yet */
        uint64_t sent, answered;
        /* reach's own */
        bool away, seen;
        uint64_t known_ms, grace_ms, small_ms, large_ms;        /* loop time: first seen, last answers */
};

struct reach;
struct reach *reach_new(struct loop *l, loop_fn changed, void *arg);          /* changed: a state did; never inside a call of yours */
struct reach *reach_free(struct reach *p);           /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct reach *, reach_free)
/* Who is to be asked. Peers that stay keep what is known of them. 0, or negative with *err: no question can be sent. */
int reach_set(struct reach *p, const struct overlay *o, struct dr_error *err);
size_t reach_count(const struct reach *p);
const struct probed *reach_at(const struct reach *p, size_t i);               /* by uuid; until the next reach_set() */
