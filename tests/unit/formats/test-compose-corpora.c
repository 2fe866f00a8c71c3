#include "check.h"
#include "compose_player.h"
#include "recordings.h"

#include <stdlib.h>

#include "base/sbuf.h"
#include "base/vec.h"

/* Every version of every template of the public catalogs below DROVER_CORPORA (no part of drover), with default and other answers, against
 * what Rancher's own executor made of it, and through export and import: files compose/corpora/CATALOG/BASE/TEMPLATE.jsonl below
 * DROVER_GOLDEN (else golden beside DROVER_CORPORA). Prints a report by category with counts per reason. test-compose-stacks.c does the same for the stacks that are part
 * of drover, always. */
enum { REASONS_MAX = 500, SHOWN_MAX = 40 };

enum verdict { EQUAL, EQUAL_REFUSED, ON_PURPOSE, ON_PURPOSE_REFUSED, REFUSED, ACCEPTED, OTHER, VERDICT_MAX };
static const char *const verdicts[VERDICT_MAX] = {
        [EQUAL] = "same requests", [EQUAL_REFUSED] = "refused by both", [ON_PURPOSE] = "accepted on purpose",
        [ON_PURPOSE_REFUSED] = "refused on purpose", [REFUSED] = "refused here only",
        [ACCEPTED] = "accepted here only", [OTHER] = "other requests",
};

/* Where drover's rule is another one (spec compose.md): by what upstream said, or drover where upstream went on. */
static const struct { bool ours; const char *error, *why; } on_purpose[] = {
        { false, "function \"service_name\" not defined", "a document with an unknown template function is plain text" },
        { false, "function \"stack_name\" not defined", "a document with an unknown template function is plain text" },
        { true, "can't give argument to non-function", "a template that fails while it runs is an error, for which upstream cuts the document off" },
};

struct reason { char *text; size_t n; };
static VEC(struct reason) reasons;
static size_t shown, default_lines, default_refused;
static const char *corpora;
_Static_assert((int) VERDICT_MAX <= (int) RECORDINGS_VERDICTS_MAX, "each is counted");

/* One reason for many: names in quotes are left out. */
static void count_reason(const char *kind, const char *text) {
        auto_sbuf struct sbuf b = SBUF(4096);
        sbuf_printf(&b, "%s: ", kind);
        char quote = 0;
        for (const char *p = text; *p && *p != '\n' && b.len < 200; p++) {
                if (quote && *p == quote && p[1] != 't')
                        quote = 0;
                else if (quote)
                        continue;
                else if ((*p == '\'' && p[1] != 't') || *p == '"')
                        quote = *p;
                sbuf_putc(&b, *p >= '0' && *p <= '9' ? 'N' : *p);
        }
        for (size_t i = 0; i < reasons.n; i++)
                if (str_eq(reasons.v[i].text, sbuf_str(&b))) {
                        reasons.v[i].n++;
                        return;
                }
        if (reasons.n < REASONS_MAX)
                vec_push(&reasons, ((struct reason) { sbuf_steal(&b), 1 }));
}

static const char *purpose(bool ours, const char *error) {
        for (size_t i = 0; error && i < ARRAY_LEN(on_purpose); i++)
                if (on_purpose[i].ours == ours && strstr(error, on_purpose[i].error))
                        return on_purpose[i].why;
        return NULL;
}

static enum verdict judge(struct player *p, const char *name, const struct json_object *recorded) {
        const char *error = json_str(recorded, "error", NULL);
        if (error && p->error) {
                count_reason("refused by both", p->error);
                return EQUAL_REFUSED;
        }
        if (p->error) {
                const char *why = purpose(true, p->error);
                count_reason(why ? "differs on purpose" : "refused here only", why ? why : p->error);
                if (!why && shown++ < SHOWN_MAX)
                        print_message("%s: refused: %s\n", name, p->error);
                return why ? ON_PURPOSE_REFUSED : REFUSED;
        }
        if (error) {
                const char *why = purpose(false, error);
                count_reason(why ? "differs on purpose" : "accepted here only", why ? why : error);
                if (!why && shown++ < SHOWN_MAX)
                        print_message("%s: accepted, but upstream: %s\n", name, error);
                return why ? ON_PURPOSE : ACCEPTED;
        }
        if (shown >= SHOWN_MAX)
                return OTHER;
        bool same = player_matches(p, name, json_get_array(json_get(recorded, "result"), "requests"), false) && player_round_trip(p, name);
        shown += !same;
        return same ? EQUAL : OTHER;
}

static unsigned run_line(const char *folder, const struct json_object *line, const struct json_object *recorded) {
        const char *version = json_str(line, "version", ""), *variant = json_str(line, "variant", ""), *file = json_str(line, "file", "");
        auto_free char *docker_path = dr_xasprintf("%s/%s/%s", folder, version, file);
        auto_free char *rancher_path = dr_xasprintf("%s/%s/rancher-compose.yml", folder, version);
        auto_free char *tpl_path = dr_xasprintf("%s.tpl", rancher_path);
        auto_free char *name = dr_xasprintf("%s/%s %s", folder + strlen(corpora) + 1, version, variant);
        struct player_files files = { .name = file };
        auto_free char *docker = player_read_file(docker_path, &files.len), *rancher = player_read_file(rancher_path, &files.rancher_len);
        if (!rancher)
                rancher = player_read_file(tpl_path, &files.rancher_len);
        if (!docker) {
                print_error("%s is not there\n", docker_path);
                fail();
        }
        files.text = docker;
        files.rancher = rancher;
        __attribute__((cleanup(player_done))) struct player p;
        player_init(&p, strrchr(folder, '/') + 1, json_get(line, "answers"));
        (void) player_create(&p, &files);       /* judged */
        enum verdict v = judge(&p, name, recorded);
        if (str_eq(variant, "default")) {
                default_lines++;
                default_refused += v == REFUSED || v == ON_PURPOSE_REFUSED;
        }
        return v;
}

static int by_count(const void *a, const void *b) {
        const struct reason *x = a, *y = b;
        return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->text, y->text);
}

static size_t report(void) {
        size_t all[VERDICT_MAX] = { 0 };
        size_t lines = recordings_report("compose: versions of templates x answers, against Rancher's executor", verdicts, VERDICT_MAX, all);
        vec_sort(&reasons, by_count);
        print_message("  reasons\n");
        for (size_t i = 0; i < reasons.n; i++) {
                print_message("    %5zu %s\n", reasons.v[i].n, reasons.v[i].text);
                free(reasons.v[i].text);
        }
        size_t wrong = all[REFUSED] + all[ACCEPTED] + all[OTHER];
        print_message("  together %zu: %zu equal, %zu refused by both, %zu accepted and %zu refused on purpose, %zu wrong; with default answers %zu of %zu are "
                      "refused here only\n", lines, all[EQUAL], all[EQUAL_REFUSED], all[ON_PURPOSE], all[ON_PURPOSE_REFUSED], wrong, default_refused, default_lines);
        vec_done(&reasons);
        return wrong;
}

TEST(every_template_of_the_public_catalogs_gives_the_recorded_requests) {
        static const char *const keys[] = { "version", "variant", NULL };
        auto_free char *folder = recordings_folder("DROVER_CORPORA");
        if (!folder) {
                print_message("DROVER_CORPORA names no folder\n");
                skip();
        }
        corpora = folder;
        CHECK(recordings_each(folder, "compose/corpora", keys, run_line));
        CHECK_INT(default_lines, >, 0);
        CHECK_INT(report(), ==, 0);
        CHECK_INT(default_refused * 100, <=, default_lines);
}

TEST_MAIN("formats/compose-corpora")
