/* usage.h: what a container or the host has used so far: CPU, memory, disks, network, read from the kernel's files (cgroup v1 and v2).
 *
 * Reading ten small files costs the host less than one engine statistics stream costs its engine, and there is one set for all listeners.
 * Counters are cumulative. Loop thread only (a scratch buffer of the caller is used). Form: spec agent.md 15. */
#pragma once
#include "base/sbuf.h"

enum { USAGE_CPUS_MAX = 1024, USAGE_IO_MAX = 128, USAGE_NETS_MAX = 64 };
struct usage_io { unsigned major, minor; char op[8]; uint64_t bytes; };         /* op: Read, Write, Sync, Async, Discard, Total */
struct usage_net { char name[32]; uint64_t n[8]; };     /* rx bytes, packets, errors, dropped, tx the same */
struct usage {
        uint64_t cpu_ns, user_ns, system_ns, memory_bytes;
        uint64_t per_cpu_ns[USAGE_CPUS_MAX];
        size_t n_cpus, n_io, n_nets;
        struct usage_io io[USAGE_IO_MAX];
        struct usage_net nets[USAGE_NETS_MAX];          /* without lo */
};

/* pid: of the container's first process, seen in proc. Returns 0, or -ESRCH: it is gone, or its cgroup cannot be read. */
int usage_read_container(const char *proc, const char *cgroup, int pid, struct usage *ret);
void usage_read_host(const char *proc, struct usage *ret);      /* what cannot be read is 0 */
uint64_t usage_host_memory(const char *proc);                   /* total bytes */
/* The element's keys from "resourceType" on, without braces; lists that are empty are left out. */
void usage_format_container(const struct usage *u, uint64_t mem_limit, int64_t wall_ms, struct sbuf *out);
void usage_format_host(const struct usage *u, uint64_t mem_limit, int64_t wall_ms, struct sbuf *out);
