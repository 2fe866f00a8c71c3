#include "net/stream-internal.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>

#include "base/sbuf.h"

enum { BUFS_MAX = 64, UNREAD_STOP_BYTES = 64 * 1024, UNREAD_BYTES_MAX = 1 << 20, LINGER_MS = 1000, FINISH_STALL_MS = 60000 };
static const size_t ALL_QUEUES_BYTES_MAX = (size_t) 256 << 20;

struct write_req { uv_write_t req; struct stream *s; unsigned n; struct buf *bufs[]; };
struct connect_req { uv_connect_t req; void (*fn)(struct stream *, int); };

static void update_reading(struct stream *s);
static void input(struct stream *s, const char *p, size_t n);
static void try_shutdown(struct stream *s);
static int flush(struct stream *s);

static size_t kernel_queue(const struct stream *s) { return uv_stream_get_write_queue_size(&s->h.stream); }
size_t stream_queued_bytes(const struct stream *s) { return s->out_bytes + kernel_queue(s); }

static void mark_dirty(struct stream *s) {
        if (s->pprev_dirty || s->closing)
                return;
        s->next_dirty = s->loop->dirty;
        if (s->next_dirty)
                s->next_dirty->pprev_dirty = &s->next_dirty;
        s->pprev_dirty = &s->loop->dirty;
        s->loop->dirty = s;
}

static void unmark_dirty(struct stream *s) {
        if (!s->pprev_dirty)
                return;
        *s->pprev_dirty = s->next_dirty;
        if (s->next_dirty)
                s->next_dirty->pprev_dirty = s->pprev_dirty;
        s->pprev_dirty = NULL;
}

static void on_unread(void *arg) {
        struct stream *s = arg;
        s->unread_deferred = false;
        if (s->closing || s->paused || s->held || !s->unread.len)
                return;
        struct sbuf b = s->unread;
        s->unread = (struct sbuf) SBUF(UNREAD_BYTES_MAX);
        if (s->finishing) {
                sbuf_done(&b);
                return;
        }
        int r = s->ev->on_data ? s->ev->on_data(s, b.data, b.len, s->arg) : 0;
        sbuf_done(&b);
        if (r < 0)
                stream_fail(s, r);
        update_reading(s);
}

static void defer_unread(struct stream *s) {
        if (!s->unread_deferred && s->unread.len && !s->closing) {
                s->unread_deferred = true;
                loop_defer(s->loop, on_unread, s);
        }
}

struct stream *stream_new(struct loop *l, bool is_unix) {
        struct stream *s = dr_xnew(struct stream);
        if (is_unix ? uv_pipe_init(&l->uv, &s->h.pipe, 0) < 0 : uv_tcp_init(&l->uv, &s->h.tcp) < 0)
                abort();
        s->loop = l;
        s->queue_max = STREAM_QUEUE_MAX;
        s->low_bytes = STREAM_LOW_BYTES;
        s->unread = (struct sbuf) SBUF(UNREAD_BYTES_MAX);
        s->next = l->streams;
        if (s->next)
                s->next->pprev = &s->next;
        s->pprev = &l->streams;
        l->streams = s;
        if (is_unix)
                memcpy(s->peer, "unix", 5);
        return s;
}

static void on_closed(uv_handle_t *h) {
        struct stream *s = (struct stream *) h;
        if (s->ev && s->ev->on_close)
                s->ev->on_close(s, s->why, s->arg);
        if (s->pprev_owned) {
                *s->pprev_owned = s->next_owned;
                if (s->next_owned)
                        s->next_owned->pprev_owned = s->pprev_owned;
                s->on_gone(s, s->owner);
        }
        for (size_t i = 0; i < s->out.n; i++)
                buf_unref(s->out.v[i]);
        vec_done(&s->out);
        sbuf_done(&s->unread);
        SSL_free(s->ssl);
        tls_ctx_unref(s->sniff);
        free(s->error);
        free(s);
}

void stream_fail(struct stream *s, int why) {
        if (s->closing)
                return;
        s->closing = true;
        s->why = why;
        unmark_dirty(s);
        if (s->unread_deferred)
                loop_defer_cancel(s->loop, on_unread, s);
        *s->pprev = s->next;
        if (s->next)
                s->next->pprev = s->pprev;
        uv_close(&s->h.handle, on_closed);
}

void stream_close(struct stream *s) { stream_fail(s, 0); }

/* ---- output ---- */

static void check_drained(struct stream *s) {
        if (s->closing)
                return;
        if (s->shutdown_wanted)
                try_shutdown(s);
        if (s->closing || !s->need_drain || s->finishing || stream_queued_bytes(s) >= s->low_bytes)
                return;
        s->need_drain = false;
        if (s->ev->on_drain)
                s->ev->on_drain(s, s->arg);
}

static void on_written(uv_write_t *req, int status) {
        struct write_req *w = (struct write_req *) req;
        struct stream *s = w->s;
        for (unsigned i = 0; i < w->n; i++)
                buf_unref(w->bufs[i]);
        free(w);
        if (status < 0 && !s->closing)
                stream_fail(s, status);
        else
                check_drained(s);
}

/* Takes over n references. Kernel first, queue for the rest. Negative: the peer is gone. */
static int send_bufs(struct stream *s, struct buf **bufs, unsigned n) {
        uv_buf_t v[BUFS_MAX];
        for (unsigned i = 0; i < n; i++)
                v[i] = uv_buf_init((char *) bufs[i]->data, (unsigned) bufs[i]->len);
        size_t sent = 0;
        if (kernel_queue(s) == 0) {
                int r = uv_try_write(&s->h.stream, v, n);
                sent = r > 0 ? (size_t) r : 0;          /* a dead peer shows up in the read callback or the write below */
        }
        unsigned i = 0;
        for (; i < n && sent >= v[i].len; sent -= v[i].len, i++)
                buf_unref(bufs[i]);
        if (i == n)
                return 0;
        v[i].base += sent;
        v[i].len -= sent;
        struct write_req *w = dr_xcalloc(1, sizeof *w + (n - i) * sizeof *w->bufs);
        w->s = s;
        for (unsigned k = i; k < n; k++)
                w->bufs[w->n++] = bufs[k];
        int r = uv_write(&w->req, &s->h.stream, v + i, n - i, on_written);
        if (r < 0) {                                    /* no callback will come */
                for (unsigned k = 0; k < w->n; k++)
                        buf_unref(w->bufs[k]);
                free(w);
        }
        return r;
}

static int tls_drain(struct stream *s) {
        BIO *wbio = SSL_get_wbio(s->ssl);
        for (size_t n; (n = BIO_ctrl_pending(wbio)) > 0;) {
                struct buf *b = buf_new(MIN(n, (size_t) INT32_MAX));
                if (BIO_read(wbio, b->data, (int) b->len) != (int) b->len)
                        abort();
                int r = send_bufs(s, &b, 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int flush(struct stream *s) {
        if (s->connecting || (s->ssl && !SSL_is_init_finished(s->ssl)) || !s->out.n)
                return 0;
        __auto_type out = s->out;
        memset(&s->out, 0, sizeof s->out);
        s->out_bytes = 0;
        int r = 0;
        if (!s->ssl) {
                for (size_t i = 0; i < out.n; i += BUFS_MAX) {
                        unsigned n = (unsigned) MIN(out.n - i, (size_t) BUFS_MAX);
                        if (r == 0)
                                r = send_bufs(s, out.v + i, n);
                        else
                                for (unsigned k = 0; k < n; k++)
                                        buf_unref(out.v[i + k]);
                }
        } else {
                for (size_t i = 0; i < out.n; i++) {
                        size_t put;             /* a memory BIO takes all of it */
                        ERR_clear_error();
                        if (r == 0 && out.v[i]->len && SSL_write_ex(s->ssl, out.v[i]->data, out.v[i]->len, &put) != 1)
                                r = -EPROTO;
                        buf_unref(out.v[i]);
                }
                if (r == 0)
                        r = tls_drain(s);
        }
        out.n = 0;
        if (s->out.cap == 0 && out.cap <= 4)
                s->out.v = out.v, s->out.cap = out.cap; /* the usual few: keep the memory */
        else
                vec_done(&out);
        return r;
}

int stream_write_buf(struct stream *s, struct buf *b) {
        if (s->closing || s->shutdown_wanted)
                return -EPIPE;
        if (!b->len)
                return 0;
        size_t queued = stream_queued_bytes(s);
        if (queued + b->len > s->queue_max && (queued || b->len > STREAM_QUEUE_MAX))
                return -ENOBUFS;
        vec_push(&s->out, buf_ref(b));
        s->out_bytes += b->len;
        if (queued + b->len >= s->low_bytes)
                s->need_drain = true;
        mark_dirty(s);
        return 0;
}

int stream_write(struct stream *s, const void *p, size_t n) {
        AUTO(buf_unref) struct buf *b = buf_copy(p, n);
        return stream_write_buf(s, b);
}

void stream_set_queue_max(struct stream *s, size_t bytes) { s->queue_max = bytes; }
void stream_set_low(struct stream *s, size_t bytes) { s->low_bytes = bytes; }

void stream_set_unsent(struct stream *s, size_t bytes) {
        int fd, n = (int) MIN(bytes, (size_t) INT32_MAX);
        if (s->h.handle.type == UV_TCP && uv_fileno(&s->h.handle, &fd) == 0)
                (void) setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &n, sizeof n);    /* an old kernel keeps more: only slower */
}

static void on_shut_down(uv_shutdown_t *req, int status) {
        struct stream *s = (struct stream *) req->handle;
        free(req);
        if (s->closing)
                return;
        s->shut_down = true;
        if (s->finishing) {
                if (s->eof || status < 0)
                        stream_close(s);
                else
                        s->deadline_ms = loop_now_ms(s->loop) + LINGER_MS;
        }
}

static void try_shutdown(struct stream *s) {
        if (s->shutdown_sent || s->closing || s->connecting || s->out.n)
                return;
        s->shutdown_sent = true;
        if (s->ssl && SSL_is_init_finished(s->ssl)) {
                ERR_clear_error();
                SSL_shutdown(s->ssl);
                if (tls_drain(s) < 0)
                        return stream_fail(s, -EPIPE);
        }
        uv_shutdown_t *req = dr_xnew(uv_shutdown_t);
        int r = uv_shutdown(req, &s->h.stream, on_shut_down);   /* waits for what is queued */
        if (r < 0) {
                free(req);
                stream_fail(s, s->finishing ? 0 : r);
        }
}

void stream_shutdown(struct stream *s) {
        s->shutdown_wanted = true;
        mark_dirty(s);
}

void stream_finish(struct stream *s) {
        if (s->closing || s->finishing)
                return;
        s->finishing = true;
        s->held = s->paused = false;
        sbuf_reset(&s->unread);
        s->deadline_ms = 0;
        if (!s->stall_ms)
                s->stall_ms = FINISH_STALL_MS;
        if (s->shut_down && s->eof)
                return stream_close(s);
        if (s->shut_down)
                s->deadline_ms = loop_now_ms(s->loop) + LINGER_MS;
        s->shutdown_wanted = true;
        mark_dirty(s);
        update_reading(s);
}

void streams_flush(struct loop *l) {
        struct stream *list = l->dirty;
        l->dirty = NULL;
        if (list)
                list->pprev_dirty = &list;
        while (list) {                          /* callbacks may close any stream, which then leaves this list */
                struct stream *s = list;
                unmark_dirty(s);
                int r = flush(s);
                if (r < 0)
                        stream_fail(s, r);
                else
                        check_drained(s);
        }
}

/* ---- input ---- */

static void handshake_progress(struct stream *s) {
        if (SSL_is_init_finished(s->ssl) && (s->out.n || s->shutdown_wanted))
                mark_dirty(s);
}

static void input(struct stream *s, const char *p, size_t n) {
        if (s->finishing)
                return;
        if (s->held || s->unread.len) {
                sbuf_add(&s->unread, p, n);
                if (!sbuf_ok(&s->unread))
                        return stream_fail(s, -ENOBUFS);
                if (s->unread.len >= UNREAD_STOP_BYTES)
                        update_reading(s);
                return;
        }
        int r = s->ev->on_data ? s->ev->on_data(s, p, n, s->arg) : 0;
        if (r < 0)
                stream_fail(s, r);
}

static void got_eof(struct stream *s) {
        if (s->eof)
                return;
        s->eof = true;
        uv_read_stop(&s->h.stream);
        if (s->finishing) {
                if (s->shut_down)
                        stream_close(s);
        } else if (s->ev->on_eof) {
                s->ev->on_eof(s, s->arg);
        } else {
                stream_finish(s);
        }
}

static void tls_input(struct stream *s, const char *p, size_t n) {
        if (BIO_write(SSL_get_rbio(s->ssl), p, (int) n) != (int) n)
                abort();
        for (;;) {
                ERR_clear_error();              /* SSL_get_error() reads a per-thread queue */
                int k = SSL_read(s->ssl, s->loop->plain_area, sizeof s->loop->plain_area);
                if (k <= 0) {
                        int e = SSL_get_error(s->ssl, k);
                        if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_ZERO_RETURN && !s->error) {
                                char reason[200];
                                tls_reason(s->ssl, reason, sizeof reason);
                                s->error = dr_xstrdup(reason);
                        }
                        int r = tls_drain(s);   /* in all cases: alerts must leave too */
                        if (r < 0)
                                return stream_fail(s, r);
                        if (e == SSL_ERROR_ZERO_RETURN)
                                return got_eof(s);
                        if (e != SSL_ERROR_WANT_READ)
                                return stream_fail(s, -EPROTO);
                        return handshake_progress(s);
                }
                input(s, s->loop->plain_area, (size_t) k);
                if (s->closing || s->finishing)
                        return;
        }
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b) {
        (void) hint;
        struct loop *l = ((struct stream *) h)->loop;
        *b = uv_buf_init(l->read_area, sizeof l->read_area);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *b) {
        struct stream *s = (struct stream *) h;
        if (n == 0 || s->closing)               /* 0 is EAGAIN, not the end */
                return;
        if (n == UV_EOF)
                return got_eof(s);
        if (n < 0)
                return stream_fail(s, s->finishing ? 0 : (int) n);
        if (s->finishing)
                return;
        if (s->sniff) {                         /* TLS and plain on one port: 0x16 starts a ClientHello */
                if ((unsigned char) b->base[0] == 0x16) {
                        s->ssl = tls_ssl_new(s->sniff, NULL);
                        if (!s->ssl)
                                return stream_fail(s, -ENOMEM);
                }
                s->sniff = tls_ctx_unref(s->sniff);
        }
        if (s->ssl)
                tls_input(s, b->base, (size_t) n);
        else
                input(s, b->base, (size_t) n);
}

static void update_reading(struct stream *s) {
        if (s->closing || s->eof || s->connecting)
                return;
        if (s->paused || s->unread.len >= UNREAD_STOP_BYTES)
                uv_read_stop(&s->h.stream);
        else
                uv_read_start(&s->h.stream, on_alloc, on_read);         /* again while reading: no effect */
}

void stream_pause(struct stream *s) {
        s->paused = true;
        update_reading(s);
}

void stream_resume(struct stream *s) {
        s->paused = false;
        defer_unread(s);
        update_reading(s);
}

void stream_hold(struct stream *s) { s->held = true; }

void stream_release(struct stream *s) {
        s->held = false;
        defer_unread(s);
        update_reading(s);
}

void stream_unread(struct stream *s, const char *p, size_t n) {
        sbuf_add(&s->unread, p, n);
        if (!s->held)
                defer_unread(s);
}

/* ---- making and settings ---- */

static const struct stream_events no_events;

static void set_peer(struct stream *s) {
        struct sockaddr_storage ss;
        int len = sizeof ss;
        if (s->h.handle.type != UV_TCP || uv_tcp_getpeername(&s->h.tcp, (struct sockaddr *) &ss, &len) < 0)
                return;
        if (ss.ss_family == AF_INET6) {
                const struct sockaddr_in6 *a = (const struct sockaddr_in6 *) &ss;
                uv_ip6_name(a, s->peer, sizeof s->peer);
                if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr))
                        memmove(s->peer, s->peer + 7, strlen(s->peer + 7) + 1);
        } else {
                uv_ip4_name((const struct sockaddr_in *) &ss, s->peer, sizeof s->peer);
        }
}

int stream_accept(struct stream *s, uv_stream_t *listener, struct tls_ctx *sniff) {
        s->ev = &no_events;
        int r = uv_accept(listener, &s->h.stream);
        if (r < 0)
                return r;
        if (s->h.handle.type == UV_TCP) {
                uv_tcp_nodelay(&s->h.tcp, 1);
                uv_tcp_keepalive(&s->h.tcp, 1, 60);
        }
        set_peer(s);
        if (sniff)
                s->sniff = tls_ctx_ref(sniff);
        update_reading(s);
        return 0;
}

int stream_pair(struct loop *l, struct stream **ret_a, struct stream **ret_b, struct dr_error *err) {
        uv_os_sock_t fds[2];
        struct stream *s[2];
        int r = uv_socketpair(SOCK_STREAM, 0, fds, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE);
        if (r < 0)
                return dr_fail(err, uv_to_code(r), NULL, "could not make a pair of sockets: %s", uv_strerror(r));
        for (size_t i = 0; i < ARRAY_LEN(s); i++) {
                s[i] = stream_new(l, true);
                s[i]->ev = &no_events;
                if (uv_pipe_open(&s[i]->h.pipe, fds[i]) < 0)
                        abort();        /* a socket that was just made */
                update_reading(s[i]);
        }
        *ret_a = s[0];
        *ret_b = s[1];
        return 0;
}

static void on_connected(uv_connect_t *req, int status) {
        struct connect_req *c = (struct connect_req *) req;
        struct stream *s = (struct stream *) req->handle;
        void (*fn)(struct stream *, int) = c->fn;
        free(c);
        s->connecting = false;
        if (s->closing)
                return;
        if (status == 0) {
                if (s->h.handle.type == UV_TCP) {
                        uv_tcp_nodelay(&s->h.tcp, 1);
                        uv_tcp_keepalive(&s->h.tcp, 1, 60);
                }
                set_peer(s);
                update_reading(s);
        }
        fn(s, status);
}

int stream_connect_tcp(struct stream *s, const struct sockaddr *addr, void (*fn)(struct stream *, int)) {
        s->ev = &no_events;
        struct connect_req *c = dr_xnew(struct connect_req);
        c->fn = fn;
        int r = uv_tcp_connect(&c->req, &s->h.tcp, addr, on_connected);
        if (r < 0)
                free(c);
        else
                s->connecting = true;
        return r;
}

int stream_connect_unix(struct stream *s, const char *path, void (*fn)(struct stream *, int)) {
        s->ev = &no_events;
        struct connect_req *c = dr_xnew(struct connect_req);
        c->fn = fn;
        s->connecting = true;
        uv_pipe_connect(&c->req, &s->h.pipe, path, on_connected);
        return 0;
}

void stream_start_tls_client(struct stream *s, struct tls_ctx *ctx, const char *host) {
        s->ssl = tls_ssl_new(ctx, host);
        if (!s->ssl)
                return stream_fail(s, -ENOMEM);
        ERR_clear_error();
        SSL_do_handshake(s->ssl);               /* wants the answer; the hello leaves here */
        int r = tls_drain(s);
        if (r < 0)
                stream_fail(s, r);
}

void stream_set_owner(struct stream *s, struct stream **list, void (*on_gone)(struct stream *, void *), void *owner) {
        s->on_gone = on_gone;
        s->owner = owner;
        s->next_owned = *list;
        if (s->next_owned)
                s->next_owned->pprev_owned = &s->next_owned;
        s->pprev_owned = list;
        *list = s;
}

void stream_set_events(struct stream *s, const struct stream_events *ev, void *arg) {
        s->ev = ev ? ev : &no_events;
        s->arg = arg;
}
bool stream_is_closing(const struct stream *s) { return s->closing || s->finishing; }
void stream_set_deadline(struct stream *s, uint64_t at_ms) {
        if (!s->finishing)
                s->deadline_ms = at_ms;
}
void stream_set_stall_ms(struct stream *s, uint64_t ms) { s->stall_ms = ms; }
struct loop *stream_loop(const struct stream *s) { return s->loop; }
bool stream_is_hung_up(const struct stream *s) {
        struct pollfd p = { .events = POLLOUT };
        return s->closing || uv_fileno(&s->h.handle, &p.fd) < 0 || (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR));
}
bool stream_is_tls(const struct stream *s) { return s->ssl != NULL; }
const char *stream_peer(const struct stream *s) { return s->peer; }

/* ---- housekeeping ---- */

void streams_sweep(struct loop *l) {
        uint64_t now_ms = loop_now_ms(l);
        size_t all = 0, most = 0;
        struct stream *largest = NULL;
        for (struct stream *s = l->streams, *next; s; s = next) {
                next = s->next;                 /* a callback may close s (it stays in memory for this turn), rarely next: then start over next time */
                size_t q = stream_queued_bytes(s);
                all += q;
                if (q > most) {
                        most = q;
                        largest = s;
                }
                if (q == 0 || q != s->last_queue) {
                        s->last_queue = q;
                        s->progress_ms = now_ms;
                } else if (s->stall_ms && now_ms - s->progress_ms >= s->stall_ms) {
                        stream_fail(s, -ETIMEDOUT);
                        continue;
                }
                if (s->deadline_ms && now_ms >= s->deadline_ms) {
                        s->deadline_ms = 0;
                        if (s->finishing)
                                stream_close(s);
                        else if (s->ev->on_deadline)
                                s->ev->on_deadline(s, s->arg);
                        else
                                stream_fail(s, -ETIMEDOUT);
                        if (next && next->closing)
                                break;
                }
        }
        if (all > ALL_QUEUES_BYTES_MAX && largest && !largest->closing)
                stream_fail(largest, -ENOBUFS);
}

void streams_close_finishing(struct loop *l) {
        for (struct stream *s = l->streams, *next; s; s = next) {
                next = s->next;
                if (s->finishing)
                        stream_close(s);
        }
}
