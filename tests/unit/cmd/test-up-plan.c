#include "check.h"
#include "cmd/drover/up_plan.h"

TEST(stack_names_are_made_of_what_names_may_hold) {
        static const struct { const char *text, *name; } rows[] = {
                { "Demo", "demo" }, { "my_app.v2", "my-app-v2" }, { "_x", "x-x" }, { ".hidden", "x-hidden" }, { "", "default" }, { "a--", "a" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *s = up_stack_name(rows[i].text);
                CHECK_STR(s, ==, rows[i].name);
        }
}

TEST_MAIN("cmd/up-plan")
