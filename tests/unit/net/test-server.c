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
TEST_MAIN("net/server")
