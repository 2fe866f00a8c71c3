#include "check.h"
#include "base/sbuf.h"
#include "formats/compose.h"
#include "formats/compose-internal.h"
#include "formats/json.h"

#include <stdlib.h>

struct files { const char *name, *text; };
struct setup { const char *const *vars; const struct files *files; char asked[200]; };

static const char *lookup(void *ctx, const char *name) {
        const struct setup *s = ctx;
        for (size_t i = 0; s->vars && s->vars[i]; i += 2)
                if (str_eq(s->vars[i], name))
                        return s->vars[i + 1];
        return NULL;
}

static int read_file(void *ctx, const char *doc, const char *path, char **ret, size_t *ret_len, struct dr_error *err) {
        struct setup *s = ctx;
        snprintf(s->asked, sizeof s->asked, "%s asks for %s", doc, path);
        for (const struct files *f = s->files; f && f->name; f++)
                if (str_eq(f->name, path)) {
                        *ret = dr_xstrdup(f->text);
                        *ret_len = strlen(f->text);
                        return 0;
                }
        return dr_fail(err, DR_E_NOT_FOUND, NULL, "no such file");
}

static struct compose *read2(const char *docker, const char *rancher, struct setup *s, int *ret) {
        static struct setup none;
        struct compose_doc docs[] = { { "docker-compose.yml", docker, strlen(docker) }, { "rancher-compose.yml", rancher, rancher ? strlen(rancher) : 0 } };
        struct compose_env env = { .ctx = s ? s : &none, .lookup = lookup, .read_file = read_file, .stack = "st" };
        struct compose *c = NULL;
        struct dr_error err = { 0 };
        *ret = compose_read(docs, rancher ? 2 : 1, &env, &c, &err);
        return c;
}

/* Services as one line each: "COLLECTION {body}" without hashes, then links, by wave. */
static void hide_hashes(struct json_object *o) {
        if (json_object_is_type(o, json_type_array))
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        hide_hashes(json_object_array_get_idx(o, i));
        if (!json_object_is_type(o, json_type_object))
                return;
        json_object_object_del(o, "io.rancher.service.hash");
        json_object_object_foreach(o, key, value) {
                (void) key;
                hide_hashes(value);
        }
}

static char *rendered(const struct compose *c) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        size_t n;
        const struct compose_service *s = compose_services(c, &n);
        for (size_t i = 0; i < n; i++) {
                AUTO(json_free) struct json_object *body = json_copy(s[i].body);
                hide_hashes(body);
                sbuf_printf(&b, "%u %s ", s[i].wave, s[i].collection);
                json_canonical(body, &b);
                if (json_object_array_length(s[i].links)) {
                        sbuf_puts(&b, " links ");
                        json_canonical(s[i].links, &b);
                }
                sbuf_putc(&b, '\n');
        }
        return sbuf_steal(&b);
}

static void check_reads(const char *docker, const char *rancher, struct setup *s, const char *want) {
        int r;
        AUTO(compose_free) struct compose *c = read2(docker, rancher, s, &r);
        auto_free char *errors = compose_errors(c), *got = rendered(c);
        CHECK_STR(errors, ==, "");
        CHECK_INT(r, ==, 0);
        CHECK_STR(got, ==, want);
}

static char *messages(const struct compose *c, bool warnings) {
        auto_sbuf struct sbuf b = SBUF(1 << 20);
        size_t n;
        const struct compose_message *m = compose_messages(c, &n);
        for (size_t i = 0; i < n; i++) {
                auto_free char *text = compose_message_format(&m[i]);
                if (m[i].warning == warnings)
                        sbuf_printf(&b, "%s\n", text);
        }
        return sbuf_steal(&b);
}

static void check_fails(const char *docker, const char *rancher, struct setup *s, const char *want) {
        int r;
        AUTO(compose_free) struct compose *c = read2(docker, rancher, s, &r);
        auto_free char *got = messages(c, false);
        CHECK_INT(r, <, 0);
        CHECK_STR(got, ==, want);
        size_t n;
        compose_services(c, &n);
        CHECK_INT(n, ==, 0);
}

#define LC(rest) "\"launchConfig\":{" rest "}"
#define PLAIN(image, name) "{\"launchConfig\":{\"imageUuid\":\"docker:" image "\",\"labels\":{},\"logConfig\":{},\"networkMode\":\"managed\"}," \
                           "\"metadata\":{},\"name\":\"" name "\",\"scale\":1}"

TEST(the_worked_example_of_the_specification_gives_its_requests) {
        struct setup s = { .vars = (const char *const[]) { "MSG", "hi", NULL } };
        check_reads("web:\n  image: nginx:1\n  command: sh -c 'echo ${MSG}'\n  ports: [\"8080:80\"]\n  mem_limit: 64m\n  links: [db]\n"
                    "  labels: {io.rancher.sidekicks: logs, a: 1}\n  volumes_from: [logs]\n"
                    "logs: {image: busybox, volumes: [/data], net: none}\ndb: {image: postgres}\n",
                    ".catalog:\n  questions:\n  - {variable: I, default: 2000}\n"
                    "web:\n  scale: \"2\"\n  health_check: {port: 80, interval: \"${I}\",\n    response_timeout: 2000,\n"
                    "    healthy_threshold: 2, unhealthy_threshold: 3}\n",
                    &s,
                    "0 services " PLAIN("postgres", "db") "\n"
                    "1 services {\"launchConfig\":{\"command\":[\"sh\",\"-c\",\"echo hi\"],\"dataVolumesFromLaunchConfigs\":[\"logs\"],"
                    "\"healthCheck\":{\"healthyThreshold\":2,\"interval\":2000,\"port\":80,\"responseTimeout\":2000,\"unhealthyThreshold\":3},"
                    "\"imageUuid\":\"docker:nginx:1\",\"labels\":{\"a\":\"1\",\"io.rancher.sidekicks\":\"logs\"},\"logConfig\":{},\"memory\":67108864,"
                    "\"networkMode\":\"managed\",\"ports\":[\"8080:80\"]},\"metadata\":{},\"name\":\"web\",\"scale\":2,\"secondaryLaunchConfigs\":["
                    "{\"dataVolumes\":[\"/data\"],\"imageUuid\":\"docker:busybox\",\"labels\":{},\"logConfig\":{},\"name\":\"logs\",\"networkMode\":\"none\"}]}"
                    " links [{\"service\":\"db\"}]\n");
}

TEST(hashes_change_with_the_configuration_and_not_with_scale) {
        static const char *const docs[] = { "a: {image: x, scale: 2}\n", "a: {image: x, scale: 3}\n", "a: {image: z}\n", "a: {image: x, retain_ip: true}\n" };
        char launch[4][64], service[4][64];
        for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
                int r;
                AUTO(compose_free) struct compose *c = read2(docs[i], NULL, NULL, &r);
                size_t n;
                const struct compose_service *s = compose_services(c, &n);
                CHECK_INT(n, ==, 1);
                snprintf(launch[i], 64, "%s", json_str(json_get(json_get(s->body, "launchConfig"), "labels"), "io.rancher.service.hash", ""));
                snprintf(service[i], 64, "%s", json_str(json_get(s->body, "metadata"), "io.rancher.service.hash", ""));
                CHECK_INT(strlen(launch[i]), ==, 32);
        }
        CHECK_STR(launch[0], ==, launch[1]);
        CHECK_STR(service[0], ==, service[1]);
        CHECK_STR(launch[0], !=, launch[2]);
        CHECK_STR(service[0], ==, service[2]);
        CHECK_STR(launch[0], ==, launch[3]);
        CHECK_STR(service[0], !=, service[3]);
}

TEST(an_unknown_key_is_an_error_with_file_place_and_suggestion) {
        check_fails("web:\n  image: x\n  port: [80]\n  enviroment: {}\n  healthcheck: {}\n  zzz: 1\n", NULL, NULL,
                    "docker-compose.yml:4:3: Unsupported config option for web service: 'enviroment' (did you mean 'environment'?)\n"
                    "docker-compose.yml:5:3: Unsupported config option for web service: 'healthcheck' (did you mean 'health_check'?)\n"
                    "docker-compose.yml:3:3: Unsupported config option for web service: 'port' (did you mean 'ports'?)\n"
                    "docker-compose.yml:6:3: Unsupported config option for web service: 'zzz'\n");
        check_fails("web:\n  image: x\n", "web:\n  retian_ip: true\n", NULL,
                    "rancher-compose.yml:2:3: Unsupported config option for web service: 'retian_ip' (did you mean 'retain_ip'?)\n");
}

TEST(wrong_values_say_what_was_expected_and_where) {
        check_fails("web:\n  image: [x]\n  tty: 'true'\n  ports: ['http:80', 5]\n  scale: many\n", NULL, NULL,
                    "docker-compose.yml:2:10: Service 'web' configuration key 'image' contains an invalid type, it should be a string.\n"
                    "docker-compose.yml:4:11: Service 'web' configuration key 0 value Does not match format 'ports'\n"
                    "docker-compose.yml:3:8: Service 'web' configuration key 'tty' contains an invalid type, it should be a boolean.\n");
        check_fails("web:\n  scale: many\n  health_check: {port: http}\n  cpu_shares: x\n", NULL, NULL,
                    "docker-compose.yml:2:10: Service 'web' configuration key 'scale' contains 'many', it should be a number\n"
                    "docker-compose.yml:4:15: Service 'web' configuration key 'cpu_shares' contains 'x', it should be a number\n"
                    "docker-compose.yml:3:24: Service 'web' configuration key 'health_check.port' contains 'http', it should be an integer\n");
        check_fails("web: {image: x}\n", "web:\n  image: a: b\n", NULL,
                    "rancher-compose.yml:2:11: error parsing yaml, please check: line 2, column 11: mapping values are not allowed in this context\n");
        check_fails("- a\n", NULL, NULL, "docker-compose.yml:1:1: a compose document must be a map at its top level, found a list\n");
        check_fails("version: '9'\nservices: {}\n", NULL, NULL, "docker-compose.yml:1:10: version \"9\" is not supported: versions 1, 2 and 3 are\n");
        check_fails("web: {image: 'a${'}\n", NULL, NULL, "docker-compose.yml:1:14: Invalid interpolation format for key \"image\": \"a${\"\n");
        check_fails("web: {build: .}\n", NULL, NULL,
                    "docker-compose.yml:1:14: Service 'web' is to be built from a local folder, which is not supported: build the image first and name "
                    "it with 'image'\n");
}

TEST(unknown_top_level_keys_warn) {
        int r;
        AUTO(compose_free) struct compose *c = read2("version: '2'\nbackup: {a: 1}\ncontainers: {}\nservices: {web: {image: x}}\n", NULL, NULL, &r);
        auto_free char *warnings = messages(c, true), *got = rendered(c);
        CHECK_INT(r, ==, 0);
        CHECK_STR(warnings, ==, "docker-compose.yml:2:1: top-level key 'backup' has no effect\n"
                                "docker-compose.yml:3:1: top-level key 'containers' has no effect\n");
        CHECK_STR(got, ==, "0 services " PLAIN("x", "web") "\n");
}

TEST(a_compose_specification_file_is_read_as_version_2_and_names_what_has_no_meaning) {
        static const char *const heads[] = { "", "version: '3.8'\n", "version: 3\n" };
        for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
                auto_free char *text = dr_xasprintf(
                        "%sservices:\n  web:\n    image: x\n    deploy: {replicas: 2}\n    configs: [c]\n    x-note: hi\n    depends_on: {db: {condition: service_started}}\n"
                        "    ports: [{target: 80, published: 8080, protocol: udp}, '90']\n    volumes: [{type: volume, source: v, target: /d, read_only: true}]\n"
                        "  db: {image: z}\nconfigs: {c: {file: f}}\n", heads[i]);
                int r, first = i ? 1 : 0;
                AUTO(compose_free) struct compose *c = read2(text, NULL, NULL, &r);
                auto_free char *warnings = messages(c, true), *got = rendered(c), *errors = messages(c, false);
                auto_free char *want = dr_xasprintf("docker-compose.yml:1:%d: a Compose specification file is read as version 2\n"
                                                    "docker-compose.yml:%d:1: top-level key 'configs' has no effect\n"
                                                    "docker-compose.yml:%d:5: Service 'web' key 'configs' has no meaning here and is ignored\n"
                                                    "docker-compose.yml:%d:5: Service 'web' key 'deploy' has no meaning here and is ignored\n",
                                                    i ? 10 : 1, 11 + first, 5 + first, 4 + first);
                CHECK_STR(errors, ==, "");
                CHECK_STR(warnings, ==, want);
                CHECK_STR(got, ==, "0 services " PLAIN("z", "db") "\n"
                                   "1 services {" LC("\"dataVolumes\":[\"v:/d:ro\"],\"imageUuid\":\"docker:x\",\"labels\":{},\"logConfig\":{},"
                                   "\"networkMode\":\"managed\",\"ports\":[\"8080:80/udp\",\"90\"]") ",\"metadata\":{},\"name\":\"web\",\"scale\":1}\n");
        }
        check_fails("services: {web: {image: x, deplyo: 1}}\n", NULL, NULL,
                    "docker-compose.yml:1:28: Unsupported config option for web service: 'deplyo'\n");
}

TEST(a_version_1_service_may_be_called_services) {
        check_reads("services: {image: x}\n", NULL, NULL, "0 services " PLAIN("x", "services") "\n");
}

TEST(variables_take_defaults_and_are_never_scanned_again) {
        struct setup s = { .vars = (const char *const[]) { "E", "", "X", "$Y", NULL } };
        check_reads("a:\n  image: ${X}-$$Z-${N:-d}-${N-e}-${E:-f}-${E-g}\n", NULL, &s, "0 services " PLAIN("$Y-$Z-d-e-f-", "a") "\n");
        int r;
        AUTO(compose_free) struct compose *c = read2("a: {image: '$NO', hostname: '${NO}x'}\n", NULL, &s, &r);
        auto_free char *warnings = messages(c, true);
        CHECK_STR(warnings, ==, "docker-compose.yml:1:12: The NO variable is not set. Substituting a blank string.\n");
}

TEST(later_documents_add_to_earlier_ones_and_later_scalars_win) {
        check_reads("lb: {image: l, ports: ['80:80'], command: a b, tty: true, lb_config: {port_rules: [{source_port: 80, target_port: 8080, service: web}]}}\n"
                    "web: {image: nginx}\n",
                    "lb: {scale: 2, ports: ['80:80', '81:81'], command: [c], tty: false}\n", NULL,
                    "0 services " PLAIN("nginx", "web") "\n"
                    "1 loadbalancerservices {" LC("\"command\":[\"c\"],\"imageUuid\":\"docker:l\",\"labels\":{},\"logConfig\":{},\"networkMode\":\"managed\","
                    "\"ports\":[\"80:80\",\"81:81\"]") ",\"lbConfig\":{\"portRules\":[{\"service\":\"web\",\"sourcePort\":80,\"targetPort\":8080}]},"
                    "\"metadata\":{},\"name\":\"lb\",\"scale\":2}\n");
}

TEST(files_come_from_the_caller_alone) {
        struct setup s = { .files = (const struct files[]) {
                { "a.env", "# c\n A=1 \n\nB=2\nC=3\nD\n" }, { "b.env", "B=20\r\nC=30\r\n" },
                { "base.yml", "base: {image: i, environment: [X=1], labels: {l: 1}}\nother: {extends: {service: base}, tty: true}\n" }, { 0 } } };
        check_reads("web:\n  image: x\n  env_file: [a.env, b.env]\n  environment: {C: own}\n", NULL, &s,
                    "0 services {" LC("\"environment\":{\"A\":\"1\",\"B\":\"20\",\"C\":\"own\"},\"imageUuid\":\"docker:x\",\"labels\":{},\"logConfig\":{},"
                    "\"networkMode\":\"managed\"") ",\"metadata\":{},\"name\":\"web\",\"scale\":1}\n");
        check_reads("web:\n  extends: {file: base.yml, service: other}\n  environment: [Y=2]\n", NULL, &s,
                    "0 services {" LC("\"environment\":{\"X\":\"1\",\"Y\":\"2\"},\"imageUuid\":\"docker:i\",\"labels\":{\"l\":\"1\"},\"logConfig\":{},"
                    "\"networkMode\":\"managed\",\"tty\":true") ",\"metadata\":{},\"name\":\"web\",\"scale\":1}\n");
        CHECK_STR(s.asked, ==, "docker-compose.yml asks for base.yml");
        check_fails("web:\n  image: x\n  env_file: ../no.env\n", NULL, &s,
                    "docker-compose.yml:3:13: could not read file \"../no.env\": no such file\n");
        struct compose_doc doc = { "d", "a: {image: x, env_file: f}\n", 27 };
        AUTO(compose_free) struct compose *c = NULL;
        struct dr_error err = { 0 };
        CHECK_INT(compose_read(&doc, 1, NULL, &c, &err), <, 0);
        CHECK_STR(err.message, ==, "d:1:25: could not read file \"f\": files are not read here");
}

TEST(extending_in_a_circle_ends) {
        check_fails("a: {extends: {service: b}}\nb: {extends: {service: a}}\n", NULL, NULL,
                    "docker-compose.yml:1:14: Service 'a' is extended in a circle or more than 8 times\n"
                    "docker-compose.yml:2:14: Service 'b' is extended in a circle or more than 8 times\n");
}

TEST(sidekicks_need_one_primary_that_exists) {
        check_fails("a: {image: x, labels: {io.rancher.sidekicks: s}}\nb: {image: x, labels: {io.rancher.sidekicks: 's, n'}}\ns: {image: z}\n", NULL, NULL,
                    "docker-compose.yml:2:46: can't have more than one primary service [a b] referencing the same sidekick [s]\n"
                    "docker-compose.yml:2:46: Failed to find sidekick: n\n");
}

TEST(references_become_ids_only_when_asked_for) {
        int r;
        AUTO(compose_free) struct compose *c = read2("version: '2'\nservices:\n  web: {image: x, secrets: [s1], external_links: ['o/db:d', 'e/o/db:n', 'o/none']}\n", NULL, NULL, &r);
        CHECK_INT(r, ==, 0);
        size_t n;
        const struct compose_service *s = compose_services(c, &n);
        CHECK_STR(json_str(json_object_array_get_idx(json_get(json_get(s->body, "launchConfig"), "secrets"), 0), "source", ""), ==, "s1");
        CHECK(s->sets_links);
        CHECK_STR(s->type, ==, "service");
        CHECK_STR(s->file, ==, "docker-compose.yml");
        CHECK_INT(s->line, ==, 3);
}

TEST(seconds_sizes_and_words_are_read_as_their_grammars_say) {
        static const struct { const char *key, *value, *want; } rows[] = {
                { "stop_grace_period", "1m30s", "\"stopTimeout\":90" }, { "stop_grace_period", "1.5h", "\"stopTimeout\":5400" },
                { "stop_grace_period", "2500ms", "\"stopTimeout\":2" }, { "mem_limit", "'1.5g'", "\"memory\":1610612736" },
                { "mem_limit", "64 MB", "\"memory\":67108864" }, { "shm_size", "1k", "\"shmSize\":1024" },
                { "command", "\"a 'b c' d\\\\ e f#g #h\"", "\"command\":[\"a\",\"b c\",\"d e\",\"f#g\"]" },
                { "command", "'a \"b \\\" c\" `d` '", "\"command\":[\"a\",\"b \\\" c\",\"`d`\"]" }, { "command", "\"a '' b\"", "\"command\":[\"a\",\"\",\"b\"]" },
                { "entrypoint", "[x, y z]", "\"entryPoint\":[\"x\",\"y z\"]" }, { "extra_hosts", "{a: 1.2.3.4}", "\"extraHosts\":[\"a:1.2.3.4\"]" },
                { "sysctls", "{a: 1024}", "\"sysctls\":{\"a\":\"1024\"}" }, { "labels", "{no: 1, 2: x}", "\"labels\":{\"2\":\"x\",\"no\":\"1\"}" },
                { "memory", "512m", "\"memoryMb\":512" }, { "secrets", "[{source: a, mode: 0440}]", "\"secrets\":[{\"mode\":\"440\",\"source\":\"a\"}]" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *text = dr_xasprintf("version: '2'\nservices:\n  a:\n    image: x\n    %s: %s\n", rows[i].key, rows[i].value);
                int r;
                AUTO(compose_free) struct compose *c = read2(text, NULL, NULL, &r);
                auto_free char *got = rendered(c), *errors = messages(c, false);
                CHECK_STR(errors, ==, "");
                if (!strstr(got, rows[i].want))
                        print_error("row %zu: %s\n  want %s\n", i, got, rows[i].want);
                CHECK(strstr(got, rows[i].want));
        }
}

TEST(external_services_without_image_and_driver_sections_get_their_kind) {
        check_reads("version: '2'\nservices:\n  e: {external_ips: [1.2.3.4]}\nstorage_drivers:\n  n: {image: x, name: nfs, scope: local}\n", NULL, NULL,
                    "0 externalservices {\"externalIpAddresses\":[\"1.2.3.4\"]," LC("\"labels\":{},\"logConfig\":{},\"networkMode\":\"managed\"")
                    ",\"metadata\":{},\"name\":\"e\",\"scale\":1}\n"
                    "0 storagedriverservices {" LC("\"imageUuid\":\"docker:x\",\"labels\":{},\"logConfig\":{},\"networkMode\":\"managed\"")
                    ",\"metadata\":{},\"name\":\"n\",\"scale\":1,\"storageDriver\":{\"name\":\"nfs\",\"scope\":\"local\"}}\n");
}

TEST(circles_of_links_and_dependencies_are_cut) {
        int r;
        AUTO(compose_free) struct compose *c = read2("version: '2'\nservices:\n  a: {image: x, links: [b]}\n  b: {image: x, depends_on: [a, gone]}\n", NULL, NULL, &r);
        auto_free char *warnings = messages(c, true);
        CHECK_INT(r, ==, 0);
        size_t n;
        const struct compose_service *s = compose_services(c, &n);
        CHECK_INT(n, ==, 2);
        CHECK_STR(s[0].name, ==, "b");
        CHECK_STR(s[1].name, ==, "a");
        CHECK_STR(warnings, ==, "docker-compose.yml:4:33: Service 'b' depends on 'gone' which is undefined\n");
}

TEST(documents_beyond_the_caps_are_refused) {
        auto_sbuf struct sbuf b = SBUF(4 << 20);
        for (int i = 0; i < 1001; i++)
                sbuf_printf(&b, "s%d: {image: x}\n", i);
        check_fails(sbuf_str(&b), NULL, NULL, "docker-compose.yml:1:1: more than 1000 services\n");
        while (b.len <= COMPOSE_TEXT_MAX)
                sbuf_puts(&b, "# comment comment comment comment comment comment comment comment\n");
        check_fails(sbuf_str(&b), NULL, NULL, "more than 16 documents or 1048576 bytes of text\n");
        sbuf_reset(&b);
        sbuf_puts(&b, "base: {image: x, cap_add: [");
        for (int i = 0; i < 20000; i++)
                sbuf_printf(&b, "c%d,", i);
        sbuf_puts(&b, "]}\n");
        for (int i = 0; i < 900; i++)
                sbuf_printf(&b, "s%d: {extends: {service: base}}\n", i);
        int r;
        AUTO(compose_free) struct compose *c = read2(sbuf_str(&b), NULL, NULL, &r);
        auto_free char *errors = messages(c, false);
        CHECK_INT(r, <, 0);
        CHECK(strstr(errors, "the documents are too large: more than 4000000 values once extended and merged"));
}

TEST(the_demo_stack_has_three_web_replicas_a_database_with_a_sidekick_and_a_global_service) {
        static const char *const names[] = { "docker-compose.yml", "rancher-compose.yml" };
        char text[2][8192];
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                auto_free char *path = dr_xasprintf("%s/../../examples/demo/%s", DROVER_TEST_DATA, names[i]);
                FILE *f = fopen(path, "re");
                CHECK(f);
                size_t n = fread(text[i], 1, sizeof text[i] - 1, f);
                fclose(f);
                text[i][n] = 0;
        }
        check_reads(text[0], text[1], NULL,
                    "0 services {" LC("\"command\":[\"/bin/beacon\",\"30\"],\"imageUuid\":\"docker:drover-demo/web:1\",\"labels\":"
                    "{\"io.rancher.scheduler.global\":\"true\"},\"logConfig\":{},\"networkMode\":\"managed\"") ",\"metadata\":{},\"name\":\"beacon\",\"scale\":1}\n"
                    "0 services {" LC("\"dataVolumes\":[\"/data\"],\"imageUuid\":\"docker:drover-demo/db:1\",\"labels\":"
                    "{\"io.rancher.sidekicks\":\"db-backup\",\"tier\":\"data\"},\"logConfig\":{},\"networkMode\":\"managed\"") ",\"metadata\":{},\"name\":\"db\",\"scale\":1,"
                    "\"secondaryLaunchConfigs\":[{\"command\":[\"/bin/backup\",\"30\"],\"dataVolumesFromLaunchConfigs\":[\"db\"],\"environment\":{\"KEEP\":\"5\"},"
                    "\"imageUuid\":\"docker:drover-demo/db:1\",\"labels\":{},\"logConfig\":{},\"name\":\"db-backup\",\"networkMode\":\"managed\"}]}\n"
                    "1 services {" LC("\"environment\":{\"GREETING\":\"Hello from drover\"},\"imageUuid\":\"docker:drover-demo/web:1\",\"labels\":{\"tier\":\"front\"},"
                    "\"logConfig\":{},\"networkMode\":\"managed\",\"ports\":[\"8081:80\"]") ",\"metadata\":{\"owner\":\"demo\"},\"name\":\"web\",\"scale\":3}"
                    " links [{\"service\":\"db\"}]\n");
}

TEST(every_key_of_the_table_is_sorted_and_found_by_name) {
        size_t n;
        const struct compose_key *keys = compose_keys(&n);
        CHECK_INT(n, >, 90);
        for (size_t i = 0; i < n; i++) {
                CHECK(!i || strcmp(keys[i - 1].name, keys[i].name) < 0);
                CHECK(compose_key_find(keys[i].name) == &keys[i]);
                CHECK(!keys[i].convert == !keys[i].field);
                CHECK(keys[i].versions >= V1 && keys[i].versions <= V12);
        }
        CHECK(!compose_key_find("nonsense"));
}

/* ---- bindings ---- */

static char *bound(const char *docker, const char *binding, int *ret) {
        AUTO(json_free) struct json_object *b = NULL;
        struct dr_error err = { 0 };
        CHECK_OK(json_parse(binding, strlen(binding), 1 << 16, &b, &err), &err);
        struct setup s = { .vars = (const char *const[]) { "PORT", "8080", NULL } };
        struct compose_doc doc = { "docker-compose.yml", docker, strlen(docker) };
        struct compose_env env = { .ctx = &s, .lookup = lookup, .binding = b };
        AUTO(compose_free) struct compose *c = NULL;
        *ret = compose_read(&doc, 1, &env, &c, &err);
        return *ret < 0 ? messages(c, false) : rendered(c);
}

TEST(a_binding_replaces_labels_and_ports_that_it_names) {
        static const char docker[] = "a: {image: x, labels: {old: '1'}, ports: ['80:80']}\n";
        static const struct { const char *binding, *labels, *ports; } rows[] = {
                { "{\"services\":{\"a\":{\"labels\":{\"new\":true,\"p\":\"$PORT\"},\"ports\":[\"${PORT}:80\",81]}}}", "{\"new\":\"true\",\"p\":\"8080\"}",
                  "[\"8080:80\",\"81\"]" },
                { "{\"services\":{\"a\":{\"labels\":{},\"ports\":[]}}}", "{\"old\":\"1\"}", "[\"80:80\"]" },
                { "{\"services\":{\"a\":{\"ports\":[\"1:1\"]},\"elsewhere\":{\"ports\":[\"2:2\"]}}}", "{\"old\":\"1\"}", "[\"1:1\"]" },
                { "{}", "{\"old\":\"1\"}", "[\"80:80\"]" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                int r;
                auto_free char *got = bound(docker, rows[i].binding, &r);
                auto_free char *labels = dr_xasprintf("\"labels\":%s", rows[i].labels), *ports = dr_xasprintf("\"ports\":%s}", rows[i].ports);
                CHECK_INT(r, ==, 0);
                CHECK(strstr(got, labels));
                CHECK(strstr(got, ports));
        }
}

TEST(a_binding_with_what_is_no_port_or_label_is_an_error_at_the_service) {
        static const struct { const char *binding, *want; } rows[] = {
                { "{\"services\":{\"a\":{\"ports\":[\"80:80\",\"x\"]}}}",
                  "docker-compose.yml:1:4: binding of service 'a': port 1 does not match format 'ports'\n" },
                { "{\"services\":{\"a\":{\"labels\":{\"l\":{}}}}}", "docker-compose.yml:1:4: binding of service 'a': label 'l' should be a string\n" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                int r;
                auto_free char *got = bound("a: {image: x}\n", rows[i].binding, &r);
                CHECK_INT(r, <, 0);
                CHECK_STR(got, ==, rows[i].want);
        }
}

TEST(messages_about_a_file_that_extends_names_have_its_path) {
        struct setup s = { .files = (const struct files[]) { { "common/base.yml", "base:\n  image: x\n  port: [1]\n" }, { 0 } } };
        check_fails("a:\n  extends: {file: common/base.yml, service: base}\n", NULL, &s,
                    "common/base.yml:3:3: Unsupported config option for base service: 'port' (did you mean 'ports'?)\n");
}

TEST_MAIN("formats/compose")
