/* Stacks made and upgraded from compose text, with the process dying at every commit on the way, or the store refusing it (compose.md 8). */
#include "check.h"
#include "server/api/internal.h"
#include "server/compose/executor.h"
#include "sim.h"

enum { WAIT_MS = 10 * 60 * 1000 };

static const char first[] =
        "version: '2'\n"
        "services:\n"
        "  web: {image: 'web:${TAG}', links: [api, db], labels: {io.rancher.sidekicks: log}}\n"
        "  log: {image: log}\n"
        "  api: {image: 'api:${TAG}', links: [db], volumes: ['data:/data']}\n"
        "  db: {image: db}\n"
        "  cron: {image: cron, depends_on: [api]}\n"
        "volumes: {data: {driver: local}}\n";
static const char second[] =
        "version: '2'\n"
        "services:\n"
        "  web: {image: 'web:${TAG}', links: [api, db, cache], labels: {io.rancher.sidekicks: log}}\n"
        "  log: {image: log}\n"
        "  api: {image: 'api:${TAG}', volumes: ['data:/data']}\n"
        "  db: {image: db, metadata: {size: l}}\n"
        "  cache: {image: cache}\n"
        "volumes: {data: {driver: local}}\n";

static const struct simhosts_conf calm = { .op_min_ms = 5, .op_max_ms = 50, .steered = true };

static struct api *api;
static struct executor *executor;

/* The part of the server that dies with the core. */
static void opened(struct sim *s) {
        executor_free(executor);
        api_free(api);
        api = api_new(&(struct api_conf) { .core = s->core, .store = s->store });
        executor = executor_new(NULL, s->core, api);
}

static void done(struct sim *s) {
        sim_close(s);
        executor = executor_free(executor);
        api = api_free(api);
}

static struct json_object *call(enum verb verb, const char *path, struct json_object *body) {
        const struct api_caller who = { .account_id = 1, .project_id = SIM_ENVIRONMENT, .role = ROLE_owner };
        struct dr_error err = { 0 };
        struct json_object *ret = NULL;
        CHECK_OK(api_internal(api, &who, verb, path, body, &ret, &err), &err);
        json_object_put(body);
        return ret;
}

static struct json_object *texts(const char *docker, const char *rancher, const char *tag) {
        struct json_object *o = json_object_new_object(), *environment = json_object_new_object();
        json_set_str(environment, "TAG", tag);
        json_set_str(o, "dockerCompose", docker);
        if (rancher)
                json_set_str(o, "rancherCompose", rancher);
        json_set(o, "environment", environment);
        return o;
}

static void make_stack(const char *docker, const char *rancher, bool start) {
        struct json_object *body = texts(docker, rancher, "1");
        json_set_str(body, "name", "s");
        json_set_bool(body, "startOnCreate", start);
        json_set_str(body, "externalId", "catalog://library:s:0");
        json_object_put(call(VERB_POST, "stacks", body));
}

static void upgrade(const char *docker, const char *rancher, const char *tag) {
        struct json_object *body = texts(docker, rancher, tag);
        json_set_str(body, "externalId", "catalog://library:s:1");
        json_object_put(call(VERB_POST, "stacks/1st1?action=upgrade", body));
}

static struct record *stack_of(struct sim *s) { return world_get(core_world(s->core), T_stack, 1); }

/* As sim_step(), with a commit after each look at a record: more moments to die at. */
static void step(struct sim *s, uint64_t until_ms) {
        simhosts_turn(s->hosts);
        bool more = core_turn(s->core, 1);
        core_commit(s->core);
        (void) core_store_event(s->core);
        s->dead = core_in_flight(s->core) > 0;          /* the store answers at once, unless it is thought dead */
        uint64_t next = MIN(core_next_ms(s->core), simhosts_next_ms(s->hosts));
        if (!more && next > s->now_ms)
                s->now_ms = MIN(next, until_ms);
}

/* Until the stack's state is this one; whatever dies is started again. */
static bool run_until(struct sim *s, enum state_id state) {
        for (uint64_t end = s->now_ms + WAIT_MS; s->now_ms < end;) {
                if (s->dead)
                        sim_reopen(s);
                struct record *stack = stack_of(s);
                if (stack && stack->state == state)
                        return true;
                step(s, end);
        }
        return false;
}

static void run_and_check(struct sim *s, enum state_id state) {
        bool there = run_until(s, state);
        const struct record *stack = stack_of(s);
        if (!there)
                print_error("the stack is %s: %s\n", stack ? state_name((enum state_id) stack->state) : "not there",
                            stack ? str_or(core_transitioning_message(s->core, stack), "") : "");
        CHECK(there);
}

static struct record *service(struct sim *s, const char *name) {
        const struct records *l = world_by_int(core_world(s->core), T_service, F_stackId, 1);
        struct record *found = NULL;
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(record_name(l->v[i]), name)) {
                        CHECK(!found);          /* made twice */
                        found = l->v[i];
                }
        CHECK(found);
        return found;
}

static const char *image_of(struct sim *s, const char *name) { return json_str(record_json(service(s, name), F_launchConfig), "imageUuid", ""); }
static size_t services_n(struct sim *s) { return world_by_int(core_world(s->core), T_service, F_stackId, 1)->n; }
static size_t links_n(struct sim *s, const char *name) {
        return world_by_int(core_world(s->core), T_serviceConsumeMap, F_serviceId, service(s, name)->id)->n;
}

static void settle(struct sim *s) {
        if (core_in_flight(s->core))
                sim_reopen(s);
        mem_store_fault(s->store, 0, STORE_OK, false, false);
        CHECK(sim_converge(s, WAIT_MS));
        CHECK_STR(sim_disagreement(s), ==, "");
}

static void check_first(struct sim *s) {
        CHECK_INT(services_n(s), ==, 4);
        CHECK_STR(image_of(s, "web"), ==, "docker:web:1");
        CHECK_STR(image_of(s, "api"), ==, "docker:api:1");
        CHECK_INT(links_n(s, "web"), ==, 2);
        CHECK_INT(links_n(s, "api"), ==, 1);
        CHECK_INT(world_all(core_world(s->core), T_volumeTemplate)->n, ==, 1);
        static const char *const names[] = { "web", "api", "db", "cron" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                CHECK_INT(service(s, names[i])->state, ==, S_active);
}

/* What happens at the n-th commit from now: the process dies before or after it reaches the disk, or the store refuses it. */
enum fate { DIES_BEFORE, DIES_AFTER, REFUSED, FATE_MAX };
static void doom(struct sim *s, uint64_t n, enum fate fate) { mem_store_fault(s->store, n, STORE_FAILED, fate != REFUSED, fate == DIES_AFTER); }

TEST(a_stack_is_made_in_full_whenever_the_process_dies) {
        for (uint64_t n = 0; n < 900; n++) {
                struct sim s = { .opened = opened };
                sim_open(&s, n + 1, 2, &calm);
                sim_run(&s, 3000);
                make_stack(first, NULL, true);
                core_commit(s.core);
                (void) core_store_event(s.core);
                uint64_t before = mem_disk_commits(s.disk);
                doom(&s, n / FATE_MAX + 1, n % FATE_MAX);
                run_and_check(&s, S_active);
                bool hit = mem_disk_commits(s.disk) - before >= n / FATE_MAX + 1;
                settle(&s);
                check_first(&s);
                CHECK_STR(core_transitioning(stack_of(&s)), ==, "no");
                done(&s);
                if (!hit) {
                        CHECK_INT(n, >, 30);
                        return;
                }
        }
}

TEST(errors_of_all_documents_end_in_state_error) {
        struct sim s = { .opened = opened };
        sim_open(&s, 1, 1, &calm);
        make_stack("web: {image: x, nope: 1}\nb: {image: z, port: 3}\n", NULL, true);
        run_and_check(&s, S_error);
        CHECK_STR(core_transitioning(stack_of(&s)), ==, "error");
        CHECK_STR(core_transitioning_message(s.core, stack_of(&s)), ==,
                  "Unsupported config option for b service: 'port' (did you mean 'ports'?)\nUnsupported config option for web service: 'nope'");
        CHECK_INT(services_n(&s), ==, 0);
        done(&s);
}

TEST(all_services_of_a_wave_that_are_refused_are_named) {
        struct sim s = { .opened = opened };
        sim_open(&s, 1, 1, &calm);
        make_stack("version: '2'\nservices:\n  a: {image: 'p q'}\n  b: {image: z}\n  c: {image: 'x y'}\n", NULL, true);
        run_and_check(&s, S_error);
        const char *text = core_transitioning_message(s.core, stack_of(&s));
        CHECK(strstr(text, "could not create service \"a\": "));
        CHECK(strstr(text, "\ncould not create service \"c\": "));
        CHECK_INT(services_n(&s), ==, 1);               /* what was made is not hidden */
        CHECK_STR(record_name(service(&s, "b")), ==, "b");
        done(&s);
}

TEST(an_empty_text_makes_an_empty_stack) {
        struct sim s = { .opened = opened };
        sim_open(&s, 1, 1, &calm);
        make_stack(" \n", "", true);
        run_and_check(&s, S_active);
        CHECK_INT(services_n(&s), ==, 0);
        done(&s);
}

TEST(without_hosts_the_next_wave_waits_for_a_while_only) {
        struct sim s = { .opened = opened };
        sim_open(&s, 1, 0, &calm);
        make_stack("version: '2'\nservices:\n  db: {image: db}\n  web: {image: web, depends_on: [db]}\n", NULL, true);
        run_and_check(&s, S_active);
        CHECK_INT(service(&s, "web")->state, ==, S_activating);
        CHECK_STR(core_transitioning(stack_of(&s)), ==, "no");
        done(&s);
}

TEST(what_can_only_be_placed_beside_a_later_wave_comes_up_after_it) {
        struct sim s = { .opened = opened };
        sim_open(&s, 1, 2, &calm);
        make_stack("version: '2'\nservices:\n  db: {image: db, labels: {'io.rancher.scheduler.affinity:container_label': 'io.rancher.stack_service.name=s/web'}}\n"
                   "  web: {image: web, depends_on: [db]}\n", NULL, true);
        run_and_check(&s, S_active);
        settle(&s);
        CHECK_INT(service(&s, "db")->state, ==, S_active);
        CHECK_STR(core_transitioning(stack_of(&s)), ==, "no");
        done(&s);
}

TEST(what_fails_again_and_again_does_not_hold_up_the_others_and_is_shown) {
        struct sim s = { .opened = opened };
        sim_open(&s, 1, 1, &calm);
        make_stack("version: '2'\nservices:\n  db: {image: db, environment: {X: 'compute.instance.activate::fail'}}\n  web: {image: web, depends_on: [db]}\n", NULL, true);
        run_and_check(&s, S_active);
        CHECK_STR(core_transitioning(stack_of(&s)), ==, "error");
        CHECK(strstr(core_transitioning_message(s.core, stack_of(&s)), "service \"db\" fails again and again: "));
        CHECK(service(&s, "web")->state == S_active || service(&s, "web")->state == S_activating);
        done(&s);
}

TEST(nothing_starts_unless_it_is_asked_for) {
        struct sim s = { .opened = opened };
        sim_open(&s, 1, 1, &calm);
        make_stack(first, NULL, false);
        run_and_check(&s, S_active);
        CHECK_INT(services_n(&s), ==, 4);
        CHECK_INT(service(&s, "web")->state, ==, S_inactive);
        done(&s);
}

TEST(a_wave_starts_when_the_one_before_is_healthy_where_that_is_wanted) {
        struct sim s = { .opened = opened };
        sim_open(&s, 1, 1, &calm);
        make_stack("version: '2'\nservices:\n  db: {image: db, labels: {io.rancher.service.wait_for_healthcheck: 'true'}}\n  web: {image: web, depends_on: [db]}\n",
                   "db: {health_check: {port: 80, interval: 2000, response_timeout: 2000, healthy_threshold: 2, unhealthy_threshold: 3}}\n", true);
        for (int i = 0; i < 1000000 && stack_of(&s)->state != S_active; i++) {
                sim_step(&s, s.now_ms + WAIT_MS);
                const struct record *web = sim_find(&s, T_service, "web"), *db = sim_find(&s, T_service, "db");
                if (web && web->state != S_inactive && web->state != S_registering && web->state != S_requested)
                        CHECK_STR(record_str(db, F_healthState), ==, "healthy");
        }
        run_and_check(&s, S_active);
        done(&s);
}

/* ---- upgrades ---- */
static void made(struct sim *s, uint64_t seed) {
        sim_open(s, seed, 2, &calm);
        sim_run(s, 3000);
        make_stack(first, NULL, true);
        run_and_check(s, S_active);
        settle(s);
}

static void check_second(struct sim *s) {
        CHECK_INT(services_n(s), ==, 5);                /* cron is not in the new text, and stays */
        CHECK_STR(image_of(s, "web"), ==, "docker:web:2");
        CHECK_STR(image_of(s, "api"), ==, "docker:api:2");
        CHECK_INT(links_n(s, "web"), ==, 3);
        CHECK_INT(service(s, "db")->state, ==, S_active);
        CHECK_INT(service(s, "cron")->state, ==, S_active);
        CHECK(service(s, "cache")->state == S_active || service(s, "cache")->state == S_activating);
}

static void act(struct sim *s, const char *action) {
        auto_free char *path = dr_xasprintf("stacks/1st1?action=%s", action);
        json_object_put(call(VERB_POST, path, NULL));
        core_commit(s->core);
        (void) core_store_event(s->core);
}

TEST(an_upgrade_is_completed_whenever_the_process_dies) {
        for (uint64_t n = 0; n < 900; n++) {
                struct sim s = { .opened = opened };
                made(&s, n + 1);
                upgrade(second, NULL, "2");
                core_commit(s.core);
                (void) core_store_event(s.core);
                uint64_t before = mem_disk_commits(s.disk);
                doom(&s, n / FATE_MAX + 1, n % FATE_MAX);
                run_and_check(&s, S_upgraded);
                bool hit = mem_disk_commits(s.disk) - before >= n / FATE_MAX + 1;
                CHECK_STR(core_transitioning(stack_of(&s)), ==, "no");
                check_second(&s);
                CHECK_INT(service(&s, "web")->state, ==, S_upgraded);
                CHECK_STR(record_str(stack_of(&s), F_externalId), ==, "catalog://library:s:1");
                CHECK_STR(record_str(stack_of(&s), F_previousExternalId), ==, "catalog://library:s:0");
                CHECK_STR(record_str(stack_of(&s), F_environment), ==, "{\"TAG\":\"2\"}");
                CHECK_STR(record_str(stack_of(&s), F_previousEnvironment), ==, "{\"TAG\":\"1\"}");
                mem_store_fault(s.store, 0, STORE_OK, false, false);
                act(&s, "finishupgrade");
                doom(&s, 1 + n % 7, n % FATE_MAX);
                run_and_check(&s, S_active);
                settle(&s);
                check_second(&s);
                CHECK_INT(service(&s, "web")->state, ==, S_active);
                CHECK(!record_has(stack_of(&s), F_previousExternalId) && !record_has(stack_of(&s), F_previousEnvironment));
                done(&s);
                if (!hit) {
                        CHECK_INT(n, >, 30);
                        return;
                }
        }
}

TEST(a_rollback_brings_back_what_was_whenever_the_process_dies) {
        for (uint64_t n = 0; n < 900; n++) {
                struct sim s = { .opened = opened };
                made(&s, n + 1);
                upgrade(second, NULL, "2");
                run_and_check(&s, S_upgraded);
                act(&s, "rollback");
                uint64_t before = mem_disk_commits(s.disk);
                doom(&s, n / FATE_MAX + 1, n % FATE_MAX);
                run_and_check(&s, S_active);
                bool hit = mem_disk_commits(s.disk) - before >= n / FATE_MAX + 1;
                settle(&s);
                CHECK_STR(core_transitioning(stack_of(&s)), ==, "no");
                CHECK_STR(image_of(&s, "web"), ==, "docker:web:1");
                CHECK_STR(image_of(&s, "api"), ==, "docker:api:1");
                CHECK_INT(service(&s, "web")->state, ==, S_active);
                CHECK_INT(links_n(&s, "web"), ==, 2);
                CHECK_INT(links_n(&s, "api"), ==, 1);
                CHECK(!json_get(record_json(service(&s, "db"), F_metadata), "size"));
                CHECK_STR(record_str(stack_of(&s), F_externalId), ==, "catalog://library:s:0");
                CHECK_STR(record_str(stack_of(&s), F_environment), ==, "{\"TAG\":\"1\"}");
                CHECK_STR(record_str(stack_of(&s), F_dockerCompose), ==, first);
                CHECK(!record_has(stack_of(&s), F_previousExternalId) && !record_has(stack_of(&s), F_previousEnvironment));
                done(&s);
                if (!hit) {
                        CHECK_INT(n, >, 30);
                        return;
                }
        }
}

TEST(an_upgrade_of_another_volume_driver_is_refused_with_its_reason) {
        struct sim s = { .opened = opened };
        made(&s, 1);
        upgrade("version: '2'\nservices: {}\nvolumes: {data: {driver: other}}\n", NULL, "2");
        run_and_check(&s, S_canceled_upgrade);
        CHECK_STR(core_transitioning(stack_of(&s)), ==, "error");
        CHECK_STR(core_transitioning_message(s.core, stack_of(&s)), ==, "Volume \"data\" needs to be recreated - driver has changed");
        CHECK_STR(record_str(stack_of(&s), F_externalId), ==, "catalog://library:s:0");
        done(&s);
}

TEST(an_upgrade_that_does_not_get_on_ends_with_its_reason_and_can_be_rolled_back) {
        struct sim s = { .opened = opened };
        made(&s, 1);
        upgrade("version: '2'\nservices:\n  db: {image: db:2, environment: {X: 'compute.instance.activate::fail'}}\n", NULL, "2");
        run_and_check(&s, S_canceled_upgrade);
        CHECK_STR(core_transitioning(stack_of(&s)), ==, "error");
        CHECK(strstr(core_transitioning_message(s.core, stack_of(&s)), "service \"db\" fails again and again: "));
        act(&s, "rollback");
        run_and_check(&s, S_active);
        CHECK_STR(core_transitioning(stack_of(&s)), ==, "no");
        CHECK_STR(image_of(&s, "db"), ==, "docker:db");
        settle(&s);
        done(&s);
}

TEST(a_service_that_is_in_the_midst_of_something_else_stops_an_upgrade_before_it_begins) {
        struct sim s = { .opened = opened };
        made(&s, 1);
        struct json_object *input = NULL;
        static const char text[] = "{\"inServiceStrategy\":{\"launchConfig\":{\"imageUuid\":\"docker:db:9\"}}}";
        CHECK_INT(json_parse(text, strlen(text), strlen(text), &input, NULL), ==, 0);
        json_object_put(call(VERB_POST, "services/1s1?action=upgrade", input));
        CHECK_INT(service(&s, "db")->state, ==, S_upgrading);
        upgrade("version: '2'\nservices:\n  db: {image: db:2}\n  more: {image: x}\n", NULL, "2");
        run_and_check(&s, S_canceled_upgrade);
        CHECK_STR(core_transitioning_message(s.core, stack_of(&s)), ==, "Service db must be state=active or inactive to upgrade, currently: state=upgrading");
        CHECK_INT(services_n(&s), ==, 4);
        done(&s);
}

TEST_MAIN("sim/stacks")
