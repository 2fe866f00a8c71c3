#include "rng.h"

#include <stdio.h>
#include <sys/random.h>

void random_bytes(void *p, size_t n) {
        for (size_t done = 0; done < n;) {
                ssize_t k = getrandom((char *) p + done, n - done, 0);
                if (k < 0 && errno != EINTR)
                        abort();
                done += k > 0 ? (size_t) k : 0;
        }
}

void random_string(const char *alphabet, char *buf, size_t n) {
        size_t k = strlen(alphabet), limit = 256 - 256 % k;
        for (size_t i = 0; i < n;) {
                unsigned char c;
                random_bytes(&c, 1);
                if (c < limit)
                        buf[i++] = alphabet[c % k];
        }
        buf[n] = 0;
}

void rng_seed(struct rng *r, uint64_t seed) {
        for (unsigned i = 0; i < 4; i++) {              /* splitmix64 */
                uint64_t z = seed += 0x9e3779b97f4a7c15u;
                z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
                z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
                r->s[i] = z ^ (z >> 31);
        }
}

void rng_seed_random(struct rng *r) { random_bytes(r->s, sizeof r->s); }

static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

uint64_t rng_u64(struct rng *r) {
        uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = rotl(s[3], 45);
        return result;
}

uint64_t rng_below(struct rng *r, uint64_t n) { return (uint64_t) (((__uint128_t) rng_u64(r) * n) >> 64); }
bool rng_chance(struct rng *r, unsigned per_mille) { return rng_below(r, 1000) < per_mille; }

void uuid_make(struct rng *r, struct uuid *ret) {
        uint64_t x[2] = { rng_u64(r), rng_u64(r) };
        memcpy(ret->b, x, 16);
        ret->b[6] = (ret->b[6] & 0x0f) | 0x40;
        ret->b[8] = (ret->b[8] & 0x3f) | 0x80;
}

void uuid_format(const struct uuid *u, char buf[UUID_CHARS + 1]) {
        static const char hex[] = "0123456789abcdef";
        char *p = buf;
        for (unsigned i = 0; i < 16; i++) {
                if (i == 4 || i == 6 || i == 8 || i == 10)
                        *p++ = '-';
                *p++ = hex[u->b[i] >> 4];
                *p++ = hex[u->b[i] & 15];
        }
        *p = 0;
}

static int nibble(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int uuid_parse(const char *s, struct uuid *ret) {
        struct uuid u;
        unsigned k = 0;
        for (unsigned i = 0; i < UUID_CHARS;) {
                if (i == 8 || i == 13 || i == 18 || i == 23) {
                        if (s[i++] != '-')
                                return -EINVAL;
                        continue;
                }
                int hi = nibble(s[i]), lo = hi < 0 ? -1 : nibble(s[i + 1]);
                if (lo < 0)
                        return -EINVAL;
                u.b[k++] = (unsigned char) (hi << 4 | lo);
                i += 2;
        }
        if (s[UUID_CHARS])
                return -EINVAL;
        *ret = u;
        return 0;
}
