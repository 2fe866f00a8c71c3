#include "check.h"
#include "formats/selector.h"

static const char *const labels[] = { "tier", "Web", "env", "prod", "io.x.y", "a/b", "empty", "" };

TEST(selectors_match_as_the_grammar_says) {
        static const struct { const char *selector; bool match; } rows[] = {
                { "tier=web", true }, { "TIER = WEB", true }, { "tier=db", false }, { "tier!=db", true }, { "tier != web", false },
                { "none!=db", false }, { "none=db", false }, { "env in (prod, stage)", true }, { "env in (stage)", false },
                { "env IN ( PROD )", true }, { "env notin (stage,dev)", true }, { "env notin (prod)", false }, { "none notin (x)", false },
                { "tier", true }, { "Tier", false }, { "none", false }, { "tier=web, env=prod", true }, { "tier=web,env=dev", false },
                { "io.x.y=a/b,env in (dev,prod),tier", true }, { "empty", true }, { "empty=", true }, { "", false }, { "   ", false },
                { "tier=web=x", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(selector_free) struct selector *s = NULL;
                struct dr_error err = { 0 };
                CHECK_OK(selector_parse(rows[i].selector, "selectorLink", &s, &err), &err);
                if (selector_match_pairs(s, labels, ARRAY_LEN(labels) / 2) != rows[i].match)
                        print_error("row \"%s\"\n", rows[i].selector);
                CHECK_INT(selector_match_pairs(s, labels, ARRAY_LEN(labels) / 2), ==, rows[i].match);
        }
}

TEST(selectors_that_cannot_be_read_name_the_field) {
        static const char *const rows[] = { "a b", "a b=c", "=x", "a=1,", ",a", "a in b", "a in (b", "a notin b)", "a in(b)" };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct selector *s = NULL;
                struct dr_error err = { 0 };
                int r = selector_parse(rows[i], "selectorContainer", &s, &err);
                if (r >= 0)
                        print_error("row \"%s\"\n", rows[i]);
                CHECK_INT(r, <, 0);
                CHECK_INT(err.code, ==, DR_E_INVALID_FORMAT);
                CHECK_STR(err.field, ==, "selectorContainer");
                CHECK(!s);
        }
}

TEST_MAIN("formats/selector")
