/* parse.h: numbers and booleans from whole strings. Nothing is skipped: leading blanks, trailing bytes and overflow are -EINVAL
 * or -ERANGE, and *ret stays untouched then. Any thread. */
#pragma once
#include "base.h"

int parse_u64(const char *s, uint64_t max, uint64_t *ret);
int parse_i64(const char *s, int64_t *ret);
int parse_double(const char *s, double *ret);
int parse_bool(const char *s, bool *ret);               /* true, false, 1, 0, yes, no, on, off without case */
/* "1500", "10s", "5m", "2h", "250ms" to milliseconds; a bare number is seconds. */
int parse_duration_ms(const char *s, uint64_t *ret);
/* "64", "64k", "64m", "2g", optionally followed by b, powers of 1024, as Docker writes sizes. */
int parse_bytes(const char *s, int64_t *ret);
