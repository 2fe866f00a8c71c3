#include "up.h"

#include "base/times.h"
#include "cgroup.h"
#include "host.h"
#include "join.h"
#include "prog.h"
#include "self.h"
#include "switch.h"
#include "token.h"

#include <signal.h>
#include <stdio.h>

enum { HOSTS_DEFAULT = 3, START_TOGETHER_MAX = 8 };

static const struct { const char *name, *package; } needed[] = {
        { "ip", "iproute2" }, { "dockerd", "docker.io" }, { "containerd", "docker.io" }, { "runc", "docker.io" }, { "cp", "coreutils" },
        { "iptables", "iptables" },
};

static int check_machine(struct dr_error *err) {
        if (geteuid() != 0)
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "a lab needs root, because it makes namespaces and mounts; run this with sudo");
        for (size_t i = 0; i < ARRAY_LEN(needed); i++)
                if (!prog_exists(needed[i].name))
                        return dr_fail(err, DR_E_NOT_FOUND, NULL, "program \"%s\" is missing; install package %s (no service needs to run)", needed[i].name,
                                       needed[i].package);
        return 0;
}

static size_t count_running(const struct lab *l) {
        size_t n = 0;
        for (size_t i = 1; i <= l->n_hosts; i++) {
                struct lab_host h;
                lab_host_get(l, i, &h);
                n += host_pid(l, &h) != 0;
        }
        return n;
}

static int apply_options(struct lab *l, const struct up_options *o, struct dr_error *err) {
        bool new = !lab_exists(l);
        size_t running = count_running(l);
        if (o->subnet) {
                struct lab probe = *l;
                int r = lab_set_subnet(&probe, o->subnet, err);
                if (r < 0)
                        return r;
                if (!new && memcmp(probe.net, l->net, sizeof l->net) != 0)
                        return dr_fail(err, DR_E_CONFLICT, "subnet", "lab \"%s\" has network %u.%u.%u.0/24; \"drover lab down --delete\" erases it", l->name,
                                       l->net[0], l->net[1], l->net[2]);
                memcpy(l->net, probe.net, sizeof l->net);
        }
        if (o->cgroup2 && !l->cgroup2) {
                if (running)
                        return dr_fail(err, DR_E_CONFLICT, NULL, "lab \"%s\" runs without --cgroup2; take it down first", l->name);
                l->cgroup2 = true;
        }
        if (o->server && !str_eq(o->server, l->server)) {
                free(l->server);
                l->server = dr_xstrdup(o->server);
        }
        if (o->mirror && !str_eq(o->mirror, l->mirror)) {
                free(l->mirror);
                l->mirror = dr_xstrdup(o->mirror);
                if (running)
                        printf("hosts that run already use the registry mirror after their next reboot\n");
        }
        if (o->hosts > l->n_hosts)
                l->n_hosts = o->hosts;
        else if (o->hosts && o->hosts < l->n_hosts)
                printf("lab \"%s\" has %zu hosts already\n", l->name, l->n_hosts);
        if (!l->n_hosts)
                l->n_hosts = HOSTS_DEFAULT;
        return lab_save(l, err);
}

/* The mirror as the hosts see it, "HOST:PORT", or NULL without one. Caller frees. */
static int mirror_address(const struct lab *l, char **ret, struct dr_error *err) {
        auto_free char *url = NULL;
        *ret = NULL;
        if (!l->mirror)
                return 0;
        int r = switch_relay(l, l->mirror, &url, err);
        if (r < 0)
                return r;
        if (str_starts(url, "https://"))
                return dr_fail(err, DR_E_INVALID_OPTION, "registry-mirror", "registry mirror \"%s\" must be http: its certificate cannot name the relay", l->mirror);
        *ret = dr_xstrdup(url + strlen("http://"));
        return 0;
}

/* The server first: it keeps its port number then. */
static int open_relays(const struct lab *l, char **ret_mirror, struct dr_error *err) {
        auto_free char *server = NULL;
        int r = l->server ? join_relay(l, l->server, &server, err) : 0;
        return r < 0 ? r : mirror_address(l, ret_mirror, err);
}

static void handle_interrupt(int sig) { self_interrupted = sig; }

/* Hosts not running, side by side. started[n] tells which. */
static int start_hosts(const struct lab *l, const char *mirror, bool *started, struct dr_error *err) {
        int fds[LAB_HOSTS_MAX + 1], r = 0;
        uint64_t begin = time_mono_ms();
        for (size_t first = 1; first <= l->n_hosts && r >= 0; first += START_TOGETHER_MAX) {
                size_t last = MIN(first + START_TOGETHER_MAX - 1, l->n_hosts);
                for (size_t n = first; n <= last; n++) {
                        struct lab_host h;
                        lab_host_get(l, n, &h);
                        fds[n] = -1;
                        if (r < 0)
                                continue;
                        if (host_pid(l, &h)) {
                                printf("%-8s %-15s runs already\n", h.name, h.address);
                                continue;
                        }
                        started[n] = true;
                        r = host_start(l, &h, mirror, &fds[n], err);
                }
                for (size_t n = first; n <= last; n++) {
                        struct lab_host h;
                        struct dr_error one = { 0 };
                        lab_host_get(l, n, &h);
                        if (fds[n] < 0)
                                continue;
                        int one_r = host_wait(l, &h, fds[n], &one);
                        if (one_r < 0 && r >= 0) {
                                r = one_r;
                                if (err)
                                        *err = one;
                        }
                        if (one_r >= 0) {
                                printf("%-8s %-15s engine ready after %.1f s\n", h.name, h.address, (double) (time_mono_ms() - begin) / 1000);
                                fflush(stdout);
                        }
                }
        }
        return r;
}

static int join(const struct lab *l, const struct up_options *o, struct dr_error *err) {
        auto_free char *command = o->join_command ? dr_xstrdup(o->join_command) : NULL;
        if (!command && !o->server)
                return 0;
        if (!command) {
                int r = token_join_command(l, &(struct token_options) { .server = o->server, .access_key = o->access_key, .secret_key = o->secret_key,
                                                                        .project = o->project }, &command, err);
                if (r < 0)
                        return r;
        }
        return join_hosts(l, o->server, command, 1, l->n_hosts, err);
}

/* *ret_hosts_run: what failed afterwards is no reason to take them down, and with them what tells why. */
static int bring_up(const struct lab *l, const struct up_options *o, bool *started, bool *ret_hosts_run, struct dr_error *err) {
        auto_free char *mirror = NULL;
        int r = switch_start(l, err);
        r = r < 0 ? r : open_relays(l, &mirror, err);
        r = r < 0 ? r : start_hosts(l, mirror, started, err);
        if (r < 0)
                return r;
        *ret_hosts_run = true;
        r = join(l, o, err);
        return r < 0 ? dr_prefix(err, r, "the hosts run, but") : 0;
}

static void take_down_started(const struct lab *l, const bool *started) {
        for (size_t n = 1; n <= l->n_hosts; n++) {
                struct lab_host h;
                lab_host_get(l, n, &h);
                if (started[n])
                        (void) host_kill(l, &h, NULL);  /* the first failure is the one to tell */
        }
}

int up_run(struct lab *l, const struct up_options *o, struct dr_error *err) {
        int r = check_machine(err);
        r = r < 0 ? r : apply_options(l, o, err);
        if (r < 0)
                return r;
        sigaction(SIGINT, &(struct sigaction) { .sa_handler = handle_interrupt }, NULL);
        sigaction(SIGTERM, &(struct sigaction) { .sa_handler = handle_interrupt }, NULL);
        bool had_switch = switch_pid(l) != 0, hosts_run = false, started[LAB_HOSTS_MAX + 1] = { false };
        if (count_running(l) != l->n_hosts)
                printf("lab \"%s\": %zu host%s on network %u.%u.%u.0/24\n", l->name, l->n_hosts, l->n_hosts == 1 ? "" : "s", l->net[0], l->net[1], l->net[2]);
        fflush(stdout);
        r = bring_up(l, o, started, &hosts_run, err);
        if (r < 0 && (!hosts_run || self_interrupted)) {
                if (had_switch)
                        take_down_started(l, started);
                else
                        (void) up_down(l, false, NULL);
        }
        return r;
}

int up_reboot(const struct lab *l, const struct lab_host *h, struct dr_error *err) {
        auto_free char *mirror = NULL;
        int fd = -1;
        int r = check_machine(err);
        r = r < 0 ? r : host_kill(l, h, err);
        r = r < 0 ? r : switch_start(l, err);
        r = r < 0 ? r : open_relays(l, &mirror, err);
        r = r < 0 ? r : host_start(l, h, mirror, &fd, err);
        r = r < 0 ? r : host_wait(l, h, fd, err);
        return r;
}

static int remove_groups(const struct lab *l, bool v2, struct dr_error *err) {
        AUTO(cgroup_free) struct cgroup_tree *tree = NULL;
        auto_free char *group = lab_cgroup(l, NULL);
        int r = cgroup_open(v2, &tree, err);
        return r < 0 ? r : cgroup_remove(tree, group, err);
}

int up_down(const struct lab *l, bool erase, struct dr_error *err) {
        int r = 0;
        for (size_t n = 1; n <= l->n_hosts; n++) {
                struct lab_host h;
                struct dr_error one = { 0 };
                lab_host_get(l, n, &h);
                int one_r = host_kill(l, &h, &one);
                if (one_r < 0 && r >= 0) {
                        r = one_r;
                        if (err)
                                *err = one;
                }
        }
        if (r < 0)
                return r;
        r = switch_stop(l, err);
        if (r >= 0 && l->cgroup2)
                r = remove_groups(l, true, err);
        r = r < 0 ? r : remove_groups(l, false, err);
        if (r < 0 || !erase)
                return r;
        return prog_run(&(struct prog) { .argv = PROG("rm", "-rf", "--one-file-system", l->dir) }, err);
}
