#include "check.h"
#include "base/file.h"

#include "node/agent/identity.h"
#include "node/agent/register.h"
#include "node/agent/state.h"

#include <stdio.h>
#include <sys/stat.h>

static char *folder(void) {
        char *path = dr_xstrdup("/tmp/drover-test-identity-XXXXXX");
        if (!mkdtemp(path))
                fail_msg("mkdtemp: %m");
        return path;
}

static void folder_remove(const char *dir) {
        static const char *const names[] = { ".registration_token", ".docker_uuid", ".physical_host_uuid", ".agent_keys", ".removed" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                auto_free char *path = dr_xasprintf("%s/%s", dir, names[i]);
                unlink(path);
        }
        rmdir(dir);
}

TEST(an_identity_is_made_once_and_kept) {
        auto_free char *dir = folder(), *deep = dr_xasprintf("%s/a/b", dir), *a = dr_xasprintf("%s/a", dir);
        struct identity first, again;
        struct dr_error err = { 0 };
        CHECK_OK(identity_load(deep, NULL, "", &first, &err), &err);
        CHECK_OK(identity_load(deep, NULL, NULL, &again, &err), &err);
        CHECK_INT(strlen(first.key), ==, 128);
        CHECK_INT(strlen(first.docker_uuid), ==, 36);
        CHECK(!str_eq(first.docker_uuid, first.physical_uuid));
        CHECK_STR(first.key, ==, again.key);
        CHECK_STR(first.docker_uuid, ==, again.docker_uuid);
        CHECK_STR(first.physical_uuid, ==, again.physical_uuid);
        CHECK(!again.access_key && !again.removed);
        folder_remove(deep);
        rmdir(a);
        rmdir(dir);
}

TEST(a_given_uuid_replaces_the_files) {
        auto_free char *dir = folder();
        struct identity i;
        struct dr_error err = { 0 };
        CHECK_OK(identity_load(dir, NULL, NULL, &i, &err), &err);
        CHECK_OK(identity_load(dir, "mine", "machine", &i, &err), &err);
        CHECK_OK(identity_load(dir, NULL, NULL, &i, &err), &err);
        CHECK_STR(i.docker_uuid, ==, "mine");
        CHECK_STR(i.physical_uuid, ==, "machine");
        CHECK_INT(identity_load(dir, "two words", NULL, &i, &err), <, 0);
        CHECK_STR(err.field, ==, ".docker_uuid");
        folder_remove(dir);
}

TEST(a_key_file_that_was_cut_is_made_anew) {
        auto_free char *dir = folder(), *path = dr_xasprintf("%s/.registration_token", dir);
        struct identity i;
        struct dr_error err = { 0 };
        CHECK_OK(file_replace(path, "abc", 3, 0600, &err), &err);
        CHECK_OK(identity_load(dir, NULL, NULL, &i, &err), &err);
        CHECK_INT(strlen(i.key), ==, 128);
        folder_remove(dir);
}

TEST(keys_are_private_and_end_a_removal) {
        auto_free char *dir = folder(), *path = dr_xasprintf("%s/.agent_keys", dir);
        struct identity i, again;
        struct dr_error err = { 0 };
        struct stat st;
        CHECK_OK(identity_load(dir, NULL, NULL, &i, &err), &err);
        CHECK_OK(identity_save_keys(dir, &i, "A\"K", "S", &err), &err);
        CHECK(stat(path, &st) == 0);
        CHECK_INT(st.st_mode & 0777, ==, 0600);
        CHECK_OK(identity_load(dir, NULL, NULL, &again, &err), &err);
        CHECK_STR(again.access_key, ==, "A\"K");
        CHECK_STR(again.secret_key, ==, "S");
        identity_done(&again);
        CHECK_OK(identity_set_removed(dir, &i, &err), &err);
        CHECK_OK(identity_load(dir, NULL, NULL, &again, &err), &err);
        CHECK(again.removed && !again.access_key);
        CHECK_OK(identity_save_keys(dir, &again, "A2", "S2", &err), &err);
        identity_done(&again);
        CHECK_OK(identity_load(dir, NULL, NULL, &again, &err), &err);
        CHECK(!again.removed);
        identity_done(&again);
        identity_done(&i);
        folder_remove(dir);
}

TEST(server_addresses_are_made_from_whatever_form_was_given) {
        static const struct { const char *url, *api, *base; } rows[] = {
                { "http://h:8080/v1", "http://h:8080/v1", "http://h:8080" }, { "http://h:8080/v1/schemas", "http://h:8080/v1", "http://h:8080" },
                { "http://h:8080", "http://h:8080/v1", "http://h:8080" }, { "http://h:8080/", "http://h:8080/v1", "http://h:8080" },
                { "https://h/v2-beta", "https://h/v2-beta", "https://h" }, { "http://h/sub/v1", "http://h/sub/v1", "http://h/sub" },
                { "http://v1.example/v1/", "http://v1.example/v1", "http://v1.example" }, { "http://h/v10", "http://h/v10/v1", "http://h/v10" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *api = server_api_url(rows[i].url), *base = server_base_url(rows[i].url);
                CHECK_STR(api, ==, rows[i].api);
                CHECK_STR(base, ==, rows[i].base);
        }
}

TEST_MAIN("node/identity")
