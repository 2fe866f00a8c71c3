/* Listeners, the set of connections, draining. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "net/http_conn.h"
#include "net/ws-internal.h"

enum { BACKLOG = 4096, PER_ADDRESS_MAX = 256, RESERVED_FDS = 256, DRAIN_MS = 5000 };

static void server_unref_last(struct http_server *srv) {
        if (!srv->freed || srv->n_streams || srv->n_listeners)
                return;
        assert(srv->by_address.n == 0);
        smap_done(&srv->by_address);
        vec_done(&srv->listeners);
        free(srv);
}

static void call_drained(void *arg) {
        struct http_server *srv = arg;
        loop_fn fn = dr_take(srv->drained);
        if (fn)
                fn(srv->drained_arg);
}

static void check_drained(struct http_server *srv) {
        if (srv->draining && !srv->n_streams && !srv->n_listeners && srv->drained)
                loop_defer(srv->loop, call_drained, srv);
}

static void on_stream_gone(struct stream *s, void *owner) {
        struct http_server *srv = owner;
        (void) s;
        srv->n_streams--;
        check_drained(srv);
        server_unref_last(srv);
}

struct http_server *http_server_new(struct loop *l, const struct http_server_config *cfg) {
        struct http_server *srv = dr_xnew(struct http_server);
        srv->loop = l;
        srv->cfg = *cfg;
        if (!srv->cfg.per_address_max)
                srv->cfg.per_address_max = PER_ADDRESS_MAX;
        if (!srv->cfg.connections_max) {
                struct rlimit r;
                rlim_t n = getrlimit(RLIMIT_NOFILE, &r) == 0 ? r.rlim_cur : 1024;
                srv->cfg.connections_max = n > 2 * RESERVED_FDS ? (unsigned) MIN(n - RESERVED_FDS, (rlim_t) 1000000) : RESERVED_FDS;
        }
        return srv;
}

/* false: too many connections of this address that have not authenticated themselves */
static bool count_address(struct http_server *srv, struct http_conn *c) {
        const char *peer = stream_peer(c->s);
        if (str_eq(peer, "unix"))
                return true;
        struct address_count *a = smap_get(&srv->by_address, peer);
        if (a && a->n >= srv->cfg.per_address_max)
                return false;
        if (!a) {
                a = dr_xnew(struct address_count);
                snprintf(a->peer, sizeof a->peer, "%s", peer);
                smap_set(&srv->by_address, a->peer, a);
        }
        a->n++;
        c->address = a;
        return true;
}

static void on_connection(uv_stream_t *h, int status) {
        struct listener *ln = (struct listener *) h;
        struct http_server *srv = ln->srv;
        if (status < 0)
                return;
        struct stream *s = stream_new(srv->loop, ln->unix_path != NULL);
        int r = stream_accept(s, h, ln->tls);
        srv->n_streams++;
        stream_set_owner(s, &srv->streams, on_stream_gone, srv);
        if (r < 0 || srv->n_streams > srv->cfg.connections_max)
                return stream_fail(s, -ECONNABORTED);
        struct http_conn *c = http_conn_new(srv, s);
        if (!count_address(srv, c))
                stream_close(s);
}

static void on_listener_closed(uv_handle_t *h) {
        struct listener *ln = (struct listener *) h;
        struct http_server *srv = ln->srv;
        tls_ctx_unref(ln->tls);
        free(ln->unix_path);
        free(ln);
        srv->n_listeners--;
        check_drained(srv);
        server_unref_last(srv);
}

static struct listener *listener_new(struct http_server *srv, struct tls_ctx *tls, const char *unix_path) {
        struct listener *ln = dr_xnew(struct listener);
        ln->srv = srv;
        ln->tls = tls ? tls_ctx_ref(tls) : NULL;
        ln->unix_path = dr_xstrdup(unix_path);
        if (unix_path ? uv_pipe_init(&srv->loop->uv, &ln->h.pipe, 0) < 0 : uv_tcp_init(&srv->loop->uv, &ln->h.tcp) < 0)
                abort();
        srv->n_listeners++;
        return ln;
}

int http_server_listen_tcp(struct http_server *srv, const char *address, unsigned short port, struct tls_ctx *tls,
                           unsigned short *ret_port, struct dr_error *err) {
        union { struct sockaddr sa; struct sockaddr_in v4; struct sockaddr_in6 v6; struct sockaddr_storage ss; } a;
        bool all = !*address || str_eq(address, "*");
        if (uv_ip4_addr(address, port, &a.v4) < 0 && uv_ip6_addr(all ? "::" : address, port, &a.v6) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot listen on \"%s\": not an IP address", address);
        struct listener *ln = listener_new(srv, tls, NULL);
        int r = uv_tcp_bind(&ln->h.tcp, &a.sa, 0);
        if (r == UV_EAFNOSUPPORT && all) {              /* a kernel without IPv6 */
                uv_ip4_addr("0.0.0.0", port, &a.v4);
                r = uv_tcp_bind(&ln->h.tcp, &a.sa, 0);
        }
        if (r == 0)
                r = uv_listen(&ln->h.stream, BACKLOG, on_connection);
        struct sockaddr_storage got = { 0 };
        int len = sizeof got;
        if (r == 0)
                r = uv_tcp_getsockname(&ln->h.tcp, (struct sockaddr *) &got, &len);
        if (r < 0) {
                uv_close(&ln->h.handle, on_listener_closed);
                return dr_fail(err, uv_to_code(r), NULL, "could not listen on %s port %u: %s", all ? "all addresses" : address, port,
                               uv_strerror(r));
        }
        if (ret_port)
                *ret_port = ntohs(got.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &got)->sin6_port : ((struct sockaddr_in *) &got)->sin_port);
        vec_push(&srv->listeners, ln);
        return 0;
}

/* Whether somebody answers on the socket file. */
static bool is_served(const char *path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return fd >= 0 && (connect(fd, (struct sockaddr *) &a, sizeof a) == 0 || errno == EAGAIN);
}

int http_server_listen_unix(struct http_server *srv, const char *path, unsigned mode, struct dr_error *err) {
        if (strlen(path) >= sizeof ((struct sockaddr_un *) 0)->sun_path)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "cannot listen on \"%s\": the path is too long", path);
        struct stat st;
        if (lstat(path, &st) == 0) {
                if (!S_ISSOCK(st.st_mode))
                        return dr_fail(err, DR_E_CONFLICT, NULL, "cannot listen on \"%s\": a file that is not a socket is there", path);
                if (is_served(path))
                        return dr_fail(err, DR_E_BUSY, NULL, "could not listen on \"%s\": another process serves it", path);
                unlink(path);
        }
        struct listener *ln = listener_new(srv, NULL, path);
        mode_t old = umask(~mode & 0777);
        int r = uv_pipe_bind(&ln->h.pipe, path);
        umask(old);
        if (r == 0)
                r = uv_listen(&ln->h.stream, BACKLOG, on_connection);
        if (r < 0) {
                uv_close(&ln->h.handle, on_listener_closed);
                return dr_fail(err, uv_to_code(r), NULL, "could not listen on \"%s\": %s", path, uv_strerror(r));
        }
        vec_push(&srv->listeners, ln);
        return 0;
}

static void close_listeners(struct http_server *srv) {
        for (size_t i = 0; i < srv->listeners.n; i++)
                uv_close(&srv->listeners.v[i]->h.handle, on_listener_closed);  /* libuv unlinks the socket file it bound */
        vec_clear(&srv->listeners);
}

static void close_streams(struct http_server *srv) {
        for (struct stream *s = srv->streams; s; s = s->next_owned)
                stream_close(s);
}

static void on_drain_timeout(void *arg) { close_streams(arg); }

void http_server_drain(struct http_server *srv, uint64_t timeout_ms, loop_fn done, void *arg) {
        if (srv->draining)
                return;
        srv->draining = true;
        srv->drained = done;
        srv->drained_arg = arg;
        close_listeners(srv);
        for (struct stream *s = srv->streams; s; s = s->next_owned) {
                if (s->ev == &ws_stream_events) {
                        ws_close(s->arg, WS_CLOSE_GOING_AWAY, "the server is stopping");
                } else if (s->ev == &http_conn_events) {
                        struct http_conn *c = s->arg;
                        if (!c->req && http_parse_is_idle(&c->parse) && !s->unread.len)
                                stream_finish(s);
                }
        }
        srv->drain_timer = timer_new(srv->loop, on_drain_timeout, srv);
        timer_unref(srv->drain_timer);
        timer_start(srv->drain_timer, timeout_ms ? timeout_ms : DRAIN_MS);
        check_drained(srv);
}

struct http_server *http_server_free(struct http_server *srv) {
        if (!srv)
                return NULL;
        srv->draining = true;
        srv->drained = NULL;
        loop_defer_cancel(srv->loop, call_drained, srv);
        srv->drain_timer = timer_free(srv->drain_timer);
        close_listeners(srv);
        close_streams(srv);
        srv->freed = true;
        server_unref_last(srv);
        return NULL;
}

unsigned http_server_connections(const struct http_server *srv) { return srv->n_streams; }
