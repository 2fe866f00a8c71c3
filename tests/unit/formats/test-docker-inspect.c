#include "check.h"
#include "formats/docker_inspect.h"
#include "formats/json.h"

#include <string.h>

static struct json_object *parsed(const char *text) {
        struct json_object *o = NULL;
        struct dr_error err;
        CHECK_OK(json_parse(text, strlen(text), 1 << 20, &o, &err), &err);
        return o;
}

#define INSPECT(config, host) "{\"Config\":{" config "},\"HostConfig\":{" host "}}"

TEST(each_part_of_a_description_becomes_the_field_that_made_it) {
        static const struct { const char *inspect, *field, *value; } rows[] = {
                { INSPECT("\"Cmd\":[\"sh\",\"-c\",\"a b\"]", ""), "command", "[\"sh\",\"-c\",\"a b\"]" },
                { INSPECT("\"Env\":[\"A=1\",\"B=x=y\",\"C=\",\"D\",\"=bad\"]", ""), "environment", "{\"A\":\"1\",\"B\":\"x=y\",\"C\":\"\",\"D\":\"\"}" },
                { INSPECT("\"Labels\":{\"a\":\"b\"}", ""), "labels", "{\"a\":\"b\"}" },
                { INSPECT("", "\"CapAdd\":[\"CAP_NET_ADMIN\",\"SYS_TIME\",\"ALL\"]"), "capAdd", "[\"NET_ADMIN\",\"SYS_TIME\",\"ALL\"]" },
                { INSPECT("", "\"CapDrop\":[\"CAP_MKNOD\"]"), "capDrop", "[\"MKNOD\"]" },
                { INSPECT("", "\"Memory\":67108864"), "memory", "67108864" },
                { INSPECT("", "\"Privileged\":true"), "privileged", "true" },
                { INSPECT("", "\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}"), "restartPolicy", "{\"name\":\"on-failure\",\"maximumRetryCount\":3}" },
                { INSPECT("", "\"Devices\":[{\"PathOnHost\":\"/dev/a\",\"PathInContainer\":\"/dev/b\",\"CgroupPermissions\":\"r\"}]"), "devices", "[\"/dev/a:/dev/b:r\"]" },
                { INSPECT("\"ExposedPorts\":{\"80/tcp\":{},\"81/udp\":{}}", "\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]}"), "expose", "[\"81/udp\"]" },
                { INSPECT("", "\"Binds\":[\"data:/data:ro\"]"), "dataVolumes", "[\"data:/data:ro\"]" },
                { INSPECT("\"Volumes\":{\"/data\":{},\"/own\":{}}", "\"Binds\":[\"data:/data\"]"), "dataVolumes", "[\"data:/data\",\"/own\"]" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *in = parsed(rows[i].inspect), *out = docker_inspect_fields(in);
                struct json_object *v = json_get(out, rows[i].field);
                CHECK(v);
                CHECK_STR(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), ==, rows[i].value);
        }
}

TEST(published_ports_are_named_as_they_were_asked_for) {
        static const struct { const char *ip, *public, *spec; } rows[] = {
                { "", "8080", "8080:80/tcp" }, { "0.0.0.0", "8080", "8080:80/tcp" }, { "10.0.0.1", "8080", "10.0.0.1:8080:80/tcp" },
                { "", "", "80/tcp" }, { "", "0", "80/tcp" }, { "127.0.0.1", "", "127.0.0.1::80/tcp" }, { "::1", "8080", "[::1]:8080:80/tcp" }, { "::1", "", "[::1]::80/tcp" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *text = dr_xasprintf(INSPECT("", "\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"%s\",\"HostPort\":\"%s\"}]}"), rows[i].ip, rows[i].public);
                AUTO(json_free) struct json_object *in = parsed(text), *out = docker_inspect_fields(in);
                CHECK_STR(json_object_get_string(json_object_array_get_idx(json_get_array(out, "ports"), 0)), ==, rows[i].spec);
        }
}

TEST(what_says_nothing_or_is_of_another_type_is_left_out) {
        static const char *const texts[] = {
                "{}", INSPECT("", ""), "{\"Config\":[],\"HostConfig\":\"x\"}",
                INSPECT("\"Cmd\":null,\"Env\":7,\"Labels\":[],\"User\":\"\",\"Volumes\":3,\"ExposedPorts\":[],\"Healthcheck\":null",
                        "\"CapAdd\":null,\"CapDrop\":{},\"Memory\":\"x\",\"Devices\":[1,null],\"PortBindings\":{\"80/tcp\":[7,null]},\"Binds\":{},\"Privileged\":1"),
        };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                AUTO(json_free) struct json_object *in = parsed(texts[i]), *out = docker_inspect_fields(in);
                static const char *const fields[] = { "command", "environment", "labels", "user", "capAdd", "capDrop", "memory", "devices", "privileged", "dataVolumes" };
                for (size_t f = 0; f < ARRAY_LEN(fields); f++)
                        CHECK(!json_get(out, fields[f]));
        }
}

TEST(the_network_is_the_engines_unless_a_label_of_the_platform_says_another) {
        static const struct { const char *inspect, *mode, *other; } rows[] = {
                { INSPECT("", "\"NetworkMode\":\"default\""), "bridge", NULL }, { INSPECT("", ""), "bridge", NULL },
                { INSPECT("", "\"NetworkMode\":\"host\""), "host", NULL }, { INSPECT("\"NetworkDisabled\":true", "\"NetworkMode\":\"bridge\""), "none", NULL },
                { INSPECT("", "\"NetworkMode\":\"container:abc\""), "container", "abc" },
                { INSPECT("\"Labels\":{\"io.rancher.container.network\":\"true\"}", "\"NetworkMode\":\"none\""), "managed", NULL },
                { INSPECT("\"Labels\":{\"io.rancher.container.network\":\"true\"}", "\"NetworkMode\":\"host\""), "host", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *in = parsed(rows[i].inspect);
                const char *other = "unset";
                CHECK_STR(docker_inspect_network(in, &other), ==, rows[i].mode);
                CHECK(rows[i].other ? str_eq(other, rows[i].other) : !other);
        }
}
TEST_MAIN("formats/docker-inspect")
