#include "check.h"
#include "formats/json.h"
#include "formats/yaml.h"

static int parse(struct yarena *a, const char *text, bool duplicates, struct ynode **ret, struct dr_error *err) {
        return yaml_parse(a, text, strlen(text), &(struct yaml_options) { .duplicate_keys = duplicates }, ret, err);
}

static void check_json(const char *yaml, const char *want) {
        AUTO(yarena_free) struct yarena *a = yarena_new(8 << 20);
        struct ynode *n = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(parse(a, yaml, false, &n, &err), &err);
        AUTO(json_free) struct json_object *o = ynode_to_json(n);
        auto_sbuf struct sbuf b = SBUF(8 << 20);
        json_write(o, 0, &b);
        CHECK_STR(sbuf_str(&b), ==, want);
}

TEST(plain_scalars_resolve_as_compose_users_know_them) {
        static const struct { const char *in, *out; } rows[] = {
                { "yes", "true" }, { "y", "true" }, { "On", "true" }, { "TRUE", "true" }, { "no", "false" }, { "N", "false" }, { "off", "false" },
                { "yEs", "\"yEs\"" }, { "~", "null" }, { "null", "null" }, { "", "null" }, { "0755", "493" }, { "0x10", "16" }, { "0b11", "3" },
                { "1_000", "1000" }, { "+5", "5" }, { "-0", "0" }, { "08", "8.0" }, { "1e6", "1000000.0" }, { "1.5", "1.5" }, { ".5", "0.5" },
                { "22:22", "\"22:22\"" }, { "12:30", "\"12:30\"" }, { "190:20:30", "\"190:20:30\"" }, { "2016-12-01", "\"2016-12-01\"" },
                { "1.2.3", "\"1.2.3\"" }, { "'5'", "\"5\"" }, { "\"yes\"", "\"yes\"" }, { "!!str 5", "\"5\"" }, { "!!int 5", "5" },
                { "!!float 5", "5.0" }, { ".inf", "\".inf\"" }, { "9223372036854775807", "9223372036854775807" },
                { "9223372036854775808", "9.223372036854776e+18" }, { "1-2", "\"1-2\"" }, { "0x", "\"0x\"" }, { "a b", "\"a b\"" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                check_json(rows[i].in, rows[i].out);
}

TEST(collections_block_scalars_and_merge_keys_become_one_tree) {
        check_json("a: 1\nb: [x, {c: d}]\ne:\n- f\n- g: h\n", "{\"a\":1,\"b\":[\"x\",{\"c\":\"d\"}],\"e\":[\"f\",{\"g\":\"h\"}]}");
        check_json("l: |\n  one\n    two\nf: >-\n  a\n  b\n", "{\"l\":\"one\\n  two\\n\",\"f\":\"a b\"}");
        check_json("b: &b {x: 1, y: 2}\nw:\n  <<: *b\n  y: 3\n", "{\"b\":{\"x\":1,\"y\":2},\"w\":{\"y\":3,\"x\":1}}");
        check_json("w: {<<: [{x: 1}, {x: 2, z: 3}]}\n", "{\"w\":{\"x\":1,\"z\":3}}");
        check_json("a: &x [1]\nb: *x\n", "{\"a\":[1],\"b\":[1]}");
        check_json("1: a\nyes: b\n~: c\n", "{\"1\":\"a\",\"yes\":\"b\",\"~\":\"c\"}");
        check_json("\xef\xbb\xbf" "a: b\r\n", "{\"a\":\"b\"}");
        check_json("# nothing\n", "null");
        check_json("a: 1\n---\nb: 2\n", "{\"a\":1}");
}

TEST(text_that_cannot_be_read_is_refused_with_its_place) {
        static const struct { const char *in, *message; } rows[] = {
                { "a: 1\na: 2\n", "line 2, column 1: key \"a\" is there already, on line 1" },
                { "a: *x\n", "line 1, column 4: unknown anchor \"x\"" }, { "a: &x [*x]\n", "line 1, column 8: unknown anchor \"x\"" },
                { "a:\n\tb: 1\n", "line 2, column 1: found character that cannot start any token (while scanning for the next token from line 2)" },
                { "a: 1\nb\nc: 2\n", "line 3, column 1: could not find expected ':' (while scanning a simple key from line 2)" },
                { "{[a]: 1}\n", "line 1, column 2: a key must be a single value, not a list" },
                { "a: \"x\\0y\"\n", "line 1, column 4: NUL characters are not allowed" },
                { "a: {<<: 5}\n", "line 1, column 9: map merge requires map or sequence of maps as the value" },
                { "!!int x\n", "line 1, column 1: \"x\" is no integer" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(yarena_free) struct yarena *a = yarena_new(8 << 20);
                struct ynode *n = NULL;
                struct dr_error err = { 0 };
                CHECK_INT(parse(a, rows[i].in, false, &n, &err), <, 0);
                CHECK_INT(err.code, ==, DR_E_INVALID_FORMAT);
                CHECK_STR(err.message, ==, rows[i].message);
                CHECK(!n);
        }
}

TEST(bytes_that_are_not_utf8_are_refused) {
        AUTO(yarena_free) struct yarena *a = yarena_new(8 << 20);
        struct ynode *n = NULL;
        struct dr_error err = { 0 };
        CHECK_INT(parse(a, "a: \xff\n", false, &n, &err), <, 0);
        CHECK_INT(err.code, ==, DR_E_INVALID_FORMAT);
}

TEST(the_last_of_two_equal_keys_wins_where_the_caller_says_so) {
        AUTO(yarena_free) struct yarena *a = yarena_new(8 << 20);
        struct ynode *n = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(parse(a, "a: 1\nb: 2\na: 3\n", true, &n, &err), &err);
        CHECK_INT(n->map.n, ==, 2);
        CHECK_INT(ynode_get(n, "a")->i, ==, 3);
        CHECK_INT(ynode_get(n, "a")->line, ==, 3);
        CHECK_INT(ynode_key(n, "b")->line, ==, 2);
        CHECK_INT(ynode_get(n, "b")->column, ==, 4);
}

TEST(equal_keys_are_found_in_a_large_map_too) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        for (int i = 0; i < 3000; i++)
                sbuf_printf(&b, "k%d: %d\n", i, i);
        AUTO(yarena_free) struct yarena *a = yarena_new(8 << 20);
        struct ynode *n = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(parse(a, sbuf_str(&b), false, &n, &err), &err);
        CHECK_INT(n->map.n, ==, 3000);
        sbuf_puts(&b, "k77: x\n");
        CHECK_INT(parse(a, sbuf_str(&b), false, &n, &err), <, 0);
        CHECK_STR(err.message, ==, "line 3001, column 1: key \"k77\" is there already, on line 78");
}

TEST(a_billion_laughs_end_at_the_node_budget) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        sbuf_puts(&b, "a0: &a0 [x, x]\n");
        for (int i = 1; i < 30; i++)
                sbuf_printf(&b, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1,
                            i - 1, i - 1, i - 1);
        AUTO(yarena_free) struct yarena *a = yarena_new(8 << 20);
        struct ynode *n = NULL;
        struct dr_error err = { 0 };
        CHECK_INT(parse(a, sbuf_str(&b), false, &n, &err), <, 0);
        CHECK(strstr(err.message, "more than 200000 values"));
}

TEST(nesting_through_aliases_counts_as_nesting) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        sbuf_puts(&b, "- &a0 [[[[[[[[[[x]]]]]]]]]]\n");
        for (int i = 1; i < 10; i++)
                sbuf_printf(&b, "- &a%d [[[[[[[[[[*a%d]]]]]]]]]]\n", i, i - 1);
        AUTO(yarena_free) struct yarena *a = yarena_new(8 << 20);
        struct ynode *n = NULL;
        struct dr_error err = { 0 };
        CHECK_INT(parse(a, sbuf_str(&b), false, &n, &err), <, 0);
        CHECK(strstr(err.message, "nested deeper than 64 levels"));
}

TEST(size_and_memory_are_capped) {
        AUTO(yarena_free) struct yarena *a = yarena_new(100);
        struct ynode *n = NULL;
        struct dr_error err = { 0 };
        CHECK_INT(yaml_parse(a, "aaaa", 4, &(struct yaml_options) { .size_max = 3 }, &n, &err), <, 0);
        CHECK_INT(err.code, ==, DR_E_TOO_LARGE);
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        for (int i = 0; i < 2000; i++)
                sbuf_puts(&b, "- aaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
        CHECK_INT(parse(a, sbuf_str(&b), false, &n, &err), <, 0);
        CHECK_INT(err.code, ==, DR_E_TOO_LARGE);
}

TEST(scalars_print_as_upstream_prints_them) {
        static const struct { const char *in, *out; } rows[] = {
                { "true", "true" }, { "1", "1" }, { "1.5", "1.5" }, { "0755", "493" }, { "1e6", "1e+06" }, { "12345678.0", "1.2345678e+07" },
                { "0.00001", "1e-05" }, { "0.0001", "0.0001" }, { ".inf", "+Inf" }, { "-.inf", "-Inf" }, { "~", "" }, { "123456.5", "123456.5" },
                { "100000.0", "100000" }, { "x", "x" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(yarena_free) struct yarena *a = yarena_new(1 << 20);
                struct ynode *n = NULL;
                struct dr_error err = { 0 };
                CHECK_OK(parse(a, rows[i].in, false, &n, &err), &err);
                char buf[64];
                const char *text;
                ynode_scalar_text(n, buf, sizeof buf, &text);
                CHECK_STR(text, ==, rows[i].out);
        }
}

TEST(written_yaml_is_block_style_and_reads_back_the_same) {
        static const struct { const char *json, *yaml; } rows[] = {
                { "{\"version\":\"2\",\"services\":{\"web\":{\"image\":\"nginx:1\",\"ports\":[\"80:80\",\"22\"],\"labels\":{\"a\":\"true\",\"b\":\"\"}}}}",
                  "version: '2'\nservices:\n  web:\n    image: nginx:1\n    ports:\n    - 80:80\n    - '22'\n    labels:\n      a: 'true'\n      b: ''\n" },
                { "[[1,[2]],{\"a\":[{\"b\":1,\"c\":2}]},{},[],null,true,-1.5]",
                  "- - 1\n  - - 2\n- a:\n  - b: 1\n    c: 2\n- {}\n- []\n- null\n- true\n- -1.5\n" },
                { "{\"a\":\"x\\ny\\n\",\"b\":\"x\\ny\",\"c\":\"x\\n\\n\",\"d\":\" x\\ny\",\"e\":\"it's: y\",\"f\":\"t\\tb\",\"g\":\"#c\",\"h: i\":\"\\u00e9\"}",
                  "a: |\n  x\n  y\nb: |-\n  x\n  y\nc: |+\n  x\n\nd: \" x\\ny\"\ne: 'it''s: y'\nf: \"t\\tb\"\ng: '#c'\n'h: i': \xc3\xa9\n" },
                { "{\"y\":\"no\",\"0755\":\"0x1\",\"~\":\"null\",\"<<\":\"<<\",\"-\":\"- x\"}",
                  "'y': 'no'\n'0755': '0x1'\n'~': 'null'\n'<<': '<<'\n'-': '- x'\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *o = NULL;
                struct dr_error err = { 0 };
                CHECK_OK(json_parse(rows[i].json, strlen(rows[i].json), 4096, &o, &err), &err);
                auto_sbuf struct sbuf b = SBUF(1 << 20);
                yaml_write(o, 0, &b);
                CHECK_STR(sbuf_str(&b), ==, rows[i].yaml);
                AUTO(yarena_free) struct yarena *a = yarena_new(1 << 20);
                for (int crlf = 0; crlf < 2; crlf++) {
                        sbuf_reset(&b);
                        yaml_write(o, crlf ? YAML_CRLF : 0, &b);
                        struct ynode *n = NULL;
                        CHECK_OK(parse(a, sbuf_str(&b), false, &n, &err), &err);
                        AUTO(json_free) struct json_object *again = ynode_to_json(n);
                        CHECK(json_equal(o, again));
                }
        }
}

TEST_MAIN("formats/yaml")
