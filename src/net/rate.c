#include "net/rate.h"

#include <arpa/inet.h>

#include "base/map.h"

enum { ADDRESSES_MAX = 32768 };

struct bucket { uint64_t key, at_ms; double tokens; struct bucket *older, *newer; };
struct rate {
        double per_ms, burst;
        struct map by_key;
        struct bucket *oldest, *newest;
};

struct rate *rate_new(unsigned per_s, unsigned burst) {
        assert(per_s > 0 && burst > 0);
        struct rate *r = dr_xnew(struct rate);
        *r = (struct rate) { .per_ms = per_s / 1000.0, .burst = burst };
        return r;
}

static void out_of_list(struct rate *r, struct bucket *b) {
        *(b->older ? &b->older->newer : &r->oldest) = b->newer;
        *(b->newer ? &b->newer->older : &r->newest) = b->older;
        b->older = b->newer = NULL;
}

static void to_front(struct rate *r, struct bucket *b) {
        b->older = r->newest;
        *(r->newest ? &r->newest->newer : &r->oldest) = b;
        r->newest = b;
}

static void forget(struct rate *r, struct bucket *b) {
        (void) map_del(&r->by_key, b->key);
        out_of_list(r, b);
        free(b);
}

struct rate *rate_free(struct rate *r) {
        if (r) {
                while (r->oldest)
                        forget(r, r->oldest);
                map_done(&r->by_key);
                free(r);
        }
        return NULL;
}

/* The first 64 bits of IPv6; IPv4 as it is, and its IPv6 form like it. Anything else (a unix socket) is one key. */
static uint64_t key_of(const char *address) {
        unsigned char b[16];
        if (str_starts(address, "::ffff:") && strchr(address, '.'))
                address += strlen("::ffff:");
        if (inet_pton(AF_INET, address, b) == 1)
                return 0xffff00000000ULL | (uint64_t) b[0] << 24 | (uint64_t) b[1] << 16 | (uint64_t) b[2] << 8 | b[3];
        uint64_t k = 0;
        if (inet_pton(AF_INET6, address, b) == 1)
                for (unsigned i = 0; i < 8; i++)
                        k = k << 8 | b[i];
        return k ? k : 1;
}

uint64_t rate_take(struct rate *r, const char *address, uint64_t now_ms) {
        uint64_t key = key_of(address);
        struct bucket *b = map_get(&r->by_key, key);
        if (!b) {
                if (r->by_key.n >= ADDRESSES_MAX)
                        forget(r, r->oldest);
                b = dr_xnew(struct bucket);
                *b = (struct bucket) { .key = key, .at_ms = now_ms, .tokens = r->burst };
                map_set(&r->by_key, key, b);
        } else {
                out_of_list(r, b);
                b->tokens = MIN(r->burst, b->tokens + (double) (now_ms - b->at_ms) * r->per_ms);
                b->at_ms = now_ms;
        }
        to_front(r, b);
        if (b->tokens >= 1) {
                b->tokens -= 1;
                return 0;
        }
        return (uint64_t) ((1 - b->tokens) / r->per_ms) + 1;
}
