#include "self.h"

#include "state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { ARGS_MAX = 24, FDS_MAX = 4, STATUS_TIMEOUT_MS = 20000, HIGH_FD = 64 };

volatile sig_atomic_t self_interrupted;

static _Noreturn void become(const char *exe, const char *const *argv, const char *log, const int *fds, size_t n_fds) {
        int moved[FDS_MAX];
        setsid();
        int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
                _exit(1);
        /* Out of the way first: a wanted number may be another one's present number. */
        for (size_t i = 0; i < n_fds; i++)
                moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
        for (size_t i = 0; i < n_fds; i++)
                if (dup2(moved[i], 3 + (int) i) < 0)
                        _exit(1);
        (void) syscall(SYS_close_range, 3 + (unsigned) n_fds, ~0U, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        for (int sig = 1; sig < 32; sig++)
                signal(sig, SIG_DFL);   /* SIGKILL and SIGSTOP refuse */
        umask(022);
        auto_free char *path = dr_xasprintf("PATH=%s", str_or(getenv("PATH"), "/usr/sbin:/usr/bin:/sbin:/bin"));
        char *env[] = { path, (char[]) { "HOME=/root" }, (char[]) { "LANG=C.UTF-8" }, NULL };
        char *args[ARGS_MAX + 2] = { (char[]) { "drover" } };
        for (size_t i = 0; argv[i] && i < ARGS_MAX; i++)
                args[i + 1] = (char *) (uintptr_t) argv[i];
        execve(exe, args, env);
        dprintf(2, "could not run \"%s\": %s\n", exe, strerror(errno));
        _exit(1);
}

void self_daemon(const char *const *argv, const char *log, const int *fds, size_t n_fds, const char *pid_path, int status_fd) {
        char exe[4096];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
        if (n < 0 || n_fds > FDS_MAX) {
                dprintf(status_fd, "error could not find this program's own file: %s\n", strerror(errno));
                return;
        }
        exe[n] = '\0';
        int gate[2];
        pid_t pid = pipe2(gate, O_CLOEXEC) < 0 ? -1 : fork();
        if (pid < 0) {
                dprintf(status_fd, "error could not start a process: %s\n", strerror(errno));
                return;
        }
        if (pid == 0) {
                /* Begins when its number is on record, so that no failure leaves a process which nobody knows. */
                char c;
                close(gate[1]);
                if (read(gate[0], &c, 1) != 1)
                        _exit(1);
                become(exe, argv, log, fds, n_fds);
        }
        struct dr_error err = { 0 };
        if (lab_pid_write(pid_path, pid, &err) < 0) {
                dprintf(status_fd, "error %s\n", err.message);
                return;
        }
        _exit(write(gate[1], "g", 1) == 1 ? 0 : 1);
}

int self_read_status(int fd, int timeout_ms, struct dr_error *err) {
        char buf[600];
        size_t n = 0;
        while (n + 1 < sizeof buf) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                int r = poll(&p, 1, timeout_ms);
                if (self_interrupted)
                        return dr_fail(err, DR_E_TIMEOUT, NULL, "interrupted");
                if (r < 0 && errno == EINTR)
                        continue;
                if (r == 0)
                        return dr_fail(err, DR_E_TIMEOUT, NULL, "no answer within %d s", timeout_ms / 1000);
                ssize_t got = read(fd, buf + n, sizeof buf - 1 - n);
                if (got <= 0)
                        break;
                n += (size_t) got;
                if (buf[n - 1] == '\n')
                        break;
        }
        buf[n] = '\0';
        buf[strcspn(buf, "\n")] = '\0';
        if (str_eq(buf, "ok"))
                return 0;
        return dr_fail(err, DR_E_INTERNAL, NULL, "%s", str_starts(buf, "error ") ? buf + 6 : "the process ended without a word");
}

int self_wait_status(int fd, pid_t child, struct dr_error *err) {
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
                ;
        return self_read_status(fd, STATUS_TIMEOUT_MS, err);
}
