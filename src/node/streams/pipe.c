#include "pipe.h"

void pipe_init(struct pipe *p, struct channel *c) {
        p->channel = c;
        p->early = (struct sbuf) SBUF(FRAME_CREDIT);
}

static int on_data(struct stream *s, const char *data, size_t n, void *arg) {
        struct pipe *p = arg;
        struct dr_error err;
        if (!p->output)
                channel_send_raw(p->channel, data, n);
        else if (p->output(p->channel, data, n, &err) < 0)
                channel_end_error(p->channel, &err);
        return 0;
}

static void drop(struct pipe *p, int why) {
        struct stream *s = dr_take(p->s);
        stream_set_events(s, NULL, NULL);
        stream_close(s);
        p->over(p->channel, why);
}

static void on_eof(struct stream *s, void *arg) { drop(arg, 0); }

static void on_drain(struct stream *s, void *arg) {
        struct pipe *p = arg;
        size_t n = p->unwritten;
        p->unwritten = 0;
        channel_consumed(p->channel, n);
}

static void on_close(struct stream *s, int why, void *arg) {
        struct pipe *p = arg;
        p->s = NULL;
        p->over(p->channel, why);
}

static const struct stream_events events = { .on_data = on_data, .on_eof = on_eof, .on_drain = on_drain, .on_close = on_close };

static void write_out(struct pipe *p, const char *data, size_t n) {
        if (!n)
                return;
        p->unwritten += n;
        (void) stream_write(p->s, data, n);             /* closing: on_close comes. The queue has room for all the credit there is */
}

static void end_writing(struct pipe *p) {
        if (p->eot)
                (void) stream_write(p->s, p->eot, strlen(p->eot));
        else
                stream_shutdown(p->s);
}

void pipe_connect(struct pipe *p, struct stream *s) {
        p->s = s;
        stream_set_events(s, &events, p);
        stream_set_low(s, 1);
        if (p->channel->paused)
                stream_pause(s);
        write_out(p, sbuf_str(&p->early), p->early.len);
        sbuf_done(&p->early);
        if (p->eof)
                end_writing(p);
}

void pipe_input(struct pipe *p, const char *data, size_t n) {
        if (p->discard || p->eof)
                channel_consumed(p->channel, n);
        else if (p->s)
                write_out(p, data, n);
        else
                sbuf_add(&p->early, data, n);
}

void pipe_eof(struct pipe *p) {
        if (p->eof)
                return;
        p->eof = true;
        if (p->s)
                end_writing(p);
}

void pipe_pause(struct pipe *p, bool paused) {
        if (p->s && paused)
                stream_pause(p->s);
        else if (p->s)
                stream_resume(p->s);
}

void pipe_done(struct pipe *p, const char *last) {
        sbuf_done(&p->early);
        struct stream *s = dr_take(p->s);
        if (!s)
                return;
        stream_set_events(s, NULL, NULL);
        if (last && !p->eof)
                (void) stream_write(s, last, strlen(last));
        stream_finish(s);
}
