/* Where catalogs come from, what counts of their files, and what is made of them. Git, folders and the API: tests/api/test_catalog.py. */
#include <stdio.h>

#include "check.h"
#include "formats/json.h"
#include "server/audit/scrub.h"
#include "server/catalog/git.h"
#include "server/catalog/snapshot.h"
#include "server/catalog/source.h"

#define CHECK_ROW(cond, ...) do { if (!(cond)) { print_error(__VA_ARGS__); print_error(": not true: %s\n", #cond); fail(); } } while (0)

/* ---- sources ---- */
TEST(setting_is_read_in_both_forms) {
        static const struct { const char *value, *version, *want; int r; } rows[] = {
                { "{\"catalogs\":{\"b\":{\"url\":\"/b\",\"branch\":\"x\",\"kind\":\"native\"},\"a\":{\"url\":\"https://h.example/a\"}}}", "v1.6.30",
                  "a https://h.example/a  ;b /b x native;", 0 },
                { " {\"catalogs\":{}}", "v1.6.30", "", 0 },
                { "library=https://h.example/l.git,community=/c", "v1.6.30", "community /c master ;library https://h.example/l.git master ;", 0 },
                { "", "v1.6.30", "", 0 },
                { "a=/a,,b", "v1.6.30", "a /a master ;", -EINVAL },
                { "a=/a?x=1,b=/b", "v1.6.30", "a /a?x=1 master ;b /b master ;", 0 },
                { "{\"catalogs\":{\"a\":{\"url\":\"/a\",\"branch\":\"${RELEASE}\"}}}", "v1.6.30", "a /a v1.6-release ;", 0 },
                { "{\"catalogs\":{\"a\":{\"url\":\"/a\",\"branch\":\"${RELEASE}\"}}}", "1.12.3-rc1", "a /a v1.12-release ;", 0 },
                { "{\"catalogs\":{\"a\":{\"url\":\"/a\",\"branch\":\"${RELEASE}\"}}}", "", "a /a master ;", 0 },
                { "{\"catalogs\":{\"a\":{\"url\":\"/a\"},\"b:c\":{\"url\":\"/b\"},\"d\":{}}}", "v1.6.30", "a /a  ;", -EINVAL },
                { "{\"catalogs\":[]}", "v1.6.30", "", -EINVAL },
                { "{\"catalogs\":{\"a\":7}}", "v1.6.30", "", -EINVAL },
                { "{", "v1.6.30", "", -EINVAL },
                { "a=/a,a=/b", "v1.6.30", "a /a master ;", -EINVAL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct sources s = { 0 };
                struct dr_error err = { 0 };
                auto_sbuf struct sbuf text = SBUF(4096);
                int r = sources_parse(rows[i].value, rows[i].version, &s, &err);
                CHECK_ROW((r < 0) == (rows[i].r < 0), "row %zu: %d %s", i, r, err.message);
                for (size_t k = 0; k < s.n; k++)
                        sbuf_printf(&text, "%s %s %s %s;", s.v[k].name, s.v[k].url, s.v[k].branch, s.v[k].kind);
                CHECK_STR(sbuf_str(&text), ==, rows[i].want);
                sources_done(&s);
        }
}

TEST(list_of_an_environment_reads_back_as_it_was_written) {
        struct sources a = { 0 }, b = { 0 };
        sources_add(&a, "two", "https://u:p@h.example/x", "main", "");
        sources_add(&a, "one", "/srv/x", "", "native");
        AUTO(json_free) struct json_object *o = sources_to_json(&a);
        CHECK_INT(sources_parse(json_object_to_json_string(o), "v1.6.30", &b, NULL), ==, 0);
        CHECK_INT(b.n, ==, 2);
        CHECK_STR(sources_get(&b, "two")->url, ==, "https://u:p@h.example/x");
        CHECK_STR(sources_get(&b, "one")->kind, ==, "native");
        sources_remove(&b, "one");
        CHECK(!sources_get(&b, "one"));
        sources_done(&a);
        sources_done(&b);
}

TEST(places_are_told_apart) {
        static const struct { const char *url; int kind; bool local; const char *where; } rows[] = {
                { "builtin:library", SOURCE_BUILTIN, false, "library" },
                { "/no/such/folder", SOURCE_FOLDER, true, "/no/such/folder" },
                { "file:///no/such/folder", SOURCE_FOLDER, true, "/no/such/folder" },
                { "https://h.example/x.git", SOURCE_GIT, false, "https://h.example/x.git" },
                { "http://u:p@127.0.0.1:8080/x", SOURCE_GIT, false, "http://u:p@127.0.0.1:8080/x" },
                { "git://h.example/x", SOURCE_GIT, false, "git://h.example/x" },
                { "ssh://git@h.example/x", SOURCE_GIT, true, "ssh://git@h.example/x" },
                { "git@h.example:x/y.git", SOURCE_GIT, true, "git@h.example:x/y.git" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                bool local = !rows[i].local;
                auto_free char *where = NULL;
                struct dr_error err = { 0 };
                CHECK_ROW(source_kind(rows[i].url, &local, &where, &err) == rows[i].kind, "%s: %s", rows[i].url, err.message);
                CHECK_ROW(local == rows[i].local, "%s", rows[i].url);
                CHECK_STR(where, ==, rows[i].where);
        }
}

TEST(what_git_could_take_for_something_else_is_no_place) {
        static const char *const rows[] = {
                "", "x", "./x", "--upload-pack=id", "ext::sh -c id", "ext::id", "fd::17", "file://x", "ftp://h.example/x", "https://", "https:///x", "https://-h/x", "ssh://-oProxyCommand=id/x",
                "ssh://u@-oProxyCommand=id/x", "-u@h:x", "u@-h:x", "u@h::x", "https://h.example/a b", "https://h.example/a\nb", "h.example:x", "@h:x", "https://u@/x",
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                bool local;
                auto_free char *where = NULL;
                CHECK_ROW(source_kind(rows[i], &local, &where, NULL) < 0, "\"%s\" was taken", rows[i]);
        }
}

TEST(branches_and_names_are_checked) {
        static const char *const good[] = { "", "master", "v1.6-release", "a/b", "x_y", "1", "fix#3" };
        static const char *const bad[] = { "-x", "a..b", "/a", "a/", "a//b", ".a", "a/.b", "a b", "a:b", "a~1", "a^", "a\\b", "a*", "a?", "a[", "a.", "a\n" };
        for (size_t i = 0; i < ARRAY_LEN(good); i++)
                CHECK_ROW(source_check_branch(good[i], NULL) == 0, "%s", good[i]);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK_ROW(source_check_branch(bad[i], NULL) < 0, "%s", bad[i]);
        CHECK_INT(source_check_name("my-catalog.1", NULL), ==, 0);
        static const char *const names[] = { "", "a:b", "a*b", "a/b", "a b", "a?b", "a#b", "a%b", "a\\b", "a\tb" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                CHECK_ROW(source_check_name(names[i], NULL) < 0, "%s", names[i]);
}

TEST(passwords_are_blanked_in_urls) {
        static const char *const rows[][2] = {
                { "https://u:secret@h.example/x", "https://u:xxxxx@h.example/x" }, { "https://u:se@cr:et@h.example/x", "https://u:xxxxx@h.example/x" },
                { "https://u@h.example:8080/x", "https://u@h.example:8080/x" }, { "https://h.example:8080/x@y", "https://h.example:8080/x@y" }, { "git@h.example:x", "git@h.example:x" },
                { "/srv/x", "/srv/x" }, { "https://:p@h/x", "https://:xxxxx@h/x" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *got = scrub_url(rows[i][0]);
                CHECK_STR(got, ==, rows[i][1]);
        }
}

/* ---- files ---- */
TEST(only_files_of_templates_count) {
        static const char *const good[] = { "templates/a/config.yml", "infra-templates/a/0/x", "a-b-templates/c/1/x", "templates/a/0/b/c.yml" };
        static const char *const bad[] = { "", "x", "templates/x", "scripts/a/b", "templates/../x/y", "templates/./x", "/templates/a/b", "templates//a/b", "templates/a/b/", "templates/.git/config",
                                           "templates/a/.hidden", "..", "../templates/a/b", "mytemplates/a/b", "infra-templates2/a/b", "templates/a/b/c/d/e/f/g/h/i" };
        for (size_t i = 0; i < ARRAY_LEN(good); i++)
                CHECK_ROW(fileset_counts(good[i]), "%s", good[i]);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK_ROW(!fileset_counts(bad[i]), "%s", bad[i]);
}

static void add(struct fileset *f, const char *path, const char *text) {
        struct blob *b = blob_new(strlen(text));
        memcpy(b->data, text, strlen(text));
        CHECK_INT(fileset_add(f, path, fileset_blob(f, b, NULL), NULL), ==, 0);
}

TEST(equal_contents_are_held_once) {
        struct fileset f = { 0 };
        add(&f, "templates/a/0/x", "the same");
        add(&f, "templates/a/1/x", "the same");
        add(&f, "templates/a/2/x", "another");
        CHECK_INT(f.files.n, ==, 3);
        CHECK_INT(f.blobs.n, ==, 2);
        CHECK_INT(f.bytes, ==, 15);
        CHECK(f.files.v[0].blob == f.files.v[1].blob);
        fileset_done(&f);
}

TEST(more_bytes_than_allowed_are_refused) {
        struct fileset f = { 0 };
        struct dr_error err = { 0 };
        size_t n = 0;
        for (struct blob *b; n < 1000; n++) {
                b = blob_new(FILESET_FILE_BYTES_MAX);
                memset(b->data, 'x', b->len);
                memcpy(b->data, &n, sizeof n);
                if (!fileset_blob(&f, b, &err))
                        break;
        }
        CHECK_INT(n, ==, FILESET_BYTES_MAX / FILESET_FILE_BYTES_MAX);
        CHECK_INT(err.code, ==, DR_E_TOO_LARGE);
        fileset_done(&f);
}

TEST(reasons_are_kept_up_to_a_number_and_counted_beyond) {
        struct fileset f = { 0 };
        for (int i = 0; i < 1000; i++)
                fileset_skip(&f, "templates/a/b", "number %d", i);
        CHECK_INT(f.skipped.n, ==, FILESET_SKIPPED_MAX);
        CHECK_INT(f.n_skipped, ==, 1000);
        CHECK_STR(f.skipped.v[0], ==, "templates/a/b: number 0");
        fileset_done(&f);
}

TEST(the_built_in_catalog_can_be_read_and_has_an_environment_template) {
        struct fileset f = { 0 };
        struct dr_error err = { 0 };
        AUTO(snapshot_free) struct snapshot *s = NULL;
        CHECK_OK(fileset_read_builtin(&f, "library", &err), &err);
        CHECK_OK(snapshot_new(&f, &s, &err), &err);
        CHECK_INT(s->n_skipped_all, ==, 0);
        const struct snapshot_template *t = snapshot_template(s, "project", "minimal");
        CHECK(t && snapshot_file(snapshot_default(t, "v1.6.30"), "project.yml"));
        CHECK_INT(fileset_read_builtin(&f, "none", &err), <, 0);
        fileset_done(&f);
}

/* ---- snapshots ---- */
static struct snapshot *sample(void) {
        struct fileset f = { 0 };
        struct dr_error err = { 0 };
        struct snapshot *s = NULL;
        add(&f, "templates/a/config.yml", "name: A\nversion: '1.10'\n");
        add(&f, "templates/a/2/rancher-compose.yml", "catalog: {version: '1.2', maximum_rancher_version: v1.5.0}");
        add(&f, "templates/a/10/rancher-compose.yml", "catalog: {version: '1.10', minimum_rancher_version: v1.6.0}");
        add(&f, "templates/a/9/rancher-compose.yml", "catalog: {version: '1.9'}");
        add(&f, "templates/a/9/deep/docker-compose.yml", "deep");
        add(&f, "templates/a/9/docker-compose.yml", "flat");
        add(&f, "templates/a/9/zz/docker-compose.yml", "deep again");
        add(&f, "templates/b/config.yml", "name: B\n");
        add(&f, "templates/b/1.2.3/docker-compose.yml", "x");
        add(&f, "templates/b/v1.10.0/docker-compose.yml", "y");
        CHECK_OK(snapshot_new(&f, &s, &err), &err);
        return s;
}

TEST(versions_are_ordered_and_found_by_number_and_text) {
        AUTO(snapshot_free) struct snapshot *s = sample();
        const struct snapshot_template *a = snapshot_template(s, "", "a"), *b = snapshot_template(s, "", "b");
        CHECK(a && b && !snapshot_template(s, "infra", "a") && !snapshot_template(s, "", "c"));
        CHECK_INT(a->n_versions, ==, 3);
        CHECK_INT(a->versions[0].revision, ==, 2);
        CHECK_INT(a->versions[2].revision, ==, 10);
        CHECK_STR(snapshot_version(a, 9, NULL)->version, ==, "1.9");
        CHECK(!snapshot_version(a, 3, NULL));
        CHECK_STR(snapshot_version(b, -1, "1.2.3")->folder, ==, "1.2.3");
        CHECK_STR(b->versions[1].folder, ==, "v1.10.0");
        CHECK(!snapshot_version(b, -1, "9.9.9"));
}

TEST(the_default_is_what_the_server_may_have) {
        static const struct { const char *server, *want; } rows[] = { { "v1.6.30", "1.10" }, { "v1.5.5", "1.9" }, { "v1.4.0", "1.9" }, { NULL, "1.10" }, { "", "1.10" } };
        AUTO(snapshot_free) struct snapshot *s = sample();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                CHECK_STR(snapshot_default(snapshot_template(s, "", "a"), rows[i].server)->version, ==, rows[i].want);
}

TEST(of_two_files_of_one_name_the_less_deep_one_counts) {
        AUTO(snapshot_free) struct snapshot *s = sample();
        const struct snapshot_version *v = snapshot_version(snapshot_template(s, "", "a"), 9, NULL);
        CHECK_STR(snapshot_file(v, "docker-compose.yml")->data, ==, "flat");
        CHECK_INT(v->n_files, ==, 2);
        CHECK(!snapshot_file(v, "none"));
}

TEST(files_without_a_template_are_no_catalog) {
        struct fileset f = { 0 };
        struct dr_error err = { 0 };
        struct snapshot *s = NULL;
        add(&f, "templates/a/0/docker-compose.yml", "x");
        CHECK_INT(snapshot_new(&f, &s, &err), <, 0);
        CHECK(strstr(err.message, "no config.yml") != NULL);
        CHECK_INT(snapshot_new(&f, &s, &err), <, 0);
        CHECK(!s);
}

TEST_MAIN("server/catalog")
