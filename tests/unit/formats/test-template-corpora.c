#include "check.h"
#include "compose_player.h"
#include "recordings.h"

#include <ftw.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "base/vec.h"
#include "formats/catalog.h"

/* Every template of the public catalogs below DROVER_CORPORA (no part of drover) as Rancher's executor rendered it: files
 * templates/CATALOG/BASE/TEMPLATE.jsonl below DROVER_GOLDEN (else golden beside DROVER_CORPORA). Then every file of those catalogs as the
 * catalog reads it, counted: count_corpora.py counts the same without this code. */
enum { SHOWN_MAX = 20 };

enum verdict { SAME, SAME_ERROR, PLAIN, WRONG, VERDICT_MAX };
static const char *const verdicts[VERDICT_MAX] = {
        [SAME] = "the same bytes", [SAME_ERROR] = "the same error at the same place (upstream goes on with what came before it)",
        [PLAIN] = "taken as plain text where upstream's stack fails (an unknown function in a file that is no .tpl)", [WRONG] = "other",
};

_Static_assert((int) VERDICT_MAX <= (int) RECORDINGS_VERDICTS_MAX, "each is counted");
static size_t shown;
static const char *corpora;

/* "template: template:26:11: executing "template" at <X>: Y" names line and column from 0; here it is FILE:26:12: template: at <X>: Y. */
static bool same_error(const char *file, const char *upstream, const char *here) {
        unsigned line, column;
        int at = 0;
        const char *rest = strstr(upstream, "at <");
        if (sscanf(upstream, "template: template:%u:%u: %n", &line, &column, &at) != 2 || !at || !rest)
                return false;
        auto_free char *expected = dr_xasprintf("%s:%u:%u: template: %s", file, line, column + 1, rest);
        return str_eq(expected, here);
}

/* "template: template:44: function "x" not defined": the warning has line and words. */
static bool same_warning(const struct compose *c, const char *upstream) {
        size_t n;
        unsigned line;
        int at = 0;
        const struct compose_message *m = compose_messages(c, &n);
        if (!n || !m->warning || sscanf(upstream, "template: template:%u: %n", &line, &at) != 1 || !at)
                return false;
        return m->line == line && strstr(m->text, upstream + at) != NULL;
}

static enum verdict judge(const struct compose *c, const char *file, const char *source, const struct json_object *line, const char *text, const char *error) {
        const char *parse = json_str(line, "parseError", NULL), *exec = json_str(line, "execError", NULL), *made = str_or(compose_rendered(c, 0), source);
        if (parse)
                return same_warning(c, parse) ? PLAIN : WRONG;
        if (exec)
                return error && same_error(file, exec, error) ? SAME_ERROR : WRONG;
        return text && str_eq(made, text) ? SAME : WRONG;
}

static unsigned run_line(const char *folder, const struct json_object *line, const struct json_object *recorded) {
        const char *version = json_str(line, "version", ""), *file = json_str(line, "file", ""), *variant = json_str(line, "variant", "");
        auto_free char *path = dr_xasprintf("%s/%s/%s", folder, version, file);
        struct compose_doc doc = { .name = file };
        auto_free char *source = player_read_file(path, &doc.len);
        const struct json_object *stack = json_get(line, "stack");
        struct compose_env env = { .templates = true, .answers = json_get(line, "values"), .stack = json_str(stack, "Name", ""),
                                   .version = json_str(stack, "Version", ""), .environment = "Default" };
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        if (!source) {
                print_error("%s is not there\n", path);
                fail();
        }
        doc.text = source;
        int r = compose_read(&doc, 1, &env, &c, &err);
        enum verdict v = judge(c, file, source, line, json_str(recorded, "text", NULL), r < 0 ? err.message : NULL);
        if (v == WRONG && shown++ < SHOWN_MAX)
                print_message("%s %s: %s\n", path, variant, r < 0 ? err.message : "other text");
        return v;
}

static size_t report(void) {
        size_t all[VERDICT_MAX] = { 0 }, lines = recordings_report("templates: files x answers, against Rancher's executor", verdicts, VERDICT_MAX, all);
        print_message("  together %zu: %zu the same, %zu the same error, %zu plain text on purpose, %zu other\n", lines, all[SAME], all[SAME_ERROR], all[PLAIN], all[WRONG]);
        return lines ? all[WRONG] : 1;
}

TEST(every_template_of_the_public_catalogs_renders_as_recorded) {
        static const char *const keys[] = { "version", "file", "variant", NULL };
        auto_free char *folder = recordings_folder("DROVER_CORPORA");
        if (!folder) {
                print_message("DROVER_CORPORA names no folder\n");
                skip();
        }
        corpora = folder;
        CHECK(recordings_each(folder, "templates", keys, run_line));
        CHECK_INT(report(), ==, 0);
}

/* ---- files of the catalog ---- */
static const char *const kinds[] = { "string", "int", "enum", "boolean", "multiline", "password", "service", "secret", "certificate" };
static struct { size_t config, version, project, other, refused, questions, kinds[ARRAY_LEN(kinds) + 1], required, defaults, options, minimum, maximum, upgrades; } count;

static void count_version(const struct json_object *v) {
        struct json_object *questions = json_get_array(v, "questions");
        count.minimum += *json_str(v, "minimumRancherVersion", "") != '\0';
        count.maximum += *json_str(v, "maximumRancherVersion", "") != '\0';
        count.upgrades += *json_str(v, "upgradeFrom", "") != '\0';
        CHECK(*json_str(v, "version", ""));
        for (size_t i = 0; i < json_object_array_length(questions); i++) {
                const struct json_object *q = json_object_array_get_idx(questions, i);
                size_t k = 0;
                while (k < ARRAY_LEN(kinds) && !str_eq(json_str(q, "type", ""), kinds[k]))
                        k++;
                count.questions++;
                count.kinds[k]++;
                count.required += json_bool(q, "required", false);
                count.defaults += *json_str(q, "default", "") != '\0';
                count.options += json_get_array(q, "options") != NULL;
                /* What nobody types is always an answer, unless one is required. */
                AUTO(json_free) struct json_object *answer = NULL;
                struct dr_error err = { 0 };
                if (catalog_answer(q, NULL, &answer, &err) < 0)
                        CHECK_INT(err.code, ==, DR_E_MISSING_REQUIRED);
        }
}

static int visit_catalog(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        const char *inside = path + strlen(corpora) + 1, *name = path + ftw->base;
        struct catalog_place place;
        inside = strchr(inside, '/');           /* behind the catalog's folder */
        if (type != FTW_F || !inside)
                return 0;
        CHECK_INT(catalog_place_parse(inside + 1, &place), ==, 0);
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err = { 0 };
        size_t n;
        auto_free char *text = player_read_file(path, &n);
        CHECK(text);
        int r = 0;
        if (place.kind == CATALOG_FILE_CONFIG) {
                count.config++;
                r = catalog_config_parse(text, n, name, &o, &err);
        } else if (place.kind == CATALOG_FILE_VERSION && str_eq(name, "rancher-compose.yml")) {
                count.version++;
                r = catalog_version_parse(text, n, name, place.version, &o, &err);
                if (r == 0)
                        count_version(o);
        } else if (place.kind == CATALOG_FILE_VERSION && str_eq(name, "project.yml")) {
                count.project++;
                r = catalog_project_parse(text, n, name, &o, &err);
                CHECK(r < 0 || json_object_array_length(json_get_array(o, "stacks")) > 0);
        } else {
                count.other++;
        }
        if (r < 0)
                print_message("%s: %s\n", path, err.message);
        count.refused += r < 0;
        return 0;
}

TEST(every_file_of_the_public_catalogs_reads) {
        auto_free char *folder = recordings_folder("DROVER_CORPORA");
        if (!folder) {
                print_message("DROVER_CORPORA names no folder\n");
                skip();
        }
        corpora = folder;
        CHECK_INT(nftw(corpora, visit_catalog, 16, FTW_PHYS), ==, 0);
        print_message("catalog: config=%zu version=%zu project=%zu other=%zu refused=%zu minimum=%zu maximum=%zu upgrade_from=%zu questions=%zu required=%zu default=%zu options=%zu",
                      count.config, count.version, count.project, count.other, count.refused, count.minimum, count.maximum, count.upgrades, count.questions,
                      count.required, count.defaults, count.options);
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                print_message(" %s=%zu", kinds[i], count.kinds[i]);
        print_message(" unknown=%zu\n", count.kinds[ARRAY_LEN(kinds)]);
        CHECK_INT(count.version, >, 0);
        CHECK_INT(count.refused, ==, 0);
}

TEST_MAIN("formats/template-corpora")
