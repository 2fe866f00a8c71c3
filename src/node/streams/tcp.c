/* tcp.c: a TCP connection to a port of a container of this host, raw. data: {container, uuid, port} or {address: "IP:PORT"} (of a running container of
 * this engine; it is looked for). The end of its output ends the channel.
 *
 * A container that the host reaches by an address is dialled there; one with the host's network at 127.0.0.1; any other (network none, a network of
 * drover's own, another container's) from inside its network namespace: at 127.0.0.1, then at its own address for programs that listen on nothing else. */
#include <stdio.h>

#include "base/parse.h"
#include "net/dial.h"
#include "node/streams/pipe.h"
#include "node/streams/target.h"

enum { CONNECT_MS = 10000, LIST_MS = 15000, TRIES_MAX = 2 };

struct tcp {
        struct pipe pipe;
        struct target_look *look;
        struct docker_call *listing;
        struct dial *dial;
        struct target target;
        char address[46];               /* looked for; "" when the container is named */
        unsigned port;
        unsigned tried;                 /* addresses */
};

static void on_over(struct channel *c, int why) {
        if (why < 0)
                channel_end(c, "ConnectionLost", "the connection to the container broke off: %s", strerror(-why));
        else
                channel_end(c, NULL, NULL);
}

static void dial_next(struct channel *c);

static void on_connected(struct stream *s, const struct dr_error *err, void *arg) {
        struct channel *c = arg;
        struct tcp *t = c->state;
        t->dial = NULL;
        bool inside = !*t->target.ip && !t->target.host_network;
        if (s)
                pipe_connect(&t->pipe, s);
        else if (inside && *t->target.own_ip && t->tried < TRIES_MAX)
                dial_next(c);
        else
                channel_end(c, err->code == DR_E_TIMEOUT ? "Timeout" : "ConnectionRefused", "%s", err->message);
}

static void dial_next(struct channel *c) {
        struct tcp *t = c->state;
        const struct target *g = &t->target;
        struct dr_error err;
        auto_close int netns = -1;
        const char *address = *g->ip ? g->ip : t->tried ? g->own_ip : "127.0.0.1";
        if (!*g->ip && !g->host_network) {
                netns = target_netns(c->all, g, &err);
                if (netns < 0)
                        return channel_end_error(c, &err);
        }
        t->tried++;
        struct dial_spec spec = { .address = address, .port = t->port, .netns_fd = netns, .timeout_ms = CONNECT_MS, .done = on_connected, .arg = c };
        t->dial = dial_start(channel_loop(c), &spec, &err);
        if (!t->dial)
                channel_end_error(c, &err);
}

static void on_looked(struct channel *c, const struct target *target) {
        struct tcp *t = c->state;
        if (!target->running)
                return channel_end(c, "NotRunning", "the container does not run");
        t->target = *target;
        if (target->host_network)
                *t->target.ip = 0;
        dial_next(c);
}

/* Whether an element of GET /containers/json has the address. */
static bool has_address(json_object *o, const char *address) {
        json_object *networks = jv_obj(jv_obj(o, "NetworkSettings"), "Networks");
        const char *label = jv_str(jv_obj(o, "Labels"), "io.rancher.container.ip");
        if (strlen(address) == strcspn(label, "/") && strncmp(label, address, strlen(address)) == 0)
                return true;
        if (networks) {
                json_object_object_foreach(networks, name, network) {
                        (void) name;
                        if (str_eq(jv_str(network, "IPAddress"), address) || str_eq(jv_str(network, "GlobalIPv6Address"), address))
                                return true;
                }
        }
        return false;
}

static void on_listed(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct channel *c = arg;
        struct tcp *t = c->state;
        t->listing = NULL;
        struct dr_error why = { 0 };
        AUTO(jv_put) json_object *list = result == 0 && status == 200 ? jv_parse(body, len, 8 << 20, &why) : NULL;
        if (result < 0 || why.code != DR_OK)
                return channel_end_error(c, result < 0 ? err : &why);
        for (size_t i = 0; i < jv_len(list); i++)
                if (has_address(jv_at(list, i), t->address))
                        return target_look(c, jv_str(jv_at(list, i), "Id"), "", &t->look, on_looked, NULL);
        channel_end(c, "NotFound", "no running container of this host has the address %s", t->address);
}

static bool split_address(struct tcp *t, const char *text) {
        const char *colon = strrchr(text, ':');
        uint64_t port;
        size_t n = colon ? (size_t) (colon - text) : 0;
        if (n > 2 && *text == '[' && text[n - 1] == ']') {
                text++;
                n -= 2;
        }
        if (!n || n >= sizeof t->address || parse_u64(colon + 1, 65535, &port) < 0)
                return false;
        memcpy(t->address, text, n);
        t->address[n] = 0;
        t->port = (unsigned) port;
        return true;
}

static void tcp_open(struct channel *c, json_object *data) {
        struct tcp *t = dr_xnew(struct tcp);
        c->state = t;
        pipe_init(&t->pipe, c);
        t->pipe.over = on_over;
        const char *container = jv_str(data, "container"), *address = jv_str(data, "address");
        int64_t port = jv_i64(data, "port");
        if (*address && !split_address(t, address))
                return channel_end(c, "InvalidFormat", "\"%.80s\" is no address with a port", address);
        if (port)
                t->port = port > 0 && port <= 65535 ? (unsigned) port : 0;
        if (!t->port)
                return channel_end(c, "InvalidFormat", "no usable port is named");
        if (*container)
                return target_look(c, container, jv_str(data, "uuid"), &t->look, on_looked, NULL);
        if (!*t->address)
                return channel_end(c, "NotFound", "no container is named");
        struct dr_error err;
        t->listing = docker_call_start(channel_docker(c), &(struct docker_request) { .path = "/containers/json", .total_ms = LIST_MS, .done = on_listed, .arg = c }, &err);
        if (!t->listing)
                channel_end_error(c, &err);
}

static void tcp_input(struct channel *c, const char *p, size_t n) { pipe_input(&((struct tcp *) c->state)->pipe, p, n); }
static void tcp_pause(struct channel *c, bool paused) { pipe_pause(&((struct tcp *) c->state)->pipe, paused); }
static void tcp_control(struct channel *c, json_object *o) {
        if (jv_bool(o, "eof"))
                pipe_eof(&((struct tcp *) c->state)->pipe);
}

static void tcp_close(struct channel *c) {
        struct tcp *t = c->state;
        target_look_cancel(&t->look);
        if (t->listing)
                docker_call_cancel(t->listing);
        if (t->dial)
                dial_cancel(t->dial);
        pipe_done(&t->pipe, NULL);
        free(t);
}

const struct channel_kind channel_tcp = { .name = "tcp", .open = tcp_open, .input = tcp_input, .control = tcp_control, .pause = tcp_pause, .close = tcp_close };
