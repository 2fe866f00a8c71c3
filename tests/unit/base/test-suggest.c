#include "check.h"
#include "base/suggest.h"

TEST(distance_counts_edits_and_swaps_without_case) {
        static const struct { const char *a, *b; unsigned d; } rows[] = {
                { "", "", 0 }, { "abc", "abc", 0 }, { "abc", "ABC", 0 }, { "abc", "abd", 1 }, { "abc", "acb", 1 },
                { "abc", "ab", 1 }, { "", "abc", 3 }, { "kitten", "sitting", 3 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                CHECK_INT(suggest_distance(rows[i].a, rows[i].b), ==, rows[i].d);
}

TEST(nearest_offers_only_names_that_are_near) {
        static const char *const names[] = { "listen", "data", NULL, "key-file", "no-auth" };
        CHECK_STR(suggest_nearest("lisen", names, ARRAY_LEN(names)), ==, "listen");
        CHECK_STR(suggest_nearest("keyfile", names, ARRAY_LEN(names)), ==, "key-file");
        CHECK_STR(suggest_nearest("key", names, ARRAY_LEN(names)), ==, "key-file");
        CHECK(suggest_nearest("volumes", names, ARRAY_LEN(names)) == NULL);
        CHECK(suggest_nearest("", names, ARRAY_LEN(names)) == NULL);
}

TEST(words_longer_than_the_limit_are_compared_by_their_start) {
        char a[200], b[200];
        memset(a, 'x', sizeof a);
        memset(b, 'x', sizeof b);
        a[199] = b[199] = '\0';
        b[150] = 'y';
        CHECK_INT(suggest_distance(a, b), ==, 0);
}

TEST_MAIN("base/suggest")
