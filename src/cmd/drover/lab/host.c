#include "host.h"

#include "base/sbuf.h"
#include "cgroup.h"
#include "prog.h"
#include "self.h"
#include "switch.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { START_MS = 90000, KILL_MS = 20000, SHUT_DOWN_MS = 30000, LOG_TAIL_BYTES = 900 };

pid_t host_pid(const struct lab *l, const struct lab_host *h) {
        auto_free char *path = lab_path(l, "hosts/%s/pid", h->name);
        return lab_pid_read(path);
}

char *host_socket(const struct lab *l, const struct lab_host *h) {
        pid_t pid = host_pid(l, h);
        return pid ? dr_xasprintf("/proc/%d/root/run/docker.sock", pid) : NULL;
}

/* Whether the host lives on cgroup2, and the group that holds all of it. */
static int open_group(const struct lab *l, const struct lab_host *h, struct cgroup_tree **ret_tree, char **ret_group, struct dr_error *err) {
        int r = cgroup_open(l->cgroup2, ret_tree, err);
        if (r >= 0)
                *ret_group = lab_cgroup(l, h->name);
        return r;
}

bool host_is_frozen(const struct lab *l, const struct lab_host *h) {
        AUTO(cgroup_free) struct cgroup_tree *tree = NULL;
        auto_free char *group = NULL;
        return open_group(l, h, &tree, &group, NULL) >= 0 && cgroup_is_frozen(tree, group);
}

static int write_text(const struct lab *l, const struct lab_host *h, const char *file, const char *text, struct dr_error *err) {
        auto_free char *path = lab_path(l, "hosts/%s/etc/%s", h->name, file);
        (void) unlink(path);    /* resolv.conf is often a link to elsewhere */
        return lab_file_write(path, text, err);
}

/* The first start copies /etc: from then on the host has its own, whatever the machine's file systems can do. */
static int make_folders(const struct lab *l, const struct lab_host *h, struct dr_error *err) {
        auto_free char *dir = lab_path(l, "hosts/%s", h->name);
        auto_free char *etc = lab_path(l, "hosts/%s/etc", h->name);
        auto_free char *etc_new = lab_path(l, "hosts/%s/etc.new", h->name);
        auto_free char *docker = lab_path(l, "hosts/%s/etc.new/docker", h->name);
        int r = dir_make(dir, 0700, err);
        static const char *const subs[] = { "varlib/docker", "log" };
        for (size_t i = 0; i < ARRAY_LEN(subs) && r >= 0; i++) {
                auto_free char *sub = lab_path(l, "hosts/%s/%s", h->name, subs[i]);
                r = dir_make(sub, 0755, err);
        }
        if (r >= 0 && access(etc, F_OK) < 0) {
                /* Sockets and the like in /etc make cp complain; what matters was copied. */
                r = prog_run(&(struct prog) { .argv = PROG("rm", "-rf", etc_new) }, err);
                int code = r < 0 ? r : prog_status(&(struct prog) { .argv = PROG("cp", "-a", "/etc", etc_new) }, err);
                r = code < 0 ? code : r;
                r = r < 0 ? r : prog_run(&(struct prog) { .argv = PROG("rm", "-rf", docker) }, err);
                r = r < 0 ? r : dir_make(docker, 0755, err);
                if (r >= 0 && rename(etc_new, etc) < 0)
                        r = dr_fail(err, DR_E_INTERNAL, NULL, "could not rename \"%s\": %m", etc_new);
                auto_free char *hostname = dr_xasprintf("%s\n", h->name);
                r = r < 0 ? r : write_text(l, h, "hostname", hostname, err);
                r = r < 0 ? r : write_text(l, h, "resolv.conf", "# a lab host has no way out, so nothing to ask\n", err);
                auto_free char *hosts = dr_xasprintf("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n%s %s\n", h->address, h->name);
                r = r < 0 ? r : write_text(l, h, "hosts", hosts, err);
        }
        return r;
}

/* In the child, in its new network namespace: cable, address, and forwarding before the engine would set it with FORWARD DROP. */
static int make_network(const struct lab *l, const struct lab_host *h, struct dr_error *err) {
        pid_t sw = switch_pid(l);
        auto_free char *input = dr_xasprintf("link set lo up\nlink add eth0 address %s type veth peer name %s netns %d\naddr add %s/24 dev eth0\nlink set eth0 up\n",
                                             h->mac, h->name, sw, h->address);
        int r = prog_run(&(struct prog) { .argv = PROG("ip", "-batch", "-"), .input = input }, err);
        r = r < 0 ? r : switch_port_up(l, h, err);
        if (r < 0)
                return r;
        auto_close int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "1", 1) != 1)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not enable IP forwarding in the host: %m");
        return 0;
}

static int make_namespaces(const struct lab *l, const struct lab_host *h, const struct cgroup_tree *tree, const char *group, struct dr_error *err) {
        bool v2 = tree->kind == CGROUP_V2;
        int r = cgroup_enter(tree, group, err);
        if (r < 0)
                return r;
        if (unshare(CLONE_NEWNET) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make a network namespace: %m");
        r = make_network(l, h, err);
        if (r < 0)
                return r;
        if (v2) {
                /* The namespace's root is the host's group; PID 1 then steps aside, for a group with processes has no controllers to give. */
                auto_free char *leaf = dr_xasprintf("%s/init", group);
                if (unshare(CLONE_NEWCGROUP) < 0)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not make a cgroup namespace: %m");
                r = cgroup_enter(tree, leaf, err);
                if (r < 0)
                        return r;
        }
        if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make mount, UTS, IPC and PID namespaces: %m");
        return 0;
}

int host_start(const struct lab *l, const struct lab_host *h, const char *mirror, int *ret_status_fd, struct dr_error *err) {
        AUTO(cgroup_free) struct cgroup_tree *tree = NULL;
        auto_free char *group = NULL;
        auto_free char *dir = lab_path(l, "hosts/%s", h->name);
        auto_free char *log = lab_path(l, "hosts/%s/log/init.log", h->name);
        auto_free char *pid_path = lab_path(l, "hosts/%s/pid", h->name);
        auto_free char *runc = prog_find("runc");
        if (!runc)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "program \"runc\" is not in PATH; install a Docker engine (package docker.io)");
        int r = open_group(l, h, &tree, &group, err);
        if (r < 0)
                return r;
        auto_free char *leaf = tree->kind == CGROUP_V2 ? dr_xasprintf("%s/init", group) : dr_xstrdup(group);
        switch_port_remove(l, h);
        r = cgroup_remove(tree, group, err);
        r = r < 0 ? r : cgroup_make(tree, group, err);
        /* Not with cgroup_make() in one go: it would hand controllers down before PID 1 has entered. */
        for (size_t i = 0; i < tree->n && r >= 0 && tree->kind == CGROUP_V2; i++) {
                auto_free char *sub = dr_xasprintf("%s/%s", tree->roots[i], leaf);
                if (mkdir(sub, 0755) < 0 && errno != EEXIST)
                        r = dr_fail(err, DR_E_INTERNAL, NULL, "could not make control group \"%s\": %m", sub);
        }
        r = r < 0 ? r : make_folders(l, h, err);
        if (r < 0)
                return r;
        int status[2];
        if (pipe2(status, O_CLOEXEC) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not make a pipe: %m");
        pid_t pid = fork();
        if (pid == 0) {
                struct dr_error child_err = { 0 };
                close(status[0]);
                if (make_namespaces(l, h, tree, group, &child_err) < 0)
                        dprintf(status[1], "error %s\n", child_err.message);
                else
                        self_daemon(PROG("lab", "hostinit", dir, h->name, group, tree->kind == CGROUP_V2 ? "cgroup2" : "cgroup1",
                                         mirror ? mirror : "-", runc, "3"),
                                    log, (int[]) { status[1] }, 1, pid_path, status[1]);
                _exit(1);
        }
        close(status[1]);
        if (pid < 0) {
                close(status[0]);
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not start a process: %m");
        }
        *ret_status_fd = status[0];
        return 0;
}

/* The last lines of a log, for an error message. */
static char *log_tail(const char *path) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        char buf[LOG_TAIL_BYTES + 1];
        off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
        off_t from = size > LOG_TAIL_BYTES ? size - LOG_TAIL_BYTES : 0;
        ssize_t n = fd < 0 ? 0 : pread(fd, buf, LOG_TAIL_BYTES, from);
        buf[n > 0 ? n : 0] = '\0';
        char *start = from && strchr(buf, '\n') ? strchr(buf, '\n') + 1 : buf;
        return dr_xstrdup(start);
}

int host_wait(const struct lab *l, const struct lab_host *h, int status_fd, struct dr_error *err) {
        int r = self_read_status(status_fd, START_MS, err);
        close(status_fd);
        if (r >= 0)
                return 0;
        auto_free char *log = lab_path(l, "hosts/%s/log/dockerd.log", h->name);
        auto_free char *tail = log_tail(log);
        if (*tail)
                fprintf(stderr, "end of %s:\n%s\n", log, tail);
        return dr_prefix(err, r, "could not start %s", h->name);
}

static int end(const struct lab *l, const struct lab_host *h, int sig, int limit_ms, struct dr_error *err) {
        AUTO(cgroup_free) struct cgroup_tree *tree = NULL;
        auto_free char *group = NULL;
        auto_free char *pid_path = lab_path(l, "hosts/%s/pid", h->name);
        pid_t pid = host_pid(l, h);
        int r = open_group(l, h, &tree, &group, err);
        if (r < 0)
                return r;
        if (pid && cgroup_is_frozen(tree, group)) {
                if (sig == SIGKILL)
                        kill(pid, SIGKILL);     /* pending; it must not wake up before */
                (void) cgroup_freeze(tree, group, false, NULL); /* a kill that does not arrive says so below */
        }
        r = lab_pid_kill(pid, sig, limit_ms, err);
        if (r == -dr_error_row(DR_E_TIMEOUT)->err && sig != SIGKILL)
                r = lab_pid_kill(pid, SIGKILL, KILL_MS, err);
        if (r < 0)
                return dr_prefix(err, r, "could not end %s", h->name);
        switch_port_remove(l, h);
        (void) unlink(pid_path);        /* absent when it was down */
        return cgroup_remove(tree, group, err);
}

int host_kill(const struct lab *l, const struct lab_host *h, struct dr_error *err) { return end(l, h, SIGKILL, KILL_MS, err); }
int host_shut_down(const struct lab *l, const struct lab_host *h, struct dr_error *err) { return end(l, h, SIGTERM, SHUT_DOWN_MS, err); }

static int need_pid(const struct lab *l, const struct lab_host *h, pid_t *ret, struct dr_error *err) {
        *ret = host_pid(l, h);
        return *ret ? 0 : dr_fail(err, DR_E_UNAVAILABLE, NULL, "%s is down; start it with \"drover lab reboot %s\" or \"drover lab up\"", h->name, h->name);
}

int host_freeze(const struct lab *l, const struct lab_host *h, bool frozen, struct dr_error *err) {
        AUTO(cgroup_free) struct cgroup_tree *tree = NULL;
        auto_free char *group = NULL;
        pid_t pid = 0;
        int r = need_pid(l, h, &pid, err);
        r = r < 0 ? r : open_group(l, h, &tree, &group, err);
        return r < 0 ? r : cgroup_freeze(tree, group, frozen, err);
}

static pid_t forward_to;
static void forward(int sig) {
        if (forward_to > 0)
                kill(forward_to, sig);
}

/* Whoever ran "lab exec" is gone. The program must not outlive this process unreaped: its zombie would belong to the machine's PID 1
 * and keep the host's PID namespace from ending. */
static void end_program(int sig) {
        if (forward_to > 0)
                kill(forward_to, SIGKILL);
}

/* Waits for the program; signals meant for it that reach this process are passed on. */
static int wait_program(pid_t pid, struct dr_error *err) {
        if (pid < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not start a process: %m");
        forward_to = pid;
        static const int signals[] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
        for (size_t i = 0; i < ARRAY_LEN(signals); i++)
                sigaction(signals[i], &(struct sigaction) { .sa_handler = forward }, NULL);
        /* The terminal sends these to both. */
        signal(SIGINT, SIG_IGN);
        signal(SIGQUIT, SIG_IGN);
        int status = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        forward_to = 0;
        signal(SIGINT, SIG_DFL);
        signal(SIGQUIT, SIG_DFL);
        for (size_t i = 0; i < ARRAY_LEN(signals); i++)
                signal(signals[i], SIG_DFL);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static _Noreturn void become(const char *const *argv) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_DFL);
        unsetenv("DOCKER_HOST");
        unsetenv("DOCKER_CONTEXT");
        execvp(argv[0], (char *const *) (uintptr_t) argv);
        fprintf(stderr, "could not run \"%s\": %s\n", argv[0], strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
}

int host_exec(const struct lab *l, const struct lab_host *h, const char *const *argv, const char *const *env, struct dr_error *err) {
        AUTO(cgroup_free) struct cgroup_tree *tree = NULL;
        auto_free char *group = NULL;
        pid_t pid = 0;
        int r = need_pid(l, h, &pid, err);
        r = r < 0 ? r : open_group(l, h, &tree, &group, err);
        if (r < 0)
                return r;
        if (cgroup_is_frozen(tree, group))
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "%s is frozen; \"drover lab thaw %s\" ends that", h->name, h->name);
        auto_free char *leaf = tree->kind == CGROUP_V2 ? dr_xasprintf("%s/init", group) : dr_xstrdup(group);
        auto_close int pid_fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (pid_fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open the first process of %s: %m", h->name);
        fflush(NULL);
        /* A child enters, so that this process stays outside and can wait; its child in turn is in the PID namespace. */
        pid_t outer = fork();
        if (outer == 0) {
                struct dr_error child_err = { 0 };
                sigaction(SIGALRM, &(struct sigaction) { .sa_handler = end_program }, NULL);
                prctl(PR_SET_PDEATHSIG, SIGALRM);
                auto_free char *cwd = getcwd(NULL, 0);
                int flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | (tree->kind == CGROUP_V2 ? CLONE_NEWCGROUP : 0);
                if (cgroup_enter(tree, leaf, &child_err) < 0) {
                        fprintf(stderr, "%s\n", child_err.message);
                        _exit(126);
                }
                if (setns(pid_fd, flags) < 0) {
                        fprintf(stderr, "could not enter %s: %s\n", h->name, strerror(errno));
                        _exit(126);
                }
                if (!cwd || chdir(cwd) < 0)
                        (void) !chdir("/");
                for (size_t i = 0; env && env[i]; i++)
                        putenv((char *) (uintptr_t) env[i]);
                pid_t inner = fork();
                if (inner == 0)
                        become(argv);
                int code = wait_program(inner, &child_err);
                _exit(code < 0 ? 126 : code);
        }
        return wait_program(outer, err);
}

int host_exec_switch(const struct lab *l, const char *const *argv, struct dr_error *err) {
        auto_close int ns = -1;
        int r = switch_netns(l, &ns, err);
        if (r < 0)
                return r;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
                if (setns(ns, CLONE_NEWNET) < 0) {
                        fprintf(stderr, "could not enter the switch: %s\n", strerror(errno));
                        _exit(126);
                }
                become(argv);
        }
        return wait_program(pid, err);
}
