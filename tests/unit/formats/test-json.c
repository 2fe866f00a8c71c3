#include "check.h"
#include "formats/json.h"

#include <math.h>

static struct json_object *parsed(const char *text) {
        struct json_object *o = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(json_parse(text, strlen(text), 1 << 20, &o, &err), &err);
        return o;
}

static void check_written(const struct json_object *o, unsigned flags, const char *want) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        json_write(o, flags, &b);
        CHECK_STR(sbuf_str(&b), ==, want);
}

TEST(values_survive_a_round_trip_through_the_canonical_form) {
        static const struct { const char *in, *out; } rows[] = {
                { "null", "null" }, { " true ", "true" }, { "false", "false" }, { "0", "0" }, { "-0", "0" },
                { "9223372036854775807", "9223372036854775807" }, { "-9223372036854775808", "-9223372036854775808" },
                { "18446744073709551615", "18446744073709551615" }, { "18446744073709551616", "1.8446744073709552e+19" },
                { "1.5", "1.5" }, { "0.1", "0.1" }, { "1e2", "100.0" }, { "1E-2", "0.01" }, { "0.30000000000000004", "0.30000000000000004" },
                { "\"\"", "\"\"" }, { "\"a/b\\/c\"", "\"a/b/c\"" }, { "\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
                { "\"\\b\\f\\n\\r\\t\\\"\\\\\"", "\"\\u0008\\u000c\\n\\r\\t\\\"\\\\\"" }, { "[]", "[]" }, { "{}", "{}" },
                { "[1,[2,[3]],null]", "[1,[2,[3]],null]" }, { "{ \"b\" : 1 ,\"a\":{\"d\":2,\"c\":3}}", "{\"a\":{\"c\":3,\"d\":2},\"b\":1}" },
                { "{\"a\":1,\"a\":2}", "{\"a\":2}" }, { "\"x\x7fy\"", "\"x\x7fy\"" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *o = parsed(rows[i].in);
                check_written(o, JSON_SORT_KEYS, rows[i].out);
        }
}

TEST(text_that_is_not_json_is_refused_with_its_place) {
        static const struct { const char *in, *message; } rows[] = {
                { "", "line 1, column 1: expected a value, found the end" },
                { "{\"a\":1,\n  \"b\" 2}", "line 2, column 7: expected ':' after a key, found '2'" },
                { "{\"a\":1 \"b\":2}", "line 1, column 8: expected ',' or '}', found '\"'" },
                { "{a:1}", "line 1, column 2: expected '\"' before a key, found 'a'" },
                { "{'a':1}", "line 1, column 2: expected '\"' before a key, found '''" },
                { "{\"a\":1,}", "line 1, column 8: expected '\"' before a key, found '}'" },
                { "[1,]", "line 1, column 4: expected a value, found ']'" },
                { "[1 2]", "line 1, column 4: expected ',' or ']', found '2'" },
                { "[1", "line 1, column 3: expected ',' or ']', found the end" },
                { "\"abc", "line 1, column 5: expected '\"' at the end of a string, found the end" },
                { "\"a\nb\"", "line 1, column 3: control characters in strings must be escaped, found byte 0x0a" },
                { "\"\\x\"", "line 1, column 3: expected one of \"\\/bfnrtu after \\, found 'x'" },
                { "\"\\u12g4\"", "line 1, column 6: expected four hexadecimal digits after \\u, found 'g'" },
                { "\"\\u0000\"", "line 1, column 2: \\u0000 is not allowed, found '\\'" },
                { "\"\\ud800\"", "line 1, column 2: expected the second half of a surrogate pair, found '\\'" },
                { "\"\\udc00\"", "line 1, column 2: second half of a surrogate pair without the first, found '\\'" },
                { "\"\xff\"", "line 1, column 2: expected UTF-8, found byte 0xff" },
                { "\"\xc0\xaf\"", "line 1, column 2: expected UTF-8, found byte 0xc0" },
                { "\"\xed\xa0\x80\"", "line 1, column 2: expected UTF-8, found byte 0xed" },
                { "01", "line 1, column 2: numbers do not begin with 0, found '1'" },
                { "-", "line 1, column 2: expected a digit, found the end" },
                { "1.", "line 1, column 3: expected a digit after the decimal point, found the end" },
                { "1e", "line 1, column 3: expected a digit in the exponent, found the end" },
                { "1e999", "line 1, column 1: the number is too large, found '1'" },
                { "NaN", "line 1, column 1: expected a value, found 'N'" }, { "nul", "line 1, column 1: expected a value, found 'n'" },
                { "+1", "line 1, column 1: expected a value, found '+'" }, { "1 2", "line 1, column 3: expected the end of the text, found '2'" },
                { "// c\n1", "line 1, column 1: expected a value, found '/'" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct json_object *o = (void *) 1;
                struct dr_error err = { 0 };
                CHECK_INT(json_parse(rows[i].in, strlen(rows[i].in), 1 << 20, &o, &err), <, 0);
                CHECK(o == (void *) 1);
                CHECK_INT(err.code, ==, DR_E_INVALID_BODY);
                auto_free char *want = dr_xasprintf("invalid JSON at %s", rows[i].message);
                CHECK_STR(err.message, ==, want);
        }
}

TEST(nesting_is_taken_to_64_levels_and_no_deeper) {
        char text[200];
        for (int levels = 64; levels <= 65; levels++) {
                memset(text, '[', (size_t) levels);
                memset(text + levels, ']', (size_t) levels);
                AUTO(json_free) struct json_object *o = NULL;
                struct dr_error err = { 0 };
                int r = json_parse(text, 2 * (size_t) levels, 1000, &o, &err);
                CHECK_INT(r == 0, ==, levels == 64);
        }
}

TEST(text_longer_than_the_cap_is_too_large) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err = { 0 };
        CHECK_INT(json_parse("[1]", 3, 3, &o, &err), ==, 0);
        CHECK_INT(json_parse("[1] ", 4, 3, &o, &err), <, 0);
        CHECK_INT(err.code, ==, DR_E_TOO_LARGE);
}

TEST(getters_answer_the_default_for_a_missing_key_or_another_type) {
        AUTO(json_free) struct json_object *o = parsed("{\"s\":\"x\",\"i\":7,\"d\":2.0,\"e\":2.5,\"b\":true,\"n\":null,\"a\":[],\"o\":{},\"big\":18446744073709551615}");
        CHECK_STR(json_str(o, "s", "def"), ==, "x");
        CHECK_STR(json_str(o, "i", "def"), ==, "def");
        CHECK_STR(json_str(NULL, "s", "def"), ==, "def");
        CHECK_INT(json_int(o, "i", -1), ==, 7);
        CHECK_INT(json_int(o, "d", -1), ==, 2);
        CHECK_INT(json_int(o, "e", -1), ==, -1);
        CHECK_INT(json_int(o, "big", -1), ==, -1);
        CHECK_INT(json_int(o, "s", -1), ==, -1);
        CHECK(json_double(o, "e", 0) == 2.5);
        CHECK(json_bool(o, "b", false));
        CHECK(json_bool(o, "missing", true));
        CHECK(!json_get(o, "n"));
        CHECK(json_has(o, "n"));
        CHECK(!json_has(o, "m"));
        CHECK(json_get_array(o, "a") && !json_get_array(o, "o") && json_get_object(o, "o") && !json_get_object(o, "a"));
}

TEST(slashes_are_escaped_only_when_asked) {
        AUTO(json_free) struct json_object *o = parsed("{\"a/b\":\"http://x\"}");
        check_written(o, 0, "{\"a/b\":\"http://x\"}");
        check_written(o, JSON_ESCAPE_SLASH, "{\"a\\/b\":\"http:\\/\\/x\"}");
}

TEST(a_copy_is_equal_and_independent) {
        AUTO(json_free) struct json_object *o = parsed("{\"a\":[1,2.5,\"x\",null,true,18446744073709551615],\"b\":{\"c\":-3}}");
        AUTO(json_free) struct json_object *c = json_copy(o);
        CHECK(json_equal(o, c));
        json_set_int(json_get(c, "b"), "c", 4);
        CHECK(!json_equal(o, c));
        CHECK_INT(json_int(json_get(o, "b"), "c", 0), ==, -3);
}

TEST(equality_looks_at_numbers_by_value_and_not_at_key_order) {
        static const struct { const char *a, *b; bool equal; } rows[] = {
                { "1", "1.0", true }, { "1", "2", false }, { "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true }, { "{\"a\":1}", "{\"b\":1}", false },
                { "{\"a\":null}", "{}", false }, { "[1,2]", "[2,1]", false }, { "\"1\"", "1", false }, { "null", "null", true },
                { "18446744073709551615", "9223372036854775807", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *a = parsed(rows[i].a), *b = parsed(rows[i].b);
                CHECK_INT(json_equal(a, b), ==, rows[i].equal);
        }
}

TEST(the_streaming_writer_places_every_comma) {
        auto_sbuf struct sbuf b = SBUF(4096);
        struct jw w = JW(&b, JSON_ESCAPE_SLASH);
        jw_begin_object(&w);
        jw_kstring(&w, "s", "a/b\n\x01");
        jw_kint(&w, "i", INT64_MIN);
        jw_key(&w, "u");
        jw_uint(&w, UINT64_MAX);
        jw_kbool(&w, "t", true);
        jw_knull(&w, "n");
        jw_kstring(&w, "nul", NULL);
        jw_key(&w, "list");
        jw_begin_array(&w);
        jw_begin_object(&w);
        jw_end(&w);
        jw_raw(&w, "{\"x\":1}", 7);
        jw_begin_array(&w);
        jw_end(&w);
        jw_double(&w, 0.5);
        jw_double(&w, INFINITY);
        AUTO(json_free) struct json_object *o = parsed("{\"k\":\"/\"}");
        jw_json(&w, o);
        jw_end(&w);
        jw_end(&w);
        CHECK_STR(sbuf_str(&b), ==,
                  "{\"s\":\"a\\/b\\n\\u0001\",\"i\":-9223372036854775808,\"u\":18446744073709551615,\"t\":true,\"n\":null,\"nul\":null,"
                  "\"list\":[{},{\"x\":1},[],0.5,null,{\"k\":\"\\/\"}]}");
}

TEST(bytes_that_are_not_utf8_are_written_as_replacement_characters) {
        auto_sbuf struct sbuf b = SBUF(4096);
        struct jw w = JW(&b, 0);
        jw_string(&w, "a\xff\xc3\xa9\xe2\x82z");
        CHECK_STR(sbuf_str(&b), ==, "\"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbdz\"");
}

TEST(a_full_buffer_is_noted_and_never_overrun) {
        auto_sbuf struct sbuf b = SBUF(8);
        struct jw w = JW(&b, 0);
        jw_begin_array(&w);
        jw_string(&w, "0123456789");
        jw_end(&w);
        CHECK(!sbuf_ok(&b));
        CHECK_INT(b.len, <=, 8);
}

TEST_MAIN("formats/json")
