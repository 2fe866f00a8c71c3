/* fixture.h: a loop with an HTTP server on TCP (with TLS on the same port) and a unix socket, and a client that writes raw bytes.
 *
 * Everything runs on one thread: the client's socket does not block, and the loop is turned while it waits. */
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/sbuf.h"
#include "base/times.h"
#include "check.h"
#include "net/http_server.h"
#include "net/http_client.h"

enum transport { TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_UNIX, TRANSPORT_MAX };
enum { PATIENCE_MS = 20000 };           /* a bug ends a test here, nothing else does */

struct fixture {
        struct loop *loop;
        struct http_server *server;
        unsigned short port;
        char dir[64], socket[96];
        struct tls_pair ca, cert;
        struct tls_ctx *tls;
        unsigned handled, aborted;
        struct http_request *parked;    /* answered by the test */
        struct ws *ws;
        struct stream *raw;
        struct sbuf got;                /* what the raw stream or websocket delivered */
        unsigned ws_code;
        unsigned produced, produce_max;
        bool produce_done;
};

static inline void fixture_error_body(int status, const char *message, struct sbuf *body, const char **type, void *arg) {
        (void) message;
        (void) arg;
        sbuf_printf(body, "{\"status\":%d}", status);
        *type = "application/json";
}

static inline void fixture_init(struct fixture *f, struct http_server_config cfg) {
        struct dr_error err = { 0 };
        memset(f, 0, sizeof *f);
        f->got = (struct sbuf) SBUF(64 << 20);
        f->loop = loop_new();
        cfg.error_body = fixture_error_body;
        cfg.arg = f;
        f->server = http_server_new(f->loop, &cfg);
        CHECK_OK(tls_make_ca("test authority", 10, &f->ca, &err), &err);
        const char *names[] = { "localhost", "127.0.0.1", "::1" };
        CHECK_OK(tls_make_cert(&f->ca, names, 3, 10, &f->cert, &err), &err);
        CHECK_OK(tls_server_ctx_new(f->cert.cert_pem, f->cert.key_pem, &f->tls, &err), &err);
        CHECK_OK(http_server_listen_tcp(f->server, "127.0.0.1", 0, f->tls, &f->port, &err), &err);
        snprintf(f->dir, sizeof f->dir, "/tmp/drover-net-XXXXXX");
        CHECK(mkdtemp(f->dir));
        snprintf(f->socket, sizeof f->socket, "%s/s", f->dir);
        CHECK_OK(http_server_listen_unix(f->server, f->socket, 0600, &err), &err);
}

/* Ends with loop_free(), which aborts when any handle was leaked. */
static inline void fixture_done(struct fixture *f) {
        http_server_free(f->server);
        tls_ctx_unref(f->tls);
        tls_pair_done(&f->ca);
        tls_pair_done(&f->cert);
        loop_free(f->loop);
        sbuf_done(&f->got);
        CHECK_INT(access(f->socket, F_OK), ==, -1);
        rmdir(f->dir);
}

struct peer { int fd; SSL_CTX *ctx; SSL *ssl; struct sbuf in; bool eof, reset; };

static inline void peer_close(struct peer *p) {
        SSL_free(p->ssl);
        SSL_CTX_free(p->ctx);
        if (p->fd >= 0)
                close(p->fd);
        sbuf_done(&p->in);
        *p = (struct peer) { .fd = -1 };
}

static inline void fixture_turn(struct fixture *f) { loop_turn(f->loop, false); }

static inline void peer_handshake(struct fixture *f, struct peer *p) {
        p->ctx = SSL_CTX_new(TLS_client_method());
        p->ssl = SSL_new(p->ctx);
        SSL_set_fd(p->ssl, p->fd);
        SSL_set_connect_state(p->ssl);
        for (uint64_t end = time_mono_ms() + PATIENCE_MS; SSL_do_handshake(p->ssl) != 1;) {
                CHECK(time_mono_ms() < end);
                fixture_turn(f);
        }
}

static inline struct peer peer_open(struct fixture *f, enum transport t) {
        struct peer p = { .in = SBUF(64 << 20) };
        if (t == TRANSPORT_UNIX) {
                struct sockaddr_un a = { .sun_family = AF_UNIX };
                snprintf(a.sun_path, sizeof a.sun_path, "%s", f->socket);
                p.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                CHECK_INT(connect(p.fd, (struct sockaddr *) &a, sizeof a), ==, 0);
        } else {
                struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
                p.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                CHECK_INT(connect(p.fd, (struct sockaddr *) &a, sizeof a), ==, 0);
                int one = 1;
                setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        }
        fcntl(p.fd, F_SETFL, O_NONBLOCK);
        if (t == TRANSPORT_TLS)
                peer_handshake(f, &p);
        return p;
}

/* Takes what is there. */
static inline void peer_read(struct peer *p) {
        char b[65536];
        while (!p->eof && !p->reset) {
                ssize_t n;
                if (p->ssl) {
                        n = SSL_read(p->ssl, b, sizeof b);
                        if (n <= 0) {
                                int e = SSL_get_error(p->ssl, (int) n);
                                p->eof = e == SSL_ERROR_ZERO_RETURN;
                                p->reset = !p->eof && e != SSL_ERROR_WANT_READ;
                                return;
                        }
                } else {
                        n = recv(p->fd, b, sizeof b, 0);
                        if (n < 0) {
                                p->reset = errno != EAGAIN;
                                return;
                        }
                        if (n == 0) {
                                p->eof = true;
                                return;
                        }
                }
                sbuf_add(&p->in, b, (size_t) n);
        }
}

static inline void peer_send(struct fixture *f, struct peer *p, const char *data, size_t n) {
        for (uint64_t end = time_mono_ms() + PATIENCE_MS; n;) {
                ssize_t k;
                if (p->ssl)
                        k = SSL_write(p->ssl, data, (int) n);
                else
                        k = send(p->fd, data, n, MSG_NOSIGNAL);
                if (k > 0) {
                        data += k;
                        n -= (size_t) k;
                        continue;
                }
                if (p->ssl ? SSL_get_error(p->ssl, (int) k) == SSL_ERROR_SYSCALL : errno != EAGAIN)
                        return;         /* the server closed already; what it answered is there to read */
                CHECK(time_mono_ms() < end);
                fixture_turn(f);
                peer_read(p);
        }
}

static inline void peer_shutdown(struct peer *p) {
        if (p->ssl)
                SSL_shutdown(p->ssl);
        shutdown(p->fd, SHUT_WR);
}

/* Turns the loop until cond holds. */
#define WAIT_FOR(f, cond) do {                                                                          \
        uint64_t end_ = time_mono_ms() + PATIENCE_MS;                                                   \
        while (!(cond)) {                                                                               \
                if (time_mono_ms() > end_) {                                                            \
                        print_error("%s:%d: never came true: %s\n", __FILE__, __LINE__, #cond);         \
                        fail();                                                                         \
                }                                                                                       \
                loop_turn((f)->loop, false);                                                            \
        }                                                                                               \
} while (0)
#define PEER_WAIT(f, p, cond) WAIT_FOR(f, (peer_read(p), (cond)))

static inline void peer_wait_eof(struct fixture *f, struct peer *p) { PEER_WAIT(f, p, (p)->eof || (p)->reset); }

/* The Date header holds the time: the only bytes of an answer that tests leave out. */
static inline void strip_dates(struct sbuf *b) {
        for (char *at; b->data && (at = strstr(b->data, "Date: "));) {
                char *end = strstr(at, "\r\n");
                CHECK(end);
                size_t k = (size_t) (end + 2 - at);
                memmove(at, end + 2, b->len - (size_t) (end + 2 - b->data) + 1);
                b->len -= k;
        }
}
