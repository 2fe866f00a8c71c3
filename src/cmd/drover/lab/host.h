/* host.h: one host of a lab: made, started, killed, entered. Blocking; hold lab_lock() for whatever changes it. */
#pragma once
#include "state.h"

pid_t host_pid(const struct lab *l, const struct lab_host *h);         /* its PID 1 as seen from here; 0: down */
bool host_is_frozen(const struct lab *l, const struct lab_host *h);
char *host_socket(const struct lab *l, const struct lab_host *h);      /* the engine's socket as seen from here; NULL: down. Caller frees */

/* A start in two halves, so that several hosts start side by side. *ret_status_fd is to be waited on with host_wait(), which
 * closes it. mirror: "HOST:PORT" or NULL. */
int host_start(const struct lab *l, const struct lab_host *h, const char *mirror, int *ret_status_fd, struct dr_error *err);
int host_wait(const struct lab *l, const struct lab_host *h, int status_fd, struct dr_error *err);     /* until the engine answers */

/* Power loss. Fine when it is down. Leaves no process, mount, namespace or control group. */
int host_kill(const struct lab *l, const struct lab_host *h, struct dr_error *err);
/* Orderly: containers and engine are stopped first, within half a minute. */
int host_shut_down(const struct lab *l, const struct lab_host *h, struct dr_error *err);
int host_freeze(const struct lab *l, const struct lab_host *h, bool frozen, struct dr_error *err);

/* Runs a program inside, with this process's stdin, stdout and stderr and, where it exists there, folder. env: additions,
 * "NAME=value", ends in NULL, or NULL. Returns its exit code (128 + n for a signal), or a negative errno with *err. */
int host_exec(const struct lab *l, const struct lab_host *h, const char *const *argv, const char *const *env, struct dr_error *err);
/* Like host_exec() inside the switch's network namespace alone. */
int host_exec_switch(const struct lab *l, const char *const *argv, struct dr_error *err);
