#include "base/log.h"
#include "check.h"

#include <fcntl.h>

static void logged(enum log_format format, char *buf, size_t n) {
        int p[2], saved = dup(2);
        CHECK_INT(pipe2(p, O_CLOEXEC), ==, 0);
        dup2(p[1], 2);
        log_init(LOG_INFO, format, NULL);
        log_info("host joined", "name", "a b", "id", "1h1", NULL);
        log_debug("not shown", NULL);
        dup2(saved, 2);
        close(saved);
        close(p[1]);
        ssize_t k = read(p[0], buf, n - 1);
        CHECK_INT(k, >, 0);
        buf[k] = 0;
        close(p[0]);
}
TEST(logfmt_quotes_only_what_needs_it_and_hides_levels_below_the_set_one) {
        char buf[512];
        logged(LOG_LOGFMT, buf, sizeof buf);
        CHECK_STR(strstr(buf, "level="), ==, "level=info msg=\"host joined\" name=\"a b\" id=1h1\n");
}
TEST(json_lines_are_objects) {
        char buf[512];
        logged(LOG_JSON, buf, sizeof buf);
        CHECK_STR(strstr(buf, "\"level\""), ==, "\"level\":\"info\",\"msg\":\"host joined\",\"name\":\"a b\",\"id\":\"1h1\"}\n");
}
TEST(levels_go_to_string_and_back) {
        for (int l = 0; l < LOG_LEVEL_MAX; l++)
                CHECK_INT(log_level_from_string(log_level_to_string(l)), ==, l);
        CHECK_INT(log_level_from_string("loud"), <, 0);
}
TEST_MAIN("base/log")
