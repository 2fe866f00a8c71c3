#include "rtnetlink-internal.h"

#include "node/netlink/netns.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { ANSWER_TIMEOUT_S = 10 };         /* the kernel answers in the call; this only keeps a bug from hanging a start */

static int open_socket(void *arg, struct dr_error *err) {
        struct netlink *n = arg;
        n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (n->fd < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not open a netlink socket: %m");
        return 0;
}

int netlink_open(int netns_fd, struct netlink **ret, struct dr_error *err) {
        AUTO(netlink_free) struct netlink *n = dr_xnew(struct netlink);
        n->fd = -1;
        int r = netns_fd < 0 ? open_socket(n, err) : netns_run(netns_fd, open_socket, n, err);
        if (r < 0)
                return r;
        int on = 1, size = 1 << 20;
        struct timeval wait = { .tv_sec = ANSWER_TIMEOUT_S };
        struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
        if (bind(n->fd, (struct sockaddr *) &addr, sizeof addr) < 0 || setsockopt(n->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0)
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not prepare a netlink socket: %m");
        /* Kernels that lack one of these say less or send more; both is handled. */
        (void) setsockopt(n->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        (void) setsockopt(n->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
        (void) setsockopt(n->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
        (void) setsockopt(n->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
        n->buf = dr_xmalloc(NLK_ANSWER_BYTES_MAX);
        *ret = dr_take(n);
        return 0;
}

struct netlink *netlink_free(struct netlink *n) {
        if (!n)
                return NULL;
        if (n->fd >= 0)
                close(n->fd);
        free(n->buf);
        free(n);
        return NULL;
}

struct nl_msg *nlk_request(int type, int flags, const void *fixed, size_t len) {
        struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
        assert(m);
        int r = nlmsg_append(m, (void *) fixed, len, NLMSG_ALIGNTO);
        assert(r == 0);
        return m;
}

void nlk_put(struct nl_msg *m, int attr, const void *p, size_t n) {
        int r = nla_put(m, attr, (int) n, p);
        assert(r == 0);                 /* a page holds every message that is made here: texts are capped by their callers */
}

struct inet nlk_inet(int family, const struct nlattr *a) {
        struct inet ip = { 0 };
        if (a && (family == AF_INET || family == AF_INET6) && nla_len(a) == (int) inet_bits(family) / 8) {
                ip.family = family;
                memcpy(ip.bytes, nla_data(a), (size_t) nla_len(a));
        }
        return ip;
}

/* The end of a request: 0 or the kernel's error, with its words. */
static int ending(struct netlink *n, const struct nlmsghdr *h) {
        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
                return h->nlmsg_type == NLMSG_DONE ? 0 : -EPROTO;
        int code = *(const int *) NLMSG_DATA(h);
        if (code == 0)
                return 0;
        size_t skip = h->nlmsg_type == NLMSG_DONE ? sizeof(int) : sizeof(struct nlmsgerr);
        if (h->nlmsg_flags & NLM_F_ACK_TLVS && h->nlmsg_len >= NLMSG_LENGTH(skip)) {
                struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1] = { 0 };
                const char *data = (const char *) NLMSG_DATA(h) + skip;
                if (nla_parse(attrs, NLMSGERR_ATTR_MAX, (struct nlattr *) data, (int) (h->nlmsg_len - NLMSG_LENGTH(skip)), NULL) == 0 && attrs[NLMSGERR_ATTR_MSG])
                        snprintf(n->said, sizeof n->said, "%.*s", nla_len(attrs[NLMSGERR_ATTR_MSG]), (const char *) nla_data(attrs[NLMSGERR_ATTR_MSG]));
        }
        return code < 0 ? code : -EPROTO;
}

int nlk_talk(struct netlink *n, struct nl_msg *m, int (*each)(const struct nlmsghdr *h, void *arg), void *arg) {
        struct nlmsghdr *out = nlmsg_hdr(m);
        bool dump = (out->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP, answered = each && !dump;
        uint32_t seq = out->nlmsg_seq = ++n->seq;
        if (!each)
                out->nlmsg_flags |= NLM_F_ACK;
        n->said[0] = 0;
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        ssize_t sent = sendto(n->fd, out, out->nlmsg_len, 0, (struct sockaddr *) &kernel, sizeof kernel);
        int e = errno;
        nlmsg_free(m);
        if (sent < 0)
                return -e;
        for (int result = 0;;) {
                ssize_t got = recv(n->fd, n->buf, NLK_ANSWER_BYTES_MAX, 0);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return errno == EAGAIN ? -ETIMEDOUT : -errno;
                int left = (int) got;
                for (struct nlmsghdr *h = (struct nlmsghdr *) n->buf; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
                        if (h->nlmsg_seq != seq)
                                continue;               /* the rest of a request that was given up */
                        if (h->nlmsg_flags & NLM_F_DUMP_INTR && result == 0)
                                result = -EAGAIN;
                        if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
                                int r = ending(n, h);
                                return r < 0 ? r : result;
                        }
                        if (each && result == 0)
                                result = each(h, arg);
                        if (answered)
                                return result;
                }
        }
}

int nlk_error(const struct netlink *n, int r, struct dr_error *err, const char *fmt, ...) {
        char what[300];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(what, sizeof what, fmt, ap);
        va_end(ap);
        errno = -r;
        if (n->said[0])
                dr_fail(err, DR_E_INTERNAL, NULL, "%s: %m (%s)", what, n->said);
        else
                dr_fail(err, DR_E_INTERNAL, NULL, "%s: %m", what);
        return r;
}
