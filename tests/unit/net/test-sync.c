#include <fcntl.h>
#include <pthread.h>

#include "check.h"
#include "net/http_server.h"
#include "net/http_sync.h"

/* ---- a server on a thread of its own ---- */

static struct loop *loop;
static struct http_server *server;
static char base[64];
static pthread_t thread;

static void on_message(struct ws *w, unsigned opcode, const char *p, size_t n, void *arg) {
        if (n == 4 && memcmp(p, "bye!", 4) == 0)
                ws_close(w, 4001, "as asked");
        else
                (void) ws_send(w, opcode, p, n);
}
static const struct ws_events ws_events = { .on_message = on_message };

static int produce(struct http_request *req, void *arg) {
        for (int i = 0; i < 100; i++)
                if (http_stream_write(req, "0123456789", 10) < 0)
                        return -1;
        return HTTP_STREAM_END;
}
static const struct http_producer producer = { .produce = produce };

static void handler(struct http_request *req, void *arg) {
        const char *seg = req->path.n ? req->path.seg[0] : "";
        if (str_eq(seg, "echo"))
                http_reply(req, 200, NULL, 0, req->body, req->body_len);
        else if (str_eq(seg, "stream"))
                http_reply_stream(req, 200, NULL, 0, -1, &producer, NULL);
        else if (str_eq(seg, "ws"))
                http_upgrade_websocket(req, NULL, NULL, &ws_events, NULL);
        else if (!str_eq(seg, "hang"))
                http_reply_error(req, 404, "nothing here");
}
static void stop(void *arg) { loop_stop(loop); }
static void *serve(void *arg) {
        loop_run(loop);
        http_server_free(server);
        loop_free(loop);
        return NULL;
}
static void begin(void) {
        struct dr_error err;
        unsigned short port;
        loop = loop_new();
        server = http_server_new(loop, &(struct http_server_config) { .handler = handler });
        CHECK_OK(http_server_listen_tcp(server, "127.0.0.1", 0, NULL, &port, &err), &err);
        snprintf(base, sizeof base, "http://127.0.0.1:%u", port);
        pthread_create(&thread, NULL, serve, NULL);
}
static void end(void) {
        loop_post(loop, stop, NULL);
        pthread_join(thread, NULL);
}
static char url_buf[128];
static const char *url(const char *path) {
        snprintf(url_buf, sizeof url_buf, "%s%s", base, path);
        return url_buf;
}

TEST(a_blocking_call_gives_status_headers_and_body) {
        begin();
        struct dr_error err;
        struct http_sync *s;
        struct http_response r;
        CHECK_OK(http_sync_new(NULL, &s, &err), &err);
        for (int i = 0; i < 3; i++) {
                CHECK_OK(http_sync_call(s, &(struct http_call_spec) { .method = "POST", .url = url("/echo"), .body = "abc", .body_len = 3 }, &r, &err), &err);
                CHECK_INT(r.status, ==, 200);
                CHECK_STR(r.body, ==, "abc");
                CHECK_STR(http_headers_get(&r.headers, "content-length"), ==, "3");
                http_response_done(&r);
        }
        CHECK_OK(http_sync_call(s, &(struct http_call_spec) { .url = url("/x") }, &r, &err), &err);
        CHECK_INT(r.status, ==, 404);
        CHECK_STR(r.body, ==, "nothing here\n");
        http_response_done(&r);
        CHECK_INT(http_sync_call(s, &(struct http_call_spec) { .url = url("/hang"), .total_ms = 50 }, &r, &err), ==, -ETIMEDOUT);
        CHECK_INT(http_sync_call(s, &(struct http_call_spec) { .url = url("/stream"), .body_max = 10 }, &r, &err), ==, -EFBIG);
        CHECK_INT(http_sync_call(s, &(struct http_call_spec) { .url = "nonsense" }, &r, &err), ==, -EINVAL);
        CHECK_INT(http_sync_call(s, &(struct http_call_spec) { .url = "http://127.0.0.1:1/" }, &r, &err), <, 0);
        CHECK(strstr(err.message, "could not GET \"/\" at \"127.0.0.1:1\": connection refused"));
        http_sync_free(s);
        end();
}
static int add(const char *p, size_t n, void *arg) {
        *(size_t *) arg += n;
        return 0;
}
static int break_off(const char *p, size_t n, void *arg) { return -ECANCELED; }
TEST(a_blocking_stream_gives_pieces_and_can_be_broken_off) {
        begin();
        struct dr_error err;
        struct http_sync *s;
        struct http_response r;
        size_t got = 0;
        CHECK_OK(http_sync_new(NULL, &s, &err), &err);
        CHECK_OK(http_sync_stream(s, &(struct http_call_spec) { .url = url("/stream") }, add, &got, &r, &err), &err);
        CHECK_INT(got, ==, 1000);
        CHECK(!r.body);
        http_response_done(&r);
        CHECK_INT(http_sync_stream(s, &(struct http_call_spec) { .url = url("/stream") }, break_off, NULL, &r, &err), ==, -ECANCELED);
        got = 0;
        CHECK_OK(http_sync_stream(s, &(struct http_call_spec) { .url = url("/stream") }, add, &got, &r, &err), &err);
        CHECK_INT(got, ==, 1000);
        http_response_done(&r);
        http_sync_free(s);
        end();
}
TEST(a_blocking_websocket_sends_waits_and_tells_how_it_was_closed) {
        begin();
        struct dr_error err;
        struct http_sync *s;
        struct ws_sync *w;
        int status = 0;
        CHECK_OK(http_sync_new(NULL, &s, &err), &err);
        CHECK_INT(ws_sync_connect(s, &(struct ws_connect_spec) { .url = url("/nowhere") }, &w, &status, &err), <, 0);
        CHECK_INT(status, ==, 404);
        CHECK_OK(ws_sync_connect(s, &(struct ws_connect_spec) { .url = url("/ws") }, &w, &status, &err), &err);
        CHECK_INT(status, ==, 101);
        char *p;
        size_t n;
        unsigned opcode;
        CHECK_INT(ws_sync_next(w, 10, &opcode, &p, &n, &err), ==, 0);
        CHECK_OK(ws_sync_send(w, WS_TEXT, "one", 3, &err), &err);
        CHECK_OK(ws_sync_send(w, WS_BINARY, "two", 3, &err), &err);
        CHECK_INT(ws_sync_next(w, 20000, &opcode, &p, &n, &err), ==, 1);
        CHECK_STR(p, ==, "one");
        CHECK_INT(opcode, ==, WS_TEXT);
        free(p);
        CHECK_INT(ws_sync_next(w, UINT64_MAX, &opcode, &p, &n, &err), ==, 1);
        CHECK_STR(p, ==, "two");
        CHECK_INT(n, ==, 3);
        free(p);
        int fds[2];
        CHECK_INT(pipe2(fds, O_CLOEXEC), ==, 0);
        ws_sync_watch_fd(w, fds[0]);
        CHECK_INT(write(fds[1], "x", 1), ==, 1);
        CHECK_INT(ws_sync_next(w, UINT64_MAX, &opcode, &p, &n, &err), ==, 0);      /* the descriptor is readable */
        ws_sync_watch_fd(w, -1);
        close(fds[0]);
        close(fds[1]);
        CHECK_OK(ws_sync_send(w, WS_TEXT, "bye!", 4, &err), &err);
        CHECK_INT(ws_sync_next(w, 20000, &opcode, &p, &n, &err), <, 0);
        CHECK_STR(err.message, ==, "websocket closed with 4001: as asked");
        CHECK_INT(ws_sync_send(w, WS_TEXT, "x", 1, &err), <, 0);
        ws_sync_free(w);
        CHECK_OK(ws_sync_connect(s, &(struct ws_connect_spec) { .url = url("/ws") }, &w, NULL, &err), &err);
        ws_sync_free(w);
        http_sync_free(s);
        end();
}
TEST_MAIN("net/sync")
