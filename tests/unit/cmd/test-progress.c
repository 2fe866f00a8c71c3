#include "check.h"
#include "cmd/drover/progress.h"

static char *render(struct progress *p) {
        auto_sbuf struct sbuf b = SBUF(1 << 16);
        progress_render(p, &b);
        return sbuf_steal(&b);
}

TEST(elsewhere_than_on_a_terminal_each_change_is_one_line) {
        AUTO(progress_free) struct progress *p = progress_new(false, 0);
        progress_set(p, "1s1", "db", PROGRESS_RUNNING, "activating 0/1");
        progress_set(p, "1s2", "web", PROGRESS_WAITING, "waits");
        auto_free char *first = render(p);
        CHECK_STR(first, ==, "~ db   activating 0/1\n. web  waits\n");
        progress_set(p, "1s1", "db", PROGRESS_RUNNING, "activating 0/1");
        auto_free char *second = render(p);
        CHECK_STR(second, ==, "");
        progress_set(p, "1s1", "db", PROGRESS_DONE, "healthy 1/1");
        auto_free char *third = render(p);
        CHECK_STR(third, ==, "+ db   healthy 1/1\n");
}

TEST(a_terminal_is_redrawn_in_place_and_lines_never_wrap) {
        AUTO(progress_free) struct progress *p = progress_new(true, 12);
        progress_set(p, "a", "web", PROGRESS_WAITING, "1234567890");
        auto_free char *first = render(p);
        CHECK_STR(first, ==, "\r\033[K. web  1234\n");
        progress_set(p, "a", "web", PROGRESS_DONE, "x");
        auto_free char *second = render(p);
        CHECK_STR(second, ==, "\033[1A\r\033[K\033[32m+ web  x\033[0m\n");
}

TEST(control_characters_of_messages_do_not_reach_the_terminal) {
        AUTO(progress_free) struct progress *p = progress_new(false, 0);
        progress_set(p, "a", "web", PROGRESS_FAILED, "bad\033[2J\nimage");
        auto_free char *s = render(p);
        CHECK_STR(s, ==, "! web  bad [2J image\n");
}

TEST_MAIN("cmd/progress")
