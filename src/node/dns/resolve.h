/* resolve.h: a query to its reply: the answer table, the cache of recursed answers, and the recursers, in this order.
 *
 * resolve_now() may be called by any thread and never blocks or allocates; what it cannot answer goes to resolve_later() on the loop. The table is
 * exchanged whole by resolver_set_table(); a thread holds the one it looks into by a reference in its struct resolve_view. */
#pragma once
#include "node/dns/answer.h"
#include "node/dns/recurse.h"

struct resolver;
struct resolver_config {
        struct recurse_config recurse;
        size_t cache_messages;
        uint32_t ttl;                   /* of the SOA */
};
struct resolver *resolver_new(struct loop *l, const struct resolver_config *cfg);       /* with an empty table that is not loaded */
/* Waiting queries get their callback with no bytes. Nobody may be in resolve_now() any more. */
struct resolver *resolver_free(struct resolver *r);
void resolver_set_table(struct resolver *r, struct dns_table *t);       /* takes the reference; loop thread */
struct dns_table *resolver_table(struct resolver *r);                   /* a reference for the caller; any thread */

/* What one thread needs. */
struct resolve_view {
        struct resolver *resolver;
        struct dns_table *table;        /* held */
        uint64_t version;
        struct answerer answerer;
        uint8_t *scratch;               /* DNS_MESSAGE_BYTES_MAX */
};
void resolve_view_init(struct resolve_view *v, struct resolver *r);
void resolve_view_done(struct resolve_view *v);
void resolve_view_refresh(struct resolve_view *v);                      /* to the newest table: once per batch */

enum resolve { RESOLVE_DROP, RESOLVE_REPLY, RESOLVE_LATER };
/* out: DNS_MESSAGE_BYTES_MAX bytes. now_ms: CLOCK_MONOTONIC. */
enum resolve resolve_now(struct resolve_view *v, uint32_t ip, bool tcp, const uint8_t *p, size_t n, uint64_t now_ms, uint8_t *out, size_t *ret_bytes);

/* p is not kept by the callback's caller; n 0: say nothing. Exactly once. */
typedef void (*resolve_fn)(const uint8_t *p, size_t n, void *arg);
/* Loop thread only. The query is copied. May call fn at once. */
void resolve_later(struct resolver *r, uint32_t ip, bool tcp, const uint8_t *p, size_t n, resolve_fn fn, void *arg);
