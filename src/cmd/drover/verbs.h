/* verbs.h: every verb of drover, one file verb_NAME.c each. To add one: write the file, then a row here, in main.c and meson.build. */
#pragma once
#include "base/options.h"

extern const struct opt_command verb_completion, verb_complete, verb_config, verb_doctor, verb_env, verb_events, verb_help, verb_hosts,
        verb_inspect, verb_lab, verb_login, verb_ps, verb_restart, verb_rm, verb_scale, verb_services, verb_simulate, verb_stacks, verb_start, verb_stop,
        verb_up, verb_wait;
