#include "check.h"

#include "node/entry/netstate.h"

#include <stdio.h>

TEST(a_state_is_an_address_or_an_error_in_either_case) {
        static const struct { const char *text, *ip, *error; } rows[] = {
                { "{\"ip4\":{\"ip\":\"10.42.17.5/16\",\"gateway\":\"10.42.0.1\"},\"dns\":{}}", "10.42.17.5", "" },
                { "{\"Error\":\"\",\"IP4\":{\"IP\":\"10.42.17.5/16\"}}", "10.42.17.5", "" },
                { "{\"error\":\"no room\"}\n", "", "no room" },
                { "{\"error\":\"no room\",\"ip4\":{\"ip\":\"10.42.17.5/16\"}}", "", "no room" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct netstate s;
                struct dr_error err = { 0 };
                CHECK_INT(netstate_parse(rows[i].text, strlen(rows[i].text), &s, &err), ==, 0);
                CHECK_STR(s.ip, ==, rows[i].ip);
                CHECK_STR(s.error, ==, rows[i].error);
        }
        static const char *const bad[] = { "", "{}", "[]", "{\"ip4\":\"x\"}", "{\"ip4\":{\"ip\":\"\"}}", "{\"error\":5}", "null", "{\"ip4\":{\"ip\":\"/16\"}}" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct netstate s;
                CHECK_INT(netstate_parse(bad[i], strlen(bad[i]), &s, NULL), <, 0);
        }
}

TEST(only_start_times_are_names) {
        CHECK(netstate_is_name("2026-11-25T10:00:00.123456789Z"));
        CHECK(netstate_is_name("2026-11-25T10:00:00Z"));
        CHECK(!netstate_is_name(".2026-11-25T10:00:00.123456789Z"));
        CHECK(!netstate_is_name("2026-11-25T10:00:00Z.tmp"));
        CHECK(!netstate_is_name("../../../../etc/passwd-T00Z"));
        CHECK(!netstate_is_name("2026-11-25T/../../../../Z"));
}

TEST(what_is_written_is_read_and_removed_except_what_is_kept) {
        char dir[] = "/tmp/drover-netstate-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        struct dr_error err = { 0 };
        const char *old = "2026-11-25T10:00:00.1Z", *now = "2026-11-25T10:00:01.1Z";
        CHECK_INT(netstate_write(dir, "id1", old, "{\"error\":\"x\"}", &err), ==, 0);
        CHECK_INT(netstate_write(dir, "id1", now, "{\"ip4\":{\"ip\":\"10.1.2.3/16\"}}", &err), ==, 0);
        CHECK_INT(netstate_write(dir, "id1", "../x", "{}", &err), <, 0);
        auto_free char *old_path = dr_xasprintf("%s/id1/%s", dir, old), *path = dr_xasprintf("%s/id1/%s", dir, now);
        struct netstate s;
        CHECK_INT(netstate_read(path, &s, &err), ==, 0);
        CHECK_STR(s.ip, ==, "10.1.2.3");
        netstate_remove(dir, "id1", now);
        CHECK_INT(netstate_read(old_path, &s, &err), ==, -ENOENT);
        CHECK_INT(netstate_read(path, &s, &err), ==, 0);
        netstate_remove(dir, "id1", NULL);
        netstate_remove(dir, "id1", NULL);
        CHECK_INT(netstate_read(path, &s, &err), ==, -ENOENT);
        CHECK_INT(rmdir(dir), ==, 0);
}

TEST_MAIN("node/netstate")
