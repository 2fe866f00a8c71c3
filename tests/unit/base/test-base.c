#include "base/base.h"
#include "base/rng.h"
#include "base/sbuf.h"
#include "base/times.h"
#include "check.h"

TEST(an_error_carries_code_field_and_message_and_returns_the_errno_of_its_row) {
        struct dr_error err;
        CHECK_INT(dr_fail(&err, DR_E_NOT_UNIQUE, "name", "name \"%s\" is taken", "web"), ==, -EEXIST);
        CHECK_STR(err.message, ==, "name \"web\" is taken");
        CHECK_STR(err.field, ==, "name");
        CHECK_STR(dr_error_row(err.code)->api_code, ==, "NotUnique");
        CHECK_INT(dr_error_row(err.code)->http_status, ==, 422);
}
TEST(every_error_code_has_a_row_with_name_and_status) {
        for (unsigned c = 0; c < DR_CODE_MAX; c++) {
                CHECK(dr_error_row(c)->api_code);
                CHECK_INT(dr_error_row(c)->http_status, >=, 200);
        }
}
TEST(a_prefix_goes_before_the_message) {
        struct dr_error err;
        int r = dr_fail(&err, DR_E_NOT_FOUND, NULL, "no such file");
        CHECK_INT(dr_prefix(&err, r, "could not load \"%s\"", "x"), ==, -ENOENT);
        CHECK_STR(err.message, ==, "could not load \"x\": no such file");
}
TEST(a_buffer_drops_everything_after_the_write_that_passes_its_cap) {
        auto_sbuf struct sbuf b = SBUF(4);
        sbuf_puts(&b, "abc");
        sbuf_puts(&b, "de");
        sbuf_puts(&b, "f");
        CHECK(!sbuf_ok(&b));
        CHECK_STR(sbuf_str(&b), ==, "abc");
}
TEST(json_strings_are_escaped) {
        auto_sbuf struct sbuf b = SBUF(100);
        sbuf_json_string(&b, "a\"\\\n\x01", 5);
        CHECK_STR(sbuf_str(&b), ==, "\"a\\\"\\\\\\n\\u0001\"");
}
TEST(a_date_survives_format_and_parse) {
        char buf[40];
        int64_t ms;
        time_format_iso(1488450030000, buf, sizeof buf);
        CHECK_STR(buf, ==, "2017-03-02T10:20:30Z");
        CHECK_INT(time_parse_iso(buf, &ms), ==, 0);
        CHECK_INT(ms, ==, 1488450030000);
        CHECK_INT(time_parse_iso("2017-03-02T10:20:30.5Z", &ms), ==, 0);
        CHECK_INT(ms, ==, 1488450030500);
        CHECK_INT(time_parse_iso("2017-03-02", &ms), <, 0);
        CHECK_INT(time_parse_iso("2017-03-02T10:20:30", &ms), <, 0);
}
TEST(a_uuid_survives_format_and_parse_and_repeats_by_seed) {
        struct rng a, b;
        rng_seed(&a, 7);
        rng_seed(&b, 7);
        struct uuid u, v, w;
        uuid_make(&a, &u);
        uuid_make(&b, &v);
        CHECK(memcmp(&u, &v, sizeof u) == 0);
        char s[UUID_CHARS + 1];
        uuid_format(&u, s);
        CHECK_INT(uuid_parse(s, &w), ==, 0);
        CHECK(memcmp(&u, &w, sizeof u) == 0);
        CHECK_INT(uuid_parse("nope", &w), <, 0);
        s[8] = 'x';
        CHECK_INT(uuid_parse(s, &w), <, 0);
}
TEST_MAIN("base/base")
