#include "check.h"

#include "node/netmgr/cni_files.h"
#include "node/netmgr/etc_files.h"
#include "node/netmgr/plugin_result.h"
#include "node/json_view.h"

#include <sys/stat.h>

TEST(results_of_every_version_become_the_state_of_the_contract) {
        static const struct { const char *in, *ip, *out; } rows[] = {
                { "{\"ip4\":{\"ip\":\"10.42.1.2/16\",\"gateway\":\"10.42.0.1\",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]},\"dns\":{}}", "10.42.1.2",
                  "{\"ip4\":{\"ip\":\"10.42.1.2/16\",\"gateway\":\"10.42.0.1\",\"routes\":[{\"dst\":\"0.0.0.0/0\"}]},\"dns\":{}}" },
                { "{\"cniVersion\":\"0.3.1\",\"ips\":[{\"version\":\"6\",\"address\":\"fd00::2/64\"},{\"version\":\"4\",\"address\":\"10.9.0.2/24\",\"gateway\":\"10.9.0.1\"}]}", "10.9.0.2",
                  "{\"ip4\":{\"ip\":\"10.9.0.2/24\",\"gateway\":\"10.9.0.1\"},\"dns\":{}}" },
                { "{\"cniVersion\":\"1.1.0\",\"interfaces\":[{\"name\":\"eth0\",\"mtu\":1400}],\"ips\":[{\"address\":\"10.9.0.2/24\",\"interface\":0}]}", "10.9.0.2",
                  "{\"ip4\":{\"ip\":\"10.9.0.2/24\"},\"dns\":{}}" },
                { "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"fd00::2/64\"}]}", NULL, NULL }, { "{}", NULL, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct dr_error err = { 0 };
                auto_free char *state = NULL;
                char ip[64];
                if (plugin_result_read(rows[i].in, strlen(rows[i].in), &state, ip, &err) < 0)
                        fail_msg("%s: %s", rows[i].in, err.message);
                CHECK((state != NULL) == (rows[i].out != NULL));
                if (rows[i].out) {
                        CHECK_STR(state, ==, rows[i].out);
                        CHECK_STR(ip, ==, rows[i].ip);
                }
        }
        static const char *const bad[] = { "", "[]", "x", "{\"ips\":[{\"address\":\"10.9.0.300/24\"}]}" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                auto_free char *state = NULL;
                char ip[64];
                int r = plugin_result_read(bad[i], strlen(bad[i]), &state, ip, NULL);
                CHECK(r < 0 || !state);
        }
}

TEST(a_plugin_that_failed_is_quoted) {
        auto_free char *object = plugin_error_text("{\"code\":7,\"msg\":\"no bridge\",\"details\":\"br9\"}", 47, "noise\n", 1, 0), *line = plugin_error_text("", 0, "first\nlast words \n\n", 1, 0);
        auto_free char *silent = plugin_error_text("", 0, "", 3, 0), *killed = plugin_error_text("", 0, "\n", 0, 9);
        CHECK_STR(object, ==, "no bridge: br9");
        CHECK_STR(line, ==, "last words");
        CHECK_STR(silent, ==, "it ended with status 3 without a word");
        CHECK_STR(killed, ==, "it was killed by signal 9");
}

static void check_resolv(const char *in, const char *const *domains, bool last, const char *want) {
        auto_sbuf struct sbuf out = SBUF(ETC_BYTES_MAX), again = SBUF(ETC_BYTES_MAX);
        resolv_rewrite(in, domains, last, "169.254.169.250", &out);
        CHECK_STR(sbuf_str(&out), ==, want);
        resolv_rewrite(sbuf_str(&out), domains, last, "169.254.169.250", &again);
        CHECK_STR(sbuf_str(&again), ==, want);
}

TEST(resolv_conf_gets_domains_and_one_name_server_and_stays_so) {
        static const char *const domains[] = { "web.shop.rancher.internal", "rancher.internal", NULL };
        check_resolv("", domains, false, "search web.shop.rancher.internal rancher.internal\nnameserver 169.254.169.250\n");
        check_resolv("nameserver 8.8.8.8\nsearch corp.example\noptions ndots:2", domains, false,
                     "# nameserver 8.8.8.8\nsearch web.shop.rancher.internal rancher.internal corp.example\noptions ndots:2\nnameserver 169.254.169.250\n");
        check_resolv("nameserver 169.254.169.250\nsearch corp.example rancher.internal\n", domains, true,
                     "nameserver 169.254.169.250\nsearch corp.example rancher.internal web.shop.rancher.internal\n");
        check_resolv("search rancher.internal.example\nnameserver 127.0.0.11\n", domains, false,
                     "search web.shop.rancher.internal rancher.internal rancher.internal.example\n# nameserver 127.0.0.11\nnameserver 169.254.169.250\n");
}

TEST(a_host_name_is_added_once) {
        auto_sbuf struct sbuf out = SBUF(ETC_BYTES_MAX), again = SBUF(ETC_BYTES_MAX);
        hosts_add("127.0.0.1\tlocalhost", "10.42.1.2", "web", &out);
        CHECK_STR(sbuf_str(&out), ==, "127.0.0.1\tlocalhost\n10.42.1.2\tweb\n");
        hosts_add(sbuf_str(&out), "10.42.1.2", "web", &again);
        CHECK_STR(sbuf_str(&again), ==, sbuf_str(&out));
}

TEST(configuration_is_written_read_in_order_and_taken_back) {
        char dir[] = "/tmp/drover-cni-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        AUTO(mdata_free) struct mdata *m = mdata_new();
        struct dr_error err = { 0 };
        const char *env = "{\"topic\":\"env\",\"rev\":1,\"base\":0,\"set\":{\"environment\":{\"name\":\"e\",\"uuid\":\"env\"},\"defaultData\":{\"self\":{\"host\":{\"uuid\":\"h1\"}}},"
                          "\"host/h1\":{\"uuid\":\"h1\",\"labels\":{\"net\":\"10.9.0.0/24\"}},\"network/n\":{\"uuid\":\"n\",\"name\":\"two\",\"environment_uuid\":\"env\",\"is_default\":true,\"metadata\":"
                          "{\"cniConfig\":{\"20-b.conf\":{\"type\":\"b\",\"ipam\":{\"subnet\":\"__host_label__ : net \"}},\"10-a.conf\":{\"type\":\"a\",\"x\":\"__host_label__: none\"},\"../bad.conf\":{\"type\":\"c\"}}}},"
                          "\"network/m\":{\"uuid\":\"m\",\"name\":\"../evil\",\"environment_uuid\":\"env\",\"metadata\":{\"cniConfig\":{\"x.conf\":{\"type\":\"c\"}}}}}}";
        CHECK_INT(mdata_apply_text(m, env, strlen(env), &err), ==, 1);
        CHECK_INT(cni_files_write(dir, m, &err), >, 0);
        CHECK_INT(cni_files_write(dir, m, &err), ==, 0);
        cni_file_list l;
        CHECK_INT(cni_files_read(dir, "managed", &l, &err), ==, 0);
        CHECK_INT(l.n, ==, 2);
        CHECK_STR(l.v[0].name, ==, "10-a.conf");
        CHECK_STR(l.v[0].type, ==, "a");
        AUTO(jv_put) json_object *b = jv_parse(l.v[1].text, strlen(l.v[1].text), 4096, &err), *a = jv_parse(l.v[0].text, strlen(l.v[0].text), 4096, &err);
        CHECK_STR(jv_str(jv_obj(b, "ipam"), "subnet"), ==, "10.9.0.0/24");
        CHECK_STR(jv_str(a, "x"), ==, "");
        cni_files_done(&l);
        const char *change = "{\"topic\":\"env\",\"rev\":2,\"base\":1,\"set\":{\"network/n\":{\"uuid\":\"n\",\"name\":\"two\",\"environment_uuid\":\"env\",\"metadata\":{\"cniConfig\":{\"20-b.conf\":{\"type\":\"b\"}}}}}}";
        CHECK_INT(mdata_apply_text(m, change, strlen(change), &err), ==, 1);
        CHECK_INT(cni_files_write(dir, m, &err), >, 0);
        CHECK_INT(cni_files_read(dir, "two", &l, &err), ==, 0);
        CHECK_INT(l.n, ==, 1);
        cni_files_done(&l);
        CHECK_INT(cni_files_read(dir, "three", &l, &err), ==, -ENOENT);
        CHECK_INT(cni_files_read(dir, "../..", &l, &err), ==, -ENOENT);
        auto_free char *evil = dr_xasprintf("%s/../evil.d", dir), *clear = dr_xasprintf("rm -r %s", dir);
        CHECK_INT(access(evil, F_OK), <, 0);
        CHECK_INT(system(clear), ==, 0);
}

TEST_MAIN("node/netmgr/files")
