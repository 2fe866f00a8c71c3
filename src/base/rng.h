/* rng.h: random numbers from an injected source, so that simulations repeat by seed, and the kernel's for secrets. */
#pragma once
#include "base.h"

struct rng { uint64_t s[4]; };                          /* xoshiro256**; not for secrets */

void rng_seed(struct rng *r, uint64_t seed);
void rng_seed_random(struct rng *r);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);          /* 0 .. n-1; n > 0 */
bool rng_chance(struct rng *r, unsigned per_mille);

enum { UUID_CHARS = 36 };
struct uuid { unsigned char b[16]; };
void uuid_make(struct rng *r, struct uuid *ret);        /* version 4 */
void uuid_format(const struct uuid *u, char buf[UUID_CHARS + 1]);
int uuid_parse(const char *s, struct uuid *ret);        /* -EINVAL */

void random_bytes(void *p, size_t n);                   /* kernel; aborts when there is none. Any thread */
/* n characters drawn evenly from alphabet, from the kernel; buf has n + 1 bytes. */
void random_string(const char *alphabet, char *buf, size_t n);
