#include "check.h"
#include "formats/json.h"
#include "model/names.h"

static char *text_of(char c, size_t n) {
        char *s = dr_xmalloc(n + 1);
        memset(s, c, n);
        s[n] = 0;
        return s;
}

typedef int name_check(const char *, const char *, struct dr_error *);

static void check_name(name_check *fn, const char *name, enum dr_code code) {
        struct dr_error err = { 0 };
        int r = fn(name, "name", &err);
        print_message("%s\n", name);
        CHECK_INT(r < 0, ==, code != DR_OK);
        CHECK_INT(err.code, ==, code);
        if (code)
                CHECK_STR(err.field, ==, "name");
}

TEST(service_names_follow_dns_rules) {
        static const struct { const char *name; enum dr_code code; } rows[] = {
                { "web", DR_OK }, { "a", DR_OK }, { "9", DR_OK }, { "web-1", DR_OK }, { "WEB", DR_OK }, { "-web", DR_E_INVALID_CHARACTERS },
                { "web-", DR_E_INVALID_CHARACTERS }, { "we--b", DR_E_INVALID_CHARACTERS }, { "we_b", DR_E_INVALID_CHARACTERS },
                { "we.b", DR_E_INVALID_CHARACTERS }, { "we b", DR_E_INVALID_CHARACTERS }, { "", DR_E_MIN_LENGTH }, { "w\xc3\xa9", DR_E_INVALID_CHARACTERS },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                check_name(name_check_service, rows[i].name, rows[i].code);
        auto_free char *longest = text_of('a', 63), *longer = text_of('a', 64);
        check_name(name_check_service, longest, DR_OK);
        check_name(name_check_service, longer, DR_E_MAX_LENGTH);
}

TEST(stack_names_may_double_a_dash_but_not_begin_or_end_with_it) {
        check_name(name_check_stack, "my--stack", DR_OK);
        check_name(name_check_stack, "-my", DR_E_INVALID_CHARACTERS);
        check_name(name_check_stack, "my-", DR_E_INVALID_CHARACTERS);
        check_name(name_check_stack, "my_stack", DR_E_INVALID_CHARACTERS);
        check_name(name_check_stack, "", DR_E_MIN_LENGTH);
        auto_free char *longer = text_of('a', 64);
        check_name(name_check_stack, longer, DR_E_MAX_LENGTH);
}

TEST(link_names_are_labels_joined_by_single_dots) {
        check_name(name_check_link, "db", DR_OK);
        check_name(name_check_link, "db.example.com", DR_OK);
        check_name(name_check_link, "my_db", DR_OK);
        check_name(name_check_link, ".db", DR_E_INVALID_CHARACTERS);
        check_name(name_check_link, "db.", DR_E_INVALID_CHARACTERS);
        check_name(name_check_link, "d..b", DR_E_INVALID_CHARACTERS);
        check_name(name_check_link, "a.-b", DR_E_INVALID_CHARACTERS);
        check_name(name_check_link, "a.b--c", DR_E_INVALID_CHARACTERS);
        check_name(name_check_link, "", DR_E_MIN_LENGTH);
        auto_free char *label = text_of('a', 63), *label64 = text_of('a', 64);
        auto_free char *whole = dr_xasprintf("%s.%s.%s.%.61s", label, label, label, label);
        auto_free char *more = dr_xasprintf("%s.%s.%s.%.62s", label, label, label, label);
        CHECK_INT(strlen(whole), ==, 253);
        check_name(name_check_link, whole, DR_OK);
        check_name(name_check_link, more, DR_E_MAX_LENGTH);
        check_name(name_check_link, label64, DR_E_MAX_LENGTH);
}

static int normalise(const char *json, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *in = NULL;
        CHECK_INT(json_parse(json, strlen(json), 4096, &in, err), ==, 0);
        return ports_normalise(in, ret, err);
}

TEST(ports_are_stored_with_their_protocol) {
        AUTO(json_free) struct json_object *out = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(normalise("[\"80\", \"8080:80\", \"10.0.0.1:53:53/udp\"]", &out, &err), &err);
        CHECK_STR(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), ==,
                  "[\"80/tcp\",\"8080:80/tcp\",\"10.0.0.1:53:53/udp\"]");
        AUTO(json_free) struct json_object *none = NULL;
        CHECK_OK(ports_normalise(NULL, &none, &err), &err);
        CHECK_INT(json_object_array_length(none), ==, 0);
}

TEST(bad_ports_have_their_own_codes) {
        static const struct { const char *json; enum dr_code code; } rows[] = {
                { "[\"80\", \"x:y:z:80:80\"]", DR_E_PORT_FORMAT }, { "[\"99999:80\"]", DR_E_PORT_PUBLIC }, { "[\"80:0\"]", DR_E_PORT_PRIVATE },
                { "[\"80:80/icmp\"]", DR_E_PORT_PROTOCOL }, { "[null]", DR_E_PORT_FORMAT }, { "\"80\"", DR_E_PORT_FORMAT },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct json_object *out = NULL;
                struct dr_error err = { 0 };
                print_message("%s\n", rows[i].json);
                CHECK_INT(normalise(rows[i].json, &out, &err), <, 0);
                CHECK_INT(err.code, ==, rows[i].code);
                CHECK_STR(err.field, ==, "ports");
                CHECK(out == NULL);
        }
}

TEST_MAIN("model/names")
