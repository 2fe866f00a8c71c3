#include "check.h"

#include "cmd/drover/lab/prog.h"
#include "cmd/drover/lab/state.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <sys/wait.h>

enum { MODULES_BYTES_MAX = 16 << 20 };

/* Whether the module could be loaded, or is part of the kernel, by the lists of the installed kernel. */
static bool module_listed(const char *name) {
        struct utsname u;
        if (uname(&u) < 0)
                return false;
        static const char *const lists[] = { "modules.dep", "modules.builtin" };
        auto_free char *needle = dr_xasprintf("/%s.ko", name);
        for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
                auto_free char *path = dr_xasprintf("/lib/modules/%s/%s", u.release, lists[i]);
                auto_free char *text = lab_file_read(path, MODULES_BYTES_MAX);
                if (text && strstr(text, needle))
                        return true;
        }
        auto_free char *loaded = dr_xasprintf("/sys/module/%s", name);
        return access(loaded, F_OK) == 0;
}

/* A new network namespace to try things in; it vanishes with the last descriptor. -1: not allowed. */
static int scratch_netns(void) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        int fd = -1;
        pid_t pid = fork();
        if (pid == 0) {
                char c = unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
                /* The parent opens our namespace, then closes its end. */
                if (write(ends[1], &c, 1) == 1)
                        pause();
                _exit(0);
        }
        char c = 'n';
        if (pid > 0 && read(ends[0], &c, 1) == 1 && c == 'y') {
                auto_free char *path = dr_xasprintf("/proc/%d/ns/net", pid);
                fd = open(path, O_RDONLY | O_CLOEXEC);
        }
        close(ends[0]);
        close(ends[1]);
        if (pid > 0) {
                kill(pid, SIGKILL);
                while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        return fd;
}

void check_overlay(const struct check_input *in, struct check_result *r) {
        auto_free char *list = lab_file_read("/proc/filesystems", 65536);
        if ((list && strstr(list, "\toverlay\n")) || module_listed("overlay"))
                check_ok(r, "the kernel has overlayfs");
        else
                check_bad(r, CHECK_WARN, "load it (\"modprobe overlay\") or install the full kernel package", "the kernel has no overlayfs: images will need much more disk");
}

void check_links(const struct check_input *in, struct check_result *r) {
        static const struct { const char *kind, *argv[12]; } kinds[] = {
                { "bridge", { "ip", "link", "add", "t1", "type", "bridge" } },
                { "veth", { "ip", "link", "add", "t2", "type", "veth", "peer", "name", "t3" } },
                { "vxlan", { "ip", "link", "add", "t4", "type", "vxlan", "id", "42", "dstport", "4789" } },
        };
        auto_close int ns = scratch_netns();
        bool try = ns >= 0 && prog_exists("ip");
        char missing[64] = "";
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                bool have = try ? prog_status(&(struct prog) { .argv = kinds[i].argv, .netns_fd = ns }, NULL) == 0 : module_listed(kinds[i].kind);
                if (!have)
                        snprintf(missing + strlen(missing), sizeof missing - strlen(missing), " %s", kinds[i].kind);
        }
        if (!*missing)
                check_ok(r, "the kernel has bridge, veth and vxlan");
        else if (!try)
                check_bad(r, CHECK_WARN, "run this as root with package iproute2 installed to be sure", "found no sign of the kernel's%s", missing);
        else
                check_bad(r, CHECK_FAIL, "install the full kernel package: containers on several hosts cannot be connected without", "the kernel lacks%s", missing);
}

void check_nftables(const struct check_input *in, struct check_result *r) {
        auto_close int ns = scratch_netns();
        bool nft = ns >= 0 && prog_exists("nft"), iptables = ns >= 0 && prog_exists("iptables");
        if (nft && prog_status(&(struct prog) { .argv = PROG("nft", "add", "table", "inet", "drover_doctor"), .netns_fd = ns }, NULL) == 0)
                check_ok(r, "nf_tables works");
        else if (iptables && prog_status(&(struct prog) { .argv = PROG("iptables", "-t", "nat", "-S"), .netns_fd = ns }, NULL) == 0)
                check_ok(r, "iptables works");
        else if (nft || iptables)
                check_bad(r, CHECK_FAIL, "install the full kernel package (modules nf_tables, nf_nat): ports cannot be published without", "the kernel has neither nf_tables nor iptables");
        else if (module_listed("nf_tables") || module_listed("ip_tables"))
                check_ok(r, "the kernel has nf_tables or iptables (not tried)");
        else
                check_bad(r, CHECK_WARN, "install package iptables or nftables, and run this as root", "could not try nf_tables");
}
