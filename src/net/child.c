#include "net/child.h"

#include <signal.h>

#include "base/sbuf.h"
#include "net/loop-internal.h"

enum { PIPE_GRACE_MS = 1000 };          /* a grandchild may hold the pipes open after the child's end */

struct output {
        uv_pipe_t h;                    /* first member */
        struct child *c;
        struct sbuf data;
        size_t max;
        bool is_err, cut, open;
};

struct child {
        struct loop *loop;
        uv_process_t process;
        uv_pipe_t in;
        uv_write_t in_req;
        struct output out, err;
        struct timer *timer;            /* the deadline, then the grace for the pipes */
        struct child_spec spec;
        char *in_copy;
        char read_area[16 * 1024];
        int64_t exit_status;
        int signal;
        unsigned n_handles;             /* not closed yet */
        bool exited, timed_out, in_open, closing, abandoned;
};

static void child_closed(uv_handle_t *h);

static void close_all(struct child *c) {
        if (c->closing)
                return;
        c->closing = true;
        c->timer = timer_free(c->timer);
        if (c->in_open) {
                c->in_open = false;
                uv_close((uv_handle_t *) &c->in, child_closed);
        }
        struct output *outs[] = { &c->out, &c->err };
        for (unsigned i = 0; i < 2; i++)
                if (outs[i]->open) {
                        outs[i]->open = false;
                        uv_close((uv_handle_t *) &outs[i]->h, child_closed);
                }
        uv_close((uv_handle_t *) &c->process, child_closed);
}

static void child_closed(uv_handle_t *h) {
        struct child *c = h->data;
        if (--c->n_handles)
                return;
        if (!c->abandoned) {
                struct child_result res = {
                        .exit_status = c->signal ? 0 : (int) c->exit_status, .signal = c->signal, .timed_out = c->timed_out,
                        .out = sbuf_str(&c->out.data), .out_len = c->out.data.len, .out_cut = c->out.cut,
                        .err = sbuf_str(&c->err.data), .err_len = c->err.data.len, .err_cut = c->err.cut,
                };
                c->spec.on_exit(c, &res, c->spec.arg);
        }
        sbuf_done(&c->out.data);
        sbuf_done(&c->err.data);
        free(c->in_copy);
        free(c);
}

static void check_done(struct child *c) {
        if (c->exited && !c->out.open && !c->err.open)
                close_all(c);
}

static void send_signal(struct child *c, int signum) {
        if (c->spec.group)
                (void) kill(-c->process.pid, signum);
        else
                uv_process_kill(&c->process, signum);
}

static void on_timer(void *arg) {
        struct child *c = arg;
        if (c->exited)
                return close_all(c);
        c->timed_out = true;
        send_signal(c, SIGKILL);
}

static void on_exit_cb(uv_process_t *p, int64_t status, int signum) {
        struct child *c = p->data;
        c->exited = true;
        c->exit_status = status;
        c->signal = signum;
        if (c->abandoned)
                return close_all(c);
        timer_start(c->timer, PIPE_GRACE_MS);
        check_done(c);
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b) {
        struct child *c = ((struct output *) h)->c;
        (void) hint;
        *b = uv_buf_init(c->read_area, sizeof c->read_area);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *b) {
        struct output *o = (struct output *) h;
        struct child *c = o->c;
        if (n == 0 || c->closing)
                return;
        if (n < 0) {
                o->open = false;
                uv_close((uv_handle_t *) h, child_closed);
                return check_done(c);
        }
        size_t k = MIN((size_t) n, o->max - o->data.len);
        sbuf_add(&o->data, b->base, k);
        o->cut = o->cut || k < (size_t) n;
        if (c->spec.on_output && !c->abandoned)
                c->spec.on_output(c, o->is_err, b->base, (size_t) n, c->spec.arg);
}

static void on_in_written(uv_write_t *req, int status) {
        struct child *c = req->handle->data;
        (void) status;                  /* a child that does not read its input decides that itself */
        if (c->in_open) {
                c->in_open = false;
                uv_close((uv_handle_t *) &c->in, child_closed);
        }
}

static void output_init(struct child *c, struct output *o, size_t max, bool is_err) {
        uv_pipe_init(&c->loop->uv, &o->h, 0);
        o->h.data = c;
        o->c = c;
        o->max = max;
        o->is_err = is_err;
        o->data = (struct sbuf) SBUF(max);
        o->open = true;
        c->n_handles++;
}

struct child *child_spawn(struct loop *l, const struct child_spec *spec, struct dr_error *err) {
        struct child *c = dr_xnew(struct child);
        c->loop = l;
        c->spec = *spec;
        c->timer = timer_new(l, on_timer, c);
        c->process.data = c;
        c->n_handles = 1;
        output_init(c, &c->out, spec->out_max, false);
        output_init(c, &c->err, spec->err_max, true);
        uv_stdio_container_t io[3] = {
                { .flags = UV_IGNORE },
                { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *) &c->out.h },
                { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *) &c->err.h },
        };
        if (spec->in) {
                uv_pipe_init(&l->uv, &c->in, 0);
                c->in.data = c;
                c->in_open = true;
                c->n_handles++;
                io[0] = (uv_stdio_container_t) { .flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *) &c->in };
        }
        uv_process_options_t o = {
                .exit_cb = on_exit_cb, .file = spec->argv[0], .args = (char **) (uintptr_t) spec->argv,
                .env = (char **) (uintptr_t) spec->env, .cwd = spec->cwd, .stdio_count = 3, .stdio = io,
                .flags = spec->group ? UV_PROCESS_DETACHED : 0,
        };
        int r = uv_spawn(&l->uv, &c->process, &o);
        if (r < 0) {
                (void) dr_fail(err, uv_to_code(r), NULL, "could not start \"%s\": %s", spec->argv[0], uv_strerror(r));
                c->abandoned = true;
                close_all(c);
                return NULL;
        }
        uv_read_start((uv_stream_t *) &c->out.h, on_alloc, on_read);
        uv_read_start((uv_stream_t *) &c->err.h, on_alloc, on_read);
        if (spec->in) {
                c->in_copy = dr_xmalloc(spec->in_len + 1);
                memcpy(c->in_copy, spec->in, spec->in_len);
                uv_buf_t b = uv_buf_init(c->in_copy, (unsigned) spec->in_len);
                if (uv_write(&c->in_req, (uv_stream_t *) &c->in, &b, 1, on_in_written) < 0) {
                        c->in_open = false;
                        uv_close((uv_handle_t *) &c->in, child_closed);
                }
        }
        if (spec->deadline_ms)
                timer_start(c->timer, spec->deadline_ms);
        return c;
}

void child_kill(struct child *c, int signum) {
        if (!c->exited)
                send_signal(c, signum);
}

int child_pid(const struct child *c) { return c->process.pid; }

void child_abandon(struct child *c) {
        c->abandoned = true;
        if (c->exited)
                return close_all(c);
        send_signal(c, SIGKILL);                /* reaped on its exit, then all is freed */
}
