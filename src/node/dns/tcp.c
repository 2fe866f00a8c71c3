#include "node/dns/tcp.h"

#include "base/log.h"
#include "base/vec.h"
#include "node/dns/udp.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

enum { IN_BYTES_MAX = 2 + DNS_MESSAGE_BYTES_MAX, READ_BYTES = 16384 };

struct conn {
        struct tcp *t;
        struct conn *next, **pprev;
        int fd;
        uint32_t ip;
        struct sockaddr_storage peer;
        struct fd_watch *watch;
        struct timer *timer;
        struct sbuf in, out;
        unsigned waiting;
        struct job *jobs;
        bool eof, serving;              /* serving: serve() is at work, answers that come meanwhile are only put down */
};

/* A query that waits; its connection may be gone. */
struct job { struct conn *c; struct job *next, **pprev; };

struct tcp {
        struct loop *loop;
        struct resolver *resolver;
        int fd;
        uint64_t idle_ms;
        struct fd_watch *watch;
        struct timer *pause;            /* out of descriptors: accept again later */
        struct conn *conns;
        unsigned n;
        struct resolve_view view;
        uint8_t *out;
};

static void unlink_job(struct job *j) {
        *j->pprev = j->next;
        if (j->next)
                j->next->pprev = j->pprev;
}

static void conn_free(struct conn *c) {
        while (c->jobs) {
                struct job *j = c->jobs;
                unlink_job(j);
                j->c = NULL;
        }
        *c->pprev = c->next;
        if (c->next)
                c->next->pprev = c->pprev;
        c->t->n--;
        fd_watch_set(c->t->watch, FD_READABLE);
        fd_watch_free(c->watch);
        timer_free(c->timer);
        close(c->fd);
        sbuf_done(&c->in);
        sbuf_done(&c->out);
        free(c);
}

static bool is_full(const struct conn *c) { return c->waiting >= TCP_WAITING_MAX || c->out.len >= TCP_OUT_BYTES; }

/* Gives what is ready to the kernel and says what to wait for. False: c is gone. */
static bool settle(struct conn *c) {
        while (c->out.len) {
                ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n > 0) {
                        sbuf_consume(&c->out, (size_t) n);
                        timer_start(c->timer, c->t->idle_ms);
                } else if (errno != EAGAIN && errno != EINTR) {
                        conn_free(c);
                        return false;
                } else {
                        break;
                }
        }
        if (!sbuf_ok(&c->out) || (c->eof && !c->out.len && !c->waiting)) {
                conn_free(c);
                return false;
        }
        fd_watch_set(c->watch, (c->out.len ? FD_WRITABLE : 0) | (c->eof || is_full(c) ? 0 : FD_READABLE));
        return true;
}

static void put(struct conn *c, const uint8_t *p, size_t n) {
        uint8_t length[2];
        dns_put16(length, (unsigned) n);
        sbuf_add(&c->out, length, 2);
        sbuf_add(&c->out, p, n);
}

static bool serve(struct conn *c);

static void answered(const uint8_t *p, size_t n, void *arg) {
        struct job *j = arg;
        struct conn *c = j->c;
        if (c) {
                unlink_job(j);
                c->waiting--;
                if (n)
                        put(c, p, n);
                if (!c->serving && serve(c))
                        (void) settle(c);
        }
        free(j);
}

/* Whole queries at the front of the input. False: c is gone (it sent what is no query). */
static bool serve(struct conn *c) {
        struct tcp *t = c->t;
        size_t at = 0;
        resolve_view_refresh(&t->view);
        while (!is_full(c) && c->in.len - at >= 2) {
                const uint8_t *p = (const uint8_t *) c->in.data + at;
                size_t n = dns_u16(p), bytes = 0;
                if (c->in.len - at < 2 + n)
                        break;
                at += 2 + n;
                timer_start(c->timer, t->idle_ms);
                enum resolve r = resolve_now(&t->view, c->ip, true, p + 2, n, loop_now_ms(t->loop), t->out, &bytes);
                if (r == RESOLVE_DROP) {
                        conn_free(c);
                        return false;
                }
                if (r == RESOLVE_REPLY) {
                        put(c, t->out, bytes);
                        continue;
                }
                struct job *j = dr_xnew(struct job);
                *j = (struct job) { .c = c, .next = c->jobs, .pprev = &c->jobs };
                if (c->jobs)
                        c->jobs->pprev = &j->next;
                c->jobs = j;
                c->waiting++;
                c->serving = true;
                resolve_later(t->resolver, c->ip, true, p + 2, n, answered, j);
                c->serving = false;
        }
        sbuf_consume(&c->in, at);
        return true;
}

static void on_conn(int events, void *arg) {
        struct conn *c = arg;
        char buf[READ_BYTES];
        if (events & FD_READABLE) {
                ssize_t n = recv(c->fd, buf, MIN(sizeof buf, IN_BYTES_MAX - c->in.len), MSG_DONTWAIT);
                if (n < 0 && errno != EAGAIN && errno != EINTR) {
                        conn_free(c);
                        return;
                }
                if (n == 0)
                        c->eof = true;
                if (n > 0) {
                        sbuf_add(&c->in, buf, (size_t) n);
                        if (!serve(c))
                                return;
                }
        } else if (events < 0) {
                conn_free(c);
                return;
        }
        if (settle(c) && !is_full(c) && serve(c))
                (void) settle(c);
}

static void on_idle(void *arg) {
        struct conn *c = arg;
        if (c->waiting && !c->out.len)
                timer_start(c->timer, c->t->idle_ms);   /* the recursers' time limit ends it */
        else
                conn_free(c);
}

static bool same_peer(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
        if (a->ss_family != b->ss_family || a->ss_family == AF_INET)
                return a->ss_family == b->ss_family && dns_client_ip(a) == dns_client_ip(b);
        return memcmp(&((const struct sockaddr_in6 *) a)->sin6_addr, &((const struct sockaddr_in6 *) b)->sin6_addr, 16) == 0;
}

static void on_accept(int events, void *arg) {
        struct tcp *t = arg;
        for (int i = 0; i < 16; i++) {
                if (t->n >= TCP_CONNECTIONS_MAX) {
                        fd_watch_set(t->watch, 0);      /* until one ends */
                        return;
                }
                struct sockaddr_storage peer = { 0 };
                socklen_t bytes = sizeof peer;
                int one = 1, fd = accept4(t->fd, (struct sockaddr *) &peer, &bytes, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0) {
                        if (errno == EMFILE || errno == ENFILE) {
                                fd_watch_set(t->watch, 0);
                                timer_start(t->pause, 100);
                        }
                        return;
                }
                unsigned same = 0;
                for (struct conn *k = t->conns; k; k = k->next)
                        same += same_peer(&k->peer, &peer);
                if (same >= TCP_PER_CLIENT_MAX) {
                        close(fd);
                        continue;
                }
                (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                struct conn *c = dr_xnew(struct conn);
                *c = (struct conn) { .t = t, .fd = fd, .ip = dns_client_ip(&peer), .peer = peer, .in = SBUF(IN_BYTES_MAX),
                                     .out = SBUF(TCP_OUT_BYTES + (TCP_WAITING_MAX + 2) * (2 + DNS_MESSAGE_BYTES_MAX)), .next = t->conns, .pprev = &t->conns };
                if (c->next)
                        c->next->pprev = &c->next;
                t->conns = c;
                t->n++;
                c->timer = timer_new(t->loop, on_idle, c);
                timer_start(c->timer, t->idle_ms);
                c->watch = fd_watch_new(t->loop, fd, FD_READABLE, on_conn, c);
                if (!c->watch)
                        conn_free(c);
        }
}

static void accept_again(void *arg) { fd_watch_set(((struct tcp *) arg)->watch, FD_READABLE); }

int tcp_new(struct loop *l, struct resolver *r, const char *address, uint16_t port, uint64_t idle_ms, struct tcp **ret, struct dr_error *err) {
        int fd = dns_socket(address, port, SOCK_STREAM | SOCK_NONBLOCK, false, err);
        if (fd < 0)
                return fd;
        struct tcp *t = dr_xnew(struct tcp);
        *t = (struct tcp) { .loop = l, .resolver = r, .fd = fd, .idle_ms = idle_ms };
        resolve_view_init(&t->view, r);
        t->out = dr_xmalloc(DNS_MESSAGE_BYTES_MAX);
        t->pause = timer_new(l, accept_again, t);
        t->watch = fd_watch_new(l, fd, FD_READABLE, on_accept, t);
        *ret = t;
        return 0;
}

struct tcp *tcp_free(struct tcp *t) {
        if (!t)
                return NULL;
        while (t->conns)
                conn_free(t->conns);
        fd_watch_free(t->watch);
        timer_free(t->pause);
        close(t->fd);
        resolve_view_done(&t->view);
        free(t->out);
        free(t);
        return NULL;
}
