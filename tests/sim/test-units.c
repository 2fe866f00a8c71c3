/* Deployment units without rows of their own (core/units.c): the store tells them through their containers. */
#include "sim.h"

#include "check.h"

static const struct simhosts_conf calm = { .op_min_ms = 10, .op_max_ms = 200 };
static const char image[] = "{\"imageUuid\":\"docker:busybox\"}";

static struct record *three(struct sim *s, uint64_t seed) {
        *s = (struct sim) { 0 };
        sim_open(s, seed, 2, &calm);
        struct record *svc = sim_service(s, sim_stack(s, "s"), "web", 3, image);
        CHECK(sim_converge(s, 600000));
        return svc;
}

TEST(units_come_back_from_the_store_as_they_were) {
        struct sim s;
        three(&s, 1);
        struct { int64_t id, created_ms; char uuid[RECORD_UUID_MAX], index[16]; } was[3];
        const struct records *l = world_all(core_world(s.core), T_deploymentUnit);
        CHECK_INT(l->n, ==, 3);
        for (size_t i = 0; i < 3; i++) {
                char buf[RECORD_UUID_MAX];
                was[i].id = l->v[i]->id;
                was[i].created_ms = l->v[i]->created_ms;
                snprintf(was[i].uuid, sizeof was[i].uuid, "%s", record_uuid(l->v[i], buf));
                snprintf(was[i].index, sizeof was[i].index, "%s", record_str(l->v[i], F_serviceIndex));
        }
        sim_reopen(&s);
        l = world_all(core_world(s.core), T_deploymentUnit);
        CHECK_INT(l->n, ==, 3);
        for (size_t i = 0; i < 3; i++) {
                char buf[RECORD_UUID_MAX];
                CHECK_INT(l->v[i]->id, ==, was[i].id);
                CHECK_INT(l->v[i]->created_ms, ==, was[i].created_ms);
                CHECK_STR(record_uuid(l->v[i], buf), ==, was[i].uuid);
                CHECK_STR(record_str(l->v[i], F_deploymentUnitUuid), ==, was[i].uuid);
                CHECK_STR(record_str(l->v[i], F_serviceIndex), ==, was[i].index);
        }
        sim_close(&s);
}

TEST(a_unit_that_lost_its_container_is_in_the_store_when_the_server_dies_then) {
        struct sim s;
        three(&s, 2);
        struct record *old = sim_find(&s, T_instance, "s-web-2");
        int64_t id = old->id, unit = record_int(old, F_deploymentUnitId);
        CHECK(unit != 0);
        CHECK_INT(core_process_start(s.core, old, P_instance_stop, NULL, NULL), ==, 0);
        core_put_bool(s.core, old, F_removeAfterStop, true);
        for (int i = 0; i < 1000 && world_get(core_world(s.core), T_instance, id); i++)
                sim_step(&s, s.now_ms + 60000);
        CHECK(!world_get(core_world(s.core), T_instance, id));
        sim_reopen(&s);
        CHECK(world_get(core_world(s.core), T_deploymentUnit, unit) != NULL);
        CHECK(sim_converge(&s, 600000));
        struct record *now = sim_find(&s, T_instance, "s-web-2");
        CHECK(now && now->id != id);
        CHECK_INT(record_int(now, F_deploymentUnitId), ==, unit);
        sim_close(&s);
}

TEST(a_removed_service_leaves_no_unit_behind_after_a_restart) {
        struct sim s;
        struct record *svc = three(&s, 3);
        CHECK_INT(core_process_start(s.core, svc, P_service_remove, NULL, NULL), ==, 0);
        sim_run(&s, 60000);
        sim_reopen(&s);
        CHECK_INT(world_all(core_world(s.core), T_deploymentUnit)->n, ==, 0);
        CHECK_INT(world_all(core_world(s.core), T_instance)->n, ==, 0);
        sim_close(&s);
}
TEST_MAIN("sim/units")
