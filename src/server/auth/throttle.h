/* throttle.h: how many failed logins an address has left: a token bucket for each. Loop thread only. No clock of its own. */
#pragma once
#include "base/base.h"

enum { THROTTLE_BURST = 20, THROTTLE_REFILL_MS = 3000, THROTTLE_ADDRESSES_MAX = 4096 };

struct throttle;
struct throttle *throttle_new(void);
struct throttle *throttle_free(struct throttle *t);     /* NULL is fine; returns NULL */
DR_DEFINE_AUTO(struct throttle *, throttle_free)
/* May this address try once more? now_ms: monotonic. */
bool throttle_allows(struct throttle *t, const char *address, uint64_t now_ms);
/* An attempt failed: one less; one comes back every THROTTLE_REFILL_MS. */
void throttle_failed(struct throttle *t, const char *address, uint64_t now_ms);
