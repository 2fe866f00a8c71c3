/* vec.h: growing arrays. VEC(type) is a struct { type *v; size_t n, cap; } that starts as {0}. */
#pragma once
#include "base.h"

#define VEC(type) struct { type *v; size_t n, cap; }
#define vec_push(vec, item) do {                                                                \
        __auto_type vec_ = (vec);                                                               \
        if (vec_->n == vec_->cap) {                                                             \
                vec_->cap = vec_->cap ? vec_->cap * 2 : 4;                                      \
                vec_->v = dr_xrealloc(vec_->v, vec_->cap * sizeof *vec_->v);                    \
        }                                                                                       \
        vec_->v[vec_->n++] = (item);                                                            \
} while (0)
#define vec_pop(vec) ((vec)->v[--(vec)->n])
#define vec_remove_at(vec, i) do {                      /* keeps the order */                   \
        __auto_type vec_ = (vec);                                                               \
        size_t i_ = (i);                                                                        \
        memmove(vec_->v + i_, vec_->v + i_ + 1, (vec_->n - i_ - 1) * sizeof *vec_->v);          \
        vec_->n--;                                                                              \
} while (0)
#define vec_clear(vec) ((void) ((vec)->n = 0))
#define vec_done(vec) do { __auto_type vec_ = (vec); free(vec_->v); vec_->v = NULL; vec_->n = vec_->cap = 0; } while (0)
#define vec_sort(vec, cmp) do { if ((vec)->n > 1) qsort((vec)->v, (vec)->n, sizeof *(vec)->v, (cmp)); } while (0)
