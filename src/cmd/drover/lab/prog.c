#include "prog.h"

#include "base/sbuf.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum { STDERR_BYTES_MAX = 4096 };
static const char extra_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void prog_path_init(void) {
        const char *path = getenv("PATH");
        auto_free char *full = path && *path ? dr_xasprintf("%s:%s", path, extra_path) : dr_xstrdup(extra_path);
        if (setenv("PATH", full, 1) < 0)
                abort();
}

char *prog_find(const char *name) {
        if (strchr(name, '/'))
                return access(name, X_OK) == 0 ? dr_xstrdup(name) : NULL;
        auto_free char *path = dr_xstrdup(str_or(getenv("PATH"), extra_path));
        char *save = NULL;
        for (char *dir = strtok_r(path, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
                auto_free char *full = dr_xasprintf("%s/%s", dir, name);
                if (access(full, X_OK) == 0)
                        return dr_take(full);
        }
        return NULL;
}

bool prog_exists(const char *name) {
        auto_free char *path = prog_find(name);
        return path != NULL;
}

/* In the child: nothing here returns. */
static void child_exec(const struct prog *p, int in, int out, int errs) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        if (p->netns_fd > 0 && setns(p->netns_fd, CLONE_NEWNET) < 0) {
                dprintf(errs, "could not enter the network namespace: %s\n", strerror(errno));
                _exit(126);
        }
        if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(errs, 2) < 0)
                _exit(126);
        execvp(p->argv[0], (char *const *) (uintptr_t) p->argv);
        dprintf(2, "could not run \"%s\": %s\n", p->argv[0], strerror(errno));
        _exit(127);
}

static void nonblock(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

/* Feeds input and collects both outputs until the child has closed them. */
static void pump(const char *input, int in, int out, int errs, struct sbuf *ret_out, struct sbuf *ret_err) {
        size_t left = input ? strlen(input) : 0;
        nonblock(in);
        while (out >= 0 || errs >= 0) {
                if (in >= 0 && left == 0) {
                        close(in);
                        in = -1;
                }
                struct pollfd fds[3] = { { .fd = in, .events = POLLOUT }, { .fd = out, .events = POLLIN }, { .fd = errs, .events = POLLIN } };
                if (poll(fds, 3, -1) < 0)
                        continue;       /* EINTR */
                if (fds[0].revents) {
                        ssize_t n = write(in, input, left);
                        if (n > 0) {
                                input += n;
                                left -= (size_t) n;
                        } else if (errno != EAGAIN && errno != EINTR) {
                                left = 0;       /* the program does not want the rest */
                        }
                }
                for (int i = 1; i < 3; i++) {
                        if (!fds[i].revents)
                                continue;
                        char buf[4096];
                        ssize_t n = read(fds[i].fd, buf, sizeof buf);
                        if (n > 0)
                                sbuf_add(i == 1 ? ret_out : ret_err, buf, (size_t) n);
                        else if (n == 0 || errno != EINTR)
                                *(i == 1 ? &out : &errs) = -1;
                }
        }
        if (in >= 0)
                close(in);
}

static int wait_code(pid_t pid) {
        int status = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(const struct prog *p, struct sbuf *out, struct sbuf *errs, struct dr_error *err) {
        int in_pipe[2] = { -1, -1 }, out_pipe[2] = { -1, -1 }, err_pipe[2] = { -1, -1 };
        auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        bool failed = null < 0 || (p->input && pipe2(in_pipe, O_CLOEXEC) < 0);
        failed = failed || (!p->inherit && (pipe2(out_pipe, O_CLOEXEC) < 0 || pipe2(err_pipe, O_CLOEXEC) < 0));
        pid_t pid = failed ? -1 : fork();
        if (pid == 0)
                child_exec(p, p->input ? in_pipe[0] : p->stdin_fd > 0 ? p->stdin_fd : null, p->inherit ? 1 : out_pipe[1],
                           p->inherit ? 2 : err_pipe[1]);
        int saved = errno;
        dr_closep(&in_pipe[0]);
        dr_closep(&out_pipe[1]);
        dr_closep(&err_pipe[1]);
        int code = -1;
        if (pid > 0) {
                if (p->inherit)
                        dr_closep(&in_pipe[1]);
                else
                        pump(p->input, in_pipe[1], out_pipe[0], err_pipe[0], out, errs);
                code = wait_code(pid);
        } else {
                dr_closep(&in_pipe[1]);
        }
        dr_closep(&out_pipe[0]);
        dr_closep(&err_pipe[0]);
        errno = saved;
        if (pid < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not start program \"%s\": %m", p->argv[0]);
        return code;
}

int prog_status(const struct prog *p, struct dr_error *err) {
        auto_sbuf struct sbuf out = SBUF(PROG_OUTPUT_BYTES_MAX), errs = SBUF(STDERR_BYTES_MAX);
        int r = run(p, &out, &errs, err);
        if (r >= 0 && p->ret_output)
                *p->ret_output = sbuf_steal(&out);
        return r;
}

int prog_run(const struct prog *p, struct dr_error *err) {
        auto_sbuf struct sbuf out = SBUF(PROG_OUTPUT_BYTES_MAX), errs = SBUF(STDERR_BYTES_MAX);
        int r = run(p, &out, &errs, err);
        if (r < 0)
                return r;
        if (r > 0) {
                while (errs.len > 0 && errs.data[errs.len - 1] == '\n')
                        errs.data[--errs.len] = '\0';
                auto_sbuf struct sbuf line = SBUF(STDERR_BYTES_MAX);
                for (size_t i = 0; p->argv[i]; i++)
                        sbuf_printf(&line, "%s%s", i ? " " : "", p->argv[i]);
                return dr_fail(err, DR_E_INTERNAL, NULL, "\"%.160s\" ended with code %d: %.300s", sbuf_str(&line), r,
                               errs.len ? sbuf_str(&errs) : "it wrote nothing to stderr");
        }
        if (p->ret_output)
                *p->ret_output = sbuf_steal(&out);
        return 0;
}
