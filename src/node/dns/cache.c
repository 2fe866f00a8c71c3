#include "node/dns/cache.h"

#include "base/map.h"

#include <pthread.h>

struct item {
        struct item *next_hash, *prev, *next;   /* prev, next: by use, most recent first */
        uint64_t hash, put_ms, until_ms;
        struct dns_key key;
        size_t n;
        uint8_t p[];
};

struct dns_cache {
        pthread_mutex_t lock;
        size_t max, n, mask, bytes;
        uint64_t hits, misses;
        struct item **buckets;
        struct item *newest, *oldest;
};

void dns_key_make(struct dns_key *k, const struct dns_recursers *r, const struct dns_query *q) {
        k->recursers = r->id;
        k->type = q->type;
        k->flags = (uint16_t) ((q->flags & (DNS_RD | DNS_AD | DNS_CD)) | (q->edns ? 1 : 0) | (q->dnssec_ok ? 2 : 0));
        k->name = q->lower;
}

bool dns_key_eq(const struct dns_key *a, const struct dns_key *b) {
        return a->recursers == b->recursers && a->type == b->type && a->flags == b->flags && a->name.len == b->name.len &&
               memcmp(a->name.b, b->name.b, a->name.len) == 0;
}

/* Who asks chooses the names: the seeded hash. */
uint64_t dns_key_hash(const struct dns_key *k) {
        return hash_bytes(k->name.b, k->name.len) ^ hash_u64(k->recursers ^ (uint64_t) k->type << 16 ^ k->flags);
}

struct dns_cache *dns_cache_new(size_t messages) {
        struct dns_cache *c = dr_xnew(struct dns_cache);
        pthread_mutex_init(&c->lock, NULL);
        c->max = messages;
        size_t cap = 64;
        while (cap < messages)
                cap *= 2;
        c->mask = cap - 1;
        c->buckets = dr_xcalloc(cap, sizeof(struct item *));
        return c;
}

static void unlink_use(struct dns_cache *c, struct item *i) {
        *(i->prev ? &i->prev->next : &c->newest) = i->next;
        *(i->next ? &i->next->prev : &c->oldest) = i->prev;
}

static void link_use(struct dns_cache *c, struct item *i) {
        i->prev = NULL;
        i->next = c->newest;
        *(c->newest ? &c->newest->prev : &c->oldest) = i;
        c->newest = i;
}

static void drop(struct dns_cache *c, struct item *i) {
        struct item **at = &c->buckets[i->hash & c->mask];
        while (*at != i)
                at = &(*at)->next_hash;
        *at = i->next_hash;
        unlink_use(c, i);
        c->n--;
        c->bytes -= sizeof *i + i->n;
        free(i);
}

struct dns_cache *dns_cache_free(struct dns_cache *c) {
        if (!c)
                return NULL;
        while (c->newest)
                drop(c, c->newest);
        pthread_mutex_destroy(&c->lock);
        free(c->buckets);
        free(c);
        return NULL;
}

static struct item *find(struct dns_cache *c, const struct dns_key *k, uint64_t hash) {
        for (struct item *i = c->buckets[hash & c->mask]; i; i = i->next_hash)
                if (i->hash == hash && dns_key_eq(&i->key, k))
                        return i;
        return NULL;
}

size_t dns_cache_get(struct dns_cache *c, const struct dns_key *k, uint64_t now_ms, uint8_t *out) {
        uint64_t hash = dns_key_hash(k), age_ms = 0;
        size_t n = 0;
        pthread_mutex_lock(&c->lock);
        struct item *i = find(c, k, hash);
        if (i && i->until_ms <= now_ms) {
                drop(c, i);
                i = NULL;
        }
        if (i) {
                n = i->n;
                memcpy(out, i->p, n);
                age_ms = now_ms - i->put_ms;
                unlink_use(c, i);
                link_use(c, i);
        }
        *(i ? &c->hits : &c->misses) += 1;
        pthread_mutex_unlock(&c->lock);
        struct dns_reply r;
        if (n && age_ms >= 1000) {
                if (dns_reply_parse(out, n, &r) < 0)
                        return 0;
                dns_reply_age(out, n, &r, (uint32_t) (age_ms / 1000), UINT32_MAX);
        }
        return n;
}

void dns_cache_put(struct dns_cache *c, const struct dns_key *k, uint64_t now_ms, uint64_t ttl_ms, const uint8_t *p, size_t n) {
        if (c->max == 0 || ttl_ms == 0 || n > DNS_CACHE_MESSAGE_MAX)
                return;
        struct item *i = dr_xmalloc(sizeof *i + n);
        i->hash = dns_key_hash(k);
        i->put_ms = now_ms;
        i->until_ms = now_ms + ttl_ms;
        i->key = *k;
        i->n = n;
        memcpy(i->p, p, n);
        pthread_mutex_lock(&c->lock);
        struct item *old = find(c, k, i->hash);
        if (old)
                drop(c, old);
        while (c->n >= c->max)
                drop(c, c->oldest);
        i->next_hash = c->buckets[i->hash & c->mask];
        c->buckets[i->hash & c->mask] = i;
        link_use(c, i);
        c->n++;
        c->bytes += sizeof *i + n;
        pthread_mutex_unlock(&c->lock);
}

void dns_cache_stats(struct dns_cache *c, struct dns_cache_stats *ret) {
        pthread_mutex_lock(&c->lock);
        *ret = (struct dns_cache_stats) { .hits = c->hits, .misses = c->misses, .messages = c->n, .bytes = c->bytes };
        pthread_mutex_unlock(&c->lock);
}
