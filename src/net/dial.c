#include "net/dial.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>

#include "net/stream-internal.h"

enum { TIMEOUT_MS = 10000 };

struct dial {
        struct loop *loop;
        struct stream *s;
        struct timer *timer;
        char *where;
        void (*done)(struct stream *, const struct dr_error *, void *);
        void *arg;
};

static void dial_free(struct dial *d) {
        if (d->s) {
                stream_set_events(d->s, NULL, NULL);
                stream_close(d->s);
        }
        timer_free(d->timer);
        free(d->where);
        free(d);
}

void dial_cancel(struct dial *d) { dial_free(d); }

static void fail(struct dial *d, enum dr_code code, const char *why) {
        struct dr_error err;
        dr_fail(&err, code, NULL, "could not connect to %s: %s", d->where, why);
        d->done(NULL, &err, d->arg);
        dial_free(d);
}

static void on_timeout(void *arg) { fail(arg, DR_E_TIMEOUT, "no connection in time"); }

static void on_connected(struct stream *s, int status) {
        struct dial *d = s->arg;
        if (status < 0)
                return fail(d, uv_to_code(status), uv_strerror(status));
        d->s = NULL;
        stream_set_events(s, NULL, NULL);
        d->done(s, NULL, d->arg);
        dial_free(d);
}

/* A socket belongs for good to the namespace in which it was made: this thread is there for that one call. */
static int socket_in(int netns_fd, int family, struct dr_error *err) {
        auto_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (home < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not enter the network namespace: %m");
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), why = errno;
        if (setns(home, CLONE_NEWNET) < 0)
                abort();                                /* all that this process does would go astray */
        errno = why;
        return fd >= 0 ? fd : dr_fail(err, DR_E_INTERNAL, NULL, "could not make a socket: %m");
}

static int connect_tcp(struct dial *d, const struct dial_spec *spec, struct dr_error *err) {
        struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t) spec->port) };
        struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t) spec->port) };
        bool is_v4 = inet_pton(AF_INET, spec->address, &a4.sin_addr) == 1;
        if (!is_v4 && inet_pton(AF_INET6, spec->address, &a6.sin6_addr) != 1)
                return dr_fail(err, DR_E_INVALID_FORMAT, "address", "\"%.60s\" is no address", spec->address);
        if (spec->port < 1 || spec->port > 65535)
                return dr_fail(err, DR_E_INVALID_FORMAT, "port", "%u is no port", spec->port);
        if (spec->netns_fd >= 0) {
                int fd = socket_in(spec->netns_fd, is_v4 ? AF_INET : AF_INET6, err);
                if (fd < 0)
                        return fd;
                int r = uv_tcp_open(&d->s->h.tcp, fd);
                if (r < 0) {
                        close(fd);
                        return dr_fail(err, DR_E_INTERNAL, NULL, "could not use a socket: %s", uv_strerror(r));
                }
        }
        int r = stream_connect_tcp(d->s, is_v4 ? (struct sockaddr *) &a4 : (struct sockaddr *) &a6, on_connected);
        return r < 0 ? dr_fail(err, uv_to_code(r), NULL, "could not connect to %s: %s", d->where, uv_strerror(r)) : 0;
}

struct dial *dial_start(struct loop *l, const struct dial_spec *spec, struct dr_error *err) {
        struct dial *d = dr_xnew(struct dial);
        *d = (struct dial) { .loop = l, .done = spec->done, .arg = spec->arg, .s = stream_new(l, spec->unix_path != NULL) };
        d->where = spec->unix_path ? dr_xasprintf("\"%s\"", spec->unix_path) : dr_xasprintf("%s port %u", spec->address, spec->port);
        d->timer = timer_new(l, on_timeout, d);
        int r = spec->unix_path ? stream_connect_unix(d->s, spec->unix_path, on_connected) : connect_tcp(d, spec, err);
        if (r < 0) {
                dial_free(d);
                return NULL;
        }
        stream_set_events(d->s, NULL, d);
        timer_start(d->timer, spec->timeout_ms ? spec->timeout_ms : TIMEOUT_MS);
        return d;
}
