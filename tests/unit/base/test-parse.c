#include "base/parse.h"
#include "check.h"

TEST(numbers_are_taken_whole_or_not_at_all) {
        static const struct { const char *s; int ret; uint64_t value; } rows[] = {
                { "0", 0, 0 }, { "42", 0, 42 }, { "18446744073709551615", 0, UINT64_MAX },
                { "18446744073709551616", -ERANGE, 0 }, { "", -EINVAL, 0 }, { " 1", -EINVAL, 0 }, { "1 ", -EINVAL, 0 },
                { "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 }, { "0x10", -EINVAL, 0 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                uint64_t x = 7;
                CHECK_INT(parse_u64(rows[i].s, UINT64_MAX, &x), ==, rows[i].ret);
                CHECK_INT(x, ==, rows[i].ret ? 7 : rows[i].value);
        }
        int64_t y;
        CHECK_INT(parse_i64("-9223372036854775808", &y), ==, 0);
        CHECK_INT(y, ==, INT64_MIN);
        CHECK_INT(parse_i64("9223372036854775808", &y), ==, -ERANGE);
}
TEST(durations_and_sizes_take_their_units) {
        uint64_t ms;
        int64_t n;
        CHECK_INT(parse_duration_ms("10", &ms), ==, 0);
        CHECK_INT(ms, ==, 10000);
        CHECK_INT(parse_duration_ms("250ms", &ms), ==, 0);
        CHECK_INT(ms, ==, 250);
        CHECK_INT(parse_duration_ms("5x", &ms), ==, -EINVAL);
        CHECK_INT(parse_bytes("64m", &n), ==, 0);
        CHECK_INT(n, ==, 64 << 20);
        CHECK_INT(parse_bytes("2GB", &n), ==, 0);
        CHECK_INT(n, ==, INT64_C(2) << 30);
        CHECK_INT(parse_bytes("12", &n), ==, 0);
        CHECK_INT(n, ==, 12);
        CHECK_INT(parse_bytes("m", &n), ==, -EINVAL);
        CHECK_INT(parse_bytes("9999999999999p", &n), ==, -ERANGE);
}
TEST_MAIN("base/parse")
