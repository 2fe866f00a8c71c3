#include "tunnel.h"

#include "base/log.h"
#include "base/sbuf.h"
#include "core/hosts.h"

enum { TUNNELS_MAX = 4096, LOOK_MS = 1000, LOW_BYTES = 32 * 1024, INPUT_BYTES_MAX = 256 * 1024 };

struct tunnels { struct loop *loop; struct core *core; struct tunnel *first; size_t n; };

struct tunnel {
        struct tunnels *all;            /* NULL: the server is ending */
        struct tunnel *prev, *next;
        struct host_stream remote;
        struct stream *local;
        struct sbuf input;              /* waits for the host's credit */
        uint32_t unpassed;
        bool eof;                       /* behind the input */
};

size_t tunnels_count(const struct tunnels *t) { return t->n; }

static void pass(struct tunnel *t) {
        uint32_t n = t->unpassed;
        t->unpassed = 0;
        if (n)
                host_stream_passed(&t->remote, n);
}

/* ---- from the host ---- */
static void remote_on_data(struct host_stream *s, const char *p, size_t n) {
        struct tunnel *t = container_of(s, struct tunnel, remote);
        t->unpassed += (uint32_t) n;
        (void) stream_write(t->local, p, n);            /* closing: on_close follows */
        if (stream_queued_bytes(t->local) < LOW_BYTES)
                pass(t);
}

static void flush_input(struct tunnel *t) {
        static const char eof[] = "{\"eof\":true}";
        sbuf_consume(&t->input, host_stream_send(&t->remote, sbuf_str(&t->input), t->input.len));
        if (t->input.len)
                return;
        if (t->eof)
                host_stream_control(&t->remote, eof, sizeof eof - 1);
        else
                stream_resume(t->local);
}

static void remote_on_credit(struct host_stream *s) { flush_input(container_of(s, struct tunnel, remote)); }

static void remote_on_end(struct host_stream *s, const char *code, const char *message) {
        struct tunnel *t = container_of(s, struct tunnel, remote);
        if (*code)
                log_info("a connection to a container ended", "code", code, "reason", message, NULL);
        stream_finish(t->local);
}

static const struct host_stream_events remote_events = { .on_data = remote_on_data, .on_credit = remote_on_credit, .on_end = remote_on_end };

/* ---- from this side ---- */
static int local_on_data(struct stream *s, const char *p, size_t n, void *arg) {
        struct tunnel *t = arg;
        size_t sent = t->input.len ? 0 : host_stream_send(&t->remote, p, n);
        if (sent == n)
                return 0;
        sbuf_add(&t->input, p + sent, n - sent);
        stream_pause(s);
        return sbuf_ok(&t->input) ? 0 : -ENOBUFS;
}

/* The other end was closed, or only sends no more: then the container may still answer. */
static void local_on_eof(struct stream *s, void *arg) {
        struct tunnel *t = arg;
        if (stream_is_hung_up(s)) {
                stream_close(s);
                return;
        }
        if (!t->eof) {
                t->eof = true;
                if (!t->input.len)
                        flush_input(t);
        }
        stream_set_deadline(s, loop_now_ms(stream_loop(s)) + LOOK_MS);
}

static void local_on_drain(struct stream *s, void *arg) {
        (void) s;
        pass(arg);
}

static void local_on_close(struct stream *s, int why, void *arg) {
        struct tunnel *t = arg;
        (void) s;
        (void) why;
        host_stream_close(&t->remote, NULL, NULL);
        if (t->all) {
                *(t->prev ? &t->prev->next : &t->all->first) = t->next;
                if (t->next)
                        t->next->prev = t->prev;
                t->all->n--;
        }
        sbuf_done(&t->input);
        free(t);
}

static const struct stream_events local_events = {
        .on_data = local_on_data, .on_eof = local_on_eof, .on_drain = local_on_drain, .on_deadline = local_on_eof, .on_close = local_on_close,
};

int tunnel_open(struct tunnels *all, const struct record *host, const char *kind, struct json_object *data, struct stream **ret, struct dr_error *err) {
        struct stream *other;
        if (all->n >= TUNNELS_MAX)
                return dr_fail(err, DR_E_BUSY, NULL, "%d connections to containers are open already", TUNNELS_MAX);
        struct tunnel *t = dr_xnew(struct tunnel);
        *t = (struct tunnel) { .remote = { .ev = &remote_events }, .input = SBUF(INPUT_BYTES_MAX) };
        int r = host_stream_open(all->core, host, &t->remote, kind, data, err);
        if (r == 0 && (r = stream_pair(all->loop, &t->local, &other, err)) < 0)
                host_stream_close(&t->remote, NULL, NULL);
        if (r < 0) {
                free(t);
                return r;
        }
        stream_set_events(t->local, &local_events, t);
        stream_set_low(t->local, LOW_BYTES);
        t->all = all;
        t->next = all->first;
        if (all->first)
                all->first->prev = t;
        all->first = t;
        all->n++;
        *ret = other;
        return 0;
}

struct tunnels *tunnels_new(struct loop *l, struct core *c) {
        struct tunnels *t = dr_xnew(struct tunnels);
        *t = (struct tunnels) { .loop = l, .core = c };
        return t;
}

struct tunnels *tunnels_free(struct tunnels *all) {
        while (all && all->first) {     /* those left have their last callback still to come */
                struct tunnel *t = all->first;
                host_stream_close(&t->remote, NULL, NULL);
                all->first = t->next;
                t->all = NULL;
                stream_close(t->local);
        }
        free(all);
        return NULL;
}
