#include "environments.h"

#include "base/map.h"
#include "engine/networks.h"
#include "make_stacks.h"
#include "model/infra.h"
#include "public_templates.h"
#include "server/catalog/catalog.h"
#include "upgrades.h"

/* Why an environment is looked at: what could not be made is tried once more; its system stacks have changed. */
enum { LOOK = 1, LOOK_AGAIN = 2, LOOK_STACKS = 4 };
enum { ROUND_MS = 60 * 1000 };          /* a look at each now and then: a batch that failed takes back what a look did, and nobody says so */

struct environments {
        struct loop *loop;
        struct core *core;
        struct api *api;
        struct catalogs *catalogs;
        struct map dirty;               /* project id -> why it is to be looked at */
        bool scheduled, templates_due;
        struct timer *round;
        struct upgrades *upgrades;
};

/* ---- a look at one environment ---- */
/* virtualMachine can be set by hand too: that stays until stacks change. */
static void put_orchestration(struct core *c, struct record *project, unsigned why) {
        struct infra_kind kind = infra_kind_of(core_world(c), project);
        core_put_str(c, project, F_orchestration, infra_orchestration(&kind));
        if (kind.virtual_machine || ((why & LOOK_STACKS) && record_bool(project, F_virtualMachine)))
                core_put_bool(c, project, F_virtualMachine, kind.virtual_machine);
}

/* The network that containers of mode "managed" get (orchestration.md 7.1). */
static void put_default_network(struct core *c, struct record *project) {
        const struct record *n = network_default(core_world(c), project->id);
        if (n)
                core_put_int(c, project, F_defaultNetworkId, n->id);
        else
                core_clear(c, project, F_defaultNetworkId);
}

static void look(struct environments *e, struct record *project, unsigned why) {
        switch (project->state) {
        case S_active: case S_updating_active: case S_upgrading:
                make_stacks(e->core, e->api, e->catalogs, project, why & LOOK_AGAIN);
                make_stacks_start(e->core, e->api, project);
                put_orchestration(e->core, project, why);
                put_default_network(e->core, project);
                break;
        case S_removing: case S_removed: case S_purging: case S_purged:
                break;
        default:
                put_orchestration(e->core, project, why);
                break;
        }
}

static void work(void *arg) {
        struct environments *e = arg;
        e->scheduled = false;
        if (e->templates_due) {
                e->templates_due = false;
                public_templates_load(e->core, e->catalogs);
        }
        struct map dirty = e->dirty;
        e->dirty = (struct map) { 0 };
        map_foreach(&dirty, s) {
                struct record *project = world_get(core_world(e->core), T_account, (int64_t) s->key);
                if (project && project->kind == T_project)
                        look(e, project, (unsigned) (uintptr_t) s->value);
        }
        map_done(&dirty);
}

/* ---- what leads to one ---- */
static void schedule(struct environments *e) {
        if (!e->scheduled)
                loop_defer(e->loop, work, e);
        e->scheduled = true;
}

static void mark(struct environments *e, int64_t project_id, unsigned why) {
        if (project_id <= 0)
                return;
        uintptr_t former = (uintptr_t) map_get(&e->dirty, (uint64_t) project_id);
        (void) map_set(&e->dirty, (uint64_t) project_id, (void *) (former | why));
        schedule(e);
}

static void mark_all(struct environments *e, unsigned why) {
        const struct records *l = world_all(core_world(e->core), T_account);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->kind == T_project)
                        mark(e, l->v[i]->id, why);
}

static void load_templates(struct environments *e) {
        e->templates_due = true;
        schedule(e);
}

static bool project_waits(struct environments *e, int64_t project_id) {
        const struct record *project = world_get(core_world(e->core), T_account, project_id);
        return project && make_stacks_waits(project);
}

static bool project_fails(struct environments *e, int64_t project_id) {
        const struct record *project = world_get(core_world(e->core), T_account, project_id);
        return project && record_str(project, F_transitioningState);
}

static void on_change(void *arg, const struct record *r) {
        struct environments *e = arg;
        switch ((enum type_id) r->type) {
        case T_account:
                if (r->kind == T_project)
                        mark(e, r->id, LOOK);
                break;
        case T_stack:
                if (record_bool(r, F_system)) {
                        mark(e, r->account_id, LOOK_STACKS);
                        upgrades_stack_changed(e->upgrades, r);
                }
                if (r->state == S_removed && project_fails(e, r->account_id))   /* it may have had the name that another wants */
                        mark(e, r->account_id, LOOK_AGAIN);
                break;
        case T_host: case T_service:
                if (project_waits(e, r->account_id))
                        mark(e, r->account_id, LOOK);
                break;
        case T_network:
                mark(e, r->account_id, LOOK);
                break;
        case T_setting:
                if (str_starts(record_name(r), "project.template.") || str_eq(record_name(r), "catalog.execute"))
                        load_templates(e);
                break;
        default:
                break;
        }
}

static void on_round(void *arg) {
        load_templates(arg);
        mark_all(arg, LOOK);
}

static void on_catalogs(void *arg) {
        struct environments *e = arg;
        load_templates(e);
        mark_all(e, LOOK_AGAIN);
        upgrades_scan(e->upgrades);
}

struct environments *environments_new(struct loop *l, struct core *c, struct api *a, struct catalogs *catalogs) {
        struct environments *e = dr_xnew(struct environments);
        *e = (struct environments) { .loop = l, .core = c, .api = a, .catalogs = catalogs, .round = timer_new(l, on_round, e) };
        timer_unref(e->round);
        timer_start_periodic(e->round, ROUND_MS, ROUND_MS);
        e->upgrades = upgrades_new(l, c, a, catalogs);
        core_on_change(c, on_change, e);
        catalog_on_loaded(catalogs, on_catalogs, e);
        load_templates(e);
        mark_all(e, LOOK_AGAIN);
        return e;
}

struct environments *environments_free(struct environments *e) {
        if (!e)
                return NULL;
        loop_defer_cancel(e->loop, work, e);
        timer_free(e->round);
        upgrades_free(e->upgrades);
        map_done(&e->dirty);
        free(e);
        return NULL;
}
