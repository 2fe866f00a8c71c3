#include "check.h"
#include "cmd/drover/api_client.h"
#include "cmd/drover/join_command.h"

static struct dr_error err;

TEST(every_form_of_url_gives_the_servers_base_and_its_environment) {
        static const struct { const char *url, *base, *project; } rows[] = {
                { "http://h:8080", "http://h:8080", NULL }, { "http://h:8080/", "http://h:8080", NULL }, { "h:8080", "http://h:8080", NULL },
                { "https://h/v1", "https://h", NULL }, { "http://h/v2-beta/", "http://h", NULL }, { "http://h/v2-beta/schemas", "http://h", NULL },
                { "http://h/v1/projects/1a5", "http://h", "1a5" }, { "http://h/v2-beta/projects/1a7/schemas", "http://h", "1a7" },
                { "http://h/drover/v2-beta/projects/1a5", "http://h/drover", "1a5" }, { "http://v1/v1", "http://v1", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *base = NULL, *project = NULL;
                CHECK_OK(api_url_split(rows[i].url, &base, &project, &err), &err);
                CHECK_STR(base, ==, rows[i].base);
                CHECK(str_eq(project, rows[i].project));
        }
}

TEST(what_is_no_url_of_a_server_is_refused) {
        static const char *const bad[] = { NULL, "", "ftp://h", "http://", "http:///x", "http://a b", "http://h?x=1" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                auto_free char *base = NULL, *project = NULL;
                CHECK_INT(api_url_split(bad[i], &base, &project, &err), ==, -EINVAL);
                CHECK_STR(err.field, ==, "url");
        }
}

TEST(answers_become_sentences_with_the_apis_own_code) {
        static const struct { int status; const char *body, *message; enum dr_code code; } rows[] = {
                { 422, "{\"code\":\"NotUnique\",\"message\":null,\"fieldName\":\"name\"}", "name is already in use (422 NotUnique)", DR_E_UNPROCESSABLE },
                { 422, "{\"code\":\"MissingRequired\",\"message\":null}", "something required is missing (422 MissingRequired)", DR_E_UNPROCESSABLE },
                { 422, "{\"code\":\"InvalidState\",\"message\":\"Stack is not usable\",\"detail\":\"removing\",\"fieldName\":\"stackId\"}",
                  "Stack is not usable for field stackId: removing (422 InvalidState)", DR_E_UNPROCESSABLE },
                { 409, "{\"code\":\"DRIVER_IN_USE\",\"message\":\"in use\",\"detail\":\"1i2\"}", "in use: 1i2 (409 DRIVER_IN_USE)", DR_E_CONFLICT },
                { 401, "{\"code\":\"Unauthorized\",\"message\":\"Unauthorized\"}", "the server does not accept these keys (401)", DR_E_UNAUTHORIZED },
                { 403, "{\"code\":\"Forbidden\",\"message\":\"Forbidden\"}", "these keys may not do this (403)", DR_E_FORBIDDEN },
                { 404, NULL, "not found (404): GET /stacks/1st9", DR_E_NOT_FOUND },
                { 500, "{\"code\":\"Internal Server Error\",\"message\":null,\"detail\":null}", "the server failed (500 Internal Server Error)", DR_E_INTERNAL },
                { 503, NULL, "the server is not ready (503)", DR_E_UNAVAILABLE },
                { 418, "{\"code\":\"Teapot\",\"message\":\"short and stout\"}", "short and stout (418 Teapot)", DR_E_BAD_REQUEST },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *body = NULL;
                struct api_problem problem;
                if (rows[i].body)
                        CHECK_OK(json_parse(rows[i].body, strlen(rows[i].body), 4096, &body, &err), &err);
                CHECK_INT(api_explain(rows[i].status, body, "GET", "/stacks/1st9", &problem, &err), <, 0);
                CHECK_STR(err.message, ==, rows[i].message);
                CHECK_INT(err.code, ==, rows[i].code);
                CHECK_INT(problem.status, ==, rows[i].status);
        }
}

TEST(a_refused_action_says_what_is_possible_now) {
        static const char text[] = "{\"id\":\"1s5\",\"type\":\"service\",\"name\":\"web\",\"state\":\"active\",\"actions\":{\"deactivate\":\"u\",\"upgrade\":\"u\"}}";
        AUTO(json_free) struct json_object *o = NULL;
        AUTO(api_free) struct api *a = NULL;
        struct api_config cfg = { .url = "http://127.0.0.1:1" };
        CHECK_OK(json_parse(text, strlen(text), 4096, &o, &err), &err);
        CHECK_OK(api_new(&cfg, &a, &err), &err);
        CHECK(api_can(o, "deactivate") && !api_can(o, "activate"));
        CHECK_INT(api_action(a, o, "activate", NULL, NULL, &err), <, 0);
        CHECK_STR(err.message, ==, "cannot activate service \"web\" in state active: possible now: deactivate, upgrade");
}

TEST(a_server_that_is_not_there_is_named) {
        AUTO(api_free) struct api *a = NULL;
        AUTO(json_free) struct json_object *o = NULL;
        struct api_config cfg = { .url = "http://127.0.0.1:1" };
        CHECK_OK(api_new(&cfg, &a, &err), &err);
        CHECK_INT(api_get(a, "/projects", &o, &err), <, 0);
        CHECK(str_starts(err.message, "could not reach http://127.0.0.1:1: "));
        CHECK_INT(api_last_problem(a)->status, ==, 0);
}

TEST(the_join_command_carries_address_and_labels_in_both_forms) {
        static const char *const labels[] = { "zone=a", "disk=ssd" };
        auto_free char *a = NULL, *b = NULL, *c = NULL;
        CHECK_OK(join_command_make("curl -fsSL http://s/v1/scripts/T/join | sudo sh", "10.0.0.7", labels, 2, &a, &err), &err);
        CHECK_STR(a, ==, "curl -fsSL http://s/v1/scripts/T/join | sudo CATTLE_AGENT_IP='10.0.0.7' CATTLE_HOST_LABELS='zone=a&disk=ssd' sh");
        CHECK_OK(join_command_make("sudo docker run --rm --privileged -v /a:/a IMAGE http://s", NULL, labels, 1, &b, &err), &err);
        CHECK_STR(b, ==, "sudo docker run --rm --privileged -e CATTLE_HOST_LABELS='zone=a' -v /a:/a IMAGE http://s");
        CHECK_OK(join_command_make("curl x | sh", NULL, NULL, 0, &c, &err), &err);
        CHECK_STR(c, ==, "curl x | sh");
}

TEST(the_join_command_takes_nothing_that_a_shell_would_read) {
        static const char *const bad[] = { "x", "=v", "a='; rm -rf /'", "a=$(id)", "a=b&c=d" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                auto_free char *s = NULL;
                CHECK_INT(join_command_make("curl x | sh", NULL, &bad[i], 1, &s, &err), ==, -EINVAL);
        }
        auto_free char *s = NULL;
        CHECK_INT(join_command_make("curl x | sh", "1.2.3.4'", NULL, 0, &s, &err), ==, -EINVAL);
        CHECK_INT(join_command_make("wget x", "1.2.3.4", NULL, 0, &s, &err), ==, -EINVAL);
}

TEST_MAIN("cmd/api-client")
