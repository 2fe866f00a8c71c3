/* hostfs.h: a lab host's view of the file system, built inside its new mount namespace.
 *
 * Shared with the machine: everything but /proc, /sys, /run, /etc, /var/lib and /var/log. Those of the last three are the
 * host's folders "etc", "varlib" and "log" and outlive reboots. Called once, by PID 1. */
#pragma once
#include "base/base.h"

struct hostfs {
        const char *dir;                /* the host's folder */
        const char *name;
        const char *cgroup_parent;      /* v1: relative path of the host's group */
        bool cgroup2;
        const char *runc;               /* absolute path of the real runtime */
        bool wrap_runc;
};

extern const char hostfs_runc_wrapper[];

/* Whether CAP_SYS_RESOURCE is missing: negative OOM scores, higher limits and privileged containers would fail. */
bool hostfs_needs_wrapper(void);
int hostfs_build(const struct hostfs *f, struct dr_error *err);
