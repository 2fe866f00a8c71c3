#include "check.h"
#include "model/types.h"

TEST(every_type_has_a_name_that_finds_it_again) {
        for (unsigned i = 1; i < T_MAX; i++) {
                CHECK(type_name((enum type_id) i) != NULL);
                CHECK_INT(type_id_by_name(type_name((enum type_id) i)), ==, i);
        }
        CHECK(type_name(T_NONE) == NULL);
        CHECK(type_name(T_MAX) == NULL);
        CHECK_INT(type_id_by_name("containers"), ==, T_NONE);
        CHECK_INT(type_id_by_name(""), ==, T_NONE);
}

TEST(every_type_exists_in_at_least_one_version) {
        for (unsigned i = 1; i < T_MAX; i++)
                CHECK(type_get(API_V1, (enum type_id) i) || type_get(API_V2_BETA, (enum type_id) i));
}

TEST(every_definition_is_found_by_its_name_and_its_plural_without_case) {
        for (unsigned v = 0; v < API_VERSION_MAX; v++)
                for (unsigned i = 1; i < T_MAX; i++) {
                        const struct type_def *d = type_get((enum api_version) v, (enum type_id) i);
                        if (!d)
                                continue;
                        char upper[128];
                        size_t n = strlen(d->name);
                        for (size_t k = 0; k <= n; k++)
                                upper[k] = (char) (d->name[k] >= 'a' && d->name[k] <= 'z' ? d->name[k] - 32 : d->name[k]);
                        CHECK(type_by_name((enum api_version) v, upper, n) == d);
                        CHECK(type_by_name((enum api_version) v, d->plural, strlen(d->plural)) == d);
                        CHECK(d->version == v);
                        CHECK_INT(type_base(d->base), ==, d->base);
                }
        CHECK(type_by_name(API_V2_BETA, "nothing", 7) == NULL);
        CHECK(type_by_name(API_V2_BETA, "environments", 12) == NULL);
        CHECK(type_by_name(API_V1, "stacks", 6) == NULL);
}

TEST(fields_of_a_definition_are_sorted_so_that_lookup_finds_each) {
        for (unsigned v = 0; v < API_VERSION_MAX; v++)
                for (unsigned i = 1; i < T_MAX; i++) {
                        const struct type_def *d = type_get((enum api_version) v, (enum type_id) i);
                        for (size_t k = 0; d && k < d->n_fields; k++) {
                                const struct field_def *f = &d->fields[k];
                                CHECK(type_field(d, (enum field_id) f->id) == f);
                                CHECK(f->rule && f->type);
                                CHECK((f->type->kind == FK_ARRAY || f->type->kind == FK_MAP) == (f->type->element != NULL));
                                CHECK(f->type->kind != FK_TYPE || type_get(d->version, f->type->target) || f->visible == 1);
                        }
                }
        CHECK(type_field(type_get(API_V2_BETA, T_container), F_NONE) == NULL);
        CHECK(type_field(type_get(API_V2_BETA, T_container), F_dockerCompose) == NULL);
}

TEST(every_field_state_and_role_name_finds_its_value_again) {
        for (unsigned i = 1; i < F_MAX; i++)
                CHECK_INT(field_by_name(field_name((enum field_id) i), strlen(field_name((enum field_id) i))), ==, i);
        CHECK_INT(field_by_name("accountIdX", 9), ==, F_accountId);
        CHECK_INT(field_by_name("noSuchField", 11), ==, F_NONE);
        for (unsigned i = 1; i < S_MAX; i++)
                CHECK_INT(state_by_name(state_name((enum state_id) i)), ==, i);
        CHECK_INT(state_by_name("asleep"), ==, S_NONE);
        for (unsigned i = 0; i < ROLE_MAX; i++)
                CHECK_INT(role_from_string(role_name((enum role) i), strlen(role_name((enum role) i))), ==, i);
        CHECK_INT(role_from_string("root", 4), ==, -EINVAL);
        CHECK(field_name(F_MAX) == NULL && state_name(S_MAX) == NULL && role_name(ROLE_MAX) == NULL);
}

TEST(small_enums_walk_to_string_and_back) {
        for (unsigned i = 0; i < API_VERSION_MAX; i++)
                CHECK_INT(api_version_from_string(api_version_to_string((enum api_version) i), strlen(api_version_to_string((enum api_version) i))), ==, i);
        for (unsigned i = 0; i < FM_MAX; i++)
                CHECK_INT(filter_modifier_from_string(filter_modifier_to_string((enum filter_modifier) i), strlen(filter_modifier_to_string((enum filter_modifier) i))), ==, i);
        for (unsigned i = FK_STRING; i < FK_MAX; i++)
                CHECK(field_kind_to_string((enum field_kind) i) != NULL);
        CHECK_INT(api_version_from_string("v3", 2), ==, -EINVAL);
        CHECK_INT(filter_modifier_from_string("in", 2), ==, -EINVAL);
        CHECK(field_kind_to_string(FK_MAX) == NULL);
}

TEST(every_process_is_found_by_name_and_by_table_and_action) {
        for (unsigned i = 1; i < P_MAX; i++) {
                const struct process_def *p = process_get((enum process_id) i);
                CHECK_INT(p->id, ==, i);
                CHECK_INT(process_by_name(p->name), ==, i);
                CHECK_INT(process_by_action(p->base, p->action), ==, i);
                CHECK_INT(p->n_edges, >, 0);
                CHECK_INT(p->n_done, >, 0);
                for (size_t k = 0; k < p->n_edges; k++) {
                        enum state_id via, to;
                        CHECK(process_edge(p, (enum state_id) p->edges[k].from, &via, &to));
                        CHECK_INT(process_done_of(p, via), ==, to);
                        CHECK(process_is_done(p, to));
                }
                CHECK(p->delegate == P_NONE || process_get(p->delegate)->base == p->base);
        }
        CHECK(process_get(P_NONE) == NULL && process_get(P_MAX) == NULL);
        CHECK_INT(process_by_name("instance.fly"), ==, P_NONE);
        CHECK_INT(process_by_action(T_NONE, "start"), ==, P_NONE);
}

TEST(process_edges_say_what_the_specification_says) {
        static const struct { enum process_id p; enum state_id from, via, to; } rows[] = {
                { P_instance_create, S_requested, S_creating, S_stopped },
                { P_instance_start, S_stopped, S_starting, S_running },
                { P_instance_start, S_creating, S_starting, S_running },
                { P_instance_update, S_running, S_updating_running, S_running },
                { P_instance_update, S_stopped, S_updating_stopped, S_stopped },
                { P_instance_updatehealthy, S_initializing, S_updating_healthy, S_healthy },
                { P_service_update, S_upgrading, S_upgrading, S_upgraded },
                { P_service_update, S_updating_active, S_updating_active, S_active },
                { P_volume_deactivate, S_active, S_deactivating, S_detached },
                { P_volume_reverttosnapshot, S_inactive, S_reverting_inactive, S_inactive },
                { P_agent_finishreconnect, S_reconnected, S_finishing_reconnect, S_active },
                { P_machinedriver_update, S_error, S_updating_inactive, S_inactive },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                enum state_id via = S_NONE, to = S_NONE;
                CHECK(process_edge(process_get(rows[i].p), rows[i].from, &via, &to));
                CHECK_STR(state_name(via), ==, state_name(rows[i].via));
                CHECK_STR(state_name(to), ==, state_name(rows[i].to));
        }
        CHECK(!process_edge(process_get(P_instance_start), S_running, NULL, NULL));
        CHECK_INT(process_done_of(process_get(P_volume_deactivate), S_activating), ==, S_inactive);
        CHECK_INT(process_get(P_instance_create)->delegate, ==, P_instance_start);
        CHECK_INT(process_get(P_instance_updatehealthy)->state_field, ==, F_healthState);
        CHECK_INT(process_get(P_instance_allocate)->state_field, ==, F_allocationState);
        CHECK_INT(process_get(P_instance_start)->priority, ==, 50);
        CHECK_INT(process_get(P_instance_purge)->priority, ==, -100);
        CHECK_INT(process_get(P_agent_reconnect)->priority, ==, 200);
        CHECK_INT(process_get(P_containerevent_create)->priority, ==, 100);
        CHECK_INT(process_get(P_host_create)->priority, ==, 0);
}

TEST(transitioning_states_are_those_of_the_main_state_field) {
        CHECK(state_is_transitioning(T_instance, S_starting));
        CHECK(state_is_transitioning(T_service, S_updating_active));
        CHECK(!state_is_transitioning(T_instance, S_running));
        CHECK(!state_is_transitioning(T_instance, S_updating_healthy));
        CHECK(!state_is_transitioning(T_host, S_disconnecting));
        CHECK(state_is_transitioning(T_agent, S_disconnecting));
        CHECK(!state_is_transitioning(T_agent, S_NONE));
        CHECK(!state_is_transitioning(T_MAX, S_starting));
        for (unsigned i = 1; i < P_MAX; i++) {
                const struct process_def *p = process_get((enum process_id) i);
                for (size_t k = 0; k < p->n_edges; k++)
                        CHECK(p->state_field != F_state || state_is_transitioning(p->base, (enum state_id) p->edges[k].via));
        }
}

TEST(links_follow_what_they_name) {
        static const struct { enum type_id type; const char *link; enum link_kind kind; enum type_id target; enum field_id field;
                              enum type_id via; enum field_id far; } rows[] = {
                { T_container, "HOSTS", LINK_MAP, T_host, F_instanceId, T_instanceHostMap, F_hostId },
                { T_host, "instances", LINK_MAP, T_instance, F_hostId, T_instanceHostMap, F_instanceId },
                { T_service, "instances", LINK_MAP, T_instance, F_serviceId, T_serviceExposeMap, F_instanceId },
                { T_service, "consumedservices", LINK_MAP, T_service, F_serviceId, T_serviceConsumeMap, F_consumedServiceId },
                { T_service, "consumedbyservices", LINK_MAP, T_service, F_consumedServiceId, T_serviceConsumeMap, F_serviceId },
                { T_storagePool, "volumes", LINK_MAP, T_volume, F_storagePoolId, T_volumeStoragePoolMap, F_volumeId },
                { T_stack, "services", LINK_CHILD, T_service, F_stackId, T_NONE, F_NONE },
                { T_project, "hosts", LINK_CHILD, T_host, F_accountId, T_NONE, F_NONE },
                { T_container, "ports", LINK_CHILD, T_port, F_instanceId, T_NONE, F_NONE },
                { T_container, "targetInstanceLinks", LINK_CHILD, T_instanceLink, F_targetInstanceId, T_NONE, F_NONE },
                { T_service, "stack", LINK_REFERENCE, T_stack, F_stackId, T_NONE, F_NONE },
                { T_processInstance, "processExecutions", LINK_CHILD, T_processExecution, F_processInstanceId, T_NONE, F_NONE },
                { T_container, "containerStats", LINK_SPECIAL, T_NONE, F_NONE, T_NONE, F_NONE },
                { T_loadBalancerService, "containerStats", LINK_SPECIAL, T_NONE, F_NONE, T_NONE, F_NONE },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const struct link_def *l = type_link(type_get(API_V2_BETA, rows[i].type), rows[i].link, strlen(rows[i].link));
                print_message("%s.%s\n", type_name(rows[i].type), rows[i].link);
                CHECK(l != NULL);
                CHECK_INT(l->kind, ==, rows[i].kind);
                CHECK_INT(l->target, ==, rows[i].target);
                CHECK_INT(l->field, ==, rows[i].field);
                CHECK_INT(l->via, ==, rows[i].via);
                CHECK_INT(l->far, ==, rows[i].far);
        }
}

TEST(bases_are_tables) {
        static const struct { enum type_id type, base; } rows[] = {
                { T_container, T_instance }, { T_virtualMachine, T_instance }, { T_apiKey, T_credential }, { T_project, T_account },
                { T_environment, T_stack }, { T_loadBalancerService, T_service }, { T_registry, T_storagePool },
                { T_machine, T_physicalHost }, { T_register, T_genericObject }, { T_externalHostEvent, T_externalEvent },
                { T_composeProject, T_stack }, { T_stack, T_stack }, { T_instanceHostMap, T_instanceHostMap },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                CHECK_STR(type_name(type_base(rows[i].type)), ==, type_name(rows[i].base));
        CHECK(type_is_a(API_V2_BETA, T_container, T_instance));
        CHECK(type_is_a(API_V2_BETA, T_instance, T_instance));
        CHECK(!type_is_a(API_V2_BETA, T_instance, T_container));
        CHECK(type_is_a(API_V1, T_kubernetesStack, T_environment));
        CHECK(type_is_a(API_V1, T_kubernetesStack, T_stack));
}

TEST(v1_says_environment_where_v2_says_stack) {
        const struct type_def *d = type_get(API_V1, T_stack);
        CHECK_STR(d->name, ==, "environment");
        CHECK_STR(d->prefix, ==, "1e");
        CHECK_STR(type_get(API_V2_BETA, T_stack)->prefix, ==, "1st");
        CHECK(d == type_by_name(API_V1, "environments", 12));
        const struct field_def *f = type_field(type_get(API_V1, T_service), F_environmentId);
        CHECK(f != NULL);
        CHECK_STR(f->type->text, ==, "reference[environment]");
        CHECK(type_field(type_get(API_V1, T_service), F_stackId) == NULL);
        CHECK(type_link(type_get(API_V1, T_service), "environment", 11) != NULL);
        CHECK(type_link(type_get(API_V1, T_service), "stack", 5) == NULL);
}

TEST(every_collection_link_of_v2_knows_what_it_lists) {
        for (unsigned i = 1; i < T_MAX; i++) {
                const struct type_def *d = type_get(API_V2_BETA, (enum type_id) i);
                for (size_t k = 0; d && k < d->n_links; k++) {
                        const struct link_def *l = &d->links[k];
                        CHECK(type_link(d, l->name, strlen(l->name)) == l);
                        CHECK((l->kind == LINK_SPECIAL) == (l->target == T_NONE));
                        CHECK((l->kind == LINK_MAP) == (l->via != T_NONE && l->far != F_NONE));
                        CHECK((l->kind == LINK_SPECIAL) == (l->field == F_NONE));
                        const struct type_def *at = l->kind == LINK_REFERENCE ? d :
                                l->kind == LINK_CHILD ? type_get(API_V2_BETA, l->target) :
                                l->kind == LINK_MAP ? type_get(API_V2_BETA, l->via) : NULL;
                        CHECK(!at || type_field(at, l->field));
                        CHECK(l->kind != LINK_MAP || type_field(at, l->far));
                }
        }
}

TEST_MAIN("model/types")
