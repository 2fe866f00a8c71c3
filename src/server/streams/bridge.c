#include "bridge.h"

enum {
        HIGH_BYTES = 64 * 1024, LOW_BYTES = 32 * 1024,
        ONE_WAY_IDLE_MS = 60000,        /* one side sends no more, which may mean that it is gone: how long the other may be silent then */
};

struct bridge_end { struct bridge *b; struct stream *s; bool eof; };
struct bridge { struct bridge_end end[2]; };

static struct bridge_end *other(struct bridge_end *e) { return &e->b->end[e == e->b->end]; }

static int on_data(struct stream *s, const char *p, size_t n, void *arg) {
        struct bridge_end *to = other(arg);
        if (!to->s || stream_write(to->s, p, n) < 0)
                return -EPIPE;
        if (to->eof)
                stream_set_deadline(s, loop_now_ms(stream_loop(s)) + ONE_WAY_IDLE_MS);
        if (stream_queued_bytes(to->s) >= HIGH_BYTES)
                stream_pause(s);
        return 0;
}

static void on_eof(struct stream *s, void *arg) {
        struct bridge_end *e = arg, *to = other(e);
        e->eof = true;
        if (!to->s || to->eof) {
                if (to->s)
                        stream_finish(to->s);
                stream_finish(s);
        } else {
                stream_shutdown(to->s);
                stream_set_deadline(to->s, loop_now_ms(stream_loop(s)) + ONE_WAY_IDLE_MS);
        }
}

static void on_drain(struct stream *s, void *arg) {
        struct bridge_end *from = other(arg);
        (void) s;
        if (from->s)
                stream_resume(from->s);
}

static void on_close(struct stream *s, int why, void *arg) {
        struct bridge_end *e = arg, *to = other(e);
        (void) s;
        (void) why;
        e->s = NULL;
        if (to->s)
                stream_finish(to->s);
        else
                free(e->b);
}

const struct stream_events bridge_events = { .on_data = on_data, .on_eof = on_eof, .on_drain = on_drain, .on_close = on_close };

struct bridge *bridge_new(void) {
        struct bridge *b = dr_xnew(struct bridge);
        b->end[0].b = b->end[1].b = b;
        return b;
}

struct bridge_end *bridge_end(struct bridge *b, unsigned i) { return &b->end[i]; }

void bridge_join(struct bridge *b, struct stream *zero, struct stream *one) {
        b->end[0].s = zero;
        b->end[1].s = one;
        stream_set_events(one, &bridge_events, &b->end[1]);
        stream_set_low(zero, LOW_BYTES);
        stream_set_low(one, LOW_BYTES);
}
