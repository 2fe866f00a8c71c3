/* cache.h: what recursers answered, by whom was asked and what: a fixed number of messages, the least recently used goes.
 *
 * Entries are whole checked messages, found only by their own question: nothing in an answer can speak for another name. Any thread. */
#pragma once
#include "node/dns/table.h"

struct dns_key {
        uint64_t recursers;     /* id of the list that was asked */
        uint16_t type;
        uint16_t flags;         /* RD, AD and CD of the question; bit 0: it had EDNS, bit 1: with DO */
        struct dns_name name;   /* lower case */
};
void dns_key_make(struct dns_key *k, const struct dns_recursers *r, const struct dns_query *q);
bool dns_key_eq(const struct dns_key *a, const struct dns_key *b);
uint64_t dns_key_hash(const struct dns_key *k);

struct dns_cache;
enum { DNS_CACHE_MESSAGE_MAX = 16384 };                                 /* longer answers are not kept */
struct dns_cache *dns_cache_new(size_t messages);                       /* 0: keeps nothing */
struct dns_cache *dns_cache_free(struct dns_cache *c);
/* out: DNS_MESSAGE_BYTES_MAX bytes. The message with its times to live lowered by its age. 0: not there. */
size_t dns_cache_get(struct dns_cache *c, const struct dns_key *k, uint64_t now_ms, uint8_t *out);
void dns_cache_put(struct dns_cache *c, const struct dns_key *k, uint64_t now_ms, uint64_t ttl_ms, const uint8_t *p, size_t n);
struct dns_cache_stats { uint64_t hits, misses; size_t messages, bytes; };
void dns_cache_stats(struct dns_cache *c, struct dns_cache_stats *ret);
