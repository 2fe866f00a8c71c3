/* Environments and their members (spec api.md 2.5). */
#include <stdio.h>

#include "server/api/change.h"
#include "server/api/collection.h"
#include "server/api/encode.h"
#include "types.h"

enum { MEMBERS_MAX = 1000 };

static struct json_object *members_of(const struct field_values *values) {
        const struct value *v = field_values_get(values, F_members);
        struct json_object *m = v && v->tag == V_JSON ? text_json(v->t) : NULL;
        return m && json_object_is_type(m, json_type_array) ? m : NULL;
}

/* Each entry all three keys, at least one owner: 400 here, not 422 (api.md 1.7). */
static int check_members(struct json_object *members, struct dr_error *err) {
        bool owner = false;
        size_t n = json_object_array_length(members);
        for (size_t i = 0; i < n; i++) {
                struct json_object *m = json_object_array_get_idx(members, i);
                if (!json_str(m, "externalId", NULL) || !json_str(m, "externalIdType", NULL) || !json_str(m, "role", NULL))
                        return dr_fail(err, DR_E_BAD_REQUEST, "members", "member %zu needs externalId, externalIdType and role", i + 1);
                owner |= str_eq(json_str(m, "role", ""), "owner");
        }
        if (!owner)
                return dr_fail(err, DR_E_BAD_REQUEST, "members", "an environment needs an owner");
        return n > MEMBERS_MAX ? dr_fail(err, DR_E_MAX_LIMIT, "members", "an environment has at most %d members", MEMBERS_MAX) : 0;
}

int project_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        struct json_object *members = members_of(values);
        if (!old && req->project_id)
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "environments are not made inside an environment");
        if (old && !capability(req, old, "owner"))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "only owners change an environment");
        return members && json_object_array_length(members) ? check_members(members, err) : 0;
}

static void add_member(struct api_req *req, const struct record *project, const char *id, const char *type, const char *role, const char *name) {
        struct core *c = api_core(req);
        struct record *m = core_create(c, T_projectMember, project->id);
        core_put_int(c, m, F_projectId, project->id);
        core_put_str(c, m, F_externalId, id);
        core_put_str(c, m, F_externalIdType, type);
        core_put_str(c, m, F_role, role);
        core_put_str(c, m, F_name, name);
        enum process_id p = process_by_action(T_projectMember, "create");
        if (p != P_NONE)
                (void) core_process_start(c, m, p, NULL, NULL);
}

/* rancher_id members are accounts: "1a7" and "7" are the same. */
static void add_listed(struct api_req *req, const struct record *project, struct json_object *members) {
        for (size_t i = 0; i < json_object_array_length(members); i++) {
                struct json_object *m = json_object_array_get_idx(members, i);
                const char *id = json_str(m, "externalId", "");
                if (str_eq(json_str(m, "externalIdType", ""), "rancher_id") && str_starts(id, "1a"))
                        id += 2;
                add_member(req, project, id, json_str(m, "externalIdType", ""), json_str(m, "role", ""), json_str(m, "name", NULL));
        }
}

void project_create(struct api_req *req, struct record *r, const struct field_values *values) {
        struct core *c = api_core(req);
        core_set_account(c, r, 0);
        core_put_str(c, r, F_kind, "project");
        core_put_str(c, r, F_orchestration, "cattle");
        core_put_str(c, r, F_healthState, "healthy");
        core_put_str(c, r, F_version, "2");
        struct json_object *members = members_of(values);
        core_clear(c, r, F_members);
        if (members && json_object_array_length(members)) {
                add_listed(req, r, members);
                return;
        }
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long) req->caller->id);
        add_member(req, r, id, "rancher_id", "owner", record_name(req->caller));
}

static void drop_members(struct api_req *req, const struct record *project) {
        for (;;) {
                const struct records *l = world_by_int(api_world(req), T_projectMember, F_projectId, project->id);
                if (!l->n)
                        return;
                core_delete(api_core(req), l->v[l->n - 1]);
        }
}

/* Tries remove, else deactivate with remove behind it; the answer is a collection with the project (api.md 1.6). */
int project_remove(struct api_req *req, struct record *r, struct dr_error *err) {
        struct core *c = api_core(req);
        if (!capability(req, r, "owner"))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "only owners remove an environment");
        int k = 0;
        if (core_process_allowed(r, P_account_remove)) {
                k = core_process_start(c, r, P_account_remove, NULL, err);
        } else if (r->state != S_removing) {
                AUTO(json_free) struct json_object *data = json_object_new_object();
                json_set_bool(data, "remove", true);
                k = core_process_start(c, r, P_account_deactivate, data, err);
        }
        if (k < 0) {
                err->code = DR_E_METHOD;
                return k;
        }
        struct record_list rows = { 0 };
        vec_push(&rows, r);
        collection_reply_rows(req, type_get(req->version, T_project), &rows, 200);
        vec_done(&rows);
        return 1;
}

int project_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        if (!str_eq(a->name, "setmembers"))
                return str_eq(a->name, "delete") ? project_remove(req, r, err) : -ENOSYS;
        struct json_object *members = members_of(in);
        int k = members ? check_members(members, err) : dr_fail(err, DR_E_MISSING_REQUIRED, "members", "members are missing");
        if (k < 0)
                return k;
        drop_members(req, r);
        add_listed(req, r, members);
        return 0;
}
