#include "hostinit.h"

#include "base/log.h"
#include "base/parse.h"
#include "base/times.h"
#include "hostfs.h"
#include "state.h"
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { ARGS_MAX = 24, STOP_BOOT_MS = 5000, STOP_ENGINE_MS = 20000 };
static const char boot_dir[] = "/var/lib/drover/boot.d";
static const char notify_path[] = "/run/drover-lab/notify";
static const char engine_name[] = "dockerd";

struct init {
        struct hostfs fs;
        const char *mirror;
        int signals, notify, watch, status_fd;  /* watch -1 until the engine is up; status_fd -1 once it was told */
        struct units units;
};

static void tell(struct init *in, const char *text) {
        if (in->status_fd < 0)
                return;
        dprintf(in->status_fd, "%s\n", text);
        close(in->status_fd);
        in->status_fd = -1;
}

/* The engine says READY=1 there when it answers, as it would to systemd. */
static int notify_open(struct dr_error *err) {
        auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s", notify_path);
        if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof a) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not listen on socket \"%s\": %m", notify_path);
        int r = fd;
        fd = -1;
        return r;
}

static void add_engine(struct init *in) {
        auto_free char *parent = dr_xasprintf("--cgroup-parent=/%s", in->fs.cgroup_parent);
        auto_free char *mirror = dr_xasprintf("--registry-mirror=http://%s", in->mirror);
        auto_free char *insecure = dr_xasprintf("--insecure-registry=%s", in->mirror);
        auto_free char *runtime = dr_xasprintf("--add-runtime=lab=%s", hostfs_runc_wrapper);
        auto_free char *notify = dr_xasprintf("NOTIFY_SOCKET=%s", notify_path);
        const char *argv[ARGS_MAX] = { "dockerd", "--exec-opt=native.cgroupdriver=cgroupfs" };
        size_t n = 2;
        if (!in->fs.cgroup2)
                argv[n++] = parent;
        if (!str_eq(in->mirror, "-")) {
                argv[n++] = mirror;
                argv[n++] = insecure;
        }
        if (in->fs.wrap_runc) {
                argv[n++] = runtime;
                argv[n++] = "--default-runtime=lab";
        }
        unit_add(&in->units, engine_name, argv, (const char *[]) { notify, NULL }, "/var/log/dockerd.log");
}

/* Executables of boot.d become units; units whose file is gone end. Names beginning with '.' are half-written files. */
static void scan_boot(struct init *in) {
        DIR *d = opendir(boot_dir);
        if (!d) {
                log_warning("could not read folder", "path", boot_dir, "why", strerror(errno), NULL);
                return;
        }
        bool seen[UNITS_MAX] = { false };
        for (struct dirent *e; (e = readdir(d));) {
                auto_free char *path = dr_xasprintf("%s/%s", boot_dir, e->d_name);
                struct stat st;
                if (e->d_name[0] == '.' || stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
                        continue;
                auto_free char *name = dr_xasprintf("boot.d/%s", e->d_name);
                auto_free char *log = dr_xasprintf("/var/log/boot.d-%s.log", e->d_name);
                struct unit *u = unit_find(&in->units, name);
                if (!u) {
                        log_info("starting a process", "unit", name, NULL);
                        u = unit_add(&in->units, name, (const char *[]) { path, NULL }, NULL, log);
                }
                if (u)
                        seen[u - in->units.v] = true;
                else
                        log_error("too many executables", "path", path, NULL);
        }
        closedir(d);
        for (size_t i = 0; i < in->units.n; i++)
                if (!seen[i] && !in->units.v[i].stopped && !str_eq(in->units.v[i].name, engine_name)) {
                        log_info("stopping a process whose file is gone", "unit", in->units.v[i].name, NULL);
                        unit_stop(&in->units.v[i]);
                }
}

static void engine_ready(struct init *in) {
        log_info("the engine is ready", NULL);
        tell(in, "ok");
        if (in->watch >= 0)
                return;
        in->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (in->watch < 0 || inotify_add_watch(in->watch, boot_dir, IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB) < 0)
                log_warning("could not watch folder", "path", boot_dir, "why", strerror(errno), NULL);
        scan_boot(in);
}

static void read_notify(struct init *in) {
        char buf[512];
        ssize_t n = recv(in->notify, buf, sizeof buf - 1, 0);
        if (n <= 0)
                return;
        buf[n] = '\0';
        if (str_starts(buf, "READY=1") || strstr(buf, "\nREADY=1"))
                engine_ready(in);
}

static void reap(struct init *in) {
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                struct unit *u = units_reaped(&in->units, pid, status, time_mono_ms());
                if (u && str_eq(u->name, engine_name))
                        tell(in, "error the Docker engine ended before it answered");
        }
}

static bool running(const struct init *in, bool engine) {
        for (size_t i = 0; i < in->units.n; i++)
                if (str_eq(in->units.v[i].name, engine_name) == engine && in->units.v[i].pid > 0)
                        return true;
        return false;
}

static void wait_stopped(struct init *in, bool engine, uint64_t limit_ms) {
        uint64_t end = time_mono_ms() + limit_ms;
        while (running(in, engine) && time_mono_ms() < end) {
                struct pollfd p = { .fd = in->signals, .events = POLLIN };
                if (poll(&p, 1, (int) (end - time_mono_ms())) <= 0)
                        continue;
                struct signalfd_siginfo si;
                if (read(in->signals, &si, sizeof si) == sizeof si && si.ssi_signo != SIGCHLD)
                        return;         /* asked twice: now */
                reap(in);
        }
}

static int shut_down(struct init *in) {
        log_info("shutting down", NULL);
        for (int engine = 0; engine < 2; engine++) {
                for (size_t i = 0; i < in->units.n; i++)
                        if (str_eq(in->units.v[i].name, engine_name) == engine)
                                unit_stop(&in->units.v[i]);
                wait_stopped(in, engine, engine ? STOP_ENGINE_MS : STOP_BOOT_MS);
        }
        return 0;
}

static int loop(struct init *in) {
        for (;;) {
                int wait_ms = units_step(&in->units, time_mono_ms());
                struct pollfd fds[3] = { { .fd = in->signals, .events = POLLIN }, { .fd = in->notify, .events = POLLIN },
                                         { .fd = in->watch, .events = POLLIN } };
                if (poll(fds, 3, wait_ms) < 0)
                        continue;       /* EINTR */
                struct signalfd_siginfo si;
                if (fds[0].revents && read(in->signals, &si, sizeof si) == sizeof si) {
                        if (si.ssi_signo != SIGCHLD)
                                return shut_down(in);
                        reap(in);
                }
                if (fds[1].revents)
                        read_notify(in);
                if (fds[2].revents) {
                        char buf[4096];
                        while (read(in->watch, buf, sizeof buf) > 0)
                                ;
                        scan_boot(in);
                }
        }
}

int hostinit_main(int argc, char **argv) {
        uint64_t status = 0;
        if (argc != 7 || parse_u64(argv[6], 1024, &status) < 0)
                return 2;
        static struct init in = { .watch = -1, .signals = -1, .notify = -1 };
        in.fs = (struct hostfs) { .dir = argv[0], .name = argv[1], .cgroup_parent = argv[2], .cgroup2 = str_eq(argv[3], "cgroup2"),
                                  .runc = argv[5], .wrap_runc = hostfs_needs_wrapper() };
        in.mirror = argv[4];
        in.status_fd = (int) status;
        fcntl(in.status_fd, F_SETFD, FD_CLOEXEC);
        prctl(PR_SET_NAME, "drover-hostinit");

        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set, NULL);
        struct dr_error err = { 0 };
        int r = hostfs_build(&in.fs, &err);
        r = r < 0 ? r : dir_make(boot_dir, 0755, &err);
        r = r < 0 ? r : (in.notify = notify_open(&err));
        if (r >= 0 && (in.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
                r = dr_fail(&err, DR_E_INTERNAL, NULL, "could not make a signal descriptor: %m");
        if (r < 0) {
                log_errorf("%s", err.message);
                auto_free char *text = dr_xasprintf("error %s", err.message);
                tell(&in, text);
                return 1;
        }
        add_engine(&in);
        return loop(&in);
}
