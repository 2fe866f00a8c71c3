#include "engine.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "node/streams/usage.h"

#define TARGET(more) "{\"container\":\"" CONTAINER "\",\"uuid\":\"u1\"" more "}"

/* ---- the engine's socket ---- */
TEST(the_engines_socket_is_passed_on_raw_and_its_end_is_the_end) {
        struct world w = world_new(&w, NULL, NULL);
        world_open(&w, 1, "dockerSocket", "{}");
        world_puts(&w, 1, FRAME_DATA, "GET /x HTTP/1.0\r\n");
        world_puts(&w, 1, FRAME_DATA, "\r\n");
        struct conn *c = world_asked(&w, "GET /x HTTP/1.0");
        CHECK_STR(c->in.data, ==, "GET /x HTTP/1.0\r\n\r\n");
        world_puts(&w, 1, FRAME_CONTROL, "{\"eof\":true}");
        UNTIL(&w, c->eof);
        conn_puts(c, "HTTP/1.0 200 OK\r\n\r\nraw\n");
        conn_close(c);
        UNTIL_END(&w, 1, "");
        UNTIL_DATA(&w, 1, "HTTP/1.0 200 OK\r\n\r\nraw\n");
        world_done(&w);
}

/* ---- tcp ---- */
static int listen_tcp(unsigned short *ret_port) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof a;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK_INT(bind(fd, (struct sockaddr *) &a, sizeof a), ==, 0);
        CHECK_INT(listen(fd, 8), ==, 0);
        CHECK_INT(getsockname(fd, (struct sockaddr *) &a, &n), ==, 0);
        *ret_port = ntohs(a.sin_port);
        return fd;
}

TEST(a_port_of_a_container_is_reached_at_its_address_or_the_hosts) {
        static const char *const places[] = {
                ",\"HostConfig\":{\"NetworkMode\":\"host\"}",
                ",\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"IPAddress\":\"127.0.0.1\"}}}",
        };
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                struct world w = world_new(&w, NULL, NULL);
                unsigned short port;
                int listener = listen_tcp(&port), fd = -1;
                char data[200], buf[16] = "";
                w.more = places[i];
                snprintf(data, sizeof data, TARGET(",\"port\":%u"), port);
                world_open(&w, 1, "tcp", data);
                world_puts(&w, 1, FRAME_DATA, "ping");
                UNTIL(&w, (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
                UNTIL(&w, read(fd, buf, sizeof buf) == 4);
                CHECK_STR(buf, ==, "ping");
                CHECK_INT(write(fd, "pong", 4), ==, 4);
                close(fd);
                UNTIL_END(&w, 1, "");
                UNTIL_DATA(&w, 1, "pong");
                close(listener);
                world_open(&w, 2, "tcp", data);
                UNTIL_END(&w, 2, "ConnectionRefused");
                world_done(&w);
        }
}

TEST(an_address_is_only_reached_when_it_is_that_of_a_running_container) {
        struct world w = world_new(&w, NULL, NULL);
        unsigned short port;
        int listener = listen_tcp(&port), fd;
        char data[100];
        w.more = ",\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"IPAddress\":\"127.0.0.1\"}}}";
        snprintf(data, sizeof data, "{\"address\":\"127.0.0.1:%u\"}", port);
        world_open(&w, 1, "tcp", data);
        conn_answer(world_asked(&w, "/containers/json "), 200, "[{\"Id\":\"" CONTAINER "\",\"NetworkSettings\":{\"Networks\":{\"a\":null,\"b\":{\"IPAddress\":\"127.0.0.2\"}}}}]");
        UNTIL_END(&w, 1, "NotFound");
        world_open(&w, 2, "tcp", data);
        conn_answer(world_asked(&w, "/containers/json "), 200, "[{},{\"Id\":\"" CONTAINER "\",\"Labels\":{\"io.rancher.container.ip\":\"127.0.0.1/16\"}}]");
        UNTIL(&w, (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0);
        close(fd);
        UNTIL_END(&w, 2, "");
        static const char *const bad[] = { "{\"address\":\"nonsense\"}", "{\"address\":\"1.2.3.4:99999\"}", TARGET(""), TARGET(",\"port\":-1"), TARGET(",\"port\":70000") };
        for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
                world_open(&w, 10 + i, "tcp", bad[i]);
                UNTIL_END(&w, 10 + i, "InvalidFormat");
        }
        w.state = "{\"Running\":false}";
        world_open(&w, 20, "tcp", TARGET(",\"port\":80"));
        UNTIL_END(&w, 20, "NotRunning");
        close(listener);
        world_done(&w);
}

/* ---- statistics ---- */
static void put_file(const char *root, const char *path, const char *text) {
        char full[400];
        snprintf(full, sizeof full, "%s/%s", root, path);
        for (char *p = strchr(full + 1, '/'); p; p = strchr(p + 1, '/')) {
                *p = 0;
                (void) mkdir(full, 0700);
                *p = '/';
        }
        FILE *f = fopen(full, "we");
        CHECK(f);
        fputs(text, f);
        fclose(f);
}

static char root_dir[64];
static const char *make_root(const char *membership) {
        snprintf(root_dir, sizeof root_dir, "/tmp/drover-usage-XXXXXX");
        CHECK(mkdtemp(root_dir));
        put_file(root_dir, "proc/42/cgroup", membership);
        put_file(root_dir, "proc/42/net/dev", "Inter-|   Receive                                                |  Transmit\n"
                 " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
                 "    lo:     999       9    0    0    0     0          0         0      999       9    0    0    0     0       0          0\n"
                 "  eth0:     100       2    3    4    0     0          0         0      500       6    7    8    0     0       0          0\n");
        put_file(root_dir, "proc/net/dev", "h\nh\n lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\neth0: 10 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\nens1: 1 1 0 0 0 0 0 0 2 2 0 0 0 0 0 0\n"
                                         "veth12: 7000 1 0 0 0 0 0 0 7000 2 0 0 0 0 0 0\ndocker0: 7000 1 0 0 0 0 0 0 7000 2 0 0 0 0 0 0\n");
        put_file(root_dir, "proc/meminfo", "MemTotal:        1000 kB\nMemFree:  100 kB\nMemAvailable:     400 kB\n");
        put_file(root_dir, "proc/stat", "cpu  100 20 30 1000 5 6 7 8 9 0\ncpu0 60 10 20 500 0 0 0 0 0 0\ncpu1 40 10 10 500 0 0 0 0 0 0\nintr 1 2 3\n");
        put_file(root_dir, "proc/diskstats", " 8 0 sda 1 0 10 0 1 0 20 0 0 0 0\n 8 1 sda1 1 0 10 0 1 0 20 0 0 0 0\n 259 0 nvme0n1 1 0 4 0 1 0 2 0 0 0 0\n"
                                           " 259 1 nvme0n1p1 1 0 4 0 1 0 2 0 0 0 0\n 7 0 loop0 1 0 1000 0 1 0 1000 0 0 0 0\n");
        return root_dir;
}
static const char *in_root(const char *name) {
        static char path[2][100];
        static unsigned i;
        i = !i;
        snprintf(path[i], sizeof path[i], "%s/%s", root_dir, name);
        return path[i];
}
static void drop_root(void) {
        char command[100];
        snprintf(command, sizeof command, "rm -r '%s'", root_dir);
        CHECK_INT(system(command), ==, 0);
}
static const char *make_v1(void) {
        make_root("9:name=systemd:/\n7:blkio:/docker/x\n4:memory:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/\n");
        put_file(root_dir, "cg/cpu,cpuacct/docker/x/cpuacct.usage", "5000000000\n");
        put_file(root_dir, "cg/cpu,cpuacct/docker/x/cpuacct.usage_percpu", "2000000000 3000000000 \n");
        put_file(root_dir, "cg/cpu,cpuacct/docker/x/cpuacct.stat", "user 300\nsystem 200\n");
        put_file(root_dir, "cg/memory/docker/x/memory.usage_in_bytes", "4096\n");
        put_file(root_dir, "cg/blkio/docker/x/blkio.throttle.io_service_bytes", "8:0 Read 512\n8:0 Write 1024\n8:0 Sync 0\n8:0 Total 1536\nTotal 1536\n");
        return root_dir;
}

#define NET_JSON "\"network\":{\"name\":\"\",\"rx_bytes\":0,\"rx_packets\":0,\"rx_errors\":0,\"rx_dropped\":0,\"tx_bytes\":0,\"tx_packets\":0,\"tx_errors\":0,\"tx_dropped\":0," \
        "\"interfaces\":[{\"name\":\"eth0\",\"rx_bytes\":100,\"rx_packets\":2,\"rx_errors\":3,\"rx_dropped\":4,\"tx_bytes\":500,\"tx_packets\":6,\"tx_errors\":7,\"tx_dropped\":8}]}"
#define V1_JSON "\"resourceType\":\"container\",\"memLimit\":1024000,\"timestamp\":\"2026-11-25T06:00:01.000Z\"," \
        "\"cpu\":{\"usage\":{\"total\":5000000000,\"per_cpu_usage\":[2000000000,3000000000],\"user\":3000000000,\"system\":2000000000}}," \
        "\"diskio\":{\"io_service_bytes\":[{\"major\":8,\"minor\":0,\"stats\":{\"Read\":512}},{\"major\":8,\"minor\":0,\"stats\":{\"Write\":1024}}," \
        "{\"major\":8,\"minor\":0,\"stats\":{\"Sync\":0}},{\"major\":8,\"minor\":0,\"stats\":{\"Total\":1536}}]}," NET_JSON ",\"memory\":{\"usage\":4096}"

TEST(usage_of_cgroup_v1_and_v2_has_the_form_clients_know) {
        static struct usage u;
        auto_sbuf struct sbuf out = SBUF(65536);
        make_v1();
        CHECK_INT(usage_read_container(in_root("proc"), in_root("cg"), 42, &u), ==, 0);
        usage_format_container(&u, usage_host_memory(in_root("proc")), 1795586401000, &out);
        CHECK_STR(out.data, ==, V1_JSON);
        CHECK_INT(usage_read_container(in_root("proc"), in_root("cg"), 43, &u), ==, -ESRCH);
        drop_root();

        make_root("0::/outer/docker/x\n");      /* a part of the tree is mounted */
        CHECK_INT(usage_read_container(in_root("proc"), in_root("cg"), 42, &u), ==, -ESRCH);
        put_file(root_dir, "cg/docker/x/cpu.stat", "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\n");
        put_file(root_dir, "cg/docker/x/memory.current", "8192\n");
        put_file(root_dir, "cg/docker/x/io.stat", "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:32 \n");
        CHECK_INT(usage_read_container(in_root("proc"), in_root("cg"), 42, &u), ==, 0);
        sbuf_reset(&out);
        usage_format_container(&u, 1, 1795586401000, &out);
        CHECK_STR(out.data, ==, "\"resourceType\":\"container\",\"memLimit\":1,\"timestamp\":\"2026-11-25T06:00:01.000Z\",\"cpu\":{\"usage\":{\"total\":5000000,\"user\":3000000,\"system\":2000000}},"
                  "\"diskio\":{\"io_service_bytes\":[{\"major\":8,\"minor\":16,\"stats\":{\"Read\":1}},{\"major\":8,\"minor\":16,\"stats\":{\"Write\":2}},{\"major\":8,\"minor\":16,\"stats\":{\"Discard\":5}}]},"
                  NET_JSON ",\"memory\":{\"usage\":8192}");
        drop_root();
}

TEST(usage_of_the_host_is_summed_over_cpus_disks_and_interfaces_that_lead_out) {
        static struct usage u;
        auto_sbuf struct sbuf out = SBUF(65536);
        make_root("");
        long hz = sysconf(_SC_CLK_TCK);
        CHECK_INT(hz, ==, 100);
        usage_read_host(in_root("proc"), &u);
        usage_format_host(&u, 1024000, 1795586401000, &out);
        CHECK_STR(out.data, ==, "\"resourceType\":\"host\",\"memLimit\":1024000,\"timestamp\":\"2026-11-25T06:00:01.000Z\",\"cpu\":{\"usage\":{\"total\":1710000000,\"per_cpu_usage\":[900000000,600000000],"
                  "\"user\":1200000000,\"system\":300000000}},\"diskio\":{\"io_service_bytes\":[{\"major\":0,\"minor\":0,\"stats\":{\"Read\":7168,\"Write\":11264}}]},\"network\":{\"name\":\"all\",\"rx_bytes\":11,"
                  "\"rx_packets\":2,\"rx_errors\":0,\"rx_dropped\":0,\"tx_bytes\":22,\"tx_packets\":4,\"tx_errors\":0,\"tx_dropped\":0},\"memory\":{\"usage\":614400}");
        drop_root();
        usage_read_host("/nowhere", &u);                /* all that cannot be read is 0 */
        CHECK_INT(u.cpu_ns, ==, 0);
}

static json_object *last_array(struct world *w, uint32_t id) {
        struct sent *s = world_last(w, id, FRAME_DATA);
        return s ? jv_parse(s->payload, s->len, 65536, NULL) : NULL;
}

TEST(statistics_of_containers_come_as_arrays_while_they_run) {
        make_v1();
        struct world w = world_new(&w, in_root("proc"), in_root("cg"));
        w.state = "{\"Running\":true,\"Pid\":42}";
        world_open(&w, 1, "containerStats", "{\"containers\":{\"" CONTAINER "\":\"1i5\",\"aaaaaaaaaaaaaaaa\":\"1i6\",\"not made yet\":\"1i7\"}}");
        conn_answer(world_asked(&w, "/containers/aaaaaaaaaaaaaaaa/json "), 404, "{}");
        world_open(&w, 2, "containerStats", "{\"containers\":{\"" CONTAINER "\":\"1i5\"},\"raw\":true}");
        world_open(&w, 3, "hostStats", "{\"resourceId\":\"1h1\"}");
        UNTIL(&w, world_last(&w, 1, FRAME_DATA) && world_last(&w, 2, FRAME_DATA) && world_last(&w, 3, FRAME_DATA));
        AUTO(jv_put) json_object *one = last_array(&w, 1), *two = last_array(&w, 2), *host = last_array(&w, 3);
        CHECK_INT(jv_len(one), ==, 1);
        CHECK_STR(jv_str(jv_at(one, 0), "id"), ==, "1i5");
        CHECK_STR(jv_str(jv_at(one, 0), "resourceType"), ==, "container");
        CHECK_STR(jv_str(jv_at(two, 0), "id"), ==, CONTAINER);
        CHECK_STR(jv_str(jv_at(host, 0), "id"), ==, "1h1");
        CHECK_STR(jv_str(jv_at(host, 0), "resourceType"), ==, "host");
        CHECK_INT(w.inspects, ==, 1);                   /* one look for all listeners */
        world_event(&w, "die");
        w.state = "{\"Running\":false}";
        world_turns(&w, 20);
        world_forget_sent(&w);
        UNTIL(&w, world_last(&w, 3, FRAME_DATA));       /* the round went by without it */
        CHECK(!world_last(&w, 1, FRAME_DATA) && !world_last(&w, 2, FRAME_DATA));
        w.state = "{\"Running\":true,\"Pid\":42}";
        world_event(&w, "start");
        UNTIL(&w, world_last(&w, 1, FRAME_DATA));
        w.state = NULL;
        world_event(&w, "destroy");
        UNTIL_END(&w, 2, "NotFound");
        CHECK(!world_last(&w, 1, FRAME_END));
        world_input(&w, 1, FRAME_END, NULL, 0);
        world_input(&w, 3, FRAME_END, NULL, 0);
        UNTIL(&w, channels_count(w.channels) == 0);
        world_done(&w);
        drop_root();
}

TEST(a_single_container_that_is_not_there_or_does_not_run_ends_its_statistics) {
        struct world w = world_new(&w, NULL, NULL);
        w.state = "{\"Running\":false}";
        world_open(&w, 1, "containerStats", "{\"containers\":{\"" CONTAINER "\":\"1i5\"}}");
        UNTIL_END(&w, 1, "NotRunning");
        w.state = NULL;
        world_open(&w, 2, "containerStats", "{\"containers\":{\"" CONTAINER "\":\"1i5\"}}");
        UNTIL_END(&w, 2, "NotFound");
        world_open(&w, 3, "containerStats", "{\"containers\":{\"../../x\":\"1i5\"}}");
        UNTIL_END(&w, 3, "NotFound");
        world_open(&w, 4, "containerStats", "{}");
        UNTIL_END(&w, 4, "InvalidFormat");
        world_done(&w);
}

TEST(a_listener_that_does_not_keep_up_misses_rounds_and_holds_nobody_back) {
        make_v1();
        struct world w = world_new(&w, in_root("proc"), in_root("cg"));
        w.state = "{\"Running\":true,\"Pid\":42}";
        world_open(&w, 1, "hostStats", "{\"resourceId\":\"1h1\"}");
        world_open(&w, 2, "hostStats", "{\"resourceId\":\"1h2\"}");
        UNTIL(&w, world_last(&w, 2, FRAME_DATA));
        w.queued = OUT_LOW_BYTES;                       /* the connection takes nothing */
        world_forget_sent(&w);
        uint64_t end = time_mono_ms() + 2500;
        while (time_mono_ms() < end)
                world_turn(&w);
        CHECK_INT(w.sent.n, ==, 0);
        w.queued = 0;
        channels_drained(w.channels);
        world_turns(&w, 3);
        CHECK_INT(w.sent.n, ==, 2);                     /* one each, not one per round */
        world_done(&w);
        drop_root();
}

TEST_MAIN("node/stream-sources")
