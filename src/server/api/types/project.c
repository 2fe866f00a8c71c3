/* Environments and their members (spec api.md 2.5). */
#include <stdio.h>

#include "engine/networks.h"
#include "formats/json.h"
#include "server/api/change.h"
#include "server/api/collection.h"
#include "server/api/encode.h"
#include "server/environments/entries.h"
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
                        return dr_fail(err, DR_E_MEMBER_FORMAT, "members", "member %zu needs externalId, externalIdType and role", i + 1);
                owner |= str_eq(json_str(m, "role", ""), "owner");
        }
        if (!owner)
                return dr_fail(err, DR_E_MEMBER_FORMAT, "members", "an environment needs an owner");
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
static const char *plain_id(struct json_object *m) {
        const char *id = json_str(m, "externalId", "");
        return str_eq(json_str(m, "externalIdType", ""), "rancher_id") && str_starts(id, "1a") ? id + 2 : id;
}

static bool is_listed(const struct record *r, struct json_object *m) {
        return str_eq(record_str(r, F_externalId), plain_id(m)) && str_eq(record_str(r, F_externalIdType), json_str(m, "externalIdType", "")) &&
               str_eq(record_str(r, F_role), json_str(m, "role", ""));
}

static bool is_there(struct api_req *req, const struct record *project, struct json_object *m) {
        const struct records *l = world_by_int(api_world(req), T_projectMember, F_projectId, project->id);
        for (size_t i = 0; i < l->n; i++)
                if (is_listed(l->v[i], m))
                        return true;
        return false;
}

static bool names(struct json_object *members, const struct record *r) {
        for (size_t i = 0; i < json_object_array_length(members); i++)
                if (is_listed(r, json_object_array_get_idx(members, i)))
                        return true;
        return false;
}

/* A member is shown by the name given, else by the account's. */
static const char *name_of(struct api_req *req, struct json_object *m) {
        int64_t id;
        const char *number = plain_id(m);
        bool local = str_eq(json_str(m, "externalIdType", ""), "rancher_id") && id_decode_number(number, strlen(number), true, &id) == 0;
        const struct record *account = local ? world_get(api_world(req), T_account, id) : NULL;
        return json_str(m, "name", account ? record_str(account, F_name) : NULL);
}

static void add_listed(struct api_req *req, const struct record *project, struct json_object *members) {
        for (size_t i = 0; i < json_object_array_length(members); i++) {
                struct json_object *m = json_object_array_get_idx(members, i);
                if (!is_there(req, project, m))
                        add_member(req, project, plain_id(m), json_str(m, "externalIdType", ""), json_str(m, "role", ""), name_of(req, m));
        }
}

/* Those that stay keep their rows, and with them what they have open. */
static void drop_others(struct api_req *req, const struct record *project, struct json_object *members) {
        const struct records *l = world_by_int(api_world(req), T_projectMember, F_projectId, project->id);
        for (size_t i = l->n; i-- > 0;) {
                l = world_by_int(api_world(req), T_projectMember, F_projectId, project->id);
                if (!names(members, l->v[i]))
                        core_delete(api_core(req), l->v[i]);
        }
}

/* Who may set members without being an owner leaves the owners as they are (spec api.md 2.5). */
static int check_owners(struct api_req *req, const struct record *project, struct json_object *members, struct dr_error *err) {
        const struct records *l = world_by_int(api_world(req), T_projectMember, F_projectId, project->id);
        bool same = true;
        for (size_t i = 0; i < l->n; i++)
                same &= !str_eq(record_str(l->v[i], F_role), "owner") || names(members, l->v[i]);
        for (size_t i = 0; i < json_object_array_length(members); i++) {
                struct json_object *m = json_object_array_get_idx(members, i);
                same &= !str_eq(json_str(m, "role", ""), "owner") || is_there(req, project, m);
        }
        return same || capability(req, project, "owner") ? 0 : dr_fail(err, DR_E_BAD_REQUEST, "members", "only owners change the owners of an environment");
}

void project_create(struct api_req *req, struct record *r, const struct field_values *values) {
        struct core *c = api_core(req);
        core_set_account(c, r, 0);
        core_put_str(c, r, F_kind, "project");
        core_put_str(c, r, F_orchestration, "cattle");
        core_put_str(c, r, F_healthState, "healthy");
        core_put_str(c, r, F_version, "2");
        const struct value *wanted = field_values_get(values, F_projectTemplateId);
        const struct record *template = wanted && wanted->tag == V_INT ? world_get(api_world(req), T_projectTemplate, wanted->i) : NULL;
        if (template)
                entries_take(c, r, template);
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

/* {"defaultNetworkId": "1n5"}: the network of `managed` containers from now on, while it can be used (spec api.md 3.1). */
static int set_default_network(struct api_req *req, struct record *r, struct dr_error *err) {
        const char *id = json_str(req->body, "defaultNetworkId", NULL);
        int64_t n = 0;
        if (!capability(req, r, "owner"))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "only owners choose the network of an environment");
        if (!id)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "defaultNetworkId", "which network?");
        const struct record *network = id_decode_number(id, strlen(id), req->plain_ids, &n) == 0 ? world_get(api_world(req), T_network, n) : NULL;
        if (!network || network->account_id != r->id || !network_is_usable(network))
                return dr_fail(err, DR_E_INVALID_REFERENCE, "defaultNetworkId", "the environment has no network \"%.40s\" that can be used", id);
        core_put_int(api_core(req), r, F_defaultNetworkId, network->id);
        return 0;
}

int project_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        if (str_eq(a->name, "defaultNetworkId"))
                return set_default_network(req, r, err);
        if (!str_eq(a->name, "setmembers"))
                return str_eq(a->name, "delete") ? project_remove(req, r, err) : -ENOSYS;
        struct json_object *members = members_of(in);
        int k = members ? check_members(members, err) : dr_fail(err, DR_E_MISSING_REQUIRED, "members", "members are missing");
        if (k < 0 || (k = check_owners(req, r, members, err)) < 0)
                return k;
        drop_others(req, r, members);
        add_listed(req, r, members);
        return 0;
}
