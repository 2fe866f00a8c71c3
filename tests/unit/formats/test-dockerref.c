#include "check.h"
#include "formats/dockerref.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(references_split_into_server_path_tag_and_digest) {
        static const struct { const char *in, *server, *path, *tag, *digest, *full; } rows[] = {
                { "nginx", "index.docker.io", "nginx", "", "", "nginx:latest" },
                { "nginx:1.11", "index.docker.io", "nginx", "1.11", "", "nginx:1.11" },
                { "rancher/agent:v1.2.11", "index.docker.io", "rancher/agent", "v1.2.11", "", "rancher/agent:v1.2.11" },
                { "localhost/x", "localhost", "x", "", "", "localhost/x:latest" },
                { "localhost:5000/a/b-c:t", "localhost:5000", "a/b-c", "t", "", "localhost:5000/a/b-c:t" },
                { "reg.example.com/a__b.c:T_1", "reg.example.com", "a__b.c", "T_1", "", "reg.example.com/a__b.c:T_1" },
                { "a@sha256:" HEX64, "index.docker.io", "a", "", "sha256:" HEX64, "a@sha256:" HEX64 },
                { "q.io/a/b:t@sha256:" HEX64, "q.io", "a/b", "t", "sha256:" HEX64, "q.io/a/b:t@sha256:" HEX64 },
                { "drover-demo/web:1", "index.docker.io", "drover-demo/web", "1", "", "drover-demo/web:1" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct dockerref r;
                struct dr_error err = { 0 };
                CHECK_OK(dockerref_parse(rows[i].in, &r, &err), &err);
                CHECK_STR(r.server, ==, rows[i].server);
                CHECK_STR(r.path, ==, rows[i].path);
                CHECK_STR(r.tag, ==, rows[i].tag);
                CHECK_STR(r.digest, ==, rows[i].digest);
                char full[DOCKERREF_CHARS_MAX + 1];
                dockerref_format(&r, full, sizeof full);
                CHECK_STR(full, ==, rows[i].full);
        }
}

TEST(text_that_is_no_reference_is_refused) {
        static const char *const rows[] = {
                "", ":tag", "a:", "Nginx", "a/B", "a//b", "a/", "/a", "a b", "-a", "a-", "a..b", "a:t/x:", "a:.t", "a@", "a@sha256:12",
                ("a@sha256:" HEX64 "0"), ("a@:" HEX64), "a$b", "re g.io/x",
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct dockerref r = { .tag = "kept" };
                struct dr_error err = { 0 };
                int result = dockerref_parse(rows[i], &r, &err);
                if (result >= 0)
                        print_error("row \"%s\"\n", rows[i]);
                CHECK_INT(result, <, 0);
                CHECK_INT(err.code, ==, DR_E_INVALID_FORMAT);
                CHECK_STR(r.tag, ==, "kept");
        }
}

TEST(the_server_is_found_in_any_text_by_the_rule_of_the_agent) {
        static const struct { const char *in, *server; } rows[] = {
                { "a/b", "index.docker.io" }, { "a.b", "index.docker.io" }, { "a.b/c", "a.b" }, { "h:1/c", "h:1" }, { "localhost/c", "localhost" },
                { "LOCALHOST/c", "index.docker.io" }, { "", "index.docker.io" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char server[64];
                dockerref_server(rows[i].in, server, sizeof server);
                CHECK_STR(server, ==, rows[i].server);
        }
        CHECK_STR(dockerref_from_uuid("docker:nginx"), ==, "nginx");
        CHECK_STR(dockerref_from_uuid("nginx"), ==, "nginx");
}

TEST_MAIN("formats/dockerref")
