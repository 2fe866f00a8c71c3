/* recurse.h: asks the recursers of a list, one after another, until one answers.
 *
 * Against forged answers each try has a connected socket of its own (the kernel's random port), a random id, the question compared (with mixed_case
 * also its spelling, which is random then). A reply counts when it is a well-formed answer to this question; NXDOMAIN, SERVFAIL and REFUSED do too.
 * A truncated one is asked for again by TCP. Who does not answer is asked last for some seconds. Equal questions share one search. The whole of it stays below the
 * 5 s that resolvers wait. Spec dns.md 7. Loop thread only. */
#pragma once
#include "net/loop.h"
#include "node/dns/cache.h"

enum { RECURSE_LOOKUPS_MAX = 1000, RECURSE_WAITERS_MAX = 5000, RECURSE_TOTAL_MS = 4500, RECURSE_FAILED_MS = 5000 };

struct recurser;
struct recurse_config {
        uint64_t timeout_ms;            /* of one try */
        uint32_t ttl;                   /* keeps answers that say nothing of their lifetime this long */
        uint32_t ceiling_s;             /* longest time to live that is kept and passed on */
        bool mixed_case;
};
/* cache: answers are put there; borrowed. */
struct recurser *recurser_new(struct loop *l, const struct recurse_config *cfg, struct dns_cache *cache);
struct recurser *recurser_free(struct recurser *r);     /* no callbacks come any more */

/* p: the reply, checked, TTLs at most the ceiling; NULL: nobody answered. Exactly once, never inside recurse(), not after recurser_free(). */
typedef void (*recurse_fn)(const uint8_t *p, size_t n, void *arg);
/* query: a whole message with one question; its name as spelt there is asked for. False: too many at once (no callback), or no server in the list. */
bool recurse(struct recurser *r, const struct dns_recursers *servers, const struct dns_query *q, const uint8_t *query, size_t n, recurse_fn fn, void *arg);
