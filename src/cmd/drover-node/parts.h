/* parts.h: the subcommands of drover-node that have a file of their own: one row in main.c each. */
#pragma once
#include "base/options.h"

extern const struct opt_command dns_command;
extern const struct opt_command healthcheck_command;
extern const struct opt_command metadata_command;
extern const struct opt_command net_command;
extern const struct opt_command network_manager_command;
extern const struct opt_command bridge_command;
extern const struct opt_command ipam_command;
extern const struct opt_command giddyup_command;

struct loop;
struct signal_watch;
struct part_signals { struct signal_watch *watches[3]; };
/* From now on SIGTERM and SIGINT end the loop, and on_hangup is called with arg at each SIGHUP; NULL: SIGHUP does what it does by itself. */
struct part_signals part_signals(struct loop *l, void (*on_hangup)(int signum, void *arg), void *arg);
/* Runs the loop to its end and lets go of the signals. */
void part_run(struct loop *l, struct part_signals *s);
int part_fail(const struct dr_error *err);      /* says it; returns 1, the exit status */
