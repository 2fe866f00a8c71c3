#include "throttle.h"

#include <stdio.h>

#include "base/map.h"
#include "base/vec.h"

/* Full again at full_ms; each failure moves it one refill away. */
struct bucket { uint64_t full_ms; char address[64]; };
struct throttle { struct smap buckets; };

struct throttle *throttle_new(void) { return dr_xnew(struct throttle); }

static void drop(struct throttle *t, uint64_t full_before_ms) {
        VEC(struct bucket *) gone = { 0 };
        smap_foreach(&t->buckets, s)
                if (((struct bucket *) s->value)->full_ms <= full_before_ms)
                        vec_push(&gone, s->value);
        for (size_t i = 0; i < gone.n; i++) {
                smap_del(&t->buckets, gone.v[i]->address);
                free(gone.v[i]);
        }
        vec_done(&gone);
}

struct throttle *throttle_free(struct throttle *t) {
        if (t) {
                drop(t, UINT64_MAX);
                smap_done(&t->buckets);
                free(t);
        }
        return NULL;
}

bool throttle_allows(struct throttle *t, const char *address, uint64_t now_ms) {
        const struct bucket *b = smap_get(&t->buckets, address);
        return !b || b->full_ms <= now_ms || b->full_ms - now_ms <= (THROTTLE_BURST - 1) * (uint64_t) THROTTLE_REFILL_MS;
}

void throttle_failed(struct throttle *t, const char *address, uint64_t now_ms) {
        struct bucket *b = smap_get(&t->buckets, address);
        if (!b) {
                if (t->buckets.n >= THROTTLE_ADDRESSES_MAX)
                        drop(t, now_ms);
                if (t->buckets.n >= THROTTLE_ADDRESSES_MAX)     /* so many at once: all begin anew rather than memory without end */
                        drop(t, UINT64_MAX);
                b = dr_xnew(struct bucket);
                snprintf(b->address, sizeof b->address, "%s", address);
                smap_set(&t->buckets, b->address, b);
        }
        uint64_t from = MAX(b->full_ms, now_ms), most = now_ms + THROTTLE_BURST * (uint64_t) THROTTLE_REFILL_MS;
        b->full_ms = MIN(from + THROTTLE_REFILL_MS, most);
}
