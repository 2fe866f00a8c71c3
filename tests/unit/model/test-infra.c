#include "model/infra.h"

#include "formats/json.h"
#include "model/world.h"
#include "check.h"

TEST(only_the_whole_name_behind_infra_is_the_type) {
        static const struct { const char *id, *type; bool is; } rows[] = {
                { "catalog://library:infra*k8s:12", "k8s", true }, { "library:infra*k8s", "k8s", true }, { "catalog://library:infra*k8s-x:1", "k8s", false },
                { "catalog://library:infra*k8", "k8s", false }, { "library:k8s", "k8s", false }, { NULL, "k8s", false }, { "a:infra*b", NULL, true }, { "a:b", NULL, false },
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                CHECK(infra_is(rows[i].id, rows[i].type) == rows[i].is);
}

static const char *orchestration_of(const char *const *ids, size_t n) {
        struct infra_kind k = { 0 };
        for (size_t i = 0; i < n; i++)
                infra_kind_add(&k, ids[i]);
        return infra_orchestration(&k);
}

TEST(the_last_of_several_orchestrators_wins_whatever_the_order) {
        CHECK_STR(orchestration_of(NULL, 0), ==, "cattle");
        CHECK_STR(orchestration_of((const char *const[]) { "library:infra*ipsec" }, 1), ==, "cattle");
        CHECK_STR(orchestration_of((const char *const[]) { "library:infra*k8s" }, 1), ==, "kubernetes");
        CHECK_STR(orchestration_of((const char *const[]) { "a:infra*mesos:1", "a:infra*k8s:1", "a:infra*swarm:1" }, 3), ==, "mesos");
        CHECK_STR(orchestration_of((const char *const[]) { "a:infra*windows", "a:infra*k8s:1" }, 2), ==, "windows");
}

static struct record *add_stack(struct world *w, const char *external_id, bool system, enum state_id state) {
        struct record *r = record_new(T_stack, T_stack, world_next_id(w, T_stack));
        record_put(r, F_externalId, value_str(external_id));
        record_put(r, F_system, value_bool(system));
        r->state = (uint16_t) state;
        r->account_id = 5;
        world_insert(w, r);
        return r;
}

TEST(only_system_stacks_that_stay_and_entries_that_wait_make_an_environment) {
        AUTO(world_free) struct world *w = world_new();
        struct record *project = record_new(T_account, T_project, 5);
        world_insert(w, project);
        (void) add_stack(w, "catalog://library:infra*windows:1", false, S_active);
        (void) add_stack(w, "catalog://library:infra*mesos:1", true, S_removing);
        struct infra_kind k = infra_kind_of(w, project);
        CHECK_STR(infra_orchestration(&k), ==, "cattle");

        AUTO(json_free) struct json_object *entries = NULL;
        const char *text = "[{\"templateId\":\"library:infra*swarm\"},{\"templateId\":\"library:infra*windows\",\"stackId\":9},{\"templateVersionId\":\"a:infra*virtualMachine:1\"}]";
        CHECK_INT(json_parse(text, strlen(text), 1 << 20, &entries, NULL), ==, 0);
        world_put(w, project, F_templateEntries, value_json(entries));
        k = infra_kind_of(w, project);
        CHECK_STR(infra_orchestration(&k), ==, "swarm");
        CHECK(k.virtual_machine);

        (void) add_stack(w, "catalog://library:infra*mesos:2", true, S_active);
        k = infra_kind_of(w, project);
        CHECK_STR(infra_orchestration(&k), ==, "mesos");
}

TEST_MAIN("model/infra")
