/* checker.h: makes many checks on one loop: TCP connections or HTTP requests, each at its own interval, begun at a random place of it so that they are
 * spread in time. A check costs about 200 bytes while it waits and a socket while it runs. Loop thread only.
 *
 * A check is unknown until `rise` probes in a row succeeded (up) or `fall` failed (down). Successes count only within the timeout. */
#pragma once
#include "net/loop.h"

struct checker;
struct check;
enum check_state { CHECK_UNKNOWN, CHECK_SEEN, CHECK_UP, CHECK_DOWN };  /* seen: one probe succeeded, not enough of them yet; only after unknown */
const char *check_state_to_string(enum check_state s);

struct check_conf {
        const char *address;            /* IPv4 or IPv6, as digits */
        int64_t port, interval_ms, timeout_ms, rise, fall;      /* 0 or out of range: 2000, the interval, 2, 3 */
        const char *request_line;       /* NULL or empty: connect only */
};
struct checker_conf {
        uint64_t seed;                  /* 0: from the kernel */
        unsigned running_max;           /* probes at a time; 0: what the descriptor limit allows, at most 4096 */
        /* The state changed. reason: why, of a probe that failed; "" otherwise. Not from inside a call of yours. */
        void (*changed)(struct check *c, enum check_state now, const char *reason, void *arg);
        void *arg;
};
struct checker *checker_new(struct loop *l, const struct checker_conf *conf);
struct checker *checker_free(struct checker *p);           /* NULL is fine; its checks go too */
DR_DEFINE_AUTO(struct checker *, checker_free)

/* NULL with *err: address, port or request line are not usable. */
struct check *check_new(struct checker *p, const struct check_conf *conf, void *owner, struct dr_error *err);
struct check *check_free(struct check *c);              /* NULL is fine; from anywhere, also inside changed() */
bool check_is(const struct check *c, const struct check_conf *conf);    /* the same settings: nothing to do */
void *check_owner(const struct check *c);
enum check_state check_state(const struct check *c);

struct checker_stats { size_t checks, running; uint64_t probes, failed; };
struct checker_stats checker_stats(const struct checker *p);
