#include "simstream.h"

#include <stdio.h>

#include "base/map.h"
#include "base/parse.h"
#include "base/times.h"
#include "base/vec.h"
#include "formats/json.h"

enum { LINES_MAX = 10, OUT_BYTES_MAX = 256 * 1024, SECOND_MS = 1000, HEAD_BYTES_MAX = 8192 };

enum sim_kind { SIM_LOGS, SIM_EXEC, SIM_STATS, SIM_TCP, SIM_REFUSED };

struct simstream {
        struct host_stream *st;         /* NULL: over, freed at the next turn */
        uint32_t id;
        enum sim_kind kind;
        char uuid[64];
        int64_t port, lines;
        bool follow, timestamps, tty, forever, ending, is_host;
        char *text;                     /* of yes */
        int exit_code;                  /* with ending; -1: none to tell */
        struct json_object *ids;        /* stats: API ids */
        uint64_t due_ms, made;          /* next line or figures; how many were made */
        bool poked;                     /* something came: look at it in the next turn */
        struct sbuf out, head;          /* to the client; tcp: the request so far */
        VEC(size_t) pieces;             /* lengths of the frames in out */
        uint32_t received;              /* data of the client, to be given back */
        uint32_t credit;                /* bytes that the client still takes */
};

struct simstreams { struct core *core; struct map all; uint32_t last_id; };

struct simstreams *simstreams_new(struct core *c) {
        struct simstreams *s = dr_xnew(struct simstreams);
        s->core = c;
        return s;
}

static void stream_free(struct simstream *x) {
        sbuf_done(&x->out);
        sbuf_done(&x->head);
        vec_done(&x->pieces);
        json_object_put(x->ids);
        free(x->text);
        free(x);
}

void simstreams_free(struct simstreams *s) {
        if (!s)
                return;
        map_foreach(&s->all, slot)
                stream_free(slot->value);
        map_done(&s->all);
        free(s);
}

static void put(struct simstream *x, const char *p, size_t n) {
        if (x->out.len + n > OUT_BYTES_MAX || n > HOST_STREAM_PAYLOAD_MAX)
                return;                 /* nobody reads: it is made again */
        sbuf_add(&x->out, p, n);
        vec_push(&x->pieces, n);
}

static void put_line(struct simstreams *s, struct simstream *x, const char *what, uint64_t n) {
        auto_sbuf struct sbuf b = SBUF(512);
        char when[40] = "";
        if (x->timestamps)
                time_format_iso_ms(core_wall_ms(s->core), when, sizeof when);
        sbuf_printf(&b, "01 %s%s%s %llu of simulated container %s\n", when, *when ? " " : "", what, (unsigned long long) n, x->uuid);
        put(x, sbuf_str(&b), b.len);
}

static void sample(struct simstreams *s, struct simstream *x, struct jw *w, const char *id) {
        static const char *const counters[] = { "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", "tx_bytes", "tx_packets", "tx_errors", "tx_dropped" };
        int64_t n = (int64_t) x->made;
        char when[40];
        time_format_iso_ms(core_wall_ms(s->core), when, sizeof when);
        jw_begin_object(w);
        jw_kstring(w, "id", id);
        jw_kstring(w, "resourceType", x->is_host ? "host" : "container");
        jw_kint(w, "memLimit", INT64_C(8) << 30);
        jw_kstring(w, "timestamp", when);
        jw_key(w, "cpu");
        jw_begin_object(w);
        jw_key(w, "usage");
        jw_begin_object(w);
        jw_kint(w, "total", n * 50000000);
        jw_key(w, "per_cpu_usage");
        jw_begin_array(w);
        jw_int(w, n * 50000000);
        jw_end(w);
        jw_kint(w, "user", n * 40000000);
        jw_kint(w, "system", n * 10000000);
        jw_end(w);
        jw_end(w);
        jw_key(w, "memory");
        jw_begin_object(w);
        jw_kint(w, "usage", 64 << 20);
        jw_end(w);
        jw_key(w, "network");
        jw_begin_object(w);
        jw_kstring(w, "name", x->is_host ? "all" : "");
        for (size_t i = 0; i < ARRAY_LEN(counters); i++)
                jw_kint(w, counters[i], i % 4 < 2 ? n * 1000 : 0);
        jw_end(w);
        jw_end(w);
}

static void put_stats(struct simstreams *s, struct simstream *x) {
        auto_sbuf struct sbuf b = SBUF(HOST_STREAM_PAYLOAD_MAX);
        struct jw w = JW(&b, 0);
        jw_begin_array(&w);
        json_object_object_foreach(x->ids, key, v)
                sample(s, x, &w, v ? json_object_get_string(v) : key);
        jw_end(&w);
        if (sbuf_ok(&b))
                put(x, sbuf_str(&b), b.len);
}

static void begin_exec(struct simstream *x, struct json_object *data) {
        struct json_object *cmd = json_get_array(data, "cmd");
        const char *first = cmd && json_object_array_length(cmd) ? json_object_get_string(json_object_array_get_idx(cmd, 0)) : "";
        const char *second = cmd && json_object_array_length(cmd) > 1 ? json_object_get_string(json_object_array_get_idx(cmd, 1)) : "";
        int64_t code;
        x->tty = json_bool(data, "tty", false);
        if (str_eq(first, "exit") && parse_i64(second, &code) == 0) {
                x->ending = true;
                x->exit_code = (int) (code & 0xff);
        } else if (str_eq(first, "yes")) {
                x->forever = true;
                x->text = dr_xasprintf("%.200s\n", second);
        }
}

int simstreams_open(struct simstreams *s, struct host_stream *st, const char *kind, struct json_object *data, struct dr_error *err) {
        if (s->all.n >= HOST_STREAMS_MAX)
                return dr_fail(err, DR_E_TOO_MANY_REQUESTS, NULL, "this host has %d streams open already", HOST_STREAMS_MAX);
        struct simstream *x = dr_xnew(struct simstream);
        x->st = st;
        x->id = st->id = ++s->last_id;
        x->kind = SIM_REFUSED;
        x->out = (struct sbuf) SBUF(OUT_BYTES_MAX);
        x->head = (struct sbuf) SBUF(HEAD_BYTES_MAX);
        x->credit = HOST_STREAM_WINDOW_BYTES;
        x->due_ms = core_mono_ms(s->core);
        x->poked = true;
        x->exit_code = -1;
        snprintf(x->uuid, sizeof x->uuid, "%s", json_str(data, "uuid", ""));
        if (str_eq(kind, "logs")) {
                x->kind = SIM_LOGS;
                x->lines = MIN(json_int(data, "lines", 100), (int64_t) LINES_MAX);
                x->follow = json_bool(data, "follow", true);
                x->timestamps = json_bool(data, "timestamps", true);
        } else if (str_eq(kind, "exec")) {
                x->kind = SIM_EXEC;
                begin_exec(x, data);
        } else if (str_eq(kind, "containerStats") || str_eq(kind, "hostStats")) {
                x->kind = SIM_STATS;
                x->is_host = str_eq(kind, "hostStats");
                x->ids = x->is_host ? json_object_new_object() : json_copy(json_get_object(data, "containers"));
                if (x->is_host)
                        json_set_str(x->ids, "host", json_str(data, "resourceId", ""));
        } else if (str_eq(kind, "tcp")) {
                x->kind = SIM_TCP;
                x->port = json_int(data, "port", 0);
        }
        map_set(&s->all, x->id, x);
        return 0;
}

static void answer_http(struct simstream *x) {
        const char *end = strstr(sbuf_str(&x->head), "\r\n");
        if (!end || !strstr(end, "\r\n\r\n") || x->ending)
                return;
        auto_sbuf struct sbuf body = SBUF(HEAD_BYTES_MAX), all = SBUF(2 * HEAD_BYTES_MAX);
        const char *version = strstr(sbuf_str(&x->head), " HTTP/");
        int n = (int) (version && version < end ? version - sbuf_str(&x->head) : end - sbuf_str(&x->head));
        sbuf_printf(&body, "simulated container %s, port %lld, %.*s\n", x->uuid, (long long) x->port, n, sbuf_str(&x->head));
        sbuf_printf(&all, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", body.len, sbuf_str(&body));
        put(x, sbuf_str(&all), all.len);
        x->ending = true;
}

static void take(struct simstream *x, const char *p, size_t n) {
        x->received += (uint32_t) n;
        if (x->kind == SIM_EXEC && !x->ending && !x->forever) {
                const char *end = x->tty ? memchr(p, 4, n) : NULL;
                if (end) {
                        n = (size_t) (end - p);
                        x->ending = true;
                        x->exit_code = 0;
                }
                if (n)
                        put(x, p, n);
        } else if (x->kind == SIM_TCP) {
                sbuf_add(&x->head, p, n);
                answer_http(x);
        }
}

void simstreams_send(struct simstreams *s, struct host_stream *st, unsigned kind, const void *p, size_t n) {
        struct simstream *x = map_get(&s->all, st->id);
        const unsigned char *b = p;
        if (!x)
                return;
        x->poked = true;
        if (kind == HOST_STREAM_DATA) {
                take(x, p, n);
        } else if (kind == HOST_STREAM_CREDIT) {
                x->credit += (uint32_t) b[0] << 24 | (uint32_t) b[1] << 16 | (uint32_t) b[2] << 8 | b[3];
        } else if (kind == HOST_STREAM_CONTROL && x->kind == SIM_EXEC) {
                AUTO(json_free) struct json_object *o = NULL;
                if (json_parse(p, n, HOST_STREAM_CONTROL_MAX, &o, NULL) == 0 && json_bool(o, "eof", false)) {
                        x->ending = true;
                        x->exit_code = 0;
                }
        }
}

void simstreams_forget(struct simstreams *s, struct host_stream *st) {
        struct simstream *x = map_get(&s->all, st->id);
        if (x)
                x->st = NULL;           /* it may be the one whose turn it is */
}

void simstreams_lose(struct simstreams *s) {
        VEC(struct simstream *) all = { 0 };
        map_foreach(&s->all, slot)
                vec_push(&all, (struct simstream *) slot->value);
        for (size_t i = 0; i < all.n; i++) {
                struct host_stream *st = dr_take(all.v[i]->st);
                if (st)
                        host_stream_lost(st, "HostUnavailable", "the connection to the host was lost");
        }
        vec_done(&all);
}

/* What is due by the clock; returns when the next is. */
static uint64_t make(struct simstreams *s, struct simstream *x, uint64_t now) {
        if (x->kind == SIM_LOGS && !x->made) {
                for (int64_t i = 1; i <= x->lines; i++)
                        put_line(s, x, "line", (uint64_t) i);
                x->made = 1;
                x->ending = !x->follow;
                return now + SECOND_MS;
        }
        if (x->kind == SIM_LOGS && x->follow && x->due_ms <= now) {
                put_line(s, x, "tick", x->made++);
                return now + SECOND_MS;
        }
        if (x->kind == SIM_STATS && x->due_ms <= now) {
                x->made++;
                put_stats(s, x);
                return now + SECOND_MS;
        }
        for (size_t n = x->text ? strlen(x->text) : 0; x->forever && x->out.len + n <= x->credit;)
                put(x, x->text, n);
        return x->kind == SIM_EXEC || x->kind == SIM_TCP ? UINT64_MAX : x->due_ms;
}

static void step(struct simstreams *s, struct simstream *x, uint64_t now) {
        x->poked = false;
        x->due_ms = make(s, x, now);
        if (x->kind == SIM_REFUSED) {
                static const char end[] = "{\"code\":\"NotSupported\",\"message\":\"simulated hosts do not have this\"}";
                host_stream_receive(x->st, HOST_STREAM_END, end, sizeof end - 1);
                return;
        }
        if (x->received) {
                uint32_t n = x->received;
                char be[4] = { (char) (n >> 24), (char) (n >> 16), (char) (n >> 8), (char) n };
                x->received = 0;
                host_stream_receive(x->st, HOST_STREAM_CREDIT, be, sizeof be);
        }
        size_t done = 0, at = 0;
        while (x->st && done < x->pieces.n && x->pieces.v[done] <= x->credit) {
                size_t n = x->pieces.v[done++];
                x->credit -= (uint32_t) n;
                host_stream_receive(x->st, HOST_STREAM_DATA, sbuf_str(&x->out) + at, n);
                at += n;
        }
        sbuf_consume(&x->out, at);
        if (done)
                memmove(x->pieces.v, x->pieces.v + done, (x->pieces.n - done) * sizeof *x->pieces.v);
        x->pieces.n -= done;
        if (!x->st || !x->ending || x->pieces.n)
                return;
        if (x->exit_code >= 0) {
                char text[32];
                snprintf(text, sizeof text, "{\"exitCode\":%d}", x->exit_code);
                host_stream_receive(x->st, HOST_STREAM_CONTROL, text, strlen(text));
        }
        if (x->st)
                host_stream_receive(x->st, HOST_STREAM_END, "", 0);
}

void simstreams_turn(struct simstreams *s) {
        uint64_t now = core_mono_ms(s->core);
        VEC(struct simstream *) due = { 0 };
        map_foreach(&s->all, slot) {
                struct simstream *x = slot->value;
                if (!x->st || x->poked || x->due_ms <= now)
                        vec_push(&due, x);
        }
        for (size_t i = 0; i < due.n; i++) {
                if (due.v[i]->st)
                        step(s, due.v[i], now);
                if (!due.v[i]->st) {
                        (void) map_del(&s->all, due.v[i]->id);
                        stream_free(due.v[i]);
                }
        }
        vec_done(&due);
}

uint64_t simstreams_next_ms(const struct simstreams *s) {
        uint64_t next = UINT64_MAX;
        map_foreach(&s->all, slot) {
                const struct simstream *x = slot->value;
                next = MIN(next, x->st && !x->poked ? x->due_ms : 0);
        }
        return next;
}
