#include "fixture.h"

static void reply_later(void *arg) {
        struct fixture *f = arg;
        struct http_request *req = dr_take(f->parked);
        http_reply(req, 200, NULL, 0, "later", 5);
}

static int produce(struct http_request *req, void *arg) {
        struct fixture *f = arg;
        if (f->produced == f->produce_max)
                return HTTP_STREAM_END;
        static const char piece[65536];
        f->produced++;
        return http_stream_write(req, piece, f->produce_max > 10 ? sizeof piece : 4) < 0 ? -1 : 1;
}
static void produce_done(void *arg) { ((struct fixture *) arg)->produce_done = true; }
static const struct http_producer producer = { .produce = produce, .done = produce_done };

static int raw_data(struct stream *s, const char *p, size_t n, void *arg) {
        struct fixture *f = arg;
        sbuf_add(&f->got, p, n);
        return stream_write(s, p, n);
}
static void raw_close(struct stream *s, int why, void *arg) { ((struct fixture *) arg)->raw = NULL; }
static const struct stream_events raw_events = { .on_data = raw_data, .on_close = raw_close };

static void on_abort(struct http_request *req) {
        struct fixture *f = req->user;
        f->aborted++;
        if (f->parked == req)
                f->parked = NULL;
}

static int count_body(struct http_request *req, const char *p, size_t n) {
        struct fixture *f = req->user;
        f->produced += (unsigned) n;
        return 0;
}

static void on_head(struct http_request *req, void *arg) {
        req->user = arg;
        if (str_eq(req->raw_path, "/early"))
                http_reply(req, 401, NULL, 0, "no", 2);
        else if (str_eq(req->raw_path, "/small"))
                req->body_max = 4;
        else if (str_eq(req->raw_path, "/count"))
                req->on_body = count_body;
}

static void handler(struct http_request *req, void *arg) {
        struct fixture *f = arg;
        f->handled++;
        struct http_header text = { "Content-Type", "text/plain" };
        const char *seg = req->path.n ? req->path.seg[0] : "";
        if (str_eq(seg, "hello")) {
                http_reply(req, 200, &text, 1, "hello", 5);
        } else if (str_eq(seg, "echo")) {
                http_reply(req, 200, NULL, 0, req->body, req->body_len);
        } else if (str_eq(seg, "later")) {
                f->parked = req;
                loop_defer(f->loop, reply_later, f);
        } else if (str_eq(seg, "park")) {
                f->parked = req;
                req->on_abort = on_abort;
                req->user = f;
                req->abort_on_eof = req->raw_query != NULL;
        } else if (str_eq(seg, "none")) {
                http_reply(req, 204, NULL, 0, NULL, 0);
        } else if (str_eq(seg, "stream")) {
                http_reply_stream(req, 200, NULL, 0, -1, &producer, f);
        } else if (str_eq(seg, "sized")) {
                http_reply_stream(req, 200, NULL, 0, 8, &producer, f);
        } else if (str_eq(seg, "raw")) {
                f->raw = http_upgrade_raw(req, "tcp", &raw_events, f);
        } else if (str_eq(seg, "count")) {
                char b[32];
                http_reply(req, 200, NULL, 0, b, (size_t) snprintf(b, sizeof b, "%u", f->produced));
        } else if (str_eq(seg, "path")) {
                auto_sbuf struct sbuf b = SBUF(4096);
                for (size_t i = 0; i < req->path.n; i++)
                        sbuf_printf(&b, "[%s]", req->path.seg[i]);
                for (size_t i = 0; i < req->query.n; i++)
                        sbuf_printf(&b, "(%s=%s)", req->query.v[i].name, req->query.v[i].value);
                http_reply(req, 200, NULL, 0, b.data, b.len);
        } else if (str_eq(seg, "header")) {
                const char *v = http_headers_get(&req->headers, str_or(http_query_get(&req->query, "name"), "x"));
                http_reply(req, 200, NULL, 0, str_or(v, "-"), strlen(str_or(v, "-")));
        } else if (req->verb == VERB_OTHER) {
                http_reply_error(req, 405, NULL);
        } else {
                http_reply_error(req, 404, NULL);
        }
}

static const struct http_server_config config = { .handler = handler, .on_head = on_head };

#define H "Host: h\r\n"
#define OK5(body) "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" body
#define HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
#define HELLO_CLOSE "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
#define REFUSED(status, text) "HTTP/1.1 " #status " " text "\r\nContent-Type: application/json\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{\"status\":" #status "}"
#define ERROR(status, text) "HTTP/1.1 " #status " " text "\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"status\":" #status "}"

static const struct row { const char *name, *in, *out; } rows[] = {
        { "get", "GET /hello HTTP/1.1\r\n" H "\r\n", HELLO },
        { "two gets", "GET /hello HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n", HELLO HELLO },
        { "head", "HEAD /hello HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n" },
        { "close", "GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\nGET /hello HTTP/1.1\r\n" H "\r\n", HELLO_CLOSE },
        { "post", "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde", OK5("abcde") },
        { "get post get", "GET /hello HTTP/1.1\r\n" H "\r\nPOST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcdeGET /hello HTTP/1.1\r\n" H "\r\n",
          HELLO OK5("abcde") HELLO },
        { "chunked", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2;x=1\r\nab\r\n3\r\ncde\r\n0\r\nTrailer: x\r\n\r\n", OK5("abcde") },
        { "later", "GET /later HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n", OK5("later") HELLO },
        { "later later", "GET /later HTTP/1.1\r\n" H "\r\nGET /later HTTP/1.1\r\n" H "\r\n", OK5("later") OK5("later") },
        { "204", "GET /none HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 204 No Content\r\n\r\n" HELLO },
        { "stream", "GET /stream HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n____\r\n4\r\n____\r\n0\r\n\r\n" HELLO },
        { "stream 1.0", "GET /stream HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n________" },
        { "stream head", "HEAD /stream HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" HELLO },
        { "sized", "GET /sized HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n________" HELLO },
        { "1.0", "GET /hello HTTP/1.0\r\n\r\nGET /hello HTTP/1.0\r\n\r\n", HELLO_CLOSE },
        { "1.0 keep", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello" },
        { "continue", "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nabcde", "HTTP/1.1 100 Continue\r\n\r\n" OK5("abcde") },
        { "other expectation", "POST /echo HTTP/1.1\r\n" H "Expect: x\r\nContent-Length: 5\r\n\r\nabcde", REFUSED(417, "Expectation Failed") },
        { "early", "POST /early HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde",
          "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno" },
        { "early without body", "GET /early HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n",
          "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno" HELLO },
        { "small", "POST /small HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde", REFUSED(413, "Payload Too Large") },
        { "small chunked", "POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", REFUSED(413, "Payload Too Large") },
        { "large", "POST /echo HTTP/1.1\r\n" H "Content-Length: 8388609\r\n\r\n", REFUSED(413, "Payload Too Large") },
        { "streamed in", "POST /count HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n5" },
        { "length and encoding", "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nabcde", REFUSED(400, "Bad Request") },
        { "two lengths", "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", REFUSED(400, "Bad Request") },
        { "negative length", "POST /echo HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", REFUSED(400, "Bad Request") },
        { "signed length", "POST /echo HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde", REFUSED(400, "Bad Request") },
        { "length twice in one", "POST /echo HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nabcde", REFUSED(400, "Bad Request") },
        { "length overflow", "POST /echo HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", REFUSED(400, "Bad Request") },
        { "encoding xchunked", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", REFUSED(501, "Not Implemented") },
        { "encoding identity, chunked", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", REFUSED(501, "Not Implemented") },
        { "unknown method", "BREW /hello HTTP/1.1\r\n" H "\r\n", REFUSED(501, "Not Implemented") },
        { "http/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED(501, "Not Implemented") },
        { "connect", "CONNECT h:1 HTTP/1.1\r\n" H "\r\n",
          "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
          "Content-Length: 14\r\nConnection: close\r\n\r\n{\"status\":405}" },
        { "method without route", "MKCOL /x HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n",
          "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
          "Content-Length: 14\r\n\r\n{\"status\":405}" HELLO },
        { "options star", "OPTIONS * HTTP/1.1\r\n" H "\r\n", ERROR(404, "Not Found") },
        { "version 9.9", "GET /hello HTTP/9.9\r\n" H "\r\n", REFUSED(505, "HTTP Version Not Supported") },
        { "no host", "GET /hello HTTP/1.1\r\n\r\n", REFUSED(400, "Bad Request") },
        { "two hosts", "GET /hello HTTP/1.1\r\n" H H "\r\n", REFUSED(400, "Bad Request") },
        { "space before colon", "POST /echo HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nabcde", REFUSED(400, "Bad Request") },
        { "folded", "GET /header?name=x HTTP/1.1\r\n" H "X: a\r\n  b\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na  b" },
        { "cookies", "GET /header?name=cookie HTTP/1.1\r\n" H "Cookie: a=1\r\nCookie: b=2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\na=1; b=2" },
        { "empty header", "GET /header?name=x HTTP/1.1\r\n" H "X:\r\nY: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
        { "bare LF", "GET /hello HTTP/1.1\nHost: h\n\n", HELLO },
        { "bare CR in value", "GET /hello HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", REFUSED(400, "Bad Request") },
        { "space in target", "GET /a b HTTP/1.1\r\n" H "\r\n", REFUSED(400, "Bad Request") },
        { "nul escape", "GET /a%00b HTTP/1.1\r\n" H "\r\n", REFUSED(400, "Bad Request") },
        { "bad escape", "GET /a%zz HTTP/1.1\r\n" H "\r\n", REFUSED(400, "Bad Request") },
        { "bad escape in query", "GET /a?x=%1 HTTP/1.1\r\n" H "\r\n", REFUSED(400, "Bad Request") },
        { "escaped slash", "GET /path/a%2Fb/..%2f../%41//?a=1&a=+2&b HTTP/1.1\r\n" H "\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n[path][a/b][../..][A][][](a=1)(a= 2)(b=)" },
        { "absolute target", "GET http://h/hello?x=1 HTTP/1.1\r\n" H "\r\n", HELLO },
        { "unwanted upgrade", "GET /hello HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /hello HTTP/1.1\r\n" H "\r\n", HELLO HELLO },
        { "unwanted upgrade with body", "POST /echo HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nabcdeGET /hello HTTP/1.1\r\n" H "\r\n",
          OK5("abcde") HELLO },
        { "body on get", "GET /hello HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabcGET /hello HTTP/1.1\r\n" H "\r\n", HELLO HELLO },
        { "raw", "POST /raw HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nbytes behind",
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\nbytes behind" },
        { "nothing", "", "" },
        { "half a head", "GET /hello HT", "" },
        { "half a body", "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabc", "" },
};

static void run_row(struct fixture *f, const struct row *row, enum transport t, size_t cut, bool bytewise) {
        struct peer p = peer_open(f, t);
        size_t n = strlen(row->in);
        f->produced = 0;
        f->produce_max = 2;
        if (bytewise) {
                for (size_t i = 0; i < n; i++) {
                        peer_send(f, &p, row->in + i, 1);
                        fixture_turn(f);
                        fixture_turn(f);
                }
        } else {
                peer_send(f, &p, row->in, cut);
                fixture_turn(f);
                fixture_turn(f);
                if (cut < n)
                        peer_send(f, &p, row->in + cut, n - cut);
        }
        peer_shutdown(&p);
        peer_wait_eof(f, &p);
        for (size_t i = 0; i < p.in.len; i++)
                if (!p.in.data[i])
                        p.in.data[i] = '_';
        strip_dates(&p.in);
        if (strcmp(sbuf_str(&p.in), row->out) != 0) {
                print_error("row \"%s\", transport %d, cut at %zu of %zu%s\nwanted <%s>\ngot    <%s>\n", row->name, t, cut, n, bytewise ? " bytewise" : "",
                            row->out, sbuf_str(&p.in));
                fail();
        }
        peer_close(&p);
        WAIT_FOR(f, http_server_connections(f->server) == 0);
}

TEST(each_request_gets_its_exact_answer_on_every_transport_whole_and_bytewise) {
        struct fixture f;
        fixture_init(&f, config);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (enum transport t = 0; t < TRANSPORT_MAX; t++) {
                        run_row(&f, &rows[i], t, strlen(rows[i].in), false);
                        run_row(&f, &rows[i], t, 0, true);
                }
        fixture_done(&f);
}
TEST(the_place_where_a_request_is_cut_changes_nothing) {
        struct fixture f;
        fixture_init(&f, config);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (size_t cut = 1; cut < strlen(rows[i].in); cut++)
                        run_row(&f, &rows[i], TRANSPORT_UNIX, cut, false);
        fixture_done(&f);
}

/* ---- sequences ---- */

static const struct { const char *in, *out; bool close; } kinds[] = {
        { "GET /hello HTTP/1.1\r\n" H "\r\n", HELLO, false },
        { "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde", OK5("abcde"), false },
        { "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nConnection: close\r\n\r\nabcde",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde", true },
        { "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nvwxyz\r\n0\r\n\r\n", OK5("vwxyz"), false },
        { "HEAD /hello HTTP/1.1\r\n" H "\r\n", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n", false },
        { "GET /later HTTP/1.1\r\n" H "\r\n", OK5("later"), false },
};

TEST(every_sequence_of_up_to_four_requests_in_one_write_gets_one_answer_each_and_the_loop_rests) {
        struct fixture f;
        fixture_init(&f, config);
        size_t total = 1;
        for (unsigned len = 1; len <= 4; len++) {
                total *= ARRAY_LEN(kinds);
                for (size_t code = 0; code < total; code++) {
                        auto_sbuf struct sbuf in = SBUF(4096), want = SBUF(4096);
                        bool closed = false;
                        unsigned answers = 0;
                        size_t rest = code;
                        for (unsigned i = 0; i < len; i++, rest /= ARRAY_LEN(kinds)) {
                                unsigned k = (unsigned) (rest % ARRAY_LEN(kinds));
                                sbuf_puts(&in, kinds[k].in);
                                if (!closed) {
                                        sbuf_puts(&want, kinds[k].out);
                                        answers++;
                                }
                                closed = closed || kinds[k].close;
                        }
                        f.handled = 0;
                        struct peer p = peer_open(&f, TRANSPORT_UNIX);
                        peer_send(&f, &p, in.data, in.len);
                        PEER_WAIT(&f, &p, (strip_dates(&p.in), p.in.len >= want.len));
                        CHECK_STR(sbuf_str(&p.in), ==, sbuf_str(&want));
                        CHECK_INT(f.handled, ==, answers);
                        CHECK(!f.parked);
                        peer_shutdown(&p);
                        peer_wait_eof(&f, &p);
                        CHECK_STR(sbuf_str(&p.in), ==, sbuf_str(&want));
                        peer_close(&p);
                }
        }
        fixture_done(&f);
}

static unsigned turns;
static void count_turn(void *arg) { turns++; }
static void set_flag(void *arg) { *(bool *) arg = true; }

TEST(an_answered_connection_leaves_the_loop_asleep) {
        struct fixture f;
        fixture_init(&f, config);
        struct peer p = peer_open(&f, TRANSPORT_TCP);
        const char *in = "GET /hello HTTP/1.1\r\n" H "\r\nPOST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcdeGET /later HTTP/1.1\r\n" H "\r\n";
        peer_send(&f, &p, in, strlen(in));
        PEER_WAIT(&f, &p, p.in.data && strstr(p.in.data, "\r\n\r\nlater"));
        turns = 0;
        struct turn_hook *h = turn_hook_new(f.loop, count_turn, NULL);
        bool fired = false;
        struct timer *t = timer_new(f.loop, set_flag, &fired);
        timer_start(t, 600);
        while (!fired)
                loop_turn(f.loop, true);
        CHECK_INT(turns, <, 20);                /* the sweep's four per second, and no spinning */
        timer_free(t);
        turn_hook_free(h);
        peer_close(&p);
        fixture_done(&f);
}

/* ---- limits ---- */

static void expect_refusal(struct fixture *f, const char *in, size_t n, const char *status_line) {
        struct peer p = peer_open(f, TRANSPORT_TCP);
        peer_send(f, &p, in, n);
        peer_wait_eof(f, &p);
        if (!p.in.data || !str_starts(p.in.data, status_line)) {
                print_error("wanted %s, got %.60s\n", status_line, sbuf_str(&p.in));
                fail();
        }
        CHECK(!p.reset);                        /* the answer was not lost to a reset */
        peer_close(&p);
}

TEST(heads_above_the_limits_are_refused_and_those_at_the_limit_are_not) {
        struct fixture f;
        fixture_init(&f, config);
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        for (int over = 0; over < 2; over++) {
                sbuf_reset(&b);
                sbuf_puts(&b, "GET /");
                for (int i = 0; i < HTTP_TARGET_BYTES_MAX - 1 + over; i++)
                        sbuf_putc(&b, 'a');
                sbuf_puts(&b, " HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
                expect_refusal(&f, b.data, b.len, over ? "HTTP/1.1 414 " : "HTTP/1.1 404 ");

                sbuf_reset(&b);
                sbuf_puts(&b, "GET / HTTP/1.1\r\n" H "Connection: close\r\n");
                for (int i = 0; i < HTTP_HEADERS_MAX - 2 + over; i++)
                        sbuf_printf(&b, "X-%d: y\r\n", i);
                sbuf_puts(&b, "\r\n");
                expect_refusal(&f, b.data, b.len, over ? "HTTP/1.1 431 " : "HTTP/1.1 404 ");

                sbuf_reset(&b);
                sbuf_puts(&b, "GET / HTTP/1.1\r\n" H "Connection: close\r\nX: ");
                size_t counted = strlen("/") + strlen("Hosth") + strlen("Connectionclose") + strlen("X");
                for (size_t i = counted; i < HTTP_HEAD_BYTES_MAX + (size_t) over; i++)
                        sbuf_putc(&b, 'v');
                sbuf_puts(&b, "\r\n\r\n");
                expect_refusal(&f, b.data, b.len, over ? "HTTP/1.1 431 " : "HTTP/1.1 404 ");
        }
        fixture_done(&f);
}
TEST(a_refused_upload_gets_its_answer_although_the_client_goes_on_sending) {
        struct fixture f;
        fixture_init(&f, config);
        auto_sbuf struct sbuf b = SBUF(32 << 20);
        sbuf_puts(&b, "POST /early HTTP/1.1\r\n" H "Content-Length: 8000000\r\n\r\n");
        for (int i = 0; i < 1000000; i++)
                sbuf_add(&b, "abcdefgh", 8);
        struct peer p = peer_open(&f, TRANSPORT_TCP);
        peer_send(&f, &p, b.data, b.len);
        PEER_WAIT(&f, &p, p.in.data && strstr(p.in.data, "\r\n\r\nno"));
        peer_close(&p);
        fixture_done(&f);
}
TEST(slow_heads_slow_bodies_and_idle_connections_end_in_time) {
        struct http_server_config c = config;
        c.head_ms = 300;
        c.body_ms = 300;
        c.idle_ms = 300;
        struct fixture f;
        fixture_init(&f, c);
        const char *head = "GET /hello HT", *body = "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nab", *idle = "GET /hello HTTP/1.1\r\n" H "\r\n";
        expect_refusal(&f, head, strlen(head), "HTTP/1.1 408 ");
        expect_refusal(&f, body, strlen(body), "HTTP/1.1 408 ");
        expect_refusal(&f, idle, strlen(idle), "HTTP/1.1 200 ");        /* then it ends */
        struct peer p = peer_open(&f, TRANSPORT_TCP);
        peer_wait_eof(&f, &p);
        CHECK_INT(p.in.len, ==, 0);
        peer_close(&p);
        fixture_done(&f);
}
TEST(one_address_has_a_limited_number_of_connections_and_the_rest_are_closed) {
        struct http_server_config c = config;
        c.per_address_max = 3;
        struct fixture f;
        fixture_init(&f, c);
        struct peer p[4];
        for (int i = 0; i < 3; i++)
                p[i] = peer_open(&f, TRANSPORT_TCP);
        WAIT_FOR(&f, http_server_connections(f.server) == 3);
        p[3] = peer_open(&f, TRANSPORT_TCP);
        peer_wait_eof(&f, &p[3]);
        struct peer u = peer_open(&f, TRANSPORT_UNIX);
        peer_send(&f, &u, kinds[0].in, strlen(kinds[0].in));
        PEER_WAIT(&f, &u, u.in.len > 0);
        peer_close(&u);
        peer_close(&p[0]);
        WAIT_FOR(&f, http_server_connections(f.server) == 2);
        peer_close(&p[3]);
        p[3] = peer_open(&f, TRANSPORT_TCP);
        peer_send(&f, &p[3], kinds[0].in, strlen(kinds[0].in));
        PEER_WAIT(&f, &p[3], p[3].in.len > 0);
        for (int i = 1; i < 4; i++)
                peer_close(&p[i]);
        fixture_done(&f);
}

/* ---- back-pressure, leaving ---- */

TEST(a_client_that_pipelines_and_never_reads_is_stopped_and_loses_nothing) {
        struct fixture f;
        fixture_init(&f, config);
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        sbuf_puts(&b, "POST /echo HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n");
        for (int i = 0; i < 12500; i++)
                sbuf_add(&b, "abcdefgh", 8);
        struct peer p = peer_open(&f, TRANSPORT_UNIX);
        size_t sent = 0, all = b.len * 100;
        unsigned still = 0;
        while (still < 200 && sent < all) {             /* writes without reading until nothing moves */
                ssize_t k = send(p.fd, b.data + sent % b.len, b.len - sent % b.len, MSG_NOSIGNAL);
                still = k > 0 ? 0 : still + 1;
                sent += k > 0 ? (size_t) k : 0;
                fixture_turn(&f);
        }
        CHECK_INT(sent, <, all);
        CHECK_INT(f.handled, <, 30);
        while (sent < all) {
                ssize_t k = send(p.fd, b.data + sent % b.len, b.len - sent % b.len, MSG_NOSIGNAL);
                sent += k > 0 ? (size_t) k : 0;
                fixture_turn(&f);
                peer_read(&p);
        }
        PEER_WAIT(&f, &p, f.handled == 100 && p.in.len > 100 * 100000);
        peer_shutdown(&p);
        peer_wait_eof(&f, &p);
        CHECK(!p.reset);
        peer_close(&p);
        fixture_done(&f);
}
TEST(a_streamed_answer_waits_for_a_slow_reader_and_ends_when_it_takes_nothing) {
        struct http_server_config c = config;
        c.stall_ms = 400;
        struct fixture f;
        fixture_init(&f, c);
        f.produce_max = 10000;
        struct peer p = peer_open(&f, TRANSPORT_UNIX);
        const char *in = "GET /stream HTTP/1.1\r\n" H "\r\n";
        peer_send(&f, &p, in, strlen(in));
        WAIT_FOR(&f, f.produced > 0);
        WAIT_FOR(&f, f.produce_done);                   /* nothing was read: the stall limit ended it */
        CHECK_INT(f.produced, <, 20);
        peer_close(&p);
        fixture_done(&f);
}
TEST(a_half_closed_client_still_gets_its_late_answer) {
        struct fixture f;
        fixture_init(&f, config);
        struct peer p = peer_open(&f, TRANSPORT_TCP);
        const char *in = "GET /park HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n";
        peer_send(&f, &p, in, strlen(in));
        peer_shutdown(&p);
        WAIT_FOR(&f, f.parked);
        for (int i = 0; i < 10; i++)
                fixture_turn(&f);
        CHECK_INT(f.aborted, ==, 0);
        http_reply(dr_take(f.parked), 200, NULL, 0, "parked", 6);
        peer_wait_eof(&f, &p);
        CHECK(strstr(p.in.data, "parked"));
        CHECK(strstr(p.in.data, "hello"));
        peer_close(&p);
        fixture_done(&f);
}
TEST(a_client_that_resets_or_leaves_a_long_poll_aborts_its_request) {
        struct fixture f;
        fixture_init(&f, config);
        for (int reset = 0; reset < 2; reset++) {
                struct peer p = peer_open(&f, TRANSPORT_TCP);
                const char *in = reset ? "GET /park HTTP/1.1\r\n" H "\r\n" : "GET /park?eof HTTP/1.1\r\n" H "\r\n";
                peer_send(&f, &p, in, strlen(in));
                WAIT_FOR(&f, f.parked);
                struct linger l = { .l_onoff = 1 };
                if (reset)
                        setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
                peer_close(&p);
                WAIT_FOR(&f, f.aborted == (unsigned) reset + 1);
                CHECK(!f.parked);
        }
        fixture_done(&f);
}
TEST(a_reset_at_any_byte_leaves_nothing_behind) {
        struct fixture f;
        fixture_init(&f, config);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (size_t cut = 1; cut <= strlen(rows[i].in); cut += 3) {
                        f.produce_max = 2;
                        f.produced = 0;
                        struct peer p = peer_open(&f, TRANSPORT_TCP);
                        peer_send(&f, &p, rows[i].in, cut);
                        fixture_turn(&f);
                        struct linger l = { .l_onoff = 1 };
                        setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
                        peer_close(&p);
                        WAIT_FOR(&f, http_server_connections(f.server) == 0);
                }
        fixture_done(&f);
}
TEST(draining_answers_what_runs_closes_what_is_idle_and_then_tells) {
        struct fixture f;
        fixture_init(&f, config);
        struct peer idle = peer_open(&f, TRANSPORT_TCP), busy = peer_open(&f, TRANSPORT_UNIX);
        const char *in = "GET /park HTTP/1.1\r\n" H "\r\n";
        peer_send(&f, &busy, in, strlen(in));
        WAIT_FOR(&f, f.parked && http_server_connections(f.server) == 2);
        bool drained = false;
        http_server_drain(f.server, 0, set_flag, &drained);
        peer_wait_eof(&f, &idle);
        CHECK(!drained);
        http_reply(dr_take(f.parked), 200, NULL, 0, "parked", 6);
        peer_wait_eof(&f, &busy);
        CHECK(strstr(busy.in.data, "Connection: close\r\n\r\nparked"));
        peer_close(&idle);
        peer_close(&busy);
        WAIT_FOR(&f, drained);
        CHECK_INT(http_server_connections(f.server), ==, 0);
        fixture_done(&f);
}
TEST(a_unix_listener_replaces_a_stale_file_but_not_a_live_one_or_another_kind) {
        struct fixture f;
        fixture_init(&f, config);
        struct dr_error err;
        CHECK_INT(http_server_listen_unix(f.server, f.socket, 0600, &err), ==, -EBUSY);
        struct stat st;
        CHECK_INT(stat(f.socket, &st), ==, 0);
        CHECK_INT(st.st_mode & 0777, ==, 0600);
        char path[128];
        snprintf(path, sizeof path, "%s/stale", f.dir);
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK_INT(bind(fd, (struct sockaddr *) &a, sizeof a), ==, 0);
        close(fd);
        CHECK_OK(http_server_listen_unix(f.server, path, 0660, &err), &err);
        CHECK_INT(http_server_listen_unix(f.server, f.dir, 0600, &err), ==, -EEXIST);
        CHECK_INT(http_server_listen_tcp(f.server, "127.0.0.1", f.port, NULL, NULL, &err), ==, -EBUSY);
        CHECK_INT(http_server_listen_tcp(f.server, "localhost", 0, NULL, NULL, &err), ==, -EINVAL);
        fixture_done(&f);
}
TEST_MAIN("net/server")
