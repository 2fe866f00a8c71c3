#include "etcd.h"

#include "base/sbuf.h"
#include "figure.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS_MAX = 256, START_SECONDS = 20, REPLY_BYTES_MAX = 64 << 10, REQUEST_BYTES_MAX = 1 << 20 };

struct etcd { pid_t pid; int port; };

static int loopback(int port, struct sockaddr_in *ret) {
        *ret = (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons((uint16_t) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int free_port(void) {
        struct sockaddr_in a;
        socklen_t len = sizeof a;
        auto_close int fd = loopback(0, &a);
        if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof a) < 0 || getsockname(fd, (struct sockaddr *) &a, &len) < 0)
                return -1;
        return ntohs(a.sin_port);
}

static int dial(int port) {
        struct sockaddr_in a;
        int fd = loopback(port, &a);
        if (fd >= 0 && connect(fd, (struct sockaddr *) &a, sizeof a) < 0) {
                close(fd);
                return -1;
        }
        return fd;
}

int etcd_start(const char *dir, struct etcd **ret) {
        if (access("/usr/bin/etcd", X_OK) < 0)
                return -ENOENT;
        char data[256], client[64], peer[64], cluster[96];
        int port = free_port(), peer_port = free_port();
        snprintf(data, sizeof data, "%s/etcd", dir);
        snprintf(client, sizeof client, "http://127.0.0.1:%d", port);
        snprintf(peer, sizeof peer, "http://127.0.0.1:%d", peer_port);
        snprintf(cluster, sizeof cluster, "default=%s", peer);
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                int null = open("/dev/null", O_RDWR | O_CLOEXEC);
                dup2(null, 0);
                dup2(null, 1);
                dup2(null, 2);
                execl("/usr/bin/etcd", "etcd", "--data-dir", data, "--listen-client-urls", client, "--advertise-client-urls", client,
                      "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                      "--quota-backend-bytes", "1073741824", NULL);     /* else it maps 10 GB, which a limit of address space forbids */
                _exit(127);
        }
        struct etcd *e = dr_xnew(struct etcd);
        *e = (struct etcd) { pid, port };
        for (double until = figure_seconds() + START_SECONDS; pid > 0 && figure_seconds() < until; (void) poll(NULL, 0, 50))
                if (etcd_puts(e, "x", 1, 1, 1, 0.001) > 0) {
                        *ret = e;
                        return 0;
                }
        etcd_stop(e);
        return -EIO;
}

struct etcd *etcd_stop(struct etcd *e) {
        if (e && e->pid > 0) {
                kill(e->pid, SIGKILL);
                (void) waitpid(e->pid, NULL, 0);
        }
        free(e);
        return NULL;
}

/* ---- requests ---- */
static void base64(const char *in, size_t n, struct sbuf *out) {
        static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (size_t i = 0; i < n; i += 3) {
                size_t left = MIN(n - i, (size_t) 3);
                uint32_t w = 0;
                for (size_t k = 0; k < 3; k++)
                        w = w << 8 | (k < left ? (uint8_t) in[i + k] : 0);
                for (size_t k = 0; k < 4; k++)
                        sbuf_putc(out, k <= left ? set[w >> (18 - 6 * k) & 63] : '=');
        }
}

static void add_put(struct sbuf *b, uint64_t n, const char *value, size_t value_len) {
        char key[32];
        int len = snprintf(key, sizeof key, "/rows/%010llu", (unsigned long long) n);
        sbuf_puts(b, "{\"key\":\"");
        base64(key, (size_t) len, b);
        sbuf_puts(b, "\",\"value\":\"");
        base64(value, value_len, b);
        sbuf_puts(b, "\"}");
}

static bool send_request(int fd, unsigned rows, uint64_t *n, const char *value, size_t value_len) {
        auto_sbuf struct sbuf body = SBUF(REQUEST_BYTES_MAX), all = SBUF(REQUEST_BYTES_MAX);
        if (rows == 1) {
                add_put(&body, (*n)++, value, value_len);
        } else {
                sbuf_puts(&body, "{\"success\":[");
                for (unsigned i = 0; i < rows; i++) {
                        sbuf_puts(&body, i ? ",{\"requestPut\":" : "{\"requestPut\":");
                        add_put(&body, (*n)++, value, value_len);
                        sbuf_putc(&body, '}');
                }
                sbuf_puts(&body, "]}");
        }
        char head[160];
        snprintf(head, sizeof head, "POST /v3/kv/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n", rows == 1 ? "put" : "txn", body.len);
        sbuf_puts(&all, head);
        sbuf_add(&all, body.data, body.len);
        if (!sbuf_ok(&all))
                return false;
        for (size_t sent = 0; sent < all.len;) {
                ssize_t k = send(fd, all.data + sent, all.len - sent, MSG_NOSIGNAL);
                if (k <= 0)
                        return false;
                sent += (size_t) k;
        }
        return true;
}

struct reply { char *buf; size_t n; };

/* 1: whole and 200; 0: not yet; -1: failed. */
static int read_reply(int fd, struct reply *r) {
        ssize_t k = recv(fd, r->buf + r->n, REPLY_BYTES_MAX - r->n, 0);
        if (k <= 0)
                return -1;
        r->n += (size_t) k;
        r->buf[r->n] = 0;
        char *end = strstr(r->buf, "\r\n\r\n"), *len = strcasestr(r->buf, "content-length:");
        size_t body = 0;
        if (!end)
                return 0;
        if (strncmp(r->buf, "HTTP/1.1 200", 12) != 0)
                return -1;
        if (len && len < end) {
                if (sscanf(len + 15, "%zu", &body) != 1)
                        return -1;
                return (size_t) (end + 4 - r->buf) + body <= r->n;
        }
        return r->n >= 5 && memcmp(r->buf + r->n - 5, "0\r\n\r\n", 5) == 0;     /* chunked */
}

double etcd_puts(struct etcd *e, const char *value, size_t value_len, unsigned rows, unsigned clients, double seconds) {
        struct pollfd fds[CLIENTS_MAX];
        struct reply replies[CLIENTS_MAX] = { { NULL, 0 } };
        static uint64_t n;
        uint64_t done = 0;
        bool failed = false;
        assert(clients <= CLIENTS_MAX);
        for (unsigned i = 0; i < clients; i++) {
                fds[i] = (struct pollfd) { dial(e->port), POLLIN, 0 };
                replies[i].buf = dr_xmalloc(REPLY_BYTES_MAX + 1);
                failed |= fds[i].fd < 0;
        }
        double start = figure_seconds(), now = start;
        unsigned open = 0;
        for (unsigned i = 0; i < clients && !failed; i++, open++)
                failed |= !send_request(fds[i].fd, rows, &n, value, value_len);
        while (!failed && open) {
                if (poll(fds, clients, 10000) <= 0) {
                        failed = true;
                        break;
                }
                now = figure_seconds();
                for (unsigned i = 0; i < clients && !failed; i++) {
                        if (!fds[i].revents)
                                continue;
                        int k = read_reply(fds[i].fd, &replies[i]);
                        failed |= k < 0;
                        if (k <= 0)
                                continue;
                        replies[i].n = 0;
                        done += rows;
                        if (now - start >= seconds) {
                                fds[i].events = 0;
                                open--;
                        } else {
                                failed |= !send_request(fds[i].fd, rows, &n, value, value_len);
                        }
                }
        }
        for (unsigned i = 0; i < clients; i++) {
                if (fds[i].fd >= 0)
                        close(fds[i].fd);
                free(replies[i].buf);
        }
        return failed ? -1 : (double) done / (now - start);
}
