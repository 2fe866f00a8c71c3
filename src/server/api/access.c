#include "access.h"

#include "encode.h"
#include "views.h"

bool access_is_of(const struct api_req *req, const struct type_def *def, const struct record *r) {
        if (r->type != (uint16_t) def->base)
                return false;
        return def->parent == T_NONE || type_is_a(req->version, (enum type_id) r->kind, def->id);
}

static bool sees_account(struct api_req *req, const struct record *r) {
        if (r->id == req->account_id || (req->caller && r->id == req->caller->id))
                return true;
        if (r->kind != T_project || req->project_id || !req->caller)
                return false;
        const char *role = api_member_role(req, req->caller, r);
        bool on = r->state != S_inactive && r->state != S_deactivating; /* out of use: its owners see it (api.md 2.5) */
        return role && (on || str_eq(role, "owner"));
}

static bool own(struct api_req *req, const struct record *r) {
        if (req->all_accounts)
                return true;
        if (r->type == T_account)
                return sees_account(req, r);
        if (r->account_id && r->account_id == req->account_id)
                return true;
        if (req->agent && (r == req->agent || (r->account_id && r->account_id == record_int(req->agent, F_resourceAccountId))))
                return true;
        /* Members of an environment are rows of it whatever account wrote them. */
        return r->type == T_projectMember && record_int(r, F_projectId) == req->account_id;
}

bool access_sees(struct api_req *req, const struct record *r) {
        const struct type_def *def = api_type_of(req, r);
        if (!def)
                return false;
        if (own(req, r) || record_bool(r, F_isPublic))
                return true;
        if (r->type == T_projectMember && req->caller) {
                const struct record *p = world_get(api_world(req), T_account, record_int(r, F_projectId));
                return p && !req->project_id && api_member_role(req, req->caller, p);
        }
        return !r->account_id && !type_field(def, F_accountId) && r->type != T_account;
}

bool access_changes(struct api_req *req, const struct record *r) { return api_type_of(req, r) && own(req, r); }

struct record *access_find(struct api_req *req, enum type_id type, int64_t id) {
        enum type_id table = type_base(type);
        struct record *r = view_is(table) ? view_get(req, table, id) : world_get(api_world(req), table, id);
        if (!r || !access_sees(req, r))
                return NULL;
        const struct type_def *def = type_get(req->version, type);
        return !def || access_is_of(req, def, r) ? r : NULL;
}

struct record *access_get(struct api_req *req, const struct type_def *def, const char *text) {
        const char *name;
        size_t len;
        int64_t id;
        if (def->base == T_setting || def->base == T_activeSetting)
                return view_setting(req, text);
        if (id_decode(text, strlen(text), req->plain_ids, &name, &len, &id) < 0 || id < 0)
                return NULL;
        return access_find(req, def->id, id);
}

/* ---- infrastructure ---- */
bool access_is_system(const struct record *r) {
        return (r->type == T_stack || r->type == T_service || r->type == T_instance) && record_bool(r, F_system);
}

static bool is_infra(const struct api_req *req, enum type_id kind) {
        return kind == T_host || kind == T_hostTemplate || kind == T_registrationToken ||
                kind == T_storageDriverService || kind == T_networkDriverService || type_is_a(req->version, kind, T_physicalHost);
}

static int refuse(struct api_req *req, const char *what, struct dr_error *err) {
        return dr_fail(err, DR_E_FORBIDDEN, NULL, "role %s may not change %s", role_name(req->role), what);
}

int access_check_infra(struct api_req *req, const struct record *r, struct dr_error *err) {
        if (!access_is_system(r) && !is_infra(req, (enum type_id) r->kind))
                return 0;
        return capability(req, r, "modifyInfra") ? 0 : refuse(req, access_is_system(r) ? "system objects" : "infrastructure", err);
}

int access_check_create(struct api_req *req, const struct type_def *def, struct dr_error *err) {
        return !is_infra(req, def->id) || capability(req, NULL, "modifyInfra") ? 0 : refuse(req, "infrastructure", err);
}
