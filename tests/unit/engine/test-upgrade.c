/* What an upgrade makes of launch configs, which unit comes next, and how scale moves (orchestration.md 2.2, 2.3, 2.6). */
#include "engine/upgrade.h"
#include "engine/upgrade_config.h"
#include "formats/json.h"

#include "check.h"

static struct world *w;
static struct rng rng;
static int64_t next_unit;

static struct json_object *parse(const char *text) {
        struct json_object *o = NULL;
        CHECK_INT(json_parse(text, strlen(text), 1 << 20, &o, NULL), ==, 0);
        return o;
}
static struct value json(const char *text) {
        AUTO(json_free) struct json_object *o = parse(text);
        return value_json(o);
}
static bool usable(void *arg, const struct record *host) { return arg != host; }
static bool lost(void *arg, const struct record *host) { return arg == host; }

static struct record *service(const char *lc, const char *sidekicks, const char *upgrade, int scale) {
        struct record *s = record_new(T_service, T_service, world_next_id(w, T_service));
        s->state = S_upgrading;
        s->account_id = 5;
        rng_seed(&rng, 7);
        uuid_make(&rng, &s->uuid);
        record_put(s, F_name, value_str("web"));
        record_put(s, F_launchConfig, json(lc));
        record_put(s, F_scale, value_int(scale));
        if (sidekicks)
                record_put(s, F_secondaryLaunchConfigs, json(sidekicks));
        if (upgrade)
                record_put(s, F_upgrade, json(upgrade));
        world_insert(w, s);
        return s;
}
/* One unit with one container. */
static struct record *unit(const struct record *s, const char *version, enum state_id state) {
        struct record *du = record_new(T_deploymentUnit, T_deploymentUnit, ++next_unit), *i = record_new(T_instance, T_container, next_unit);
        char uuid[RECORD_UUID_MAX];
        uuid_make(&rng, &du->uuid);
        uuid_make(&rng, &i->uuid);
        record_put(du, F_deploymentUnitUuid, value_str(record_uuid(du, uuid)));
        record_put(du, F_serviceId, value_int(s->id));
        record_put(i, F_deploymentUnitUuid, value_ref(record_value(du, F_deploymentUnitUuid)));
        record_put(i, F_serviceId, value_int(s->id));
        record_put(i, F_createIndex, value_int(next_unit));
        record_put(i, F_version, value_str(version));
        i->state = (uint16_t) state;
        i->account_id = s->account_id;
        world_insert(w, du);
        world_insert(w, i);
        return i;
}
static struct upgrade_view look(const struct record *s) {
        struct plan_request req = { .world = w, .service = s, .usable = usable, .lost = lost };
        struct upgrade_view v;
        upgrade_look(&req, true, &v);
        return v;
}
static void begin(void) {
        w = world_new();
        next_unit = 0;
}
static void end(void) {
        w = world_free(w);
        CHECK_INT(text_count(), ==, 0);
}

TEST(scales_move_as_in_the_example_and_never_beyond_the_bounds) {
        static const struct upgrade_scales trace[] = { { 2, 0 }, { 2, 2 }, { 2, 4 }, { 1, 4 }, { 1, 5 }, { 0, 5 } };
        struct upgrade_scales next;
        for (size_t k = 0; k + 1 < ARRAY_LEN(trace); k++) {
                CHECK(upgrade_next_scales(trace[k], 5, 2, &next));
                CHECK(next.from == trace[k + 1].from && next.to == trace[k + 1].to);
        }
        CHECK(!upgrade_next_scales(trace[5], 5, 2, &next));
        for (int64_t from = 0; from < 8; from++)
                for (int64_t to = 0; to < 8; to++)
                        for (int64_t final = 1; final < 8; final++)
                                for (int64_t batch = 1; batch < 9; batch++) {
                                        struct upgrade_scales at = { from, to };
                                        unsigned n = 0;
                                        while (upgrade_next_scales(at, final, batch, &next) && ++n < 50) {
                                                CHECK(next.from >= 0 && next.from <= at.from);
                                                CHECK(next.from + next.to <= MAX(MAX(final + batch, final), from + to));
                                                at = next;
                                        }
                                        CHECK(at.from == 0 && at.to == final);
                                }
}
TEST(who_refers_to_an_upgraded_one_over_several_steps_is_upgraded_too) {
        begin();
        struct record *s = service("{\"imageUuid\":\"docker:a\",\"networkLaunchConfig\":\"one\"}",
                                   "[{\"name\":\"one\",\"imageUuid\":\"docker:a\",\"dataVolumesFromLaunchConfigs\":[\"two\"]},{\"name\":\"two\",\"imageUuid\":\"docker:a\"},"
                                   "{\"name\":\"alone\",\"imageUuid\":\"docker:a\",\"version\":\"9\"}]", NULL, 1);
        AUTO(json_free) struct json_object *in = parse("{\"secondaryLaunchConfigs\":[{\"name\":\"two\",\"imageUuid\":\"docker:b\"}],\"startFirst\":true}");
        struct upgrade_configs to = upgrade_configs_make(s, in, "v1");
        CHECK_STR(json_str(to.primary, "version", ""), ==, "v1");
        static const char *const versions[] = { "v1", "v1", "9" };
        for (size_t k = 0; k < 3; k++)
                CHECK_STR(json_str(json_object_array_get_idx(to.secondaries, k), "version", ""), ==, versions[k]);
        CHECK_STR(json_str(json_object_array_get_idx(to.secondaries, 1), "imageUuid", ""), ==, "docker:b");
        CHECK_INT(json_object_array_length(json_get_array(to.strategy, "secondaryLaunchConfigs")), ==, 2);
        CHECK_INT(json_object_array_length(json_get_array(to.strategy, "previousSecondaryLaunchConfigs")), ==, 3);
        CHECK(json_get(to.strategy, "launchConfig") && json_bool(to.strategy, "startFirst", false));
        upgrade_configs_done(&to);
        end();
}
TEST(a_sidekick_without_image_leaves_unless_the_service_selects_containers) {
        begin();
        struct record *s = service("{\"imageUuid\":\"docker:a\"}", "[{\"name\":\"one\",\"imageUuid\":\"docker:a\"}]", NULL, 1);
        AUTO(json_free) struct json_object *in = parse("{\"secondaryLaunchConfigs\":[{\"name\":\"one\",\"imageUuid\":\"docker:rancher/none\"}]}");
        struct upgrade_configs to = upgrade_configs_make(s, in, "v1");
        CHECK(!to.secondaries);
        CHECK_STR(json_str(to.primary, "version", "0"), ==, "0");
        upgrade_configs_done(&to);
        world_put(w, s, F_selectorContainer, value_str("a=b"));
        to = upgrade_configs_make(s, in, "v1");
        CHECK_INT(json_object_array_length(to.secondaries), ==, 1);
        upgrade_configs_done(&to);
        end();
}
TEST(a_public_port_is_carried_over_by_private_port_and_protocol) {
        begin();
        struct record *s = service("{\"imageUuid\":\"docker:a\",\"ports\":[\"1000:80/tcp\",\"1001:80/udp\",\"1002:81/tcp\"]}", NULL, NULL, 1);
        AUTO(json_free) struct json_object *in = parse("{\"launchConfig\":{\"imageUuid\":\"docker:a\",\"ports\":[\"80/udp\",\"80\",\"82\",\"2000:81\"]}}");
        struct upgrade_configs to = upgrade_configs_make(s, in, "v1");
        static const char *const ports[] = { "1001:80/udp", "1000:80/tcp", "82", "2000:81" };
        for (size_t k = 0; k < ARRAY_LEN(ports); k++)
                CHECK_STR(json_object_get_string(json_object_array_get_idx(json_get(to.primary, "ports"), k)), ==, ports[k]);
        upgrade_configs_done(&to);
        end();
}
TEST(the_oldest_units_come_first_but_those_that_are_down_before_them) {
        begin();
        struct record *s = service("{\"imageUuid\":\"docker:a\",\"version\":\"v1\"}", NULL, "{\"inServiceStrategy\":{\"batchSize\":2}}", 4);
        struct record *oldest = unit(s, "0", S_running);
        unit(s, "0", S_running);
        struct record *down = unit(s, "0", S_stopped);
        unit(s, "0", S_running);
        struct upgrade_view v = look(s);
        CHECK(v.pending && !v.moving);
        CHECK_INT(v.next.n, ==, 2);
        CHECK(v.next.v[0].instance == down && v.next.v[1].instance == oldest);
        CHECK_INT(v.next.v[0].action, ==, UPGRADE_SET_ASIDE);
        upgrade_view_done(&v);
        world_put(w, down, F_upgradeSetAside, value_bool(true));        /* begun, and nothing new there yet */
        v = look(s);
        CHECK(v.moving && v.pending);
        CHECK_INT(v.now.n, ==, 0);
        upgrade_view_done(&v);
        end();
}
TEST(what_is_set_aside_and_runs_is_stopped_at_once_or_when_the_new_one_serves) {
        for (int first = 0; first < 2; first++) {
                begin();
                struct record *s = service("{\"imageUuid\":\"docker:a\",\"version\":\"v1\"}", NULL,
                                           first ? "{\"inServiceStrategy\":{\"startFirst\":true}}" : "{\"inServiceStrategy\":{}}", 1);
                struct record *old = unit(s, "0", S_running), *now = unit(s, "v1", S_starting);
                world_put(w, old, F_upgradeSetAside, value_bool(true));
                world_put(w, now, F_deploymentUnitUuid, value_ref(record_value(old, F_deploymentUnitUuid)));
                record_free(world_delete(w, world_get(w, T_deploymentUnit, 2)));
                struct upgrade_view v = look(s);
                CHECK(v.moving && !v.pending);
                CHECK_INT(v.now.n, ==, first ? 0 : 1);
                CHECK(v.waits_for == now);
                upgrade_view_done(&v);
                now->state = S_running;
                v = look(s);
                CHECK_INT(v.now.n, ==, 1);
                CHECK(v.now.v[0].instance == old && v.now.v[0].action == UPGRADE_STOP);
                upgrade_view_done(&v);
                old->state = S_stopped;
                v = look(s);
                CHECK(!v.moving && !v.pending);
                CHECK_INT(v.done, ==, 1);
                upgrade_view_done(&v);
                end();
        }
}
TEST_MAIN("engine/upgrade")
