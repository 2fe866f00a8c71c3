#include "check.h"

#include "node/docker/json_split.h"
#include "node/docker/message.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct docker_container parsed(const char *text) {
        struct dr_error err = { 0 };
        AUTO(jv_put) json_object *o = jv_parse(text, strlen(text), 1 << 20, &err);
        struct docker_container c;
        CHECK_OK(docker_container_parse(o, &c, &err), &err);
        return c;
}

TEST(an_inspect_document_of_engine_20_is_read) {
        struct docker_container c = parsed("{\"Id\":\"" ID "\",\"Name\":\"/r-web-1\",\"Config\":{\"Image\":\"x:1\",\"Labels\":{\"io.rancher.container.uuid\":\"u1\","
                "\"io.rancher.environment.uuid\":\"e1\"}},\"State\":{\"Status\":\"running\",\"ExitCode\":0,\"StartedAt\":\"2017-03-02T10:20:30.123456789Z\","
                "\"FinishedAt\":\"0001-01-01T00:00:00Z\",\"Error\":\"\"},\"NetworkSettings\":{\"IPAddress\":\"172.17.0.2\",\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\","
                "\"HostPort\":\"8080\"},{\"HostIp\":\"::\",\"HostPort\":\"8080\"}],\"53/udp\":null},\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\"}}},"
                "\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"v\"}]}");
        CHECK_STR(c.id, ==, ID);
        CHECK_STR(c.name, ==, "r-web-1");
        CHECK_STR(c.uuid, ==, "u1");
        CHECK_STR(c.environment, ==, "e1");
        CHECK_STR(c.ip, ==, "172.17.0.2");
        CHECK_STR(c.mounts, ==, "[{\"Type\":\"volume\",\"Name\":\"v\"}]");
        CHECK_INT(c.state, ==, DOCKER_RUNNING);
        CHECK_INT(c.started_ms, ==, 1488450030123);
        CHECK_INT(c.finished_ms, ==, 0);
        CHECK_INT(c.n_ports, ==, 3);
        CHECK_INT(c.ports[1].public, ==, 8080);
        CHECK_STR(c.ports[1].ip, ==, "::");
        CHECK_INT(c.ports[2].private, ==, 53);
        CHECK_INT(c.ports[2].public, ==, 0);
        CHECK_STR(c.ports[2].proto, ==, "udp");
        docker_container_done(&c);
}

TEST(fields_that_newer_engines_dropped_are_not_missed) {
        struct docker_container c = parsed("{\"Id\":\"" ID "\",\"State\":{\"Status\":\"exited\",\"ExitCode\":137},\"NetworkSettings\":{\"Networks\":{\"none\":{},\"b\":{\"IPAddress\":\"10.0.0.9\"}}}}");
        CHECK_STR(c.ip, ==, "10.0.0.9");
        CHECK_STR(c.name, ==, "");
        CHECK_STR(c.mounts, ==, "[]");
        CHECK(c.uuid == NULL && c.environment == NULL);
        CHECK_INT(c.exit_code, ==, 137);
        CHECK_INT(c.state, ==, DOCKER_EXITED);
        docker_container_done(&c);
        c = parsed("{\"Id\":\"" ID "\"}");
        CHECK_STR(c.ip, ==, "");
        docker_container_done(&c);
}

TEST(a_document_without_a_usable_id_is_refused) {
        static const char *const texts[] = { "{}", "{\"Id\":\"xyz\"}", "{\"Id\":\"0123456789ag\"}", "{\"Id\":7}", "[]" };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct dr_error err;
                AUTO(jv_put) json_object *o = jv_parse(texts[i], strlen(texts[i]), 100, &err);
                struct docker_container c;
                CHECK_INT(docker_container_parse(o, &c, &err), <, 0);
        }
}

TEST(events_are_read_in_the_old_and_the_new_form) {
        static const struct { const char *text; int r; const char *action; } rows[] = {
                { "{\"status\":\"die\",\"id\":\"" ID "\",\"from\":\"x\",\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"" ID "\"}}", 1, "die" },
                { "{\"Type\":\"container\",\"Action\":\"exec_start: sh\",\"Actor\":{\"ID\":\"" ID "\"}}", 1, "exec_start" },
                { "{\"status\":\"start\",\"id\":\"" ID "\"}", 1, "start" },
                { "{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"" ID "\"}}", 0, NULL },
                { "{}", 0, NULL },
                { "nonsense", -EINVAL, NULL },
                { "", -EINVAL, NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct docker_event e;
                struct dr_error err;
                CHECK_INT(docker_event_parse(rows[i].text, strlen(rows[i].text), &e, &err), ==, rows[i].r);
                if (rows[i].action)
                        CHECK_STR(e.action, ==, rows[i].action);
        }
}

TEST(pull_progress_gives_text_percent_and_error) {
        struct docker_progress p;
        struct dr_error err;
        const char *text = "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":25,\"total\":100},\"id\":\"abc\"}";
        CHECK_OK(docker_progress_parse(text, strlen(text), &p, &err), &err);
        CHECK_STR(p.text, ==, "abc: Downloading");
        CHECK_INT(p.percent, ==, 25);
        text = "{\"errorDetail\":{\"message\":\"no such thing\"},\"error\":\"no such thing\"}";
        CHECK_OK(docker_progress_parse(text, strlen(text), &p, &err), &err);
        CHECK_STR(p.error, ==, "no such thing");
        CHECK_INT(p.percent, ==, -1);
}

TEST(the_highest_api_version_both_know_is_spoken) {
        static const struct { const char *api, *min; int want; } rows[] = {
                { "1.41", "1.12", 41 }, { "1.41", "", 41 }, { "1.24", "1.12", 24 }, { "1.52", "1.44", 52 }, { "1.60", "1.44", 52 }, { "1.44", "1.44", 44 },
                { "1.23", "1.12", -1 }, { "1.60", "1.53", -1 }, { "", "", -1 }, { "2.0", "1.12", -1 }, { "1.x", "1.12", -1 }, { "1.41", "x", -1 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct dr_error err;
                int r = docker_api_choose(rows[i].api, rows[i].min, &err);
                if (rows[i].want < 0 ? r >= 0 : r != rows[i].want)
                        fail_msg("%s, %s: %d", rows[i].api, rows[i].min, r);
        }
}

TEST(image_references_are_split_for_a_pull) {
        static const struct { const char *image, *repository, *tag; } rows[] = {
                { "busybox", "busybox", "latest" }, { "busybox:1", "busybox", "1" }, { "h:5000/a/b", "h:5000/a/b", "latest" }, { "h:5000/a:2", "h:5000/a", "2" },
                { "a@sha256:12", "a", "sha256:12" }, { "h:5000/a:2@sha256:12", "h:5000/a", "sha256:12" }, { "h:5000/a@sha256:12", "h:5000/a", "sha256:12" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *repository = NULL, *tag = NULL;
                docker_image_split(rows[i].image, &repository, &tag);
                CHECK_STR(repository, ==, rows[i].repository);
                CHECK_STR(tag, ==, rows[i].tag);
        }
}

TEST(registry_credentials_become_the_header) {
        struct dr_error err;
        const char *text = "{\"username\":\"u\",\"password\":\"p\",\"email\":\"\",\"serveraddress\":\"https://docker.io\"}";
        AUTO(jv_put) json_object *o = jv_parse(text, strlen(text), 1000, &err);
        auto_free char *got = docker_registry_auth(o);
        /* {"username":"u","password":"p","email":"","serveraddress":"https://index.docker.io"} */
        CHECK_STR(got, ==, "eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InAiLCJlbWFpbCI6IiIsInNlcnZlcmFkZHJlc3MiOiJodHRwczovL2luZGV4LmRvY2tlci5pbyJ9");
        CHECK(docker_registry_auth(NULL) == NULL);
}

TEST(error_bodies_give_their_message) {
        char buf[40];
        docker_error_text("{\"message\":\"No such image: x\"}", 30, buf, sizeof buf);
        CHECK_STR(buf, ==, "No such image: x");
        docker_error_text("plain words\n", 12, buf, sizeof buf);
        CHECK_STR(buf, ==, "plain words");
        docker_error_text(NULL, 0, buf, sizeof buf);
        CHECK_STR(buf, ==, "");
}

TEST(every_container_state_has_a_name) {
        for (int s = 0; s < DOCKER_STATE_MAX; s++)
                CHECK_INT(docker_state_from_string(docker_state_to_string(s)), ==, s);
        CHECK_INT(docker_state_from_string("up"), ==, -EINVAL);
}

struct gathered { char text[256]; unsigned n; };
static int gather(const char *object, size_t len, void *arg) {
        struct gathered *g = arg;
        size_t at = strlen(g->text);
        snprintf(g->text + at, sizeof g->text - at, "%.*s;", (int) len, object);
        g->n++;
        return 0;
}

TEST(a_stream_is_cut_into_objects_whatever_its_pieces) {
        const char *stream = " {\"a\":\"}{\\\"\"}\n{\"b\":[{},{\"c\":1}]}\r\n{}";
        size_t n = strlen(stream);
        for (size_t piece = 1; piece <= n; piece++) {
                struct json_split s = JSON_SPLIT(1000);
                struct gathered g = { 0 };
                struct dr_error err;
                for (size_t i = 0; i < n; i += piece)
                        CHECK_OK(json_split_feed(&s, stream + i, MIN(piece, n - i), gather, &g, &err), &err);
                CHECK_STR(g.text, ==, "{\"a\":\"}{\\\"\"};{\"b\":[{},{\"c\":1}]};{};");
                json_split_done(&s);
        }
}

TEST(a_stream_with_garbage_or_an_endless_object_is_an_error) {
        struct json_split s = JSON_SPLIT(16);
        struct gathered g = { 0 };
        struct dr_error err;
        CHECK_INT(json_split_feed(&s, "x", 1, gather, &g, &err), <, 0);
        CHECK_INT(json_split_feed(&s, "{\"0123456789012345\":1}", 22, gather, &g, &err), <, 0);
        json_split_done(&s);
        s = (struct json_split) JSON_SPLIT(16);
        CHECK_OK(json_split_feed(&s, "{\"01234567", 10, gather, &g, &err), &err);
        CHECK_INT(json_split_feed(&s, "890123456", 9, gather, &g, &err), <, 0);
        json_split_done(&s);
}

TEST_MAIN("node/message")
