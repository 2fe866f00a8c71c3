/* Acceptance scenarios of orchestration.md section 8 that need no network: numbers in the names. */
#include "sim.h"

#include "check.h"

static const struct simhosts_conf calm = { .op_min_ms = 10, .op_max_ms = 200 };
static const char image[] = "{\"imageUuid\":\"docker:busybox\"}";

static size_t count(struct sim *s, int64_t service) { return world_by_int(core_world(s->core), T_instance, F_serviceId, service)->n; }

#define CONVERGES(s) do { bool c_ = sim_converge((s), 600000); if (!c_) { print_error("%s\n", sim_disagreement(s)); } CHECK(c_); } while (0)

TEST(s1_a_service_of_three_runs_with_names_and_indexes_in_order) {
        struct sim s = { 0 };
        sim_open(&s, 1, 1, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 3, image);
        CONVERGES(&s);
        CHECK_STR(state_name(svc->state), ==, "active");
        CHECK_STR(record_str(svc, F_healthState), ==, "healthy");
        CHECK_INT(record_int(svc, F_createIndex), ==, 3);
        CHECK(sim_find(&s, T_instance, "s-web-1") && sim_find(&s, T_instance, "s-web-2") && sim_find(&s, T_instance, "s-web-3"));
        sim_close(&s);
}
TEST(s4_scaling_down_keeps_the_oldest) {
        struct sim s = { 0 };
        sim_open(&s, 2, 2, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 3, image);
        CONVERGES(&s);
        int64_t first = sim_find(&s, T_instance, "s-web-1")->id;
        sim_scale(&s, svc->id, 1);
        CONVERGES(&s);
        CHECK_INT(count(&s, svc->id), ==, 1);
        CHECK_INT(sim_find(&s, T_instance, "s-web-1")->id, ==, first);
        sim_close(&s);
}
TEST(s6_a_removed_container_comes_back_with_the_same_name_and_unit) {
        struct sim s = { 0 };
        sim_open(&s, 3, 2, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 3, image);
        CONVERGES(&s);
        struct record *old = sim_find(&s, T_instance, "s-web-2");
        int64_t id = old->id;
        struct text *unit = text_ref(record_text(old, F_deploymentUnitUuid));
        CHECK_INT(core_process_start(s.core, old, P_instance_stop, NULL, NULL), ==, 0);
        core_put_bool(s.core, old, F_removeAfterStop, true);
        CONVERGES(&s);
        struct record *now = sim_find(&s, T_instance, "s-web-2");
        CHECK(now && now->id != id);
        CHECK(record_text(now, F_deploymentUnitUuid) == unit);
        CHECK_INT(record_int(now, F_createIndex), ==, 4);
        text_unref(unit);
        sim_scale(&s, svc->id, 2);
        CONVERGES(&s);
        CHECK(!sim_find(&s, T_instance, "s-web-2"));
        sim_close(&s);
}
TEST(s8_two_quick_updates_converge_on_the_last) {
        struct sim s = { 0 };
        sim_open(&s, 4, 2, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 3, image);
        CONVERGES(&s);
        sim_scale(&s, svc->id, 10);
        sim_scale(&s, svc->id, 1);
        CONVERGES(&s);
        CHECK_INT(count(&s, svc->id), ==, 1);
        sim_close(&s);
}
TEST(s9_deactivate_stops_and_activate_starts_the_same_containers) {
        struct sim s = { 0 };
        sim_open(&s, 5, 2, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 2, image);
        CONVERGES(&s);
        int64_t id = sim_find(&s, T_instance, "s-web-1")->id;
        CHECK_INT(core_process_start(s.core, svc, P_service_deactivate, NULL, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_STR(state_name(svc->state), ==, "inactive");
        CHECK_STR(state_name(sim_find(&s, T_instance, "s-web-1")->state), ==, "stopped");
        CHECK_INT(core_process_start(s.core, svc, P_service_activate, NULL, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_INT(sim_find(&s, T_instance, "s-web-1")->id, ==, id);
        CHECK_STR(state_name(sim_find(&s, T_instance, "s-web-1")->state), ==, "running");
        sim_close(&s);
}
TEST(s11_removing_a_stack_removes_its_services_and_containers) {
        struct sim s = { 0 };
        sim_open(&s, 6, 2, &calm);
        struct record *stack = sim_stack(&s, "s");
        sim_service(&s, stack, "a", 2, image);
        sim_service(&s, stack, "b", 2, image);
        CONVERGES(&s);
        CHECK_INT(core_process_start(s.core, stack, P_stack_remove, NULL, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_INT(world_all(core_world(s.core), T_service)->n, ==, 0);
        CHECK_INT(world_all(core_world(s.core), T_stack)->n, ==, 0);
        CHECK_INT(world_all(core_world(s.core), T_instance)->n, ==, 0);
        CHECK_INT(world_all(core_world(s.core), T_deploymentUnit)->n, ==, 0);
        sim_close(&s);
}
TEST(s16_a_container_that_ends_is_started_again_as_the_same_one) {
        struct sim s = { 0 };
        sim_open(&s, 7, 1, &calm);
        sim_service(&s, sim_stack(&s, "s"), "web", 1, image);
        CONVERGES(&s);
        int64_t id = sim_find(&s, T_instance, "s-web-1")->id;
        simhosts_kill_container(s.hosts, 0, &s.rng);
        sim_run(&s, 1000);
        CONVERGES(&s);
        struct record *i = sim_find(&s, T_instance, "s-web-1");
        CHECK_INT(i->id, ==, id);
        CHECK_INT(record_int(i, F_startCount), ==, 2);
        sim_close(&s);
}
TEST(s17_a_start_once_container_is_not_started_again) {
        struct sim s = { 0 };
        struct simhosts_conf dies = { .op_min_ms = 10, .op_max_ms = 20, .die_per_mille = 1000 };
        sim_open(&s, 8, 1, &dies);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "job", 1,
                                         "{\"imageUuid\":\"docker:busybox\",\"labels\":{\"io.rancher.container.start_once\":\"true\"}}");
        sim_run(&s, 60000);
        struct record *i = sim_find(&s, T_instance, "s-job-1");
        CHECK_STR(state_name(i->state), ==, "stopped");
        CHECK_INT(record_int(i, F_startCount), ==, 1);
        CHECK_STR(state_name(svc->state), ==, "active");
        CHECK_STR(record_str(svc, F_healthState), ==, "started-once");
        sim_close(&s);
}
TEST(s19_a_service_without_hosts_is_active_and_fills_when_the_first_host_comes) {
        struct sim s = { 0 };
        sim_open(&s, 9, 0, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 2, image);
        sim_run(&s, 10000);
        CHECK_STR(state_name(svc->state), ==, "active");
        CHECK_INT(count(&s, svc->id), ==, 0);
        simhosts_add(s.hosts, SIM_ENVIRONMENT, "late");
        CONVERGES(&s);
        CHECK_INT(count(&s, svc->id), ==, 2);
        sim_close(&s);
}
static struct record *with_sidekick(struct sim *s, int scale, const char *primary, const char *sidekick) {
        struct record *stack = sim_stack(s, "s");
        struct record *r = sim_service(s, stack, "web", scale, primary);
        AUTO(json_free) struct json_object *list = NULL;
        CHECK_INT(json_parse(sidekick, strlen(sidekick), 1 << 20, &list, NULL), ==, 0);
        core_put(s->core, r, F_secondaryLaunchConfigs, value_json(list));
        return r;
}
TEST(s20_sidekicks_share_host_and_unit) {
        struct sim s = { 0 };
        sim_open(&s, 10, 3, &calm);
        with_sidekick(&s, 2, image, "[{\"name\":\"sk\",\"imageUuid\":\"docker:busybox\"}]");
        CONVERGES(&s);
        for (int n = 1; n <= 2; n++) {
                char a[32], b[32];
                snprintf(a, sizeof a, "s-web-%d", n);
                snprintf(b, sizeof b, "s-web-sk-%d", n);
                struct record *x = sim_find(&s, T_instance, a), *y = sim_find(&s, T_instance, b);
                CHECK(x && y);
                CHECK(record_text(x, F_deploymentUnitUuid) == record_text(y, F_deploymentUnitUuid));
                CHECK_INT(record_int(x, F_hostId), ==, record_int(y, F_hostId));
        }
        sim_close(&s);
}
TEST(s21_removing_a_volume_partner_takes_what_depends_on_it_and_nothing_else) {
        struct sim s = { 0 };
        sim_open(&s, 11, 2, &calm);
        with_sidekick(&s, 1, "{\"imageUuid\":\"docker:busybox\",\"dataVolumesFromLaunchConfigs\":[\"sk\"]}",
                      "[{\"name\":\"sk\",\"imageUuid\":\"docker:busybox\"}]");
        CONVERGES(&s);
        int64_t web = sim_find(&s, T_instance, "s-web-1")->id, sk = sim_find(&s, T_instance, "s-web-sk-1")->id;
        struct record *r = sim_find(&s, T_instance, "s-web-1");
        core_put_bool(s.core, r, F_removeAfterStop, true);
        CHECK_INT(core_process_start(s.core, r, P_instance_stop, NULL, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_INT(sim_find(&s, T_instance, "s-web-1")->id, !=, web);
        CHECK_INT(sim_find(&s, T_instance, "s-web-sk-1")->id, ==, sk);
        web = sim_find(&s, T_instance, "s-web-1")->id;
        r = sim_find(&s, T_instance, "s-web-sk-1");
        core_put_bool(s.core, r, F_removeAfterStop, true);
        CHECK_INT(core_process_start(s.core, r, P_instance_stop, NULL, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_INT(sim_find(&s, T_instance, "s-web-1")->id, !=, web);
        CHECK_INT(sim_find(&s, T_instance, "s-web-sk-1")->id, !=, sk);
        sim_close(&s);
}
TEST(s37_a_global_service_follows_the_hosts) {
        struct sim s = { 0 };
        sim_open(&s, 12, 3, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "g", 1,
                                         "{\"imageUuid\":\"docker:busybox\",\"labels\":{\"io.rancher.scheduler.global\":\"true\"}}");
        CONVERGES(&s);
        CHECK_INT(count(&s, svc->id), ==, 3);
        int late = simhosts_add(s.hosts, SIM_ENVIRONMENT, "late");
        CONVERGES(&s);
        CHECK_INT(count(&s, svc->id), ==, 4);
        struct record *h = simhosts_record(s.hosts, late);
        CHECK_INT(core_process_start(s.core, h, P_host_deactivate, NULL, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_INT(count(&s, svc->id), ==, 4);           /* left alone on a host that is only inactive */
        CHECK_INT(core_process_start(s.core, simhosts_record(s.hosts, late), P_host_remove, NULL, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_INT(count(&s, svc->id), ==, 3);
        sim_close(&s);
}
TEST(s57_a_taken_port_is_told_and_the_service_keeps_trying) {
        struct sim s = { 0 };
        sim_open(&s, 13, 1, &calm);
        struct record *stack = sim_stack(&s, "s");
        sim_service(&s, stack, "a", 1, "{\"imageUuid\":\"docker:busybox\",\"ports\":[\"8081:81/tcp\"]}");
        CONVERGES(&s);
        struct record *b = sim_service(&s, stack, "b", 1, "{\"imageUuid\":\"docker:busybox\",\"ports\":[\"8081:81/tcp\"]}");
        sim_run(&s, 10000);
        CHECK_STR(state_name(b->state), ==, "activating");
        CHECK_STR(core_transitioning_message(s.core, b), ==, "Allocation failed: host needs ports 8081/tcp available");
        simhosts_add(s.hosts, SIM_ENVIRONMENT, "second");
        CONVERGES(&s);
        CHECK_STR(state_name(b->state), ==, "active");
        sim_close(&s);
}
TEST(s60_anti_affinity_spreads_and_leaves_the_fourth_of_three_unplaced) {
        struct sim s = { 0 };
        sim_open(&s, 14, 3, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 3,
                "{\"imageUuid\":\"docker:busybox\",\"labels\":{\"io.rancher.scheduler.affinity:container_label_ne\":"
                "\"io.rancher.stack_service.name=${stack_name}/${service_name}\"}}");
        CONVERGES(&s);
        const struct records *l = world_by_int(core_world(s.core), T_instance, F_serviceId, svc->id);
        CHECK_INT(l->n, ==, 3);
        CHECK_INT(record_int(l->v[0], F_hostId), !=, record_int(l->v[1], F_hostId));
        CHECK_INT(record_int(l->v[0], F_hostId), !=, record_int(l->v[2], F_hostId));
        CHECK_INT(record_int(l->v[1], F_hostId), !=, record_int(l->v[2], F_hostId));
        sim_scale(&s, svc->id, 4);
        sim_run(&s, 20000);
        CHECK_STR(state_name(svc->state), ==, "updating-active");
        sim_scale(&s, svc->id, 3);
        CONVERGES(&s);
        sim_close(&s);
}
TEST(s70_a_removed_host_gives_its_service_containers_to_the_others) {
        struct sim s = { 0 };
        sim_open(&s, 15, 2, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 4, image);
        CONVERGES(&s);
        struct record *h = simhosts_record(s.hosts, 1);
        int64_t agent = record_int(h, F_agentId);
        CHECK_INT(core_process_start(s.core, h, P_host_deactivate, NULL, NULL), ==, 0);
        sim_run(&s, 1000);
        CHECK_INT(core_process_start(s.core, simhosts_record(s.hosts, 1), P_host_remove, NULL, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_INT(count(&s, svc->id), ==, 4);
        CHECK(!simhosts_record(s.hosts, 1));
        CHECK(!world_get(core_world(s.core), T_agent, agent));
        sim_close(&s);
}
TEST(a_host_cut_off_goes_through_reconnecting_and_comes_back_with_nothing_doubled) {
        struct sim s = { 0 };
        sim_open(&s, 16, 3, &calm);
        sim_service(&s, sim_stack(&s, "s"), "web", 6, image);
        CONVERGES(&s);
        simhosts_cut(s.hosts, 0, true);
        sim_run(&s, 60000);
        CHECK_STR(record_str(simhosts_record(s.hosts, 0), F_agentState), ==, "reconnecting");
        simhosts_cut(s.hosts, 0, false);
        CONVERGES(&s);
        CHECK_STR(record_str(simhosts_record(s.hosts, 0), F_agentState), ==, "active");
        simhosts_cut(s.hosts, 0, true);
        sim_run(&s, 300000);
        CHECK_STR(record_str(simhosts_record(s.hosts, 0), F_agentState), ==, "disconnected");
        simhosts_cut(s.hosts, 0, false);
        CONVERGES(&s);
        sim_close(&s);
}
TEST(s69_an_evacuated_host_keeps_what_the_system_runs_there_and_nothing_else) {
        struct sim s = { 0 };
        sim_open(&s, 18, 2, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 4, image), *infra = sim_service(&s, sim_stack(&s, "i"), "sys", 2, image);
        CONVERGES(&s);
        struct record *h = simhosts_record(s.hosts, 0);
        struct record *system = NULL;
        const struct records *l = world_by_int(core_world(s.core), T_instance, F_serviceId, infra->id);
        for (size_t i = 0; i < l->n; i++) {
                core_put_bool(s.core, l->v[i], F_system, true);
                if (record_int(l->v[i], F_hostId) == h->id)
                        system = l->v[i];
        }
        CHECK(system);
        int64_t id = system->id;
        CHECK_INT(hosts_evacuate(s.core, h, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_STR(state_name(simhosts_record(s.hosts, 0)->state), ==, "inactive");
        CHECK_STR(state_name(world_get(core_world(s.core), T_instance, id)->state), ==, "running");
        l = world_by_int(core_world(s.core), T_instance, F_hostId, h->id);
        CHECK_INT(l->n, ==, 1);
        CHECK_INT(count(&s, svc->id), ==, 4);
        for (int n = 1; n <= 4; n++) {
                char name[32];
                snprintf(name, sizeof name, "s-web-%d", n);
                CHECK(sim_find(&s, T_instance, name));
        }
        sim_close(&s);
}
TEST(a_lost_host_goes_after_the_delay_of_its_environment_but_not_soon_after_a_start) {
        struct sim s = { 0 };
        sim_open(&s, 19, 3, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 6, image);
        core_put_int(s.core, world_get(core_world(s.core), T_account, SIM_ENVIRONMENT), F_hostRemoveDelaySeconds, 600);
        CONVERGES(&s);
        int64_t id = svc->id;
        simhosts_cut(s.hosts, 0, true);
        sim_run(&s, 300000);
        struct record *h = simhosts_record(s.hosts, 0);
        CHECK_STR(record_str(h, F_agentState), ==, "disconnected");
        CHECK(record_int(h, F_removeAfter) > 0);
        simhosts_cut(s.hosts, 0, false);                /* back in time: nothing is left of the delay */
        CONVERGES(&s);
        sim_run(&s, 1200000);
        CHECK(!record_has(simhosts_record(s.hosts, 0), F_removeAfter));
        simhosts_cut(s.hosts, 0, true);
        sim_run(&s, 300000);
        sim_reopen(&s);
        sim_run(&s, 840000);                            /* the delay is over, but the server is 840 s old */
        CHECK(simhosts_record(s.hosts, 0));
        CHECK_STR(state_name(simhosts_record(s.hosts, 0)->state), ==, "active");
        sim_run(&s, 120000);
        CHECK(!simhosts_record(s.hosts, 0));            /* it is cut off: what it had runs there, but not for the server */
        const struct records *l = world_by_int(core_world(s.core), T_instance, F_serviceId, id);
        CHECK_INT(l->n, ==, 6);
        for (size_t i = 0; i < l->n; i++)
                CHECK_STR(state_name(l->v[i]->state), ==, "running");
        sim_close(&s);
}
TEST(a_host_that_reboots_while_the_server_is_down_brings_its_containers_back) {
        struct sim s = { 0 };
        sim_open(&s, 17, 2, &calm);
        sim_service(&s, sim_stack(&s, "s"), "web", 4, image);
        CONVERGES(&s);
        int64_t id = sim_find(&s, T_instance, "s-web-1")->id;
        simhosts_reboot(s.hosts, 0);
        sim_reopen(&s);
        CONVERGES(&s);
        CHECK_INT(sim_find(&s, T_instance, "s-web-1")->id, ==, id);
        sim_close(&s);
}
TEST_MAIN("sim/scenarios")
