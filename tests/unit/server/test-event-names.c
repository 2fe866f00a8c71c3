#include "check.h"
#include "server/events/events-internal.h"

TEST(names_match_with_stars_and_without_what_qualifies_them) {
        static const struct { const char *pattern, *name; bool yes; } rows[] = {
                { "resource.change", "resource.change", true }, { "resource.change", "resource.changed", false },
                { "resource.change;account=5", "resource.change", true }, { "*", "anything", true }, { "*", "", true },
                { "resource.*", "resource.change", true }, { "resource.*", "resource", false }, { "*change", "resource.change", true },
                { "*.*.change", "service.kubernetes.change", true }, { "*.*.change", "resource.change", false },
                { "a*b*c", "aXbYbZc", true }, { "a*b*c", "aXbYbZ", false }, { "", "x", false }, { "", "", true }, { ";x", "x", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (name_matches(rows[i].pattern, rows[i].name) != rows[i].yes) {
                        print_error("\"%s\" and \"%s\"\n", rows[i].pattern, rows[i].name);
                        fail();
                }
}

TEST_MAIN("server/event-names")
