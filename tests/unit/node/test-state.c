#include "check.h"
#include "base/file.h"

#include "node/agent/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static char *folder(void) {
        char *path = dr_xstrdup("/tmp/drover-test-state-XXXXXX");
        if (!mkdtemp(path))
                fail_msg("mkdtemp: %m");
        return path;
}

static void folder_remove(const char *path) {
        DIR *d = opendir(path);
        for (struct dirent *e; d && (e = readdir(d));)
                if (e->d_name[0] != '.')
                        unlinkat(dirfd(d), e->d_name, 0);
        closedir(d);
        rmdir(path);
}

static struct node_state *filled(void) {
        struct node_state *s = state_new();
        s->epoch = 3;
        s->rev = 18446744073709551615u;
        s->engine_data = 77;
        entry_set_text(&s->owner, "KEY");
        entry_set_text(&s->project, "env");
        struct entry *e = state_entry_add(s, "u\"1");
        e->record = (struct record) { .gen = 5, .want = WANT_RUNNING, .start_once = true, .made_gen = 5, .intent_gen = 5, .intent_prev_ms = 9, .intent_engine = 2,
                                      .started_gen = 5, .ended_gen = 4, .failed_gen = 3, .seen_engine = 9223372036854775807 };
        entry_set_text(&e->spec, "{\"imageUuid\":\"docker:x/y:1\",\"n\":9007199254740993}");
        entry_set_text(&e->error, "went \"wrong\"");
        e = state_entry_add(s, "u2");
        e->record = (struct record) { .gen = 1, .want = WANT_ABSENT };
        e->stop_timeout_s = 0;
        entry_set_text(&e->docker_id, "abc");
        return s;
}

static char *text_of(const struct node_state *s) {
        struct sbuf b = SBUF(1 << 20);
        state_format(s, &b);
        return sbuf_steal(&b);
}

TEST(what_is_saved_is_loaded_unchanged) {
        auto_free char *dir = folder(), *path = dr_xasprintf("%s/desired.json", dir);
        AUTO(state_free) struct node_state *s = filled(), *back = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(state_save(s, path, &err), &err);
        CHECK_OK(state_load(path, &back, &err), &err);
        auto_free char *a = text_of(s), *b = text_of(back);
        CHECK_STR(a, ==, b);
        CHECK_INT(back->entries.n, ==, 2);
        CHECK_STR(state_entry(back, "u\"1")->spec, ==, "{\"imageUuid\":\"docker:x/y:1\",\"n\":9007199254740993}");
        CHECK_INT(state_entry(back, "u\"1")->record.seen_engine, ==, 9223372036854775807);
        struct stat st;
        CHECK(stat(path, &st) == 0);
        CHECK_INT(st.st_mode & 0777, ==, 0600);
        folder_remove(dir);
}

TEST(a_missing_file_is_an_empty_state) {
        AUTO(state_free) struct node_state *s = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(state_load("/tmp/drover-no-such-folder/desired.json", &s, &err), &err);
        CHECK_INT(s->entries.n, ==, 0);
        CHECK_INT(s->epoch, ==, 0);
}

TEST(a_file_that_cannot_be_understood_is_set_aside_whole) {
        static const char *const texts[] = {
                "", "{", "null", "[]", "{\"version\":2}", "{\"version\":1,\"containers\":[{}]}", "{\"version\":1,\"containers\":[{\"uuid\":\"a\",\"want\":\"lost\"}]}",
                "{\"version\":1,\"containers\":[{\"uuid\":\"a\",\"want\":\"absent\"},{\"uuid\":\"a\",\"want\":\"absent\"}]}", "{\"version\":1} x",
                "{\"version\":1,\"containers\":[{\"uuid\":\"\",\"want\":\"absent\"}]}",
                "{\"version\":1,\"containers\":[{\"uuid\":\"a\",\"want\":\"absent\",\"stopTimeoutS\":-1}]}",
        };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                auto_free char *dir = folder(), *path = dr_xasprintf("%s/desired.json", dir);
                struct dr_error err = { 0 };
                CHECK_OK(file_replace(path, texts[i], strlen(texts[i]), 0600, &err), &err);
                AUTO(state_free) struct node_state *s = NULL;
                CHECK_OK(state_load(path, &s, &err), &err);
                CHECK_INT(s->entries.n, ==, 0);
                CHECK_INT(access(path, F_OK), ==, -1);
                unsigned kept = 0;
                DIR *d = opendir(dir);
                for (struct dirent *e; (e = readdir(d));)
                        kept += str_starts(e->d_name, "desired.json.corrupt-");
                closedir(d);
                if (kept != 1)
                        fail_msg("\"%s\": %u files set aside", texts[i], kept);
                folder_remove(dir);
        }
}

TEST(a_text_cut_anywhere_is_refused_or_the_same) {
        AUTO(state_free) struct node_state *s = filled();
        auto_free char *text = text_of(s);
        size_t n = strlen(text);
        for (size_t cut = 0; cut + 1 < n; cut++) {
                AUTO(state_free) struct node_state *back = NULL;
                struct dr_error err;
                if (state_parse(text, cut, &back, &err) == 0)
                        fail_msg("cut at %zu of %zu was accepted", cut, n);
        }
}

TEST(a_save_that_fails_leaves_the_old_file) {
        auto_free char *dir = folder(), *path = dr_xasprintf("%s/desired.json", dir), *blocker = dr_xasprintf("%s.new", path);
        AUTO(state_free) struct node_state *s = filled(), *back = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(state_save(s, path, &err), &err);
        CHECK(mkdir(blocker, 0700) == 0);                       /* the temporary file cannot be made */
        s->rev = 1;
        CHECK_INT(state_save(s, path, &err), <, 0);
        CHECK_OK(state_load(path, &back, &err), &err);
        CHECK(back->rev == 18446744073709551615u);
        rmdir(blocker);
        folder_remove(dir);
}

TEST(removed_entries_are_forgotten) {
        AUTO(state_free) struct node_state *s = filled();
        state_entry_remove(s, state_entry(s, "u\"1"));
        CHECK(state_entry(s, "u\"1") == NULL);
        CHECK(state_entry(s, "u2") != NULL);
        CHECK_INT(s->entries.n, ==, 1);
}

TEST_MAIN("node/state")
