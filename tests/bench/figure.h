/* figure.h: one line per figure, as docs/figures.md describes: name, value with unit, budget, verdict. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* budget 0: none was set. at_least: the budget is a lower bound. Prints and returns whether it holds. */
bool figure(const char *name, double value, const char *unit, double budget, bool at_least);
/* A line that belongs to the figures around it. */
void figure_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* From /proc/self/smaps_rollup, bytes; 0 when it cannot be read. */
uint64_t figure_pss_bytes(void);
double figure_seconds(void);            /* CLOCK_MONOTONIC */
double figure_cpu_seconds(void);        /* of this process */
