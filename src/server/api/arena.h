/* arena.h: memory of one request: freed all at once, never piecewise. Loop thread only. */
#pragma once
#include "base/base.h"
#include "base/vec.h"

struct arena { VEC(void *) blocks; char *at; size_t left; };    /* {0} is empty */
void *arena_alloc(struct arena *a, size_t n);                   /* zeroed, aligned for anything */
char *arena_strndup(struct arena *a, const char *s, size_t n);
static inline char *arena_strdup(struct arena *a, const char *s) { return s ? arena_strndup(a, s, strlen(s)) : NULL; }
char *arena_printf(struct arena *a, const char *fmt, ...) DR_PRINTF(2, 3);
char *arena_lower(struct arena *a, const char *s);              /* ASCII lower case */
void arena_done(struct arena *a);
