#include "times.h"

#include <stdio.h>
#include <time.h>

uint64_t time_mono_ms(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

uint64_t time_mono_us(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

int64_t time_wall_ms(void) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void time_format_iso(int64_t wall_ms, char *buf, size_t n) {
        time_t s = (time_t) (wall_ms / 1000 - (wall_ms % 1000 < 0));
        struct tm tm;
        gmtime_r(&s, &tm);
        strftime(buf, n, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void time_format_iso_ms(int64_t wall_ms, char *buf, size_t n) {
        char base[32];
        time_format_iso(wall_ms, base, sizeof base);
        base[strlen(base) - 1] = 0;
        int ms = (int) (wall_ms % 1000);
        snprintf(buf, n, "%s.%03dZ", base, ms < 0 ? ms + 1000 : ms);
}

int time_parse_iso(const char *s, int64_t *ret_wall_ms) {
        struct tm tm = { 0 };
        const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!end || end - s != 19)
                return -EINVAL;
        int ms = 0;
        if (*end == '.') {
                int digits = 0;
                for (end++; *end >= '0' && *end <= '9'; end++, digits++)
                        if (digits < 3)
                                ms = ms * 10 + (*end - '0');
                if (digits < 1 || digits > 9)
                        return -EINVAL;
                for (; digits < 3; digits++)
                        ms *= 10;
        }
        if (end[0] != 'Z' || end[1])
                return -EINVAL;
        *ret_wall_ms = (int64_t) timegm(&tm) * 1000 + ms;
        return 0;
}
