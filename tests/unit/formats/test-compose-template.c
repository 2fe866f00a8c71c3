/* Compose documents as templates (spec compose.md 1, 3 and "Decided for drover"; catalog.md 6). */
#include "check.h"

#include "formats/compose.h"
#include "formats/json.h"

static const char questions[] = ".catalog:\n  version: v1\n  questions:\n  - {variable: TAG, type: string, default: '1.0'}\n"
                                "  - {variable: LB, type: boolean, default: true}\n  - {variable: EMPTY, type: string}\nweb:\n  scale: 2\n";

struct given { const char *docker_name, *docker, *rancher, *answers; const char *(*lookup)(void *, const char *); };

static int read_given(const struct given *g, struct compose **ret, struct dr_error *err) {
        struct compose_doc docs[2] = { { g->docker_name, g->docker, strlen(g->docker) }, { "rancher-compose.yml", g->rancher, strlen(g->rancher) } };
        AUTO(json_free) struct json_object *answers = g->answers ? json_tokener_parse(g->answers) : NULL;
        struct compose_env env = { .stack = "shop", .templates = true, .answers = answers, .environment = "Default", .version = "v1", .previous_version = "v0",
                                   .lookup = g->lookup };
        return compose_read(docs, 2, &env, ret, err);
}

static const char *image_of(const struct compose *c, size_t i) {
        size_t n;
        const struct compose_service *s = compose_services(c, &n);
        return i < n ? json_str(json_get(s[i].body, "launchConfig"), "imageUuid", "") : NULL;
}

static void makes_image(const struct given *g, const char *image) {
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(read_given(g, &c, &err), &err);
        CHECK_STR(image_of(c, 0), ==, image);
}

static void refuses(const struct given *g, const char *message) {
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        CHECK(read_given(g, &c, &err) < 0);
        if (!str_starts(err.message, message))
                CHECK_STR(err.message, ==, message);
}

static const char *lookup(void *ctx, const char *name) { return str_eq(name, "TAG") ? "from-lookup" : str_eq(name, "OTHER") ? "other" : NULL; }

TEST(values_are_defaults_then_lookup_then_answers) {
        makes_image(&(struct given) { "d.yml.tpl", "web:\n  image: a:{{.Values.TAG}}\n", questions, NULL, NULL }, "docker:a:1.0");
        makes_image(&(struct given) { "d.yml.tpl", "web:\n  image: a:{{.Values.TAG}}\n", questions, NULL, lookup }, "docker:a:from-lookup");
        makes_image(&(struct given) { "d.yml.tpl", "web:\n  image: a:{{.Values.TAG}}\n", questions, "{\"TAG\":\"2\"}", lookup }, "docker:a:2");
        makes_image(&(struct given) { "d.yml.tpl", "web:\n  image: a:{{.Values.TAG}}-{{.Values.N}}{{.Values.Z}}\n", questions, "{\"TAG\":true,\"N\":12345678,\"Z\":null}", NULL },
                    "docker:a:true-12345678");
}

TEST(interpolation_uses_the_same_order) {
        makes_image(&(struct given) { "d.yml", "web:\n  image: a:${TAG}${EMPTY}\n", questions, NULL, NULL }, "docker:a:1.0");
        makes_image(&(struct given) { "d.yml", "web:\n  image: a:${TAG}\n", questions, NULL, lookup }, "docker:a:from-lookup");
        makes_image(&(struct given) { "d.yml", "web:\n  image: a:${TAG}-${N}-${F}\n", questions, "{\"TAG\":\"2\",\"N\":1200000,\"F\":false}", lookup }, "docker:a:2-1200000-false");
}

TEST(values_in_templates_are_interpolated_again) {
        makes_image(&(struct given) { "d.yml", "web:\n  image: a:{{.Values.A}}\n", "", "{\"A\":\"${B}\",\"B\":\"x\"}", NULL }, "docker:a:x");
}

TEST(stack_release_and_environment_are_there) {
        makes_image(&(struct given) { "d.yml", "web:\n  image: {{.Stack.Name}}-{{.Release.Version}}-{{.Stack.PreviousVersion}}-{{.Environment.Name}}\n", "", NULL, NULL },
                    "docker:shop-v1-v0-Default");
}

TEST(conditions_choose_services) {
        static const char docker[] = "version: '2'\nservices:\n{{- if eq .Values.LB \"true\" }}\n  lb:\n    image: balancer\n{{- else }}\n  plain:\n    image: plain\n{{- end }}\n";
        makes_image(&(struct given) { "d.yml.tpl", docker, ".catalog: {questions: [{variable: LB, default: true}]}", NULL, NULL }, "docker:balancer");
        makes_image(&(struct given) { "d.yml.tpl", docker, ".catalog: {questions: [{variable: LB, default: true}]}", "{\"LB\":false}", NULL }, "docker:plain");
}

TEST(a_mark_switches_templates_off) {
        makes_image(&(struct given) { "d.yml", "\n  #notemplating\nweb:\n  image: 'a{{end}}'\n", "", NULL, NULL }, "docker:a{{end}}");
        makes_image(&(struct given) { "d.yml.tpl", "# notemplating\nweb:\n  image: 'a{{end}}'\n", "", NULL, NULL }, "docker:a{{end}}");
}

TEST(a_plain_file_that_is_no_template_is_taken_as_text_with_a_warning) {
        struct given g = { "docker-compose.yml", "web:\n  image: a\n  labels:\n    x: '%{{service_name}}'\n", "", NULL, NULL };
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        size_t n;
        CHECK_OK(read_given(&g, &c, &err), &err);
        CHECK_STR(json_str(json_get(json_get(compose_services(c, &n)->body, "launchConfig"), "labels"), "x", ""), ==, "%{{service_name}}");
        const struct compose_message *m = compose_messages(c, &n);
        CHECK_INT(n, ==, 1);
        CHECK(m->warning);
        CHECK_INT(m->line, ==, 4);
        CHECK(strstr(m->text, "function \"service_name\" not defined"));
        g.docker_name = "docker-compose.yml.tpl";
        refuses(&g, "docker-compose.yml.tpl:4:");
}

TEST(a_template_that_stops_on_its_way_is_an_error_with_its_place) {
        static const char docker[] = "web:\n  image: a\n{{- if (ne .Values.A \"x\") and .Values.A}}\n  command: b\n{{- end}}\n";
        refuses(&(struct given) { "docker-compose.yml", docker, "", "{\"A\":\"y\"}", NULL },
                "docker-compose.yml:3:8: template: at <(ne .Values.A \"x\") and .Values.A>: can't give argument to non-function ne .Values.A \"x\"");
        refuses(&(struct given) { "d.yml.tpl", "web:\n  image: {{index .Values \"A\" \"B\"}}\n", "", "{\"A\":\"y\"}", NULL }, "d.yml.tpl:2:12: template: ");
}

TEST(questions_that_stand_in_a_template_are_found) {
        static const char rancher[] = ".catalog:\n  questions:\n  {{- range $i, $e := until 2}}\n  - {variable: V{{$i}}, default: d{{$i}}}\n  {{- end}}\n";
        makes_image(&(struct given) { "d.yml.tpl", "web:\n  image: a:{{.Values.V1}}${V0}\n", rancher, NULL, NULL }, "docker:a:d1d0");
        struct compose_doc docs[] = { { "d.yml", "web: {image: a}\n", 16 }, { "r.yml", questions, strlen(questions) }, { "s.yml", rancher, strlen(rancher) } };
        struct compose_env env = { .templates = true };
        AUTO(json_free) struct json_object *all = compose_questions(docs, 3, &env), *raw = compose_questions(docs, 3, NULL);
        CHECK_INT(json_object_array_length(all), ==, 5);
        CHECK_INT(json_object_array_length(raw), ==, 3);
        CHECK_STR(json_str(json_object_array_get_idx(all, 3), "variable", ""), ==, "V0");
        CHECK_STR(json_str(json_object_array_get_idx(all, 0), "type", ""), ==, "string");
}

TEST(the_later_documents_question_counts) {
        static const char a[] = "catalog: {questions: [{variable: A, default: 1}, {variable: B}]}", b[] = "catalog: {questions: [{variable: A, default: 2}]}";
        struct compose_doc docs[] = { { "a.yml", a, strlen(a) }, { "b.yml", b, strlen(b) } };
        AUTO(json_free) struct json_object *q = compose_questions(docs, 2, NULL);
        CHECK_INT(json_object_array_length(q), ==, 2);
        CHECK_STR(json_str(json_object_array_get_idx(q, 0), "default", ""), ==, "2");
}

TEST(without_templates_braces_are_text) {
        static const char docker[] = "web:\n  image: a\n  command: \"{{.Values.A}}\"\n";
        struct compose_doc doc = { "d.yml", docker, strlen(docker) };
        struct compose_env env = { .stack = "s" };
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        size_t n;
        CHECK_OK(compose_read(&doc, 1, &env, &c, &err), &err);
        struct json_object *command = json_get_array(json_get(compose_services(c, &n)->body, "launchConfig"), "command");
        CHECK_STR(json_object_get_string(json_object_array_get_idx(command, 0)), ==, "{{.Values.A}}");
}

TEST(templates_that_make_too_much_are_refused) {
        refuses(&(struct given) { "d.yml.tpl", "{{range until 999999999}}x{{end}}", "", NULL, NULL }, "d.yml.tpl:1:");
        refuses(&(struct given) { "d.yml.tpl", "{{range until 50000}}{{range until 50000}}x{{end}}{{end}}", "", NULL, NULL }, "d.yml.tpl");
        refuses(&(struct given) { "d.yml.tpl", "{{repeat 10000000 \"0123456789\"}}", "", NULL, NULL }, "d.yml.tpl");
        enum { TEN_MB = 10 << 20 };
        auto_free char *large = dr_xmalloc(TEN_MB + 1);
        memset(large, 'x', TEN_MB);
        large[TEN_MB] = '\0';
        refuses(&(struct given) { "d.yml.tpl", large, "", NULL, NULL }, "more than 16 documents or 1048576 bytes of text");
}

TEST_MAIN("formats/compose-template")
