#include "check.h"
#include "base/file.h"

#include "node/agent/hostinfo.h"
#include "node/agent/state.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(labels_are_read_as_a_url_query) {
        static const struct { const char *text, *want; } rows[] = {
                { NULL, "{}" }, { "", "{}" }, { "&&", "{}" }, { "=v", "{}" }, { "a=b", "{\"a\":\"b\"}" }, { "a", "{\"a\":\"\"}" }, { "a=b&c=d=e", "{\"a\":\"b\",\"c\":\"d=e\"}" },
                { "a=1&a=2", "{\"a\":\"1\"}" }, { "a+=+b%20", "{\"a\":\"b\"}" }, { "a%3Db=c%26d", "{\"a=b\":\"c&d\"}" }, { "%zz=1&b=2", "{\"b\":\"2\"}" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(jv_put) json_object *o = hostinfo_labels_parse(rows[i].text);
                CHECK_STR(jv_print(o), ==, rows[i].want);
        }
}

TEST(versions_are_cut_to_two_numbers) {
        static const struct { const char *text, *want; } rows[] = {
                { "20.10.24+dfsg1", "20.10" }, { "6.1.0-9-amd64", "6.1" }, { "17.03", "17.03" }, { "", "" }, { "5", "" }, { "v5.1", "" }, { "5.x", "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char buf[32];
                hostinfo_two_part(rows[i].text, buf, sizeof buf);
                CHECK_STR(buf, ==, rows[i].want);
        }
}

TEST(search_domains_are_those_of_the_last_line_that_names_some) {
        static const struct { const char *text, *want; } rows[] = {
                { "", "" }, { "nameserver 1.1.1.1\n", "" }, { "search a.b c\n", "a.b,c," }, { "domain a\nsearch b c\n", "b,c," }, { "search a\ndomain b", "b," },
                { "  search\ta\t b # c\n", "a,b," }, { "searching x\n#search y\n", "" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char **list = hostinfo_search_domains(rows[i].text);
                char got[128] = "";
                for (size_t k = 0; list[k]; k++)
                        snprintf(got + strlen(got), sizeof got - strlen(got), "%s,", list[k]);
                CHECK_STR(got, ==, rows[i].want);
        }
}

static void put(const char *dir, const char *name, const char *text) {
        auto_free char *path = dr_xasprintf("%s/%s", dir, name);
        struct dr_error err = { 0 };
        CHECK_OK(file_replace(path, text, strlen(text), 0600, &err), &err);
}

TEST(a_host_is_described_from_proc_and_the_engine) {
        char dir[] = "/tmp/drover-test-proc-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        put(dir, "stat", "cpu  30 0 30 140 0 0 0 0\ncpu0 10 0 10 80 0 0 0 0 0 0\ncpu1 20 0 20 60 0 0 0 0 0 0\nintr 1\n");
        put(dir, "cpuinfo", "processor\t: 0\nmodel name\t: Great CPU\ncpu MHz\t\t: 2500.5\n");
        put(dir, "loadavg", "0.10 0.20 0.30 1/2 3\n");
        put(dir, "meminfo", "MemTotal:       2048000 kB\nMemFree:        1024000 kB\nSwapTotal:      10240 kB\nSwapFree:       2048 kB\nCached: x kB\n");
        put(dir, "mounts", "proc /proc proc rw 0 0\n");
        struct dr_error err;
        const char *info_text = "{\"Driver\":\"overlay2\",\"DriverStatus\":[[\"Backing Filesystem\",\"extfs\"],[7]],\"OperatingSystem\":\"Debian\",\"DockerRootDir\":\"/\"}";
        AUTO(jv_put) json_object *engine = jv_parse(info_text, strlen(info_text), 4096, &err);
        struct hostinfo h = { 0 };
        struct hostinfo_input in = { .proc = dir, .engine_info = engine, .engine_version = "20.10.24", .engine_build = "abc", .host_labels = "a=b", .scheduler_ips = "1.2.3.4",
                                     .memory_override = "12x", .milli_cpu_override = "500", .local_storage_mb_override = "9" };
        for (int round = 0; round < 2; round++) {
                auto_sbuf struct sbuf out = SBUF(1 << 16);
                sbuf_putc(&out, '{');
                hostinfo_format(&h, &in, &out);
                sbuf_putc(&out, '}');
                AUTO(jv_put) json_object *o = jv_parse(out.data, out.len, 1 << 16, &err);
                CHECK(o != NULL);
                json_object *cpu = jv_obj(jv_obj(o, "info"), "cpuInfo"), *memory = jv_obj(jv_obj(o, "info"), "memoryInfo");
                CHECK_INT(jv_i64(cpu, "count"), ==, 2);
                CHECK_STR(jv_str(cpu, "modelName"), ==, "Great CPU");
                CHECK_STR(jv_print(jv_arr(cpu, "cpuCoresPercentages")), ==, round ? "[50.00,25.00]" : "[0.00,0.00]");
                CHECK_STR(jv_print(jv_arr(cpu, "loadAvg")), ==, "[\"0.10\",\"0.20\",\"0.30\"]");
                CHECK_INT(jv_i64(memory, "memTotal"), ==, 2000);
                CHECK_INT(jv_i64(memory, "swapCached"), ==, 8);
                CHECK_INT(jv_i64(memory, "cached"), ==, 0);
                CHECK_INT(jv_i64(o, "memory"), ==, INT64_C(2000) << 20);        /* an override that is no number is ignored */
                CHECK_INT(jv_i64(o, "milliCpu"), ==, 500);
                CHECK_INT(jv_i64(o, "localStorageMb"), ==, 9);
                CHECK_STR(jv_print(jv_obj(o, "createLabels")), ==, "{\"a\":\"b\",\"io.rancher.scheduler.ips\":\"1.2.3.4\"}");
                CHECK_STR(jv_str(jv_obj(o, "labels"), "io.rancher.host.docker_version"), ==, "20.10");
                CHECK_STR(jv_str(jv_obj(jv_obj(o, "info"), "osInfo"), "dockerVersion"), ==, "Docker version 20.10.24, build abc");
                CHECK_STR(jv_print(jv_obj(jv_obj(jv_obj(o, "info"), "diskInfo"), "dockerStorageDriverStatus")), ==, "{\"Backing Filesystem\":\"extfs\"}");
                put(dir, "stat", "cpu  1\ncpu0 20 0 20 100 0 0 0 0 0 0\ncpu1 30 0 20 90 0 0 0 0 0 0\n");
        }
        hostinfo_done(&h);
        static const char *const names[] = { "stat", "cpuinfo", "loadavg", "meminfo", "mounts" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                auto_free char *path = dr_xasprintf("%s/%s", dir, names[i]);
                unlink(path);
        }
        rmdir(dir);
}

TEST(a_hosts_key_is_made_once_and_shown_with_the_header_that_clients_know) {
        char dir[] = "/tmp/drover-test-key-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        auto_free char *first = hostinfo_host_key(dir), *second = hostinfo_host_key(dir), *path = dr_xasprintf("%s/.host_key", dir);
        CHECK(first && str_starts(first, "-----BEGIN RSA PUBLIC KEY-----\n"));
        CHECK(strstr(first, "-----END RSA PUBLIC KEY-----") != NULL);
        CHECK_STR(second, ==, first);
        struct stat st;
        CHECK(stat(path, &st) == 0);
        CHECK_INT(st.st_mode & 0777, ==, 0600);
        unlink(path);
        rmdir(dir);
}

TEST(the_keys_of_info_are_all_there) {
        struct hostinfo h = { 0 };
        struct hostinfo_input in = { .engine_version = "", .engine_build = "", .host_key = "PEM", .node_sha256 = "ab", .upgrade_error = "why" };
        auto_sbuf struct sbuf out = SBUF(1 << 18);
        struct dr_error err;
        sbuf_putc(&out, '{');
        hostinfo_format(&h, &in, &out);
        sbuf_putc(&out, '}');
        AUTO(jv_put) json_object *o = jv_parse(out.data, out.len, 1 << 18, &err);
        static const char *const keys[] = { "cpuInfo", "memoryInfo", "osInfo", "diskInfo", "iopsInfo", "hostKey", "agentInfo" };
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                CHECK(jv_obj(jv_obj(o, "info"), keys[i]) != NULL);
        json_object *cloud;
        CHECK(json_object_object_get_ex(jv_obj(o, "info"), "cloudProvider", &cloud) && !cloud);
        CHECK_STR(jv_str(jv_obj(jv_obj(o, "info"), "hostKey"), "data"), ==, "PEM");
        CHECK_STR(jv_str(jv_obj(jv_obj(o, "info"), "agentInfo"), "upgradeError"), ==, "why");
        hostinfo_done(&h);
}

TEST(a_host_without_any_of_its_files_is_described_by_zeros) {
        struct hostinfo h = { 0 };
        struct hostinfo_input in = { .proc = "/tmp/drover-no-such-folder", .engine_version = "", .engine_build = "" };
        auto_sbuf struct sbuf out = SBUF(1 << 16);
        struct dr_error err;
        sbuf_putc(&out, '{');
        hostinfo_format(&h, &in, &out);
        sbuf_putc(&out, '}');
        AUTO(jv_put) json_object *o = jv_parse(out.data, out.len, 1 << 16, &err);
        CHECK(o != NULL);
        CHECK_INT(jv_i64(o, "memory"), ==, 0);
        hostinfo_done(&h);
}

TEST_MAIN("node/hostinfo")
