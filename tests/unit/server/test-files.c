#include "check.h"
#include "cmd/drover-server/files.h"

#include <sys/stat.h>

static char *folder(void) {
        char path[] = "/tmp/drover-test-XXXXXX";
        CHECK(mkdtemp(path) != NULL);
        return dr_xstrdup(path);
}
static void put(const char *path, const char *text, unsigned mode) {
        FILE *f = fopen(path, "w");
        CHECK(f != NULL);
        fputs(text, f);
        fclose(f);
        CHECK_INT(chmod(path, mode), ==, 0);
}

TEST(a_data_folder_is_made_for_its_owner_alone_with_what_is_above_it) {
        auto_free char *top = folder(), *dir = dr_xasprintf("%s/a/b", top), *a = dr_xasprintf("%s/a", top);
        struct dr_error err;
        struct stat st;
        CHECK_OK(data_dir_make(dir, &err), &err);
        CHECK_OK(data_dir_make(dir, &err), &err);
        CHECK_INT(stat(dir, &st), ==, 0);
        CHECK_INT(st.st_mode & 0777, ==, 0700);
        rmdir(dir);
        rmdir(a);
        rmdir(top);
}

TEST(a_key_is_made_once_and_then_read) {
        auto_free char *top = folder(), *file = dr_xasprintf("%s/master.key", top), *db = dr_xasprintf("%s/drover.db", top);
        char a[MASTER_KEY_BYTES], b[MASTER_KEY_BYTES];
        struct dr_error err;
        struct stat st;
        CHECK_OK(master_key_load(file, db, a, &err), &err);
        CHECK_OK(master_key_load(file, db, b, &err), &err);
        CHECK(memcmp(a, b, sizeof a) == 0);
        CHECK_INT(stat(file, &st), ==, 0);
        CHECK_INT(st.st_mode & 0777, ==, 0600);
        unlink(file);
        rmdir(top);
}

TEST(a_lost_readable_or_cut_key_is_refused) {
        auto_free char *top = folder(), *file = dr_xasprintf("%s/master.key", top), *db = dr_xasprintf("%s/drover.db", top);
        char key[MASTER_KEY_BYTES];
        struct dr_error err;
        put(db, "", 0600);
        CHECK(master_key_load(file, db, key, &err) < 0);
        CHECK(strstr(err.message, "does not exist") != NULL);
        CHECK(access(file, F_OK) < 0);
        put(file, "0123456789abcdef0123456789abcdef", 0644);
        CHECK(master_key_load(file, db, key, &err) < 0);
        CHECK(strstr(err.message, "read by others") != NULL);
        put(file, "0123456789abcdef0123456789abcde", 0600);
        CHECK(master_key_load(file, db, key, &err) < 0);
        CHECK(strstr(err.message, "32 bytes") != NULL);
        put(file, "0123456789abcdef0123456789abcdef0", 0600);
        CHECK(master_key_load(file, db, key, &err) < 0);
        unlink(file);
        unlink(db);
        rmdir(top);
}

TEST_MAIN("cmd/drover-server/files")
