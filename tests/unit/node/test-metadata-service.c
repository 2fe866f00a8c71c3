#include "check.h"

#include "base/sbuf.h"
#include "base/times.h"
#include "node/agent/metadata.h"
#include "node/metadata/feed.h"
#include "node/metadata/service.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { PATIENCE_MS = 20000, TEXT_BYTES_MAX = 16 << 20 };

/* A service fed by a socket whose other end, the agent's, is the test. */
struct world {
        struct loop *loop;
        struct mdata *m;
        struct feed *feed;
        struct md_service *service;
        unsigned short port, reload_port;
        char dir[64], socket[96], file[96], cache[96];
        int listener, agent;
        struct sbuf from_feed;
        unsigned told;
        struct timer *tick;             /* so that a turn that waits ends */
};

static void on_tick(void *arg) { }

static void on_changed(struct mdata *m, void *arg) {
        struct world *w = arg;
        w->told++;
        if (w->service)
                md_service_changed(w->service);
}

static int reload(struct dr_error *err, void *arg) { return feed_reload(((struct world *) arg)->feed, err); }

#define TURN_UNTIL(w, cond) do {                                                                        \
        uint64_t until_ = time_mono_ms() + PATIENCE_MS;                                                 \
        while (!(cond) && time_mono_ms() < until_)                                                      \
                loop_turn((w)->loop, true);                                                             \
        CHECK(cond);                                                                                    \
} while (0)

static void world_listen(struct world *w) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof a.sun_path, "%s", w->socket);
        unlink(w->socket);
        w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK_INT(bind(w->listener, (struct sockaddr *) &a, sizeof a), ==, 0);
        CHECK_INT(listen(w->listener, 4), ==, 0);
}

static void world_init(struct world *w) {
        memset(w, 0, sizeof *w);
        w->from_feed = (struct sbuf) SBUF(1 << 20);
        w->loop = loop_new();
        w->m = mdata_new();
        w->listener = w->agent = -1;
        w->tick = timer_new(w->loop, on_tick, NULL);
        timer_start_periodic(w->tick, 10, 10);
        snprintf(w->dir, sizeof w->dir, "/tmp/drover-metadata-XXXXXX");
        CHECK(mkdtemp(w->dir));
        snprintf(w->socket, sizeof w->socket, "%s/sock", w->dir);
        snprintf(w->file, sizeof w->file, "%s/file", w->dir);
        snprintf(w->cache, sizeof w->cache, "%s/cache", w->dir);
        struct md_service_config cfg = { .xff = true, .reload = reload, .arg = w };
        struct dr_error err;
        w->service = md_service_new(w->loop, w->m, &cfg);
        CHECK_OK(md_service_listen(w->service, "127.0.0.1", 0, &w->port, &err), &err);
        CHECK_OK(md_service_listen_reload(w->service, "127.0.0.1", 0, &w->reload_port, &err), &err);
}

static void world_feed(struct world *w, struct feed_config cfg) {
        struct dr_error err = { 0 };
        cfg.changed = on_changed;
        cfg.arg = w;
        w->feed = feed_new(w->loop, w->m, &cfg, &err);
        if (!w->feed)
                print_error("%s\n", err.message);
        CHECK(w->feed);
}

static void agent_hang_up(struct world *w) {
        if (w->agent >= 0)
                close(w->agent);
        w->agent = -1;
        sbuf_reset(&w->from_feed);
}

static void world_done(struct world *w) {
        feed_free(w->feed);
        md_service_free(w->service);
        timer_free(w->tick);
        loop_run(w->loop);
        loop_free(w->loop);
        mdata_free(w->m);
        agent_hang_up(w);
        sbuf_done(&w->from_feed);
        if (w->listener >= 0)
                close(w->listener);
        unlink(w->socket);
        unlink(w->file);
        unlink(w->cache);
        CHECK_INT(rmdir(w->dir), ==, 0);
}

/* What the feed has sent since it connected, when a whole line of it is here. */
static bool agent_got_line(struct world *w) {
        char buf[4096];
        if (w->agent < 0)
                w->agent = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        ssize_t n = w->agent < 0 ? -1 : read(w->agent, buf, sizeof buf);
        if (n > 0)
                sbuf_add(&w->from_feed, buf, (size_t) n);
        return w->from_feed.len && w->from_feed.data[w->from_feed.len - 1] == '\n';
}

static void agent_send(struct world *w, const char *text) {
        for (size_t n = strlen(text); n;) {
                ssize_t k = write(w->agent, text, n);
                if (k > 0) {
                        text += k;
                        n -= (size_t) k;
                }
                loop_turn(w->loop, false);
        }
}

static int ask_port(struct world *w, unsigned short port, const char *method, const char *path, const char *address) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(connect(fd, (struct sockaddr *) &a, sizeof a), ==, 0);
        char request[1024];
        int n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\nConnection: close\r\n\r\n", method, path, address);
        CHECK_INT(write(fd, request, (size_t) n), ==, n);
        CHECK_INT(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
        return fd;
}
static int ask(struct world *w, const char *path, const char *address) { return ask_port(w, w->port, "GET", path, address); }

static bool answered(int fd, struct sbuf *ret) {
        char buf[65536];
        ssize_t n = read(fd, buf, sizeof buf);
        if (n > 0)
                sbuf_add(ret, buf, (size_t) n);
        return n == 0;
}

/* Status and body of the whole answer; closes fd. */
static int answer(struct world *w, int fd, char *body, size_t size) {
        auto_sbuf struct sbuf got = SBUF(TEXT_BYTES_MAX);
        TURN_UNTIL(w, answered(fd, &got));
        close(fd);
        const char *text = strstr(sbuf_str(&got), "\r\n\r\n");
        CHECK(text);
        snprintf(body, size, "%s", text + 4);
        return atoi(sbuf_str(&got) + strlen("HTTP/1.1 "));
}

static int get(struct world *w, const char *path, const char *address, char *body, size_t size) { return answer(w, ask(w, path, address), body, size); }

static const char FIRST[] = "{\"topic\":\"env\",\"rev\":5,\"base\":0,\"set\":{\"environment\":{\"name\":\"prod\",\"uuid\":\"e\"},"
        "\"stack/t\":{\"uuid\":\"t\",\"name\":\"shop\"},\"service/s\":{\"uuid\":\"s\",\"name\":\"Web\",\"stack_uuid\":\"t\",\"stack_name\":\"shop\",\"scale\":2}}}\n"
        "{\"topic\":\"stack/t\",\"rev\":9,\"base\":0,\"set\":{\"container/c\":{\"uuid\":\"c\",\"name\":\"shop-Web-1\",\"primary_ip\":\"10.42.0.1\"},"
        "\"serviceContainerLink/s/Web/c\":{\"service_uuid\":\"s\",\"service_name\":\"Web\",\"container_uuid\":\"c\"}}}\n{\"sync\":true}\n";

static void world_start(struct world *w) {
        world_init(w);
        world_listen(w);
        world_feed(w, (struct feed_config) { .socket_path = w->socket });
        TURN_UNTIL(w, agent_got_line(w));
        CHECK_STR(sbuf_str(&w->from_feed), ==, "{\"resume\":{}}\n");
        agent_send(w, FIRST);
        TURN_UNTIL(w, mdata_is_synced(w->m) && w->told);
}

TEST(what_the_agent_sends_is_answered_to_the_container_that_asks) {
        struct world w;
        char body[256];
        world_init(&w);
        world_listen(&w);
        CHECK_INT(get(&w, "/latest/name", "10.42.0.1", body, sizeof body), ==, 404);
        CHECK_STR(body, ==, "Not found\n");
        CHECK_INT(get(&w, "/2016-07-29/name", "10.42.0.1", body, sizeof body), ==, 404);
        CHECK_STR(body, ==, "Invalid version\n");
        world_done(&w);
        world_start(&w);
        CHECK_INT(get(&w, "/latest/self/service/name", "10.42.0.1", body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "web");
        CHECK_INT(get(&w, "/2015-12-19/self/stack/services/Web/containers/0/name", "10.42.0.1", body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "shop-Web-1");
        CHECK_INT(get(&w, "/latest/self/service/name", "10.42.0.2", body, sizeof body), ==, 404);
        world_done(&w);
}

TEST(a_reconnected_feed_goes_on_from_its_revisions_and_serves_meanwhile) {
        struct world w;
        char body[256];
        world_start(&w);
        agent_hang_up(&w);
        TURN_UNTIL(&w, !feed_is_connected(w.feed));
        CHECK_INT(get(&w, "/latest/name", "10.42.0.1", body, sizeof body), ==, 200);
        TURN_UNTIL(&w, agent_got_line(&w));
        CHECK_STR(sbuf_str(&w.from_feed), ==, "{\"resume\":{\"env\":5,\"stack/t\":9}}\n");
        agent_send(&w, "{\"topic\":\"env\",\"rev\":6,\"base\":5,\"set\":{\"environment\":{\"name\":\"test\",\"uuid\":\"e\"}}}\n");
        TURN_UNTIL(&w, mdata_generation(w.m) == 3);
        CHECK_INT(get(&w, "/latest/name", "10.42.0.1", body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "test");
        world_done(&w);
}

TEST(a_gap_in_the_revisions_or_nonsense_makes_the_feed_ask_again) {
        static const char *const rows[] = { "{\"topic\":\"env\",\"rev\":8,\"base\":7,\"del\":[\"stack/t\"]}\n", "nonsense\n", "{\"topic\":7}\n" };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct world w;
                world_start(&w);
                sbuf_reset(&w.from_feed);
                agent_send(&w, rows[i]);
                TURN_UNTIL(&w, !feed_is_connected(w.feed));
                agent_hang_up(&w);
                TURN_UNTIL(&w, agent_got_line(&w));
                CHECK_STR(sbuf_str(&w.from_feed), ==, "{\"resume\":{\"env\":5,\"stack/t\":9}}\n");
                CHECK(mdata_by_key(w.m, "stack/t"));
                world_done(&w);
        }
}

/* Long polls ------------------------------------------------------------------------------------------------------ */

TEST(a_long_poll_ends_when_its_value_changes_and_not_when_another_does) {
        struct world w;
        char body[256];
        world_start(&w);
        int fd = ask(&w, "/latest/self/service/scale?wait=true&value=2&maxWait=120", "10.42.0.1"), version = ask(&w, "/latest/version?wait=true&value=x", "10.42.0.1");
        CHECK_INT(answer(&w, version, body, sizeof body), ==, 200);
        CHECK_INT(strlen(body), ==, 36);
        TURN_UNTIL(&w, md_service_waiters(w.service) == 1);
        char path[512];
        snprintf(path, sizeof path, "/2015-07-25/version?wait=true&value=%s", body);
        version = ask(&w, path, "10.9.9.9");
        TURN_UNTIL(&w, md_service_waiters(w.service) == 2);
        agent_send(&w, "{\"topic\":\"env\",\"rev\":6,\"base\":5,\"set\":{\"environment\":{\"name\":\"test\",\"uuid\":\"e\"}}}\n");
        char second[256];
        CHECK_INT(answer(&w, version, second, sizeof second), ==, 200);
        CHECK(!str_eq(body, second));
        CHECK_INT(md_service_waiters(w.service), ==, 1);
        agent_send(&w, "{\"topic\":\"env\",\"rev\":7,\"base\":6,\"set\":{\"service/s\":{\"uuid\":\"s\",\"name\":\"Web\",\"stack_uuid\":\"t\",\"scale\":3}}}\n");
        CHECK_INT(answer(&w, fd, body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "3");
        CHECK_INT(md_service_waiters(w.service), ==, 0);
        world_done(&w);
}

TEST(a_long_poll_waits_for_a_path_that_is_missing_and_ends_at_its_time) {
        struct world w;
        char body[256];
        world_start(&w);
        uint64_t began = time_mono_ms();
        int fd = ask(&w, "/latest/stacks/shop/nothing?wait=true&value=&maxWait=1", "10.9.9.9"), same = ask(&w, "/latest/name?wait=true&value=prod&maxWait=1", "10.9.9.9");
        CHECK_INT(answer(&w, fd, body, sizeof body), ==, 404);
        CHECK_STR(body, ==, "Not found\n");
        CHECK_INT(answer(&w, same, body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "prod");
        CHECK_INT(time_mono_ms() - began, >=, 1000);
        fd = ask(&w, "/latest/stacks/shop/added?wait=true&value=&maxWait=120", "10.9.9.9");
        TURN_UNTIL(&w, md_service_waiters(w.service) == 1);
        agent_send(&w, "{\"topic\":\"env\",\"rev\":6,\"base\":5,\"set\":{\"stack/t\":{\"uuid\":\"t\",\"name\":\"shop\",\"added\":true}}}\n");
        CHECK_INT(answer(&w, fd, body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "true");
        world_done(&w);
}

TEST(what_is_no_long_poll_is_answered_at_once) {
        static const char *const rows[] = {
                "/latest/name?wait=true&value=prod&maxWait=-1", "/latest/name?wait=true", "/latest/name?value=prod", "/latest?wait=true&value=x", "/latest/stacks?wait=true&value=x",
                "/nope/name?wait=true&value=x", "/latest/name?wait=false&value=prod", "/latest/name?wait=true&value=other",
        };
        struct world w;
        char body[256];
        world_start(&w);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                (void) get(&w, rows[i], "10.9.9.9", body, sizeof body);
                CHECK_INT(md_service_waiters(w.service), ==, 0);
        }
        world_done(&w);
}

TEST(a_client_that_leaves_takes_its_long_poll_with_it) {
        struct world w;
        world_start(&w);
        int fd = ask(&w, "/latest/name?wait=true&value=prod&maxWait=120", "10.9.9.9");
        TURN_UNTIL(&w, md_service_waiters(w.service) == 1);
        close(fd);
        TURN_UNTIL(&w, md_service_waiters(w.service) == 0);
        fd = ask(&w, "/latest/name?wait=true&value=prod&maxWait=120", "10.9.9.9");
        TURN_UNTIL(&w, md_service_waiters(w.service) == 1);
        world_done(&w);                                 /* and the end of the service does too */
        close(fd);
}

/* Files ----------------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text) {
        FILE *f = fopen(path, "we");
        CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

TEST(a_file_is_read_again_on_request_and_a_broken_or_missing_one_changes_nothing) {
        struct world w;
        char body[512];
        world_init(&w);
        write_file(w.file, "{\"uuid\":\"h\",\"name\":\"one\",\"metadata_kind\":\"host\"}{\"url\":\"x\",\"metadata_kind\":\"credential\"}\n");
        world_feed(&w, (struct feed_config) { .file = w.file });
        CHECK_INT(get(&w, "/latest/hosts/0/name", "10.9.9.9", body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "one");
        write_file(w.file, "{\"uuid\":\"i\",\"name\":\"two\",\"metadata_kind\":\"host\"}");
        CHECK_INT(answer(&w, ask_port(&w, w.reload_port, "POST", "/v1/reload", ""), body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "OK");
        CHECK_INT(get(&w, "/latest/hosts", "10.9.9.9", body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "0=two\n");
        write_file(w.file, "{\"uuid\":");
        CHECK_INT(answer(&w, ask_port(&w, w.reload_port, "POST", "/v1/reload", ""), body, sizeof body), ==, 500);
        CHECK(strstr(body, "ends inside an object"));
        unlink(w.file);
        CHECK_INT(answer(&w, ask_port(&w, w.reload_port, "POST", "/v1/reload", ""), body, sizeof body), ==, 500);
        CHECK_INT(get(&w, "/latest/hosts", "10.9.9.9", body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "0=two\n");
        CHECK_INT(answer(&w, ask_port(&w, w.reload_port, "GET", "/v1/reload", ""), body, sizeof body), ==, 404);
        world_done(&w);
}

TEST(data_kept_on_disk_are_served_before_the_agent_is_there) {
        struct world w;
        char body[256];
        world_init(&w);
        world_listen(&w);
        world_feed(&w, (struct feed_config) { .socket_path = w.socket, .cache = w.cache });
        TURN_UNTIL(&w, agent_got_line(&w));
        agent_send(&w, FIRST);
        TURN_UNTIL(&w, mdata_is_synced(w.m) && w.told);
        w.feed = feed_free(w.feed);                     /* the process ends */
        agent_hang_up(&w);
        close(w.listener);
        w.listener = -1;
        unlink(w.socket);
        md_service_free(w.service);
        mdata_free(w.m);
        w.m = mdata_new();
        w.service = md_service_new(w.loop, w.m, &(struct md_service_config) { 0 });
        struct dr_error err;
        CHECK_OK(md_service_listen(w.service, "127.0.0.1", 0, &w.port, &err), &err);
        world_feed(&w, (struct feed_config) { .socket_path = w.socket, .cache = w.cache });
        CHECK(!mdata_is_synced(w.m));
        CHECK_INT(get(&w, "/latest/stacks/shop/services/web/scale", "10.9.9.9", body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "2");
        world_done(&w);
}

/* With the real agent --------------------------------------------------------------------------------------------- */

static int no_server(const char *p, size_t n, void *arg) { return -ENOTCONN; }

static void server_says(struct agent_metadata *a, const char *text) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err;
        CHECK_OK(json_parse(text, strlen(text), 1 << 20, &o, &err), &err);
        agent_metadata_take(a, o);
}

static struct agent_metadata *start_agent(struct world *w) {
        return agent_metadata_new(&(struct agent_metadata_config) { .loop = w->loop, .state_dir = w->dir, .send = no_server, .arg = w });
}

TEST(what_the_server_tells_the_agent_reaches_who_asks_also_across_a_restart_of_the_agent) {
        struct world w;
        char body[256];
        world_init(&w);
        snprintf(w.socket, sizeof w.socket, "%s/metadata.sock", w.dir);
        struct agent_metadata *a = start_agent(&w);
        world_feed(&w, (struct feed_config) { .socket_path = w.socket });
        TURN_UNTIL(&w, mdata_is_synced(w.m));
        server_says(a, "{\"t\":\"metadata\",\"topic\":\"env\",\"rev\":9007199254740991,\"base\":0,\"set\":{\"environment\":{\"name\":\"prod\",\"uuid\":\"e\"}}}");
        server_says(a, "{\"t\":\"metadata\",\"topic\":\"stack/-\",\"rev\":4,\"base\":0,\"set\":{\"container/c\":{\"uuid\":\"c\",\"name\":\"C\",\"primary_ip\":\"10.42.0.1\"}}}");
        TURN_UNTIL(&w, mdata_by_key(w.m, "container/c"));
        CHECK_INT(get(&w, "/latest/self/container/name", "10.42.0.1", body, sizeof body), ==, 200);
        CHECK_STR(body, ==, "c");
        agent_metadata_free(a);
        TURN_UNTIL(&w, !feed_is_connected(w.feed));
        a = start_agent(&w);
        TURN_UNTIL(&w, feed_is_connected(w.feed));
        uint64_t generation = mdata_generation(w.m);
        server_says(a, "{\"t\":\"metadata\",\"topic\":\"stack/-\",\"rev\":5,\"base\":4,\"del\":[\"container/c\"]}");
        TURN_UNTIL(&w, !mdata_by_key(w.m, "container/c"));
        CHECK_INT(mdata_generation(w.m), ==, generation + 1);           /* nothing came twice */
        agent_metadata_clear(a);
        TURN_UNTIL(&w, !mdata_environment(w.m));
        agent_metadata_free(a);
        char path[128];
        snprintf(path, sizeof path, "%.60s/metadata", w.dir);
        CHECK_INT(rmdir(path), ==, 0);
        world_done(&w);
}

TEST_MAIN("node/metadata-service")
