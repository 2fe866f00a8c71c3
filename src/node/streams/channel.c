#include "channel-internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "node/json_view.h"
#include "node/streams/sampler.h"

enum { OUT_BYTES_MAX = 8 << 20, CONTROL_BYTES_MAX = 4096, TURN_BYTES = 16 * 1024 };

static const struct channel_kind *const kinds[] = {
        &channel_logs, &channel_exec, &channel_docker_socket, &channel_tcp, &channel_container_stats, &channel_host_stats,
};

size_t channels_count(const struct channels *cs) { return cs->n; }

static void channel_free(struct channel *c) {
        struct channels *cs = c->all;
        const struct channel_kind *k = dr_take(c->kind);
        if (k)
                k->close(c);
        for (struct channel **at = &cs->ready; c->is_ready && *at; at = &(*at)->next_ready)
                if (*at == c) {
                        *at = c->next_ready;
                        if (cs->ready_end == &c->next_ready)
                                cs->ready_end = at;
                        break;
                }
        *(c->prev ? &c->prev->next : &cs->first) = c->next;
        if (c->next)
                c->next->prev = c->prev;
        map_del(&cs->by_id, c->id);
        cs->n--;
        sbuf_done(&c->out);
        free(c);
}

/* Sending ---------------------------------------------------------------------------------------------------------- */

static uint32_t head_len(const struct channel *c) {
        uint32_t n;
        memcpy(&n, c->out.data + c->at, sizeof n);
        return n;
}
static const char *head_frame(const struct channel *c) { return c->out.data + c->at + sizeof(uint32_t); }

bool channel_is_idle(const struct channel *c) { return c->at == c->out.len; }

static bool can_send(const struct channel *c) {
        if (c->give)
                return true;
        if (channel_is_idle(c))
                return false;
        return head_frame(c)[4] != FRAME_DATA || head_len(c) - FRAME_HEAD_BYTES <= c->credit;
}

static void set_paused(struct channel *c, bool paused) {
        if (c->paused == paused)
                return;
        c->paused = paused;
        if (c->kind && c->kind->pause)
                c->kind->pause(c, paused);
}

static int send_window(struct channel *c) {
        char frame[FRAME_HEAD_BYTES + 4];
        frame_head(c->id, FRAME_WINDOW, frame);
        frame_put_u32((uint32_t) c->give, frame + FRAME_HEAD_BYTES);
        c->in_credit += c->give;
        c->give = 0;
        return c->all->cfg.send(frame, sizeof frame, c->all->cfg.arg);
}

/* Frames of c for about TURN_BYTES. Returns 1 when that was its last one, negative when the connection is gone. */
static int send_some(struct channel *c) {
        if (c->give) {
                int r = send_window(c);
                if (r < 0)
                        return r;
        }
        for (size_t sent = 0; sent < TURN_BYTES && can_send(c); ) {
                uint32_t n = head_len(c);
                const char *p = head_frame(c);
                unsigned kind = (unsigned char) p[4];
                int r = c->all->cfg.send(p, n, c->all->cfg.arg);
                if (r < 0)
                        return r;
                c->at += sizeof n + n;
                sent += n;
                if (kind == FRAME_DATA)
                        c->credit -= n - FRAME_HEAD_BYTES;
                if (kind == FRAME_END)
                        return 1;
        }
        if (channel_is_idle(c)) {
                sbuf_reset(&c->out);
                c->at = 0;
                if (c->out.cap > 4096)                  /* many idle streams must not hold their largest moment */
                        sbuf_done(&c->out);
                set_paused(c, false);
        } else if (c->at > c->out.len / 2) {
                sbuf_consume(&c->out, c->at);
                c->at = 0;
        }
        return 0;
}

static void pump(void *arg) {
        struct channels *cs = arg;
        cs->pumping = false;
        while (cs->ready && cs->cfg.queued_bytes(cs->cfg.arg) < OUT_LOW_BYTES) {
                struct channel *c = cs->ready;
                cs->ready = c->next_ready;
                if (!cs->ready)
                        cs->ready_end = &cs->ready;
                c->is_ready = false;
                c->next_ready = NULL;
                int r = send_some(c);
                if (r < 0)
                        return;                         /* channels_end_all() follows */
                if (r > 0) {
                        channel_free(c);
                } else if (can_send(c) && !c->is_ready) {
                        c->is_ready = true;
                        *cs->ready_end = c;
                        cs->ready_end = &c->next_ready;
                }
        }
}

static void pump_later(struct channels *cs) {
        if (!cs->pumping && cs->ready) {
                cs->pumping = true;
                loop_defer(cs->cfg.loop, pump, cs);
        }
}

void channels_drained(struct channels *cs) { pump_later(cs); }

static void look_ready(struct channel *c) {
        struct channels *cs = c->all;
        if (!c->is_ready && can_send(c)) {
                c->is_ready = true;
                c->next_ready = NULL;
                *cs->ready_end = c;
                cs->ready_end = &c->next_ready;
        }
        pump_later(cs);
}

static void queue(struct channel *c, enum frame_kind kind, const char *p, size_t n, const char *q, size_t m) {
        uint32_t len = (uint32_t) (FRAME_HEAD_BYTES + n + m);
        char head[FRAME_HEAD_BYTES];
        frame_head(c->id, kind, head);
        if (!c->out.max)
                c->out.max = OUT_BYTES_MAX;
        if (c->out.len + sizeof len + len > OUT_BYTES_MAX)
                abort();                                /* a kind that does not heed pause() */
        sbuf_add(&c->out, &len, sizeof len);
        sbuf_add(&c->out, head, sizeof head);
        sbuf_add(&c->out, p, n);
        if (m)
                sbuf_add(&c->out, q, m);
        look_ready(c);
        if (kind == FRAME_DATA && c->out.len - c->at > c->credit)
                set_paused(c, true);
}

void channel_send2(struct channel *c, const char *p, size_t n, const char *q, size_t m) {
        assert(n + m > 0 && n + m <= FRAME_DATA_MAX);
        queue(c, FRAME_DATA, p, n, q, m);
}
void channel_send(struct channel *c, const char *p, size_t n) { channel_send2(c, p, n, NULL, 0); }

void channel_send_raw(struct channel *c, const char *p, size_t n) {
        for (size_t k; n > 0; p += k, n -= k) {
                k = MIN(n, (size_t) 32 * 1024);
                channel_send(c, p, k);
        }
}

void channel_send_control(struct channel *c, const char *json) { queue(c, FRAME_CONTROL, json, strlen(json), NULL, 0); }

void channel_consumed(struct channel *c, size_t n) {
        c->give += n;
        if (n && c->kind)
                look_ready(c);
}

/* Ends ------------------------------------------------------------------------------------------------------------- */

static void queue_end(struct channel *c, const char *code, const char *message) {
        auto_sbuf struct sbuf out = SBUF(FRAME_DATA_MAX);
        if (code) {
                sbuf_puts(&out, "{\"code\":");
                sbuf_json_string(&out, code, strlen(code));
                sbuf_puts(&out, ",\"message\":");
                sbuf_json_string(&out, message, strlen(message));
                sbuf_putc(&out, '}');
        }
        c->give = 0;
        queue(c, FRAME_END, sbuf_str(&out), out.len, NULL, 0);
}

static void end(struct channel *c, const char *code, const char *message) {
        const struct channel_kind *k = dr_take(c->kind);
        if (!k)
                return;
        queue_end(c, code, message);
        k->close(c);
}

void channel_end(struct channel *c, const char *code, const char *fmt, ...) {
        char message[600];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(message, sizeof message, str_or(fmt, ""), ap);
        va_end(ap);
        end(c, code, message);
}

/* The code as one word: "Not Found" is the API's spelling of NotFound. */
void channel_end_error(struct channel *c, const struct dr_error *err) {
        char code[64];
        size_t n = 0;
        for (const char *p = dr_error_row(err->code)->api_code; *p && n < sizeof code - 1; p++)
                if (*p != ' ')
                        code[n++] = *p;
        code[n] = 0;
        end(c, code, err->message);
}

void channels_end_all(struct channels *cs) {
        while (cs->first)
                channel_free(cs->first);
        cs->last_id = 0;
}

/* From the server -------------------------------------------------------------------------------------------------- */

int channels_open(struct channels *cs, uint64_t id, const char *kind, json_object *data, struct dr_error *err) {
        if (id < 1 || id > UINT32_MAX)
                return dr_fail(err, DR_E_INVALID_FORMAT, "id", "%" PRIu64 " is no id of a stream", id);
        if (id <= cs->last_id)
                return dr_fail(err, DR_E_CONFLICT, "id", "stream id %" PRIu64 " was used before", id);
        cs->last_id = (uint32_t) id;
        struct channel *c = dr_xnew(struct channel);
        *c = (struct channel) { .all = cs, .id = (uint32_t) id, .credit = FRAME_CREDIT, .in_credit = FRAME_CREDIT, .next = cs->first };
        if (cs->first)
                cs->first->prev = c;
        cs->first = c;
        cs->n++;
        map_set(&cs->by_id, id, c);
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (str_eq(kinds[i]->name, kind))
                        c->kind = kinds[i];
        if (cs->n > CHANNELS_MAX) {
                c->kind = NULL;
                queue_end(c, "TooManyStreams", "this host has too many streams already");
        } else if (!c->kind) {
                queue_end(c, "NotImplemented", "this host has no streams of that kind");
        } else {
                c->kind->open(c, data);
        }
        return 0;
}

static int take_data(struct channel *c, const struct frame *f) {
        if (f->len > c->in_credit) {
                channel_end(c, "WindowExceeded", "%zu bytes came while there was credit for %zu", f->len, c->in_credit);
        } else if (!c->kind->input) {
                channel_end(c, "BadRequest", "this stream takes no data");
        } else if (f->len) {
                c->in_credit -= f->len;
                c->kind->input(c, f->payload, f->len);
        }
        return 0;
}

static int take_control(struct channel *c, const struct frame *f, struct dr_error *err) {
        AUTO(jv_put) json_object *o = jv_parse(f->payload, f->len, CONTROL_BYTES_MAX, err);
        if (!o)
                return dr_fail(err, DR_E_INVALID_BODY, NULL, "a control frame of stream %u cannot be read", c->id);
        if (c->kind->control)
                c->kind->control(c, o);
        return 0;
}

int channels_input(struct channels *cs, const char *p, size_t n, struct dr_error *err) {
        struct frame f;
        int r = frame_parse(p, n, &f, err);
        struct channel *c = r < 0 ? NULL : map_get(&cs->by_id, f.id);
        if (!c)
                return r;                               /* crossed our end, or ended before */
        if (f.kind == FRAME_END) {
                channel_free(c);
        } else if (f.kind == FRAME_WINDOW) {
                if (frame_window(&f) > FRAME_CREDIT - c->credit)
                        return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "stream %u is given more credit than it used", c->id);
                c->credit += frame_window(&f);
                look_ready(c);
        } else if (c->kind && f.kind == FRAME_DATA) {
                return take_data(c, &f);
        } else if (c->kind && f.kind == FRAME_CONTROL) {
                return take_control(c, &f, err);
        }
        return 0;                                       /* unknown kinds: the peer is a version ahead */
}

/* Engine ----------------------------------------------------------------------------------------------------------- */

void channels_engine_connected(struct channels *cs) {
        for (struct channel *c = cs->first, *next; c; c = next) {
                next = c->next;
                if (c->kind && c->kind->engine_connected)
                        c->kind->engine_connected(c);
        }
        if (cs->sampler)
                sampler_engine_connected(cs->sampler);
}

void channels_engine_event(struct channels *cs, const struct docker_event *e) {
        for (struct channel *c = cs->first, *next; c; c = next) {
                next = c->next;
                if (c->kind && c->kind->event)
                        c->kind->event(c, e);
        }
        if (cs->sampler)
                sampler_engine_event(cs->sampler, e);
}

struct channels *channels_new(const struct channels_config *cfg) {
        struct channels *cs = dr_xnew(struct channels);
        cs->cfg = *cfg;
        cs->cfg.proc = str_or(cfg->proc, "/proc");
        cs->cfg.cgroup = str_or(cfg->cgroup, "/sys/fs/cgroup");
        cs->ready_end = &cs->ready;
        return cs;
}

struct channels *channels_free(struct channels *cs) {
        if (!cs)
                return NULL;
        bool any = cs->n > 0;
        channels_end_all(cs);
        if (any)
                loop_turn(cs->cfg.loop, false);
        exec_starts_free(cs);
        loop_defer_cancel(cs->cfg.loop, pump, cs);
        map_done(&cs->by_id);
        free(cs);
        return NULL;
}
