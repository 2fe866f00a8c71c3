/* Files of catalogs, versions and ids (spec catalog.md 1 to 4, 8), answers (compose.md 3). */
#include "check.h"

#include "formats/answers.h"
#include "formats/catalog.h"
#include "formats/json.h"

static char *text_of(struct json_object *o) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        json_write(o, 0, &b);
        return sbuf_steal(&b);
}
#define IS(o, text) do {                                \
        auto_free char *json_ = text_of(o);             \
        CHECK_STR(json_, ==, text);                     \
} while (0)

/* ---- places ---- */

TEST(a_path_in_a_catalog_tells_template_and_version) {
        static const struct { const char *path; enum catalog_file kind; const char *base, *folder, *version; int64_t revision; const char *name; } rows[] = {
                { "infra-templates/dns/config.yml", CATALOG_FILE_CONFIG, "infra", "dns", "", -1, "config.yml" },
                { "templates/blog/catalogIcon-blog.svg", CATALOG_FILE_ICON, "", "blog", "", -1, "catalogIcon-blog.svg" },
                { "templates/blog/ReadMe.MD", CATALOG_FILE_README, "", "blog", "", -1, "ReadMe.MD" },
                { "templates/blog/3/README.md", CATALOG_FILE_VERSION, "", "blog", "3", 3, "README.md" },
                { "templates/blog/3/docker-compose.yml.tpl", CATALOG_FILE_VERSION, "", "blog", "3", 3, "docker-compose.yml.tpl" },
                { "templates/blog/v1.2.3-rc1/deep/er/rancher-compose.yml", CATALOG_FILE_VERSION, "", "blog", "v1.2.3-rc1", -1, "rancher-compose.yml" },
                { "templates/blog/next/rancher-compose.yml", CATALOG_FILE_OTHER, "", "blog", "", -1, "rancher-compose.yml" },
                { "project-templates/a-b/0/project.yml", CATALOG_FILE_VERSION, "project", "a-b", "0", 0, "project.yml" },
                { "templates/README.md", CATALOG_FILE_OTHER, "", "README.md", "", -1, "README.md" },
                { "README.md", CATALOG_FILE_OTHER, "", "", "", -1, "README.md" },
                { ".git/a/1/x", CATALOG_FILE_OTHER, "", "", "", -1, "x" },
                { "templates/blog/99999999999999999999/x", CATALOG_FILE_OTHER, "", "blog", "", -1, "x" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct catalog_place p;
                print_message("%s\n", rows[i].path);
                CHECK_INT(catalog_place_parse(rows[i].path, &p), ==, 0);
                CHECK_INT(p.kind, ==, rows[i].kind);
                CHECK_STR(p.base, ==, rows[i].base);
                CHECK_STR(p.folder, ==, rows[i].folder);
                CHECK_STR(p.version, ==, rows[i].version);
                CHECK_INT(p.revision, ==, rows[i].revision);
                CHECK_STR(p.name, ==, rows[i].name);
        }
        static const char *const refused[] = { "", "/etc/passwd", "a//b", "templates/../../x", "templates/x/", "./a/b" };
        struct catalog_place p;
        for (size_t i = 0; i < ARRAY_LEN(refused); i++)
                CHECK_INT(catalog_place_parse(refused[i], &p), ==, -EINVAL);
}

/* ---- files ---- */

TEST(a_config_becomes_a_template_record) {
        static const char text[] = "name: Blog\ndescription: A blog\nversion: 1.10\ncategory: Applications\ncategories: [Web]\nmaintainer: me\nlicense:\n"
                                   "projectURL: https://blog.example\nlabels:\n  io.rancher.certified: true\n  n: 1\n";
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(catalog_config_parse(text, strlen(text), "config.yml", &o, &err), &err);
        IS(o, "{\"name\":\"Blog\",\"description\":\"A blog\",\"defaultVersion\":\"1.10\",\"maintainer\":\"me\",\"license\":\"\","
              "\"projectURL\":\"https://blog.example\",\"isSystem\":\"\",\"path\":\"\",\"upgradeFrom\":\"\",\"categories\":[\"Web\",\"Applications\"],"
              "\"labels\":{\"io.rancher.certified\":\"true\",\"n\":\"1\"}}");
}

TEST(a_rancher_compose_becomes_a_version_with_its_questions) {
        static const char text[] = "version: '2'\ncatalog:\n  name: Blog\n  version: 1.20\n  minimum_rancher_version: v1.6.0\n  maximum_rancher_version: 1.6.99\n"
                                   "  upgrade_from: '>=1.0.0'\n  labels: {a: b}\n  questions:\n"
                                   "  - variable: PORT\n    label: Port\n    type: int\n    required: true\n    default: 8080\n    min: 1\n    max: 65535\n"
                                   "  - variable: TLS\n    type: boolean\n    default: yes\n"
                                   "  - variable: KIND\n    type: enum\n    default:\n    options: [a, 2, 1.5, true]\n    group: More\n    min_length: 1\n    max_length: 5\n"
                                   "    valid_chars: a-z\n    invalid_chars: '0'\n"
                                   "  - label: without a variable\nservices:\n  web: {scale: 2}\n";
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(catalog_version_parse(text, strlen(text), "rancher-compose.yml", "7", &o, &err), &err);
        CHECK_STR(json_str(o, "version", NULL), ==, "1.20");
        CHECK_STR(json_str(o, "minimumRancherVersion", NULL), ==, "v1.6.0");
        CHECK_STR(json_str(o, "maximumRancherVersion", NULL), ==, "1.6.99");
        CHECK_STR(json_str(o, "upgradeFrom", NULL), ==, ">=1.0.0");
        IS(json_get(o, "labels"), "{\"a\":\"b\"}");
        struct json_object *q = json_get_array(o, "questions");
        CHECK_INT(json_object_array_length(q), ==, 3);
        IS(json_object_array_get_idx(q, 0), "{\"variable\":\"PORT\",\"label\":\"Port\",\"description\":\"\",\"type\":\"int\",\"default\":\"8080\",\"group\":\"\","
           "\"validChars\":\"\",\"invalidChars\":\"\",\"required\":true,\"minLength\":0,\"maxLength\":0,\"min\":1,\"max\":65535,\"options\":null}");
        CHECK_STR(json_str(json_object_array_get_idx(q, 1), "default", NULL), ==, "true");
        IS(json_get(json_object_array_get_idx(q, 2), "options"), "[\"a\",\"2\",\"1.5\",\"true\"]");
        CHECK_STR(json_str(json_object_array_get_idx(q, 2), "default", NULL), ==, "");
        CHECK_STR(json_str(json_object_array_get_idx(q, 2), "validChars", NULL), ==, "a-z");
}

TEST(the_catalog_section_stands_in_one_of_three_places) {
        static const struct { const char *text, *version; } rows[] = {
                { "catalog: {version: a}\n.catalog: {version: b}\n", "a" }, { ".catalog: {version: b}\nweb: {}\n", "b" },
                { "version: '2'\nservices:\n  .catalog: {version: c}\n", "c" }, { "catalog:\n.catalog: {version: b}\n", "b" }, { "web: {scale: 1}\n", "7" },
                { "", "7" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *o = NULL;
                struct dr_error err = { 0 };
                CHECK_OK(catalog_version_parse(rows[i].text, strlen(rows[i].text), "r.yml", "7", &o, &err), &err);
                CHECK_STR(json_str(o, "version", NULL), ==, rows[i].version);
        }
        AUTO(json_free) struct json_object *plain = catalog_version_plain("3");
        IS(plain, "{\"version\":\"3\",\"minimumRancherVersion\":\"\",\"maximumRancherVersion\":\"\",\"upgradeFrom\":\"\",\"labels\":{},\"questions\":[]}");
}

TEST(a_project_lists_its_stacks) {
        static const char text[] = "name: Small\ndescription: Two\nstacks:\n- name: dns\n  templateId: 'library:infra*dns'\n- name: own\n  answers: {A: 1, B: true}\n"
                                   "  docker_compose: |\n    web: {}\n- {name: pinned, template_version_id: 'library:infra*x:4'}\n";
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(catalog_project_parse(text, strlen(text), "project.yml", &o, &err), &err);
        IS(o, "{\"name\":\"Small\",\"description\":\"Two\",\"stacks\":[{\"name\":\"dns\",\"templateId\":\"library:infra*dns\"},"
              "{\"name\":\"own\",\"dockerCompose\":\"web: {}\\n\",\"answers\":{\"A\":1,\"B\":true}},{\"name\":\"pinned\",\"templateVersionId\":\"library:infra*x:4\"}]}");
}

TEST(files_that_do_not_parse_are_refused_with_their_place) {
        static const struct { int (*fn)(const char *, size_t, const char *, struct json_object **, struct dr_error *); const char *text, *message; } rows[] = {
                { catalog_config_parse, "name: [a\n", "f.yml:2:1: " }, { catalog_config_parse, "- a\n", "f.yml:1:1: a map is expected" },
                { catalog_project_parse, "stacks: {a: b}\n", "f.yml:1:9: stacks must be a list, not a map" },
                { catalog_project_parse, "stacks:\n- a\n", "f.yml:2:3: a stack must be a map" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct json_object *o = NULL;
                struct dr_error err = { 0 };
                CHECK(rows[i].fn(rows[i].text, strlen(rows[i].text), "f.yml", &o, &err) < 0);
                CHECK(o == NULL);
                if (!str_starts(err.message, rows[i].message))
                        CHECK_STR(err.message, ==, rows[i].message);
        }
}

TEST(files_have_limits) {
        auto_sbuf struct sbuf b = SBUF(16 << 20);
        struct json_object *o = NULL;
        struct dr_error err = { 0 };
        sbuf_puts(&b, "catalog:\n  questions:\n");
        for (int i = 0; i < CATALOG_QUESTIONS_MAX + 1; i++)
                sbuf_printf(&b, "  - {variable: V%d}\n", i);
        CHECK(catalog_version_parse(sbuf_str(&b), b.len, "r.yml", "1", &o, &err) < 0);
        CHECK_STR(err.message, ==, "r.yml:3:3: more than 1000 questions");
        while (b.len <= CATALOG_FILE_BYTES_MAX)
                sbuf_puts(&b, "# and so on ........................................................................\n");
        CHECK(catalog_version_parse(sbuf_str(&b), b.len, "r.yml", "1", &o, &err) < 0);
        CHECK_INT(err.code, ==, DR_E_TOO_LARGE);
        static const char laughs[] = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                                     "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
        CHECK(catalog_version_parse(laughs, strlen(laughs), "r.yml", "1", &o, &err) < 0);
        CHECK(o == NULL);
}

/* ---- versions ---- */

/* Orders that upstream's own tests state. */
TEST(versions_ascend) {
        static const char *const lists[][16] = {
                { "v1.2.0", "v1.2.1", "v1.2.3", "v1.3.0", "v1.3.4", "v2.0.0" },
                { "v0.1.0-rancher0", "v0.1.0-rancher1", "v0.1.0-rancher1.1", "v1.2.4-rancher6", "v1.2.4-rancher6.1", "v1.2.4-rancher7", "v1.2.4-rancher7.2",
                  "v1.2.4-rancher7.3", "v1.2.4-rancher9.0", "v1.2.4-rancher10.10", "v1.2.4-rancher12.5", "v1.3.0-rancher3" },
                { "0.0.1", "v0.45.0" }, { "0.0.1-a", "0.0.1-b", "0.0.1-c" },
                { "0.0.1-pre1-alpha2", "0.0.1-pre1-alpha3", "0.0.1-pre1-beta1", "0.0.1-pre1-beta2.2", "0.0.1-pre1-beta11", "0.0.1-pre1-rc1", "0.0.1-pre1-rc1-1",
                  "0.0.1-pre1", "0.0.1" },
                { "1.2", "1.2.1" }, { "1.2-rc1", "1.2" }, { "1.9", "1.10" }, { "1.6.29+x", "v1.6.30" },
        };
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                for (size_t a = 0; a < ARRAY_LEN(lists[i]) && lists[i][a]; a++) {
                        CHECK(!catalog_version_greater(lists[i][a], lists[i][a]));
                        for (size_t b = a + 1; b < ARRAY_LEN(lists[i]) && lists[i][b]; b++) {
                                if (!catalog_version_greater(lists[i][b], lists[i][a]) || catalog_version_greater(lists[i][a], lists[i][b]))
                                        CHECK_STR(lists[i][b], ==, lists[i][a]);
                        }
                }
        CHECK(!catalog_version_greater("v1.0", "1.0") && !catalog_version_greater("1.0", "v1.0"));
        CHECK(!catalog_version_greater("1.6.0+a", "1.6.0+b"));
        CHECK(!catalog_version_greater("", "1") && catalog_version_greater("1", ""));
}

TEST(a_version_is_visible_between_its_bounds) {
        static const struct { const char *min, *max, *r; bool visible; } rows[] = {
                { "", "", "v1.6.30", true }, { "v1.6.30", "", "1.6.30", true }, { "1.6.31", NULL, "v1.6.30", false }, { NULL, "v1.6.30", "v1.6.30", true },
                { "", "1.6.29", "v1.6.30", false }, { "9", "1", "", true }, { "9", "1", NULL, true }, { "v1.5.0-rc1", "v1.6.99", "v1.6.30", true },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (catalog_version_visible(rows[i].min, rows[i].max, rows[i].r) != rows[i].visible)
                        CHECK_INT(i, ==, SIZE_MAX);
}

TEST(ranges_of_semantic_versions) {
        static const struct { const char *version, *range; int is; } rows[] = {
                { "1.0.0", "1.0.0", 1 }, { "v1.0.0", "v1.0.0", 1 }, { "1.0.1", "=1.0.0", 0 }, { "1.0.0", ">=v1.0.0", 1 }, { "1.5.0", ">1.0.0 <2.0.0 || >3.0.0", 1 },
                { "2.5.0", ">1.0.0 <2.0.0 || >3.0.0", 0 }, { "3.0.1", ">1.0.0 <2.0.0 || >3.0.0", 1 }, { "1.0.0", "!1.0.0", 0 }, { "1.0.0", "!=1.0.1", 1 },
                { "1.0.0-rc1", "<1.0.0", 1 }, { "1.0.0-rc.2", ">1.0.0-rc.1", 1 }, { "1.0.0-rc.10", ">1.0.0-rc.9", 1 }, { "1.0.0-1", "<1.0.0-a", 1 },
                { "1.2.9", "1.2.x", 1 }, { "1.3.0", "1.2.x", 0 }, { "1.3.0", ">1.2.x", 1 }, { "1.2.3", "<=1.x", 1 }, { "1.2.3", ">= 1.0.0", 1 },
                { "1.2.3+build", "1.2.3", 1 }, { "1.2", ">=1.0.0", -EINVAL }, { "1.2.3", "", -EINVAL }, { "1.2.3", ">=", -EINVAL }, { "1.2.3", "abc", -EINVAL },
                { "1.2.3", ">1.0.0 ||", -EINVAL }, { "01.2.3", ">1.0.0", -EINVAL }, { "1.2.3", ">1.0", -EINVAL }, { "1.2.3.4", ">1.0.0", -EINVAL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                int is = catalog_version_in_range(rows[i].version, rows[i].range);
                if (is != rows[i].is)
                        print_message("%s in %s\n", rows[i].version, rows[i].range);
                CHECK_INT(is, ==, rows[i].is);
        }
}

TEST(upgrades_go_to_later_visible_versions_that_take_this_one) {
        static const struct { const char *to; bool offered; } rows[] = {
                { "{\"version\":\"1.1.0\"}", true }, { "{\"version\":\"1.0.0\"}", false }, { "{\"version\":\"1.1.0\",\"minimumRancherVersion\":\"v1.7.0\"}", false },
                { "{\"version\":\"1.1.0\",\"upgradeFrom\":\">=1.0.0\"}", true }, { "{\"version\":\"1.1.0\",\"upgradeFrom\":\">1.0.0\"}", false },
                { "{\"version\":\"1.1.0\",\"upgradeFrom\":\"anything\"}", false },
        };
        AUTO(json_free) struct json_object *from = json_tokener_parse("{\"version\":\"v1.0.0\"}");
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *to = json_tokener_parse(rows[i].to);
                CHECK_INT(catalog_version_upgrades(from, to, "v1.6.30"), ==, rows[i].offered);
        }
}

/* ---- ids ---- */

TEST(ids_name_catalog_base_folder_and_version) {
        static const struct { const char *text, *catalog, *base, *folder, *version; int64_t revision; } rows[] = {
                { "library:infra*ipsec", "library", "infra", "ipsec", "", -1 }, { "community:traefik:12", "community", "", "traefik", "12", 12 },
                { "catalog://library:infra*ipsec:5", "library", "infra", "ipsec", "5", 5 }, { "a:b:1.2.3-x", "a", "", "b", "1.2.3-x", -1 },
        };
        struct catalog_id id;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct dr_error err = { 0 };
                CHECK_OK(catalog_id_parse(rows[i].text, &id, &err), &err);
                CHECK_STR(id.catalog, ==, rows[i].catalog);
                CHECK_STR(id.base, ==, rows[i].base);
                CHECK_STR(id.folder, ==, rows[i].folder);
                CHECK_STR(id.version, ==, rows[i].version);
                CHECK_INT(id.revision, ==, rows[i].revision);
                auto_free char *again = catalog_id_format(&id);
                CHECK_STR(again, ==, str_starts(rows[i].text, "catalog://") ? rows[i].text + 10 : rows[i].text);
        }
        static const char *const refused[] = { "", "library", "library:", ":x", "a:b:c:d", "a:b*c*d", "a:b*", "a:b:" };
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                struct dr_error err = { 0 };
                CHECK_INT(catalog_id_parse(refused[i], &id, &err), ==, -EINVAL);
                CHECK(strstr(err.message, "no template id"));
        }
}

/* ---- answers ---- */

TEST(answers_are_checked_by_their_question) {
        static const struct { const char *question, *text, *answer, *error; } rows[] = {
                { "{\"variable\":\"A\",\"type\":\"string\",\"default\":\"d\"}", "", "\"d\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"string\",\"default\":\"d\"}", "x", "\"x\"", NULL },
                { "{\"variable\":\"A\",\"label\":\"Name\",\"type\":\"string\",\"required\":true}", "", NULL, "Name is required" },
                { "{\"variable\":\"A\",\"type\":\"boolean\",\"default\":\"true\"}", "", "true", NULL },
                { "{\"variable\":\"A\",\"type\":\"boolean\",\"required\":true,\"default\":\"yes\"}", NULL, "false", NULL },
                { "{\"variable\":\"A\",\"type\":\"boolean\"}", "Yes", "true", NULL },
                { "{\"variable\":\"A\",\"type\":\"boolean\"}", "maybe", NULL, "A must be true or false" },
                { "{\"variable\":\"A\",\"type\":\"int\",\"min\":1,\"max\":10}", "11", NULL, "A must be at most 10" },
                { "{\"variable\":\"A\",\"type\":\"int\",\"min\":1,\"max\":10}", "0", NULL, "A must be at least 1" },
                { "{\"variable\":\"A\",\"type\":\"int\",\"min\":1,\"max\":10}", "7", "\"7\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"int\"}", "-5", "\"-5\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"int\"}", "1.5", NULL, "A must be a whole number" },
                { "{\"variable\":\"A\",\"type\":\"float\"}", "1.5", "\"1.5\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"float\"}", "x", NULL, "A must be a number" },
                { "{\"variable\":\"A\",\"type\":\"enum\",\"options\":[\"a\",\"b\"]}", "b", "\"b\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"enum\",\"options\":[\"a\",\"b\"]}", "c", NULL, "A must be one of its options, not \"c\"" },
                { "{\"variable\":\"A\",\"type\":\"enum\",\"default\":\"z\",\"options\":[\"a\",\"b\"]}", "", "\"z\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"password\",\"minLength\":3}", "ab", NULL, "A must have at least 3 characters" },
                { "{\"variable\":\"A\",\"type\":\"multiline\",\"maxLength\":3}", "\xc3\xa4\xc3\xb6\xc3\xbc", "\"\xc3\xa4\xc3\xb6\xc3\xbc\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"string\",\"maxLength\":2}", "abc", NULL, "A must have at most 2 characters" },
                { "{\"variable\":\"A\",\"type\":\"string\",\"validChars\":\"a-z0-9-\"}", "a-9", "\"a-9\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"string\",\"validChars\":\"a-z0-9-\"}", "a_9", NULL, "A must not have the character '_'" },
                { "{\"variable\":\"A\",\"type\":\"string\",\"invalidChars\":\" /\"}", "a/b", NULL, "A must not have the character '/'" },
                { "{\"variable\":\"A\",\"type\":\"string\",\"validChars\":\"a\"}", "a\xe2\x82\xac", NULL, "A must not have the character '\xe2\x82\xac'" },
                { "{\"variable\":\"A\",\"type\":\"date\"}", "2017-03-02", "\"2017-03-02\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"date\"}", "tomorrow", NULL, "A must be a date like 2017-03-02" },
                { "{\"variable\":\"A\",\"type\":\"service\"}", "stack/web", "\"stack/web\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"certificate\"}", "c", "\"c\"", NULL }, { "{\"variable\":\"A\",\"type\":\"secret\"}", "s", "\"s\"", NULL },
                { "{\"variable\":\"A\",\"type\":\"masked\"}", "s", "\"s\"", NULL }, { "{\"variable\":\"A\",\"type\":\"odd\"}", "s", "\"s\"", NULL },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *q = json_tokener_parse(rows[i].question), *answer = NULL;
                struct dr_error err = { 0 };
                int r = catalog_answer(q, rows[i].text, &answer, &err);
                if ((r < 0) != (rows[i].error != NULL))
                        print_message("%s: %s\n", rows[i].question, rows[i].text);
                CHECK_INT(r < 0, ==, rows[i].error != NULL);
                if (r < 0)
                        CHECK_STR(err.message, ==, rows[i].error);
                else
                        IS(answer, rows[i].answer);
        }
}

TEST(files_of_answers_are_maps_or_lines) {
        static const struct { const char *name, *text, *answers; } rows[] = {
                { "a.yml", "A: text\nB: 5\nC: yes\nD: 1.5\nE: '007'\nF: 12:30\n", "{\"A\":\"text\",\"B\":\"5\",\"C\":\"true\",\"D\":\"1.5\",\"E\":\"007\",\"F\":\"12:30\"}" },
                { "a.yaml", "", "{}" }, { "a.json", "{\"A\": true, \"B\": 1234567, \"C\": \"x\\ny\"}", "{\"A\":\"true\",\"B\":\"1234567\",\"C\":\"x\\ny\"}" },
                { "answers", "A=1\nB = 2 \n#C=3\nD\nE=a=b\r\n\nA=9\nF=\"q\"", "{\"A\":\"9\",\"B \":\" 2 \",\"#C\":\"3\",\"D\":\"\",\"E\":\"a=b\",\"F\":\"\\\"q\\\"\"}" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *o = NULL;
                struct dr_error err = { 0 };
                CHECK_OK(answers_parse(rows[i].name, rows[i].text, strlen(rows[i].text), &o, &err), &err);
                IS(o, rows[i].answers);
        }
        static const struct { const char *name, *text, *message; } refused[] = {
                { "a.yml", "A: x\nB: [1]\n", "a.yml:2:4: Environment variables must be of type string, bool, or int. Key B is of type list" },
                { "a.json", "{\"B\": null}", "a.json:1:7: Environment variables must be of type string, bool, or int. Key B is of type null" },
                { "a.yml", "- a\n", "a.yml: a map of variables is expected, not a list" }, { "a.yml", "a: [", "a.yml: line " },
        };
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                struct json_object *o = NULL;
                struct dr_error err = { 0 };
                CHECK(answers_parse(refused[i].name, refused[i].text, strlen(refused[i].text), &o, &err) < 0);
                if (!str_starts(err.message, refused[i].message))
                        CHECK_STR(err.message, ==, refused[i].message);
        }
        struct json_object *o = NULL;
        struct dr_error err = { 0 };
        CHECK_INT(answers_parse("a", "A=\0", 3, &o, &err), ==, -EINVAL);
}

TEST(answers_print_plainly) {
        static const struct { const char *json, *text; } rows[] = {
                { "true", "true" }, { "5", "5" }, { "1234567", "1234567" }, { "1.5", "1.5" }, { "null", "" }, { "\"x\"", "x" }, { "[1]", "[1]" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *o = json_tokener_parse(rows[i].json);
                auto_free char *text = answers_text(o);
                CHECK_STR(text, ==, rows[i].text);
        }
}

TEST_MAIN("formats/catalog")
