#include "figure.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

bool figure(const char *name, double value, const char *unit, double budget, bool at_least) {
        bool ok = budget <= 0 || (at_least ? value >= budget : value <= budget);
        char limit[64] = "no budget";
        if (budget > 0)
                snprintf(limit, sizeof limit, "at %s %.6g %s", at_least ? "least" : "most", budget, unit);
        printf("  %-62s %12.6g %-14s %-26s %s\n", name, value, unit, limit, budget <= 0 ? "-" : ok ? "ok" : "over");
        fflush(stdout);
        return ok;
}

void figure_note(const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        fputs("  ", stdout);
        vprintf(fmt, ap);
        putchar('\n');
        va_end(ap);
        fflush(stdout);
}

uint64_t figure_pss_bytes(void) {
        FILE *f = fopen("/proc/self/smaps_rollup", "re");
        char line[256];
        unsigned long long kb = 0;
        while (f && fgets(line, sizeof line, f))
                if (sscanf(line, "Pss: %llu kB", &kb) == 1)
                        break;
        if (f)
                fclose(f);
        return kb << 10;
}

static double clock_seconds(clockid_t id) {
        struct timespec t;
        clock_gettime(id, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}
double figure_seconds(void) { return clock_seconds(CLOCK_MONOTONIC); }
double figure_cpu_seconds(void) { return clock_seconds(CLOCK_PROCESS_CPUTIME_ID); }
