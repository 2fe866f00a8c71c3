/* parts.c: what the subcommands that run until they are told to end have in common. */
#include "parts.h"

#include "net/loop.h"

#include <signal.h>
#include <stdio.h>

static void on_end(int signum, void *arg) { loop_stop(arg); }

struct part_signals part_signals(struct loop *l, void (*on_hangup)(int signum, void *arg), void *arg) {
        return (struct part_signals) { { signal_watch_new(l, SIGTERM, on_end, l), signal_watch_new(l, SIGINT, on_end, l), on_hangup ? signal_watch_new(l, SIGHUP, on_hangup, arg) : NULL } };
}

void part_run(struct loop *l, struct part_signals *s) {
        loop_run(l);
        for (size_t i = 0; i < ARRAY_LEN(s->watches); i++)
                signal_watch_free(s->watches[i]);
}

int part_fail(const struct dr_error *err) {
        fprintf(stderr, "drover-node: %s\n", err->message);
        return 1;
}
