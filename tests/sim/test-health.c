/* Health of containers: every row of orchestration.md 4.2 to 4.6, lost hosts and cut control connections (DESIGN.md). Checkers are this test. */
#include "sim.h"

#include "check.h"
#include "core/health_checks.h"

#include <stdio.h>

static const struct simhosts_conf calm = { .op_min_ms = 10, .op_max_ms = 200 };
#define CHECKED "\"imageUuid\":\"docker:busybox\",\"healthCheck\":{\"port\":80"
static const char image[] = "{" CHECKED "}}";

#define CONVERGES(s) do { bool c_ = sim_converge((s), 600000); if (!c_) { print_error("%s\n", sim_disagreement(s)); } CHECK(c_); } while (0)
#define HEALTH(r, what) CHECK_STR(str_or(record_str((r), F_healthState), "none"), ==, what)

static struct record *container(struct sim *s, const char *name) {
        struct record *i = sim_find(s, T_instance, name);
        CHECK(i);
        return i;
}

static int64_t wall_s(struct sim *s) { return core_wall_ms(s->core) / 1000; }

/* A report as it comes in: through a serviceEvent. */
static void post(struct sim *s, const struct record *i, int64_t host_id, int64_t start, const char *health, int64_t at_s) {
        char h[RECORD_UUID_MAX], c[RECORD_UUID_MAX], text[200];
        snprintf(text, sizeof text, "%s_%s_%lld", record_uuid(world_get(core_world(s->core), T_host, host_id), h), record_uuid(i, c), (long long) start);
        struct record *e = core_create(s->core, T_serviceEvent, SIM_ENVIRONMENT);
        core_put_str(s->core, e, F_healthcheckUuid, text);
        core_put_str(s->core, e, F_reportedHealth, health);
        core_put_int(s->core, e, F_externalTimestamp, at_s);
        CHECK_INT(core_process_start(s->core, e, P_serviceevent_create, NULL, NULL), ==, 0);
        sim_run(s, 100);
}

static void report(struct sim *s, const struct record *i, size_t checker, const char *health) {
        struct health_check l[HEALTH_CHECKERS];
        CHECK_INT(health_checks_get(i, l), >, checker);
        post(s, i, l[checker].host_id, record_int(i, F_startCount), health, wall_s(s));
}

static void report_all(struct sim *s, const struct record *i, const char *health) {
        struct health_check l[HEALTH_CHECKERS];
        size_t n = health_checks_get(i, l);
        for (size_t k = 0; k < n; k++)
                post(s, i, l[k].host_id, record_int(i, F_startCount), health, wall_s(s));
}

static bool has_checker(const struct record *i, int64_t host_id) {
        struct health_check l[HEALTH_CHECKERS];
        size_t n = health_checks_get(i, l);
        for (size_t k = 0; k < n; k++)
                if (l[k].host_id == host_id)
                        return true;
        return false;
}

static int host_index(struct sim *s, int64_t id) {
        for (size_t k = 0; k < simhosts_count(s->hosts); k++)
                if (simhosts_record(s->hosts, (int) k) && simhosts_record(s->hosts, (int) k)->id == id)
                        return (int) k;
        return -1;
}

static struct record *begin(struct sim *s, uint64_t seed, int hosts, int scale, const char *lc) {
        *s = (struct sim) { 0 };
        sim_open(s, seed, hosts, &calm);
        sim_checkers(s);
        struct record *svc = sim_service(s, sim_stack(s, "s"), "web", scale, lc);
        CONVERGES(s);
        return svc;
}

static void all_up(struct sim *s, const struct record *svc) {
        const struct records *l = world_by_int(core_world(s->core), T_instance, F_serviceId, svc->id);
        for (size_t k = 0; k < l->n; k++)
                report_all(s, l->v[k], "UP");
        HEALTH(svc, "healthy");
}

TEST(without_checkers_no_container_has_a_health) {
        struct sim s = { 0 };
        sim_open(&s, 1, 4, &calm);
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 2, image);
        CONVERGES(&s);
        HEALTH(container(&s, "s-web-1"), "none");
        HEALTH(svc, "healthy");
        sim_checkers(&s);               /* they come later: what runs is checked from then on */
        HEALTH(container(&s, "s-web-1"), "initializing");
        HEALTH(svc, "initializing");
        CHECK_INT(core_process_start(s.core, sim_find(&s, T_stack, "healthcheck"), P_stack_remove, NULL, NULL), ==, 0);
        CONVERGES(&s);                  /* and go */
        HEALTH(container(&s, "s-web-1"), "none");
        HEALTH(svc, "healthy");
        sim_close(&s);
}
TEST(its_own_host_and_two_others_check_a_container) {
        struct sim s;
        begin(&s, 2, 9, 20, image);
        size_t per_host[10] = { 0 };
        for (int n = 1; n <= 20; n++) {
                char name[32];
                snprintf(name, sizeof name, "s-web-%d", n);
                struct record *i = container(&s, name);
                struct health_check l[HEALTH_CHECKERS];
                CHECK_INT(health_checks_get(i, l), ==, 3);
                CHECK(has_checker(i, record_int(i, F_hostId)));
                CHECK(l[0].host_id != l[1].host_id && l[0].host_id != l[2].host_id && l[1].host_id != l[2].host_id);
                for (size_t k = 0; k < 3; k++)
                        per_host[host_index(&s, l[k].host_id)]++;
        }
        for (int h = 0; h < 9; h++)
                CHECK_INT(per_host[h], >, 0);   /* nobody is left out, nobody has them all */
        sim_close(&s);
}
TEST(a_container_without_a_check_or_on_the_hosts_network_is_not_checked) {
        struct sim s;
        begin(&s, 3, 2, 1, "{\"imageUuid\":\"docker:busybox\"}");
        sim_service(&s, sim_find(&s, T_stack, "s"), "host", 1, "{" CHECKED "},\"networkMode\":\"host\"}");
        CONVERGES(&s);
        struct health_check l[HEALTH_CHECKERS];
        CHECK_INT(health_checks_get(container(&s, "s-web-1"), l), ==, 0);
        CHECK_INT(health_checks_get(container(&s, "s-host-1"), l), ==, 0);
        HEALTH(container(&s, "s-host-1"), "none");
        sim_close(&s);
}
TEST(any_checker_that_says_up_makes_it_healthy) {
        struct sim s;
        struct record *svc = begin(&s, 4, 3, 1, image), *i = container(&s, "s-web-1");
        HEALTH(i, "initializing");
        HEALTH(svc, "initializing");
        report(&s, i, 1, "INIT");
        HEALTH(i, "initializing");
        report(&s, i, 0, "DOWN");       /* not even kept */
        struct health_check l[HEALTH_CHECKERS];
        health_checks_get(i, l);
        CHECK(l[0].state == HC_INITIALIZING && !l[0].reported_s);
        int64_t before = record_int(i, F_healthUpdated);
        sim_run(&s, 5000);
        report(&s, i, 2, "UP");
        HEALTH(i, "healthy");
        HEALTH(svc, "healthy");
        CHECK_INT(record_int(i, F_healthUpdated), >, before);
        sim_close(&s);
}
TEST(it_is_unhealthy_when_nobody_says_up_any_more_and_healthy_at_the_first_who_does) {
        struct sim s;
        struct record *svc = begin(&s, 5, 3, 1, "{" CHECKED ",\"strategy\":\"none\"}}"), *i = container(&s, "s-web-1");
        report_all(&s, i, "UP");
        report(&s, i, 0, "DOWN");
        HEALTH(i, "healthy");
        report(&s, i, 1, "DOWN 1/2");
        HEALTH(i, "healthy");
        report(&s, i, 2, "NOLB");
        HEALTH(i, "unhealthy");
        HEALTH(svc, "unhealthy");
        sim_run(&s, 300000);            /* strategy none: it is left alone */
        CHECK(container(&s, "s-web-1") == i);
        CHECK_STR(state_name((enum state_id) svc->state), ==, "active");
        report(&s, i, 1, "UP");
        HEALTH(i, "healthy");
        HEALTH(svc, "healthy");
        sim_close(&s);
}
TEST(a_healthy_one_that_starts_again_is_reinitializing_and_others_stay_what_they_were) {
        struct sim s;
        begin(&s, 6, 3, 1, "{" CHECKED ",\"strategy\":\"none\"}}");
        struct record *i = container(&s, "s-web-1");
        report_all(&s, i, "UP");
        CHECK_INT(core_process_start(s.core, i, P_instance_restart, NULL, NULL), ==, 0);
        sim_run(&s, 3000);
        HEALTH(i, "reinitializing");
        CHECK_INT(record_int(i, F_startCount), ==, 2);
        struct health_check l[HEALTH_CHECKERS];
        CHECK_INT(health_checks_get(i, l), ==, 3);
        post(&s, i, l[0].host_id, 1, "UP", wall_s(&s));         /* of the run before */
        HEALTH(i, "reinitializing");
        report(&s, i, 0, "DOWN");
        HEALTH(i, "reinitializing");
        report(&s, i, 0, "UP");
        HEALTH(i, "healthy");
        report_all(&s, i, "DOWN");
        HEALTH(i, "unhealthy");
        CHECK_INT(core_process_start(s.core, i, P_instance_restart, NULL, NULL), ==, 0);
        sim_run(&s, 3000);
        HEALTH(i, "unhealthy");
        report(&s, i, 1, "UP");
        HEALTH(i, "healthy");
        sim_close(&s);
}
TEST(older_reports_are_ignored_and_equally_old_ones_are_not) {
        struct sim s;
        begin(&s, 7, 1, 1, "{" CHECKED ",\"strategy\":\"none\"}}");
        struct record *i = container(&s, "s-web-1");
        int64_t host = record_int(i, F_hostId), at = wall_s(&s);
        post(&s, i, host, 1, "UP", at);
        post(&s, i, host, 1, "DOWN", at - 1);
        HEALTH(i, "healthy");
        post(&s, i, host, 1, "DOWN", at);
        HEALTH(i, "unhealthy");
        CHECK_INT(world_all(core_world(s.core), T_serviceEvent)->n, ==, 0);      /* done events are history */
        sim_close(&s);
}
TEST(the_processes_of_health_have_their_start_states) {
        struct sim s;
        begin(&s, 8, 1, 1, "{" CHECKED ",\"strategy\":\"none\"}}");
        struct record *i = container(&s, "s-web-1");
        struct dr_error err;
        CHECK_INT(core_process_start(s.core, i, P_instance_updateunhealthy, NULL, &err), <, 0);
        CHECK_INT(core_process_start(s.core, i, P_instance_updatehealthy, NULL, NULL), ==, 0);
        HEALTH(i, "healthy");
        CHECK_INT(core_process_start(s.core, i, P_instance_updateunhealthy, NULL, NULL), ==, 0);
        HEALTH(i, "unhealthy");
        CHECK_INT(core_process_start(s.core, i, P_instance_updatereinitializing, NULL, &err), <, 0);
        CHECK_INT(core_process_start(s.core, i, P_instance_updatehealthy, NULL, NULL), ==, 0);
        CHECK_INT(core_process_start(s.core, i, P_instance_updatereinitializing, NULL, NULL), ==, 0);
        HEALTH(i, "reinitializing");
        sim_close(&s);
}
TEST(an_unhealthy_container_is_made_anew) {
        struct sim s;
        struct record *svc = begin(&s, 9, 3, 2, image);
        all_up(&s, svc);
        struct record *i = container(&s, "s-web-1");
        int64_t old = i->id, other = container(&s, "s-web-2")->id;
        report_all(&s, i, "DOWN");
        CONVERGES(&s);
        CHECK(container(&s, "s-web-1")->id != old);
        CHECK_INT(container(&s, "s-web-2")->id, ==, other);
        HEALTH(container(&s, "s-web-1"), "initializing");
        HEALTH(svc, "initializing");
        report_all(&s, container(&s, "s-web-1"), "UP");
        HEALTH(svc, "healthy");
        sim_close(&s);
}
TEST(the_whole_unit_goes_with_an_unhealthy_sidekick_by_the_strategy_of_the_primary) {
        struct sim s;
        struct record *svc = begin(&s, 10, 2, 1, "{\"imageUuid\":\"docker:busybox\"}");
        AUTO(json_free) struct json_object *list = NULL;
        static const char side[] = "[{\"name\":\"side\"," CHECKED ",\"strategy\":\"none\"}}]";
        CHECK_INT(json_parse(side, sizeof side - 1, 1000, &list, NULL), ==, 0);
        struct record *two = core_create(s.core, T_service, SIM_ENVIRONMENT);
        core_put_str(s.core, two, F_name, "two");
        core_put_int(s.core, two, F_stackId, record_int(svc, F_stackId));
        core_put_int(s.core, two, F_scale, 1);
        core_put(s.core, two, F_launchConfig, value_ref(record_value(svc, F_launchConfig)));
        core_put(s.core, two, F_secondaryLaunchConfigs, value_json(list));
        core_put_bool(s.core, two, F_startOnCreate, true);
        CHECK_INT(core_process_start(s.core, two, P_service_create, NULL, NULL), ==, 0);
        CONVERGES(&s);
        int64_t primary = container(&s, "s-two-1")->id, sidekick = container(&s, "s-two-side-1")->id;
        report_all(&s, container(&s, "s-two-side-1"), "UP");
        report_all(&s, container(&s, "s-two-side-1"), "DOWN");
        CONVERGES(&s);
        CHECK(container(&s, "s-two-1")->id != primary);
        CHECK(container(&s, "s-two-side-1")->id != sidekick);
        sim_close(&s);
}
TEST(with_a_quorum_of_two_one_of_two_is_kept_and_goes_once_two_others_are_healthy) {
        struct sim s;
        struct record *svc = begin(&s, 11, 3, 2, "{" CHECKED ",\"strategy\":\"recreateOnQuorum\",\"recreateOnQuorumStrategyConfig\":{\"quorum\":2}}}");
        all_up(&s, svc);
        struct record *i = container(&s, "s-web-1");
        int64_t old = i->id;
        report_all(&s, i, "DOWN");
        CONVERGES(&s);
        CHECK_INT(container(&s, "s-web-1")->id, ==, old);
        HEALTH(svc, "degraded");
        sim_scale(&s, svc->id, 3);
        CONVERGES(&s);
        CHECK_INT(container(&s, "s-web-1")->id, ==, old);       /* the third is initializing: it does not count towards the quorum */
        HEALTH(container(&s, "s-web-3"), "initializing");
        report_all(&s, container(&s, "s-web-3"), "UP");
        CONVERGES(&s);
        CHECK(container(&s, "s-web-1")->id != old);
        sim_close(&s);
}
TEST(what_does_not_become_healthy_in_time_is_made_anew_unless_its_strategy_is_none) {
        struct sim s;
        struct record *svc = begin(&s, 12, 2, 1, "{" CHECKED ",\"initializingTimeout\":400000,\"reinitializingTimeout\":150000}}");
        struct record *left = sim_service(&s, sim_find(&s, T_stack, "s"), "left", 1, "{" CHECKED ",\"initializingTimeout\":1000,\"strategy\":\"none\"}}");
        int64_t first = container(&s, "s-web-1")->id;
        sim_run(&s, 200000);
        CHECK_INT(container(&s, "s-web-1")->id, ==, first);
        sim_run(&s, 210000);
        CHECK(container(&s, "s-web-1")->id != first);
        all_up(&s, svc);
        struct record *i = container(&s, "s-web-1");
        first = i->id;
        CHECK_INT(core_process_start(s.core, i, P_instance_restart, NULL, NULL), ==, 0);
        sim_run(&s, 100000);
        CHECK_INT(container(&s, "s-web-1")->id, ==, first);
        sim_reopen(&s);                                         /* its clock goes on */
        sim_run(&s, 60000);
        CHECK(container(&s, "s-web-1")->id != first);
        HEALTH(container(&s, "s-left-1"), "initializing");
        (void) left;
        sim_close(&s);
}
TEST(a_lost_host_loses_its_checked_containers_before_it_counts_as_reconnecting) {
        struct sim s;
        struct record *svc = begin(&s, 13, 4, 4, image);
        all_up(&s, svc);
        struct record *i = container(&s, "s-web-1");
        int64_t host = record_int(i, F_hostId), old = i->id;
        simhosts_cut(s.hosts, host_index(&s, host), true);
        struct health_check l[HEALTH_CHECKERS];
        size_t n = health_checks_get(i, l);
        for (size_t k = 0; k < n; k++)          /* the others see it down at once, long before anybody knows that the host is silent */
                if (l[k].host_id != host)
                        post(&s, i, l[k].host_id, 1, "DOWN", wall_s(&s));
        sim_run(&s, 4000);
        HEALTH(i, "healthy");                   /* its own host's word still counts */
        sim_run(&s, 14000);
        const struct record *agent = world_get(core_world(s.core), T_agent, record_int(world_get(core_world(s.core), T_host, host), F_agentId));
        CHECK_STR(state_name((enum state_id) agent->state), ==, "active");
        struct record *now = container(&s, "s-web-1");
        CHECK(now->id != old);
        CHECK(record_int(now, F_hostId) != host);
        CHECK_STR(state_name((enum state_id) now->state), ==, "running");
        CHECK(!has_checker(now, host));
        simhosts_cut(s.hosts, host_index(&s, host), false);     /* what it still has is taken from it */
        CONVERGES(&s);
        sim_close(&s);
}
TEST(a_host_whose_control_connection_is_cut_loses_nothing_that_others_reach) {
        struct sim s;
        struct record *svc = begin(&s, 14, 4, 4, image);
        all_up(&s, svc);
        int64_t ids[5], host = record_int(container(&s, "s-web-1"), F_hostId);
        char name[32];
        for (int n = 1; n <= 4; n++) {
                snprintf(name, sizeof name, "s-web-%d", n);
                ids[n] = container(&s, name)->id;
        }
        simhosts_cut(s.hosts, host_index(&s, host), true);
        sim_run(&s, 150000);                    /* reconnecting by now: its checks went to others, which have said nothing yet */
        for (int n = 1; n <= 4; n++) {
                snprintf(name, sizeof name, "s-web-%d", n);
                struct record *i = container(&s, name);
                CHECK_INT(i->id, ==, ids[n]);
                HEALTH(i, "healthy");
                CHECK(!has_checker(i, host));
        }
        simhosts_cut(s.hosts, host_index(&s, host), false);
        CONVERGES(&s);
        struct record *i = container(&s, "s-web-1");
        CHECK_INT(i->id, ==, ids[1]);
        CHECK(has_checker(i, host));            /* its own host is always one of them */
        sim_close(&s);
}
TEST(checkers_are_topped_up_when_hosts_come_and_replaced_when_they_go) {
        struct sim s;
        begin(&s, 15, 1, 1, image);
        struct record *i = container(&s, "s-web-1");
        struct health_check l[HEALTH_CHECKERS];
        CHECK_INT(health_checks_get(i, l), ==, 1);
        for (int n = 0; n < 3; n++)
                simhosts_add(s.hosts, SIM_ENVIRONMENT, "more");
        CONVERGES(&s);
        CHECK_INT(health_checks_get(i, l), ==, 3);
        CHECK(has_checker(i, record_int(i, F_hostId)));
        struct record *other = world_get(core_world(s.core), T_host, l[1].host_id);
        int numbers[2] = { l[0].number, l[2].number };
        CHECK_INT(core_process_start(s.core, other, P_host_deactivate, NULL, NULL), ==, 0);
        sim_run(&s, 5000);
        CHECK(has_checker(i, other->id));       /* out of use is not away */
        int64_t gone = other->id;
        CHECK_INT(core_process_start(s.core, other, P_host_remove, NULL, NULL), ==, 0);
        CONVERGES(&s);
        CHECK_INT(health_checks_get(i, l), ==, 3);
        CHECK(!has_checker(i, gone));
        CHECK_INT(l[0].number, ==, numbers[0]); /* those that stay keep their numbers, and with them their ids */
        CHECK_INT(l[1].number, ==, numbers[1]);
        sim_close(&s);
}
TEST(hosts_that_skip_checks_make_none) {
        struct sim s = { 0 };
        sim_open(&s, 16, 4, &calm);
        sim_run(&s, 5000);
        AUTO(json_free) struct json_object *labels = json_object_new_object();
        json_set_str(labels, "io.rancher.host.healthcheck.deploy_strategy", "skip");
        core_put(s.core, simhosts_record(s.hosts, 1), F_labels, value_json(labels));
        core_put(s.core, simhosts_record(s.hosts, 2), F_labels, value_json(labels));
        sim_checkers(&s);
        sim_service(&s, sim_stack(&s, "s"), "web", 8, image);
        CONVERGES(&s);
        for (int n = 1; n <= 8; n++) {
                char name[32];
                snprintf(name, sizeof name, "s-web-%d", n);
                struct health_check l[HEALTH_CHECKERS];
                CHECK_INT(health_checks_get(container(&s, name), l), ==, 2);
                CHECK(!has_checker(container(&s, name), simhosts_record(s.hosts, 1)->id) && !has_checker(container(&s, name), simhosts_record(s.hosts, 2)->id));
        }
        sim_close(&s);
}
TEST(everything_is_as_it_was_after_a_restart_of_the_server) {
        struct sim s;
        struct record *svc = begin(&s, 17, 4, 3, image);
        all_up(&s, svc);
        struct record *i = container(&s, "s-web-2");
        struct health_check before[HEALTH_CHECKERS], after[HEALTH_CHECKERS];
        health_checks_get(i, before);
        sim_reopen(&s);
        CONVERGES(&s);
        i = container(&s, "s-web-2");
        CHECK_INT(health_checks_get(i, after), ==, 3);
        for (size_t k = 0; k < 3; k++)
                CHECK(before[k].host_id == after[k].host_id && before[k].number == after[k].number && before[k].state == after[k].state);
        HEALTH(i, "healthy");
        report_all(&s, i, "DOWN");
        CONVERGES(&s);
        HEALTH(container(&s, "s-web-2"), "initializing");
        sim_close(&s);
}
TEST(choosing_checkers_costs_no_write_of_its_own) {
        struct sim s = { 0 };
        sim_open(&s, 18, 4, &calm);
        sim_service(&s, sim_stack(&s, "s"), "warm", 1, image);
        CONVERGES(&s);
        uint64_t rows[2];
        for (int checked = 0; checked < 2; checked++) {
                if (checked)
                        sim_checkers(&s);
                uint64_t before = core_stats(s.core).rows;
                sim_service(&s, sim_find(&s, T_stack, "s"), checked ? "b" : "a", 50, image);
                CONVERGES(&s);
                rows[checked] = core_stats(s.core).rows - before;
        }
        CHECK_INT(rows[1], <, rows[0] + 25);    /* not one more per container */
        sim_close(&s);
}
TEST_MAIN("sim/health")
