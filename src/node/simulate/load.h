/* load.h: a bounded number of simulated hosts that join one server, work for a while and end by themselves. Loop thread only. */
#pragma once
#include "node/simulate/simhost.h"

struct load_config {
        struct loop *loop;
        const char *url, *token, *prefix;       /* borrowed */
        unsigned hosts;
        unsigned joining_max;           /* registrations, then handshakes, at a time */
        uint64_t delay_ms;
        unsigned fail_per_mille;
        uint64_t join_ms, duration_ms;  /* all must have joined within; counted from then on */
        void (*on_ready)(void *arg);    /* all are connected; may be NULL */
        /* The end: 0, or negative with *err when the hosts could not join. Once, never from inside load_start(). */
        void (*on_end)(int result, const struct dr_error *err, void *arg);
        void *arg;
};
struct load;
int load_start(const struct load_config *cfg, struct load **ret, struct dr_error *err);
void load_stop(struct load *l);                         /* ends now: on_end(0) follows from the loop */
struct load *load_free(struct load *l);                 /* NULL is fine; returns NULL. The loop closes the connections */
const struct simhost_stats *load_stats(const struct load *l);
/* Raises the soft limit of open files to what n connections need. -EMFILE (with *err) when the hard limit is lower. */
int load_raise_files(unsigned n, struct dr_error *err);
