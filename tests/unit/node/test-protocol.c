#include "check.h"

#include "node/agent/protocol.h"

static int take(struct node_state *s, const char *text, struct dr_error *err) {
        struct server_message m;
        *err = (struct dr_error) { 0 };
        int r = server_message_parse(text, strlen(text), &m, err);
        if (r < 0)
                return r;
        r = protocol_take_desired(&m, s, err);
        server_message_done(&m);
        return r;
}

TEST(a_desired_message_becomes_entries) {
        AUTO(state_free) struct node_state *s = state_new();
        struct dr_error err;
        CHECK_OK(take(s, "{\"t\":\"desired\",\"epoch\":4,\"rev\":9,\"full\":true,\"containers\":[{\"uuid\":\"a\",\"gen\":2,\"state\":\"running\",\"stopTimeoutS\":3,"
                         "\"spec\":{\"imageUuid\":\"docker:x/y\",\"startOnce\":true}},{\"uuid\":\"b\",\"gen\":1,\"state\":\"absent\"}]}", &err), &err);
        CHECK_INT(s->epoch, ==, 4);
        CHECK_INT(s->rev, ==, 9);
        struct entry *a = state_entry(s, "a"), *b = state_entry(s, "b");
        CHECK_INT(a->record.gen, ==, 2);
        CHECK_INT(a->record.want, ==, WANT_RUNNING);
        CHECK(a->record.start_once);
        CHECK_INT(a->stop_timeout_s, ==, 3);
        CHECK_STR(a->spec, ==, "{\"imageUuid\":\"docker:x/y\",\"startOnce\":true}");
        CHECK_INT(b->record.want, ==, WANT_ABSENT);
        CHECK_INT(b->stop_timeout_s, ==, 10);
}

TEST(settings_come_with_hello_and_by_themselves) {
        static const char *const texts[] = {
                "{\"t\":\"hello\",\"version\":1,\"epoch\":1,\"nodeSha256\":\"ab\",\"images\":{\"afterS\":5}}",
                "{\"t\":\"settings\",\"epoch\":1,\"nodeSha256\":\"ab\",\"images\":{\"afterS\":5}}",
        };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                struct server_message m;
                struct dr_error err;
                CHECK_OK(server_message_parse(texts[i], strlen(texts[i]), &m, &err), &err);
                CHECK_INT(m.kind, ==, i ? SERVER_SETTINGS : SERVER_HELLO);
                CHECK_STR(m.node_sha256, ==, "ab");
                CHECK_INT(jv_i64(m.images, "afterS"), ==, 5);
                server_message_done(&m);
        }
}

TEST(a_change_touches_only_what_it_names_and_a_snapshot_removes_the_rest) {
        AUTO(state_free) struct node_state *s = state_new();
        struct dr_error err;
        CHECK_OK(take(s, "{\"t\":\"desired\",\"epoch\":1,\"rev\":1,\"full\":true,\"containers\":[{\"uuid\":\"a\",\"gen\":2,\"state\":\"running\",\"spec\":{}},"
                         "{\"uuid\":\"b\",\"gen\":2,\"state\":\"running\",\"spec\":{\"x\":1}}]}", &err), &err);
        CHECK_OK(take(s, "{\"t\":\"desired\",\"epoch\":1,\"rev\":2,\"containers\":[{\"uuid\":\"a\",\"gen\":3,\"state\":\"stopped\"}]}", &err), &err);
        CHECK_INT(state_entry(s, "a")->record.want, ==, WANT_STOPPED);
        CHECK_STR(state_entry(s, "a")->spec, ==, "{}");
        CHECK_INT(state_entry(s, "b")->record.want, ==, WANT_RUNNING);
        CHECK_OK(take(s, "{\"t\":\"desired\",\"epoch\":1,\"rev\":3,\"full\":true,\"containers\":[{\"uuid\":\"a\",\"gen\":3,\"state\":\"stopped\"}]}", &err), &err);
        CHECK_INT(state_entry(s, "b")->record.want, ==, WANT_ABSENT);
        CHECK_INT(state_entry(s, "a")->record.want, ==, WANT_STOPPED);
}

TEST(a_lower_generation_is_left_alone) {
        AUTO(state_free) struct node_state *s = state_new();
        struct dr_error err;
        CHECK_OK(take(s, "{\"t\":\"desired\",\"rev\":1,\"containers\":[{\"uuid\":\"a\",\"gen\":5,\"state\":\"stopped\"}]}", &err), &err);
        CHECK_OK(take(s, "{\"t\":\"desired\",\"rev\":2,\"containers\":[{\"uuid\":\"a\",\"gen\":4,\"state\":\"absent\"}]}", &err), &err);
        CHECK_INT(state_entry(s, "a")->record.want, ==, WANT_STOPPED);
        CHECK_INT(state_entry(s, "a")->record.gen, ==, 5);
}

TEST(a_bad_entry_leaves_the_state_as_it_was) {
        static const char *const bad[] = {
                "{}", "{\"uuid\":\"\",\"gen\":1,\"state\":\"absent\"}", "{\"uuid\":\"z\",\"state\":\"absent\"}", "{\"uuid\":\"z\",\"gen\":1,\"state\":\"paused\"}",
                "{\"uuid\":\"z\",\"gen\":-1,\"state\":\"absent\"}", "{\"uuid\":\"z\",\"gen\":1,\"state\":\"running\"}", "{\"uuid\":\"z\",\"gen\":1,\"state\":\"running\",\"spec\":[]}", "7",
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                AUTO(state_free) struct node_state *s = state_new();
                struct dr_error err;
                auto_free char *text = dr_xasprintf("{\"t\":\"desired\",\"epoch\":1,\"rev\":1,\"containers\":[{\"uuid\":\"a\",\"gen\":1,\"state\":\"absent\"},%s]}", bad[i]);
                if (take(s, text, &err) >= 0)
                        fail_msg("%s was accepted", bad[i]);
                CHECK_INT(s->entries.n, ==, 0);
                CHECK_INT(s->rev, ==, 0);
        }
}

TEST(other_messages_are_read_and_unknown_ones_ignored) {
        struct server_message m;
        struct dr_error err = { 0 };
        const char *text = "{\"t\":\"hello\",\"version\":1,\"epoch\":2,\"heartbeatMs\":250,\"hostId\":\"1h1\",\"projectUuid\":\"e\",\"new\":{}}";
        CHECK_OK(server_message_parse(text, strlen(text), &m, &err), &err);
        CHECK_INT(m.kind, ==, SERVER_HELLO);
        CHECK_INT(m.heartbeat_ms, ==, 250);
        CHECK_STR(m.project, ==, "e");
        server_message_done(&m);
        text = "{\"t\":\"hello\",\"heartbeatMs\":1}";
        CHECK_OK(server_message_parse(text, strlen(text), &m, &err), &err);
        CHECK_INT(m.heartbeat_ms, ==, 5000);
        server_message_done(&m);
        text = "{\"t\":\"request\",\"id\":\"7\",\"name\":\"container.pull\",\"data\":{\"image\":\"x\"},\"deadlineMs\":9}";
        CHECK_OK(server_message_parse(text, strlen(text), &m, &err), &err);
        CHECK_INT(m.kind, ==, SERVER_REQUEST);
        CHECK_STR(m.name, ==, "container.pull");
        server_message_done(&m);
        text = "{\"t\":\"bye\",\"reason\":\"removed\"}";
        CHECK_OK(server_message_parse(text, strlen(text), &m, &err), &err);
        CHECK_INT(m.kind, ==, SERVER_BYE);
        server_message_done(&m);
        text = "{\"t\":\"dance\"}";
        CHECK_OK(server_message_parse(text, strlen(text), &m, &err), &err);
        CHECK_INT(m.kind, ==, SERVER_OTHER);
        server_message_done(&m);
        static const char *const bad[] = { "", "null", "[]", "{}", "{\"t\":7}", "{\"t\":\"hello\"", "7" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK_INT(server_message_parse(bad[i], strlen(bad[i]), &m, &err), <, 0);
}

TEST(a_report_has_exactly_the_protocols_keys) {
        struct docker_port ports[] = { { "0.0.0.0", "tcp", 80, 8080 }, { "", "udp", 53, 0 } };
        struct docker_container c = { .id = "abc", .name = "n", .image = "x:1", .ip = "172.17.0.2", .error = "", .mounts = "[]", .state = DOCKER_RUNNING,
                                      .started_ms = 1488450030123, .ports = ports, .n_ports = 2 };
        auto_sbuf struct sbuf b = SBUF(4096);
        report_format(&(struct report) { .uuid = "u", .gen = 3, .told = TOLD_RUNNING, .c = &c }, &b);
        CHECK_STR(sbuf_str(&b), ==, "{\"uuid\":\"u\",\"gen\":3,\"state\":\"running\",\"dockerId\":\"abc\",\"ip\":\"172.17.0.2\",\"ports\":[{\"private\":80,\"public\":8080,\"proto\":\"tcp\","
                  "\"ip\":\"0.0.0.0\"},{\"private\":53,\"public\":0,\"proto\":\"udp\",\"ip\":\"\"}],\"startedAt\":1488450030123,\"finishedAt\":0,\"exitCode\":0,\"mounts\":[],\"image\":\"x:1\"}");
        sbuf_reset(&b);
        report_format(&(struct report) { .uuid = "u", .gen = 3, .told = TOLD_FAILED, .error = "no \"x\"" }, &b);
        CHECK_STR(sbuf_str(&b), ==, "{\"uuid\":\"u\",\"gen\":3,\"state\":\"failed\",\"dockerId\":\"\",\"ip\":\"\",\"ports\":[],\"startedAt\":0,\"finishedAt\":0,\"exitCode\":0,"
                  "\"error\":\"no \\\"x\\\"\",\"mounts\":[],\"image\":\"\"}");
        sbuf_reset(&b);
        report_format(&(struct report) { .uuid = "abc", .told = TOLD_STOPPED, .c = &c, .foreign = true, .labels = "{\"l\":\"1\"}", .foreign_inspect = "{\"Id\":\"abc\"}" }, &b);
        CHECK(strstr(sbuf_str(&b), ",\"foreign\":true,\"name\":\"n\",\"labels\":{\"l\":\"1\"},\"inspect\":{\"Id\":\"abc\"}}") != NULL);
}

TEST_MAIN("node/protocol")
