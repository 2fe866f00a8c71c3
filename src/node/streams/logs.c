/* logs.c: what a container wrote. data: {container, uuid, lines, follow, timestamps, since}; a line is one frame "01 text\n" (00 terminal, 01 stdout,
 * 02 stderr).
 *
 * The engine ends its stream when the container stops. With follow the channel then waits for the next start and goes on behind the last line it has
 * told; the engine is therefore always asked for timestamps, and they are taken off when the client did not want them. */
#include "node/streams/channel-internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "node/streams/log_lines.h"
#include "node/streams/target.h"

enum { AGAIN_MS = 250, AGAIN_MS_MAX = 5000, LINES_MAX = 1000000, HEAD_MS = 30000 };
static const int64_t NS = 1000000000;

struct logs {
        struct channel *channel;
        struct target_look *look;
        struct docker_call *call;
        struct timer *again;
        uint64_t again_ms;
        char *container, *uuid;
        struct target target;
        struct log_lines lines;
        bool lines_ready;
        bool follow, timestamps;
        int64_t tail;                   /* negative: all */
        int64_t since_ns;               /* as asked, or where to go on; 0: from the beginning */
        int64_t last_ns;                /* newest time told; 0: none yet */
        unsigned at_last;               /* lines told that have it */
        int64_t bound_ns;               /* up to here all was told when the engine was last asked; 0: nothing */
        unsigned skip;                  /* lines of time bound_ns that come again */
        bool resumed;                   /* the engine was asked before */
        bool dropping[3];               /* the line being given was told before */
        bool waiting;                   /* for the next start */
        bool started;                   /* a start was seen while looking */
        bool held;                      /* shall be asked once what is queued has left */
        bool got;                       /* anything came since the engine was last asked */
};

static int64_t now_ns(void) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t) t.tv_sec * NS + t.tv_nsec;
}

/* Told before? Lines of the newest time are counted: several may have it. */
static bool is_old(struct logs *g, const struct log_line *l) {
        if (!l->time_ns || l->time_ns > g->bound_ns)
                return false;
        if (l->time_ns < g->bound_ns)
                return true;
        if (!g->skip)
                return false;
        g->skip--;
        return true;
}

static void on_line(const struct log_line *l, void *arg) {
        struct logs *g = arg;
        if (l->first) {
                g->dropping[l->output] = is_old(g, l);
                if (!g->dropping[l->output] && l->time_ns >= g->last_ns && l->time_ns) {
                        g->at_last = l->time_ns == g->last_ns ? g->at_last + 1 : 1;
                        g->last_ns = l->time_ns;
                }
        }
        if (g->dropping[l->output])
                return;
        char head[LOG_TIME_MAX + 8];
        bool with_time = g->timestamps && *l->time;
        int n = snprintf(head, sizeof head, "0%u %s%s", l->output, with_time ? l->time : "", with_time ? " " : "");
        channel_send2(g->channel, head, (size_t) n, l->text, l->len);
}

static void look(struct logs *g);

static void on_piece(const char *p, size_t n, void *arg) {
        struct logs *g = arg;
        struct dr_error err;
        g->got = true;
        if (log_lines_feed(&g->lines, p, n, &err) < 0)
                channel_end_error(g->channel, &err);
}

static void on_again(void *arg) { look(arg); }

static void look_again(struct logs *g) {
        g->again_ms = g->got ? AGAIN_MS : MIN(MAX(g->again_ms * 2, (uint64_t) AGAIN_MS), (uint64_t) AGAIN_MS_MAX);
        timer_start(g->again, g->again_ms);
}

static void on_output_end(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct logs *g = arg;
        g->call = NULL;
        if (result == 0 && status == 404)
                return g->resumed ? channel_end(g->channel, NULL, NULL) : channel_end(g->channel, "NotFound", "there is no such container on this host");
        if (result == 0 && status != 200) {
                char why[400];
                docker_error_text(body, len, why, sizeof why);
                return channel_end(g->channel, "LogsUnavailable", "%s", why);
        }
        log_lines_end(&g->lines);
        if (!g->follow)
                return result < 0 ? channel_end_error(g->channel, err) : channel_end(g->channel, NULL, NULL);
        if (result < 0 && !g->got && !g->resumed)
                return channel_end_error(g->channel, err);
        if (docker_is_healthy(channel_docker(g->channel)))
                look_again(g);
        else
                g->waiting = true;                      /* the engine is gone: looked at when it is back */
}

/* Asks for the first time, or for what came behind the last line. */
static void ask(struct logs *g) {
        struct channel *c = g->channel;
        if (c->paused) {
                g->held = true;
                return;
        }
        int64_t since_ns = g->since_ns;
        if (g->resumed && g->last_ns)
                since_ns = g->last_ns;
        g->bound_ns = g->last_ns;
        g->skip = g->at_last;
        g->got = g->waiting = g->started = false;
        auto_sbuf struct sbuf path = SBUF(512);
        sbuf_printf(&path, "/containers/%s/logs?stdout=1&stderr=1&timestamps=1&follow=%d&tail=", g->target.id, g->follow);
        if (g->resumed || g->tail < 0)
                sbuf_puts(&path, "all");
        else
                sbuf_printf(&path, "%" PRId64, g->tail);
        if (since_ns)
                sbuf_printf(&path, "&since=%" PRId64 ".%09" PRId64, since_ns / NS, since_ns % NS);
        if (!g->resumed)
                g->since_ns = now_ns();                 /* goes on from here when no line comes at all */
        struct dr_error err;
        struct docker_request r = { .path = path.data, .stream = on_piece, .done = on_output_end, .arg = g };
        g->call = docker_call_start(channel_docker(c), &r, &err);
        if (!g->call && g->resumed)
                g->waiting = true;                      /* the engine is gone: looked at when it is back */
        else if (!g->call)
                channel_end_error(c, &err);
}

/* The container after its output ended, and where to go on. */
static void on_looked_again(struct channel *c, const struct target *t) {
        struct logs *g = c->state;
        bool again = t->started_ms != g->target.started_ms;
        if (again && g->last_ns && t->started_ms * 1000000 + 1000000 < g->last_ns) {    /* the clock was put back: what is new looks old */
                g->since_ns = t->started_ms * 1000000;
                g->last_ns = 0;
                g->at_last = 0;
        }
        g->resumed = true;
        g->target = *t;
        if (t->running || again || g->started)
                return ask(g);
        g->waiting = true;
}

/* Removed: over. The engine is away: looked at when it is back. */
static void on_not_seen(struct channel *c, const struct dr_error *err) {
        struct logs *g = c->state;
        if (!err)
                return channel_end(c, NULL, NULL);
        g->waiting = true;
        if (docker_is_healthy(channel_docker(c)))
                look_again(g);
}

static void look(struct logs *g) {
        timer_stop(g->again);
        if (!g->look && !g->call && !g->held)
                target_look(g->channel, g->container, g->uuid, &g->look, on_looked_again, on_not_seen);
}

static void on_event(struct channel *c, const struct docker_event *e) {
        struct logs *g = c->state;
        if (!str_eq(e->id, g->target.id))
                return;
        if (str_eq(e->action, "start")) {
                g->started = true;
                if (g->waiting || timer_is_running(g->again))
                        look(g);
        } else if (str_eq(e->action, "destroy") && g->waiting) {
                channel_end(c, NULL, NULL);
        }
}

static void on_engine_connected(struct channel *c) {
        struct logs *g = c->state;
        if (g->waiting)
                look(g);
}

static void on_first_looked(struct channel *c, const struct target *t) {
        struct logs *g = c->state;
        g->target = *t;
        log_lines_init(&g->lines, t->tty, on_line, g);
        g->lines_ready = true;
        ask(g);
}

static void logs_open(struct channel *c, json_object *data) {
        struct logs *g = dr_xnew(struct logs);
        c->state = g;
        g->channel = c;
        g->follow = jv_bool(data, "follow");
        g->timestamps = jv_bool(data, "timestamps");
        g->tail = jv_get(data, "lines") ? jv_i64(data, "lines") : -1;
        if (g->tail > LINES_MAX)
                g->tail = -1;
        g->container = dr_xstrdup(jv_str(data, "container"));
        g->uuid = dr_xstrdup(jv_str(data, "uuid"));
        g->again = timer_new(channel_loop(c), on_again, g);
        struct dr_error err;
        if (log_since_parse(jv_str(data, "since"), now_ns(), &g->since_ns, &err) < 0)
                return channel_end_error(c, &err);
        target_look(c, g->container, g->uuid, &g->look, on_first_looked, NULL);
}

static void logs_pause(struct channel *c, bool paused) {
        struct logs *g = c->state;
        if (g->call)
                docker_call_pause(g->call, paused);
        if (!paused && g->held) {
                g->held = false;
                ask(g);
        }
}

static void logs_close(struct channel *c) {
        struct logs *g = c->state;
        target_look_cancel(&g->look);
        if (g->call)
                docker_call_cancel(g->call);
        timer_free(g->again);
        if (g->lines_ready)
                log_lines_done(&g->lines);
        free(g->container);
        free(g->uuid);
        free(g);
}

const struct channel_kind channel_logs = {
        .name = "logs", .open = logs_open, .pause = logs_pause, .close = logs_close, .event = on_event, .engine_connected = on_engine_connected,
};
