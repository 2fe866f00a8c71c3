#include "delegate.h"

#include "base/sbuf.h"
#include "base/times.h"
#include "node/json_view.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

enum { TIMEOUT_MS = 60000, ENV_MAX = 4096 };

/* The first program of that name in path. NULL: none. The caller frees it. */
static char *find(const char *type, const char *path) {
        for (const char *at = path; at && *at;) {
                size_t len = strcspn(at, ":");
                auto_free char *file = dr_xasprintf("%.*s/%s", (int) len, at, type);
                struct stat st;
                if (len > 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0)
                        return dr_take(file);
                at += len + (at[len] == ':');
        }
        return NULL;
}

struct child { pid_t pid; int in, out; };

static int start(const char *file, char *const *envp, struct child *ret, struct cni_error *err) {
        int in[2] = { -1, -1 }, out[2] = { -1, -1 };
        if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
                cni_fail(err, CNI_E_IO, "could not make a pipe: %s", strerror(errno));
                goto failed;
        }
        pid_t pid = fork();
        if (pid < 0) {
                cni_fail(err, CNI_E_IO, "could not start \"%s\": %s", file, strerror(errno));
                goto failed;
        }
        if (pid == 0) {
                char *const argv[] = { (char *) file, NULL };
                if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0)
                        _exit(127);
                signal(SIGPIPE, SIG_DFL);
                execve(file, argv, envp);
                _exit(127);
        }
        close(in[0]);
        close(out[1]);
        *ret = (struct child) { pid, in[1], out[0] };
        return 0;
failed:
        for (int i = 0; i < 2; i++) {
                if (in[i] >= 0)
                        close(in[i]);
                if (out[i] >= 0)
                        close(out[i]);
        }
        return -1;
}

/* Writes text and reads the answer until the child closes its output. False: not in time, or too long. */
static bool exchange(struct child *c, const char *text, struct sbuf *ret, uint64_t deadline_ms) {
        size_t left = strlen(text);
        (void) fcntl(c->in, F_SETFL, O_NONBLOCK);
        for (;;) {
                if (left == 0 && c->in >= 0) {
                        close(c->in);
                        c->in = -1;
                }
                struct pollfd p[2] = { { .fd = c->out, .events = POLLIN }, { .fd = c->in, .events = POLLOUT } };
                uint64_t now = time_mono_ms();
                if (now >= deadline_ms)
                        return false;
                if (poll(p, 2, (int) MIN(deadline_ms - now, UINT64_C(1000))) < 0 && errno != EINTR)
                        return false;
                if (p[1].revents) {
                        ssize_t n = write(c->in, text, left);
                        if (n > 0) {
                                text += n;
                                left -= (size_t) n;
                        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
                                left = 0;               /* it does not read: what it says counts */
                        }
                }
                if (p[0].revents) {
                        char buf[8192];
                        ssize_t n = read(c->out, buf, sizeof buf);
                        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
                                return true;
                        if (n > 0)
                                sbuf_add(ret, buf, (size_t) n);
                        if (!sbuf_ok(ret))
                                return false;
                }
        }
}

/* The environment of the child: ours with the call's own variables. Strings that were made are at the end, from *ret_made on. */
static char **environment(const struct delegate_call *call, size_t *ret_made) {
        const struct { const char *name, *value; } set[] = {
                { "CNI_COMMAND=", cni_command_to_string(call->command) }, { "CNI_CONTAINERID=", call->container_id }, { "CNI_NETNS=", call->netns },
                { "CNI_IFNAME=", call->ifname }, { "CNI_PATH=", call->path },
        };
        char **env = dr_xcalloc(ENV_MAX + ARRAY_LEN(set) + 1, sizeof *env);
        size_t n = 0;
        for (char **e = environ; *e && n < ENV_MAX; e++) {
                bool ours = false;
                for (size_t i = 0; i < ARRAY_LEN(set); i++)
                        ours |= set[i].value && str_starts(*e, set[i].name);
                if (!ours)
                        env[n++] = *e;
        }
        *ret_made = n;
        for (size_t i = 0; i < ARRAY_LEN(set); i++)
                if (set[i].value)
                        env[n++] = dr_xasprintf("%s%s", set[i].name, set[i].value);
        return env;
}

static int understand(const struct delegate_call *call, int status, const struct sbuf *out, struct json_object **ret, struct cni_error *err) {
        struct dr_error why = { 0 };
        bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        size_t len = out->len;
        while (len > 0 && strchr(" \n\r\t", out->data[len - 1]))
                len--;
        json_object *o = len ? jv_parse(out->data, len, CNI_RESULT_BYTES_MAX, &why) : NULL;
        if (ok && (len == 0 || o)) {
                if (ret)
                        *ret = o;
                else
                        json_object_put(o);
                return 0;
        }
        int64_t code = jv_i64(o, "code");
        if (code > 0 && code <= UINT32_MAX) {
                cni_fail(err, (unsigned) code, "%s: %.400s", call->type, jv_str(o, "msg"));
                snprintf(err->details, sizeof err->details, "%s", jv_str(o, "details"));
        } else if (ok) {
                cni_fail(err, CNI_E_IO, "could not read what plugin \"%s\" printed: %s", call->type, why.message);
        } else {
                cni_fail(err, CNI_E_IO, "plugin \"%s\" ended with %s %d and without an error of its own", call->type, WIFSIGNALED(status) ? "signal" : "status",
                         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        }
        json_object_put(o);
        return -1;
}

int delegate_run(const struct delegate_call *call, struct json_object **ret, struct cni_error *err) {
        if (!call->type || !*call->type || strchr(call->type, '/') || call->type[0] == '.')
                return cni_fail(err, CNI_E_CONFIG, "\"%.64s\" is no name of a plugin", str_or(call->type, ""));
        auto_free char *file = find(call->type, call->path);
        if (!file)
                return cni_fail(err, CNI_E_CONFIG, "plugin \"%.64s\" is in none of the folders of CNI_PATH \"%.200s\"", call->type, str_or(call->path, ""));
        size_t made = 0;
        auto_free char **env = environment(call, &made);
        struct child c;
        int r = start(file, env, &c, err);
        for (char **e = env + made; *e; e++)
                free(*e);
        if (r < 0)
                return -1;
        auto_sbuf struct sbuf out = SBUF(CNI_RESULT_BYTES_MAX);
        void (*old)(int) = signal(SIGPIPE, SIG_IGN);
        bool done = exchange(&c, jv_print(call->conf), &out, time_mono_ms() + (call->timeout_ms ? call->timeout_ms : TIMEOUT_MS));
        signal(SIGPIPE, old);
        if (c.in >= 0)
                close(c.in);
        close(c.out);
        if (!done)
                kill(c.pid, SIGKILL);
        int status = 0;
        while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (!done)
                return cni_fail(err, CNI_E_IO, sbuf_ok(&out) ? "plugin \"%s\" did not end in time and was killed" : "plugin \"%s\" printed too much and was killed", call->type);
        return understand(call, status, &out, ret, err);
}
