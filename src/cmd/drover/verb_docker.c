/* verb_docker.c: drover docker --host HOST ...: the docker command line against a host's engine, through the server.
 *
 * A socket of our own in a private folder; each connection of docker to it becomes a dockersocket stream of the host, in a process of its own. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "cli.h"
#include "host_stream.h"
#include "verbs.h"

enum { BACKLOG = 16 };

static const struct opt_row rows[] = {
        { .name = "host", .arg = "HOST", .type = OPT_STRING, .complete = "host", .help = "the host, by name or id; not needed when there is only one" },
};

static int find_host(struct cli *c, struct json_object **ret) {
        const char *name = opts_str(c->opts, "host");
        AUTO(json_free) struct json_object *list = NULL;
        if (name)
                return lookup(c->api, name, (unsigned) BIT(RES_HOST), ret, &c->err);
        auto_free char *path = lookup_collection(c->api, RES_HOST);
        int r = api_list(c->api, path, &list, &c->err);
        if (r < 0)
                return r;
        if (json_object_array_length(list) != 1)
                return dr_fail(&c->err, DR_E_MISSING_REQUIRED, "host", "there are %zu hosts: choose one with --host", json_object_array_length(list));
        *ret = json_object_get(json_object_array_get_idx(list, 0));
        return 0;
}

static bool write_all(int fd, const char *p, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, p, n);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return false;
                p += k;
                n -= (size_t) k;
        }
        return true;
}

/* One connection, in a child: it has a connection to the server of its own. */
static int relay(struct cli *c, struct json_object *host, int fd) {
        AUTO(json_free) struct json_object *access = NULL;
        AUTO(host_stream_free) struct host_stream *s = NULL;
        c->api = NULL;                  /* the parent's: its loop is not ours to turn */
        int r = cli_connect_project(c);
        if (r < 0 || (r = api_action(c->api, host, "dockersocket", NULL, &access, &c->err)) < 0 || (r = host_stream_open(c->api, access, &s, &c->err)) < 0)
                return r;
        bool open = true;
        host_stream_watch(s, fd);
        while (r >= 0) {
                auto_free char *p = NULL;
                char chunk[HOST_STREAM_CHUNK];
                size_t n = 0;
                r = host_stream_next(s, UINT64_MAX, &p, &n, &c->err);
                if (r > 0 && !write_all(fd, p, n))
                        return 0;
                if (r == 0 && open && cli_can_read(fd)) {
                        ssize_t k = read(fd, chunk, sizeof chunk);
                        if (k > 0) {
                                r = host_stream_send(s, chunk, (size_t) k, &c->err);
                        } else {
                                open = false;
                                host_stream_watch(s, -1);
                                r = host_stream_eof(s, &c->err);
                        }
                }
        }
        (void) shutdown(fd, SHUT_RDWR);
        return r == -ENODATA ? 0 : r;
}

static void serve(struct cli *c, struct json_object *host, int listener, pid_t docker, int *ret_status) {
        for (;;) {
                struct pollfd p = { .fd = listener, .events = POLLIN };
                if (poll(&p, 1, 100) > 0) {
                        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                        pid_t child = fd < 0 ? -1 : fork();
                        if (child == 0) {
                                close(listener);
                                if (relay(c, host, fd) < 0)
                                        fprintf(stderr, "drover: %s\n", c->err.message);
                                _exit(0);
                        }
                        if (fd >= 0)
                                close(fd);
                }
                pid_t gone;
                while ((gone = waitpid(-1, ret_status, WNOHANG)) > 0)
                        if (gone == docker)
                                return;
        }
}

static int listen_in(const char *dir, int *ret, struct dr_error *err) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s/docker.sock", dir);
        *ret = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (*ret < 0 || bind(*ret, (struct sockaddr *) &a, sizeof a) < 0 || listen(*ret, BACKLOG) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not listen on %s: %m", a.sun_path);
        return 0;
}

static pid_t start_docker(const char *dir, const char *const *args, size_t n) {
        pid_t pid = fork();
        if (pid != 0)
                return pid;
        auto_free char *address = dr_xasprintf("unix://%s/docker.sock", dir);
        char **argv = dr_xcalloc(n + 2, sizeof *argv);
        (void) setenv("DOCKER_HOST", address, 1);
        (void) unsetenv("DOCKER_TLS_VERIFY");
        (void) unsetenv("DOCKER_CONTEXT");
        (void) signal(SIGPIPE, SIG_DFL);
        argv[0] = (char *) (n ? "docker" : str_or(getenv("SHELL"), "/bin/sh"));
        for (size_t i = 0; i < n; i++)
                argv[i + 1] = (char *) args[i];
        (void) execvp(argv[0], argv);
        fprintf(stderr, "drover: could not run %s: %m\n", argv[0]);
        _exit(127);
}

static int run(const struct opts *o, void *context) {
        struct cli *c = context;
        AUTO(json_free) struct json_object *host = NULL;
        size_t n;
        const char *const *args = opts_args(o, &n);
        int r = cli_connect_project(c), listener = -1, status = 0;
        if (r < 0 || (r = find_host(c, &host)) < 0)
                return r;
        if (!api_can(host, "dockersocket"))
                return dr_fail(&c->err, DR_E_ACTION_NOT_AVAILABLE, NULL, "the engine of host \"%s\" cannot be used now, or not with these keys", json_str(host, "hostname", ""));
        auto_free char *dir = dr_xasprintf("%s/drover-docker-XXXXXX", str_or(getenv("TMPDIR"), "/tmp"));
        if (!mkdtemp(dir))
                return dr_fail(&c->err, DR_E_INTERNAL, NULL, "could not make a folder in %s: %m", str_or(getenv("TMPDIR"), "/tmp"));
        if ((r = listen_in(dir, &listener, &c->err)) == 0) {
                /* An interrupt is docker's to answer. */
                (void) signal(SIGINT, SIG_IGN);
                pid_t docker = start_docker(dir, args, n);
                if (docker < 0)
                        r = dr_fail(&c->err, DR_E_INTERNAL, NULL, "could not start docker: %m");
                else
                        serve(c, host, listener, docker, &status);
        }
        if (listener >= 0)
                close(listener);
        auto_free char *path = dr_xasprintf("%s/docker.sock", dir);
        (void) unlink(path);
        (void) rmdir(dir);
        return r < 0 ? r : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const struct opt_command verb_docker = {
        .name = "docker", .summary = "run docker against a host", .args = "[DOCKER ARGUMENT...]", .max_args = OPT_ANY, .first_ends = true,
        .about = "The docker command line has to be installed here; the engine is reached through the server, no port of the host is needed.\n"
                 "Without arguments a shell is started in which docker talks to that host.\n"
                 "Example: drover docker --host node1 ps",
        OPT_ROWS(rows), .run = run,
};
