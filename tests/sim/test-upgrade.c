/* Upgrades of services, rule by rule (orchestration.md 2; s43 and so on are its acceptance scenarios). */
#include "base/log.h"
#include "core/service_upgrade.h"
#include "engine/upgrade.h"
#include "sim.h"

#include "check.h"

static const struct simhosts_conf calm = { .op_min_ms = 10, .op_max_ms = 200 };
static const char image[] = "{\"imageUuid\":\"docker:busybox\"}";
static const char next[] = "{\"batchSize\":1,\"intervalMillis\":100,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\"}}";
static const char slow[] = "{\"batchSize\":1,\"intervalMillis\":5000,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\"}}";

#define CONVERGES(s) do { bool c_ = sim_converge((s), 600000); if (!c_) { print_error("%s\n", sim_disagreement(s)); } CHECK(c_); } while (0)
#define STATE(svc, name) CHECK_STR(state_name((svc)->state), ==, name)

static struct json_object *parse(const char *text) {
        struct json_object *o = NULL;
        CHECK_INT(json_parse(text, strlen(text), 1 << 20, &o, NULL), ==, 0);
        return o;
}

static struct record *begin(struct sim *s, uint64_t seed, int hosts, int scale, const char *lc, const char *sidekicks) {
        *s = (struct sim) { 0 };
        sim_open(s, seed, hosts, &calm);
        struct record *svc = sim_service(s, sim_stack(s, "s"), "web", scale, lc);
        if (sidekicks) {
                AUTO(json_free) struct json_object *list = parse(sidekicks);
                core_put(s->core, svc, F_secondaryLaunchConfigs, value_json(list));
        }
        CONVERGES(s);
        STATE(svc, "active");
        return svc;
}

static const struct records *containers(struct sim *s, const struct record *svc) {
        return world_by_int(core_world(s->core), T_instance, F_serviceId, svc->id);
}
struct tally { size_t all, running, aside, aside_stopped, old; };
static struct tally tally(struct sim *s, const struct record *svc) {
        const struct records *l = containers(s, svc);
        struct tally t = { .all = l->n };
        for (size_t i = 0; i < l->n; i++) {
                t.running += l->v[i]->state == S_running;
                t.aside += upgrade_is_aside(l->v[i]);
                t.aside_stopped += upgrade_is_aside(l->v[i]) && l->v[i]->state == S_stopped;
                t.old += upgrade_is_old(svc, l->v[i]);
        }
        return t;
}

/* Runs until the service has this state, at most ms; what serves at least meanwhile. */
static size_t until(struct sim *s, struct record *svc, enum state_id state, uint64_t ms) {
        uint64_t end = s->now_ms + ms;
        size_t least = SIZE_MAX;
        int64_t id = svc->id;
        while (svc->state != state && sim_step(s, end)) {
                least = MIN(least, sim_serving(s, id));
                assert(world_get(core_world(s->core), T_service, id) == svc);
        }
        CHECK_STR(state_name(svc->state), ==, state_name(state));
        return least;
}

static void ids_of(struct sim *s, const struct record *svc, struct map *ret) {
        const struct records *l = containers(s, svc);
        for (size_t i = 0; i < l->n; i++)
                map_set(ret, (uint64_t) l->v[i]->id, ret);
}
static size_t known(struct sim *s, const struct record *svc, const struct map *ids) {
        const struct records *l = containers(s, svc);
        size_t n = 0;
        for (size_t i = 0; i < l->n; i++)
                n += map_get(ids, (uint64_t) l->v[i]->id) != NULL;
        return n;
}

TEST(s43_the_old_are_set_aside_and_stopped_and_go_when_the_upgrade_is_finished) {
        struct sim s;
        struct record *svc = begin(&s, 1, 2, 2, image, NULL);
        struct text *unit = text_ref(record_text(sim_find(&s, T_instance, "s-web-1"), F_deploymentUnitUuid));
        CHECK_INT(sim_upgrade(&s, svc->id, next), ==, 0);
        STATE(svc, "upgrading");
        CHECK_INT(until(&s, svc, S_upgraded, 60000), ==, 1);
        struct tally t = tally(&s, svc);
        CHECK_INT(t.all, ==, 4);
        CHECK_INT(t.running, ==, 2);
        CHECK_INT(t.aside, ==, 2);
        CHECK_INT(t.aside_stopped, ==, 2);
        CHECK_INT(t.old, ==, 2);
        const struct records *l = world_by_text(core_world(s.core), T_instance, F_deploymentUnitUuid, unit);
        CHECK_INT(l->n, ==, 2);                                 /* the same unit, name and index */
        CHECK_STR(record_name(l->v[0]), ==, record_name(l->v[1]));
        CHECK_STR(record_str(l->v[0], F_serviceIndex), ==, record_str(l->v[1], F_serviceIndex));
        CHECK_STR(record_str(svc, F_healthState), ==, "healthy");
        CHECK_INT(sim_process(&s, svc->id, P_service_finishupgrade), ==, 0);
        CHECK_INT(until(&s, svc, S_active, 60000), ==, 2);
        t = tally(&s, svc);
        CHECK_INT(t.all, ==, 2);
        CHECK_INT(t.running, ==, 2);
        CHECK_INT(t.old, ==, 0);
        CONVERGES(&s);
        text_unref(unit);
        sim_close(&s);
}
TEST(s44_rollback_brings_the_same_containers_back) {
        struct sim s;
        struct record *svc = begin(&s, 2, 2, 3, image, NULL);
        struct map before = { 0 };
        ids_of(&s, svc, &before);
        CHECK_INT(sim_upgrade(&s, svc->id, next), ==, 0);
        until(&s, svc, S_upgraded, 60000);
        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
        STATE(svc, "rolling-back");
        CHECK_INT(until(&s, svc, S_active, 60000), ==, 2);
        struct tally t = tally(&s, svc);
        CHECK_INT(t.all, ==, 3);
        CHECK_INT(t.running, ==, 3);
        CHECK_INT(t.aside, ==, 0);
        CHECK_INT(known(&s, svc, &before), ==, 3);
        CHECK_STR(json_str(record_json(svc, F_launchConfig), "version", "0"), ==, "0");
        CHECK_STR(json_str(record_json(svc, F_launchConfig), "imageUuid", ""), ==, "docker:busybox");
        CONVERGES(&s);
        map_done(&before);
        sim_close(&s);
}
TEST(s45_a_canceled_upgrade_stops_at_once_and_goes_on_or_back) {
        for (int back = 0; back < 2; back++) {
                struct sim s;
                struct record *svc = begin(&s, 3, 2, 4, image, NULL);
                struct map before = { 0 };
                ids_of(&s, svc, &before);
                CHECK_INT(sim_upgrade(&s, svc->id, slow), ==, 0);
                sim_run(&s, 7000);
                STATE(svc, "upgrading");
                CHECK_INT(sim_process(&s, svc->id, P_service_cancelupgrade), ==, 0);
                until(&s, svc, S_canceled_upgrade, 1000);
                struct tally t = tally(&s, svc);
                CHECK_INT(t.aside, >, 0);
                CHECK_INT(t.aside, <, 4);
                sim_run(&s, 60000);
                STATE(svc, "canceled-upgrade");
                CHECK_INT(tally(&s, svc).aside, ==, t.aside);           /* nothing goes on by itself */
                if (back) {
                        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
                        CHECK_INT(until(&s, svc, S_active, 120000), >=, 3);
                        CHECK_INT(known(&s, svc, &before), ==, 4);
                        CHECK_INT(tally(&s, svc).all, ==, 4);
                } else {
                        CHECK_INT(sim_process(&s, svc->id, P_service_continueupgrade), ==, 0);
                        CHECK_INT(until(&s, svc, S_upgraded, 120000), >=, 3);
                        CHECK_INT(tally(&s, svc).aside_stopped, ==, 4);
                }
                map_done(&before);
                sim_close(&s);
        }
}
TEST(s46_it_waits_for_health_where_a_check_exists) {
        struct sim s;
        struct record *svc = begin(&s, 4, 2, 2, image, NULL);
        sim_checkers(&s);               /* somebody reports health here */
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"intervalMillis\":100,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\",\"healthCheck\":{\"port\":80}}}"), ==, 0);
        sim_run(&s, 60000);
        STATE(svc, "upgrading");
        CHECK_INT(tally(&s, svc).aside, ==, 1);
        const char *why = core_transitioning_message(s.core, svc);
        if (!strstr(why, "0 of 2 units") || !strstr(why, "waiting for s-web-"))
                CHECK_STR(why, ==, "upgrading: 0 of 2 units: waiting for s-web-N to be healthy");
        for (int n = 0; n < 2; n++) {
                const struct records *l = containers(&s, svc);
                for (size_t i = 0; i < l->n; i++)
                        if (!upgrade_is_aside(l->v[i]) && !upgrade_is_old(svc, l->v[i])) {
                                core_put_str(s.core, l->v[i], F_healthState, "healthy");
                                core_wake(s.core, svc);
                        }
                sim_run(&s, 5000);
        }
        STATE(svc, "upgraded");
        sim_close(&s);
}
TEST(s48_who_refers_to_an_upgraded_one_is_upgraded_with_it) {
        struct sim s;
        struct record *svc = begin(&s, 5, 2, 1, image, "[{\"name\":\"one\",\"imageUuid\":\"docker:busybox\",\"dataVolumesFromLaunchConfigs\":[\"two\"]},"
                                                       "{\"name\":\"two\",\"imageUuid\":\"docker:busybox\"}]");
        int64_t primary = sim_find(&s, T_instance, "s-web-1")->id;
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"secondaryLaunchConfigs\":[{\"name\":\"two\",\"imageUuid\":\"docker:busybox:2\"}]}"), ==, 0);
        until(&s, svc, S_upgraded, 60000);
        struct json_object *list = record_json(svc, F_secondaryLaunchConfigs);
        const char *one = json_str(json_object_array_get_idx(list, 0), "version", ""), *two = json_str(json_object_array_get_idx(list, 1), "version", "");
        CHECK_STR(one, ==, two);
        CHECK(strlen(one) == UUID_CHARS);
        CHECK_STR(json_str(record_json(svc, F_launchConfig), "version", "0"), ==, "0");
        CHECK_INT(sim_process(&s, svc->id, P_service_finishupgrade), ==, 0);
        CONVERGES(&s);
        CHECK_INT(sim_find(&s, T_instance, "s-web-1")->id, ==, primary);
        const struct record *i = sim_find(&s, T_instance, "s-web-one-1");
        CHECK_INT(record_int(i, F_hostId), ==, record_int(sim_find(&s, T_instance, "s-web-1"), F_hostId));
        CHECK_INT(json_object_get_int64(json_object_array_get_idx(record_json(i, F_volumesFromIds), 0)), ==, sim_find(&s, T_instance, "s-web-two-1")->id);
        sim_close(&s);
}
TEST(s49_sidekicks_that_an_upgrade_adds_go_with_its_rollback) {
        struct sim s;
        struct record *svc = begin(&s, 6, 2, 2, image, "[{\"name\":\"one\",\"imageUuid\":\"docker:busybox\"}]");
        struct map before = { 0 };
        ids_of(&s, svc, &before);
        int64_t one = sim_find(&s, T_instance, "s-web-one-1")->id;
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"intervalMillis\":100,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\"},"
                                           "\"secondaryLaunchConfigs\":[{\"name\":\"two\",\"imageUuid\":\"docker:busybox\"}]}"), ==, 0);
        until(&s, svc, S_upgraded, 60000);
        CHECK_INT(sim_find(&s, T_instance, "s-web-one-1")->id, ==, one);
        CHECK_STR(str_or(record_str(sim_find(&s, T_instance, "s-web-one-1"), F_version), "0"), ==, "0");
        CHECK(sim_find(&s, T_instance, "s-web-two-1") && sim_find(&s, T_instance, "s-web-two-2"));
        CHECK_INT(tally(&s, svc).running, ==, 6);
        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
        until(&s, svc, S_active, 60000);
        CHECK_INT(tally(&s, svc).all, ==, 4);
        CHECK_INT(known(&s, svc, &before), ==, 4);
        CHECK(!sim_find(&s, T_instance, "s-web-two-1"));
        CONVERGES(&s);
        map_done(&before);
        sim_close(&s);
}
TEST(an_added_sidekick_that_shares_with_an_exchanged_one_shares_with_the_new_one) {
        struct sim s;
        struct record *svc = begin(&s, 27, 2, 2, image, "[{\"name\":\"one\",\"imageUuid\":\"docker:busybox\"}]");
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"intervalMillis\":100,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\"},\"secondaryLaunchConfigs\":["
                                           "{\"name\":\"net\",\"imageUuid\":\"docker:busybox\",\"networkLaunchConfig\":\"web\"},"
                                           "{\"name\":\"vol\",\"imageUuid\":\"docker:busybox\",\"dataVolumesFromLaunchConfigs\":[\"net\"]}]}"), ==, 0);
        until(&s, svc, S_upgraded, 60000);
        CHECK_INT(tally(&s, svc).running, ==, 8);
        const struct records *l = containers(&s, svc);
        for (size_t i = 0; i < l->n; i++) {
                int64_t from = record_int(l->v[i], F_networkFromId);
                const struct record *to = from ? world_get(core_world(s.core), T_instance, from) : NULL;
                CHECK(!from || (to && !upgrade_is_aside(to) && record_text(to, F_deploymentUnitUuid) == record_text(l->v[i], F_deploymentUnitUuid)));
        }
        CHECK_INT(sim_process(&s, svc->id, P_service_finishupgrade), ==, 0);
        CONVERGES(&s);
        CHECK_INT(tally(&s, svc).all, ==, 8);
        sim_close(&s);
}
TEST(s50_a_sidekick_of_no_image_leaves_and_comes_back_with_a_rollback) {
        for (int back = 0; back < 2; back++) {
                struct sim s;
                struct record *svc = begin(&s, 7, 2, 2, image, "[{\"name\":\"one\",\"imageUuid\":\"docker:busybox\"}]");
                struct map before = { 0 };
                ids_of(&s, svc, &before);
                CHECK_INT(sim_upgrade(&s, svc->id, "{\"intervalMillis\":100,\"secondaryLaunchConfigs\":[{\"name\":\"one\",\"imageUuid\":\"docker:rancher/none\"}]}"), ==, 0);
                CHECK(!record_has(svc, F_secondaryLaunchConfigs));
                until(&s, svc, S_upgraded, 60000);
                CHECK_INT(tally(&s, svc).aside_stopped, ==, 2);
                CHECK_INT(tally(&s, svc).running, ==, 2);
                if (back) {
                        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
                        until(&s, svc, S_active, 60000);
                        CHECK_INT(known(&s, svc, &before), ==, 4);
                        CHECK_INT(tally(&s, svc).running, ==, 4);
                } else {
                        CHECK_INT(sim_process(&s, svc->id, P_service_finishupgrade), ==, 0);
                        until(&s, svc, S_active, 60000);
                        CHECK_INT(tally(&s, svc).all, ==, 2);
                }
                CONVERGES(&s);
                map_done(&before);
                sim_close(&s);
        }
}
TEST(batches_are_no_larger_than_asked_and_have_pauses_between) {
        struct sim s;
        struct record *svc = begin(&s, 8, 3, 7, image, NULL);
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"batchSize\":3,\"intervalMillis\":4000,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\"}}"), ==, 0);
        uint64_t from = s.now_ms;
        CHECK_INT(until(&s, svc, S_upgraded, 60000), ==, 4);
        CHECK_INT(s.now_ms - from, >=, 8000);           /* three batches, two pauses */
        CHECK_INT(s.now_ms - from, <, 12000);
        sim_close(&s);
}
TEST(start_first_never_serves_less_than_the_scale_and_stops_the_old_after) {
        struct sim s;
        struct record *svc = begin(&s, 9, 3, 5, image, NULL);
        const char first[] = "{\"batchSize\":2,\"intervalMillis\":100,\"startFirst\":true,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\"}}";
        CHECK_INT(sim_upgrade(&s, svc->id, first), ==, 0);
        CHECK_INT(until(&s, svc, S_upgraded, 60000), ==, 5);
        CHECK_INT(tally(&s, svc).aside_stopped, ==, 5);
        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
        CHECK_INT(until(&s, svc, S_active, 60000), ==, 5);
        CONVERGES(&s);
        sim_close(&s);
}
TEST(fixed_ports_move_to_the_new_containers_when_the_old_have_stopped) {
        struct sim s;
        struct record *svc = begin(&s, 10, 2, 2, "{\"imageUuid\":\"docker:busybox\",\"ports\":[\"80:80/tcp\"]}", NULL);
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"intervalMillis\":100,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\",\"ports\":[\"80:80/tcp\"]}}"), ==, 0);
        CHECK_INT(until(&s, svc, S_upgraded, 60000), ==, 1);
        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
        CHECK_INT(until(&s, svc, S_active, 60000), ==, 1);
        CONVERGES(&s);
        sim_close(&s);
}
TEST(random_public_ports_are_carried_over) {
        struct sim s;
        struct record *svc = begin(&s, 11, 1, 1, "{\"imageUuid\":\"docker:busybox\",\"ports\":[\"49160:80/tcp\"]}", NULL);
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\",\"ports\":[\"80\",\"8083:83/udp\",\"84\"]}}"), ==, 0);
        CHECK_STR(json_object_get_string(json_get(record_json(svc, F_launchConfig), "ports")), ==, "[ \"49160:80\\/tcp\", \"8083:83\\/udp\", \"84\" ]");
        until(&s, svc, S_upgraded, 60000);
        sim_close(&s);
}
TEST(what_fails_is_shown_with_its_reason_and_nothing_is_lost) {
        struct sim s;
        struct record *svc = begin(&s, 12, 2, 3, image, NULL);
        struct map before = { 0 };
        ids_of(&s, svc, &before);
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\",\"labels\":{\"io.rancher.scheduler.affinity:host_label\":\"no=where\"}}}"), ==, 0);
        bool error = false, reason = false;
        size_t least = SIZE_MAX;
        for (uint64_t end = s.now_ms + 100000; sim_step(&s, end);) {
                least = MIN(least, sim_serving(&s, svc->id));
                error |= str_eq(core_transitioning(svc), "error");
                reason |= strstr(core_transitioning_message(s.core, svc), "upgrading: 0 of 3 units: Container should have been running but is in error state. "
                                 "Check logs for more information.: Allocation failed: ") != NULL;
        }
        CHECK(error && reason);
        STATE(svc, "upgrading");
        CHECK_INT(least, ==, 2);
        CHECK_INT(tally(&s, svc).aside, ==, 1);
        CHECK_INT(sim_process(&s, svc->id, P_service_cancelupgrade), ==, 0);
        until(&s, svc, S_canceled_upgrade, 1000);
        CHECK_STR(core_transitioning(svc), ==, "no");
        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
        until(&s, svc, S_active, 60000);
        CHECK_INT(known(&s, svc, &before), ==, 3);
        CHECK_INT(tally(&s, svc).running, ==, 3);
        CONVERGES(&s);
        map_done(&before);
        sim_close(&s);
}
TEST(an_inactive_service_is_upgraded_too) {
        struct sim s;
        struct record *svc = begin(&s, 13, 2, 2, image, NULL);
        CHECK_INT(sim_process(&s, svc->id, P_service_deactivate), ==, 0);
        CONVERGES(&s);
        STATE(svc, "inactive");
        CHECK_INT(sim_upgrade(&s, svc->id, next), ==, 0);
        until(&s, svc, S_upgraded, 60000);
        CHECK_INT(tally(&s, svc).running, ==, 2);
        CHECK_INT(tally(&s, svc).aside_stopped, ==, 2);
        sim_close(&s);
}
TEST(the_scale_may_change_while_it_is_upgraded_and_while_it_is_rolled_back) {
        struct sim s;
        struct record *svc = begin(&s, 14, 3, 4, image, NULL);
        CHECK_INT(sim_upgrade(&s, svc->id, slow), ==, 0);
        sim_run(&s, 6000);
        sim_scale(&s, svc->id, 6);
        STATE(svc, "upgrading");
        sim_run(&s, 6000);
        sim_scale(&s, svc->id, 3);
        STATE(svc, "upgrading");
        until(&s, svc, S_upgraded, 120000);
        CHECK_INT(tally(&s, svc).running, ==, 3);
        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
        sim_run(&s, 1000);
        sim_scale(&s, svc->id, 5);
        STATE(svc, "rolling-back");
        until(&s, svc, S_active, 120000);
        CONVERGES(&s);
        CHECK_INT(tally(&s, svc).running, ==, 5);
        CHECK_INT(tally(&s, svc).old, ==, 0);
        sim_close(&s);
}
TEST(a_service_is_removed_with_everything_in_each_state_of_its_upgrade) {
        for (uint64_t ms = 0; ms < 30000; ms += 900) {
                struct sim s;
                struct record *svc = begin(&s, 15, 2, 3, image, NULL);
                CHECK_INT(sim_upgrade(&s, svc->id, ms % 1800 ? slow : next), ==, 0);
                sim_run(&s, ms);
                if (ms % 4 == 2 && svc->state == S_upgrading)
                        CHECK_INT(sim_process(&s, svc->id, P_service_cancelupgrade), ==, 0);
                if (ms % 2700 == 0 && core_process_allowed(svc, P_service_rollback))
                        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
                sim_run(&s, ms % 700);
                CHECK_INT(sim_process(&s, svc->id, P_service_remove), ==, 0);
                CONVERGES(&s);
                CHECK_INT(world_all(core_world(s.core), T_service)->n, ==, 0);
                CHECK_INT(world_all(core_world(s.core), T_instance)->n, ==, 0);
                CHECK_INT(world_all(core_world(s.core), T_deploymentUnit)->n, ==, 0);
                sim_close(&s);
        }
}
TEST(a_global_service_is_upgraded_on_every_host) {
        struct sim s;
        const char global[] = "{\"imageUuid\":\"docker:busybox\",\"labels\":{\"io.rancher.scheduler.global\":\"true\"}}";
        struct record *svc = begin(&s, 16, 4, 1, global, NULL);
        CHECK_INT(tally(&s, svc).running, ==, 4);
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"batchSize\":2,\"intervalMillis\":100,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\","
                                           "\"labels\":{\"io.rancher.scheduler.global\":\"true\"}}}"), ==, 0);
        CHECK_INT(until(&s, svc, S_upgraded, 60000), ==, 2);
        CHECK_INT(tally(&s, svc).running, ==, 4);
        CHECK_INT(sim_process(&s, svc->id, P_service_finishupgrade), ==, 0);
        CONVERGES(&s);
        CHECK_INT(tally(&s, svc).all, ==, 4);
        sim_close(&s);
}
TEST(a_global_service_leaves_hosts_that_its_new_version_does_not_want_and_comes_back) {
        struct sim s;
        const char all[] = "{\"imageUuid\":\"docker:busybox\",\"labels\":{\"io.rancher.scheduler.global\":\"true\"}}";
        const char some[] = "{\"imageUuid\":\"docker:busybox\",\"labels\":{\"io.rancher.scheduler.global\":\"true\",\"io.rancher.scheduler.affinity:host_label\":\"a=b\"}}";
        for (int to_some = 0; to_some < 2; to_some++) {
                char strategy[300];
                struct record *svc = begin(&s, 28, 3, 1, to_some ? all : some, NULL);
                struct map before = { 0 };
                ids_of(&s, svc, &before);
                size_t n = containers(&s, svc)->n, then = 3 - n;
                CHECK_INT(n, ==, to_some ? 3 : 0);
                snprintf(strategy, sizeof strategy, "{\"intervalMillis\":100,\"launchConfig\":%s}", to_some ? some : all);
                CHECK_INT(sim_upgrade(&s, svc->id, strategy), ==, 0);
                until(&s, svc, S_upgraded, 60000);
                CHECK_INT(tally(&s, svc).running, ==, then);
                CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
                until(&s, svc, S_active, 60000);
                CONVERGES(&s);
                CHECK_INT(tally(&s, svc).running, ==, n);
                CHECK_INT(known(&s, svc, &before), ==, n);
                map_done(&before);
                sim_close(&s);
        }
}
TEST(a_set_aside_container_that_somebody_starts_is_removed_with_the_others) {
        struct sim s;
        struct record *svc = begin(&s, 17, 2, 2, image, NULL);
        CHECK_INT(sim_upgrade(&s, svc->id, next), ==, 0);
        until(&s, svc, S_upgraded, 60000);
        const struct records *l = containers(&s, svc);
        for (size_t i = 0; i < l->n; i++)
                if (upgrade_is_aside(l->v[i]))
                        CHECK_INT(core_process_start(s.core, l->v[i], P_instance_start, NULL, NULL), ==, 0);
        sim_run(&s, 5000);
        CHECK_INT(tally(&s, svc).running, ==, 4);
        CHECK_INT(sim_process(&s, svc->id, P_service_finishupgrade), ==, 0);
        until(&s, svc, S_active, 60000);
        CHECK_INT(tally(&s, svc).all, ==, 2);
        CONVERGES(&s);
        sim_close(&s);
}
TEST(a_second_upgrade_starts_from_the_first_ones_end) {
        struct sim s;
        struct record *svc = begin(&s, 18, 2, 2, image, NULL);
        for (int n = 0; n < 3; n++) {
                CHECK_INT(sim_upgrade(&s, svc->id, next), ==, 0);
                CHECK_INT(until(&s, svc, S_upgraded, 60000), ==, 1);
                CHECK_INT(sim_upgrade(&s, svc->id, next), <, 0);        /* first finish or roll back */
                CHECK_INT(sim_process(&s, svc->id, P_service_finishupgrade), ==, 0);
                until(&s, svc, S_active, 60000);
        }
        CONVERGES(&s);
        CHECK_INT(tally(&s, svc).all, ==, 2);
        sim_close(&s);
}
TEST(an_upgraded_service_keeps_its_containers_running) {
        struct sim s;
        struct record *svc = begin(&s, 26, 1, 2, image, NULL);
        CHECK_INT(sim_upgrade(&s, svc->id, next), ==, 0);
        until(&s, svc, S_upgraded, 60000);
        simhosts_kill_container(s.hosts, 0, &s.rng);
        sim_run(&s, 1000);
        simhosts_remove_container(s.hosts, 0, &s.rng);
        sim_run(&s, 200000);
        STATE(svc, "upgraded");
        CHECK_INT(tally(&s, svc).running, ==, 2);
        CHECK_INT(tally(&s, svc).aside_stopped, ==, 2);
        sim_close(&s);
}

/* ---- to another service (2.6) ---- */
static struct record *second(struct sim *s, const char *name, int scale) {
        struct record *r = sim_service(s, sim_find(s, T_stack, "s"), name, scale, image);
        CONVERGES(s);
        return r;
}
static void to_service(struct sim *s, struct record *from, const struct record *to, int final, int batch) {
        char text[160];
        snprintf(text, sizeof text, "{\"toServiceId\":%lld,\"finalScale\":%d,\"batchSize\":%d,\"intervalMillis\":100,\"updateLinks\":true}", (long long) to->id, final, batch);
        AUTO(json_free) struct json_object *in = parse(text);
        CHECK_INT(service_upgrade_to_begin(s->core, from, in, NULL), ==, 0);
}
TEST(scale_moves_to_another_service_step_by_step) {
        struct sim s;
        struct record *from = begin(&s, 19, 2, 2, image, NULL), *to = second(&s, "new", 0);
        struct record *link = core_create(s.core, T_serviceConsumeMap, SIM_ENVIRONMENT), *user = second(&s, "user", 1);
        core_put_int(s.core, link, F_serviceId, user->id);
        core_put_int(s.core, link, F_consumedServiceId, from->id);
        core_put_str(s.core, link, F_name, "db");
        to_service(&s, from, to, 5, 2);
        char trace[200] = "(2,0)";
        int64_t f = 2, t = 0;
        for (uint64_t end = s.now_ms + 60000; from->state != S_upgraded && sim_step(&s, end);) {
                if (record_int(from, F_scale) == f && record_int(to, F_scale) == t)
                        continue;
                f = record_int(from, F_scale);
                t = record_int(to, F_scale);
                snprintf(trace + strlen(trace), sizeof trace - strlen(trace), "(%lld,%lld)", (long long) f, (long long) t);
        }
        CHECK_STR(trace, ==, "(2,0)(2,2)(2,4)(1,4)(1,5)(0,5)");
        STATE(from, "upgraded");
        CHECK_INT(containers(&s, from)->n, ==, 0);
        CHECK_INT(tally(&s, to).running, ==, 5);
        const struct records *links = world_by_int(core_world(s.core), T_serviceConsumeMap, F_serviceId, user->id);
        CHECK_INT(links->n, ==, 2);
        CHECK_STR(record_name(links->v[0]), ==, record_name(links->v[1]));
        CHECK_INT(sim_process(&s, from->id, P_service_finishupgrade), ==, 0);
        CONVERGES(&s);
        STATE(from, "active");
        STATE(to, "active");
        CHECK_INT(record_int(from, F_scale), ==, 0);
        sim_close(&s);
}
TEST(s51_a_batch_larger_than_everything_moves_at_once) {
        struct sim s;
        struct record *from = begin(&s, 20, 2, 5, image, NULL), *to = second(&s, "new", 2);
        to_service(&s, from, to, 3, 100);
        until(&s, from, S_upgraded, 60000);
        CHECK_INT(record_int(from, F_scale), ==, 0);
        CHECK_INT(record_int(to, F_scale), ==, 3);
        CONVERGES(&s);
        sim_close(&s);
}
TEST(an_upgrade_to_a_service_that_goes_ends_and_its_rollback_changes_no_scale) {
        struct sim s;
        struct record *from = begin(&s, 21, 2, 4, image, NULL), *to = second(&s, "new", 0);
        to_service(&s, from, to, 6, 1);
        sim_run(&s, 1000);
        STATE(from, "upgrading");
        CHECK_INT(sim_process(&s, to->id, P_service_remove), ==, 0);
        until(&s, from, S_upgraded, 60000);
        int64_t scale = record_int(from, F_scale);
        CHECK_INT(sim_rollback(&s, from->id), ==, 0);
        until(&s, from, S_active, 60000);
        CHECK_INT(record_int(from, F_scale), ==, scale);
        CONVERGES(&s);
        sim_close(&s);
}

/* ---- restart (2.7) ---- */
TEST(a_restart_goes_batch_by_batch_and_keeps_the_containers) {
        struct sim s;
        struct record *svc = begin(&s, 22, 3, 6, image, NULL);
        struct map before = { 0 };
        ids_of(&s, svc, &before);
        AUTO(json_free) struct json_object *in = parse("{\"rollingRestartStrategy\":{\"batchSize\":2,\"intervalMillis\":1000}}");
        CHECK_INT(core_process_start(s.core, svc, P_service_restart, in, NULL), ==, 0);
        size_t least = SIZE_MAX;
        for (uint64_t end = s.now_ms + 60000; svc->state == S_restarting && sim_step(&s, end);)
                least = MIN(least, sim_serving(&s, svc->id));
        STATE(svc, "active");
        CHECK_INT(least, ==, 4);
        CHECK_INT(known(&s, svc, &before), ==, 6);
        const struct records *l = containers(&s, svc);
        for (size_t i = 0; i < l->n; i++)
                CHECK_INT(record_int(l->v[i], F_startCount), ==, 2);
        CONVERGES(&s);
        map_done(&before);
        sim_close(&s);
}
TEST(a_restart_waits_for_health_before_its_next_batch) {
        struct sim s;
        struct record *svc = begin(&s, 23, 2, 2, image, NULL);
        struct record *sick = sim_find(&s, T_instance, "s-web-1");
        AUTO(json_free) struct json_object *in = parse("{\"rollingRestartStrategy\":{\"intervalMillis\":100}}");
        CHECK_INT(core_process_start(s.core, svc, P_service_restart, in, NULL), ==, 0);
        sim_step(&s, s.now_ms);
        core_put_str(s.core, sick, F_healthState, "initializing");
        sim_run(&s, 60000);
        STATE(svc, "restarting");
        CHECK_STR(core_transitioning_message(s.core, svc), ==, "restarting: 1 containers to go, waiting for s-web-1 (initializing)");
        core_put_str(s.core, sick, F_healthState, "healthy");
        core_wake(s.core, svc);
        until(&s, svc, S_active, 60000);
        sim_close(&s);
}

/* ---- scalePolicy (1.7) ---- */
static void set_policy(struct sim *s, struct record *svc, const char *text) {
        AUTO(json_free) struct json_object *policy = parse(text), *old = parse("{\"old\":{}}");
        core_put(s->core, svc, F_scalePolicy, value_json(policy));
        (void) core_process_start(s->core, svc, P_service_update, old, NULL);
}
TEST(a_scale_policy_fills_the_room_there_is_and_follows_the_hosts) {
        struct sim s;
        struct record *svc = begin(&s, 24, 3, 1, "{\"imageUuid\":\"docker:busybox\",\"ports\":[\"80:80/tcp\"]}", NULL);
        set_policy(&s, svc, "{\"min\":1,\"max\":6,\"increment\":2}");
        sim_run(&s, 300000);
        STATE(svc, "active");
        CHECK_INT(tally(&s, svc).running, ==, 3);               /* 1, 3; 5 has no room */
        CHECK_INT(record_int(svc, F_lockedScale), ==, 3);
        CHECK_STR(record_str(svc, F_healthState), ==, "healthy");
        for (int h = 4; h < 10; h++)
                simhosts_add(s.hosts, SIM_ENVIRONMENT, "late");
        sim_run(&s, 300000);
        STATE(svc, "active");
        CHECK_INT(tally(&s, svc).running, ==, 6);               /* never above max */
        set_policy(&s, svc, "{\"min\":1,\"max\":2,\"increment\":1}");
        sim_run(&s, 300000);
        CHECK_INT(tally(&s, svc).running, ==, 2);
        sim_close(&s);
}
TEST(a_scale_policy_that_finds_no_room_for_its_step_stays_at_what_it_had) {
        struct sim s;
        struct record *svc = begin(&s, 25, 2, 1, "{\"imageUuid\":\"docker:busybox\",\"ports\":[\"80:80/tcp\"]}", NULL);
        set_policy(&s, svc, "{\"min\":1,\"max\":4,\"increment\":2}");
        sim_run(&s, 300000);
        STATE(svc, "active");
        CHECK_INT(tally(&s, svc).running, ==, 1);               /* room for 2: 1, 3 fails, 1 (the example of 1.7) */
        sim_close(&s);
}

/* ---- everything at once, on hosts that do what they are told ---- */
static const char *random_strategy(struct sim *s, unsigned batch, bool first, char *buf, size_t n) {
        snprintf(buf, n, "{\"batchSize\":%u,\"intervalMillis\":%u,\"startFirst\":%s,\"launchConfig\":{\"imageUuid\":\"docker:busybox:%u\"}}", batch,
                 100 + (unsigned) rng_below(&s->rng, 900), first ? "true" : "false", (unsigned) rng_below(&s->rng, 100));
        return buf;
}
static bool random_upgrades(uint64_t seed) {
        struct sim s = { 0 };
        char buf[200];
        unsigned ops = 0;
        sim_open(&s, seed, 1 + (int) (seed % 5), &calm);
        int scale = 1 + (int) rng_below(&s.rng, 8);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", scale, image);
        int64_t id = svc->id;
        bool ok = sim_converge(&s, 600000);
        for (int round = 0; ok && round < 6; round++) {
                unsigned batch = 1 + (unsigned) rng_below(&s.rng, 4);
                bool first = rng_below(&s.rng, 2);
                ok = sim_upgrade(&s, id, random_strategy(&s, batch, first, buf, sizeof buf)) == 0;
                while (ok && svc->state != S_active) {
                        for (uint64_t end = s.now_ms + rng_below(&s.rng, 4000); ok && sim_step(&s, end);) {
                                ok = sim_serving(&s, id) + (first ? 0 : batch) >= (size_t) scale;
                                if (!ok)
                                        print_error("seed %llu: %zu of %d serve with batches of %u%s\n", (unsigned long long) seed, sim_serving(&s, id), scale, batch,
                                                    first ? ", start first" : "");
                        }
                        static const enum process_id any[] = { P_service_cancelupgrade, P_service_continueupgrade, P_service_finishupgrade };
                        if (ops++ > 60)
                                sim_run(&s, 60000);             /* it has had its time */
                        unsigned k = (unsigned) rng_below(&s.rng, 5);
                        if (k < ARRAY_LEN(any))
                                (void) sim_process(&s, id, any[k]);
                        else if (k == 3)
                                (void) sim_rollback(&s, id);
                }
        }
        ok = ok && sim_converge(&s, 600000) && svc->state == S_active && containers(&s, svc)->n == (size_t) scale && !tally(&s, svc).old;
        sim_close(&s);
        return ok;
}
TEST(whatever_is_asked_in_between_enough_units_serve_at_every_step) {
        for (uint64_t seed = 1; seed <= 100; seed++) {
                bool ok = random_upgrades(seed);
                if (!ok)
                        print_error("seed %llu\n", (unsigned long long) seed);
                CHECK(ok);
        }
}
TEST(a_rollback_to_a_version_that_no_host_takes_leaves_none) {
        struct sim s = { 0 };
        const char nowhere[] = "{\"imageUuid\":\"docker:busybox\",\"labels\":{\"io.rancher.scheduler.global\":\"true\",\"io.rancher.scheduler.affinity:host_label\":\"a=b\"}}";
        struct record *svc = begin(&s, 31, 3, 1, nowhere, NULL);
        CHECK_INT(containers(&s, svc)->n, ==, 0);
        CHECK_INT(sim_upgrade(&s, svc->id, "{\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\",\"labels\":{\"io.rancher.scheduler.global\":\"true\"}}}"), ==, 0);
        CHECK(sim_converge(&s, 600000));
        CHECK_INT(svc->state, ==, S_upgraded);
        CHECK_INT(containers(&s, svc)->n, ==, 3);
        CHECK_INT(sim_rollback(&s, svc->id), ==, 0);
        CHECK(sim_converge(&s, 600000));
        CHECK_INT(svc->state, ==, S_active);
        CHECK_INT(containers(&s, svc)->n, ==, 0);
        sim_close(&s);
}
TEST_MAIN("sim/upgrade")
