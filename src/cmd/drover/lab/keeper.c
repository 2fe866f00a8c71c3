#include "keeper.h"

#include "base/log.h"
#include "base/parse.h"
#include "prog.h"
#include "relay.h"
#include "unixsock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

struct relay {
        unsigned wanted, port;
        int listen_fd;
        struct relay_target to;
        pid_t pid;
};

struct keeper {
        const char *address;
        int outer_fd;                   /* the machine's network namespace */
        struct relay relays[KEEPER_RELAYS_MAX];
        size_t n;
};

static int switch_setup(const char *address, struct dr_error *err) {
        /* br0 has an address of its own, else it is a port's and changes with it. off0 stays down: a port in it is cut, while a port in no
         * bridge would still be heard by this namespace itself. */
        auto_free char *input = dr_xasprintf("link set lo up\nlink add br0 address 02:d7:00:00:00:01 type bridge\nlink set br0 up\n"
                                             "link add off0 type bridge\naddr add %s/24 dev br0\n", address);
        return prog_run(&(struct prog) { .argv = PROG("ip", "-batch", "-"), .input = input }, err);
}

static int relay_listen(const struct keeper *k, unsigned port, int *ret, struct dr_error *err) {
        auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
        int on = 1;
        if (fd < 0 || inet_pton(AF_INET, k->address, &a.sin_addr) != 1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
            bind(fd, (struct sockaddr *) &a, sizeof a) < 0 || listen(fd, 256) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not listen on %s:%u in the switch: %m", k->address, port);
        *ret = fd;
        fd = -1;
        return 0;
}

/* The listening socket outlives its relay, so a relay that dies is replaced without a refused connection. */
static void relay_spawn(const struct keeper *k, struct relay *r) {
        pid_t pid = fork();
        if (pid < 0) {
                log_errorf("could not start a relay: %s", strerror(errno));
                return;
        }
        if (pid > 0) {
                r->pid = pid;
                return;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "drover-relay");
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (setns(k->outer_fd, CLONE_NEWNET) < 0) {
                log_errorf("could not enter the machine's network namespace: %s", strerror(errno));
                _exit(1);
        }
        relay_loop(r->listen_fd, &r->to);
}

static bool port_taken(const struct keeper *k, unsigned port) {
        for (size_t i = 0; i < k->n; i++)
                if (k->relays[i].port == port)
                        return true;
        return false;
}

static int relay_add(struct keeper *k, unsigned port, const char *host, const char *to_port, unsigned *ret_port, struct dr_error *err) {
        struct relay_target to = { 0 };
        int r = relay_target_parse(host, to_port, &to, err);
        if (r < 0)
                return r;
        unsigned use = port;
        for (size_t i = 0; i < k->n; i++) {
                const struct relay *have = &k->relays[i];
                if (have->wanted == port && have->to.len == to.len && memcmp(&have->to.address, &to.address, to.len) == 0) {
                        *ret_port = have->port;
                        return 0;
                }
        }
        while (use <= 65535 && port_taken(k, use))
                use++;
        if (k->n == KEEPER_RELAYS_MAX || use > 65535)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "a lab has at most %d relays; \"drover lab down\" and \"up\" removes old ones", KEEPER_RELAYS_MAX);
        struct relay *new = &k->relays[k->n];
        *new = (struct relay) { .wanted = port, .port = use, .to = to, .listen_fd = -1 };
        r = relay_listen(k, use, &new->listen_fd, err);
        if (r < 0)
                return r;
        k->n++;
        relay_spawn(k, new);
        *ret_port = use;
        return 0;
}

static void serve(struct keeper *k, int fd) {
        char line[KEEPER_LINE_BYTES_MAX], host[128] = "", to_port[16] = "";
        struct dr_error err = { 0 };
        unsigned port = 0;
        ssize_t n = unixsock_read_line(fd, line, sizeof line);
        if (n <= 0)
                return;
        if (sscanf(line, "relay %u %127s %15s", &port, host, to_port) != 3 || port == 0 || port > 65535)
                dprintf(fd, "error unknown request\n");
        else if (relay_add(k, port, host, to_port, &port, &err) < 0)
                dprintf(fd, "error %s\n", err.message);
        else
                dprintf(fd, "ok %u\n", port);
}

static void reap(struct keeper *k) {
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
                for (size_t i = 0; i < k->n; i++)
                        if (k->relays[i].pid == pid) {
                                log_warning("a relay died and is started again", NULL);
                                relay_spawn(k, &k->relays[i]);
                        }
}

static int loop(struct keeper *k, int control, int signals) {
        for (;;) {
                struct pollfd fds[2] = { { .fd = control, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
                if (poll(fds, 2, -1) < 0)
                        continue;       /* EINTR */
                struct signalfd_siginfo si;
                if (fds[1].revents && read(signals, &si, sizeof si) == sizeof si) {
                        if (si.ssi_signo != SIGCHLD)
                                break;
                        reap(k);
                }
                if (fds[0].revents) {
                        auto_close int fd = accept4(control, NULL, NULL, SOCK_CLOEXEC);
                        if (fd >= 0)
                                serve(k, fd);
                }
        }
        for (size_t i = 0; i < k->n; i++)
                if (k->relays[i].pid > 0)
                        kill(k->relays[i].pid, SIGKILL);
        while (waitpid(-1, NULL, 0) > 0)
                ;
        return 0;
}

int keeper_main(int argc, char **argv) {
        uint64_t outer = 0, status = 0;
        if (argc != 4 || parse_u64(argv[2], 1024, &outer) < 0 || parse_u64(argv[3], 1024, &status) < 0)
                return 2;
        static struct keeper k;
        k.address = argv[1];
        k.outer_fd = (int) outer;
        fcntl(k.outer_fd, F_SETFD, FD_CLOEXEC);
        fcntl((int) status, F_SETFD, FD_CLOEXEC);
        prctl(PR_SET_NAME, "drover-switch");
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGCHLD);
        int control = -1;
        struct dr_error err = { 0 };
        int r = switch_setup(k.address, &err);
        r = r < 0 ? r : unixsock_listen(argv[0], "switch.sock", &control, &err);
        sigprocmask(SIG_BLOCK, &set, NULL);
        int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (r >= 0 && signals < 0)
                r = dr_fail(&err, DR_E_INTERNAL, NULL, "could not make a signal descriptor: %m");
        dprintf((int) status, r < 0 ? "error %s\n" : "ok\n", err.message);
        close((int) status);
        return r < 0 ? 1 : loop(&k, control, signals);
}
