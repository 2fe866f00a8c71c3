/* The checker against real sockets that this test serves: request lines, answers of every kind, thresholds, timeouts; reports against a server of its own. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/vec.h"
#include "check.h"
#include "net/http_server.h"
#include "node/healthcheck/request.h"
#include "node/healthcheck/watch.h"

enum { TURNS_MAX = 200000, FAR_MS = 60000 };

/* ---- request lines ---- */
static void makes(const char *line, const char *wire) {
        struct dr_error err;
        auto_free char *got = NULL;
        CHECK_OK(request_make(line, "10.1.1.1:80", &got, &err), &err);
        CHECK_STR(str_or(got, "(none)"), ==, wire);
}

TEST(request_lines_come_in_all_the_forms_that_are_in_use) {
        static const char root[] = "GET / HTTP/1.0\r\n\r\n", ping[] = "GET /ping HTTP/1.0\r\n\r\n";
        makes(NULL, "(none)");
        makes("", "(none)");
        makes("   ", "(none)");
        makes("GET", root);
        makes("GET /", root);
        makes("/", root);
        makes("GET / HTTP/1.0", root);
        makes("GET \"/ping\" \"HTTP/1.0\"", ping);
        makes("GET '/ping' HTTP/1.0", ping);
        makes("  GET   /ping  ", ping);
        makes("/ping", ping);
        makes("/metrics/snapshot", "GET /metrics/snapshot HTTP/1.0\r\n\r\n");
        makes("HEAD /a?b=c HTTP/1.0\r\n", "HEAD /a?b=c HTTP/1.0\r\n\r\n");
        makes("OPTIONS *", "OPTIONS * HTTP/1.0\r\n\r\n");
        makes("GET / HTTP/1.1", "GET / HTTP/1.1\r\nHost: 10.1.1.1:80\r\nConnection: close\r\n\r\n");
        makes("GET / HTTP/1.1\\r\\nHost:\\ example.com", "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n");
        makes("GET / \"HTTP/1.1\\r\\nHost: a\\r\\nconnection: close\"", "GET / HTTP/1.1\r\nHost: a\r\nconnection: close\r\n\r\n");
        makes("GET / HTTP/1.0\nHost: a\n", "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
}

TEST(request_lines_that_mean_nothing_are_refused) {
        static const char *const bad[] = { "GET \"/ping", "GET / 1.0", "GET / HTTP/", "GET / HTTP/1.0 x", "GET / HTTP/1.10", "GET /a\\ b HTTP/1.0", "GET /\x01 HTTP/1.0", "GET /\\", "G\\r\\nET /" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct dr_error err;
                auto_free char *got = NULL;
                CHECK_INT(request_make(bad[i], "h", &got, &err), <, 0);
                CHECK(!got);
        }
        auto_free char *path = malloc(REQUEST_LINE_BYTES_MAX + 2), *got = NULL;
        memset(path, '/', REQUEST_LINE_BYTES_MAX + 1);
        path[REQUEST_LINE_BYTES_MAX + 1] = 0;
        CHECK_INT(request_make(path, "h", &got, NULL), <, 0);
}

static enum answer_verdict verdict(const char *text, size_t step) {
        struct answer a = { .n = 0 };
        size_t n = strlen(text);
        for (size_t at = 0; at < n; at += step) {
                enum answer_verdict v = answer_take(&a, text + at, MIN(step, n - at));
                if (v != ANSWER_MORE)
                        return v;
        }
        return answer_end(&a);
}

TEST(answers_are_judged_by_their_status_however_they_come_in_pieces) {
        static const struct { const char *text; enum answer_verdict v; } rows[] = {
                { "HTTP/1.0 200 OK\r\n\r\n", ANSWER_UP }, { "HTTP/1.1 204\r\n", ANSWER_UP }, { "HTTP/1.1 301 Moved\r\n", ANSWER_UP }, { "HTTP/1.0 399 x", ANSWER_UP },
                { "HTTP/1.0 200", ANSWER_UP }, { "HTTP/1.0 200\n", ANSWER_UP }, { "HTTP/1.1 404 Not Found\r\n", ANSWER_BAD_STATUS }, { "HTTP/1.1 500 x", ANSWER_BAD_STATUS },
                { "HTTP/1.1 100 Continue\r\n", ANSWER_BAD_STATUS }, { "HTTP/1.1 400", ANSWER_BAD_STATUS }, { "HTTP/1.1 20", ANSWER_GARBAGE }, { "", ANSWER_GARBAGE },
                { "HTTP/1.1 2000 x", ANSWER_GARBAGE }, { "HTTP/1.1  200 x", ANSWER_GARBAGE }, { "<html>", ANSWER_GARBAGE }, { "SSH-2.0-x\r\n", ANSWER_GARBAGE },
                { "http/1.1 200 x", ANSWER_GARBAGE }, { "HTTP/1.1 2x0 x", ANSWER_GARBAGE }, { "\r\nHTTP/1.1 200 x", ANSWER_GARBAGE },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                for (size_t step = 1; step < 20; step++)
                        if (verdict(rows[i].text, step) != rows[i].v) {
                                print_error("\"%s\" in steps of %zu: %d\n", rows[i].text, step, verdict(rows[i].text, step));
                                fail();
                        }
}

/* ---- servers to be checked ---- */
enum manner { ANSWERS, SILENT, CLOSES, RESETS };
struct peer;
struct server { VEC(struct peer *) peers; int fd, accepted[64]; size_t n; uint16_t port; enum manner manner; const char *answer; char asked[512]; unsigned count; struct fd_watch *watch; struct world *w; };
struct world { struct loop *l; struct checker *p; struct server s; struct check *c; VEC(int) seen; char reason[128]; bool free_inside; };

static void drop(struct server *s, int fd) {
        if (s->manner == RESETS)
                (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger) { .l_onoff = 1 }, sizeof(struct linger));
        close(fd);
}

/* One connection that is read until its request is there. */
struct peer { struct server *s; int fd; size_t n; char asked[512]; struct fd_watch *watch; };
static void peer_end(struct peer *c) {
        fd_watch_free(c->watch);
        drop(c->s, c->fd);
        for (size_t i = 0; i < c->s->peers.n; i++)
                if (c->s->peers.v[i] == c) {
                        vec_remove_at(&c->s->peers, i);
                        break;
                }
        free(c);
}

static void on_request(int events, void *arg) {
        struct peer *c = arg;
        ssize_t k = recv(c->fd, c->asked + c->n, sizeof c->asked - 1 - c->n, MSG_DONTWAIT);
        if (k < 0 && errno == EAGAIN)
                return;
        c->n += k > 0 ? (size_t) k : 0;
        bool whole = strstr(c->asked, "\r\n\r\n") != NULL;
        if (k > 0 && !whole)
                return;
        if (whole) {
                memcpy(c->s->asked, c->asked, sizeof c->asked);
                (void) !send(c->fd, c->s->answer, strlen(c->s->answer), MSG_NOSIGNAL);
        }
        peer_end(c);
}

static void on_connection(int events, void *arg) {
        struct server *s = arg;
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;
        s->count++;
        if (s->manner == ANSWERS) {
                struct peer *c = dr_xnew(struct peer);
                *c = (struct peer) { .s = s, .fd = fd };
                c->watch = fd_watch_new(s->w->l, fd, FD_READABLE, on_request, c);
                vec_push(&s->peers, c);
        } else if (s->manner == SILENT && s->n < ARRAY_LEN(s->accepted)) {
                s->accepted[s->n++] = fd;
        } else {
                drop(s, fd);
        }
}

static void listen_on(struct world *w, uint16_t port) {
        struct server *s = &w->s;
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) }, .sin_port = htons(port) };
        socklen_t len = sizeof a;
        s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void) setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int));
        CHECK_INT(bind(s->fd, (struct sockaddr *) &a, sizeof a), ==, 0);
        CHECK_INT(listen(s->fd, 128), ==, 0);
        (void) getsockname(s->fd, (struct sockaddr *) &a, &len);
        s->port = ntohs(a.sin_port);
        s->watch = fd_watch_new(w->l, s->fd, FD_READABLE, on_connection, s);
}

static void deafen(struct world *w) {
        fd_watch_free(w->s.watch);
        close(w->s.fd);
        w->s.watch = NULL;
}

static void on_state(struct check *c, enum check_state now, const char *reason, void *arg) {
        struct world *w = arg;
        vec_push(&w->seen, (int) now);
        snprintf(w->reason, sizeof w->reason, "%s", reason);
        if (w->free_inside)
                w->c = check_free(c);
}

static void begin(struct world *w, enum manner manner, const char *answer) {
        *w = (struct world) { .l = loop_new() };
        w->s = (struct server) { .manner = manner, .answer = answer, .w = w };
        listen_on(w, 0);
        w->p = checker_new(w->l, &(struct checker_conf) { .seed = 1, .changed = on_state, .arg = w });
}

static void check_it(struct world *w, const char *line, int64_t timeout_ms) {
        struct dr_error err;
        struct check_conf conf = { .address = "127.0.0.1", .port = w->s.port, .interval_ms = 100, .timeout_ms = timeout_ms, .rise = 2, .fall = 3, .request_line = line };
        w->c = check_new(w->p, &conf, w, &err);
        CHECK(w->c);
        CHECK(check_is(w->c, &conf));
        conf.fall = 4;
        CHECK(!check_is(w->c, &conf));
}

static void end(struct world *w) {
        checker_free(w->p);
        if (w->s.watch)
                deafen(w);
        while (w->s.peers.n)
                peer_end(w->s.peers.v[0]);
        vec_done(&w->s.peers);
        for (size_t i = 0; i < w->s.n; i++)
                close(w->s.accepted[i]);
        vec_done(&w->seen);
        loop_free(w->l);
}

#define UNTIL(l_, cond) do { size_t t_ = 0; while (!(cond) && t_++ < TURNS_MAX) loop_turn((l_), true); CHECK(cond); } while (0)

static void comes_up(struct world *w) {
        UNTIL(w->l, w->seen.n >= 2);
        CHECK_INT(w->seen.v[0], ==, CHECK_SEEN);
        CHECK_INT(w->seen.v[1], ==, CHECK_UP);
        CHECK_INT(checker_stats(w->p).probes, ==, 2);
        CHECK_INT(check_state(w->c), ==, CHECK_UP);
}

static void goes_down(struct world *w, const char *reason) {
        UNTIL(w->l, w->seen.n >= 1);
        CHECK_INT(w->seen.v[0], ==, CHECK_DOWN);
        CHECK_INT(checker_stats(w->p).failed, ==, 3);
        if (!strstr(w->reason, reason))
                CHECK_STR(w->reason, ==, reason);
}

TEST(a_port_that_takes_connections_is_up_after_rise_of_them) {
        struct world w;
        begin(&w, CLOSES, NULL);
        check_it(&w, NULL, FAR_MS);
        comes_up(&w);
        end(&w);
}
TEST(a_port_that_refuses_is_down_after_fall_of_them_and_up_when_it_opens) {
        struct world w;
        begin(&w, CLOSES, NULL);
        deafen(&w);
        check_it(&w, NULL, FAR_MS);
        goes_down(&w, "refused");
        listen_on(&w, w.s.port);
        UNTIL(w.l, w.seen.n >= 2);
        CHECK_INT(w.seen.v[1], ==, CHECK_UP);           /* seen is only for what was unknown */
        deafen(&w);
        UNTIL(w.l, w.seen.n >= 3);
        CHECK_INT(w.seen.v[2], ==, CHECK_DOWN);
        end(&w);
}
TEST(good_answers_are_up_whatever_their_body_is) {
        static const char *const good[] = { "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n" };
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                struct world w;
                begin(&w, ANSWERS, good[i]);
                check_it(&w, "GET \"/ping\" \"HTTP/1.1\"", FAR_MS);
                comes_up(&w);
                CHECK(strstr(w.s.asked, "GET /ping HTTP/1.1\r\nHost: 127.0.0.1:"));
                end(&w);
        }
}
TEST(bad_answers_are_down_with_a_reason) {
        static const struct { const char *answer, *reason; } rows[] = {
                { "HTTP/1.0 503 No\r\n\r\n", "status is 503" }, { "HTTP/1.1 404 Not Found\r\n\r\n", "status is 404" }, { "SSH-2.0-OpenSSH\r\n", "not HTTP" },
                { "HTTP/1.1 2", "not HTTP" }, { "\x16\x03\x01\x02", "not HTTP" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct world w;
                begin(&w, ANSWERS, rows[i].answer);
                check_it(&w, "/", FAR_MS);
                goes_down(&w, rows[i].reason);
                end(&w);
        }
}
TEST(one_that_takes_the_connection_and_says_nothing_is_down_after_its_timeout) {
        struct world w;
        begin(&w, SILENT, NULL);
        check_it(&w, "/", 30);
        goes_down(&w, "no answer in time");
        CHECK(w.s.count >= 3);
        end(&w);
}
TEST(one_that_closes_or_resets_without_a_word_is_down) {
        static const enum manner manners[] = { CLOSES, RESETS };
        for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
                struct world w;
                begin(&w, manners[i], NULL);
                check_it(&w, "/", FAR_MS);
                UNTIL(w.l, w.seen.n >= 1);
                CHECK_INT(w.seen.v[0], ==, CHECK_DOWN);
                end(&w);
        }
}
TEST(single_failures_change_nothing) {
        struct world w;
        begin(&w, ANSWERS, "HTTP/1.0 200 OK\r\n\r\n");
        check_it(&w, "/", FAR_MS);
        comes_up(&w);
        for (int round = 0; round < 3; round++) {
                uint64_t failed = checker_stats(w.p).failed;
                w.s.answer = "HTTP/1.0 500 No\r\n\r\n";
                UNTIL(w.l, checker_stats(w.p).failed >= failed + 2);
                w.s.answer = "HTTP/1.0 200 OK\r\n\r\n";
                uint64_t good = checker_stats(w.p).probes - checker_stats(w.p).failed;
                UNTIL(w.l, checker_stats(w.p).probes - checker_stats(w.p).failed > good);
        }
        CHECK_INT(w.seen.n, ==, 2);
        CHECK_INT(check_state(w.c), ==, CHECK_UP);
        end(&w);
}
TEST(a_check_may_be_freed_from_inside_its_own_change) {
        struct world w;
        begin(&w, CLOSES, NULL);
        w.free_inside = true;
        check_it(&w, NULL, FAR_MS);
        UNTIL(w.l, w.seen.n >= 1);
        CHECK_INT(checker_stats(w.p).checks, ==, 0);
        end(&w);
}
TEST(many_checks_run_beside_each_other_within_their_number_of_sockets) {
        struct world w;
        begin(&w, CLOSES, NULL);
        checker_free(w.p);
        w.p = checker_new(w.l, &(struct checker_conf) { .seed = 1, .running_max = 8, .changed = on_state, .arg = &w });
        struct check_conf conf = { .address = "127.0.0.1", .port = w.s.port, .interval_ms = 100, .timeout_ms = FAR_MS, .rise = 1, .fall = 3 };
        VEC(struct check *) all = { 0 };
        for (int i = 0; i < 300; i++)
                vec_push(&all, check_new(w.p, &conf, NULL, NULL));
        size_t most = 0, turns = 0;
        while (w.seen.n < 600 && turns++ < TURNS_MAX) {
                loop_turn(w.l, true);
                most = MAX(most, checker_stats(w.p).running);
        }
        CHECK_INT(w.seen.n, ==, 600);           /* each: seen, up */
        CHECK_INT(most, <=, 8);
        for (size_t i = 0; i < all.n; i += 2)
                all.v[i] = check_free(all.v[i]);
        CHECK_INT(checker_stats(w.p).checks, ==, 150);
        vec_done(&all);
        end(&w);
}
TEST(settings_that_make_no_sense_are_refused_and_missing_ones_have_their_defaults) {
        struct world w;
        struct dr_error err;
        begin(&w, CLOSES, NULL);
        CHECK(!check_new(w.p, &(struct check_conf) { .address = "web", .port = 80 }, NULL, &err));
        CHECK(!check_new(w.p, &(struct check_conf) { .address = "10.0.0.1", .port = 0 }, NULL, &err));
        CHECK(!check_new(w.p, &(struct check_conf) { .address = "10.0.0.1", .port = 65536 }, NULL, &err));
        CHECK(!check_new(w.p, &(struct check_conf) { .address = "10.0.0.1", .port = 80, .request_line = "GET \"" }, NULL, &err));
        struct check *c = check_new(w.p, &(struct check_conf) { .address = "::1", .port = 80 }, NULL, &err);
        CHECK(check_is(c, &(struct check_conf) { .address = "::1", .port = 80, .interval_ms = 2000, .timeout_ms = 2000, .rise = 2, .fall = 3, .request_line = "" }));
        CHECK(!check_is(c, &(struct check_conf) { .address = "::1", .port = 81 }));
        end(&w);
}

/* ---- reports ---- */
struct post { char body[512], auth[64], path[64]; };
struct api { struct loop *l; struct http_server *s; unsigned short port; int status; VEC(struct post) posts; char url[64]; struct http_request *held; bool hold; };

static void on_post(struct http_request *req, void *arg) {
        struct api *a = arg;
        struct post p = { .body = "" };
        snprintf(p.body, sizeof p.body, "%s", str_or(req->body, ""));
        snprintf(p.auth, sizeof p.auth, "%s", str_or(http_headers_get(&req->headers, "authorization"), ""));
        snprintf(p.path, sizeof p.path, "%s %s", req->method, req->raw_path);
        vec_push(&a->posts, p);
        if (a->hold && !a->held)
                a->held = req;
        else
                http_reply(req, a->status, NULL, 0, "{}", 2);
}

static void api_listen(struct api *a, unsigned short port) {
        struct dr_error err;
        a->s = http_server_new(a->l, &(struct http_server_config) { .handler = on_post, .arg = a });
        CHECK_OK(http_server_listen_tcp(a->s, "127.0.0.1", port, NULL, &a->port, &err), &err);
        snprintf(a->url, sizeof a->url, "http://127.0.0.1:%u/v2-beta", a->port);
}

static struct reporter *api_begin(struct api *a, struct loop *l, int status) {
        struct dr_error err;
        *a = (struct api) { .l = l, .status = status };
        api_listen(a, 0);
        struct reporter *r = reporter_new(l, &(struct reporter_conf) { .url = a->url, .access_key = "me", .secret_key = "pw", .at_once = 2, .retry_ms = 5, .retry_max_ms = 20 }, &err);
        CHECK(r);
        return r;
}

static void api_end(struct api *a, struct reporter *r) {
        reporter_free(r);
        http_server_free(a->s);
        vec_done(&a->posts);
        loop_free(a->l);
}

static void posted(const struct api *a, size_t n, const char *key, const char *health, int64_t at) {
        char want[512];
        snprintf(want, sizeof want, "{\"type\":\"serviceEvent\",\"healthcheckUuid\":\"%s\",\"reportedHealth\":\"%s\",\"externalTimestamp\":%lld}", key, health, (long long) at);
        CHECK_INT(a->posts.n, >, n);
        CHECK_STR(a->posts.v[n].body, ==, want);
}

TEST(reports_go_to_serviceevents_with_the_agents_keys_and_init_before_up) {
        struct api a;
        struct reporter *r = api_begin(&a, loop_new(), 201);
        reporter_put(r, "h_c_1", REPORT_INIT, 100);
        reporter_put(r, "h_c_1", REPORT_UP, 101);
        UNTIL(a.l, reporter_stats(r).sent == 2);
        posted(&a, 0, "h_c_1", "INIT", 100);
        posted(&a, 1, "h_c_1", "UP", 101);
        CHECK_STR(a.posts.v[0].path, ==, "POST /v2-beta/serviceevents");
        CHECK_STR(a.posts.v[0].auth, ==, "Basic bWU6cHc=");
        reporter_put(r, "h_c_1", REPORT_DOWN, 50);      /* a clock that was set back */
        UNTIL(a.l, reporter_stats(r).sent == 3);
        posted(&a, 2, "h_c_1", "DOWN", 101);
        CHECK_INT(reporter_stats(r).waiting, ==, 0);
        api_end(&a, r);
}
TEST(while_a_report_is_on_its_way_only_the_newest_word_waits) {
        struct api a;
        struct reporter *r = api_begin(&a, loop_new(), 201);
        a.hold = true;
        reporter_put(r, "h_c_1", REPORT_UP, 1);
        UNTIL(a.l, a.held);
        reporter_put(r, "h_c_1", REPORT_DOWN, 2);
        reporter_put(r, "h_c_1", REPORT_UP, 3);
        reporter_put(r, "h_c_1", REPORT_DOWN, 4);
        http_reply(dr_take(a.held), 201, NULL, 0, "{}", 2);
        a.hold = false;
        UNTIL(a.l, reporter_stats(r).sent == 2);
        CHECK_INT(a.posts.n, ==, 2);
        posted(&a, 1, "h_c_1", "DOWN", 4);
        api_end(&a, r);
}
TEST(what_the_server_does_not_take_now_is_said_again) {
        static const int codes[] = { 409, 403, 503, 500, 429 };
        for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
                struct api a;
                struct reporter *r = api_begin(&a, loop_new(), codes[i]);
                reporter_put(r, "h_c_1", REPORT_DOWN, 7);
                UNTIL(a.l, a.posts.n >= 3);
                a.status = 201;
                UNTIL(a.l, reporter_stats(r).sent == 1);
                posted(&a, a.posts.n - 1, "h_c_1", "DOWN", 7);
                api_end(&a, r);
        }
}
TEST(one_refused_for_now_holds_up_no_other_and_one_refused_for_good_is_dropped) {
        struct api a;
        struct reporter *r = api_begin(&a, loop_new(), 422);
        reporter_put(r, "bad", REPORT_UP, 1);
        UNTIL(a.l, reporter_stats(r).refused == 1);
        CHECK_INT(reporter_stats(r).waiting + reporter_stats(r).under_way, ==, 0);
        a.status = 409;
        reporter_put(r, "later", REPORT_UP, 1);
        UNTIL(a.l, reporter_stats(r).refused == 2);
        a.status = 201;
        reporter_put(r, "now", REPORT_UP, 1);
        UNTIL(a.l, reporter_stats(r).sent == 2);
        api_end(&a, r);
}
TEST(with_the_server_away_everything_waits_and_comes_when_it_is_back) {
        struct api a;
        struct loop *l = loop_new();
        struct reporter *r = api_begin(&a, l, 201);
        http_server_free(a.s);
        char key[32];
        for (int i = 0; i < 50; i++) {
                snprintf(key, sizeof key, "h_c%d_1", i);
                reporter_put(r, key, REPORT_UP, i);
        }
        UNTIL(l, reporter_stats(r).failed >= 3);
        reporter_forget(r, "h_c7_1");
        CHECK_INT(reporter_stats(r).waiting + reporter_stats(r).under_way, >=, 49);
        api_listen(&a, a.port);
        UNTIL(l, reporter_stats(r).sent == 49);
        for (size_t i = 0; i < a.posts.n; i++)
                CHECK(!strstr(a.posts.v[i].body, "h_c7_1"));
        api_end(&a, r);
}

/* ---- from metadata ---- */
#define SELF "{\"topic\":\"self\",\"rev\":1,\"base\":0,\"set\":{\"defaultData\":{\"metadata_kind\":\"defaultData\",\"version\":\"1\",\"self\":{\"host\":{\"uuid\":\"H1\"}}}}}"
static void apply(struct mdata *m, struct watch *w, const char *text) {
        struct dr_error err;
        CHECK_OK(mdata_apply_text(m, text, strlen(text), &err), &err);
        watch_changed(w);
}

static void container(struct mdata *m, struct watch *w, int rev, const char *uuid, const char *more) {
        char text[1024];
        snprintf(text, sizeof text, "{\"topic\":\"stack/-\",\"rev\":%d,\"base\":%d,\"set\":{\"container/%s\":{\"metadata_kind\":\"container\",\"uuid\":\"%s\",\"name\":\"%s\",%s}}}", rev, rev - 1,
                 uuid, uuid, uuid, more);
        apply(m, w, text);
}

TEST(only_running_containers_that_name_this_host_are_checked) {
        struct loop *l = loop_new();
        struct mdata *m = mdata_new();
        struct dr_error err;
        struct reporter *r = reporter_new(l, &(struct reporter_conf) { .url = NULL }, &err);
        struct watch *w = watch_new(l, m, &(struct watch_conf) { .reporter = r, .seed = 1 });
        static const char check[] = "\"health_check\":{\"port\":80},\"primary_ip\":\"127.0.0.1\",\"start_count\":1,";
        char more[400];
#define PUT(rev, uuid, rest) do { snprintf(more, sizeof more, "%s%s", check, rest); container(m, w, rev, uuid, more); } while (0)
        PUT(1, "a", "\"state\":\"running\",\"health_check_hosts\":[\"H1\",\"H2\"]");
        CHECK_INT(watch_stats(w).checks, ==, 0);        /* who are we? */
        apply(m, w, SELF);
        CHECK_INT(watch_stats(w).checks, ==, 1);
        PUT(2, "b", "\"state\":\"running\",\"health_check_hosts\":[\"H2\"]");
        PUT(3, "c", "\"state\":\"stopped\",\"health_check_hosts\":[\"H1\"]");
        PUT(4, "d", "\"state\":\"starting\",\"health_check_hosts\":[\"H1\"]");
        CHECK_INT(watch_stats(w).checks, ==, 2);
        container(m, w, 5, "e", "\"state\":\"running\",\"health_check_hosts\":[\"H1\"],\"primary_ip\":\"127.0.0.1\"");
        container(m, w, 6, "f", "\"state\":\"running\",\"health_check_hosts\":[\"H1\"],\"health_check\":{\"port\":80}");
        container(m, w, 7, "g", "\"state\":\"running\",\"health_check_hosts\":[\"H1\"],\"health_check\":{\"port\":80},\"network_from_container_uuid\":\"a\"");
        CHECK_INT(watch_stats(w).checks, ==, 3);        /* neither without a check nor without an address; g has that of a */
        PUT(8, "a", "\"state\":\"running\",\"health_check_hosts\":[]");
        CHECK_INT(watch_stats(w).checks, ==, 2);
        PUT(9, "d", "\"state\":\"stopping\",\"health_check_hosts\":[\"H1\"]");
        CHECK_INT(watch_stats(w).checks, ==, 1);
        apply(m, w, "{\"topic\":\"stack/-\",\"gone\":true}");
        CHECK_INT(watch_stats(w).checks, ==, 0);
        PUT(1, "a", "\"state\":\"running\",\"health_check_hosts\":[\"H1\"]");
        CHECK_INT(watch_stats(w).checks, ==, 1);
        mdata_free(m);
        watch_free(w);
        reporter_free(r);
        loop_free(l);
}

TEST(a_container_is_reported_per_start_and_again_while_the_server_shows_something_else) {
        struct world s;
        struct api a;
        begin(&s, ANSWERS, "HTTP/1.0 200 OK\r\n\r\n");
        struct reporter *r = api_begin(&a, s.l, 201);
        struct mdata *m = mdata_new();
        struct watch *w = watch_new(s.l, m, &(struct watch_conf) { .reporter = r, .seed = 1, .repeat_ms = 20 });
        char more[400];
        apply(m, w, SELF);
#define AT(rev, start, health) do { snprintf(more, sizeof more, "\"state\":\"running\",\"health_check_hosts\":[\"H1\"],\"health_state\":\"%s\",\"primary_ip\":\"127.0.0.1\",\"start_count\":%d," \
                "\"health_check\":{\"port\":%u,\"request_line\":\"GET /\",\"interval\":100,\"response_timeout\":60000,\"healthy_threshold\":1}", health, start, s.s.port); container(m, w, rev, "C", more); } while (0)
        AT(1, 1, "initializing");
        UNTIL(s.l, a.posts.n >= 2);
        CHECK(strstr(a.posts.v[0].body, "\"H1_C_1\",\"reportedHealth\":\"INIT\""));
        CHECK(strstr(a.posts.v[1].body, "\"H1_C_1\",\"reportedHealth\":\"UP\""));
        UNTIL(s.l, a.posts.n >= 4);             /* the server still says initializing: it may have lost that */
        CHECK(strstr(a.posts.v[3].body, "\"H1_C_1\",\"reportedHealth\":\"UP\""));
        AT(2, 1, "healthy");
        UNTIL(s.l, !reporter_stats(r).waiting && !reporter_stats(r).under_way);
        size_t n = a.posts.n;
        uint64_t probes = watch_stats(w).probes;
        UNTIL(s.l, watch_stats(w).probes >= probes + 3);
        CHECK_INT(a.posts.n, ==, n);            /* what the server knows is not repeated */
        AT(3, 2, "reinitializing");
        UNTIL(s.l, a.posts.n >= n + 2);
        CHECK(strstr(a.posts.v[n].body, "\"H1_C_2\",\"reportedHealth\":\"INIT\""));
        CHECK(strstr(a.posts.v[n + 1].body, "\"H1_C_2\",\"reportedHealth\":\"UP\""));
        mdata_free(m);
        watch_free(w);
        reporter_free(r);
        http_server_free(a.s);
        vec_done(&a.posts);
        end(&s);
}
TEST_MAIN("node/healthcheck")
