#include "net/ws-internal.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/rng.h"
#include "net/ws_frame.h"

enum { PING_MS = 30000, STALL_MS = 10000, CLOSE_MS = 2000, PINGS_MISSED_MAX = 2 };

static _Atomic uint64_t n_slow;         /* of the process */
uint64_t ws_slow_closed(void) { return n_slow; }

struct ws {
        struct stream *s;
        const struct ws_events *ev;
        void *arg;
        struct ws_decoder in;
        size_t queue_max;
        uint64_t ping_ms, last_rx_ms;
        unsigned pings;                 /* sent since the last byte came */
        bool is_server;
        bool closing;                   /* a close frame was sent */
        bool broken;                    /* the peer broke the protocol or a limit */
        unsigned close_code;            /* 0: none yet */
        char close_reason[124];
};

void ws_accept_value(const char *key, char buf[WS_ACCEPT_CHARS + 1]) {
        auto_free char *text = dr_xasprintf("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
        unsigned char md[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        if (EVP_Digest(text, strlen(text), md, &n, EVP_sha1(), NULL) != 1 || n != 20)
                abort();
        EVP_EncodeBlock((unsigned char *) buf, md, (int) n);
}

struct buf *ws_frame_text(const void *p, size_t n) { return ws_frame(WS_OP_TEXT, p, n, NULL); }
struct buf *ws_frame_binary(const void *p, size_t n) { return ws_frame(WS_OP_BINARY, p, n, NULL); }

static struct buf *make_frame(struct ws *w, unsigned opcode, const void *p, size_t n) {
        unsigned char mask[4];
        if (!w->is_server)
                random_bytes(mask, sizeof mask);
        return ws_frame(opcode, p, n, w->is_server ? NULL : mask);
}

/* Control frames pass the cap of the queue: they are few and small. */
static void send_control(struct ws *w, unsigned opcode, const void *p, size_t n) {
        AUTO(buf_unref) struct buf *b = make_frame(w, opcode, p, n);
        (void) stream_write_buf(w->s, b);               /* closing already: nothing is owed */
}

static void note_close(struct ws *w, unsigned code, const char *reason) {
        if (w->close_code)
                return;
        w->close_code = code;
        snprintf(w->close_reason, sizeof w->close_reason, "%s", reason ? reason : "");
}

static void send_close(struct ws *w, unsigned code, const char *reason) {
        char payload[125] = { (char) (code >> 8), (char) code };
        size_t n = reason ? MIN(strlen(reason), sizeof payload - 2) : 0;
        while (n && reason && !utf8_valid(reason, n))
                n--;                                    /* never cut inside a character */
        if (n)
                memcpy(payload + 2, reason, n);
        w->closing = true;
        stream_set_deadline(w->s, loop_now_ms(w->s->loop) + CLOSE_MS);
        if (code == WS_CLOSE_NO_STATUS)
                send_control(w, WS_OP_CLOSE, NULL, 0);
        else
                send_control(w, WS_OP_CLOSE, payload, n + 2);
}

void ws_close(struct ws *w, unsigned code, const char *reason) {
        if (w->closing || w->s->closing)
                return;
        note_close(w, code, reason);
        send_close(w, code, reason);
        if (w->s->paused)
                stream_resume(w->s);                    /* the peer's close frame is waited for */
}

int ws_send_frame(struct ws *w, struct buf *frame) {
        assert(w->is_server);
        if (w->closing || stream_is_closing(w->s))
                return -EPIPE;
        size_t queued = stream_queued_bytes(w->s);
        if (queued && queued + frame->len > w->queue_max) {
                n_slow++;
                ws_close(w, WS_CLOSE_POLICY, "too slow");
                return -ENOBUFS;
        }
        return stream_write_buf(w->s, frame);
}

int ws_send(struct ws *w, unsigned opcode, const void *p, size_t n) {
        if (w->closing || stream_is_closing(w->s))
                return -EPIPE;
        size_t queued = stream_queued_bytes(w->s);
        if (queued && queued + n > w->queue_max) {
                n_slow++;
                ws_close(w, WS_CLOSE_POLICY, "too slow");
                return -ENOBUFS;
        }
        AUTO(buf_unref) struct buf *b = make_frame(w, opcode, p, n);
        return stream_write_buf(w->s, b);
}

int ws_send_text(struct ws *w, const char *s) { return ws_send(w, WS_TEXT, s, strlen(s)); }
void ws_pause(struct ws *w) { stream_pause(w->s); }
void ws_resume(struct ws *w) { stream_resume(w->s); }
size_t ws_queued_bytes(const struct ws *w) { return stream_queued_bytes(w->s); }
bool ws_is_closing(const struct ws *w) { return w->closing || stream_is_closing(w->s); }
void *ws_arg(const struct ws *w) { return w->arg; }
bool ws_is_broken(const struct ws *w) { return w->broken; }
const char *ws_peer(const struct ws *w) { return stream_peer(w->s); }

void ws_set_events(struct ws *w, const struct ws_events *ev, void *arg) {
        w->ev = ev;
        w->arg = arg;
}

enum { STOP_FEEDING = 1 };

static int on_peer_close(struct ws *w, const char *p, size_t n) {
        unsigned code;
        char reason[124];
        int bad = ws_close_parse(p, n, &code, reason);
        if (bad)
                return bad;
        note_close(w, code, reason);
        if (!w->closing)
                send_close(w, code, NULL);
        stream_finish(w->s);
        return STOP_FEEDING;
}

static int on_message(void *arg, unsigned opcode, char *p, size_t n) {
        struct ws *w = arg;
        switch (opcode) {
        case WS_OP_CLOSE:
                return on_peer_close(w, p, n);
        case WS_OP_PING:
                /* a peer that pings without reading must not grow the queue */
                if (!w->closing && stream_queued_bytes(w->s) < STREAM_HIGH_BYTES)
                        send_control(w, WS_OP_PONG, p, n);
                return 0;
        case WS_OP_PONG:
                return 0;
        default:
                if (!w->closing && w->ev->on_message)
                        w->ev->on_message(w, opcode, p, n, w->arg);
                return w->s->closing || w->s->finishing ? STOP_FEEDING : 0;
        }
}

static int on_data(struct stream *s, const char *p, size_t n, void *arg) {
        struct ws *w = arg;
        w->last_rx_ms = loop_now_ms(s->loop);
        w->pings = 0;
        int r = ws_decoder_feed(&w->in, p, n);
        if (r <= STOP_FEEDING)
                return 0;
        w->broken = true;
        note_close(w, (unsigned) r, w->in.reason);
        if (!w->closing)
                send_close(w, (unsigned) r, w->in.reason);
        stream_finish(s);               /* the framing is lost: nothing more is read */
        return 0;
}

static void on_eof(struct stream *s, void *arg) {
        (void) arg;
        stream_finish(s);
}

static void on_drain(struct stream *s, void *arg) {
        struct ws *w = arg;
        (void) s;
        if (!w->closing && w->ev->on_drain)
                w->ev->on_drain(w, w->arg);
}

static void on_deadline(struct stream *s, void *arg) {
        struct ws *w = arg;
        uint64_t now_ms = loop_now_ms(s->loop);
        if (w->closing)
                return stream_close(s);
        if (now_ms < w->last_rx_ms + w->ping_ms)
                return stream_set_deadline(s, w->last_rx_ms + w->ping_ms);
        if (w->pings >= PINGS_MISSED_MAX && !s->paused)
                return stream_fail(s, -ETIMEDOUT);
        w->pings++;
        send_control(w, WS_OP_PING, NULL, 0);
        stream_set_deadline(s, now_ms + w->ping_ms);
}

static void on_close(struct stream *s, int why, void *arg) {
        struct ws *w = arg;
        if (why == -ETIMEDOUT && w->pings < PINGS_MISSED_MAX) {         /* the stall limit, not a missing pong */
                n_slow++;
                note_close(w, WS_CLOSE_POLICY, "too slow");
        }
        note_close(w, WS_CLOSE_ABNORMAL, s->error ? s->error : why < 0 ? uv_strerror(why) : "closed without a close frame");
        if (w->ev->on_close)
                w->ev->on_close(w, w->close_code, w->close_reason, w->arg);
        ws_decoder_done(&w->in);
        free(w);
}

const struct stream_events ws_stream_events = {
        .on_data = on_data, .on_eof = on_eof, .on_drain = on_drain, .on_deadline = on_deadline, .on_close = on_close,
};

struct ws *ws_new(struct stream *s, bool is_server, const struct ws_options *o, const struct ws_events *ev, void *arg) {
        static const struct ws_options none;
        if (!o)
                o = &none;
        struct ws *w = dr_xnew(struct ws);
        *w = (struct ws) {
                .s = s, .ev = ev, .arg = arg, .is_server = is_server,
                .queue_max = o->queue_max ? o->queue_max : STREAM_QUEUE_MAX,
                .ping_ms = o->ping_ms ? o->ping_ms : PING_MS, .last_rx_ms = loop_now_ms(s->loop),
        };
        ws_decoder_init(&w->in, is_server, o->message_max ? o->message_max : WS_MESSAGE_BYTES_MAX);
        w->in.on_message = on_message;
        w->in.arg = w;
        if (o->low_bytes) {
                stream_set_low(s, o->low_bytes);
                stream_set_unsent(s, o->low_bytes);
        }
        stream_set_queue_max(s, SIZE_MAX);              /* this layer keeps its own cap, with a close code */
        stream_set_stall_ms(s, o->stall_ms ? o->stall_ms : STALL_MS);
        stream_set_deadline(s, w->last_rx_ms + w->ping_ms);
        stream_set_events(s, &ws_stream_events, w);
        return w;
}
