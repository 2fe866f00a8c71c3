#include "infra.h"

#include "formats/json.h"
#include "world.h"

#define MARK ":infra*"

static const struct { const char *type, *orchestration; } kinds[] = {   /* the last one installed wins */
        { "k8s", "kubernetes" }, { "swarm", "swarm" }, { "mesos", "mesos" }, { "windows", "windows" },
};

bool infra_is(const char *id, const char *type) {
        const char *at = id ? strstr(id, MARK) : NULL;
        if (!at || !type)
                return at != NULL;
        at += strlen(MARK);
        size_t n = strcspn(at, ":");
        return strlen(type) == n && memcmp(at, type, n) == 0;
}

void infra_kind_add(struct infra_kind *k, const char *id) {
        for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
                if (infra_is(id, kinds[i].type))
                        k->seen |= 1u << i;
        k->virtual_machine |= infra_is(id, "virtualMachine");
}

const char *infra_orchestration(const struct infra_kind *k) {
        const char *o = "cattle";
        for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
                if (k->seen & 1u << i)
                        o = kinds[i].orchestration;
        return o;
}

void infra_kind_add_entries(struct infra_kind *k, const struct json_object *entries) {
        size_t n = json_object_is_type(entries, json_type_array) ? json_object_array_length(entries) : 0;
        for (size_t i = 0; i < n; i++) {
                const struct json_object *e = json_object_array_get_idx(entries, i);
                if (!json_get(e, "stackId"))
                        infra_kind_add(k, json_str(e, "templateVersionId", json_str(e, "templateId", NULL)));
        }
}

struct infra_kind infra_kind_of(const struct world *w, const struct record *project) {
        struct infra_kind k = { 0 };
        const struct records *l = world_of_account(w, T_stack, project->id);
        for (size_t i = 0; i < l->n; i++) {
                const struct record *s = l->v[i];
                if (record_bool(s, F_system) && !state_is_gone((enum state_id) s->state))
                        infra_kind_add(&k, record_str(s, F_externalId));
        }
        infra_kind_add_entries(&k, record_json(project, F_templateEntries));
        return k;
}
