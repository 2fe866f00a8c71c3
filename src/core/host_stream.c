#include "host_stream.h"

#include "formats/json.h"
#include "hosts.h"

#include <stdio.h>

enum {
        GIVE_BACK_BYTES = 4096,         /* never more is held back: the host sends lines of up to 61,440 bytes in one frame */
        CODE_BYTES = 64, MESSAGE_BYTES = 512,
};

static const char *host_name(const struct record *host) { return *record_name(host) ? record_name(host) : str_or(record_str(host, F_hostname), ""); }

int host_stream_open(struct core *c, const struct record *host, struct host_stream *s, const char *kind, struct json_object *data, struct dr_error *err) {
        struct host_link *l = hosts_link(c, host);
        assert(!s->link && s->ev);
        if (!l)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "host \"%s\" is not connected", host_name(host));
        if (!l->ops->stream_open)
                return dr_fail(err, DR_E_NOT_IMPLEMENTED, NULL, "host \"%s\" has no streams", host_name(host));
        s->link = l;
        s->send_credit = s->receive_credit = HOST_STREAM_WINDOW_BYTES;
        s->passed = 0;
        int r = l->ops->stream_open(l, s, kind, data, err);
        if (r < 0)
                s->link = NULL;
        return r;
}

static void send(struct host_stream *s, unsigned kind, const void *p, size_t n) { s->link->ops->stream_send(s->link, s, kind, p, n); }

size_t host_stream_send(struct host_stream *s, const void *p, size_t n) {
        size_t taken = s->link ? MIN(n, (size_t) s->send_credit) : 0;
        if (taken) {
                _Static_assert(HOST_STREAM_WINDOW_BYTES <= HOST_STREAM_PAYLOAD_MAX, "the credit fits into one frame");
                s->send_credit -= (uint32_t) taken;
                send(s, HOST_STREAM_DATA, p, taken);
        }
        return taken;
}

void host_stream_control(struct host_stream *s, const char *json, size_t n) {
        if (s->link && n <= HOST_STREAM_CONTROL_MAX)
                send(s, HOST_STREAM_CONTROL, json, n);
}

void host_stream_passed(struct host_stream *s, size_t n) {
        if (!s->link)
                return;
        s->passed += (uint32_t) n;
        assert(s->passed + s->receive_credit <= HOST_STREAM_WINDOW_BYTES);
        if (s->passed < GIVE_BACK_BYTES)
                return;
        unsigned char be[4] = { (unsigned char) (s->passed >> 24), (unsigned char) (s->passed >> 16), (unsigned char) (s->passed >> 8), (unsigned char) s->passed };
        s->receive_credit += s->passed;
        s->passed = 0;
        send(s, HOST_STREAM_CREDIT, be, sizeof be);
}

void host_stream_close(struct host_stream *s, const char *code, const char *message) {
        if (!s->link)
                return;
        auto_sbuf struct sbuf out = SBUF(HOST_STREAM_CONTROL_MAX);
        if (code && *code) {
                struct jw w = JW(&out, 0);
                jw_begin_object(&w);
                jw_kstring(&w, "code", code);
                jw_kstring(&w, "message", str_or(message, ""));
                jw_end(&w);
        }
        send(s, HOST_STREAM_END, sbuf_str(&out), sbuf_ok(&out) ? out.len : 0);
        struct host_link *l = dr_take(s->link);
        l->ops->stream_forget(l, s);
}

void host_stream_lost(struct host_stream *s, const char *code, const char *message) {
        s->link = NULL;
        s->ev->on_end(s, code, message);
}

static void break_off(struct host_stream *s, const char *code, const char *message) {
        host_stream_close(s, code, message);
        host_stream_lost(s, code, message);
}

static void ended(struct host_stream *s, const char *p, size_t n) {
        AUTO(json_free) struct json_object *o = NULL;
        char code[CODE_BYTES] = "", message[MESSAGE_BYTES] = "";
        if (n && json_parse(p, n, HOST_STREAM_CONTROL_MAX, &o, NULL) == 0) {
                snprintf(code, sizeof code, "%s", json_str(o, "code", ""));
                snprintf(message, sizeof message, "%s", json_str(o, "message", ""));
        }
        struct host_link *l = dr_take(s->link);
        l->ops->stream_forget(l, s);
        s->ev->on_end(s, code, message);
}

void host_stream_receive(struct host_stream *s, unsigned kind, const char *p, size_t n) {
        switch (kind) {
        case HOST_STREAM_DATA:
                if (n > s->receive_credit || n > HOST_STREAM_PAYLOAD_MAX) {
                        break_off(s, "WindowExceeded", "the host sent more than it had credit for");
                        break;
                }
                s->receive_credit -= (uint32_t) n;
                if (n)
                        s->ev->on_data(s, p, n);
                break;
        case HOST_STREAM_END:
                ended(s, p, n);
                break;
        case HOST_STREAM_CREDIT: {
                const unsigned char *b = (const unsigned char *) p;
                uint32_t v = n == 4 ? (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3] : 0;
                if (!v || v > HOST_STREAM_WINDOW_BYTES - s->send_credit) {
                        break_off(s, "WindowExceeded", "the host gave back more credit than was taken");
                        break;
                }
                bool dry = s->send_credit == 0;
                s->send_credit += v;
                if (dry && s->ev->on_credit)
                        s->ev->on_credit(s);
                break;
        }
        case HOST_STREAM_CONTROL:
                if (n <= HOST_STREAM_CONTROL_MAX && s->ev->on_control)
                        s->ev->on_control(s, p, n);
                break;
        default:
                break;                  /* a kind of a later version */
        }
}
