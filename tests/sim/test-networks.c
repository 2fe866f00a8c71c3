/* Networks of drivers and addresses of containers, with simulated hosts (networking.md 3; orchestration.md 1.18, scenario 33). */
#include "sim.h"

#include "core/addresses.h"
#include "engine/address_pool.h"
#include "engine/networks.h"

#include "check.h"

static const struct simhosts_conf calm = { .op_min_ms = 10, .op_max_ms = 200 };
static const char managed[] = "{\"imageUuid\":\"docker:busybox\",\"networkMode\":\"managed\"}";
static const char default_network[] = "{\"name\":\"vxlan\",\"hostPorts\":true,\"subnets\":[{\"networkAddress\":\"%s\"}],\"dns\":[\"169.254.169.250\"],\"dnsSearch\":[\"rancher.internal\"]}";

static struct world *world(struct sim *s) { return core_world(s->core); }

#define CONVERGES(s) do { bool c_ = sim_converge((s), 600000); if (!c_) { print_error("%s\n", sim_disagreement(s)); } CHECK(c_); } while (0)

static void put_json(struct sim *s, struct record *r, enum field_id f, const char *text) {
        AUTO(json_free) struct json_object *o = NULL;
        CHECK_INT(json_parse(text, strlen(text), 1 << 20, &o, NULL), ==, 0);
        core_put(s->core, r, f, value_json(o));
}

/* A driver as the API makes it of a system stack's service. Returns its network. */
static struct record *driver(struct sim *s, const char *network_json) {
        struct record *service = core_create(s->core, T_networkDriverService, SIM_ENVIRONMENT), *stack = sim_stack(s, "net");
        core_put_str(s->core, service, F_name, "driver");
        core_put_int(s->core, service, F_stackId, stack->id);
        core_put_bool(s->core, service, F_system, true);
        core_put_int(s->core, service, F_scale, 0);
        put_json(s, service, F_launchConfig, "{\"imageUuid\":\"docker:driver\"}");
        CHECK_INT(core_process_start(s->core, service, P_service_create, NULL, NULL), ==, 0);
        struct record *d = core_create(s->core, T_networkDriver, SIM_ENVIRONMENT);
        core_put_int(s->core, d, F_serviceId, service->id);
        core_put_str(s->core, d, F_name, "vx");
        put_json(s, d, F_defaultNetwork, network_json);
        put_json(s, d, F_cniConfig, "{\"10-vxlan.conf\":{\"type\":\"rancher-bridge\",\"mtu\":1500}}");
        CHECK_INT(core_process_start(s->core, d, P_networkdriver_create, NULL, NULL), ==, 0);
        sim_run(s, 1000);
        return network_of_driver(world(s), d);
}

static struct record *network(struct sim *s, const char *subnet) {
        char text[512];
        snprintf(text, sizeof text, default_network, subnet);
        struct record *n = driver(s, text);
        CHECK(n);
        CHECK_STR(state_name((enum state_id) n->state), ==, "active");
        return n;
}

static const char *ip(struct sim *s, const char *name) {
        const struct records *l = world_by_str(world(s), T_instance, F_name, name);
        return l->n ? str_or(record_str(l->v[l->n - 1], F_primaryIpAddress), "") : "(no such container)";
}

/* No two live containers have one address, but for those of one retained index. */
static void check_apart(struct sim *s) {
        const struct records *l = world_all(world(s), T_instance);
        for (size_t i = 0; i < l->n; i++)
                for (size_t k = 0; k < i; k++)
                        if (record_text(l->v[i], F_primaryIpAddress) && record_text(l->v[i], F_primaryIpAddress) == record_text(l->v[k], F_primaryIpAddress))
                                CHECK(record_text(l->v[i], F_deploymentUnitUuid) == record_text(l->v[k], F_deploymentUnitUuid));
}

static void remove_container(struct sim *s, const char *name) {
        struct record *i = sim_find(s, T_instance, name);
        CHECK(i);
        core_put_bool(s->core, i, F_removeAfterStop, true);
        CHECK_INT(core_process_start(s->core, i, P_instance_stop, NULL, NULL), ==, 0);
}

TEST(a_driver_makes_its_network_once_with_subnets_and_a_prefix) {
        struct sim s = { 0 };
        sim_open(&s, 1, 1, &calm);
        struct record *n = network(&s, "10.42.0.0/16");
        CHECK_STR(record_str(n, F_kind), ==, "cni");
        CHECK_STR(record_str(n, F_macPrefix), ==, "02:00:01");
        CHECK_STR(record_str(n, F_metadata), ==, "{\"cniConfig\":{\"10-vxlan.conf\":{\"mtu\":1500,\"type\":\"rancher-bridge\"}}}");
        const struct records *l = world_by_int(world(&s), T_subnet, F_networkId, n->id);
        CHECK_INT(l->n, ==, 1);
        CHECK_STR(state_name((enum state_id) l->v[0]->state), ==, "active");
        CHECK_STR(record_str(l->v[0], F_networkAddress), ==, "10.42.0.0");
        CHECK_STR(record_str(l->v[0], F_endAddress), ==, "10.42.255.250");
        struct record *d = world_get(world(&s), T_networkDriver, record_int(n, F_networkDriverId));
        CHECK_INT(core_process_start(s.core, d, P_networkdriver_deactivate, NULL, NULL), ==, 0);
        sim_run(&s, 1000);
        CHECK_INT(core_process_start(s.core, d, P_networkdriver_activate, NULL, NULL), ==, 0);
        sim_run(&s, 1000);
        CHECK_INT(world_all(world(&s), T_network)->n, ==, 1);
        put_json(&s, d, F_cniConfig, "{\"10-vxlan.conf\":{\"type\":\"rancher-bridge\",\"mtu\":1400}}");
        CHECK_INT(core_process_start(s.core, d, P_networkdriver_update, NULL, NULL), ==, 0);
        sim_run(&s, 1000);
        CHECK(strstr(record_str(n, F_metadata), "\"mtu\":1400"));
        struct record *service = world_get(world(&s), T_service, record_int(d, F_serviceId));
        CHECK_INT(core_process_start(s.core, service, P_service_remove, NULL, NULL), ==, 0);
        sim_run(&s, 5000);
        CHECK_INT(world_all(world(&s), T_networkDriver)->n, ==, 0);
        CHECK_INT(world_all(world(&s), T_network)->n, ==, 0);
        CHECK_INT(world_all(world(&s), T_subnet)->n, ==, 0);
        sim_close(&s);
}
TEST(a_subnet_that_cannot_be_says_why_and_stays_registering) {
        struct sim s = { 0 };
        sim_open(&s, 2, 1, &calm);
        struct record *n = driver(&s, "{\"name\":\"bad\",\"subnets\":[{\"networkAddress\":\"10.42.0.0/16\"},{\"networkAddress\":\"10.42.7.0/24\"}]}");
        CHECK(n);
        CHECK_STR(state_name((enum state_id) n->state), ==, "registering");
        CHECK(strstr(core_transitioning_message(s.core, n), "no address in common"));
        CHECK_INT(world_all(world(&s), T_subnet)->n, ==, 0);
        sim_close(&s);
}
TEST(managed_containers_get_addresses_in_order_and_others_none) {
        struct sim s = { 0 };
        sim_open(&s, 3, 2, &calm);
        struct record *n = network(&s, "10.42.0.0/16"), *stack = sim_stack(&s, "s");
        sim_service(&s, stack, "web", 3, managed);
        CONVERGES(&s);
        sim_service(&s, stack, "hostly", 1, "{\"imageUuid\":\"docker:busybox\",\"networkMode\":\"host\"}");
        sim_service(&s, stack, "bridged", 1, "{\"imageUuid\":\"docker:busybox\",\"networkMode\":\"bridge\"}");
        sim_service(&s, stack, "labelled", 1, "{\"imageUuid\":\"docker:busybox\",\"networkMode\":\"bridge\",\"labels\":{\"io.rancher.container.network\":\"true\"}}");
        CONVERGES(&s);
        sim_service(&s, stack, "named", 1, "{\"imageUuid\":\"docker:busybox\",\"networkMode\":\"vxlan\"}");
        CONVERGES(&s);
        CHECK_STR(ip(&s, "s-web-1"), ==, "10.42.0.2");
        CHECK_STR(ip(&s, "s-web-2"), ==, "10.42.0.3");
        CHECK_STR(ip(&s, "s-web-3"), ==, "10.42.0.4");
        CHECK_STR(ip(&s, "s-hostly-1"), ==, "");
        CHECK_STR(ip(&s, "s-bridged-1"), ==, "");
        CHECK_STR(ip(&s, "s-labelled-1"), ==, "10.42.0.5");
        CHECK_STR(ip(&s, "s-named-1"), ==, "10.42.0.6");
        char mac[MAC_TEXT];
        const struct record *i = sim_find(&s, T_instance, "s-web-2");
        CHECK_INT(record_int(i, F_primaryNetworkId), ==, n->id);
        CHECK(addresses_mac(world(&s), i, mac));
        CHECK_STR(mac, ==, "02:00:01:00:00:03");
        sim_close(&s);
}
TEST(a_mode_that_names_no_network_fails_the_container_with_it) {
        struct sim s = { 0 };
        sim_open(&s, 4, 1, &calm);
        struct record *stack = sim_stack(&s, "s"), *before = sim_service(&s, stack, "before", 1, managed);
        CONVERGES(&s);                                  /* without any CNI network it is Docker's */
        CHECK_INT(record_int(world_by_int(world(&s), T_instance, F_serviceId, before->id)->v[0], F_primaryNetworkId), ==, 0);
        struct record *n = network(&s, "10.42.0.0/16"), *svc = sim_service(&s, stack, "lost", 1, "{\"imageUuid\":\"docker:busybox\",\"networkMode\":\"elsewhere\"}");
        sim_run(&s, 5000);
        CHECK_STR(str_or(core_transitioning_message(s.core, svc), ""), ==, "Failed to find network for networkMode elsewhere");
        CHECK_INT(core_process_start(s.core, n, P_network_deactivate, NULL, NULL), ==, 0);
        sim_run(&s, 1000);
        struct record *none = sim_service(&s, stack, "none", 1, managed);
        sim_run(&s, 5000);
        CHECK_STR(str_or(core_transitioning_message(s.core, none), ""), ==, "Failed to find network for networkMode managed");
        CHECK_INT(core_process_start(s.core, n, P_network_activate, NULL, NULL), ==, 0);
        sim_run(&s, 300000);
        CHECK_STR(state_name((enum state_id) none->state), ==, "active");
        CHECK_STR(ip(&s, "s-none-1"), ==, "10.42.0.2");
        sim_close(&s);
}
TEST(a_full_network_says_so_and_serves_when_an_address_is_free_again) {
        struct sim s = { 0 };
        sim_open(&s, 5, 2, &calm);
        struct record *n = network(&s, "10.1.0.0/28"), *stack = sim_stack(&s, "s");     /* .2 to .10 */
        struct record *a = sim_service(&s, stack, "a", 9, managed);
        CONVERGES(&s);
        struct record *b = sim_service(&s, stack, "b", 1, managed);
        sim_run(&s, 20000);
        CHECK_STR(str_or(core_transitioning_message(s.core, b), ""), ==, "No free address in network \"vxlan\": all 9 are in use");
        sim_scale(&s, a->id, 8);
        CONVERGES(&s);
        CHECK_STR(ip(&s, "s-b-1"), ==, "10.1.0.10");
        check_apart(&s);
        CHECK_INT(n->id, ==, record_int(sim_find(&s, T_instance, "s-b-1"), F_primaryNetworkId));
        sim_close(&s);
}
TEST(a_second_subnet_serves_when_the_first_is_full) {
        struct sim s = { 0 };
        sim_open(&s, 6, 1, &calm);
        CHECK(driver(&s, "{\"name\":\"two\",\"subnets\":[{\"networkAddress\":\"10.1.0.0/28\"},{\"networkAddress\":\"10.2.0.0/28\",\"startAddress\":\"10.2.0.5\"}]}"));
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 11, managed);
        CONVERGES(&s);
        CHECK_STR(ip(&s, "s-web-9"), ==, "10.1.0.10");
        CHECK_STR(ip(&s, "s-web-11"), ==, "10.2.0.6");
        char mac[MAC_TEXT];
        CHECK(addresses_mac(world(&s), sim_find(&s, T_instance, "s-web-11"), mac));
        CHECK_STR(mac, ==, "02:00:01:00:00:16");        /* 16 + 6: no other address of the network has it */
        CHECK_STR(record_str(addresses_subnet(world(&s), sim_find(&s, T_instance, "s-web-11")), F_networkAddress), ==, "10.2.0.0");
        CHECK_INT(world_by_int(world(&s), T_instance, F_serviceId, svc->id)->n, ==, 11);
        sim_close(&s);
}
TEST(a_network_without_subnets_gives_a_mac_and_no_address) {
        struct sim s = { 0 };
        sim_open(&s, 7, 1, &calm);
        CHECK(driver(&s, "{\"name\":\"per-host-subnet\"}"));
        sim_service(&s, sim_stack(&s, "s"), "web", 2, managed);
        CONVERGES(&s);
        char a[MAC_TEXT], b[MAC_TEXT];
        CHECK_STR(ip(&s, "s-web-1"), ==, "");
        CHECK(addresses_mac(world(&s), sim_find(&s, T_instance, "s-web-1"), a) && addresses_mac(world(&s), sim_find(&s, T_instance, "s-web-2"), b));
        CHECK(!str_eq(a, b) && str_starts(a, "02:00:01:"));
        sim_close(&s);
}
TEST(an_address_is_not_used_again_while_others_have_been_free_for_longer) {
        struct sim s = { 0 };
        sim_open(&s, 8, 1, &calm);
        network(&s, "10.1.0.0/28");
        sim_service(&s, sim_stack(&s, "s"), "web", 2, managed);
        CONVERGES(&s);
        static const char *const next[] = { "10.1.0.4", "10.1.0.5", "10.1.0.6", "10.1.0.7", "10.1.0.8", "10.1.0.9", "10.1.0.10", "10.1.0.2", "10.1.0.4" };
        for (size_t k = 0; k < ARRAY_LEN(next); k++) {
                if (k == 3)
                        sim_reopen(&s);                 /* goes on where it was */
                remove_container(&s, "s-web-1");
                CONVERGES(&s);
                CHECK_STR(ip(&s, "s-web-1"), ==, next[k]);
        }
        CHECK_STR(ip(&s, "s-web-2"), ==, "10.1.0.3");
        sim_close(&s);
}
TEST(a_requested_address_is_given_while_it_is_free) {
        struct sim s = { 0 };
        sim_open(&s, 9, 1, &calm);
        network(&s, "10.42.0.0/16");
        struct record *stack = sim_stack(&s, "s");
        sim_service(&s, stack, "a", 2, "{\"imageUuid\":\"docker:busybox\",\"networkMode\":\"managed\",\"labels\":{\"io.rancher.container.requested_ip\":\"10.42.7.7, 10.42.9.9\"}}");
        CONVERGES(&s);
        sim_service(&s, stack, "b", 1, "{\"imageUuid\":\"docker:busybox\",\"networkMode\":\"managed\",\"labels\":{\"io.rancher.container.requested_ip\":\"10.42.7.7,9.9.9.9,nonsense\"}}");
        sim_service(&s, stack, "c", 1, "{\"imageUuid\":\"docker:busybox\",\"networkMode\":\"managed\",\"requestedIpAddress\":\"10.42.200.1\"}");
        CONVERGES(&s);
        CHECK_STR(ip(&s, "s-a-1"), ==, "10.42.7.7");
        CHECK_STR(ip(&s, "s-a-2"), ==, "10.42.9.9");
        CHECK_STR(ip(&s, "s-b-1"), ==, "10.42.0.2");
        CHECK_STR(ip(&s, "s-c-1"), ==, "10.42.200.1");
        check_apart(&s);
        sim_close(&s);
}
TEST(s33_a_retained_address_stays_with_its_index) {
        struct sim s = { 0 };
        sim_open(&s, 10, 2, &calm);
        network(&s, "10.42.0.0/16");
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 3, managed);
        core_put_bool(s.core, svc, F_retainIp, true);
        int64_t id = svc->id;
        CONVERGES(&s);
        CHECK_INT(world_by_int(world(&s), T_serviceIndex, F_serviceId, id)->n, ==, 3);
        remove_container(&s, "s-web-2");
        CONVERGES(&s);
        CHECK_STR(ip(&s, "s-web-2"), ==, "10.42.0.3");
        CHECK_INT(sim_upgrade(&s, id, "{\"launchConfig\":{\"imageUuid\":\"docker:two\",\"networkMode\":\"managed\"},\"intervalMillis\":100}"), ==, 0);
        sim_run(&s, 60000);
        CHECK_STR(state_name((enum state_id) world_get(world(&s), T_service, id)->state), ==, "upgraded");
        for (int k = 1; k <= 3; k++) {
                char name[16], want[16];
                snprintf(name, sizeof name, "s-web-%d", k);
                snprintf(want, sizeof want, "10.42.0.%d", k + 1);
                CHECK_STR(ip(&s, name), ==, want);
        }
        sim_reopen(&s);
        CHECK_INT(sim_process(&s, id, P_service_finishupgrade), ==, 0);
        CONVERGES(&s);
        remove_container(&s, "s-web-1");
        CONVERGES(&s);
        CHECK_STR(ip(&s, "s-web-1"), ==, "10.42.0.2");
        sim_scale(&s, id, 2);                           /* the index that is given up keeps nothing */
        CONVERGES(&s);
        CHECK_INT(world_by_int(world(&s), T_serviceIndex, F_serviceId, id)->n, ==, 2);
        check_apart(&s);
        CHECK_INT(sim_process(&s, id, P_service_remove), ==, 0);
        CONVERGES(&s);
        CHECK_INT(world_all(world(&s), T_serviceIndex)->n, ==, 0);
        sim_close(&s);
}
TEST(retaining_can_be_turned_on_and_off_later) {
        struct sim s = { 0 };
        sim_open(&s, 11, 1, &calm);
        network(&s, "10.1.0.0/28");
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 1, managed);
        CONVERGES(&s);
        for (int on = 1; on >= 0; on--) {
                AUTO(json_free) struct json_object *data = json_object_new_object();
                json_set(data, "old", json_object_new_object());
                core_put_bool(s.core, svc, F_retainIp, on);
                CHECK_INT(core_process_start(s.core, svc, P_service_update, data, NULL), ==, 0);
                CONVERGES(&s);
                CHECK_INT(world_by_int(world(&s), T_serviceIndex, F_serviceId, svc->id)->n, ==, on);
                remove_container(&s, "s-web-1");
                CONVERGES(&s);
                CHECK_STR(ip(&s, "s-web-1"), ==, on ? "10.1.0.2" : "10.1.0.3");
        }
        sim_close(&s);
}
TEST(an_upgrade_keeps_the_addresses_of_both_versions_apart) {
        struct sim s = { 0 };
        sim_open(&s, 12, 2, &calm);
        network(&s, "10.42.0.0/16");
        struct record *svc = sim_service(&s, sim_stack(&s, "s"), "web", 3, managed);
        int64_t id = svc->id;
        CONVERGES(&s);
        CHECK_INT(sim_upgrade(&s, id, "{\"launchConfig\":{\"imageUuid\":\"docker:two\",\"networkMode\":\"managed\"},\"startFirst\":true,\"intervalMillis\":100}"), ==, 0);
        sim_run(&s, 60000);
        CHECK_INT(world_by_int(world(&s), T_instance, F_serviceId, id)->n, ==, 6);
        const struct records *l = world_by_int(world(&s), T_instance, F_serviceId, id);
        for (size_t i = 0; i < l->n; i++)
                for (size_t k = 0; k < i; k++)
                        CHECK(record_text(l->v[i], F_primaryIpAddress) != record_text(l->v[k], F_primaryIpAddress));
        CHECK_INT(sim_rollback(&s, id), ==, 0);
        CONVERGES(&s);
        CHECK_STR(ip(&s, "s-web-1"), ==, "10.42.0.2");
        CHECK_STR(ip(&s, "s-web-3"), ==, "10.42.0.4");
        sim_close(&s);
}
TEST(a_restart_of_the_server_keeps_every_address_and_gives_none_twice) {
        struct sim s = { 0 };
        sim_open(&s, 13, 3, &calm);
        network(&s, "10.1.0.0/26");
        struct record *stack = sim_stack(&s, "s"), *svc = sim_service(&s, stack, "web", 20, managed);
        int64_t id = svc->id;
        sim_run(&s, 150);                               /* in the middle of it */
        sim_reopen(&s);
        CONVERGES(&s);
        check_apart(&s);
        struct map had = { 0 };
        const struct records *l = world_by_int(world(&s), T_instance, F_serviceId, id);
        for (size_t i = 0; i < l->n; i++)
                map_set(&had, (uint64_t) l->v[i]->id, text_ref(record_text(l->v[i], F_primaryIpAddress)));
        sim_reopen(&s);
        sim_scale(&s, id, 40);
        CONVERGES(&s);
        check_apart(&s);
        map_foreach(&had, slot) {
                CHECK_STR(record_str(world_get(world(&s), T_instance, (int64_t) slot->key), F_primaryIpAddress), ==, ((struct text *) slot->value)->s);
                text_unref(slot->value);
        }
        map_done(&had);
        sim_close(&s);
}
/* The store refuses now and then: what a batch gave is free again when the batch is taken back. */
TEST(churn_never_gives_an_address_twice) {
        for (uint64_t seed = 1; seed <= 6; seed++) {
                struct sim s = { 0 };
                sim_open(&s, seed, 3, &calm);
                network(&s, "10.1.0.0/27");             /* .2 to .26: 25 */
                struct record *stack = sim_stack(&s, "s"), *a = sim_service(&s, stack, "a", 8, managed), *b = sim_service(&s, stack, "b", 8, managed);
                core_put_bool(s.core, b, F_retainIp, true);
                int64_t ids[] = { a->id, b->id };
                for (int step = 0; step < 25; step++) {
                        sim_scale(&s, ids[rng_below(&s.rng, 2)], (int) rng_below(&s.rng, 13));
                        if (rng_chance(&s.rng, 400))
                                mem_store_fault(s.store, 1 + (unsigned) rng_below(&s.rng, 4), STORE_FAILED, false, false);
                        sim_run(&s, rng_below(&s.rng, 3000));
                        if (rng_chance(&s.rng, 200))
                                sim_reopen(&s);
                        check_apart(&s);
                }
                CONVERGES(&s);
                check_apart(&s);
                sim_close(&s);
        }
}
TEST_MAIN("sim/networks")
