#include "api-fixture.h"

#define P "/v2-beta/projects/1a5"

TEST(ping_is_answered_outside_the_api) {
        struct api_fix f = fix_new();
        CHECK_INT(ask(&f, "GET", "/ping", NULL), ==, 200);
        CHECK_STR(f.text, ==, "pong");
        fix_done(&f);
}

TEST(a_created_stack_is_found_listed_and_filtered) {
        struct api_fix f = fix_new();
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 201);
        CHECK_STR(field(&f, "id"), ==, "1st1");
        CHECK_STR(field(&f, "type"), ==, "stack");
        CHECK_STR(field(&f, "accountId"), ==, "1a5");
        CHECK_STR(json_str(json_get(f.body, "links"), "self", NULL), ==, "http://srv:8080" P "/stacks/1st1");
        CHECK_STR(http_headers_get(&f.headers, "X-API-Schemas"), ==, "http://srv:8080" P "/schemas");
        CHECK_INT(ask(&f, "GET", P "/Stack/1st1", NULL), ==, 200);
        CHECK_STR(field(&f, "name"), ==, "web");
        CHECK_INT(ask(&f, "GET", P "/stacks?name=web", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 1);
        CHECK_INT(ask(&f, "GET", P "/stacks?name_ne=web", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 0);
        CHECK_INT(ask(&f, "GET", P "/stacks?id=9st1", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 0);
        CHECK_INT(ask(&f, "GET", "/v1/environments/1e1", NULL), ==, 200);
        CHECK_STR(field(&f, "id"), ==, "1e1");
        CHECK_STR(field(&f, "type"), ==, "environment");
        fix_done(&f);
}

TEST(errors_have_their_codes) {
        static const struct { const char *method, *target, *body; int status; const char *code, *field_name; } rows_[] = {
                { "POST", P "/stacks", "{", 400, "InvalidBodyContent", NULL },
                { "POST", P "/stacks", "{}", 422, "MissingRequired", "name" },
                { "POST", P "/stacks", "{\"name\":\"a b\"}", 422, "InvalidCharacters", "name" },
                { "GET", P "/stacks/1st99", NULL, 404, "Not Found", NULL },
                { "GET", P "/nothings", NULL, 404, "Not Found", NULL },
                { "GET", P "/stacks/5", NULL, 404, "Not Found", NULL },
                { "GET", "/v2-beta/projects/1a99/stacks", NULL, 403, "Forbidden", NULL },
                { "DELETE", P "/stacks", NULL, 405, "Method not allowed", NULL },
                { "PATCH", P "/stacks", NULL, 405, "Method not allowed", NULL },
                { "POST", P "/stacks/1st99?action=fly", NULL, 422, "InvalidAction", "action" },
                { "POST", P "/services", "{\"name\":\"x\",\"stackId\":\"1st77\"}", 422, "InvalidReference", "stackId" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
                struct api_fix f = fix_new();
                int status = ask(&f, rows_[i].method, rows_[i].target, rows_[i].body);
                if (status != rows_[i].status || !str_eq(field(&f, "code"), rows_[i].code) || !str_eq(field(&f, "fieldName"), rows_[i].field_name))
                        print_error("%s %s: %s\n", rows_[i].method, rows_[i].target, f.text);
                CHECK_INT(status, ==, rows_[i].status);
                CHECK_STR(field(&f, "code"), ==, rows_[i].code);
                CHECK(str_eq(field(&f, "fieldName"), rows_[i].field_name));
                CHECK_STR(field(&f, "type"), ==, "error");
                fix_done(&f);
        }
}

TEST(a_list_is_paged_by_marker) {
        struct api_fix f = fix_new();
        for (int i = 0; i < 5; i++) {
                char body[64];
                snprintf(body, sizeof body, "{\"name\":\"s%d\"}", i);
                CHECK_INT(ask(&f, "POST", P "/stacks", body), ==, 201);
        }
        CHECK_INT(ask(&f, "GET", P "/stacks?limit=2&sort=name&order=desc", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 2);
        CHECK_STR(json_str(row(&f, 0), "name", NULL), ==, "s4");
        auto_free char *next = dr_xstrdup(json_str(json_get(f.body, "pagination"), "next", ""));
        CHECK(strstr(next, "marker=m2"));
        CHECK_INT(ask(&f, "GET", next + strlen("http://srv:8080"), NULL), ==, 200);
        CHECK_STR(json_str(row(&f, 0), "name", NULL), ==, "s2");
        CHECK_INT(ask(&f, "GET", P "/stacks?limit=2&marker=m4", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 1);
        CHECK(json_get(json_get(f.body, "pagination"), "next") == NULL);
        fix_done(&f);
}

TEST(a_service_shows_its_links_ids_and_launch_config) {
        struct api_fix f = fix_new();
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 201);
        CHECK_INT(ask(&f, "POST", P "/services", "{\"name\":\"a\",\"stackId\":\"1st1\",\"launchConfig\":{\"imageUuid\":\"docker:x\",\"ports\":[\"80:8080\"]}}"), ==, 201);
        CHECK_STR(field(&f, "id"), ==, "1s1");
        CHECK_STR(field(&f, "stackId"), ==, "1st1");
        CHECK_STR(json_object_get_string(json_object_array_get_idx(json_get_array(json_get(f.body, "launchConfig"), "ports"), 0)), ==, "80:8080/tcp");
        CHECK_INT(ask(&f, "POST", P "/services", "{\"name\":\"A\",\"stackId\":\"1st1\",\"launchConfig\":{\"imageUuid\":\"docker:x\"}}"), ==, 422);
        CHECK_STR(field(&f, "code"), ==, "NotUnique");
        CHECK_INT(ask(&f, "POST", P "/services", "{\"name\":\"b\",\"stackId\":\"1st1\",\"launchConfig\":{\"imageUuid\":\"docker:x\"}}"), ==, 201);
        CHECK_INT(ask(&f, "POST", P "/services/1s1?action=setservicelinks", "{\"serviceLinks\":[{\"serviceId\":\"1s2\",\"name\":\"db\"}]}"), ==, 200);
        CHECK_STR(json_str(json_get(f.body, "linkedServices"), "db", NULL), ==, "1s2");
        CHECK_INT(ask(&f, "GET", P "/stacks/1st1/services?include=stack", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 2);
        CHECK_STR(json_str(json_get(row(&f, 0), "stack"), "id", NULL), ==, "1st1");
        fix_done(&f);
}

TEST(views_of_a_container_have_stable_ids_and_are_found_by_link) {
        struct api_fix f = fix_new();
        CHECK_INT(ask(&f, "POST", P "/containers", "{\"imageUuid\":\"docker:x\",\"name\":\"c\",\"ports\":[\"80:8080\",\"53\"],\"startOnCreate\":false,"
                      "\"labels\":{\"a\":\"b\"}}"), ==, 201);
        CHECK_STR(field(&f, "id"), ==, "1i1");
        CHECK_INT(ask(&f, "GET", P "/containers/1i1/ports", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 1);
        CHECK_STR(json_str(row(&f, 0), "instanceId", NULL), ==, "1i1");
        CHECK_INT(json_int(row(&f, 0), "publicPort", 0), ==, 80);
        auto_free char *url = dr_xasprintf(P "/ports/%s", json_str(row(&f, 0), "id", ""));
        CHECK_INT(ask(&f, "GET", url, NULL), ==, 200);
        CHECK_INT(json_int(f.body, "privatePort", 0), ==, 8080);
        CHECK_INT(ask(&f, "GET", P "/containers/1i1/instancelabels", NULL), ==, 200);
        CHECK_INT(rows(&f), >=, 1);
        fix_done(&f);
}

TEST(a_removed_record_is_found_by_id_and_listed_only_when_asked) {
        struct api_fix f = fix_new();
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 201);
        fix_settle(&f);
        CHECK_INT(ask(&f, "DELETE", P "/stacks/1st1", NULL), ==, 200);
        CHECK_STR(field(&f, "state"), ==, "removing");
        fix_settle(&f);
        CHECK_INT(ask(&f, "GET", P "/stacks", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 0);
        CHECK_INT(ask(&f, "GET", P "/stacks/1st1", NULL), ==, 200);
        CHECK_STR(field(&f, "state"), ==, "removed");
        CHECK_INT(ask(&f, "GET", P "/stacks?_removed=true", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 1);
        CHECK_INT(ask(&f, "GET", "/v2-beta/processinstances?processName=stack.remove", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 1);
        fix_done(&f);
}

TEST(settings_are_listed_changed_and_reset) {
        struct api_fix f = fix_new();
        CHECK_INT(ask(&f, "GET", "/v2-beta/settings/api.host", NULL), ==, 200);
        CHECK_STR(field(&f, "type"), ==, "activeSetting");
        CHECK_INT(ask(&f, "PUT", "/v2-beta/settings/api.host", "{\"value\":\"http://x\"}"), ==, 200);
        CHECK_STR(field(&f, "activeValue"), ==, "http://x");
        CHECK_INT(ask(&f, "DELETE", "/v2-beta/settings/api.host", NULL), ==, 200);
        CHECK_STR(field(&f, "activeValue"), ==, "");
        fix_done(&f);
}

TEST(an_api_key_shows_its_secret_once) {
        struct api_fix f = fix_new();
        CHECK_INT(ask(&f, "POST", P "/apikeys", "{\"name\":\"k\"}"), ==, 201);
        CHECK_INT(strlen(field(&f, "secretValue")), ==, 40);
        CHECK_INT(strlen(field(&f, "publicValue")), ==, 20);
        CHECK_INT(ask(&f, "GET", P "/apikeys", NULL), ==, 200);
        CHECK(json_get(row(&f, 0), "secretValue") == NULL);
        fix_done(&f);
}

TEST(an_answer_whose_batch_failed_is_store_failed) {
        struct api_fix f = fix_new();
        mem_store_fault(f.store, 1, STORE_FAILED, false, false);
        CHECK_INT(ask(&f, "POST", P "/stacks", "{\"name\":\"web\"}"), ==, 503);
        CHECK_STR(field(&f, "code"), ==, "StoreFailed");
        CHECK_INT(ask(&f, "GET", P "/stacks", NULL), ==, 200);
        CHECK_INT(rows(&f), ==, 0);
        fix_done(&f);
}

TEST(schemas_are_served_for_the_role) {
        struct api_fix f = fix_new();
        CHECK_INT(ask(&f, "GET", P "/schemas", NULL), ==, 200);
        CHECK_INT(rows(&f), >, 50);
        CHECK_INT(ask(&f, "GET", P "/schemas/containers", NULL), ==, 200);
        CHECK_STR(field(&f, "id"), ==, "container");
        CHECK_INT(ask(&f, "GET", "/", NULL), ==, 200);
        CHECK_STR(http_headers_get(&f.headers, "X-API-Schemas"), ==, "http://srv:8080/v1/schemas");
        fix_done(&f);
}

TEST_MAIN("server/api")
