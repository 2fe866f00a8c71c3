/* times.h: clocks and dates. Milliseconds everywhere. Any thread. */
#pragma once
#include "base.h"

uint64_t time_mono_ms(void);                            /* CLOCK_MONOTONIC: intervals */
uint64_t time_mono_us(void);                            /* the same in microseconds: figures */
int64_t time_wall_ms(void);                             /* Unix time: only what people and the API see */
void time_format_iso(int64_t wall_ms, char *buf, size_t n);     /* 2017-03-02T10:20:30Z, the API's date form */
void time_format_iso_ms(int64_t wall_ms, char *buf, size_t n);  /* with .123 */
/* "2017-03-02T10:20:30Z" exactly, or with a fraction of 1 to 9 digits. Returns 0 or -EINVAL. */
int time_parse_iso(const char *s, int64_t *ret_wall_ms);
