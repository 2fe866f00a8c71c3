/* rate.h: how often an address may ask: a bucket of tokens for each, filled at a steady rate. IPv6 addresses count by their /64, since one machine
 * has all of it. No clock, no threads. */
#pragma once
#include "base/base.h"

struct rate;
/* per_s: requests a second that go on for ever; burst: how many may come at once. Both at least 1. */
struct rate *rate_new(unsigned per_s, unsigned burst);
struct rate *rate_free(struct rate *r);                 /* NULL is fine; returns NULL */
/* Takes one. 0: go on; else the milliseconds after which there will be one. now_ms: CLOCK_MONOTONIC. With too many addresses at once the one
 * that was not heard for longest is forgotten. */
uint64_t rate_take(struct rate *r, const char *address, uint64_t now_ms);
