#include "check.h"
#include "base/sbuf.h"
#include "formats/compose_change.h"

static struct json_object *parse(const char *text) {
        struct json_object *o = NULL;
        struct dr_error err;
        if (json_parse(text, strlen(text), 1 << 20, &o, &err) < 0)
                print_error("%s: %s\n", err.message, text);
        assert(o);
        return o;
}

#define HASH(x) "\"" COMPOSE_HASH_LABEL "\":\"" x "\""
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

struct plan { const char *type; struct json_object *desired, *existing, *links, *strategy; bool keep_scale, force; struct compose_change step; };
static void plan_done(struct plan *p) {
        compose_change_done(&p->step);
        json_free(p->desired);
        json_free(p->existing);
        json_free(p->links);
        json_free(p->strategy);
}
#define PLAN(p, ...)                                                                                    \
        __attribute__((cleanup(plan_done))) struct plan p = { __VA_ARGS__ };                            \
        compose_change_plan(&(struct compose_wish) { p.type, p.desired, p.links, p.strategy, p.keep_scale, p.force }, p.existing, &p.step)

TEST(a_service_that_is_not_there_is_created_and_started) {
        PLAN(p, .desired = parse(web));
        CHECK_INT(p.step.action, ==, COMPOSE_CREATE);
        CHECK(p.step.start && !p.step.links_differ && !p.step.needs_upgrade);
}

TEST(a_service_as_in_the_files_is_left_alone) {
        PLAN(p, .desired = parse(web), .existing = created(parse(web)), .links = parse("{\"serviceLinks\":[]}"));
        CHECK_INT(p.step.action, ==, COMPOSE_KEEP);
        CHECK(!p.step.needs_upgrade && !p.step.links_differ && !p.step.start && !p.step.fields);
}

TEST(changed_scale_and_metadata_are_one_update_with_only_those_fields) {
        PLAN(p, .desired = EDITED("\"scale\":2", "\"scale\":5", "\"b\":1", "\"b\":2", "\"m1\"", "\"m2\""), .existing = created(parse(web)));
        CHECK_INT(p.step.action, ==, COMPOSE_UPDATE);
        CHECK_STR(p.step.changed, ==, "scale 2 -> 5, metadata");
        CHECK_INT(json_object_object_length(p.step.fields), ==, 2);
        CHECK_INT(json_int(p.step.fields, "scale", 0), ==, 5);
        CHECK_STR(json_str(json_get_object(p.step.fields, "metadata"), COMPOSE_HASH_LABEL, ""), ==, "m2");
        CHECK(!p.step.needs_upgrade);
}

TEST(metadata_taken_out_of_the_files_is_taken_out_of_the_service) {
        PLAN(p, .desired = EDITED("\"a\":{\"b\":1},", "", "\"m1\"", "\"m2\""), .existing = created(parse(web)));
        CHECK_STR(p.step.changed, ==, "metadata");
        CHECK(!json_has(json_get_object(p.step.fields, "metadata"), "a"));
}

TEST(a_scale_that_the_files_do_not_say_stays_as_it_is) {
        PLAN(p, .desired = EDITED("\"scale\":2", "\"scale\":1"), .existing = created(parse(web)), .keep_scale = true);
        CHECK_INT(p.step.action, ==, COMPOSE_KEEP);
}

TEST(fields_that_the_files_do_not_name_stay_as_they_are) {
        struct json_object *existing = created(parse(web));
        json_set_str(existing, "description", "by hand");
        PLAN(p, .desired = parse("{\"name\":\"web\"}"), .existing = existing);
        CHECK_INT(p.step.action, ==, COMPOSE_KEEP);
}

TEST(an_inactive_service_is_started_again) {
        struct json_object *existing = created(parse(web));
        json_set_str(existing, "state", "inactive");
        PLAN(p, .desired = parse(web), .existing = existing);
        CHECK_INT(p.step.action, ==, COMPOSE_KEEP);
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
                CHECK_INT(p.step.action, ==, COMPOSE_KEEP);
        }
}

TEST(without_hash_or_with_another_programs_only_what_the_files_name_is_compared) {
        static const char *const others[] = { "\"other\":\"h1\"", "\"" COMPOSE_HASH_LABEL "\":\"0123456789abcdef0123\"" };
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
                CHECK_INT(compose_links_differ(links, have), ==, rows[i].differ);
        }
}

TEST(every_action_has_a_name_and_no_other_number_has) {
        for (int a = 0; a < COMPOSE_ACTION_MAX; a++)
                CHECK(compose_action_to_string((enum compose_action) a));
        CHECK(compose_action_to_string(COMPOSE_ACTION_MAX) == NULL);
}


static char *text_of(const struct json_object *o) {
        auto_sbuf struct sbuf b = SBUF(1 << 16);
        json_canonical(o, &b);
        return sbuf_steal(&b);
}

TEST(an_upgrade_has_only_the_configurations_that_changed_and_the_strategy) {
        static const char none[] = "{\"imageUuid\":\"rancher/none\",\"name\":\"log\"}", side[] = "\"imageUuid\":\"docker:busybox:2\"";
        static const struct { const char *edits[7]; const char *strategy; bool launch, batch; const char *secondary; } rows[] = {
                { { "nginx:1", "nginx:2", "\"h1\"", "\"h2\"" }, NULL, true, false, NULL },
                { { "nginx:1", "nginx:2", "\"h1\"", "\"h2\"" }, "{\"batchSize\":3,\"intervalMillis\":500,\"startFirst\":true}", true, true, NULL },
                { { "busybox", "busybox:2", "\"s1\"", "\"s2\"" }, NULL, false, false, side },
                { { "\"name\":\"log\"", "\"name\":\"new\"" }, NULL, false, false, none },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                PLAN(p, .desired = edited(rows[i].edits), .existing = created(parse(web)), .strategy = rows[i].strategy ? parse(rows[i].strategy) : NULL);
                struct json_object *s = json_get_object(p.step.upgrade, "inServiceStrategy");
                CHECK(s && p.step.needs_upgrade);
                CHECK_INT(json_get_object(s, "launchConfig") != NULL, ==, rows[i].launch);
                CHECK_INT(json_int(s, "batchSize", 0), ==, rows[i].batch ? 3 : 0);
                CHECK_INT(json_bool(s, "startFirst", false), ==, rows[i].batch);
                auto_free char *secondary = text_of(json_get_array(s, "secondaryLaunchConfigs"));
                CHECK(rows[i].secondary ? strstr(secondary, rows[i].secondary) != NULL : str_eq(secondary, "null"));
        }
}

TEST(a_forced_upgrade_has_every_configuration) {
        PLAN(p, .desired = parse(web), .existing = created(parse(web)), .force = true);
        struct json_object *s = json_get_object(p.step.upgrade, "inServiceStrategy");
        CHECK_STR(p.step.needs_upgrade, ==, "nothing: forced");
        CHECK_STR(json_str(json_get_object(s, "launchConfig"), "imageUuid", ""), ==, "docker:nginx:1");
        CHECK_INT(json_object_array_length(json_get_array(s, "secondaryLaunchConfigs")), ==, 1);
}

TEST(a_sidekick_that_an_upgrade_took_away_is_not_taken_away_again) {
        PLAN(p, .desired = EDITED("{\"name\":\"log\",\"imageUuid\":\"docker:busybox\",\"labels\":{" HASH("s1") "}}", ""),
             .existing = created(EDITED("\"imageUuid\":\"docker:busybox\"", "\"imageUuid\":\"rancher/none\"")));
        CHECK(!p.step.upgrade && !p.step.needs_upgrade);
}

TEST(external_services_and_aliases_are_updated_but_never_upgraded) {
        static const char *const types[] = { "externalService", "dnsService" };
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                PLAN(p, .type = types[i], .desired = parse("{\"externalIpAddresses\":[\"5.6.7.8\"],\"launchConfig\":{\"imageUuid\":\"docker:b\"}}"),
                     .existing = parse("{\"externalIpAddresses\":[\"1.2.3.4\"],\"launchConfig\":{\"imageUuid\":\"docker:a\"}}"));
                CHECK_INT(p.step.action, ==, COMPOSE_UPDATE);
                CHECK_STR(p.step.changed, ==, "externalIpAddresses");
                CHECK(!p.step.upgrade && !p.step.needs_upgrade);
        }
}

TEST(only_active_and_inactive_services_are_upgraded_and_an_upgraded_one_is_finished_first) {
        static const struct { const char *state; int ready; } rows[] = {
                { "active", 0 }, { "inactive", 0 }, { "upgraded", 1 }, { "upgrading", -1 }, { "canceled-upgrade", -1 }, { "removing", -1 },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *o = parse("{\"name\":\"web\"}");
                struct dr_error err = { 0 };
                json_set_str(o, "state", rows[i].state);
                int r = compose_upgrade_ready(o, &err);
                CHECK_INT(r < 0 ? -1 : r, ==, rows[i].ready);
                if (r < 0) {
                        auto_free char *text = dr_xasprintf("Service web must be state=active or inactive to upgrade, currently: state=%s", rows[i].state);
                        CHECK_STR(err.message, ==, text);
                }
        }
}

TEST(a_volume_whose_driver_changed_must_be_made_anew) {
        static const struct { const char *volume, *existing; bool fits; } rows[] = {
                { "{\"name\":\"v\",\"driver\":\"local\"}", "{\"name\":\"v\",\"driver\":\"local\"}", true },
                { "{\"name\":\"v\"}", "{\"name\":\"v\",\"driver\":\"nfs\"}", true },
                { "{\"name\":\"v\",\"driver\":\"local\"}", "{\"name\":\"v\",\"driver\":\"nfs\"}", false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                AUTO(json_free) struct json_object *v = parse(rows[i].volume), *have = parse(rows[i].existing);
                struct dr_error err = { 0 };
                CHECK_INT(compose_volume_fits(v, have, &err) == 0, ==, rows[i].fits);
                if (!rows[i].fits)
                        CHECK_STR(err.message, ==, "Volume \"v\" needs to be recreated - driver has changed");
        }
}

TEST_MAIN("formats/compose-change")
