/* Metadata on a host: topics in memory and on disk, followers, the socket. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/rng.h"
#include "node/agent/metasocket.h"
#include "node/agent/metastore.h"

static char dir[64];

static void make_dir(void) {
        snprintf(dir, sizeof dir, "/tmp/drover-metastore-XXXXXX");
        CHECK(mkdtemp(dir) != NULL);
}

static void remove_dir(void) {
        auto_free char *command = dr_xasprintf("rm -r %s", dir);
        CHECK(system(command) == 0);
}

static int take(struct metastore *m, const char *text) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err;
        CHECK(json_parse(text, strlen(text), 16 << 20, &o, &err) == 0);
        return metastore_take(m, o, &err);
}

static void add_line(void *arg, const char *line, size_t len) {
        sbuf_add(arg, line, len);
        sbuf_putc(arg, '\n');
}

TEST(snapshot_then_changes) {
        make_dir();
        auto_sbuf struct sbuf told = SBUF(1 << 20);
        AUTO(metastore_free) struct metastore *m = metastore_new(dir, add_line, &told);
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":5,\"base\":0,\"set\":{\"a\":{\"x\":1},\"b\":{}},\"del\":[]}") == 1);
        CHECK(metastore_rev(m, "env") == 5);
        sbuf_reset(&told);
        CHECK(take(m, "{\"t\":\"metadata\",\"epoch\":3,\"topic\":\"env\",\"rev\":9,\"base\":5,\"set\":{\"c\":{}},\"del\":[\"a\"]}") == 1);
        CHECK_STR(sbuf_str(&told), ==, "{\"topic\":\"env\",\"rev\":9,\"base\":5,\"set\":{\"c\":{}},\"del\":[\"a\"]}\n");
        CHECK(metastore_objects(m) == 2);
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":11,\"base\":10,\"set\":{\"d\":{}},\"del\":[]}") == -ESTALE);
        CHECK(take(m, "{\"topic\":\"new\",\"rev\":11,\"base\":10,\"set\":{\"d\":{}},\"del\":[]}") == -ESTALE);
        CHECK(metastore_rev(m, "env") == 9 && metastore_objects(m) == 2);
        remove_dir();
}

TEST(a_snapshot_counts_when_complete_and_is_told_as_changes) {
        make_dir();
        auto_sbuf struct sbuf told = SBUF(1 << 20);
        AUTO(metastore_free) struct metastore *m = metastore_new(dir, add_line, &told);
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":5,\"base\":0,\"set\":{\"a\":{\"x\":1},\"b\":{}}}") == 1);
        sbuf_reset(&told);
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":8,\"base\":0,\"set\":{\"a\":{\"x\":2}},\"more\":true}") == 0);
        CHECK(metastore_rev(m, "env") == 5 && told.len == 0);
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":8,\"base\":8,\"set\":{\"c\":{}}}") == 1);
        const char *either[] = { "{\"topic\":\"env\",\"rev\":8,\"base\":5,\"set\":{\"a\":{\"x\":2},\"c\":{}},\"del\":[\"b\"]}\n",
                                 "{\"topic\":\"env\",\"rev\":8,\"base\":5,\"set\":{\"c\":{},\"a\":{\"x\":2}},\"del\":[\"b\"]}\n" };       /* order has no meaning */
        CHECK(str_eq(sbuf_str(&told), either[0]) || str_eq(sbuf_str(&told), either[1]));
        sbuf_reset(&told);
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":8,\"base\":0,\"set\":{\"a\":{\"x\":2},\"c\":{}}}") == 0);        /* nothing new */
        CHECK(told.len == 0);
        CHECK(take(m, "{\"topic\":\"half\",\"rev\":2,\"base\":0,\"set\":{\"z\":{}},\"more\":true}") == 0);
        metastore_drop_pieces(m);
        CHECK(take(m, "{\"topic\":\"half\",\"rev\":2,\"base\":2,\"set\":{\"y\":{}}}") == -ESTALE);
        CHECK(metastore_objects(m) == 2);
        remove_dir();
}

TEST(what_is_no_message_changes_nothing) {
        static const char *const bad[] = {
                "{}", "{\"topic\":\"\",\"rev\":1,\"base\":0,\"set\":{}}", "{\"topic\":\"../x\",\"rev\":1,\"base\":0,\"set\":{}}", "{\"topic\":\"a b\",\"rev\":1,\"base\":0}",
                "{\"topic\":\"env\",\"rev\":0,\"base\":0,\"set\":{}}", "{\"topic\":\"env\",\"rev\":-4,\"base\":5,\"set\":{}}", "{\"topic\":\"env\",\"rev\":6,\"base\":-5,\"set\":{}}",
                "{\"topic\":\"env\",\"rev\":6,\"base\":5,\"set\":{\"a\":7}}", "{\"topic\":\"env\",\"rev\":6,\"base\":5,\"set\":{\"\":{}}}",
                "{\"topic\":\"env\",\"rev\":6,\"base\":5,\"set\":{\"n\":{}},\"del\":[1]}",
        };
        make_dir();
        AUTO(metastore_free) struct metastore *m = metastore_new(dir, NULL, NULL);
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":5,\"base\":0,\"set\":{\"a\":{\"x\":1}}}") == 1);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                int r = take(m, bad[i]);
                CHECK(r < 0 && r != -ESTALE);
                CHECK(metastore_rev(m, "env") == 5 && metastore_objects(m) == 1);
        }
        remove_dir();
}

TEST(the_disk_gives_it_back_and_damage_is_dropped) {
        make_dir();
        auto_sbuf struct sbuf first = SBUF(1 << 20), again = SBUF(1 << 20);
        AUTO(metastore_free) struct metastore *m = metastore_new(dir, NULL, NULL);
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":5,\"base\":0,\"set\":{\"a\":{\"x\":\"ü\\n\"},\"b\":{}}}") == 1);
        CHECK(take(m, "{\"topic\":\"stack/-\",\"rev\":7,\"base\":0,\"set\":{\"c\":{}}}") == 1);
        CHECK(metastore_save(m, 5000) == UINT64_MAX);
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":6,\"base\":5,\"set\":{\"b\":{\"y\":1}}}") == 1);
        uint64_t next = metastore_save(m, 5001);        /* a moment later: not yet */
        CHECK(next > 5001 && next != UINT64_MAX);
        CHECK(metastore_save(m, next) == UINT64_MAX);
        metastore_write(m, NULL, add_line, &first);
        {
                AUTO(metastore_free) struct metastore *n = metastore_new(dir, NULL, NULL);
                CHECK(metastore_rev(n, "env") == 6 && metastore_rev(n, "stack/-") == 7 && metastore_objects(n) == 3);
        }
        auto_free char *path = dr_xasprintf("%s/env.json", dir);
        CHECK(truncate(path, 30) == 0);
        {
                AUTO(metastore_free) struct metastore *n = metastore_new(dir, NULL, NULL);
                CHECK(metastore_rev(n, "env") == 0 && metastore_rev(n, "stack/-") == 7);
                CHECK(take(n, "{\"topic\":\"stack/-\",\"rev\":0,\"gone\":true}") == 1);
                CHECK(take(n, "{\"topic\":\"stack/-\",\"rev\":0,\"gone\":true}") == 0);
                CHECK(metastore_objects(n) == 0);
        }
        {
                AUTO(metastore_free) struct metastore *n = metastore_new(dir, NULL, NULL);
                CHECK(metastore_objects(n) == 0);
        }
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":5,\"base\":6,\"del\":[\"a\"]}") == 1);
        metastore_clear(m);
        metastore_write(m, NULL, add_line, &again);
        CHECK(again.len == 0);
        remove_dir();
}

/* A follower that applies every line is another store with the same content, whatever comes and however it is cut. */
static void follow(void *arg, const char *line, size_t len) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err;
        CHECK(json_parse(line, len, 16 << 20, &o, &err) == 0);
        CHECK(metastore_take(arg, o, &err) >= 0);
}

static int same(const struct metastore *a, const struct metastore *b) {
        auto_sbuf struct sbuf lines = SBUF(1 << 20);
        AUTO(json_free) struct json_object *ra = metastore_revisions(a);
        AUTO(json_free) struct json_object *rb = metastore_revisions(b);
        metastore_write(a, rb, add_line, &lines);
        return lines.len == 0 && json_equal(ra, rb) && metastore_objects(a) == metastore_objects(b);
}

TEST(followers_have_what_the_store_has) {
        struct rng rng;
        rng_seed(&rng, 7);
        make_dir();
        auto_free char *other = dr_xasprintf("%s/other", dir);
        AUTO(metastore_free) struct metastore *f = metastore_new(other, NULL, NULL);
        AUTO(metastore_free) struct metastore *m = metastore_new(dir, follow, f);
        for (unsigned rev = 1; rev < 3000; rev++) {
                static const char *const topics[] = { "env", "stack/a", "stack/b" };
                const char *topic = topics[rng_below(&rng, 3)];
                unsigned long long base = rng_chance(&rng, 150) ? 0 : metastore_rev(m, topic);
                unsigned k = (unsigned) rng_below(&rng, 12), d = (unsigned) rng_below(&rng, 12);
                bool gone = rng_chance(&rng, 20), more = !gone && !base && rng_chance(&rng, 300);
                auto_free char *text = gone ? dr_xasprintf("{\"topic\":\"%s\",\"rev\":0,\"gone\":true}", topic)
                        : dr_xasprintf("{\"topic\":\"%s\",\"rev\":%u,\"base\":%llu,\"set\":{\"k%u\":{\"v\":%u}},\"del\":[\"k%u\"],\"more\":%s}", topic, rev, base, k,
                                       (unsigned) rng_below(&rng, 4), k == d ? d + 1 : d, more ? "true" : "false");
                CHECK(take(m, text) >= 0);
                if (more && rng_chance(&rng, 500)) {
                        auto_free char *rest = dr_xasprintf("{\"topic\":\"%s\",\"rev\":%u,\"base\":%u,\"set\":{\"k%u\":{}}}", topic, rev, rev, d + 20);
                        CHECK(take(m, rest) >= 0);
                }
                if (rng_chance(&rng, 20))
                        metastore_drop_pieces(m);
                CHECK(same(m, f));
        }
        remove_dir();
}

/* ---- socket ---- */
static int dial(const char *path) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0 && connect(fd, (struct sockaddr *) &at, sizeof at) == 0);
        return fd;
}

/* What comes until it holds `want`, or the end. */
static void read_until(struct loop *l, int fd, const char *want, struct sbuf *ret) {
        char buf[65536];
        for (;;) {
                (void) loop_turn(l, false);
                ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
                if (n > 0)
                        sbuf_add(ret, buf, (size_t) n);
                if (n == 0 || (n < 0 && errno != EAGAIN) || (want && ret->len && strstr(sbuf_str(ret), want)))
                        return;
        }
}

TEST(services_follow_on_the_socket) {
        static const char hello[] = "{\"resume\":{\"env\":5,\"old\":3}}\n", all[] = "{\"resume\":{}}\n", change[] = "{\"topic\":\"env\",\"rev\":6,\"base\":5,\"set\":{},\"del\":[]}";
        make_dir();
        auto_free char *path = dr_xasprintf("%s/metadata.sock", dir);
        AUTO(loop_free) struct loop *l = loop_new();
        AUTO(metastore_free) struct metastore *m = metastore_new(dir, NULL, NULL);
        struct metasocket *s = NULL;
        struct stat st;
        CHECK(take(m, "{\"topic\":\"env\",\"rev\":5,\"base\":0,\"set\":{\"a\":{\"x\":1}}}") == 1);
        CHECK(metasocket_new(l, path, m, &s, NULL) == 0);
        CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0660);
        int knows = dial(path), new = dial(path), rude = dial(path), silent = dial(path);
        auto_sbuf struct sbuf a = SBUF(1 << 20), b = SBUF(1 << 20), c = SBUF(1 << 20);
        CHECK(send(knows, hello, strlen(hello), 0) > 0 && send(new, all, strlen(all), 0) > 0 && send(rude, "GET / HTTP/1.1\n", 15, 0) > 0);
        read_until(l, knows, "{\"sync\":true}\n", &a);
        CHECK_STR(sbuf_str(&a), ==, "{\"topic\":\"old\",\"rev\":0,\"gone\":true}\n{\"sync\":true}\n");
        read_until(l, new, "{\"sync\":true}\n", &b);
        CHECK_STR(sbuf_str(&b), ==, "{\"topic\":\"env\",\"rev\":5,\"base\":0,\"set\":{\"a\":{\"x\":1}},\"del\":[]}\n{\"sync\":true}\n");
        read_until(l, rude, NULL, &c);
        CHECK(c.len == 0 && metasocket_clients(s) == 3);
        sbuf_reset(&a);
        metasocket_tell(s, change, strlen(change));
        read_until(l, knows, "\n", &a);
        CHECK(a.len == strlen(change) + 1);
        CHECK(recv(silent, (char[16]) { 0 }, 16, MSG_DONTWAIT) < 0);    /* it has not asked */
        close(silent);
        /* `new` reads nothing more: it is cut off when too much waits, and the other one gets all. */
        auto_free char *large = dr_xmalloc(1 << 20);
        memset(large, 'x', 1 << 20);
        for (int i = 0; i < 70; i++) {
                metasocket_tell(s, large, 1 << 20);
                auto_sbuf struct sbuf got = SBUF(2 << 20);
                read_until(l, knows, "\n", &got);
                CHECK(got.len == (1 << 20) + 1);
        }
        CHECK(metasocket_clients(s) == 1);
        close(knows);
        close(new);
        close(rude);
        metasocket_free(s);
        CHECK(stat(path, &st) < 0);
        while (loop_turn(l, false))
                ;
        remove_dir();
}

TEST_MAIN("node/metastore")
