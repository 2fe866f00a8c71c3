#include "upgrades.h"

#include <stdio.h>

#include "base/log.h"
#include "base/vec.h"
#include "core/settings.h"
#include "formats/catalog.h"
#include "formats/json.h"
#include "model/ids.h"
#include "model/infra.h"
#include "server/api/internal.h"
#include "server/catalog/catalog.h"

enum {
        SCAN_MS = 3600 * 1000, RUN_MS = 60 * 1000, LOOK_MS = 15 * 1000,
        MINUTE_MS = 60 * 1000, NEVER_MINUTES = 26280000,
        PRIORITY_NETWORK = 100,
        REFUSALS_MAX = 10,              /* so often a refused upgrade is tried before it is given up */
        SLOW_MS = 3600 * 1000,          /* an upgrade that takes longer holds up its own environment only */
};
enum { STEP_FIRST, STEP_ASKED };        /* run->step: the stack was told to upgrade */

struct upgrades {
        struct loop *loop;
        struct core *core;
        struct api *api;
        struct catalogs *catalogs;
        struct timer *scan, *run;
};

static bool is_gone(const struct record *r) { return state_is_gone((enum state_id) r->state); }
static bool is_open(const struct record *r) { return !is_gone(r) && r->state != S_done; }

/* ---- which stacks ---- */
enum mode { MODE_OFF, MODE_MANDATORY, MODE_ALL };
static enum mode mode_of(struct core *c) {
        const char *s = setting_get(c, "upgrade.manager");
        return str_eq(s, "all") || str_eq(s, "true") ? MODE_ALL : str_eq(s, "mandatory") ? MODE_MANDATORY : MODE_OFF;
}

static bool is_broken_network(const struct catalog_id *id) {    /* the list of spec catalog.md 9 */
        return str_eq(id->folder, "network-services") && ((id->revision >= 0 && id->revision <= 9) || (id->revision >= 11 && id->revision <= 14) || id->revision == 18);
}

static bool is_newer(const struct catalog_version *to, const struct catalog_version *from) {
        return to->revision >= 0 && from->revision >= 0 ? to->revision > from->revision : catalog_version_greater(to->version, from->version);
}

/* The version that the stack should be on, if it is another one and can be reached. */
static bool target_of(struct upgrades *u, const struct record *stack, struct catalog_version *ret) {
        const char *external_id = record_str(stack, F_externalId);
        struct catalog_id id;
        if (!external_id || !str_starts(external_id, "catalog://") || catalog_id_parse(external_id, &id, NULL) < 0)
                return false;
        auto_free char *template = dr_xasprintf("%s:%s%s%s", id.catalog, id.base, *id.base ? "*" : "", id.folder);
        if (catalog_find(u->catalogs, stack->account_id, template, NULL, ret, NULL) < 0 || str_eq(ret->id, external_id + strlen("catalog://")))
                return false;
        struct catalog_version from;
        if (catalog_find(u->catalogs, stack->account_id, external_id, "", &from, NULL) < 0)
                return true;            /* what runs is not in the catalog any more */
        return is_newer(ret, &from) && (!*ret->upgrade_from || catalog_version_in_range(from.version, ret->upgrade_from) != 0);
}

static bool is_scheduled(struct core *c, const struct record *stack) {
        const struct records *l = world_of_account(core_world(c), T_scheduledUpgrade, stack->account_id);
        for (size_t i = 0; i < l->n; i++)
                if (record_int(l->v[i], F_stackId) == stack->id && is_open(l->v[i]))
                        return true;
        return false;
}

static int64_t delay_minutes(struct core *c, const struct record *project) {
        int64_t own = record_int_or(project, F_scheduledUpgradeDelayMinutes, 0);
        int64_t m = record_has(project, F_scheduledUpgradeDelayMinutes) ? own : setting_int(c, "default.schedule.upgrade.delay.minutes");
        return m < 0 || m > NEVER_MINUTES ? NEVER_MINUTES : m;
}

static void schedule(struct upgrades *u, const struct record *stack, const struct record *project, bool network) {
        struct core *c = u->core;
        struct record *r = core_create(c, T_scheduledUpgrade, project->id);
        core_put_int(c, r, F_stackId, stack->id);
        core_put_int(c, r, F_priority, network ? PRIORITY_NETWORK : 0);
        core_put_int(c, r, F_runAfter, core_wall_ms(c) + (network ? 0 : delay_minutes(c, project) * MINUTE_MS));
        (void) core_process_start(c, r, P_scheduledupgrade_create, NULL, NULL);
        log_info("infrastructure stack will be upgraded", "environment", record_name(project), "stack", record_name(stack), NULL);
}

void upgrades_scan(struct upgrades *u) {
        enum mode mode = mode_of(u->core);
        const struct records *l = world_all(core_world(u->core), T_stack);
        for (size_t i = 0; mode != MODE_OFF && i < l->n; i++) {
                const struct record *stack = l->v[i], *project = world_get(core_world(u->core), T_account, stack->account_id);
                const char *external_id = record_str(stack, F_externalId);
                struct catalog_id id;
                struct catalog_version to;
                if (!record_bool(stack, F_system) || is_gone(stack) || !project || is_gone(project) || !infra_is(external_id, NULL) ||
                    catalog_id_parse(external_id, &id, NULL) < 0 || !str_eq(id.catalog, "library") || (mode == MODE_MANDATORY && !is_broken_network(&id)))
                        continue;
                if (!is_scheduled(u->core, stack) && target_of(u, stack, &to))
                        schedule(u, stack, project, str_eq(id.folder, "network-services"));
        }
}

/* ---- when ---- */
static int by_turn(const void *a, const void *b) {
        const struct record *x = *(const struct record *const *) a, *y = *(const struct record *const *) b;
        int64_t p = record_int(x, F_priority), q = record_int(y, F_priority);
        return p != q ? (p < q) - (p > q) : (x->id > y->id) - (x->id < y->id);
}

static bool is_slow(const struct upgrades *u, const struct record *r) {
        return r->run && core_wall_ms(u->core) - r->run->started_ms > SLOW_MS;
}

static bool is_busy(const struct upgrades *u, int64_t project_id) {
        const struct records *l = world_of_account(core_world(u->core), T_scheduledUpgrade, project_id);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->state == S_running)
                        return true;
        return false;
}

/* Those of stacks that are no more, and those that are over, go. */
static bool clear_away(struct upgrades *u, struct record *r) {
        const struct record *stack = world_get(core_world(u->core), T_stack, record_int(r, F_stackId));
        if (r->state != S_done && (r->state != S_scheduled || (stack && !is_gone(stack))))
                return false;
        (void) core_process_start(u->core, r, P_scheduledupgrade_remove, NULL, NULL);
        return true;
}

static bool is_due(const struct upgrades *u, const struct record *r) {
        const struct record *stack = world_get(core_world(u->core), T_stack, record_int(r, F_stackId));
        return r->state == S_scheduled && record_int(r, F_runAfter) <= core_wall_ms(u->core) && stack && (stack->state == S_active || stack->state == S_upgraded) &&
               !is_busy(u, r->account_id);
}

void upgrades_run(struct upgrades *u) {
        VEC(struct record *) all = { 0 };
        const struct records *l = world_all(core_world(u->core), T_scheduledUpgrade);
        int64_t running = 0, max = setting_int(u->core, "concurrent.scheduled.upgrades");
        for (size_t i = 0; i < l->n; i++) {
                vec_push(&all, l->v[i]);
                running += l->v[i]->state == S_running && !is_slow(u, l->v[i]);
        }
        vec_sort(&all, by_turn);
        for (size_t i = 0; i < all.n; i++) {
                if (clear_away(u, all.v[i]) || running >= max || !is_due(u, all.v[i]))
                        continue;
                if (core_process_start(u->core, all.v[i], P_scheduledupgrade_start, NULL, NULL) == 0)
                        running++;
        }
        vec_done(&all);
}

void upgrades_stack_changed(struct upgrades *u, const struct record *stack) {
        const struct records *l = record_bool(stack, F_system) ? world_of_account(core_world(u->core), T_scheduledUpgrade, stack->account_id) : NULL;
        for (size_t i = 0; l && i < l->n; i++)
                if (l->v[i]->state == S_running && record_int(l->v[i], F_stackId) == stack->id)
                        core_wake(u->core, l->v[i]);
}

/* ---- the upgrade itself: a handler, which looks first and may run twice ---- */
static enum step look_later(struct upgrades *u, struct record *r, const char *what) {
        core_progress(u->core, r, what);
        core_wake_at(u->core, r, core_mono_ms(u->core) + LOOK_MS);
        return STEP_WAIT;
}

static enum step end(struct upgrades *u, struct record *r, const char *problem) {
        core_put_int(u->core, r, F_finished, core_wall_ms(u->core));
        if (problem) {
                log_warning("upgrade of an infrastructure stack was given up", "reason", problem, NULL);
                core_put_str(u->core, r, F_transitioningState, "error");
                core_put_str(u->core, r, F_transitioningMessage, problem);
        }
        return STEP_DONE;
}

static int ask(struct upgrades *u, const struct record *stack, const char *action, struct json_object *body, struct dr_error *err) {
        char id[ID_TEXT_MAX];
        auto_free char *path = dr_xasprintf("stacks/%s?action=%s", id_format(API_V2_BETA, T_stack, stack->id, id), action);
        return api_internal(u->api, &(struct api_caller) { stack->account_id, stack->account_id, ROLE_owner }, VERB_POST, path, body, NULL, err);
}

static enum step refused(struct upgrades *u, struct record *r, struct run *run, struct step_ctx *ctx) {
        return run->attempts < REFUSALS_MAX ? STEP_RETRY : end(u, r, ctx->err.message);
}

static enum step begin(struct upgrades *u, struct record *r, struct run *run, struct step_ctx *ctx, const struct record *stack) {
        struct catalog_version to;
        if (!catalog_is_ready(u->catalogs))
                return look_later(u, r, "waiting for the catalogs");
        if (!target_of(u, stack, &to))
                return end(u, r, NULL);
        if (run->step == STEP_ASKED)
                return end(u, r, "the stack was upgraded and taken back meanwhile");
        AUTO(json_free) struct json_object *body = json_object_new_object();
        auto_free char *external_id = dr_xasprintf("catalog://%s", to.id);
        json_set_str(body, "externalId", external_id);
        json_set_str(body, "dockerCompose", str_or(to.docker_compose, ""));
        json_set_str(body, "rancherCompose", str_or(to.rancher_compose, ""));
        struct json_object *environment = record_json(stack, F_environment);
        json_set(body, "environment", environment ? json_copy(environment) : json_object_new_object());
        if (ask(u, stack, "upgrade", body, &ctx->err) < 0)
                return refused(u, r, run, ctx);
        run->step = STEP_ASKED;
        return look_later(u, r, "the stack is being upgraded");
}

static enum step run_upgrade(void *arg, struct record *r, struct run *run, struct step_ctx *ctx) {
        struct upgrades *u = arg;
        const struct record *stack = world_get(core_world(u->core), T_stack, record_int(r, F_stackId));
        if (!record_has(r, F_started))
                core_put_int(u->core, r, F_started, core_wall_ms(u->core));
        if (!stack || is_gone(stack))
                return end(u, r, "the stack is gone");
        switch (stack->state) {
        case S_active:
                return begin(u, r, run, ctx, stack);
        case S_upgraded:
                if (ask(u, stack, "finishupgrade", NULL, &ctx->err) < 0)
                        return refused(u, r, run, ctx);
                return look_later(u, r, "the stack's upgrade is being finished");
        case S_error: case S_canceled_upgrade:
                return end(u, r, stack->state == S_error ? "the stack is in state error" : "the stack's upgrade was cancelled");
        default:
                return look_later(u, r, "waiting for the stack");
        }
}

/* ---- life ---- */
static void on_scan(void *arg) { upgrades_scan(arg); }
static void on_run(void *arg) { upgrades_run(arg); }

struct upgrades *upgrades_new(struct loop *l, struct core *c, struct api *a, struct catalogs *catalogs) {
        struct upgrades *u = dr_xnew(struct upgrades);
        *u = (struct upgrades) { .loop = l, .core = c, .api = a, .catalogs = catalogs, .scan = timer_new(l, on_scan, u), .run = timer_new(l, on_run, u) };
        timer_unref(u->scan);
        timer_unref(u->run);
        timer_start_periodic(u->scan, SCAN_MS, SCAN_MS);
        timer_start_periodic(u->run, RUN_MS, RUN_MS);
        api_add_task(a, "run.scheduled", on_run, u);
        api_add_task(a, "upgrade.schedule", on_scan, u);
        core_outside(c, P_scheduledupgrade_start, run_upgrade, u);
        return u;
}

struct upgrades *upgrades_free(struct upgrades *u) {
        if (!u)
                return NULL;
        timer_free(u->scan);
        timer_free(u->run);
        free(u);
        return NULL;
}
