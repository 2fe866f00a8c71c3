/* selector.h: label selectors (orchestration.md 1.17), for example "tier=web, env in (prod, stage)". Any thread.
 *
 * Comma-separated AND of: key = value | key != value | key in (a, b) | key notin (a, b) | key.
 * Operators are looked up in the order !=, =, " notin ", " in "; else the key must exist. Keys and values compare without
 * case (key alone: with case). != and notin need the key to be there with another value. An empty selector matches nothing. */
#pragma once
#include "base/base.h"

enum { SELECTOR_CHARS_MAX = 4096, SELECTOR_TERMS_MAX = 64 };

struct selector;                                        /* opaque, read-only once made: shared between threads freely */

/* Returns 0, or negative with DR_E_INVALID_FORMAT or DR_E_MAX_LENGTH and field (may be NULL) in *err. ret: success only. */
int selector_parse(const char *s, const char *field, struct selector **ret, struct dr_error *err);
struct selector *selector_free(struct selector *s);
DR_DEFINE_AUTO(struct selector *, selector_free)

/* Walks labels: calls back with each key and value until it answers false. */
typedef void (*selector_labels_fn)(const void *labels, bool (*each)(void *ctx, const char *key, const char *value), void *ctx);
bool selector_match(const struct selector *s, const void *labels, selector_labels_fn walk);
/* Labels as n pairs: key, value, key, value ... */
bool selector_match_pairs(const struct selector *s, const char *const *pairs, size_t n);
