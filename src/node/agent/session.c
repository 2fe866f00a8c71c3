#include "session.h"

#include "base/log.h"
#include "base/rng.h"

#include <inttypes.h>
#include <stdio.h>

enum { RETRY_MS = 1000, RETRY_MS_MAX = 30000, STABLE_MS = 10000, CONNECT_MS = 30000, HELLO_MS = 30000, PING_MS = 10000, QUEUE_BYTES_MAX = 24 << 20, STALL_MS = 30000 };

struct session {
        struct session_config cfg;
        char *url, *access_key, *secret_key;
        struct http_call *opening;
        struct ws *ws;
        bool ready, stopped;
        uint64_t retry_ms, ready_since_ms, heartbeat_ms;
        struct timer *retry, *beat;
        struct rng rng;
};

bool session_is_ready(const struct session *s) { return s->ready; }

int session_send(struct session *s, const char *p, size_t n) {
        return s->ready && s->ws ? ws_send(s->ws, WS_TEXT, p, n) : -EPIPE;
}

int session_send_binary(struct session *s, const char *p, size_t n) {
        return s->ready && s->ws ? ws_send(s->ws, WS_BINARY, p, n) : -EPIPE;
}

size_t session_queued_bytes(const struct session *s) { return s->ws ? ws_queued_bytes(s->ws) : 0; }

void session_beat(struct session *s) {
        char text[64];
        int n = snprintf(text, sizeof text, "{\"t\":\"heartbeat\",\"rev\":%" PRIu64 "}", s->cfg.events->get_rev(s->cfg.arg));
        (void) session_send(s, text, (size_t) n);       /* not ready: hello carries the revision */
}

static void set_ready(struct session *s, bool ready, bool refused, const char *why) {
        if (ready && !s->ready) {
                s->ready_since_ms = loop_now_ms(s->cfg.loop);
                log_info("connected to server", "url", s->url, NULL);
        } else if (!ready) {
                log_warning("not connected to server", "url", s->url, "reason", why, NULL);
        }
        s->ready = ready;
        s->cfg.events->on_state(ready, refused, why, s->cfg.arg);
}

/* 1, 2, 4 ... 30 s, each times a random 0.5 to 1.5; from the start again after ten seconds of stable session. */
static void retry_later(struct session *s) {
        if (s->stopped)
                return;
        if (s->ready_since_ms && loop_now_ms(s->cfg.loop) - s->ready_since_ms >= STABLE_MS)
                s->retry_ms = RETRY_MS;
        s->ready_since_ms = 0;
        timer_start(s->retry, s->retry_ms / 2 + rng_below(&s->rng, s->retry_ms + 1));
        s->retry_ms = MIN(s->retry_ms * 2, (uint64_t) RETRY_MS_MAX);
}

static void on_beat(void *arg) {
        struct session *s = arg;
        if (s->ready)
                session_beat(s);
        else if (s->ws)                                 /* no hello in time */
                ws_close(s->ws, WS_CLOSE_POLICY, "no hello");
}

static void on_binary(struct session *s, struct ws *w, const char *p, size_t n) {
        struct dr_error err;
        if (!s->ready || !s->cfg.events->on_binary || s->cfg.events->on_binary(p, n, &err, s->cfg.arg) >= 0)
                return;
        log_warning("server's stream frame is refused", "reason", err.message, NULL);
        ws_close(w, WS_CLOSE_POLICY, err.message);
}

static void on_message(struct ws *w, unsigned opcode, const char *p, size_t n, void *arg) {
        struct session *s = arg;
        if (opcode == WS_BINARY)
                return on_binary(s, w, p, n);
        struct server_message m;
        struct dr_error err = { 0 };
        if (server_message_parse(p, n, &m, &err) < 0) {
                log_warning("server sent a message that cannot be read", "reason", err.message, NULL);
                ws_close(w, WS_CLOSE_PROTOCOL, "message cannot be read");
                return;
        }
        bool hello = m.kind == SERVER_HELLO;
        if (hello || s->ready) {
                uint64_t heartbeat_ms = m.heartbeat_ms;
                int r = s->cfg.events->on_message(&m, &err, s->cfg.arg);
                if (r < 0) {
                        log_warning("server's message is refused", "reason", err.message, NULL);
                        if (s->ws)
                                ws_close(s->ws, WS_CLOSE_POLICY, err.message);
                } else if (hello && s->ws) {
                        s->heartbeat_ms = heartbeat_ms;
                        timer_start_periodic(s->beat, heartbeat_ms, heartbeat_ms);
                        set_ready(s, true, false, "");
                }
        }
        server_message_done(&m);
}

static void on_close(struct ws *w, unsigned code, const char *reason, void *arg) {
        struct session *s = arg;
        char why[160];
        s->ws = NULL;
        timer_stop(s->beat);
        snprintf(why, sizeof why, "connection closed: %u %.120s", code, reason ? reason : "");
        if (!s->stopped)
                set_ready(s, false, false, why);
        retry_later(s);
}

static void on_drain(struct ws *w, void *arg) {
        struct session *s = arg;
        if (s->ready && s->cfg.events->on_drain)
                s->cfg.events->on_drain(s->cfg.arg);
}

static const struct ws_events events = { .on_message = on_message, .on_drain = on_drain, .on_close = on_close };

static void on_open(struct ws *w, const struct http_response *res, const struct dr_error *err, void *arg) {
        struct session *s = arg;
        s->opening = NULL;
        if (!w) {
                bool refused = res && (res->status == 401 || res->status == 403);
                set_ready(s, false, refused, refused ? "Credentials are no longer valid, please re-register this agent" : err->message);
                return retry_later(s);
        }
        s->ws = w;
        s->ready = false;
        timer_start(s->beat, HELLO_MS);
        auto_sbuf struct sbuf hello = SBUF(PROTOCOL_BYTES_MAX);
        s->cfg.events->make_hello(&hello, s->cfg.arg);
        (void) ws_send(w, WS_TEXT, sbuf_str(&hello), hello.len);       /* a failure closes, which is handled */
}

static void open_now(void *arg) {
        struct session *s = arg;
        if (s->opening)
                return;
        if (s->ws)                                      /* the old one is still saying goodbye */
                return timer_start(s->retry, RETRY_MS);
        s->stopped = false;
        auto_free char *url = dr_xasprintf("%s/v3/host/connect", s->url);
        struct ws_connect_spec spec = {
                .url = url, .user = s->access_key, .password = s->secret_key,
                .options = { .message_max = PROTOCOL_BYTES_MAX, .queue_max = QUEUE_BYTES_MAX, .low_bytes = s->cfg.low_bytes, .ping_ms = PING_MS, .stall_ms = STALL_MS },
                .timeout_ms = CONNECT_MS, .events = &events, .on_open = on_open, .arg = s,
        };
        struct dr_error err;
        s->opening = http_client_websocket(s->cfg.http, &spec, &err);
        if (!s->opening) {
                set_ready(s, false, false, err.message);
                retry_later(s);
        }
}

void session_start(struct session *s) {
        s->stopped = false;
        timer_start(s->retry, 0);
}

void session_stop(struct session *s, uint64_t delay_ms, const char *why) {
        s->stopped = true;
        timer_stop(s->retry);
        timer_stop(s->beat);
        if (s->opening)
                http_call_cancel(dr_take(s->opening));
        if (s->ws)
                ws_close(s->ws, WS_CLOSE_NORMAL, why);
        set_ready(s, false, false, why);
        if (delay_ms != UINT64_MAX)
                timer_start(s->retry, delay_ms);
}

struct session *session_new(const struct session_config *cfg) {
        struct session *s = dr_xnew(struct session);
        s->cfg = *cfg;
        s->url = dr_xstrdup(cfg->url);
        s->access_key = dr_xstrdup(cfg->access_key);
        s->secret_key = dr_xstrdup(cfg->secret_key);
        s->retry_ms = RETRY_MS;
        s->retry = timer_new(cfg->loop, open_now, s);
        s->beat = timer_new(cfg->loop, on_beat, s);
        rng_seed_random(&s->rng);
        return s;
}

static const struct ws_events silent = { 0 };

struct session *session_free(struct session *s) {
        if (!s)
                return NULL;
        if (s->opening)
                http_call_cancel(s->opening);
        if (s->ws) {
                ws_set_events(s->ws, &silent, NULL);
                ws_close(s->ws, WS_CLOSE_GOING_AWAY, "agent ends");
        }
        timer_free(s->retry);
        timer_free(s->beat);
        free(s->url);
        free(s->access_key);
        free(s->secret_key);
        free(s);
        return NULL;
}
