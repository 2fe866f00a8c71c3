#include "node/dns/udp.h"

#include "base/log.h"
#include "base/times.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

/* Strides that are no multiple of a page: else all messages of a batch fall into the same few lines of the processor's cache. */
enum { BATCH = 32, IN_STRIDE = UDP_QUERY_BYTES_MAX + 64, OUT_BYTES = 256 * 1024, UDP_PAYLOAD_MAX = 65507, CONTROL_BYTES = 64 };

struct worker {
        struct udp *u;
        pthread_t thread;
        bool started;
        int fd;
        struct resolve_view view;
        struct mmsghdr in[BATCH], out[BATCH];
        struct iovec in_iov[BATCH], out_iov[BATCH];
        struct sockaddr_storage peer[BATCH];
        char control[BATCH][CONTROL_BYTES] __attribute__((aligned(8)));
        uint8_t *in_bytes, *out_bytes, *reply;
};

struct udp {
        struct loop *loop;
        struct resolver *resolver;
        bool any;                                       /* bound to all addresses: answer from the one that was asked */
        bool ending;                                    /* atomic */
        unsigned waiting;                               /* atomic: posted to the loop and not answered */
        uint16_t port;
        unsigned n;
        struct worker *workers;
};

struct job {
        struct udp *u;
        int fd;
        struct sockaddr_storage peer;
        socklen_t peer_bytes;
        char control[CONTROL_BYTES] __attribute__((aligned(8)));
        size_t control_bytes, n;
        uint8_t query[];
};

int dns_socket(const char *address, uint16_t port, int type, bool share, struct dr_error *err) {
        struct sockaddr_storage a = { 0 };
        struct sockaddr_in *v4 = (void *) &a;
        struct sockaddr_in6 *v6 = (void *) &a;
        int one = 1, size = 4 << 20;
        v4->sin_port = htons(port);
        if (inet_pton(AF_INET, address, &v4->sin_addr) == 1)
                a.ss_family = AF_INET;
        else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1)
                a.ss_family = AF_INET6;
        else
                return dr_fail(err, DR_E_INVALID_FORMAT, "listen", "\"%s\" is no address", address);
        auto_close int fd = socket(a.ss_family, type | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open a socket: %m");
        bool stream = (type & 0xf) == SOCK_STREAM;
        if (stream) {
                (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        } else {
                (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
                if (share)
                        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
                (void) setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
                if (a.ss_family == AF_INET6)
                        (void) setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
        }
        if (bind(fd, (const struct sockaddr *) &a, a.ss_family == AF_INET ? sizeof *v4 : sizeof *v6) < 0)
                return dr_fail(err, DR_E_INTERNAL, "listen", "cannot listen on %s:%u: %m", address, port);
        if (stream && listen(fd, 128) < 0)
                return dr_fail(err, DR_E_INTERNAL, "listen", "cannot listen on %s:%u: %m", address, port);
        int ret = fd;
        fd = -1;
        return ret;
}

uint32_t dns_client_ip(const struct sockaddr_storage *a) {
        const struct sockaddr_in6 *v6 = (const void *) a;
        uint32_t ip = 0;
        if (a->ss_family == AF_INET)
                return ((const struct sockaddr_in *) a)->sin_addr.s_addr;
        if (a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
                memcpy(&ip, v6->sin6_addr.s6_addr + 12, 4);
        return ip;
}

static void job_done(const uint8_t *p, size_t n, void *arg) {
        struct job *j = arg;
        if (n) {
                struct iovec iov = { (void *) (uintptr_t) p, n };
                struct msghdr m = { .msg_name = &j->peer, .msg_namelen = j->peer_bytes, .msg_iov = &iov, .msg_iovlen = 1,
                                    .msg_control = j->control_bytes ? j->control : NULL, .msg_controllen = j->control_bytes };
                (void) sendmsg(j->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);         /* lost is lost, as any packet */
        }
        __atomic_sub_fetch(&j->u->waiting, 1, __ATOMIC_RELAXED);
        free(j);
}

static void job_run(void *arg) {
        struct job *j = arg;
        resolve_later(j->u->resolver, dns_client_ip(&j->peer), false, j->query, j->n, job_done, j);
}

static void hand_over(struct worker *w, unsigned i, size_t n) {
        const struct msghdr *m = &w->in[i].msg_hdr;
        struct job *j = dr_xmalloc(sizeof *j + n);
        j->u = w->u;
        j->fd = w->fd;
        j->peer = w->peer[i];
        j->peer_bytes = m->msg_namelen;
        j->control_bytes = w->u->any ? MIN(m->msg_controllen, (size_t) CONTROL_BYTES) : 0;
        memcpy(j->control, w->control[i], j->control_bytes);
        j->n = n;
        memcpy(j->query, m->msg_iov->iov_base, n);
        loop_post(w->u->loop, job_run, j);
}

/* The address a packet came to becomes the one its answer leaves from; by which link it came is the kernel's to choose again. */
static void any_link(struct msghdr *m) {
        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
                if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                        struct in_pktinfo *info = (void *) CMSG_DATA(c);
                        info->ipi_ifindex = 0;
                        info->ipi_spec_dst = info->ipi_addr;
                }
        }
}

static void flush(struct worker *w, unsigned *n, size_t *bytes) {
        for (unsigned at = 0; at < *n;) {
                int sent = sendmmsg(w->fd, w->out + at, *n - at, MSG_NOSIGNAL);
                at += sent > 0 ? (unsigned) sent : 1;   /* one that cannot be sent does not stop the others */
        }
        *n = 0;
        *bytes = 0;
}

static void batch(struct worker *w, unsigned got) {
        unsigned n_out = 0;
        size_t used = 0;
        uint64_t now = time_mono_ms();
        resolve_view_refresh(&w->view);
        for (unsigned i = 0; i < got; i++) {
                struct msghdr *m = &w->in[i].msg_hdr;
                size_t n = w->in[i].msg_len, bytes = 0;
                const uint8_t *p = m->msg_iov->iov_base;
                if (w->u->any)
                        any_link(m);
                enum resolve r = resolve_now(&w->view, dns_client_ip(&w->peer[i]), false, p, n, now, w->reply, &bytes);
                if (r == RESOLVE_LATER) {
                        if (__atomic_add_fetch(&w->u->waiting, 1, __ATOMIC_RELAXED) <= UDP_WAITING_MAX) {
                                hand_over(w, i, n);
                                continue;
                        }
                        __atomic_sub_fetch(&w->u->waiting, 1, __ATOMIC_RELAXED);
                        struct dns_query q;
                        if (dns_query_parse(p, n, &q) < 0)
                                continue;
                        bytes = answer_rcode(&q, p, q.flags & DNS_RD, DNS_SERVFAIL, w->reply);
                        r = RESOLVE_REPLY;
                }
                if (r == RESOLVE_DROP || bytes > UDP_PAYLOAD_MAX)
                        continue;
                if (used + bytes > OUT_BYTES)
                        flush(w, &n_out, &used);
                memcpy(w->out_bytes + used, w->reply, bytes);
                w->out_iov[n_out] = (struct iovec) { w->out_bytes + used, bytes };
                w->out[n_out].msg_hdr = (struct msghdr) { .msg_name = &w->peer[i], .msg_namelen = m->msg_namelen, .msg_iov = &w->out_iov[n_out], .msg_iovlen = 1,
                                                          .msg_control = w->u->any ? m->msg_control : NULL, .msg_controllen = w->u->any ? m->msg_controllen : 0 };
                n_out++;
                used += bytes;
        }
        flush(w, &n_out, &used);
}

/* What the kernel changed in the first n. */
static void renew(struct worker *w, unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                w->in_iov[i] = (struct iovec) { w->in_bytes + (size_t) i * IN_STRIDE, UDP_QUERY_BYTES_MAX };
                w->in[i].msg_hdr = (struct msghdr) { .msg_name = &w->peer[i], .msg_namelen = sizeof w->peer[i], .msg_iov = &w->in_iov[i], .msg_iovlen = 1,
                                                     .msg_control = w->u->any ? w->control[i] : NULL, .msg_controllen = w->u->any ? CONTROL_BYTES : 0 };
        }
}

static void *run(void *arg) {
        struct worker *w = arg;
        renew(w, BATCH);
        while (!__atomic_load_n(&w->u->ending, __ATOMIC_ACQUIRE)) {
                int got = recvmmsg(w->fd, w->in, BATCH, MSG_WAITFORONE, NULL);
                if (got <= 0)
                        continue;
                batch(w, (unsigned) got);
                renew(w, (unsigned) got);
        }
        return NULL;
}

static int start(struct udp *u, struct worker *w, const char *address, unsigned threads, struct dr_error *err) {
        w->u = u;
        w->fd = dns_socket(address, u->port, SOCK_DGRAM, threads > 1, err);
        if (w->fd < 0)
                return w->fd;
        struct sockaddr_storage a;
        socklen_t n = sizeof a;
        if (getsockname(w->fd, (struct sockaddr *) &a, &n) == 0)
                u->port = ntohs(((const struct sockaddr_in *) &a)->sin_port);
        w->in_bytes = dr_xmalloc((size_t) BATCH * IN_STRIDE);
        w->out_bytes = dr_xmalloc(OUT_BYTES);
        w->reply = dr_xmalloc(DNS_MESSAGE_BYTES_MAX);
        resolve_view_init(&w->view, u->resolver);
        sigset_t all, before;
        sigfillset(&all);                               /* signals are the loop's */
        pthread_sigmask(SIG_BLOCK, &all, &before);
        int r = pthread_create(&w->thread, NULL, run, w);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        w->started = r == 0;
        return r == 0 ? 0 : dr_fail(err, DR_E_INTERNAL, NULL, "could not start a thread: %s", strerror(r));
}

int udp_new(struct loop *l, struct resolver *r, const char *address, uint16_t port, unsigned threads, struct udp **ret, struct dr_error *err) {
        struct udp *u = dr_xnew(struct udp);
        u->loop = l;
        u->resolver = r;
        u->port = port;
        u->any = str_eq(address, "0.0.0.0") || str_eq(address, "::");
        threads = MIN(threads, (unsigned) UDP_THREADS_MAX);
        u->workers = dr_xcalloc(threads, sizeof *u->workers);
        for (unsigned i = 0; i < threads; i++) {
                u->n++;
                int e = start(u, &u->workers[i], address, threads, err);
                if (e < 0) {
                        udp_stop(u);
                        udp_free(u);
                        return e;
                }
        }
        *ret = u;
        return 0;
}

void udp_stop(struct udp *u) {
        __atomic_store_n(&u->ending, true, __ATOMIC_RELEASE);
        for (unsigned i = 0; i < u->n; i++) {
                struct worker *w = &u->workers[i];
                if (!w->started)
                        continue;
                (void) shutdown(w->fd, SHUT_RDWR);      /* ENOTCONN, but it wakes who waits in recvmmsg() */
                pthread_join(w->thread, NULL);
                w->started = false;
        }
        for (unsigned i = 0; i < u->n; i++)
                if (u->workers[i].view.resolver)
                        resolve_view_done(&u->workers[i].view);
        (void) loop_turn(u->loop, false);               /* what the threads posted last becomes the resolver's */
}

struct udp *udp_free(struct udp *u) {
        if (!u)
                return NULL;
        for (unsigned i = 0; i < u->n; i++) {
                struct worker *w = &u->workers[i];
                assert(!w->started);
                dr_closep(&w->fd);
                free(w->in_bytes);
                free(w->out_bytes);
                free(w->reply);
        }
        free(u->workers);
        free(u);
        return NULL;
}

uint16_t udp_port(const struct udp *u) { return u->port; }
