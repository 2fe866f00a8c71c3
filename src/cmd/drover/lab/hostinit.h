/* hostinit.h: PID 1 of a lab host, the hidden verb "lab hostinit".
 *
 * It runs in new mount, PID, UTS, IPC and network namespaces (network ready), builds the host's view of the file system, keeps the
 * engine and the executables of /var/lib/drover/boot.d running (docs/lab.md, "What a host keeps and starts") and reaps orphans.
 * SIGTERM stops them in order and ends the host; SIGKILL is power loss. */
#pragma once
#include "base/base.h"

/* argv: HOSTDIR NAME CGROUP_PARENT cgroup1|cgroup2 MIRROR_HOST:PORT|- RUNC STATUS_FD. CGROUP_PARENT is for cgroup v1. Writes "ok\n"
 * to STATUS_FD once the engine answers, or "error TEXT\n". Exit code. */
int hostinit_main(int argc, char **argv);
