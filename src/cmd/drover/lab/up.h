/* up.h: brings a lab up and down as a whole. Blocking; prints progress to stdout. */
#pragma once
#include "state.h"

struct up_options {
        uint64_t hosts;                 /* 0: as many as there are, 3 for a new lab */
        const char *server, *mirror, *subnet, *join_command, *access_key, *secret_key, *project;
        bool cgroup2;
};

/* Idempotent. What was started is taken down again when something fails. */
int up_run(struct lab *l, const struct up_options *o, struct dr_error *err);
/* One host, after a kill or as a power cycle; the switch runs. */
int up_reboot(const struct lab *l, const struct lab_host *h, struct dr_error *err);
/* Everything of the lab ends; its data stays unless erase. */
int up_down(const struct lab *l, bool erase, struct dr_error *err);
