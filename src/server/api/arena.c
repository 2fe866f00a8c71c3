#include "arena.h"

#include <stdio.h>

enum { BLOCK_BYTES = 4096, ALIGN = 16 };

void *arena_alloc(struct arena *a, size_t n) {
        n = (n + ALIGN - 1) & ~(size_t) (ALIGN - 1);
        if (n > a->left) {
                size_t size = MAX(n, (size_t) BLOCK_BYTES);
                a->at = dr_xcalloc(1, size);
                a->left = size;
                vec_push(&a->blocks, a->at);
        }
        void *p = a->at;
        a->at += n;
        a->left -= n;
        return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
        char *p = arena_alloc(a, n + 1);
        memcpy(p, s, n);
        return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        assert(n >= 0);
        char *p = arena_alloc(a, (size_t) n + 1);
        va_start(ap, fmt);
        vsnprintf(p, (size_t) n + 1, fmt, ap);
        va_end(ap);
        return p;
}

char *arena_lower(struct arena *a, const char *s) {
        char *p = arena_strdup(a, s);
        for (char *c = p; *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char) (*c - 'A' + 'a');
        return p;
}

void arena_done(struct arena *a) {
        for (size_t i = 0; i < a->blocks.n; i++)
                free(a->blocks.v[i]);
        vec_done(&a->blocks);
        *a = (struct arena) { 0 };
}
