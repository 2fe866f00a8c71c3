#include "node/entry/entry.h"

#include "node/entry/netstate.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

enum { POLL_FAST_MS = 5, POLL_SLOW_MS = 50, FAST_MS = 3000, ID_CHARS = 64, LINE_BYTES_MAX = 4096, NO_NETWORK = 125, NOT_RUNNABLE = 126, NOT_FOUND = 127 };

static volatile sig_atomic_t came;      /* the first signal that asks the container to end */

static void on_signal(int signum) {
        if (!came)
                came = signum;
}

bool entry_is_called(const char *argv0) {
        const char *slash = strrchr(argv0, '/');
        return str_eq(argv0, ENTRY_PROGRAM) || str_eq(slash ? slash + 1 : argv0, "drover-entry");
}

/* What `docker stop` and people use. The first process of a container has no default actions, so each needs a handler; SIGWINCH only
 * without a terminal, which sends it by itself. */
static void catch_signals(bool on) {
        static const int signals[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGPWR, SIGWINCH };
        static bool caught[ARRAY_LEN(signals) + 64];
        size_t realtime = (size_t) (SIGRTMAX - SIGRTMIN + 1);
        for (size_t i = 0; i < ARRAY_LEN(signals) + realtime && i < ARRAY_LEN(caught); i++) {
                int signum = i < ARRAY_LEN(signals) ? signals[i] : SIGRTMIN + (int) (i - ARRAY_LEN(signals));
                struct sigaction now, act = { .sa_handler = on ? on_signal : SIG_DFL };
                if (on && (sigaction(signum, NULL, &now) < 0 || now.sa_handler == SIG_IGN || (signum == SIGWINCH && isatty(0))))
                        continue;
                if (on || caught[i])
                        caught[i] = sigaction(signum, &act, NULL) == 0 && on;
        }
}

static uint64_t now_ms(clockid_t clock) {
        struct timespec t;
        clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static bool read_small(const char *path, char *buf, size_t n) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd < 0 ? -1 : read(fd, buf, n - 1);
        buf[got > 0 ? got : 0] = 0;
        return got > 0;
}

/* When this run of the container began, as Unix time in ms, never too late: the process above this one (the container's init, or the shim
 * when pids are the host's) or this one. State files of earlier runs are older, the one of this run is younger. */
static uint64_t run_began_ms(void) {
        char path[64], stat[1024];
        unsigned long long ticks = 0;
        pid_t parent = getppid();
        snprintf(path, sizeof path, "/proc/%d/stat", (int) (parent > 0 ? parent : getpid()));
        uint64_t here = now_ms(CLOCK_REALTIME_COARSE);
        char *paren = read_small(path, stat, sizeof stat) || (read_small("/proc/self/stat", stat, sizeof stat)) ? strrchr(stat, ')') : NULL;
        if (!paren || sscanf(paren + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks) != 1)
                return here;
        uint64_t age = now_ms(CLOCK_BOOTTIME) - ticks * 1000 / (unsigned long long) sysconf(_SC_CLK_TCK);
        return age < here ? here - age : here;
}

/* ".../containers/ID/resolv.conf" and the like. */
static bool id_in(const char *line, char *ret) {
        static const char hex[] = "0123456789abcdef";
        for (const char *p = line; (p = strchr(p, '/')); ) {
                p++;
                size_t n = strspn(p, hex);
                if (n == ID_CHARS && strchr("/ \n", p[n])) {
                        memcpy(ret, p, n);
                        ret[n] = 0;
                        return true;
                }
        }
        return false;
}

/* The container's Docker id: the engine binds resolv.conf, hosts and hostname from a folder with its name. "" when none is bound. */
static void find_id(char *ret) {
        static const char *const files[] = { "/proc/self/mountinfo", "/proc/self/cgroup" };
        static const char *const bound[] = { " /etc/resolv.conf ", " /etc/hosts ", " /etc/hostname " };
        *ret = 0;
        for (size_t i = 0; i < ARRAY_LEN(files) && !*ret; i++) {
                FILE *f = fopen(files[i], "re");
                char line[LINE_BYTES_MAX];
                while (f && !*ret && fgets(line, sizeof line, f))
                        if (i > 0 || strstr(line, bound[0]) || strstr(line, bound[1]) || strstr(line, bound[2]))
                                id_in(line, ret);
                if (f)
                        fclose(f);
        }
}

/* Whether the interface has an address; the namespace is new with each run. Where no socket can be had, the state alone counts. */
static bool has_interface(const char **missing) {
        auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return true;
        struct ifreq r = { 0 };
        snprintf(r.ifr_name, sizeof r.ifr_name, "%s", NETSTATE_INTERFACE);
        *missing = "there is no interface " NETSTATE_INTERFACE;
        if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
                return false;
        *missing = "interface " NETSTATE_INTERFACE " has no address";
        return (r.ifr_flags & IFF_UP) && ioctl(fd, SIOCGIFADDR, &r) == 0;
}

/* The state of this run: the youngest, and younger than the run. 1: network is there, 0: no word, negative: err says what went wrong. */
static int look_at_state(const char *id, uint64_t began_ms, struct dr_error *err) {
        char path[sizeof ENTRY_DIR + 160], name[NETSTATE_NAME_MAX] = "";
        snprintf(path, sizeof path, ENTRY_DIR "/cni/%s", id);
        DIR *d = opendir(path);
        uint64_t youngest = 0;
        for (struct dirent *e; d && (e = readdir(d)); ) {
                struct stat st;
                if (!netstate_is_name(e->d_name) || fstatat(dirfd(d), e->d_name, &st, 0) < 0)
                        continue;
                uint64_t written = (uint64_t) st.st_mtim.tv_sec * 1000 + (uint64_t) st.st_mtim.tv_nsec / 1000000;
                if (written >= began_ms && written >= youngest) {
                        youngest = written;
                        snprintf(name, sizeof name, "%s", e->d_name);
                }
        }
        if (d)
                closedir(d);
        if (!*name)
                return 0;
        struct netstate s;
        snprintf(path, sizeof path, ENTRY_DIR "/cni/%s/%s", id, name);
        int r = netstate_read(path, &s, err);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        return *s.error ? dr_fail(err, DR_E_UNAVAILABLE, NULL, "%s", s.error) : 1;
}

static int say(int status, const char *why) {
        fprintf(stderr, "drover: %s\n", why);
        return status;
}

/* 0: the network is there; else the exit status. */
static int wait_for_network(void) {
        char id[ID_CHARS + 1];
        find_id(id);
        uint64_t began = run_began_ms(), start = now_ms(CLOCK_BOOTTIME);
        const char *missing = "";
        for (;;) {
                struct dr_error err = { 0 };
                if (came)
                        return 128 + came;
                int state = *id ? look_at_state(id, began, &err) : 1;
                if (state < 0) {
                        auto_free char *why = dr_xasprintf("the container's network could not be set up: %s", err.message);
                        return say(NO_NETWORK, why);
                }
                if (has_interface(&missing) && state)
                        return 0;
                if (!state)
                        missing = "the network manager of this host has not answered";
                uint64_t waited = now_ms(CLOCK_BOOTTIME) - start;
                if (waited >= NETSTATE_ENTRY_MS) {
                        auto_free char *why = dr_xasprintf("the container has no network after %d s: %s", NETSTATE_ENTRY_MS / 1000, missing);
                        return say(NO_NETWORK, why);
                }
                struct timespec pause = { 0, (waited < FAST_MS ? POLL_FAST_MS : POLL_SLOW_MS) * 1000000L };
                nanosleep(&pause, NULL);
        }
}

/* As the runtime looks for the command: no shell steps in for a file without a format. */
static int become(char **argv) {
        const char *path = str_or(getenv("PATH"), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        int why = ENOENT;
        if (strchr(argv[0], '/')) {
                execv(argv[0], argv);
                why = errno;
        } else {
                for (const char *p = path; ; p += strcspn(p, ":") + 1) {
                        size_t n = strcspn(p, ":");
                        auto_free char *file = dr_xasprintf("%.*s/%s", n ? (int) n : 1, n ? p : ".", argv[0]);
                        struct stat st;
                        if (stat(file, &st) == 0 && !S_ISDIR(st.st_mode)) {
                                execv(file, argv);
                                why = errno;
                        }
                        if (!p[n])
                                break;
                }
        }
        errno = why;
        auto_free char *text = dr_xasprintf("could not start \"%s\": %m", argv[0]);
        return say(why == ENOENT ? NOT_FOUND : NOT_RUNNABLE, text);
}

int entry_main(int argc, char **argv) {
        if (argc < 2)
                return say(NO_NETWORK, "no command to start");
        catch_signals(true);
        int status = wait_for_network();
        if (status == 0 && came)
                status = 128 + came;
        if (status != 0)
                return status;
        catch_signals(false);
        return become(argv + 1);
}
