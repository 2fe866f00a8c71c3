/* docker_socket.c: the engine's own socket, raw. data: {}. The end of its output ends the channel. */
#include "net/dial.h"
#include "node/streams/pipe.h"

struct docker_socket { struct pipe pipe; struct dial *dial; };

static void on_over(struct channel *c, int why) {
        if (why < 0)
                channel_end(c, "ConnectionLost", "the connection to the engine broke off: %s", strerror(-why));
        else
                channel_end(c, NULL, NULL);
}

static void on_connected(struct stream *s, const struct dr_error *err, void *arg) {
        struct channel *c = arg;
        struct docker_socket *d = c->state;
        d->dial = NULL;
        if (s)
                pipe_connect(&d->pipe, s);
        else
                channel_end_error(c, err);
}

static void docker_socket_open(struct channel *c, json_object *data) {
        struct docker_socket *d = dr_xnew(struct docker_socket);
        c->state = d;
        pipe_init(&d->pipe, c);
        d->pipe.over = on_over;
        struct dr_error err;
        struct dial_spec spec = { .unix_path = docker_socket_path(channel_docker(c)), .netns_fd = -1, .done = on_connected, .arg = c };
        d->dial = dial_start(channel_loop(c), &spec, &err);
        if (!d->dial)
                channel_end_error(c, &err);
}

static void docker_socket_input(struct channel *c, const char *p, size_t n) { pipe_input(&((struct docker_socket *) c->state)->pipe, p, n); }
static void docker_socket_pause(struct channel *c, bool paused) { pipe_pause(&((struct docker_socket *) c->state)->pipe, paused); }
static void docker_socket_control(struct channel *c, json_object *o) {
        if (jv_bool(o, "eof"))
                pipe_eof(&((struct docker_socket *) c->state)->pipe);
}

static void docker_socket_close(struct channel *c) {
        struct docker_socket *d = c->state;
        if (d->dial)
                dial_cancel(d->dial);
        pipe_done(&d->pipe, NULL);
        free(d);
}

const struct channel_kind channel_docker_socket = {
        .name = "dockerSocket", .open = docker_socket_open, .input = docker_socket_input, .control = docker_socket_control,
        .pause = docker_socket_pause, .close = docker_socket_close,
};
