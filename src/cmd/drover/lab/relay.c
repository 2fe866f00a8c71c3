#include "relay.h"

#include "base/log.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

/* One direction of a connection: what was read from one side and not yet written to the other. */
struct flow { char *data; size_t start, len; bool eof, closed; };

struct pair {
        int fd[2];                      /* 0: the lab's side, 1: the target */
        bool connecting;
        struct flow flow[2];            /* flow[i] comes from fd[i] and goes to fd[1 - i] */
};

int relay_target_parse(const char *host, const char *port, struct relay_target *ret, struct dr_error *err) {
        struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found = NULL;
        int r = getaddrinfo(host, port, &hints, &found);
        if (r != 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "relay target \"%s\" port \"%s\": %s", host, port, gai_strerror(r));
        memcpy(&ret->address, found->ai_addr, found->ai_addrlen);
        ret->len = found->ai_addrlen;
        freeaddrinfo(found);
        return 0;
}

static void pair_done(struct pair *p) {
        for (int i = 0; i < 2; i++) {
                dr_closep(&p->fd[i]);
                free(p->flow[i].data);
        }
}

static bool pair_start(struct pair *p, int accepted, const struct relay_target *to) {
        *p = (struct pair) { .fd = { accepted, socket(to->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) }, .connecting = true };
        int on = 1;
        for (int i = 0; i < 2; i++) {
                p->flow[i].data = dr_xmalloc(RELAY_BUFFER_BYTES);
                if (p->fd[i] >= 0)
                        (void) setsockopt(p->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  /* only slower without */
        }
        if (p->fd[1] >= 0 && (connect(p->fd[1], (const struct sockaddr *) &to->address, to->len) == 0 || errno == EINPROGRESS))
                return true;
        log_warningf("relay cannot connect: %s", strerror(errno));
        pair_done(p);
        return false;
}

static short wanted(const struct pair *p, int side) {
        const struct flow *in = &p->flow[side], *out = &p->flow[1 - side];
        if (p->connecting)
                return side == 1 ? POLLOUT : 0;
        return (short) ((!in->eof && in->len == 0 ? POLLIN : 0) | (out->len ? POLLOUT : 0));
}

/* False: the pair is broken. */
static bool flow_read(struct pair *p, int side) {
        struct flow *f = &p->flow[side];
        ssize_t n = read(p->fd[side], f->data, RELAY_BUFFER_BYTES);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR;
        f->eof = n == 0;
        f->start = 0;
        f->len = (size_t) n;
        return true;
}

static bool flow_write(struct pair *p, int side) {
        struct flow *f = &p->flow[side];
        int to = p->fd[1 - side];
        if (f->len) {
                ssize_t n = send(to, f->data + f->start, f->len, MSG_NOSIGNAL);
                if (n < 0)
                        return errno == EAGAIN || errno == EINTR;
                f->start += (size_t) n;
                f->len -= (size_t) n;
        }
        if (f->eof && !f->len && !f->closed) {
                f->closed = true;
                (void) shutdown(to, SHUT_WR);   /* a side already gone shows as a broken pair */
        }
        return true;
}

/* False: finished, or broken. */
static bool pair_step(struct pair *p, short events0, short events1) {
        short events[2] = { events0, events1 };
        if (p->connecting) {
                if (events0 & (POLLERR | POLLHUP))
                        return false;
                if (!events1)
                        return true;
                int e = 0;
                socklen_t len = sizeof e;
                if (getsockopt(p->fd[1], SOL_SOCKET, SO_ERROR, &e, &len) < 0 || e) {
                        log_warningf("relay cannot connect: %s", strerror(e));
                        return false;
                }
                p->connecting = false;
                return true;
        }
        for (int i = 0; i < 2; i++) {
                if (events[i] & POLLERR)
                        return false;
                if ((events[i] & (POLLIN | POLLHUP)) && !p->flow[i].eof && !p->flow[i].len && !flow_read(p, i))
                        return false;
                if (!flow_write(p, i))
                        return false;
        }
        bool both_hung_up = (events0 & POLLHUP) && (events1 & POLLHUP) && !p->flow[0].len && !p->flow[1].len;
        return !both_hung_up && !(p->flow[0].closed && p->flow[1].closed);
}

_Noreturn void relay_loop(int listen_fd, const struct relay_target *to) {
        static struct pair pairs[RELAY_CONNECTIONS_MAX];
        static struct pollfd fds[1 + 2 * RELAY_CONNECTIONS_MAX];
        size_t n = 0;
        fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
        for (;;) {
                fds[0] = (struct pollfd) { .fd = n < RELAY_CONNECTIONS_MAX ? listen_fd : -1, .events = POLLIN };
                for (size_t i = 0; i < n; i++)
                        for (int side = 0; side < 2; side++) {
                                short events = wanted(&pairs[i], side);
                                /* A side that nothing is wanted of would report its hang-up without end. */
                                bool watch = events || !pairs[i].flow[side].eof;
                                fds[1 + 2 * i + side] = (struct pollfd) { .fd = watch ? pairs[i].fd[side] : -1, .events = events };
                        }
                if (poll(fds, 1 + 2 * n, -1) < 0)
                        continue;       /* EINTR */
                size_t kept = 0;
                for (size_t i = 0; i < n; i++) {
                        if (pair_step(&pairs[i], fds[1 + 2 * i].revents, fds[2 + 2 * i].revents))
                                pairs[kept++] = pairs[i];
                        else
                                pair_done(&pairs[i]);
                }
                n = kept;
                while (fds[0].revents && n < RELAY_CONNECTIONS_MAX) {
                        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                        if (fd < 0)
                                break;
                        n += pair_start(&pairs[n], fd, to);
                }
        }
}
