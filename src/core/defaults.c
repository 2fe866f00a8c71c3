/* defaults.c: what a fresh store gets: the built-in accounts in their well-known order (api.md 1.4), environment Default. */
#include "core-internal.h"

#include "formats/json.h"

static const struct {
        enum type_id kind;
        const char *uuid, *name;
        enum state_id state;
        bool project;
} accounts[] = {                        /* ids 1 to 5: 1a1 is the administrator, 1a5 the first environment */
        { T_account, "admin", "admin", S_active, false },
        { T_account, "system", "System", S_inactive, false },
        { T_account, "superadmin", "superadmin", S_inactive, false },
        { T_account, "token", "token", S_active, false },
        { T_project, "adminProject", "Default", S_active, true },
};

void core_make_defaults(struct core *c) {
        if (world_all(c->world, T_account)->n)
                return;
        for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
                struct record *r = core_create(c, accounts[i].kind, 0);
                r->state = (uint16_t) accounts[i].state;        /* made finished: no process has to run */
                core_set_uuid(c, r, accounts[i].uuid);
                core_put_str(c, r, F_name, accounts[i].name);
                core_put_str(c, r, F_kind, accounts[i].project ? "project" : accounts[i].uuid);
                if (accounts[i].project) {
                        core_put_str(c, r, F_orchestration, "cattle");
                        core_put_str(c, r, F_healthState, "healthy");
                        struct record *m = core_create(c, T_projectMember, r->id);
                        m->state = S_active;
                        core_put_int(c, m, F_projectId, r->id);
                        core_put_str(c, m, F_externalId, "1");
                        core_put_str(c, m, F_externalIdType, "rancher_id");
                        core_put_str(c, m, F_role, "owner");
                        core_put_str(c, m, F_name, "admin");
                }
        }
}
