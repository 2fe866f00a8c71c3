#include "address_pool.h"

#include <arpa/inet.h>

#include "base/map.h"
#include "base/parse.h"
#include "base/vec.h"

/* ---- ranges ---- */
enum { PREFIX_MIN = 8, PREFIX_MAX = 28, PREFIX_DEFAULT = 24, RESERVED_AT_END = 6 };

int address_parse(const char *s, uint32_t *ret) {
        struct in_addr a;
        if (inet_pton(AF_INET, s, &a) != 1)
                return -EINVAL;
        *ret = ntohl(a.s_addr);
        return 0;
}

const char *address_format(uint32_t a, char buf[ADDRESS_TEXT_MAX]) {
        struct in_addr in = { htonl(a) };
        return inet_ntop(AF_INET, &in, buf, ADDRESS_TEXT_MAX);
}

static int one(const char *s, uint32_t other, const char *field, uint32_t *ret, struct dr_error *err) {
        *ret = other;
        if (s && *s && address_parse(s, ret) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, field, "\"%.40s\" is no IPv4 address", s);
        return 0;
}

int address_range_make(const char *network, int64_t prefix, const char *gateway, const char *start, const char *end, struct address_range *ret, struct dr_error *err) {
        const char *text = network && *network ? network : "10.44.0.0/16", *slash = strchr(text, '/');
        auto_free char *address = slash ? dr_xstrndup(text, (size_t) (slash - text)) : dr_xstrdup(text);
        uint64_t n = prefix > 0 ? (uint64_t) prefix : PREFIX_DEFAULT;
        uint32_t base;
        if (slash && parse_u64(slash + 1, 32, &n) < 0)
                n = PREFIX_DEFAULT;
        if (address_parse(address, &base) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, "networkAddress", "\"%.40s\" is no IPv4 network", text);
        if (n < PREFIX_MIN || n > PREFIX_MAX)
                return dr_fail(err, DR_E_INVALID_OPTION, "cidrSize", "a subnet has %d to %d bits of network, not %llu", PREFIX_MIN, PREFIX_MAX, (unsigned long long) n);
        uint32_t size = 1U << (32 - n);
        struct address_range r = { .network = base & ~(size - 1), .prefix = (unsigned) n };
        if (one(gateway, r.network + 1, "gateway", &r.gateway, err) < 0 || one(start, r.network + 2, "startAddress", &r.first, err) < 0 ||
            one(end, r.network + size - RESERVED_AT_END, "endAddress", &r.last, err) < 0)
                return -EINVAL;
        if (r.first > r.last || r.first <= r.network || r.last >= r.network + size - 1)
                return dr_fail(err, DR_E_INVALID_OPTION, "startAddress", "the first and last address of a subnet are in %.40s, in this order", text);
        *ret = r;
        return 0;
}

/* ---- what is free ---- */
/* An address is held, or free: then it was never held since the pool was made, or waits in the queue of released ones. One that is held by
 * name leaves a gap in the queue, counted in `gaps`: the oldest entries of an address are the ones that do not count. */
struct address_pool {
        uint32_t first, size, n_held;
        uint64_t *held, *queued;        /* bits */
        struct map more;                /* offset + 1 -> holders beyond the first */
        struct map gaps;                /* offset + 1 -> entries in the queue that do not count */
        VEC(uint32_t) queue;            /* offsets, the one that was freed first at `head` */
        size_t head;
        uint32_t fresh_at, fresh_left;  /* the next one that may never have been held, and how many are still to be looked at */
};

static bool bit(const uint64_t *bits, uint32_t o) { return bits[o / 64] >> (o % 64) & 1; }
static void put_bit(uint64_t *bits, uint32_t o, bool on) {
        if (on)
                bits[o / 64] |= 1ULL << (o % 64);
        else
                bits[o / 64] &= ~(1ULL << (o % 64));
}

static uintptr_t count_of(const struct map *m, uint32_t o) { return (uintptr_t) map_get(m, (uint64_t) o + 1); }
static void add_to(struct map *m, uint32_t o, int by) {
        uintptr_t n = count_of(m, o) + (uintptr_t) (intptr_t) by;
        if (n)
                map_set(m, (uint64_t) o + 1, (void *) n);
        else
                map_del(m, (uint64_t) o + 1);
}

struct address_pool *address_pool_new(uint32_t first, uint32_t last) {
        assert(first <= last && last - first < UINT32_MAX);
        struct address_pool *p = dr_xnew(struct address_pool);
        p->first = first;
        p->size = p->fresh_left = last - first + 1;
        size_t words = ((size_t) p->size + 63) / 64;
        p->held = dr_xcalloc(words, sizeof *p->held);
        p->queued = dr_xcalloc(words, sizeof *p->queued);
        return p;
}

struct address_pool *address_pool_free(struct address_pool *p) {
        if (!p)
                return NULL;
        free(p->held);
        free(p->queued);
        map_done(&p->more);
        map_done(&p->gaps);
        vec_done(&p->queue);
        free(p);
        return NULL;
}

void address_pool_go_on_after(struct address_pool *p, uint32_t after) {
        if (after >= p->first && after - p->first < p->size)
                p->fresh_at = (after - p->first + 1) % p->size;
}

static bool offset_of(const struct address_pool *p, uint32_t a, uint32_t *ret) {
        *ret = a - p->first;
        return a >= p->first && *ret < p->size;
}

static void take(struct address_pool *p, uint32_t o) {
        put_bit(p->held, o, true);
        p->n_held++;
}

bool address_pool_hold(struct address_pool *p, uint32_t a) {
        uint32_t o;
        if (!offset_of(p, a, &o))
                return false;
        if (bit(p->held, o)) {
                add_to(&p->more, o, 1);
                return true;
        }
        if (bit(p->queued, o)) {
                put_bit(p->queued, o, false);
                add_to(&p->gaps, o, 1);
        }
        take(p, o);
        return true;
}

void address_pool_release(struct address_pool *p, uint32_t a) {
        uint32_t o;
        if (!offset_of(p, a, &o) || !bit(p->held, o))
                return;
        if (count_of(&p->more, o)) {
                add_to(&p->more, o, -1);
                return;
        }
        put_bit(p->held, o, false);
        p->n_held--;
        put_bit(p->queued, o, true);
        vec_push(&p->queue, o);
}

static uint32_t pop(struct address_pool *p) {
        uint32_t o = p->queue.v[p->head++];
        if (p->head * 2 > p->queue.n) {         /* at most once per entry that was popped */
                p->queue.n -= p->head;
                memmove(p->queue.v, p->queue.v + p->head, p->queue.n * sizeof *p->queue.v);
                p->head = 0;
        }
        return o;
}

uint32_t address_pool_take(struct address_pool *p) {
        if (p->n_held == p->size)
                return 0;
        while (p->fresh_left) {                 /* each is looked at once in the pool's life */
                uint32_t o = p->fresh_at;
                p->fresh_at = (o + 1) % p->size;
                p->fresh_left--;
                if (bit(p->held, o) || bit(p->queued, o))
                        continue;
                take(p, o);
                return p->first + o;
        }
        while (p->head < p->queue.n) {
                uint32_t o = pop(p);
                if (count_of(&p->gaps, o)) {
                        add_to(&p->gaps, o, -1);
                        continue;
                }
                put_bit(p->queued, o, false);
                take(p, o);
                return p->first + o;
        }
        return 0;
}

bool address_pool_is_free(const struct address_pool *p, uint32_t a) {
        uint32_t o;
        return offset_of(p, a, &o) && !bit(p->held, o);
}
uint32_t address_pool_size(const struct address_pool *p) { return p->size; }
uint32_t address_pool_held(const struct address_pool *p) { return p->n_held; }
