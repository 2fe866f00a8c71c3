/* Websocket connections: the server side with exact bytes, and against another implementation where there is one. */
#include "base/rng.h"
#include "fixture.h"
#include "net/child.h"
#include "net/ws_frame.h"

enum { SUBSCRIBERS = 20 };
struct subs { struct ws *v[SUBSCRIBERS]; unsigned n, closed, codes[SUBSCRIBERS]; char reason[124]; unsigned drained, messages; };
static struct subs subs;
static struct ws_options options;

static void on_message(struct ws *w, unsigned opcode, const char *p, size_t n, void *arg) {
        subs.messages++;
        if (n == 5 && memcmp(p, "close", 5) == 0)
                ws_close(w, 4000, "bye");
        else
                (void) ws_send(w, opcode, p, n);        /* closing: the peer hears that */
}
static void on_drain(struct ws *w, void *arg) { subs.drained++; }
static void on_close(struct ws *w, unsigned code, const char *reason, void *arg) {
        for (unsigned i = 0; i < subs.n; i++)
                if (subs.v[i] == w) {
                        subs.v[i] = NULL;
                        subs.codes[i] = code;
                }
        subs.closed++;
        snprintf(subs.reason, sizeof subs.reason, "%s", reason);
}
static const struct ws_events events = { .on_message = on_message, .on_drain = on_drain, .on_close = on_close };

static void handler(struct http_request *req, void *arg) {
        if (str_eq(req->raw_path, "/ws")) {
                struct ws *w = http_upgrade_websocket(req, NULL, &options, &events, arg);
                if (w)
                        subs.v[subs.n++] = w;
        } else if (str_eq(req->raw_path, "/denied")) {
                http_reply_error(req, 401, NULL);
        } else {
                http_reply(req, 200, NULL, 0, "hello", 5);
        }
}
static const struct http_server_config config = { .handler = handler };

static void begin(struct fixture *f, struct ws_options o) {
        memset(&subs, 0, sizeof subs);
        options = o;
        fixture_init(f, config);
}

#define H "Host: h\r\n"
#define UP "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define HANDSHAKE "GET /ws HTTP/1.1\r\n" H UP KEY V13 "\r\n"
#define OPENED "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
#define E400 "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"status\":400}"
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define GET "GET / HTTP/1.1\r\n" H "\r\n"

static struct peer open_ws(struct fixture *f, enum transport t) {
        struct peer p = peer_open(f, t);
        peer_send(f, &p, HANDSHAKE, strlen(HANDSHAKE));
        unsigned n = subs.n;
        PEER_WAIT(f, &p, p.in.len >= strlen(OPENED));
        CHECK_INT(subs.n, ==, n + 1);
        CHECK(memcmp(p.in.data, OPENED, strlen(OPENED)) == 0);
        sbuf_consume(&p.in, strlen(OPENED));
        return p;
}

TEST(handshakes_are_accepted_or_answered_and_the_connection_goes_on) {
        static const struct { const char *in, *out; } rows[] = {
                { HANDSHAKE, OPENED },
                { "GET /ws HTTP/1.1\r\n" H UP KEY V13 "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", OPENED },
                { "GET /ws HTTP/1.1\r\n" H "upgrade: h2c, WebSocket\r\nconnection: upgrade\r\n" KEY V13 "\r\n", OPENED },
                { HANDSHAKE "\x81\x82\0\0\0\0", OPENED },
                { "GET /ws HTTP/1.1\r\n" H UP KEY "Sec-WebSocket-Version: 8\r\n\r\n" GET,
                  "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n" HELLO },
                { "GET /ws HTTP/1.1\r\n" H UP KEY "\r\n" GET,
                  "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n" HELLO },
                { "GET /ws HTTP/1.1\r\n" H UP V13 "\r\n" GET, E400 HELLO },
                { "GET /ws HTTP/1.1\r\n" H UP V13 "Sec-WebSocket-Key: short\r\n\r\n" GET, E400 HELLO },
                { "GET /ws HTTP/1.1\r\n" H KEY V13 "Upgrade: websocket\r\n\r\n" GET, E400 HELLO },
                { "POST /ws HTTP/1.1\r\n" H UP KEY V13 "Content-Length: 0\r\n\r\n" GET, E400 HELLO },
                { "GET /denied HTTP/1.1\r\n" H UP KEY V13 "\r\n" GET,
                  "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"status\":401}" HELLO },
        };
        struct fixture f;
        begin(&f, (struct ws_options) { 0 });
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (enum transport t = 0; t < TRANSPORT_MAX; t++) {
                        struct peer p = peer_open(&f, t);
                        subs.n = 0;
                        peer_send(&f, &p, rows[i].in, strlen(rows[i].in));
                        peer_shutdown(&p);
                        peer_wait_eof(&f, &p);
                        strip_dates(&p.in);
                        CHECK_STR(sbuf_str(&p.in), ==, rows[i].out);
                        peer_close(&p);
                        WAIT_FOR(&f, http_server_connections(f.server) == 0);
                }
        fixture_done(&f);
}

#define M "\0\0\0\0"
#define B(s) s, sizeof(s) - 1
TEST(a_conversation_has_exact_bytes_on_every_transport) {
        static const struct { const char *name, *in; size_t n; const char *out; size_t n_out; unsigned code; } rows[] = {
                { "echo", B("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80" M "\x03\xe8"), B("\x81\x05Hello\x88\x00"), 1005 },
                { "ping and close", B("\x89\x82" M "ab\x88\x84" M "\x03\xe8xy"), B("\x8a\x02" "ab\x88\x02\x03\xe8"), 1000 },
                { "peer closes without code", B("\x88\x80" M), B("\x88\x00"), 1005 },
                { "peer closes badly", B("\x88\x81" M "x"), B("\x88\x02\x03\xea"), 1002 },
                { "we close", B("\x81\x85" M "close\x88\x82" M "\x0f\xa0"), B("\x88\x05\x0f\xa0" "bye"), 4000 },
                { "not masked", B("\x81\x01" "a"), B("\x88\x15\x03\xea" "frame is not masked"), 1002 },
                { "too big", B("\x82\xff\0\0\0\0\0\1\0\1" M), B("\x88\x14\x03\xf1" "message is too big"), 1009 },
                { "not utf-8", B("\x81\x81" M "\xff"), B("\x88\x13\x03\xef" "text is not UTF-8"), 1007 },
                { "just gone", B(""), B(""), 1006 },
                { "pong unasked", B("\x8a\x80" M "\x88\x80" M), B("\x88\x00"), 1005 },
        };
        struct fixture f;
        begin(&f, (struct ws_options) { 0 });
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (enum transport t = 0; t < TRANSPORT_MAX; t++)
                        for (int bytewise = 0; bytewise < 2; bytewise++) {
                                subs.n = 0;
                                subs.closed = 0;
                                struct peer p = open_ws(&f, t);
                                for (size_t k = 0; k < rows[i].n; k += bytewise ? 1 : rows[i].n) {
                                        peer_send(&f, &p, rows[i].in + k, bytewise ? 1 : rows[i].n);
                                        fixture_turn(&f);
                                }
                                if (!rows[i].n)
                                        peer_shutdown(&p);
                                peer_wait_eof(&f, &p);
                                size_t cmp = MIN(rows[i].n_out, p.in.len);
                                if (p.in.len != rows[i].n_out || memcmp(sbuf_str(&p.in), rows[i].out, cmp) != 0) {
                                        print_error("%s: got %zu bytes", rows[i].name, p.in.len);
                                        for (size_t k = 0; k < p.in.len; k++)
                                                print_error(" %02x", (unsigned char) p.in.data[k]);
                                        print_error("\n");
                                        fail();
                                }
                                peer_close(&p);
                                WAIT_FOR(&f, subs.closed == 1);
                                CHECK_INT(subs.codes[0], ==, rows[i].code);
                        }
        fixture_done(&f);
}
TEST(one_encoded_event_reaches_every_subscriber) {
        struct fixture f;
        begin(&f, (struct ws_options) { 0 });
        struct peer p[SUBSCRIBERS];
        for (int i = 0; i < SUBSCRIBERS; i++)
                p[i] = open_ws(&f, (enum transport) (i % TRANSPORT_MAX));
        for (int k = 0; k < 3; k++) {
                AUTO(buf_unref) struct buf *b = ws_frame_text("event", 5);
                for (int i = 0; i < SUBSCRIBERS; i++)
                        CHECK_INT(ws_send_frame(subs.v[i], b), ==, 0);
                CHECK_INT(b->refs, ==, SUBSCRIBERS + 1);
        }
        for (int i = 0; i < SUBSCRIBERS; i++) {
                PEER_WAIT(&f, &p[i], p[i].in.len == 21);
                CHECK(memcmp(p[i].in.data, "\x81\x05" "event\x81\x05" "event\x81\x05" "event", 21) == 0);
                peer_close(&p[i]);
        }
        fixture_done(&f);
}
TEST(a_reader_that_falls_a_megabyte_behind_is_closed_with_1008_and_the_others_are_not) {
        struct fixture f;
        begin(&f, (struct ws_options) { 0 });
        struct peer slow = open_ws(&f, TRANSPORT_UNIX), good = open_ws(&f, TRANSPORT_UNIX);
        static const char event[10000];
        AUTO(buf_unref) struct buf *b = ws_frame_binary(event, sizeof event);
        unsigned sent = 0, failed = 0;
        for (; !failed && sent < 1000; sent++) {
                if (ws_send_frame(subs.v[0], b) < 0)
                        failed = sent;
                CHECK_INT(ws_send_frame(subs.v[1], b), ==, 0);
                fixture_turn(&f);
                peer_read(&good);
        }
        CHECK_INT(failed, >, 90);               /* a megabyte and what the kernel took */
        CHECK_INT(failed, <, 300);
        CHECK(ws_is_closing(subs.v[0]));
        CHECK_INT(ws_send_frame(subs.v[0], b), ==, -EPIPE);
        WAIT_FOR(&f, subs.closed == 1);         /* it does not answer the close frame either */
        CHECK_INT(subs.codes[0], ==, 1008);
        PEER_WAIT(&f, &good, good.in.len == sent * b->len);
        CHECK_INT(ws_queued_bytes(subs.v[1]), ==, 0);
        peer_close(&slow);
        peer_close(&good);
        fixture_done(&f);
}
TEST(a_reader_that_takes_nothing_is_closed_with_1008_after_the_stall_limit) {
        struct fixture f;
        begin(&f, (struct ws_options) { .stall_ms = 400, .ping_ms = 3600000 });
        struct peer p = open_ws(&f, TRANSPORT_UNIX);
        static const char event[100000];
        while (ws_queued_bytes(subs.v[0]) < 400000) {
                CHECK_INT(ws_send(subs.v[0], WS_BINARY, event, sizeof event), ==, 0);
                fixture_turn(&f);
        }
        WAIT_FOR(&f, subs.closed == 1);
        CHECK_INT(subs.codes[0], ==, 1008);
        peer_close(&p);
        fixture_done(&f);
}
TEST(a_full_queue_that_empties_calls_on_drain) {
        struct fixture f;
        begin(&f, (struct ws_options) { 0 });
        struct peer p = open_ws(&f, TRANSPORT_UNIX);
        static const char event[100000];
        while (ws_queued_bytes(subs.v[0]) < STREAM_HIGH_BYTES) {
                CHECK_INT(ws_send(subs.v[0], WS_BINARY, event, sizeof event), ==, 0);
                fixture_turn(&f);
        }
        CHECK_INT(subs.drained, ==, 0);
        PEER_WAIT(&f, &p, subs.drained == 1);
        CHECK_INT(ws_queued_bytes(subs.v[0]), <, STREAM_LOW_BYTES);
        peer_close(&p);
        fixture_done(&f);
}
TEST(silence_is_broken_by_two_pings_and_then_ends_unless_something_comes) {
        struct fixture f;
        begin(&f, (struct ws_options) { .ping_ms = 50 });
        struct peer dead = open_ws(&f, TRANSPORT_TCP), alive = open_ws(&f, TRANSPORT_TCP);
        unsigned answered = 0;
        while (subs.closed == 0) {
                fixture_turn(&f);
                peer_read(&alive);
                for (; alive.in.len >= 2; answered++) {
                        CHECK(memcmp(alive.in.data, "\x89\x00", 2) == 0);
                        sbuf_consume(&alive.in, 2);
                        peer_send(&f, &alive, "\x8a\x80" M, 6);
                }
                peer_read(&dead);
        }
        CHECK_INT(subs.codes[0], ==, 1006);
        CHECK(subs.v[1]);
        CHECK_INT(answered, >=, 1);
        peer_read(&dead);
        CHECK_INT(dead.in.len, ==, 4);
        CHECK(memcmp(dead.in.data, "\x89\x00\x89\x00", 4) == 0);
        peer_close(&dead);
        peer_close(&alive);
        fixture_done(&f);
}
static void set_flag(void *arg) { *(bool *) arg = true; }
TEST(draining_closes_websockets_with_1001) {
        struct fixture f;
        begin(&f, (struct ws_options) { 0 });
        struct peer p = open_ws(&f, TRANSPORT_TLS);
        bool drained = false;
        http_server_drain(f.server, 0, set_flag, &drained);
        PEER_WAIT(&f, &p, p.in.len >= 4);
        CHECK(memcmp(p.in.data, "\x88\x18\x03\xe9the server is stopping", 26) == 0);
        peer_send(&f, &p, "\x88\x82" M "\x03\xe9", 8);
        peer_wait_eof(&f, &p);
        peer_close(&p);
        WAIT_FOR(&f, drained);
        CHECK_INT(subs.codes[0], ==, 1001);
        fixture_done(&f);
}
/* Random cuts and random bytes: nothing here can crash the server, and every connection ends. */
TEST(mutated_frames_end_in_a_close_and_never_in_anything_else) {
        struct fixture f;
        begin(&f, (struct ws_options) { 0 });
        struct rng r;
        rng_seed(&r, 7);
        for (int i = 0; i < 400; i++) {
                subs.n = subs.closed = 0;
                struct peer p = open_ws(&f, TRANSPORT_UNIX);
                char b[64] = "\x81\x85" M "hello\x89\x81" M "p\x01\x81" M "a\x80\x81" M "b\x88\x82" M "\x03\xe8";
                size_t n = 43;
                for (unsigned k = (unsigned) rng_below(&r, 4); k > 0; k--)
                        b[rng_below(&r, n)] = (char) rng_u64(&r);
                size_t cut = (size_t) rng_below(&r, n);
                peer_send(&f, &p, b, cut);
                fixture_turn(&f);
                peer_send(&f, &p, b + cut, n - cut);
                peer_shutdown(&p);
                peer_wait_eof(&f, &p);
                peer_close(&p);
                WAIT_FOR(&f, subs.closed == 1);
        }
        fixture_done(&f);
}

/* ---- another implementation ---- */

static const char python_client[] =
        "import sys, ssl\n"
        "try:\n"
        "    import websocket\n"
        "except ImportError:\n"
        "    sys.exit(77)\n"
        "for url in sys.argv[1:]:\n"
        "    ws = websocket.create_connection(url, timeout=20, sslopt={'cert_reqs': ssl.CERT_NONE})\n"
        "    for n in (0, 1, 125, 126, 127, 65535, 65536):\n"
        "        text = 'x' * n\n"
        "        ws.send(text)\n"
        "        assert ws.recv() == text, n\n"
        "        data = bytes(i % 256 for i in range(n))\n"
        "        ws.send_binary(data)\n"
        "        assert ws.recv() == data, n\n"
        "    ws.send('\\u00e4\\u20ac')\n"
        "    assert ws.recv() == '\\u00e4\\u20ac'\n"
        "    ws.ping('are you there')\n"
        "    op, frame = ws.recv_data_frame(control_frame=True)\n"
        "    assert op == websocket.ABNF.OPCODE_PONG and frame.data == b'are you there'\n"
        "    ws.send('close')\n"
        "    op, frame = ws.recv_data_frame(control_frame=True)\n"
        "    assert op == websocket.ABNF.OPCODE_CLOSE and frame.data == b'\\x0f\\xa0bye', frame.data\n"
        "print('fine')\n";

static struct child_result python_result;
static bool python_done;
static char python_text[2000];
static void python_exit(struct child *c, const struct child_result *r, void *arg) {
        python_result = *r;
        python_done = true;
        snprintf(python_text, sizeof python_text, "%s%s", r->out, r->err);
}
TEST(the_python_websocket_client_agrees_about_the_protocol) {
        struct fixture f;
        begin(&f, (struct ws_options) { .message_max = 1 << 20 });
        char plain[64], tls[64];
        snprintf(plain, sizeof plain, "ws://127.0.0.1:%u/ws", f.port);
        snprintf(tls, sizeof tls, "wss://127.0.0.1:%u/ws", f.port);
        struct dr_error err;
        struct child *c = child_spawn(f.loop, &(struct child_spec) {
                .argv = (const char *const[]) { "/usr/bin/python3", "-c", python_client, plain, tls, NULL }, .out_max = 1000, .err_max = 1000,
                .deadline_ms = PATIENCE_MS, .on_exit = python_exit }, &err);
        if (c)
                WAIT_FOR(&f, python_done);
        fixture_done(&f);
        if (!c || python_result.exit_status == 77) {
                print_message("skipped: python3 with its websocket package is not installed\n");
                skip();
        }
        if (python_result.exit_status != 0)
                print_error("%s\n", python_text);
        CHECK_INT(python_result.exit_status, ==, 0);
        CHECK_STR(python_text, ==, "fine\n");
}
TEST_MAIN("net/ws")
