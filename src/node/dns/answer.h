/* answer.h: what is said to one query, from the answer table alone: no I/O, no allocation, no clock.
 *
 * Where others must be asked, it says so; the caller asks (or finds it in the cache) and calls again with what came. Rules: spec dns.md 5 and 6.
 * Any thread; a struct answerer belongs to one. */
#pragma once
#include "base/rng.h"
#include "node/dns/table.h"

enum answer_kind {
        ANSWER_DROP,            /* say nothing */
        ANSWER_REPLY,           /* out holds the reply */
        ANSWER_RELAY,           /* the recursers answer this question: answer_relay() with their reply */
        ANSWER_CHASE,           /* the addresses of ret_target are wanted: call again with them */
};

struct answerer {
        struct rng rng;
        uint32_t *serial;       /* of the SOA; shared, counted atomically */
        uint32_t ttl;           /* of the SOA */
};

/* What recursers said of the addresses of target. */
struct chased {
        struct dns_name target;
        bool failed;            /* nobody answered */
        const uint8_t *reply;   /* passed dns_reply_parse() */
        size_t reply_bytes;
};

/* p, n: the query; ip: the client's IPv4 address in network order, 0: another kind of client; tcp: no limit but a message's.
 * q is filled for the caller too. out: at least DNS_MESSAGE_BYTES_MAX bytes. chased: NULL the first time. */
enum answer_kind answer_query(struct answerer *a, const struct dns_table *t, uint32_t ip, bool tcp, const uint8_t *p, size_t n,
                              const struct chased *chased, struct dns_query *q, uint8_t *out, size_t *ret_bytes, struct dns_name *ret_target);

/* The reply of a recurser as this client gets it, in out (which may be p): its id, its spelling of the name, the size it takes, AAAA of a missing name.
 * p has passed dns_reply_parse() for this question. Returns the length. */
size_t answer_relay(const struct dns_query *q, bool tcp, const uint8_t *p, size_t n, uint8_t *out);
/* A reply without records: header, question, OPT when the query had one. Returns the length. */
size_t answer_rcode(const struct dns_query *q, const uint8_t *query, unsigned flags, unsigned rcode, uint8_t *out);
