/* 300 services x 3 containers on 100 hosts that vanish, lie and dawdle, while services are scaled, upgraded, canceled and rolled back: it
 * ends converged, for every seed.
 *
 * DROVER_SIM_SEEDS (default 20; `make soak` takes 1,000) and DROVER_SIM_FROM choose the seeds; a failing seed is printed. */
#include "sim.h"

#include "base/log.h"
#include "base/parse.h"
#include "check.h"

enum { HOSTS = 100, SERVICES = 300, CONTAINERS = 3, DISTURBANCES = 60, UPGRADES = 4, ROUNDS_MAX = 12 };

static uint64_t env_u64(const char *name, uint64_t other) {
        uint64_t v;
        const char *s = getenv(name);
        return s && parse_u64(s, UINT32_MAX, &v) == 0 ? v : other;
}

static uint64_t containers, runs, upgrades;

static void disturb(struct sim *s) {
        int host = (int) rng_below(&s->rng, HOSTS);
        switch (rng_below(&s->rng, 6)) {
        case 0: simhosts_cut(s->hosts, host, true); break;
        case 1: simhosts_cut(s->hosts, host, false); break;
        case 2: simhosts_reboot(s->hosts, host); break;
        case 3: simhosts_kill_container(s->hosts, host, &s->rng); break;
        case 4: simhosts_remove_container(s->hosts, host, &s->rng); break;
        case 5: {
                struct record *svc = world_get(core_world(s->core), T_service, 1 + (int64_t) rng_below(&s->rng, SERVICES));
                if (svc)
                        sim_scale(s, svc->id, (int) rng_below(&s->rng, 7));
                break;
        }
        }
}

/* Whatever the next step of a service's upgrade may be, at random. */
static void upgrade_somehow(struct sim *s, int64_t id) {
        struct record *svc = world_get(core_world(s->core), T_service, id);
        bool back = rng_below(&s->rng, 2);
        char strategy[200];
        if (!svc)
                return;
        switch (svc->state) {
        case S_active: case S_updating_active: case S_activating:
                snprintf(strategy, sizeof strategy, "{\"batchSize\":%u,\"intervalMillis\":%u,\"startFirst\":%s,\"launchConfig\":{\"imageUuid\":\"docker:busybox:%u\"}}",
                         1 + (unsigned) rng_below(&s->rng, 3), 100 + (unsigned) rng_below(&s->rng, 5000), back ? "true" : "false", (unsigned) rng_below(&s->rng, 9));
                upgrades += sim_upgrade(s, id, strategy) == 0;
                break;
        case S_upgrading:
                (void) (back ? sim_rollback(s, id) : sim_process(s, id, P_service_cancelupgrade));
                break;
        case S_upgraded:
                (void) (back ? sim_rollback(s, id) : sim_process(s, id, P_service_finishupgrade));
                break;
        case S_canceled_upgrade:
                (void) (back ? sim_rollback(s, id) : sim_process(s, id, P_service_continueupgrade));
                break;
        case S_finishing_upgrade:
                (void) (back ? sim_process(s, id, P_service_cancelupgrade) : 0);
                break;
        default:
                break;
        }
}

/* Those that are between two versions finish or go back, until none is left. */
static bool end_upgrades(struct sim *s) {
        bool left = false;
        for (int64_t id = 1; id <= SERVICES; id++) {
                const struct record *svc = world_get(core_world(s->core), T_service, id);
                if (svc && svc->state != S_active) {
                        upgrade_somehow(s, id);
                        left = true;
                }
        }
        return left;
}

static bool run_seed(uint64_t seed, uint64_t *simulated_ms) {
        struct sim s = { 0 };
        struct simhosts_conf nasty = { .op_min_ms = 5, .op_max_ms = 15000, .fail_per_mille = 20, .lie_per_mille = 30, .die_per_mille = 10 };
        struct simhosts_conf calm = { .op_min_ms = 5, .op_max_ms = 500 };
        sim_open(&s, seed, HOSTS, &nasty);
        struct record *stack = sim_stack(&s, "s");
        int64_t first = stack->id;
        for (int i = 0; i < SERVICES; i++) {
                char name[32];
                snprintf(name, sizeof name, "svc%d", i);
                sim_service(&s, world_get(core_world(s.core), T_stack, first), name, CONTAINERS, "{\"imageUuid\":\"docker:busybox\"}");
        }
        for (int i = 0; i < DISTURBANCES; i++) {
                sim_run(&s, rng_below(&s.rng, 8000));
                disturb(&s);
                for (int k = 0; k < UPGRADES; k++)
                        upgrade_somehow(&s, 1 + (int64_t) rng_below(&s.rng, 60));       /* few, so that their steps come one on the other */
        }
        simhosts_faults(s.hosts, &calm);
        for (int h = 0; h < HOSTS; h++)
                simhosts_cut(s.hosts, h, false);
        uint64_t from = s.now_ms;
        bool ok = sim_converge(&s, 3600000);
        for (int round = 0; ok && end_upgrades(&s); round++)
                ok = sim_converge(&s, 3600000) && round < ROUNDS_MAX;
        if (!ok)
                print_error("seed %llu: %s\n", (unsigned long long) seed, sim_disagreement(&s));
        *simulated_ms = s.now_ms - from;
        const struct records *services = world_all(core_world(s.core), T_service);
        CHECK_INT(services->n, ==, SERVICES);
        size_t wanted = 0;
        for (size_t i = 0; i < services->n && ok; i++) {
                CHECK_INT(services->v[i]->state, ==, S_active);
                wanted += (size_t) record_int(services->v[i], F_scale);
        }
        if (ok)
                CHECK_INT(world_all(core_world(s.core), T_instance)->n, ==, wanted);
        containers += wanted;
        runs += core_stats(s.core).runs;
        sim_close(&s);
        return ok;
}

TEST(random_losses_lies_and_delays_end_converged) {
        log_init(LOG_ERROR, LOG_LOGFMT, NULL);
        uint64_t from = env_u64("DROVER_SIM_FROM", 1), n = env_u64("DROVER_SIM_SEEDS", 20), worst = 0, failed = 0;
        for (uint64_t seed = from; seed < from + n; seed++) {
                uint64_t ms;
                failed += !run_seed(seed, &ms);
                worst = MAX(worst, ms);
        }
        print_message("%llu seeds from %llu, slowest converged %llu simulated seconds after the last fault\n", (unsigned long long) n,
                      (unsigned long long) from, (unsigned long long) worst / 1000);
        print_message("%llu containers, %llu process steps, %llu upgrades\n", (unsigned long long) containers, (unsigned long long) runs, (unsigned long long) upgrades);
        CHECK_INT(upgrades, >, 0);
        CHECK_INT(failed, ==, 0);
        CHECK_INT(text_count(), ==, 0);
}
TEST_MAIN("sim/converge")
