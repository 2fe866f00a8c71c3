#include "check.h"
#include "cmd/drover/table.h"

static struct dr_error err;

static struct json_object *rows(const char *text) {
        struct json_object *o = NULL;
        assert(json_parse(text, strlen(text), 1 << 20, &o, &err) == 0);
        return o;
}

static const struct table_column columns[] = { { "ID", "ID" }, { "NAME", "Service.Name" }, { "DETAIL", "Detail" } };
static const char two[] = "[{\"ID\":\"1s5\",\"Service\":{\"name\":\"web\",\"ports\":[1,2]},\"Detail\":null},"
                          "{\"ID\":\"1s15\",\"Service\":{\"name\":\"d\xc3\xa4tabase\"},\"Detail\":\"a\\u001b[31m\\nb\"}]";

#define RENDER(text, ...) \
        AUTO(json_free) struct json_object *list = rows(text); \
        auto_sbuf struct sbuf b = SBUF(1 << 16); \
        struct table_style style = { __VA_ARGS__ }; \
        int r = table_render(columns, ARRAY_LEN(columns), list, &style, &b, &err)

TEST(columns_align_by_characters_and_lines_have_no_trailing_blanks) {
        RENDER(two, .quiet = false);
        CHECK_INT(r, ==, 0);
        CHECK_STR(sbuf_str(&b), ==,
                  "ID    NAME      DETAIL\n"
                  "1s5   web\n"
                  "1s15  d\xc3\xa4tabase  a [31m b\n");
}

TEST(an_empty_listing_is_its_header_and_quiet_or_json_are_nothing) {
        RENDER("[]", .quiet = false);
        CHECK_INT(r, ==, 0);
        CHECK_STR(sbuf_str(&b), ==, "ID  NAME  DETAIL\n");
        sbuf_reset(&b);
        style.quiet = true;
        CHECK_INT(table_render(columns, 3, list, &style, &b, &err), ==, 0);
        CHECK_STR(sbuf_str(&b), ==, "");
}

TEST(quiet_shows_ids_only_whatever_the_format) {
        RENDER(two, .quiet = true, .format = "json");
        CHECK_INT(r, ==, 0);
        CHECK_STR(sbuf_str(&b), ==, "1s5\n1s15\n");
}

TEST(json_is_one_object_a_line) {
        RENDER(two, .format = "json");
        CHECK_INT(r, ==, 0);
        CHECK(str_starts(sbuf_str(&b), "{\"ID\":\"1s5\",\"Service\":{\"name\":\"web\",\"ports\":[1,2]},\"Detail\":null}\n{\"ID\":\"1s15\""));
}

TEST(templates_take_upstreams_spelling_of_fields) {
        RENDER(two, .format = "{{.ID}}\\t{{ .Service.Name }} {{.Service.Ports}}{{.Nothing.There}}!");
        CHECK_INT(r, ==, 0);
        CHECK(str_starts(sbuf_str(&b), "1s5\tweb [1,2]!\n1s15\t"));
}

TEST(templates_have_conditions_loops_and_functions) {
        RENDER(two, .format = "{{if eq .ID \"1s5\"}}{{range .Service.Ports}}<{{.}}>{{end}}{{upper .service.name}}{{else}}-{{end}}");
        CHECK_INT(r, ==, 0);
        CHECK(str_starts(sbuf_str(&b), "<1><2>WEB\n-\n"));
}

TEST(templates_with_mistakes_are_refused) {
        static const char *const bad[] = { "{{.ID", "{{ID}}", "{{}}", "{{.A | b}}", "{{range .X}}" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                RENDER(two, .format = bad[i]);
                CHECK(r < 0);
                CHECK_STR(err.field, ==, "format");
        }
}

TEST_MAIN("cmd/table")
