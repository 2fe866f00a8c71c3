#include "fixture.h"

static const char big_piece[65536];

/* ---- server side ---- */

static int produce(struct http_request *req, void *arg) {
        struct fixture *f = arg;
        if (f->produced == f->produce_max)
                return HTTP_STREAM_END;
        f->produced++;
        return http_stream_write(req, big_piece, sizeof big_piece) < 0 ? -1 : 1;
}
static void produce_done(void *arg) { ((struct fixture *) arg)->produce_done = true; }
static const struct http_producer producer = { .produce = produce, .done = produce_done };

static int raw_data(struct stream *s, const char *p, size_t n, void *arg) { return stream_write(s, p, n); }
static void raw_eof(struct stream *s, void *arg) {
        stream_write(s, "[eof]", 5);
        stream_finish(s);
}
static const struct stream_events raw_events = { .on_data = raw_data, .on_eof = raw_eof };

static void ws_echo(struct ws *w, unsigned opcode, const char *p, size_t n, void *arg) {
        struct fixture *f = arg;
        if (n == 4 && memcmp(p, "bye!", 4) == 0)
                ws_close(w, 4001, "as asked");
        else
                CHECK_INT(ws_send(w, opcode, p, n), ==, 0);
        f->handled++;
}
static void ws_closed(struct ws *w, unsigned code, const char *reason, void *arg) {
        struct fixture *f = arg;
        f->ws = NULL;
        f->ws_code = code;
}
static const struct ws_events ws_server_events = { .on_message = ws_echo, .on_close = ws_closed };

static void handler(struct http_request *req, void *arg) {
        struct fixture *f = arg;
        const char *seg = req->path.n ? req->path.seg[0] : "";
        if (!str_eq(seg, "ws"))
                f->handled++;
        if (str_eq(seg, "hello")) {
                struct http_header h = { "X-Peer", req->peer };
                http_reply(req, 200, &h, 1, req->tls ? "hello tls" : "hello", req->tls ? 9 : 5);
        } else if (str_eq(seg, "echo")) {
                http_reply(req, 201, NULL, 0, req->body, req->body_len);
        } else if (str_eq(seg, "park")) {
                f->parked = req;
        } else if (str_eq(seg, "stream")) {
                http_reply_stream(req, 200, NULL, 0, -1, &producer, f);
        } else if (str_eq(seg, "raw")) {
                http_upgrade_raw(req, "tcp", &raw_events, f);
        } else if (str_eq(seg, "auth")) {
                auto_free char *user = NULL, *password = NULL;
                int r = http_headers_basic(&req->headers, &user, &password);
                auto_free char *text = r == 0 ? dr_xasprintf("%s/%s", user, password) : dr_xasprintf("%d", r);
                http_reply(req, 200, NULL, 0, text, strlen(text));
        } else if (str_eq(seg, "ws")) {
                struct ws_options o = { .message_max = 8 << 20 };
                f->ws = http_upgrade_websocket(req, http_headers_get(&req->headers, "sec-websocket-protocol"), &o, &ws_server_events, f);
        } else {
                http_reply_error(req, 404, NULL);
        }
}
static const struct http_server_config config = { .handler = handler };

/* ---- client side ---- */

struct seen {
        struct fixture *f;
        int calls, result, status;
        char body[256], why[512];
        size_t body_bytes;
        struct http_call *call;
        struct stream *raw;
        bool pause_once, raw_closed;
        struct sbuf got;
        unsigned uploads;
        struct ws *ws;
        unsigned code;
        char reason[124];
        unsigned messages;
};

static void on_done(struct http_call *c, int result, struct http_response *res, const struct dr_error *err, void *arg) {
        struct seen *s = arg;
        s->calls++;
        s->result = result;
        s->status = res->status;
        s->call = NULL;
        snprintf(s->body, sizeof s->body, "%s", str_or(res->body, ""));
        snprintf(s->why, sizeof s->why, "%s", err ? err->message : "");
}
static void on_body(struct http_call *c, const char *p, size_t n, void *arg) {
        struct seen *s = arg;
        s->body_bytes += n;
        if (s->pause_once) {
                s->pause_once = false;
                http_call_pause(c);
        }
}
static const struct http_call_events collect = { .on_done = on_done };
static const struct http_call_events stream = { .on_done = on_done, .on_body = on_body };

static struct http_client *client(struct fixture *f, struct tls_client_options o) {
        struct dr_error err;
        struct http_client *c;
        CHECK_OK(http_client_new(f->loop, &(struct http_client_config) { .tls = o }, &c, &err), &err);
        return c;
}

static char url_buf[256];
static const char *url(struct fixture *f, enum transport t, const char *path) {
        if (t == TRANSPORT_UNIX)
                snprintf(url_buf, sizeof url_buf, "unix:%s:%s", f->socket, path);
        else
                snprintf(url_buf, sizeof url_buf, "%s://127.0.0.1:%u%s", t == TRANSPORT_TLS ? "https" : "http", f->port, path);
        return url_buf;
}

static void call(struct http_client *c, struct seen *s, struct http_call_spec spec) {
        struct dr_error err;
        if (!spec.events)
                spec.events = &collect;
        spec.arg = s;
        s->call = http_call_start(c, &spec, &err);
        if (!s->call)
                print_error("%s\n", err.message);
        CHECK(s->call);
}

TEST(three_requests_use_one_connection_on_every_transport) {
        for (enum transport t = 0; t < TRANSPORT_MAX; t++) {
                struct fixture f;
                fixture_init(&f, config);
                struct http_client *c = client(&f, (struct tls_client_options) { .ca_pem = f.ca.cert_pem });
                struct seen s = { .f = &f };
                for (int i = 1; i <= 3; i++) {
                        call(c, &s, (struct http_call_spec) { .url = url(&f, t, "/hello") });
                        WAIT_FOR(&f, s.calls == i);
                        CHECK_STR(s.why, ==, "");
                        CHECK_INT(s.status, ==, 200);
                        CHECK_STR(s.body, ==, t == TRANSPORT_TLS ? "hello tls" : "hello");
                        CHECK_INT(http_server_connections(f.server), ==, 1);
                }
                call(c, &s, (struct http_call_spec) { .method = "HEAD", .url = url(&f, t, "/hello") });
                WAIT_FOR(&f, s.calls == 4);
                CHECK_STR(s.body, ==, "");
                call(c, &s, (struct http_call_spec) { .method = "POST", .url = url(&f, t, "/echo"), .body = "abc", .body_len = 3 });
                WAIT_FOR(&f, s.calls == 5);
                CHECK_INT(s.status, ==, 201);
                CHECK_STR(s.body, ==, "abc");
                CHECK_INT(http_server_connections(f.server), ==, 1);
                http_client_free(c);
                fixture_done(&f);
        }
}
TEST(a_certificate_is_refused_unless_its_authority_or_fingerprint_is_known) {
        struct fixture f;
        fixture_init(&f, config);
        char print[TLS_FINGERPRINT_CHARS + 1], other[TLS_FINGERPRINT_CHARS + 1];
        CHECK_INT(tls_fingerprint(f.cert.cert_pem, print, NULL), ==, 0);
        CHECK_INT(tls_fingerprint(f.ca.cert_pem, other, NULL), ==, 0);
        const struct { struct tls_client_options o; const char *host, *why; } tries[] = {
                { { .ca_pem = f.ca.cert_pem }, "127.0.0.1", "" },
                { { .ca_pem = f.ca.cert_pem }, "localhost", "" },
                { { .ca_pem = f.ca.cert_pem }, "127.0.0.2", "not trusted" },
                { { 0 }, "127.0.0.1", "not trusted" },
                { { .insecure = true }, "127.0.0.1", "" },
                { { .pin_sha256 = print }, "127.0.0.1", "" },
                { { .pin_sha256 = other }, "127.0.0.1", "fingerprint" },
        };
        unsigned short port2;
        struct dr_error err;
        CHECK_OK(http_server_listen_tcp(f.server, "127.0.0.2", 0, f.tls, &port2, &err), &err);
        for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
                struct http_client *c = client(&f, tries[i].o);
                struct seen s = { .f = &f };
                char u[64];
                snprintf(u, sizeof u, "https://%s:%u/hello", tries[i].host, str_eq(tries[i].host, "127.0.0.2") ? port2 : f.port);
                unsigned handled = f.handled;
                call(c, &s, (struct http_call_spec) { .url = u });
                WAIT_FOR(&f, s.calls == 1);
                if (*tries[i].why ? !strstr(s.why, tries[i].why) : *s.why != 0) {
                        print_error("try %zu: %s\n", i, s.why);
                        fail();
                }
                CHECK_INT(f.handled, ==, handled + (*tries[i].why ? 0 : 1));
                http_client_free(c);
        }
        fixture_done(&f);
}
TEST(a_paused_answer_goes_on_where_it_stopped_and_the_producer_waits_meanwhile) {
        for (enum transport t = 0; t < TRANSPORT_MAX; t++) {
                struct fixture f;
                fixture_init(&f, config);
                f.produce_max = 400;            /* 26 MB */
                struct http_client *c = client(&f, (struct tls_client_options) { .insecure = true });
                struct seen s = { .f = &f, .pause_once = true };
                call(c, &s, (struct http_call_spec) { .url = url(&f, t, "/stream"), .events = &stream });
                WAIT_FOR(&f, s.body_bytes > 0);
                unsigned before = UINT32_MAX;
                for (int still = 0; still < 50;) {              /* until nothing moves any more */
                        still = before == f.produced ? still + 1 : 0;
                        before = f.produced;
                        fixture_turn(&f);
                }
                CHECK_INT(f.produced, <, 300);
                CHECK_INT(s.body_bytes, <, 200000);
                CHECK(!f.produce_done);
                http_call_resume(s.call);
                WAIT_FOR(&f, s.calls == 1);
                CHECK_INT(s.result, ==, 0);
                CHECK_INT(s.body_bytes, ==, 400 * sizeof big_piece);
                CHECK(f.produce_done);
                http_client_free(c);
                fixture_done(&f);
        }
}
TEST(a_cancelled_stream_ends_its_producer_and_calls_nobody) {
        struct fixture f;
        fixture_init(&f, config);
        f.produce_max = UINT32_MAX;
        struct http_client *c = client(&f, (struct tls_client_options) { 0 });
        struct seen s = { .f = &f };
        call(c, &s, (struct http_call_spec) { .url = url(&f, TRANSPORT_TCP, "/stream"), .events = &stream });
        WAIT_FOR(&f, s.body_bytes > 1000000);
        http_call_cancel(s.call);
        WAIT_FOR(&f, f.produce_done);
        CHECK_INT(s.calls, ==, 0);
        http_client_free(c);
        fixture_done(&f);
}
TEST(a_body_above_the_cap_is_an_error) {
        struct fixture f;
        fixture_init(&f, config);
        f.produce_max = 3;
        struct http_client *c = client(&f, (struct tls_client_options) { 0 });
        struct seen s = { .f = &f };
        call(c, &s, (struct http_call_spec) { .url = url(&f, TRANSPORT_TCP, "/stream"), .body_max = 2 * sizeof big_piece });
        WAIT_FOR(&f, s.calls == 1);
        CHECK_INT(s.result, ==, -EFBIG);
        CHECK(strstr(s.why, "larger than 131072 bytes"));
        http_client_free(c);
        fixture_done(&f);
}
static void on_writable(struct http_call *c, void *arg) {
        struct seen *s = arg;
        while (s->uploads < 100) {
                int r = http_call_write(c, big_piece, sizeof big_piece);
                if (r < 0)
                        return;
                s->uploads++;
        }
        http_call_write_end(c);
}
static const struct http_call_events uploading = { .on_done = on_done, .on_body = on_body, .on_writable = on_writable };
TEST(an_upload_is_sent_in_chunks_as_there_is_room) {
        for (enum transport t = 0; t < TRANSPORT_MAX; t++) {
                struct fixture f;
                fixture_init(&f, config);
                struct http_client *c = client(&f, (struct tls_client_options) { .insecure = true });
                struct seen s = { .f = &f };
                call(c, &s, (struct http_call_spec) { .method = "POST", .url = url(&f, t, "/echo"), .upload = true, .events = &uploading });
                WAIT_FOR(&f, s.calls == 1);
                CHECK_STR(s.why, ==, "");
                CHECK_INT(s.body_bytes, ==, 100 * sizeof big_piece);
                http_client_free(c);
                fixture_done(&f);
        }
}
static int hijack_data(struct stream *s, const char *p, size_t n, void *arg) {
        sbuf_add(&((struct seen *) arg)->got, p, n);
        return 0;
}
static void hijack_close(struct stream *s, int why, void *arg) { ((struct seen *) arg)->raw_closed = true; }
static const struct stream_events hijacked = { .on_data = hijack_data, .on_close = hijack_close };
static void on_upgrade(struct http_call *c, struct stream *st, void *arg) {
        struct seen *s = arg;
        s->raw = st;
        stream_set_events(st, &hijacked, s);
}
static const struct http_call_events upgrading = { .on_done = on_done, .on_upgrade = on_upgrade };
TEST(an_upgraded_connection_is_a_raw_stream_with_half_close) {
        for (enum transport t = 0; t < TRANSPORT_MAX; t++) {
                struct fixture f;
                fixture_init(&f, config);
                struct http_client *c = client(&f, (struct tls_client_options) { .insecure = true });
                struct seen s = { .f = &f, .got = SBUF(1000) };
                call(c, &s, (struct http_call_spec) {
                        .method = "POST", .url = url(&f, t, "/raw"), .upgrade = "tcp", .body = "{}", .body_len = 2, .events = &upgrading });
                WAIT_FOR(&f, s.calls == 1);
                CHECK_INT(s.status, ==, 101);
                CHECK_INT(stream_write(s.raw, "stdin", 5), ==, 0);
                stream_shutdown(s.raw);
                WAIT_FOR(&f, s.raw_closed);
                CHECK_STR(sbuf_str(&s.got), ==, "stdin[eof]");
                http_client_free(c);
                sbuf_done(&s.got);
                fixture_done(&f);
        }
}
TEST(deadlines_and_unreachable_peers_are_told_apart) {
        struct fixture f;
        fixture_init(&f, config);
        struct http_client *c = client(&f, (struct tls_client_options) { 0 });
        struct seen s = { .f = &f };
        call(c, &s, (struct http_call_spec) { .url = url(&f, TRANSPORT_TCP, "/park"), .first_byte_ms = 30 });
        WAIT_FOR(&f, s.calls == 1);
        CHECK_INT(s.result, ==, -ETIMEDOUT);
        CHECK(strstr(s.why, "no answer in time"));
        WAIT_FOR(&f, f.parked);
        http_reply(f.parked, 200, NULL, 0, NULL, 0);            /* too late, and harmless */
        call(c, &s, (struct http_call_spec) { .url = url(&f, TRANSPORT_TCP, "/park"), .total_ms = 30 });
        WAIT_FOR(&f, s.calls == 2);
        CHECK(strstr(s.why, "no complete answer in time"));
        WAIT_FOR(&f, http_server_connections(f.server) <= 1);
        call(c, &s, (struct http_call_spec) { .url = "http://127.0.0.1:1/" });
        WAIT_FOR(&f, s.calls == 3);
        CHECK(strstr(s.why, "connection refused"));
        call(c, &s, (struct http_call_spec) { .url = "unix:/nonexistent/x:/" });
        WAIT_FOR(&f, s.calls == 4);
        CHECK_INT(s.result, ==, -ENOENT);
        http_client_free(c);
        fixture_done(&f);
}
/* A peer of our own: answers what it is told to, once per connection. */
struct blunt { int listen_fd; unsigned short port; unsigned accepted; int fd; };
static void blunt_open(struct blunt *b) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof a;
        *b = (struct blunt) { .fd = -1, .listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
        CHECK_INT(bind(b->listen_fd, (struct sockaddr *) &a, len), ==, 0);
        CHECK_INT(listen(b->listen_fd, 8), ==, 0);
        CHECK_INT(getsockname(b->listen_fd, (struct sockaddr *) &a, &len), ==, 0);
        b->port = ntohs(a.sin_port);
}
/* Takes a connection, reads until a blank line, writes answer, and keeps the connection in b->fd. */
static bool blunt_serve(struct blunt *b, const char *answer) {
        if (b->fd < 0) {
                b->fd = accept4(b->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                b->accepted += b->fd >= 0;
        }
        char in[4096];
        ssize_t n = b->fd >= 0 ? recv(b->fd, in, sizeof in, 0) : -1;
        if (n <= 0)
                return false;
        return send(b->fd, answer, strlen(answer), MSG_NOSIGNAL) == (ssize_t) strlen(answer);
}
static void blunt_hang_up(struct blunt *b) {
        close(b->fd);
        b->fd = -1;
}
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TEST(a_request_on_a_connection_that_just_died_is_sent_once_more_if_that_is_safe) {
        struct fixture f;
        fixture_init(&f, config);
        struct blunt b;
        blunt_open(&b);
        struct http_client *c = client(&f, (struct tls_client_options) { 0 });
        struct seen s = { .f = &f };
        char u[64];
        snprintf(u, sizeof u, "http://127.0.0.1:%u/", b.port);
        for (int i = 0; i < 2; i++) {
                bool safe = i == 0;
                call(c, &s, (struct http_call_spec) { .url = u });
                WAIT_FOR(&f, blunt_serve(&b, ANSWER));
                WAIT_FOR(&f, s.calls == 1 + 2 * i);
                /* the next request is written to the pooled connection in the turn in which the peer's end becomes visible */
                call(c, &s, (struct http_call_spec) { .url = u, .method = safe ? "GET" : "POST" });
                unsigned accepted = b.accepted;
                WAIT_FOR(&f, ({ char in[1]; recv(b.fd, in, 1, MSG_PEEK) > 0; }));       /* it came on the old one */
                blunt_hang_up(&b);
                if (safe)
                        WAIT_FOR(&f, blunt_serve(&b, ANSWER));
                WAIT_FOR(&f, s.calls == 2 + 2 * i);
                CHECK_INT(s.result == 0, ==, safe);
                CHECK_INT(b.accepted, ==, accepted + (safe ? 1 : 0));
                if (b.fd >= 0)
                        blunt_hang_up(&b);
                for (int k = 0; k < 10; k++)
                        fixture_turn(&f);
        }
        http_client_free(c);
        close(b.listen_fd);
        fixture_done(&f);
}
TEST(odd_answers_are_read_right_or_refused) {
        static const struct { const char *answer; bool hang_up; int result, status; const char *body; } odd[] = {
                { "HTTP/1.1 200 OK\r\n\r\nuntil the end", true, 0, 200, "until the end" },
                { "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 0, 200, "ok" },
                { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 0, 200, "ok" },
                { "HTTP/1.1 204 No Content\r\n\r\n", false, 0, 204, "" },
                { "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, 0, 304, "" },
                { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", true, -EAGAIN, 200, "abc" },
                { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true, -EAGAIN, 200, "abc" },
                { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", true, -EAGAIN, 0, "" },
                { "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", true, -EAGAIN, 0, "" },
                { "SSH-2.0-OpenSSH\r\n", true, -EAGAIN, 0, "" },
                { "", true, -EAGAIN, 0, "" },
        };
        struct fixture f;
        fixture_init(&f, config);
        struct blunt b;
        blunt_open(&b);
        struct http_client *c = client(&f, (struct tls_client_options) { 0 });
        struct seen s = { .f = &f };
        char u[64];
        snprintf(u, sizeof u, "http://127.0.0.1:%u/", b.port);
        for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
                call(c, &s, (struct http_call_spec) { .url = u, .method = "POST" });
                WAIT_FOR(&f, blunt_serve(&b, odd[i].answer));
                if (odd[i].hang_up)
                        blunt_hang_up(&b);
                WAIT_FOR(&f, s.calls == (int) i + 1);
                if (s.result != odd[i].result || s.status != odd[i].status || strcmp(s.body, odd[i].body) != 0) {
                        print_error("answer %zu: %d %d \"%s\" %s\n", i, s.result, s.status, s.body, s.why);
                        fail();
                }
                if (b.fd >= 0)
                        blunt_hang_up(&b);
                for (int k = 0; k < 10; k++)
                        fixture_turn(&f);
        }
        http_client_free(c);
        close(b.listen_fd);
        fixture_done(&f);
}
TEST(credentials_in_the_url_go_out_as_basic) {
        struct fixture f;
        fixture_init(&f, config);
        struct http_client *c = client(&f, (struct tls_client_options) { 0 });
        struct seen s = { .f = &f };
        char u[96];
        snprintf(u, sizeof u, "http://us%%40er:p%%3Aw@127.0.0.1:%u/auth", f.port);
        call(c, &s, (struct http_call_spec) { .url = u });
        WAIT_FOR(&f, s.calls == 1);
        CHECK_STR(s.body, ==, "us@er/p:w");
        struct dr_error err;
        CHECK(!http_call_start(c, &(struct http_call_spec) { .url = "ftp://h/", .events = &collect }, &err));
        CHECK(strstr(err.message, "does not begin with"));
        http_client_free(c);
        fixture_done(&f);
}

/* ---- websocket ---- */

static void on_message(struct ws *w, unsigned opcode, const char *p, size_t n, void *arg) {
        struct seen *s = arg;
        s->messages++;
        sbuf_add(&s->got, p, n);
}
static void on_ws_close(struct ws *w, unsigned code, const char *reason, void *arg) {
        struct seen *s = arg;
        s->ws = NULL;
        s->code = code;
        snprintf(s->reason, sizeof s->reason, "%s", reason);
}
static const struct ws_events ws_events = { .on_message = on_message, .on_close = on_ws_close };
static void on_open(struct ws *w, const struct http_response *res, const struct dr_error *err, void *arg) {
        struct seen *s = arg;
        s->calls++;
        s->ws = w;
        s->status = w ? 101 : res ? res->status : 0;
        snprintf(s->why, sizeof s->why, "%s", err ? err->message : "");
}
TEST(a_websocket_carries_messages_of_any_size_both_ways) {
        for (enum transport t = 0; t < TRANSPORT_MAX; t++) {
                struct fixture f;
                fixture_init(&f, config);
                struct http_client *c = client(&f, (struct tls_client_options) { .insecure = true });
                struct seen s = { .f = &f, .got = SBUF(32 << 20) };
                struct ws_connect_spec spec = {
                        .url = url(&f, t, "/ws"), .user = "u", .password = "p", .protocol = "v1", .options.message_max = 8 << 20,
                        .events = &ws_events, .on_open = on_open, .arg = &s };
                struct dr_error err;
                CHECK(http_client_websocket(c, &spec, &err));
                WAIT_FOR(&f, s.calls == 1);
                CHECK_STR(s.why, ==, "");
                static const size_t sizes[] = { 0, 1, 7, 125, 126, 127, 65535, 65536, 300000, 2000000 };
                for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                        auto_free char *data = dr_xmalloc(sizes[i] + 1);
                        for (size_t k = 0; k < sizes[i]; k++)
                                data[k] = (char) ('a' + (k * 7 + i) % 26);
                        sbuf_reset(&s.got);
                        CHECK_INT(ws_send(s.ws, i % 2 ? WS_TEXT : WS_BINARY, data, sizes[i]), ==, 0);
                        WAIT_FOR(&f, s.messages == i + 1);
                        CHECK_INT(s.got.len, ==, sizes[i]);
                        CHECK(memcmp(sbuf_str(&s.got), data, sizes[i]) == 0);
                }
                CHECK_INT(ws_send_text(s.ws, "bye!"), ==, 0);
                WAIT_FOR(&f, !s.ws && !f.ws);
                CHECK_INT(s.code, ==, 4001);
                CHECK_STR(s.reason, ==, "as asked");
                CHECK_INT(f.ws_code, ==, 4001);
                http_client_free(c);
                sbuf_done(&s.got);
                fixture_done(&f);
        }
}
TEST(a_refused_websocket_tells_status_and_reason) {
        struct fixture f;
        fixture_init(&f, config);
        struct http_client *c = client(&f, (struct tls_client_options) { 0 });
        struct seen s = { .f = &f };
        struct ws_connect_spec spec = { .url = url(&f, TRANSPORT_TCP, "/nowhere"), .events = &ws_events, .on_open = on_open, .arg = &s };
        struct dr_error err;
        CHECK(http_client_websocket(c, &spec, &err));
        WAIT_FOR(&f, s.calls == 1);
        CHECK(!s.ws);
        CHECK_INT(s.status, ==, 404);
        CHECK(strstr(s.why, "404 Not Found"));
        struct http_call *call2 = http_client_websocket(c, &spec, &err);
        CHECK(call2);
        http_call_cancel(call2);
        http_client_free(c);
        fixture_done(&f);
}
TEST_MAIN("net/client")
