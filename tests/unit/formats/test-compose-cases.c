#include "check.h"
#include "compose_player.h"

#include <stdlib.h>

/* Where drover differs from the recorded behaviour, and what it does instead. */
enum outcome {
        SUCCEEDS,               /* where upstream fails; the folders beside cases.jsonl and test-compose.c have what comes out */
        DIFFERS,                /* both succeed, with other requests; the folders beside cases.jsonl and test-compose.c have what comes out */
        FAILS,                  /* with a text of its own */
        WAVES,                  /* same requests, stricter order */
};
static const struct { const char *name; enum outcome outcome; const char *why; } differences[] = {
        { "answers-float-bool-int", DIFFERS, "numbers from answers are plain: 12345678" },
        { "answers-large-int", DIFFERS, "1000000" },
        { "answers-null", DIFFERS, "null is the empty string" },
        { "build-local", FAILS, "says what to do instead" },
        { "command-backtick", SUCCEEDS, "a backtick is an ordinary character" },
        { "depends-on", WAVES, "depends_on orders" },
        { "depends-on-cycle", WAVES, "depends_on orders" },
        { "doc-v1-catalog", FAILS, "the right service is named" },
        { "doc-v2-services-dot-catalog", SUCCEEDS, "the catalog section is found there too" },
        { "doc-version-1", SUCCEEDS, "read as version 1" },
        { "doc-version-2.0", SUCCEEDS, "read as version 2" },
        { "doc-version-2.1", SUCCEEDS, "read as version 2" },
        { "doc-version-3", SUCCEEDS, "read as version 2 with a warning" },
        { "doc-version-3-int", SUCCEEDS, "read as version 2 with a warning" },
        { "env-file", FAILS, "the caller reads files" },
        { "env-nested", FAILS, "one message, not two" },
        { "env-no-value-typed", DIFFERS, "null is the empty string" },
        { "external-without-image", DIFFERS, "as Rancher 1.2: an external service" },
        { "extra-hosts-map", SUCCEEDS, "the map form works" },
        { "interp-form-00", SUCCEEDS, "defaults in variables" },
        { "interp-form-01", SUCCEEDS, "defaults in variables" },
        { "labels-nested", FAILS, "one message, not two" },
        { "lb-v2", DIFFERS, "a later document does not clear lb_config" },
        { "legacy-lb-target-13", SUCCEEDS, "an empty target label is ignored" },
        { "links-cycle", DIFFERS, "either may be created first" },
        { "merge-lb-config-cleared", DIFFERS, "a later document does not clear lb_config" },
        { "merge-lists-same-item", DIFFERS, "each item once" },
        { "merge-rc-retain-ip-false", DIFFERS, "a later false overrides" },
        { "merge-rc-v1-drops", WAVES, "depends_on orders" },
        { "merge-scalars", DIFFERS, "a later command replaces, a later false overrides" },
        { "metadata-bool-key", SUCCEEDS, "the key's text" },
        { "metadata-int-key", SUCCEEDS, "the key's text" },
        { "oom-range", FAILS, "a readable message" },
        { "order-mixed", WAVES, "depends_on orders" },
        { "ports-sexagesimal", SUCCEEDS, "text 22:22, as in block form" },
        { "restart-no", SUCCEEDS, "accepted" },
        { "restart-no-v2", SUCCEEDS, "accepted" },
        { "section-network-drivers", SUCCEEDS, "the driver's keys are moved, not copied" },
        { "section-storage-drivers", SUCCEEDS, "the driver's keys are moved, not copied" },
        { "secrets-file-missing", FAILS, "the caller reads files" },
        { "secrets-sidekick", DIFFERS, "a sidekick has its own secrets" },
        { "sidekick-build", DIFFERS, "the image's name is made of the source, not of the time" },
        { "sidekick-ports-forms", DIFFERS, "a sidekick's ports are passed as written, expose too" },
        { "sidekicks-two", DIFFERS, "a sidekick's ports are passed as written" },
        { "sysctls-map-int", SUCCEEDS, "numbers are accepted" },
        { "tpl-exec-error", FAILS, "an error while a template runs is an error" },
        { "tpl-exec-error-in-docker-compose-only", FAILS, "an error while a template runs is an error" },
        { "tpl-exec-error-truncates", FAILS, "an error while a template runs is an error" },
        { "tpl-notemplating-second-line", SUCCEEDS, "an unknown function makes a document plain text" },
        { "tpl-rancher-compose", SUCCEEDS, "rendered before it is read" },
        { "tpl-unknown-function", SUCCEEDS, "an unknown function makes a document plain text" },
        { "ulimits-interpolated", FAILS, "a readable message" },
        { "ulimits-soft-only", FAILS, "a readable message" },
        { "unknown-two-errors", FAILS, "the right services are named" },
        { "virtual-machine-memory-size", DIFFERS, "512m is 512 MiB" },
        { "upgrade-external-and-dns", DIFFERS, "changed addresses are PUT; upstream leaves the old ones" },
        { "upgrade-service-added", WAVES, "the new service's link orders it" },
        { "upgrade-start-first", DIFFERS, "batch_size and interval_millis are sent too" },
        { "yaml-bool-key-no", SUCCEEDS, "the key's text" },
        { "yaml-bool-key-y", SUCCEEDS, "the key's text" },
};

enum { LINE_BYTES_MAX = 8 << 20 };

static bool library_text(const char *text) {
        static const char *const prefixes[] = { "yaml:", "strconv.", "error parsing yaml", "PANIC", "template:" };
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
                if (str_starts(text, prefixes[i]))
                        return true;
        return false;
}

/* Ours may have a suggestion where upstream has none. */
static bool same_error(const char *ours, const char *theirs) {
        size_t n = strlen(theirs);
        return strncmp(ours, theirs, n) == 0 && (!ours[n] || str_starts(ours + n, " (did you mean"));
}

static int difference_of(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(differences); i++)
                if (str_eq(differences[i].name, name))
                        return (int) differences[i].outcome;
        return -1;
}

static bool was_told(const struct player *p, const char *warning) {
        for (size_t i = 0; i < json_object_array_length(p->warnings); i++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(p->warnings, i)), warning))
                        return true;
        return false;
}

/* The last run against what was recorded of it. */
static bool check_run(const struct player *p, const char *name, const struct json_object *recorded, int difference) {
        const char *want_error = json_str(recorded, "error", NULL);
        const struct json_object *requests = json_get_array(recorded, "requests"), *warnings = json_get_array(recorded, "warnings");
        bool want_fail = difference == FAILS || (want_error && difference < 0), ok = true;
        if (want_fail != (p->error != NULL)) {
                print_error("case %s: %s, but should %s%s%s\n", name, p->error ? p->error : "reads", want_fail ? "fail" : "read", want_error ? ": " : "",
                            want_error ? want_error : "");
                return false;
        }
        if (p->error && difference < 0 && !library_text(want_error) && !same_error(p->error, want_error)) {
                print_error("case %s:\n  got  %s\n  want %s\n", name, p->error, want_error);
                return false;
        }
        if (!p->error && requests && (difference < 0 || difference == WAVES))
                ok = player_matches(p, name, requests, difference != WAVES);
        for (size_t i = 0; warnings && difference < 0 && i < json_object_array_length(warnings); i++)
                if (!was_told(p, json_object_get_string(json_object_array_get_idx(warnings, i)))) {
                        print_error("case %s: not warned: %s\n", name, json_object_get_string(json_object_array_get_idx(warnings, i)));
                        ok = false;
                }
        return ok;
}

static struct player_files files_of(const struct json_object *o) {
        const char *docker = json_str(o, "docker", ""), *rancher = json_str(o, "rancher", NULL);
        return (struct player_files) { "docker-compose.yml", docker, strlen(docker), rancher, rancher ? strlen(rancher) : 0 };
}

static void prepare(struct player *p, const struct json_object *options) {
        struct json_object *existing = json_get_array(options, "existing");
        for (size_t i = 0; existing && i < json_object_array_length(existing); i++)
                json_object_array_add(p->volumes, json_object_get(json_object_array_get_idx(existing, i)));
        p->start = json_bool(options, "startOnCreate", false);
}

/* What happened between create and upgrade. */
static void set_members(struct player *p, struct json_object *map, const char *field) {
        if (!map)
                return;
        json_object_object_foreach(map, name, value)
                json_set(player_service(p, name), field, json_object_get(value));
}

static bool run_case(const struct json_object *line, size_t *upgrades) {
        const char *name = json_str(line, "name", "?");
        const struct json_object *options = json_get(line, "options"), *upgrade = json_get_object(line, "upgrade");
        __attribute__((cleanup(player_done))) struct player p;
        struct player_files files = files_of(line);
        player_init(&p, "golden", json_get(line, "answers"));
        prepare(&p, options);
        (void) player_create(&p, &files);       /* the error is compared */
        if (!check_run(&p, name, line, upgrade ? -1 : difference_of(name)))
                return false;
        if (!upgrade)
                return true;
        ++*upgrades;
        set_members(&p, json_get_object(options, "states"), "state");
        set_members(&p, json_get_object(options, "scales"), "scale");
        files = files_of(upgrade);
        (void) player_upgrade(&p, &files, json_get(json_get(options, "upgrade"), "environment"));
        return check_run(&p, name, upgrade, difference_of(name));
}

TEST(every_recorded_case_gives_the_recorded_requests_or_error) {
        auto_free char *text = player_read_file(DROVER_TEST_DATA "/compose/cases.jsonl", NULL);
        size_t cases = 0, failed = 0, differing = 0, upgrades = 0;
        CHECK(text);
        for (char *p = text; *p;) {
                char *nl = strchr(p, '\n');
                CHECK(nl);
                AUTO(json_free) struct json_object *line = NULL;
                struct dr_error err = { 0 };
                CHECK_OK(json_parse(p, (size_t) (nl - p), LINE_BYTES_MAX, &line, &err), &err);
                cases++;
                failed += !run_case(line, &upgrades);
                differing += difference_of(json_str(line, "name", "")) >= 0;
                p = nl + 1;
        }
        print_message("%zu cases, %zu with an upgrade: %zu equal, %zu differ on purpose, %zu wrong\n", cases, upgrades, cases - differing - failed,
                      differing, failed);
        CHECK_INT(cases, ==, 570);
        CHECK_INT(upgrades, ==, 29);
        CHECK_INT(failed, ==, 0);
        CHECK_INT(differing, ==, ARRAY_LEN(differences));
}

TEST_MAIN("formats/compose-cases")
