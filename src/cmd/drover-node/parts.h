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
