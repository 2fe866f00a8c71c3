#include "unit.h"

#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum { FIRST_DELAY_MS = 250, LAST_DELAY_MS = 8000, LONG_RUN_MS = 10000 };

static char **copy_strings(const char *const *v) {
        size_t n = 0;
        while (v && v[n])
                n++;
        char **copy = dr_xcalloc(n + 1, sizeof *copy);
        for (size_t i = 0; i < n; i++)
                copy[i] = dr_xstrdup(v[i]);
        return copy;
}

static void free_strings(char **v) {
        for (size_t i = 0; v && v[i]; i++)
                free(v[i]);
        free(v);
}

struct unit *unit_add(struct units *u, const char *name, const char *const *argv, const char *const *env, const char *log) {
        if (u->n == UNITS_MAX)
                return NULL;
        struct unit *new = &u->v[u->n++];
        *new = (struct unit) { .name = dr_xstrdup(name), .argv = copy_strings(argv), .env = copy_strings(env), .log = dr_xstrdup(log) };
        return new;
}

struct unit *unit_find(struct units *u, const char *name) {
        for (size_t i = 0; i < u->n; i++)
                if (str_eq(u->v[i].name, name))
                        return &u->v[i];
        return NULL;
}

static void start(struct unit *u, uint64_t now_ms) {
        u->started_ms = now_ms;
        pid_t pid = fork();
        if (pid < 0) {
                log_error("could not start a process", "unit", u->name, "why", strerror(errno), NULL);
                u->restart_ms = now_ms + LAST_DELAY_MS;
                return;
        }
        if (pid > 0) {
                u->pid = pid;
                return;
        }
        setsid();
        int out = open(u->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (out >= 0) {
                dup2(out, 1);
                dup2(out, 2);
        }
        for (size_t i = 0; u->env[i]; i++)
                putenv(u->env[i]);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        execvp(u->argv[0], u->argv);
        dprintf(2, "could not run \"%s\": %s\n", u->argv[0], strerror(errno));
        _exit(127);
}

void unit_stop(struct unit *u) {
        u->stopped = true;
        if (u->pid > 0 && kill(-u->pid, SIGTERM) < 0)
                kill(u->pid, SIGTERM);  /* it has not yet made its group */
}

static void drop(struct units *u, size_t i) {
        free(u->v[i].name);
        free(u->v[i].log);
        free_strings(u->v[i].argv);
        free_strings(u->v[i].env);
        memmove(&u->v[i], &u->v[i + 1], (u->n - i - 1) * sizeof u->v[0]);
        u->n--;
}

int units_step(struct units *u, uint64_t now_ms) {
        uint64_t next = UINT64_MAX;
        for (size_t i = 0; i < u->n;) {
                struct unit *one = &u->v[i];
                if (one->pid == 0 && one->stopped) {
                        drop(u, i);
                        continue;
                }
                if (one->pid == 0 && one->restart_ms <= now_ms)
                        start(one, now_ms);
                if (one->pid == 0)
                        next = MIN(next, one->restart_ms);
                i++;
        }
        return next == UINT64_MAX ? -1 : next <= now_ms ? 0 : (int) (next - now_ms);
}

struct unit *units_reaped(struct units *u, pid_t pid, int status, uint64_t now_ms) {
        for (size_t i = 0; i < u->n; i++) {
                struct unit *one = &u->v[i];
                if (one->pid != pid)
                        continue;
                one->pid = 0;
                bool long_run = now_ms - one->started_ms >= LONG_RUN_MS;
                one->fails = long_run ? 0 : one->fails + 1;
                uint64_t delay = one->fails ? (uint64_t) FIRST_DELAY_MS << MIN(one->fails - 1, 5u) : 0;
                one->restart_ms = now_ms + MIN(delay, (uint64_t) LAST_DELAY_MS);
                char how[64];
                snprintf(how, sizeof how, WIFEXITED(status) ? "exit code %d" : "signal %d", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
                if (!one->stopped)
                        log_warning("a process ended and will be started again", "unit", one->name, "how", how, NULL);
                return one;
        }
        return NULL;
}
