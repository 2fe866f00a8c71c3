/* suggest.h: the nearest of several names, for "did you mean". Any thread. */
#pragma once
#include "base.h"

/* Letters to insert, delete, replace or swap to turn a into b, without case; bytes behind the 64th are not looked at. */
unsigned suggest_distance(const char *a, const char *b);

/* The name (borrowed from names) nearest to word, or NULL when none is near: more than a third of the word's letters
 * would change and none starts with the word. NULL entries in names are skipped. */
const char *suggest_nearest(const char *word, const char *const *names, size_t n);
