/* verbs.h: every verb of drover, one file verb_NAME.c each. To add one: write the file, then a row here, in main.c and meson.build. */
#pragma once
#include "base/options.h"

extern const struct opt_command verb_catalog, verb_completion, verb_complete, verb_config, verb_convert, verb_docker, verb_doctor, verb_env, verb_events, verb_exec, verb_export, verb_help, verb_hosts,
        verb_inspect, verb_lab, verb_login, verb_logs, verb_ps, verb_pull, verb_restart, verb_rm, verb_run, verb_scale, verb_secrets,
        verb_services, verb_simulate, verb_ssh, verb_stacks, verb_start, verb_stop,
        verb_up, verb_volumes, verb_wait;
