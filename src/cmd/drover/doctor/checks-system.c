#include "check.h"

#include "base/times.h"
#include "cmd/drover/lab/cgroup.h"
#include "cmd/drover/lab/state.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <sys/utsname.h>

enum { MEMORY_MB_MIN = 400, SKEW_WARN_MS = 5000, SKEW_FAIL_MS = 60000 };
static const int64_t EARLIEST_WALL_MS = INT64_C(1704067200000);        /* 2024-01-01: before this program was written */

void check_machine(const struct check_input *in, struct check_result *r) {
        struct utsname u;
        struct sysinfo si;
        if (uname(&u) < 0 || sysinfo(&si) < 0) {
                check_bad(r, CHECK_FAIL, "look at the kernel's log", "could not ask the kernel: %s", strerror(errno));
                return;
        }
        uint64_t mb = (uint64_t) si.totalram * si.mem_unit >> 20;
        if (!str_eq(u.machine, "x86_64") && !str_eq(u.machine, "aarch64"))
                check_bad(r, CHECK_WARN, "use an x86_64 or aarch64 machine", "architecture %s has no drover-node", u.machine);
        else if (mb < MEMORY_MB_MIN)
                check_bad(r, CHECK_WARN, "give the machine more memory", "only %llu MB of memory", (unsigned long long) mb);
        else if (str_eq(u.nodename, "localhost") || !*u.nodename)
                check_bad(r, CHECK_WARN, "name it (\"hostnamectl set-hostname NAME\"): hosts are listed by name", "the machine is called \"%s\"", u.nodename);
        else
                check_ok(r, "\"%s\", Linux %s, %s, %llu MB of memory", u.nodename, u.release, u.machine, (unsigned long long) mb);
}

void check_clock(const struct check_input *in, struct check_result *r) {
        static const char advice[] = "keep the clock with NTP: install chrony, or \"timedatectl set-ntp true\"";
        int64_t now = time_wall_ms(), theirs_s = 0;
        if (now < EARLIEST_WALL_MS) {
                check_bad(r, CHECK_FAIL, advice, "the clock is years behind");
                return;
        }
        if (in->server) {
                auto_free char *url = dr_xasprintf("%s/ping", in->server);
                int64_t before = time_wall_ms();
                if (check_get(in, url, NULL, &theirs_s, NULL) > 0 && theirs_s > 0) {
                        /* Their date has no fraction: it stands for the middle of its second. */
                        int64_t skew = (before + time_wall_ms()) / 2 - (theirs_s * 1000 + 500);
                        int64_t size = skew < 0 ? -skew : skew;
                        if (size >= SKEW_WARN_MS)
                                check_bad(r, size >= SKEW_FAIL_MS ? CHECK_FAIL : CHECK_WARN, advice, "the clock is %lld s %s the server's", (long long) size / 1000,
                                          skew > 0 ? "ahead of" : "behind");
                        else
                                check_ok(r, "the clock agrees with the server's");
                        return;
                }
        }
        struct timex t = { 0 };
        int state = adjtimex(&t);
        if (state < 0 || state == TIME_ERROR || (t.status & STA_UNSYNC))
                check_bad(r, CHECK_WARN, advice, "nothing keeps the clock in step (the kernel calls it unsynchronised)");
        else
                check_ok(r, "kept in step by NTP");
}

void check_systemd(const struct check_input *in, struct check_result *r) {
        if (access("/run/systemd/system", F_OK) == 0)
                check_ok(r, "systemd runs; the agent will be a unit of it");
        else
                check_bad(r, CHECK_WARN, "nothing to do now: the agent runs as a supervised background process; after a reboot start it from your own init, or join again",
                          "systemd does not run");
}

void check_privileges(const struct check_input *in, struct check_result *r) {
        if (geteuid() != 0)
                check_bad(r, CHECK_WARN, "run this as root (sudo): some checks see more, and joining needs it", "not root");
        else if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) != 1)
                check_bad(r, CHECK_WARN, "give the machine or container this capability; \"drover lab\" works around it", "root without CAP_SYS_RESOURCE: "
                          "privileged containers, negative OOM scores and higher file limits fail");
        else if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 1 || prctl(PR_CAPBSET_READ, CAP_NET_ADMIN, 0, 0, 0) != 1)
                check_bad(r, CHECK_FAIL, "a host needs CAP_SYS_ADMIN and CAP_NET_ADMIN: do not drop them", "root without CAP_SYS_ADMIN or CAP_NET_ADMIN");
        else
                check_ok(r, "root with all needed capabilities");
}

void check_cgroups(const struct check_input *in, struct check_result *r) {
        static const char *const wanted[] = { "cpu", "memory", "pids" };
        AUTO(cgroup_free) struct cgroup_tree *tree = NULL;
        struct dr_error err = { 0 };
        if (cgroup_open(false, &tree, &err) < 0) {
                check_bad(r, CHECK_FAIL, "mount cgroups (package cgroupfs-mount where there is no systemd)", "no control groups: %s", err.message);
                return;
        }
        bool v2 = tree->kind == CGROUP_V2;
        auto_free char *file = v2 ? dr_xasprintf("%s/cgroup.controllers", tree->roots[0]) : NULL;
        auto_free char *controllers = file ? lab_file_read(file, 4096) : NULL;
        char missing[64] = "";
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
                bool have = v2 && controllers && strstr(controllers, wanted[i]);
                for (size_t k = 0; !v2 && k < tree->n && !have; k++)
                        have = strstr(tree->roots[k], wanted[i]) != NULL;
                if (!have)
                        snprintf(missing + strlen(missing), sizeof missing - strlen(missing), " %s", wanted[i]);
        }
        if (v2 && tree->fd >= 0)
                check_bad(r, CHECK_FAIL, "mount cgroup2 at /sys/fs/cgroup, or the controllers of v1 below it", "no control groups are mounted");
        else if (*missing)
                check_bad(r, CHECK_WARN, "limits of these kinds will not work; see the kernel's command line (cgroup_enable=memory)", "cgroup v%d without controller%s", v2 ? 2 : 1, missing);
        else
                check_ok(r, "cgroup v%d with cpu, memory and pids", v2 ? 2 : 1);
}
