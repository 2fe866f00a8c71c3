/* self.h: starts this very program again as a daemon (the switch's keeper, a host's PID 1) and waits for its first word. */
#pragma once
#include "base/base.h"

#include <signal.h>
#include <sys/types.h>

extern volatile sig_atomic_t self_interrupted;         /* set by a signal handler: waits end with an error */

/* In a child process that has made its namespaces: forks once more (so that a new PID namespace begins with the daemon), records
 * the daemon's pid as lab_pid_write() does and ends this process. The daemon has its own session, stdin from /dev/null, output
 * appended to log, the given descriptors as 3, 4, ... and no others, and only PATH, HOME and LANG in its environment. Returns
 * only on failure, after "error TEXT\n" to status_fd. argv: without program name, ends in NULL. */
void self_daemon(const char *const *argv, const char *log, const int *fds, size_t n_fds, const char *pid_path, int status_fd);

/* Waits for the child of the fork before self_daemon(), then for the daemon's line on fd: "ok" (0), "error TEXT" or its end. */
int self_wait_status(int fd, pid_t child, struct dr_error *err);
/* The second half alone. */
int self_read_status(int fd, int timeout_ms, struct dr_error *err);
