/* exec.c: runs a program in a container. data: {container, uuid, attachStdin, attachStdout, tty, cmd}. Bytes both ways; {"resize":{"cols","rows"}} and
 * {"eof":true} from the server; {"exitCode":n} just before the end.
 *
 * Without a terminal the engine multiplexes stdout and stderr: both are sent on in the order of their arrival, without heads. A client that goes away
 * is what a closed terminal is to a shell: it gets EOT (with a terminal) or the end of its input, and the connection is closed. */
#include "node/streams/channel-internal.h"

#include <stdio.h>

#include "node/docker/frames.h"
#include "node/streams/pipe.h"
#include "node/streams/target.h"

enum { CALL_MS = 30000, CMD_MAX = 1024, BODY_BYTES_MAX = 256 * 1024, SIZE_MAX_CELLS = 10000, RESIZE_TRIES = 20, RESIZE_AGAIN_MS = 25, EXIT_TRIES = 40, EXIT_AGAIN_MS = 25 };

/* A start that the engine has been asked for. It outlives its channel: the program may run already, and must hear that nobody listens. */
struct exec_start {
        struct channels *all;
        struct channel *channel;        /* NULL: gone */
        struct docker_call *call;
        const char *last;               /* see pipe_done() */
        struct exec_start *next, **pprev;
};

struct exec {
        struct pipe pipe;
        struct target_look *look;
        struct docker_call *call, *resize_call;         /* create or inspect; resize */
        struct exec_start *start;       /* under way; NULL: not yet or done */
        struct timer *resize_again, *exit_again;
        char *body;                     /* of the create call */
        char id[DOCKER_ID_CHARS + 1];   /* of the exec; "" until it is created */
        struct docker_frames frames;
        bool attach_stdin, tty, started;
        const char *last;               /* what the program gets when the client is gone; NULL: the end of its input */
        int cols, rows;                 /* wanted; 0: nothing was said */
        int sent_cols, sent_rows;
        unsigned resize_tries, exit_tries;
};

static bool start_call(struct channel *c, struct docker_call **slot, const struct docker_request *r) {
        struct dr_error err;
        *slot = docker_call_start(channel_docker(c), r, &err);
        if (!*slot)
                channel_end_error(c, &err);
        return *slot != NULL;
}

/* False: the channel has been ended with what the engine said. */
static bool good(struct channel *c, int result, int status, const char *body, size_t len, const struct dr_error *err) {
        if (result == 0 && status >= 100 && status < 300)
                return true;
        if (result < 0) {
                channel_end_error(c, err);
                return false;
        }
        char why[400];
        docker_error_text(body, len, why, sizeof why);
        channel_end(c, status == 404 ? "NotFound" : status == 409 ? "NotRunning" : "ExecFailed", "%s", why);
        return false;
}

/* Window size ------------------------------------------------------------------------------------------------------ */

static void resize(struct channel *c);

static void on_resize_again(void *arg) { resize(arg); }

static void on_resized(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct channel *c = arg;
        struct exec *x = c->state;
        x->resize_call = NULL;
        bool ok = result == 0 && status >= 200 && status < 300;
        if (x->cols != x->sent_cols || x->rows != x->sent_rows)
                resize(c);
        else if (!ok && ++x->resize_tries < RESIZE_TRIES)       /* the engine answers the start before the program runs */
                timer_start(x->resize_again, RESIZE_AGAIN_MS);
}

static void resize(struct channel *c) {
        struct exec *x = c->state;
        if (!x->started || x->resize_call || !x->rows)
                return;
        char path[200];
        snprintf(path, sizeof path, "/exec/%s/resize?h=%d&w=%d", x->id, x->rows, x->cols);
        x->sent_cols = x->cols;
        x->sent_rows = x->rows;
        x->resize_call = docker_call_start(channel_docker(c), &(struct docker_request) { .method = "POST", .path = path, .total_ms = CALL_MS, .done = on_resized, .arg = c }, NULL);
}

/* The end ---------------------------------------------------------------------------------------------------------- */

static void ask_exit(struct channel *c);
static void on_exit_again(void *arg) { ask_exit(arg); }

static void on_exit_seen(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct channel *c = arg;
        struct exec *x = c->state;
        x->call = NULL;
        if (!good(c, result, status, body, len, err))
                return;
        struct dr_error why;
        AUTO(jv_put) json_object *o = jv_parse(body, len, BODY_BYTES_MAX, &why);
        if (jv_bool(o, "Running") && ++x->exit_tries < EXIT_TRIES)
                return timer_start(x->exit_again, EXIT_AGAIN_MS);
        if (!jv_bool(o, "Running") && jv_get(o, "ExitCode")) {
                char text[64];
                snprintf(text, sizeof text, "{\"exitCode\":%d}", (int) jv_i64(o, "ExitCode"));
                channel_send_control(c, text);
        }
        channel_end(c, NULL, NULL);
}

static void ask_exit(struct channel *c) {
        struct exec *x = c->state;
        char path[128];
        snprintf(path, sizeof path, "/exec/%s/json", x->id);
        start_call(c, &x->call, &(struct docker_request) { .path = path, .total_ms = CALL_MS, .done = on_exit_seen, .arg = c });
}

/* The connection has ended, which for the engine means that the program has. */
static void on_over(struct channel *c, int why) {
        struct exec *x = c->state;
        x->pipe.discard = true;
        timer_stop(x->resize_again);
        ask_exit(c);
}

/* Start ------------------------------------------------------------------------------------------------------------ */

static void on_frame(enum docker_output output, bool starts, const char *p, size_t n, void *arg) { channel_send_raw(arg, p, n); }

static int on_multiplexed(struct channel *c, const char *p, size_t n, struct dr_error *err) {
        struct exec *x = c->state;
        return docker_frames_feed(&x->frames, p, n, on_frame, c, err);
}

static void start_free(struct exec_start *k) {
        *k->pprev = k->next;
        if (k->next)
                k->next->pprev = k->pprev;
        free(k);
}

static void on_hijacked(struct stream *s, void *arg) {
        struct exec_start *k = arg;
        if (k->channel) {
                pipe_connect(&((struct exec *) k->channel->state)->pipe, s);
                return;
        }
        struct pipe nobody = { .s = s };
        stream_set_events(s, NULL, NULL);
        pipe_done(&nobody, k->last);
}

static void on_started(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct exec_start *k = arg;
        struct channel *c = k->channel;
        start_free(k);
        if (!c)
                return;
        struct exec *x = c->state;
        x->start = NULL;
        if (!good(c, result, status, body, len, err))
                return;
        x->started = true;
        resize(c);
}

void exec_starts_free(struct channels *cs) {
        while (cs->exec_starts) {
                struct exec_start *k = cs->exec_starts;
                docker_call_cancel(k->call);
                start_free(k);
        }
}

static void start(struct channel *c) {
        struct exec *x = c->state;
        struct exec_start *k = dr_xnew(struct exec_start);
        *k = (struct exec_start) { .all = c->all, .channel = c, .last = x->last, .next = c->all->exec_starts, .pprev = &c->all->exec_starts };
        if (k->next)
                k->next->pprev = &k->next;
        c->all->exec_starts = k;
        x->start = k;
        char path[128], body[64];
        snprintf(path, sizeof path, "/exec/%s/start", x->id);
        snprintf(body, sizeof body, "{\"Detach\":false,\"Tty\":%s}", x->tty ? "true" : "false");
        struct docker_request r = { .method = "POST", .path = path, .body = body, .total_ms = CALL_MS, .hijacked = on_hijacked, .done = on_started, .arg = k };
        if (!start_call(c, &k->call, &r))
                start_free(k);
}

static void on_created(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct channel *c = arg;
        struct exec *x = c->state;
        x->call = NULL;
        if (!good(c, result, status, body, len, err))
                return;
        struct dr_error why = { 0 };
        AUTO(jv_put) json_object *o = jv_parse(body, len, BODY_BYTES_MAX, &why);
        const char *id = jv_str(o, "Id");
        size_t n = strlen(id);
        if (!n || n > DOCKER_ID_CHARS || strspn(id, "0123456789abcdef") != n)
                return channel_end(c, "ExecFailed", "the engine gave no id of an exec");
        memcpy(x->id, id, n + 1);
        start(c);
}

static void on_looked(struct channel *c, const struct target *t) {
        struct exec *x = c->state;
        if (!t->running)
                return channel_end(c, "NotRunning", "the container does not run");
        char path[128];
        snprintf(path, sizeof path, "/containers/%s/exec", t->id);
        start_call(c, &x->call, &(struct docker_request) { .method = "POST", .path = path, .body = x->body, .total_ms = CALL_MS, .done = on_created, .arg = c });
}

static const char *yes_no(bool b) { return b ? "true" : "false"; }

static bool make_body(struct exec *x, json_object *data) {
        json_object *cmd = jv_arr(data, "cmd");
        size_t n = jv_len(cmd);
        bool out = !jv_get(data, "attachStdout") || jv_bool(data, "attachStdout");
        auto_sbuf struct sbuf b = SBUF(BODY_BYTES_MAX);
        sbuf_printf(&b, "{\"AttachStdin\":%s,\"AttachStdout\":%s,\"AttachStderr\":%s,\"Tty\":%s,\"Cmd\":[", yes_no(x->attach_stdin), yes_no(out), yes_no(out), yes_no(x->tty));
        for (size_t i = 0; i < n; i++) {
                const char *word = jv_text(jv_at(cmd, i));
                if (i)
                        sbuf_putc(&b, ',');
                sbuf_json_string(&b, word, strlen(word));
        }
        sbuf_puts(&b, "]}");
        if (!n || n > CMD_MAX || !sbuf_ok(&b))
                return false;
        x->body = sbuf_steal(&b);
        return true;
}

static void exec_open(struct channel *c, json_object *data) {
        struct exec *x = dr_xnew(struct exec);
        c->state = x;
        pipe_init(&x->pipe, c);
        x->attach_stdin = jv_bool(data, "attachStdin");
        x->tty = jv_bool(data, "tty");
        x->last = x->tty && x->attach_stdin ? "\x04" : NULL;
        x->pipe.discard = !x->attach_stdin;
        x->pipe.eot = x->tty ? "\x04" : NULL;
        x->pipe.output = x->tty ? NULL : on_multiplexed;
        x->pipe.over = on_over;
        x->resize_again = timer_new(channel_loop(c), on_resize_again, c);
        x->exit_again = timer_new(channel_loop(c), on_exit_again, c);
        if (!make_body(x, data))
                return channel_end(c, "InvalidFormat", "the command has no words, or too many");
        target_look(c, jv_str(data, "container"), jv_str(data, "uuid"), &x->look, on_looked, NULL);
}

static void exec_input(struct channel *c, const char *p, size_t n) { pipe_input(&((struct exec *) c->state)->pipe, p, n); }
static void exec_pause(struct channel *c, bool paused) { pipe_pause(&((struct exec *) c->state)->pipe, paused); }

static int cells(json_object *o, const char *key) {
        int64_t n = jv_i64(o, key);
        return n < 1 ? 0 : (int) MIN(n, (int64_t) SIZE_MAX_CELLS);
}

static void exec_control(struct channel *c, json_object *o) {
        struct exec *x = c->state;
        json_object *size = jv_obj(o, "resize");
        if (size && x->tty && cells(size, "cols") && cells(size, "rows")) {
                x->cols = cells(size, "cols");
                x->rows = cells(size, "rows");
                x->resize_tries = 0;
                timer_stop(x->resize_again);
                resize(c);
        }
        if (jv_bool(o, "eof") && x->attach_stdin)
                pipe_eof(&x->pipe);
}

static void exec_close(struct channel *c) {
        struct exec *x = c->state;
        target_look_cancel(&x->look);
        if (x->call)
                docker_call_cancel(x->call);
        if (x->resize_call)
                docker_call_cancel(x->resize_call);
        if (x->start)
                x->start->channel = NULL;
        pipe_done(&x->pipe, x->last);
        timer_free(x->resize_again);
        timer_free(x->exit_again);
        free(x->body);
        free(x);
}

const struct channel_kind channel_exec = {
        .name = "exec", .open = exec_open, .input = exec_input, .control = exec_control, .pause = exec_pause, .close = exec_close,
};
