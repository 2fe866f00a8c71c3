/* types-internal.h: what the generated types.gen.c defines and types.c reads. */
#pragma once
#include "model/types.h"

struct id_hash { const uint16_t *slots; unsigned size; };       /* open addressing, FNV-1a, 0 is empty, size a power of two */

extern const struct type_def *const type_defs_v2[T_MAX];
extern const struct type_def *const type_defs_v1[T_MAX];
extern const struct process_def process_defs[P_MAX];
extern const char *const type_names[T_MAX];
extern const char *const field_names[F_MAX];
extern const char *const state_names[S_MAX];
extern const char *const role_names[ROLE_MAX];
extern const uint8_t field_internal_kinds[F_MAX];
extern const uint64_t type_transitioning[T_MAX];                /* bits 1 << enum state_id */
extern const struct id_hash field_hash, state_hash, process_hash, type_hash_v1, type_hash_v2;
