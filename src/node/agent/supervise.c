#include "supervise.h"

#include "base/log.h"
#include "base/times.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

enum { BACKOFF_MS = 500, BACKOFF_MS_MAX = 30000, STABLE_MS = 60000, STOP_MS = 15000 };

/* Waits for one of the blocked signals. 0: the time is over. */
static int wait_signal(const sigset_t *set, uint64_t ms) {
        struct timespec t = { .tv_sec = (time_t) (ms / 1000), .tv_nsec = (long) (ms % 1000) * 1000000 };
        int s = sigtimedwait(set, NULL, &t);
        return s < 0 ? 0 : s;
}

static pid_t start(char *const *argv, const sigset_t *before) {
        pid_t pid = fork();
        if (pid != 0)
                return pid;
        sigprocmask(SIG_SETMASK, before, NULL);
        prctl(PR_SET_PDEATHSIG, SIGTERM);               /* a killed supervisor leaves no second agent behind */
        execv(argv[0], argv);
        _exit(127);
}

/* True when the child has ended. */
static bool reap(pid_t pid, int *status) { return waitpid(pid, status, WNOHANG) == pid; }

static void end(pid_t pid, const sigset_t *set) {
        int status;
        kill(pid, SIGTERM);
        uint64_t until_ms = time_mono_ms() + STOP_MS;
        while (!reap(pid, &status)) {
                uint64_t now_ms = time_mono_ms();
                if (now_ms >= until_ms) {
                        kill(pid, SIGKILL);
                        waitpid(pid, &status, 0);
                        return;
                }
                (void) wait_signal(set, until_ms - now_ms);
        }
}

int supervise(const char *pid_file, char *const *argv, struct dr_error *err) {
        auto_close int fd = open(pid_file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open pid file \"%s\": %m", pid_file);
        while (flock(fd, LOCK_EX) < 0)                  /* another supervisor is there: wait to take over */
                if (errno != EINTR)
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not lock pid file \"%s\": %m", pid_file);
        char text[32];
        int n = snprintf(text, sizeof text, "%d\n", (int) getpid());
        if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t) n, 0) != n)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not write pid file \"%s\": %m", pid_file);

        sigset_t set, before;
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, &before);
        for (uint64_t backoff_ms = BACKOFF_MS;;) {
                uint64_t started_ms = time_mono_ms();
                int status = 0;
                pid_t pid = start(argv, &before);
                if (pid < 0)
                        log_error("the program could not be started", "program", argv[0], "reason", strerror(errno), NULL);
                while (pid > 0 && !reap(pid, &status)) {
                        int s = wait_signal(&set, 3600000);
                        if (s == SIGTERM || s == SIGINT) {
                                end(pid, &set);
                                return 0;
                        }
                }
                if (time_mono_ms() - started_ms >= STABLE_MS)
                        backoff_ms = BACKOFF_MS;
                char why[64];
                snprintf(why, sizeof why, WIFSIGNALED(status) ? "signal %d" : "code %d", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
                log_warning("the program ended and is started again", "program", argv[0], "how", why, NULL);
                for (uint64_t until_ms = time_mono_ms() + backoff_ms, now_ms; (now_ms = time_mono_ms()) < until_ms;) {
                        int s = wait_signal(&set, until_ms - now_ms);
                        if (s == SIGTERM || s == SIGINT)
                                return 0;
                }
                backoff_ms = MIN(backoff_ms * 2, (uint64_t) BACKOFF_MS_MAX);
        }
}
