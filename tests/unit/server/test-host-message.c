#include "agent-side.h"
#include "check.h"
#include "formats/json.h"
#include "server/hosts/message.h"

#define UUID "00112233-4455-4677-8899-aabbccddeeff"

static int parse(const char *s, struct host_message *m, struct dr_error *err) { return host_message_parse(s, strlen(s), m, err); }

TEST(hello_is_read_with_what_was_obeyed_last) {
        struct host_message m;
        struct dr_error err;
        CHECK_OK(parse("{\"t\":\"hello\",\"version\":1,\"nodeVersion\":\"0.9\",\"epoch\":3,\"rev\":17,\"boot\":\"ab\",\"host\":{\"uuid\":\"u\"}}", &m, &err), &err);
        CHECK_INT(m.kind, ==, HOST_HELLO);
        CHECK_INT(m.version, ==, 1);
        CHECK_INT(m.epoch, ==, 3);
        CHECK_INT(m.rev, ==, 17);
        CHECK_STR(m.node_version, ==, "0.9");
        CHECK_STR(json_str(m.host, "uuid", ""), ==, "u");
        host_message_done(&m);
}

TEST(unknown_kinds_are_taken_and_named_other) {
        struct host_message m;
        struct dr_error err;
        CHECK_OK(parse("{\"t\":\"weather\",\"sun\":true}", &m, &err), &err);
        CHECK_INT(m.kind, ==, HOST_OTHER);
        host_message_done(&m);
}

TEST(a_message_that_cannot_be_trusted_is_refused_with_its_reason) {
        static const struct { const char *text, *why; } rows[] = {
                { "", "JSON" },
                { "[]", "no object" },
                { "{\"t\":7}", "no object" },
                { "{\"t\":\"hello\",\"version\":1}", "has no host" },
                { "{\"t\":\"hello\",\"version\":1,\"host\":[]}", "has no host" },
                { "{\"t\":\"observed\",\"full\":true}", "no list" },
                { "{\"t\":\"observed\",\"containers\":[{\"uuid\":\"" UUID "\",\"state\":\"dancing\"}]}", "no state" },
                { "{\"t\":\"observed\",\"containers\":[{\"uuid\":\"x\",\"state\":\"running\"}]}", "no uuid" },
                { "{\"t\":\"observed\",\"containers\":[{\"uuid\":\"" UUID "\",\"state\":\"running\",\"gen\":-1}]}", "negative" },
                { "{\"t\":\"observed\",\"containers\":[3]}", "no state" },
                { "{\"t\":\"reply\",\"data\":{}}", "which request" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct host_message m;
                struct dr_error err = { 0 };
                if (parse(rows[i].text, &m, &err) >= 0 || !strstr(err.message, rows[i].why)) {
                        print_error("%s: %s\n", rows[i].text, err.message);
                        fail();
                }
        }
}

TEST(a_foreign_container_needs_no_uuid) {
        struct host_message m;
        struct dr_error err;
        CHECK_OK(parse("{\"t\":\"observed\",\"full\":false,\"containers\":[{\"uuid\":\"\",\"state\":\"running\",\"foreign\":true,\"name\":\"x\",\"labels\":{}}]}", &m, &err), &err);
        CHECK_INT(m.n_observed, ==, 1);
        CHECK(m.observed[0].foreign);
        CHECK_STR(m.observed[0].name, ==, "x");
        host_message_done(&m);
}

TEST(what_the_agent_reports_is_what_the_server_reads) {
        auto_sbuf struct sbuf b = SBUF(65536);
        agent_report(UUID, &b);
        struct host_message m;
        struct dr_error err;
        CHECK_OK(parse(sbuf_str(&b), &m, &err), &err);
        CHECK(m.full);
        const struct observed *o = m.observed;
        char uuid[UUID_CHARS + 1];
        uuid_format(&o->uuid, uuid);
        CHECK_STR(uuid, ==, UUID);
        CHECK_INT(o->gen, ==, 4);
        CHECK_INT(o->state, ==, OBS_RUNNING);
        CHECK_INT(o->exit_code, ==, 137);
        CHECK_INT(o->started_ms, ==, 1488450030000);
        CHECK_STR(o->docker_id, ==, "d0c");
        CHECK_STR(o->ip, ==, "172.17.0.2");
        CHECK_STR(o->progress, ==, "p");
        CHECK_INT(json_int(json_object_array_get_idx(o->ports, 0), "public", 0), ==, 8080);
        host_message_done(&m);
}

TEST(each_state_that_the_agent_tells_is_known_to_the_server) {
        int n = 0;
        for (; agent_told(n); n++)
                CHECK_INT(observed_state_from_string(agent_told(n)), !=, OBS_NONE);
        CHECK_INT(n, ==, 6);
}

TEST(the_desired_state_that_the_server_writes_is_what_the_agent_obeys) {
        static const char spec_text[] = "{\"imageUuid\":\"docker:i:1\",\"startOnce\":true}", other[] = "10112233-4455-4677-8899-aabbccddeeff";
        struct text *spec = text_get(spec_text, strlen(spec_text));
        struct desired d[2] = { { .gen = 7, .state = DESIRED_RUNNING, .stop_timeout_s = 3, .spec = spec }, { .gen = 2, .state = DESIRED_STOPPED, .stop_timeout_s = 10 } };
        struct dr_error err;
        struct agent_heard m;
        struct agent_wants w;
        CHECK_INT(uuid_parse(UUID, &d[0].uuid), ==, 0);
        CHECK_INT(uuid_parse(other, &d[1].uuid), ==, 0);
        auto_sbuf struct sbuf b = SBUF(65536);
        host_desired_write(5, 9, true, d, 2, &b);
        CHECK_OK(agent_hear(sbuf_str(&b), b.len, &m, &err), &err);
        CHECK_STR(m.kind, ==, "desired");
        CHECK_INT(m.epoch, ==, 5);
        CHECK_INT(m.rev, ==, 9);
        CHECK(agent_wants(UUID, &w));
        CHECK_INT(w.gen, ==, 7);
        CHECK_STR(w.want, ==, "running");
        CHECK_INT(w.stop_timeout_s, ==, 3);
        CHECK(w.start_once);
        CHECK(agent_wants(other, &w));
        CHECK_STR(w.want, ==, "stopped");
        agent_forget();
        text_unref(spec);
}

TEST(hello_request_and_bye_are_read_by_the_agent) {
        auto_sbuf struct sbuf b = SBUF(65536);
        struct agent_heard m;
        struct dr_error err;
        host_hello_write(&(struct host_hello) { .epoch = 8, .heartbeat_ms = 2500, .host_id = "1h4", .project_uuid = "adminProject", .server_version = "1" }, &b);
        CHECK_OK(agent_hear(sbuf_str(&b), b.len, &m, &err), &err);
        CHECK_STR(m.kind, ==, "hello");
        CHECK_INT(m.epoch, ==, 8);
        CHECK_INT(m.heartbeat_ms, ==, 2500);
        CHECK_STR(m.text[0], ==, "1h4");
        CHECK_STR(m.text[1], ==, "adminProject");
        sbuf_reset(&b);
        host_settings_write(8, NULL, "{\"afterS\":5}", &b);
        CHECK_STR(sbuf_str(&b), ==, "{\"t\":\"settings\",\"epoch\":8,\"nodeSha256\":\"\",\"images\":{\"afterS\":5}}");
        sbuf_reset(&b);
        AUTO(json_free) struct json_object *data = json_object_new_object();
        host_request_write(8, "r1", "container.inspect", data, 700, &b);
        CHECK_OK(agent_hear(sbuf_str(&b), b.len, &m, &err), &err);
        CHECK_STR(m.kind, ==, "request");
        CHECK_STR(m.text[0], ==, "r1");
        CHECK_STR(m.text[1], ==, "container.inspect");
        CHECK_INT(m.deadline_ms, ==, 700);
        sbuf_reset(&b);
        host_bye_write(8, "removed", &b);
        CHECK_OK(agent_hear(sbuf_str(&b), b.len, &m, &err), &err);
        CHECK_STR(m.kind, ==, "bye");
        CHECK_STR(m.text[0], ==, "removed");
}

TEST_MAIN("server/host-message")
