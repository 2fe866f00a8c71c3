#include "check.h"
#include "base/sbuf.h"
#include "cmd/drover/up_plan.h"

static struct json_object *parse(const char *text) {
        struct json_object *o = NULL;
        struct dr_error err;
        if (json_parse(text, strlen(text), 1 << 20, &o, &err) < 0)
                print_error("%s: %s\n", err.message, text);
        assert(o);
        return o;
}

#define HASH(x) "\"" UP_HASH_LABEL "\":\"" x "\""
static const char web[] = "{\"name\":\"web\",\"scale\":2,\"metadata\":{\"a\":{\"b\":1}," HASH("m1") "},"
                          "\"launchConfig\":{\"imageUuid\":\"docker:nginx:1\",\"command\":[\"run\"],\"ports\":[\"8080:80\"],"
                          "\"labels\":{\"x\":\"1\"," HASH("h1") "}},"
                          "\"secondaryLaunchConfigs\":[{\"name\":\"log\",\"imageUuid\":\"docker:busybox\",\"labels\":{" HASH("s1") "}}]}";

/* web with other text in place of some; edits: pairs, NULL-ended. */
static struct json_object *edited(const char *const *edits) {
        auto_free char *text = dr_xstrdup(web);
        for (; edits && *edits; edits += 2) {
                auto_sbuf struct sbuf b = SBUF(1 << 16);
                char *at = strstr(text, edits[0]);
                if (!at)
                        print_error("not in the text: %s\n", edits[0]);
                assert(at);
                sbuf_add(&b, text, (size_t) (at - text));
                sbuf_printf(&b, "%s%s", edits[1], at + strlen(edits[0]));
                free(text);
                text = sbuf_steal(&b);
        }
        return parse(text);
}
#define EDITED(...) edited((const char *const[]) { __VA_ARGS__, NULL })

/* What the server shows for o once it is created: more fields, ports completed. */
static struct json_object *created(struct json_object *o) {
        struct json_object *lc = json_get_object(o, "launchConfig");
        json_set_str(o, "id", "1s5");
        json_set_str(o, "state", "active");
        json_set_bool(o, "retainIp", false);
        json_set(lc, "ports", parse("[\"8080:80/tcp\"]"));
        json_set_bool(lc, "tty", false);
        json_set_str(lc, "networkMode", "managed");
        return o;
}

struct plan { struct json_object *desired, *existing, *links; bool keep_scale; struct up_step step; };
static void plan_done(struct plan *p) {
        up_step_done(&p->step);
        json_free(p->desired);
        json_free(p->existing);
        json_free(p->links);
}
#define PLAN(p, ...)                                                                                    \
        __attribute__((cleanup(plan_done))) struct plan p = { __VA_ARGS__ };                            \
        up_plan_service(p.desired, p.existing, p.keep_scale, p.links, &p.step)

TEST(a_service_that_is_not_there_is_created_and_started) {
        PLAN(p, .desired = parse(web));
        CHECK_INT(p.step.action, ==, UP_CREATE);
        CHECK(p.step.start && !p.step.links_differ && !p.step.needs_upgrade);
}

TEST(a_service_as_in_the_files_is_left_alone) {
        PLAN(p, .desired = parse(web), .existing = created(parse(web)), .links = parse("{\"serviceLinks\":[]}"));
        CHECK_INT(p.step.action, ==, UP_KEEP);
        CHECK(!p.step.needs_upgrade && !p.step.links_differ && !p.step.start && !p.step.fields);
}

TEST(changed_scale_and_metadata_are_one_update_with_only_those_fields) {
        PLAN(p, .desired = EDITED("\"scale\":2", "\"scale\":5", "\"b\":1", "\"b\":2", "\"m1\"", "\"m2\""), .existing = created(parse(web)));
        CHECK_INT(p.step.action, ==, UP_UPDATE);
        CHECK_STR(p.step.changed, ==, "scale 2 -> 5, metadata");
        CHECK_INT(json_object_object_length(p.step.fields), ==, 2);
        CHECK_INT(json_int(p.step.fields, "scale", 0), ==, 5);
        CHECK_STR(json_str(json_get_object(p.step.fields, "metadata"), UP_HASH_LABEL, ""), ==, "m2");
        CHECK(!p.step.needs_upgrade);
}

TEST(metadata_taken_out_of_the_files_is_taken_out_of_the_service) {
        PLAN(p, .desired = EDITED("\"a\":{\"b\":1},", "", "\"m1\"", "\"m2\""), .existing = created(parse(web)));
        CHECK_STR(p.step.changed, ==, "metadata");
        CHECK(!json_has(json_get_object(p.step.fields, "metadata"), "a"));
}

TEST(a_scale_that_the_files_do_not_say_stays_as_it_is) {
        PLAN(p, .desired = EDITED("\"scale\":2", "\"scale\":1"), .existing = created(parse(web)), .keep_scale = true);
        CHECK_INT(p.step.action, ==, UP_KEEP);
}

TEST(fields_that_the_files_do_not_name_stay_as_they_are) {
        struct json_object *existing = created(parse(web));
        json_set_str(existing, "description", "by hand");
        PLAN(p, .desired = parse("{\"name\":\"web\"}"), .existing = existing);
        CHECK_INT(p.step.action, ==, UP_KEEP);
}

TEST(an_inactive_service_is_started_again) {
        struct json_object *existing = created(parse(web));
        json_set_str(existing, "state", "inactive");
        PLAN(p, .desired = parse(web), .existing = existing);
        CHECK_INT(p.step.action, ==, UP_KEEP);
        CHECK(p.step.start);
}

TEST(a_changed_launch_configuration_is_named_and_left_to_an_upgrade) {
        static const struct { const char *edits[9]; const char *words; } rows[] = {
                { { "nginx:1", "nginx:2", "\"h1\"", "\"h2\"" }, "image nginx:1 -> nginx:2" },
                { { "[\"run\"]", "[\"other\"],\"tty\":true", "\"x\":\"1\"", "\"x\":\"2\"", "\"h1\"", "\"h2\"" }, "command, tty false -> true, label x" },
                { { "\"name\":\"log\"", "\"name\":\"new\"" }, "new sidekick new, sidekick log is not in the files" },
                { { "busybox", "busybox:2", "\"s1\"", "\"s2\"" }, "sidekick log: image busybox -> busybox:2" },
                { { "8080:80", "9090:80", "\"h1\"", "\"h2\"" }, "ports changed, or something was taken out" },
                { { "\"s1\"", "\"s2\"" }, "sidekick log: ports changed, or something was taken out" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                PLAN(p, .desired = edited(rows[i].edits), .existing = created(parse(web)));
                CHECK(p.step.needs_upgrade);
                CHECK_STR(p.step.needs_upgrade, ==, rows[i].words);
                CHECK_INT(p.step.action, ==, UP_KEEP);
        }
}

TEST(without_hash_or_with_another_programs_only_what_the_files_name_is_compared) {
        static const char *const others[] = { "\"other\":\"h1\"", "\"" UP_HASH_LABEL "\":\"0123456789abcdef0123\"" };
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
                PLAN(p, .desired = parse(web), .existing = created(EDITED(HASH("h1"), others[i])));
                CHECK(!p.step.needs_upgrade);
        }
}

TEST(an_image_changed_elsewhere_is_seen_though_the_hash_stayed) {
        PLAN(p, .desired = parse(web), .existing = created(EDITED("nginx:1", "nginx:3")));
        CHECK_STR(p.step.needs_upgrade, ==, "image nginx:3 -> nginx:1");
}

TEST(links_are_compared_by_target_and_alias) {
        static const struct { const char *links, *have; bool differ; } rows[] = {
                { "{\"serviceLinks\":[{\"serviceId\":\"1s7\"}]}", "{\"linkedServices\":{\"demo/db\":\"1s7\"}}", false },
                { "{\"serviceLinks\":[{\"serviceId\":\"1s7\",\"name\":\"db\"}]}", "{\"linkedServices\":{\"db\":\"1s7\"}}", false },
                { "{\"serviceLinks\":[{\"serviceId\":\"1s7\",\"name\":\"db\"}]}", "{\"linkedServices\":{\"old\":\"1s7\"}}", true },
                { "{\"serviceLinks\":[{\"serviceId\":\"1s8\"}]}", "{\"linkedServices\":{\"db\":\"1s7\"}}", true },
                { "{\"serviceLinks\":[]}", "{\"linkedServices\":{\"db\":\"1s7\"}}", true },
                { "{\"serviceLinks\":[]}", "{\"linkedServices\":null}", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *links = parse(rows[i].links), *have = parse(rows[i].have);
                CHECK_INT(up_links_differ(links, have), ==, rows[i].differ);
        }
}

TEST(stack_names_are_made_of_what_names_may_hold) {
        static const struct { const char *text, *name; } rows[] = {
                { "Demo", "demo" }, { "my_app.v2", "my-app-v2" }, { "_x", "x-x" }, { ".hidden", "x-hidden" }, { "", "default" }, { "a--", "a" },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_free char *s = up_stack_name(rows[i].text);
                CHECK_STR(s, ==, rows[i].name);
        }
}

TEST(every_action_has_a_name_and_no_other_number_has) {
        for (int a = 0; a < UP_ACTION_MAX; a++)
                CHECK(up_action_to_string((enum up_action) a));
        CHECK(up_action_to_string(UP_ACTION_MAX) == NULL);
}

TEST_MAIN("cmd/up-plan")
