/* report.h: what of the overlay works, as JSON and as text of metrics. No I/O. Loop thread only. */
#pragma once
#include "base/sbuf.h"
#include "node/net/kernel.h"
#include "node/net/reach.h"

struct report {
        const char *network;
        const struct overlay *overlay;
        const struct kernel_result *kernel;     /* of the last look */
        const char *failure;            /* why the kernel could not be made to agree; "" */
        const struct reach *reach;
        int64_t started_ms;             /* Unix time: this program's start */
        uint64_t looks, repairs;        /* repairs: entries put right without metadata having changed */
};

/* "starting": nothing can be said yet; "broken": no host answers, or the kernel refuses; "degraded": some do not answer. */
enum report_state { REPORT_OK, REPORT_STARTING, REPORT_DEGRADED, REPORT_BROKEN, REPORT_STATE_MAX };
const char *report_state_to_string(enum report_state s);        /* NULL out of range */

/* message: one line for people, "" when all is well. Returns the state. */
enum report_state report_judge(const struct report *r, struct sbuf *message);
void report_json(const struct report *r, struct sbuf *out);
void report_metrics(const struct report *r, struct sbuf *out);
