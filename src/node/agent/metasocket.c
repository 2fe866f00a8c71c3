#include "metasocket.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sbuf.h"
#include "net/buf.h"
#include "base/vec.h"

enum { CLIENTS_MAX = 256, LINE_IN_BYTES_MAX = 2 << 20, WAITING_BYTES_MAX = 64 << 20, STALL_MS = 30000, LOOK_MS = 5000, BACKLOG = 64, READ_BYTES = 16384 };

struct client {
        struct metasocket *all;
        struct client *prev, *next;
        int fd;
        struct fd_watch *watch;
        struct sbuf in;
        VEC(struct buf *) out;          /* from out_at on; sent bytes of the first: out_done */
        size_t out_at, out_done, waiting;
        uint64_t taken_ms;              /* when it last took something, or nothing waited */
        bool begun, over;
};

struct metasocket {
        struct loop *loop;
        const struct metastore *store;
        char *path;
        int fd;
        struct fd_watch *watch;
        struct timer *look;
        struct client *first;
        size_t n;
};

size_t metasocket_clients(const struct metasocket *s) { return s->n; }

static void client_free(struct client *c) {
        *(c->prev ? &c->prev->next : &c->all->first) = c->next;
        if (c->next)
                c->next->prev = c->prev;
        c->all->n--;
        fd_watch_free(c->watch);
        close(c->fd);
        for (; c->out_at < c->out.n; c->out_at++)
                buf_unref(c->out.v[c->out_at]);
        vec_done(&c->out);
        sbuf_done(&c->in);
        free(c);
}

/* What the kernel takes now. The rest waits for the descriptor to be writable. */
static void client_push(struct client *c) {
        while (!c->over && c->out_at < c->out.n) {
                struct buf *b = c->out.v[c->out_at];
                ssize_t k = send(c->fd, b->data + c->out_done, b->len - c->out_done, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0) {
                        c->over |= errno != EAGAIN;
                        break;
                }
                c->taken_ms = loop_now_ms(c->all->loop);
                c->out_done += (size_t) k;
                c->waiting -= (size_t) k;
                if (c->out_done == b->len) {
                        buf_unref(b);
                        c->out_at++;
                        c->out_done = 0;
                }
        }
        if (c->out_at == c->out.n) {
                vec_clear(&c->out);
                c->out_at = 0;
        }
        fd_watch_set(c->watch, FD_READABLE | (c->out.n ? FD_WRITABLE : 0));
}

static void client_add(struct client *c, struct buf *b) {
        if (!c->waiting)
                c->taken_ms = loop_now_ms(c->all->loop);
        vec_push(&c->out, buf_ref(b));
        c->waiting += b->len;
        c->over |= c->waiting > WAITING_BYTES_MAX;
}

static struct buf *line_buf(const char *line, size_t len) {
        struct buf *b = buf_new(len + 1);
        memcpy(b->data, line, len);
        b->data[len] = '\n';
        return b;
}

static void client_line(void *arg, const char *line, size_t len) {
        struct buf *b = line_buf(line, len);
        client_add(arg, b);
        buf_unref(b);
}

static void on_line(struct client *c, const char *p, size_t n) {
        static const char sync[] = "{\"sync\":true}";
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err;
        if (json_parse(p, n, LINE_IN_BYTES_MAX, &o, &err) < 0 || !json_get_object(o, "resume")) {
                log_warning("a client of the metadata socket is cut off", "reason", o ? "its line has no \"resume\"" : err.message, NULL);
                c->over = true;
                return;
        }
        metastore_write(c->all->store, json_get_object(o, "resume"), client_line, c);
        client_line(c, sync, strlen(sync));
        c->begun = true;
        client_push(c);
}

static void client_read(struct client *c) {
        char buf[READ_BYTES];
        ssize_t n = recv(c->fd, buf, sizeof buf, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
                c->over = true;
                return;
        }
        if (n < 0)
                return;
        sbuf_add(&c->in, buf, (size_t) n);
        c->over |= !sbuf_ok(&c->in);
        size_t used = 0;
        for (char *end; !c->over && (end = memchr(c->in.data + used, '\n', c->in.len - used));) {
                on_line(c, c->in.data + used, (size_t) (end - (c->in.data + used)));
                used = (size_t) (end + 1 - c->in.data);
        }
        sbuf_consume(&c->in, used);
}

static void on_client(int events, void *arg) {
        struct client *c = arg;
        if (events < 0)
                c->over = true;
        else if (events & FD_WRITABLE)
                client_push(c);
        if (events > 0 && events & FD_READABLE && !c->over)
                client_read(c);
        if (c->over)
                client_free(c);
}

static void on_connect(int events, void *arg) {
        struct metasocket *s = arg;
        (void) events;
        for (int fd; (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
                struct client *c = s->n < CLIENTS_MAX ? dr_xnew(struct client) : NULL;
                if (!c) {
                        close(fd);
                        continue;
                }
                *c = (struct client) { .all = s, .fd = fd, .in = SBUF(LINE_IN_BYTES_MAX), .next = s->first, .taken_ms = loop_now_ms(s->loop) };
                if (s->first)
                        s->first->prev = c;
                s->first = c;
                s->n++;
                c->watch = fd_watch_new(s->loop, fd, FD_READABLE, on_client, c);
                if (!c->watch)
                        client_free(c);
        }
}

void metasocket_tell(struct metasocket *s, const char *line, size_t len) {
        struct buf *b = s->first ? line_buf(line, len) : NULL;
        for (struct client *c = s->first, *next; c; c = next) {
                next = c->next;
                if (!c->begun || c->over)
                        continue;
                client_add(c, b);
                client_push(c);
                if (c->over)
                        client_free(c);
        }
        buf_unref(b);
}

static void on_look(void *arg) {
        struct metasocket *s = arg;
        uint64_t now = loop_now_ms(s->loop);
        for (struct client *c = s->first, *next; c; c = next) {
                next = c->next;
                if (c->waiting && now >= c->taken_ms + STALL_MS) {
                        log_warning("a client of the metadata socket takes nothing: it is cut off", NULL);
                        client_free(c);
                }
        }
}

int metasocket_new(struct loop *l, const char *path, const struct metastore *store, struct metasocket **ret, struct dr_error *err) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        if (strlen(path) >= sizeof at.sun_path)
                return dr_fail(err, DR_E_INTERNAL, NULL, "the path of the metadata socket is too long: \"%s\"", path);
        snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void) unlink(path);                    /* of an agent before this one */
        if (fd < 0 || bind(fd, (struct sockaddr *) &at, sizeof at) < 0 || chmod(path, 0660) < 0 || listen(fd, BACKLOG) < 0) {
                int r = dr_fail(err, DR_E_INTERNAL, NULL, "could not listen on \"%s\": %m", path);
                if (fd >= 0)
                        close(fd);
                return r;
        }
        struct metasocket *s = dr_xnew(struct metasocket);
        *s = (struct metasocket) { .loop = l, .store = store, .path = dr_xstrdup(path), .fd = fd };
        s->watch = fd_watch_new(l, fd, FD_READABLE, on_connect, s);
        s->look = timer_new(l, on_look, s);
        timer_start_periodic(s->look, LOOK_MS, LOOK_MS);
        *ret = s;
        return 0;
}

struct metasocket *metasocket_free(struct metasocket *s) {
        if (!s)
                return NULL;
        while (s->first)
                client_free(s->first);
        fd_watch_free(s->watch);
        timer_free(s->look);
        close(s->fd);
        (void) unlink(s->path);
        free(s->path);
        free(s);
        return NULL;
}
