#include "check.h"
#include "model/encode.h"

static void check_written(enum api_version v, enum type_id type, enum field_id f, struct value value, const char *want) {
        auto_value struct value mine = value;
        auto_sbuf struct sbuf b = SBUF(1 << 16);
        struct jw w = JW(&b, 0);
        value_write(&w, v, ROLE_project, false, type_field(type_get(v, type), f)->type, mine);
        CHECK_STR(sbuf_str(&b), ==, want);
}

static struct value json(const char *s) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err;
        CHECK_OK(json_parse(s, strlen(s), 1 << 16, &o, &err), &err);
        return value_json(o);
}

TEST(scalars_print_in_the_form_of_their_type) {
        check_written(API_V2_BETA, T_container, F_requestedHostId, value_int(5), "\"1h5\"");
        check_written(API_V2_BETA, T_container, F_stackId, value_int(5), "\"1st5\"");
        check_written(API_V1, T_service, F_environmentId, value_int(5), "\"1e5\"");
        check_written(API_V2_BETA, T_container, F_created, value_int(1488450030000), "\"2017-03-02T10:20:30Z\"");
        check_written(API_V2_BETA, T_container, F_memory, value_int(5), "5");
        check_written(API_V2_BETA, T_container, F_name, value_str("a\"b"), "\"a\\\"b\"");
        check_written(API_V2_BETA, T_container, F_privileged, value_bool(false), "false");
        check_written(API_V2_BETA, T_container, F_name, value_null(), "null");
}

TEST(references_inside_lists_maps_and_nested_types_are_obfuscated) {
        check_written(API_V2_BETA, T_container, F_networkIds, json("[5,6]"), "[\"1n5\",\"1n6\"]");
        check_written(API_V2_BETA, T_container, F_instanceLinks, json("{\"db\":9}"), "{\"db\":\"1i9\"}");
        check_written(API_V2_BETA, T_loadBalancerService, F_lbConfig, json("{\"portRules\":[{\"serviceId\":4,\"sourcePort\":80}],\"other\":1}"),
                      "{\"type\":\"lbConfig\",\"other\":1,\"portRules\":[{\"type\":\"portRule\",\"serviceId\":\"1s4\",\"sourcePort\":80}]}");
        check_written(API_V2_BETA, T_service, F_launchConfig, json("{\"requestedHostId\":3,\"command\":[\"a\"]}"),
                      "{\"type\":\"launchConfig\",\"command\":[\"a\"],\"requestedHostId\":\"1h3\"}");
        check_written(API_V2_BETA, T_container, F_command, json("[\"a/b\"]"), "[\"a/b\"]");
}

TEST(slashes_inside_stored_json_are_escaped_when_the_writer_asks) {
        auto_value struct value v = json("[\"a/b\"]");
        auto_sbuf struct sbuf b = SBUF(1024);
        struct jw w = JW(&b, JSON_ESCAPE_SLASH);
        value_write(&w, API_V2_BETA, ROLE_project, false, type_field(type_get(API_V2_BETA, T_container), F_command)->type, v);
        CHECK_STR(sbuf_str(&b), ==, "[\"a\\/b\"]");
}

TEST(plain_ids_are_numbers_as_text) {
        auto_value struct value v = json("[5]");
        auto_sbuf struct sbuf b = SBUF(1024);
        struct jw w = JW(&b, 0);
        value_write(&w, API_V2_BETA, ROLE_project, true, type_field(type_get(API_V2_BETA, T_container), F_networkIds)->type, v);
        CHECK_STR(sbuf_str(&b), ==, "[\"5\"]");
}

TEST(nested_fields_that_the_role_does_not_see_are_left_out) {
        auto_value struct value v = json("{\"environment\":{\"a\":\"b\"},\"command\":[]}");
        auto_sbuf struct sbuf b = SBUF(1024);
        struct jw w = JW(&b, 0);
        value_write(&w, API_V2_BETA, ROLE_readonly, false, type_field(type_get(API_V2_BETA, T_service), F_launchConfig)->type, v);
        CHECK_STR(sbuf_str(&b), ==, "{\"type\":\"launchConfig\",\"command\":[]}");
}

TEST_MAIN("model/encode")
