/* netns.h: network namespaces by descriptor.
 *
 * A descriptor pins its namespace: open it first, look at what it is, and use only the descriptor from then on, so that a pid that is
 * given again in between does no harm (spec networking.md 13, race 9). Any thread; what runs inside changes only the calling thread. */
#pragma once
#include "base/base.h"

/* Opens /proc/PID/ns/net, a name of `ip netns`, or any path. Returns 0 and *ret_fd (close-on-exec, the caller closes it), or
 * -ENOENT (no such path, or it is no network namespace any more) or another negative errno with *err. */
int netns_open(const char *path, int *ret_fd, struct dr_error *err);
int netns_open_own(int *ret_fd, struct dr_error *err);
/* The namespace's number: same number, same namespace, while one of the two is open. 0: fd is no namespace. */
uint64_t netns_id(int fd);
/* Whether a process that /proc shows lives in namespace id. Reads all of /proc: for rare questions. */
bool netns_has_process(uint64_t id);
/* Runs fn in the namespace and comes back; returns what fn returned, or negative with *err when it could not be entered. fn must
 * not block. Sockets that fn opens stay in that namespace. */
int netns_run(int fd, int (*fn)(void *arg, struct dr_error *err), void *arg, struct dr_error *err);
