#include "plan.h"

#include "base/parse.h"
#include "formats/json.h"
#include "model/launch.h"
#include "place.h"
#include "upgrade.h"
#include "upgrade_config.h"

enum { LCS_MAX = 64 };

struct unit {
        struct record *du;
        VEC(struct record *) members;
        VEC(struct record *) aside;     /* set aside by an upgrade: not its members, but they go when it goes */
        int index;
        int64_t create_index, host;     /* host: global services, where it belongs */
        bool bad, unhealthy, going;     /* going: some member is on its way out */
        bool sick, well;                /* sick: unhealthy by its checks, which is not always a reason to renew it; well: every member is healthy */
        bool blocked;                   /* a set-aside container holds what the next one needs: nothing is made or started */
        const char *message;
};

void plan_done(struct plan *p) { vec_done(&p->steps); }

static struct json_object *secondaries(const struct record *s) { return record_json(s, F_secondaryLaunchConfigs); }

/* Load balancers are not run by this version yet. */
static bool runs_nothing(const struct record *s) {
        if (s->kind == T_loadBalancerService)
                return true;
        const char *image = json_str(record_json(s, F_launchConfig), "imageUuid", NULL);
        return !image || str_ends(image, "rancher/none");
}

int service_lc_count(const struct record *s) {
        if (!record_json(s, F_launchConfig) || (runs_nothing(s) && record_has(s, F_selectorContainer)) || runs_nothing(s))
                return 0;
        struct json_object *more = secondaries(s);
        return 1 + (more ? (int) MIN(json_object_array_length(more), (size_t) LCS_MAX - 1) : 0);
}

struct json_object *service_lc(const struct record *s, int lc) {
        return lc == 0 ? record_json(s, F_launchConfig) : json_object_array_get_idx(secondaries(s), (size_t) lc - 1);
}

const char *service_lc_name(const struct record *s, int lc) {
        return lc == 0 ? LAUNCH_PRIMARY : json_str(service_lc(s, lc), "name", "");
}

static const char *lc_label(const struct record *s, int lc, const char *key) {
        struct json_object *labels = json_get(service_lc(s, lc), "labels");
        if (!labels || !json_object_is_type(labels, json_type_object))
                return NULL;
        json_object_object_foreach(labels, k, v)
                if (str_ieq(k, key))
                        return v ? json_object_get_string(v) : "";
        return NULL;
}

bool service_is_global(const struct record *s) {
        for (int lc = 0, n = service_lc_count(s); lc < n; lc++) {
                const char *v = lc_label(s, lc, "io.rancher.scheduler.global");
                bool on;
                if (v && parse_bool(v, &on) == 0 && on)
                        return true;
        }
        return false;
}

static bool host_wanted(const struct plan_request *req, const struct record *host) {
        if (!req->usable(req->arg, host))
                return false;
        for (int lc = 0, n = service_lc_count(req->service); lc < n; lc++) {
                struct json_object *labels = json_get(service_lc(req->service, lc), "labels");
                if (labels && json_object_is_type(labels, json_type_object) && !place_host_labels_match(labels, host))
                        return false;
        }
        return true;
}

bool service_wants_unit(const struct plan_request *req, const struct record *du) {
        const struct record *host = world_get(req->world, T_host, record_int(du, F_globalHostId));
        return !service_is_global(req->service) || (host && host_wanted(req, host));
}

struct scale_policy service_policy(const struct record *s) {
        struct json_object *p = record_json(s, F_scalePolicy);
        int64_t min = MAX(json_int(p, "min", 1), (int64_t) 1), max = MAX(json_int(p, "max", 1), min);
        return (struct scale_policy) { .on = p && !service_is_global(s), .min = min, .max = max, .increment = MAX(json_int(p, "increment", 1), (int64_t) 1) };
}

int64_t service_scale(const struct record *s) {
        struct scale_policy p = service_policy(s);
        int64_t desired = record_int_or(s, F_desiredScale, p.min);
        return p.on ? MIN(MAX(desired, p.min), p.max) : record_int_or(s, F_scale, 1);
}

int64_t service_desired(const struct plan_request *req) {
        if (!service_lc_count(req->service))
                return 0;
        if (!service_is_global(req->service))
                return service_scale(req->service);
        const struct records *hosts = world_of_account(req->world, T_host, req->service->account_id);
        int64_t n = 0;
        for (size_t i = 0; i < hosts->n; i++)
                n += host_wanted(req, hosts->v[i]);
        return n;
}

/* ---- states of members ---- */
static bool is_going(const struct record *i) {
        return i->state == S_removing || i->state == S_removed || record_bool(i, F_removeAfterStop);
}
static bool is_transitioning(const struct record *i) { return state_is_transitioning(T_instance, (enum state_id) i->state); }
static bool once_ran(const struct record *i) { return record_bool(i, F_startOnce) && record_int(i, F_startCount) > 0; }
static bool is_started(const struct record *i) {
        return i->state == S_running || i->state == S_updating_running || (once_ran(i) && (i->state == S_stopped || i->state == S_stopping));
}

/* Its host is gone, or was lost while it was on its way. */
static bool is_lost(const struct plan_request *req, const struct record *i) {
        int64_t host_id = record_int(i, F_hostId);
        const struct record *host = host_id ? world_get(req->world, T_host, host_id) : NULL;
        if (host_id && (!host || host->state == S_removing || host->state == S_removed))
                return true;
        return host && is_transitioning(i) && req->lost(req->arg, host);
}

/* What its checkers say (4.6). */
static bool is_sick(const struct record *i) {
        const char *health = record_str(i, F_healthState);
        return str_eq(health, "unhealthy") || str_eq(health, "updating-unhealthy");
}
static bool is_well(const struct record *i) {
        const char *health = record_str(i, F_healthState);
        return is_started(i) && !is_sick(i) && !str_eq(health, "initializing") && !str_eq(health, "reinitializing") && !str_eq(health, "updating-reinitializing");
}

static void judge(const struct plan_request *req, struct unit *u) {
        size_t well = 0;
        for (size_t k = 0; k < u->members.n; k++) {
                struct record *i = u->members.v[k];
                if (is_going(i)) {
                        u->going = true;
                        continue;
                }
                if (i->state == S_error) {              /* erroring: its message comes with the end */
                        u->bad = true;
                        u->message = record_str(i, F_transitioningMessage);
                }
                u->unhealthy |= is_lost(req, i);
                u->sick |= is_sick(i);
                well += is_well(i);
        }
        u->well = well && well == u->members.n;
        for (size_t k = 0; k < u->aside.n; k++)
                u->blocked |= upgrade_still_runs(u->aside.v[k]);
        u->blocked = u->blocked && !upgrade_conf(req->service).start_first;
}

int service_lc_of(const struct record *service, const struct record *instance) {
        const char *name = str_or(record_str(instance, F_launchConfigName), LAUNCH_PRIMARY);
        for (int lc = 0, n = service_lc_count(service); lc < n; lc++)
                if (str_eq(service_lc_name(service, lc), name))
                        return lc;
        return -1;
}

static int by_create_index(const void *a, const void *b) {
        const struct unit *const *x = a, *const *y = b;
        if ((*x)->create_index != (*y)->create_index)
                return (*x)->create_index < (*y)->create_index ? -1 : 1;
        return (*x)->index - (*y)->index;
}

static const char EXTRA[] = "Removing extra service instance", BAD[] = "Removing bad service instance", UNHEALTHY[] = "Removing unhealthy service instance";

struct planning {
        const struct plan_request *req;
        struct plan *plan;
        VEC(struct unit *) units;
        struct map by_du;               /* du id -> unit */
        bool renews;                    /* the unhealthy are exchanged */
};

static void step(struct planning *p, struct plan_step s) { vec_push(&p->plan->steps, s); }

/* Whether the service's strategy, which is its primary's, exchanges what is unhealthy now (4.6). */
static bool renews_sick(const struct planning *p) {
        struct json_object *check = json_get_object(service_lc(p->req->service, 0), "healthCheck");
        const char *strategy = json_str(check, "strategy", NULL);
        if (str_eq(strategy, "none"))
                return false;
        if (!str_eq(strategy, "recreateOnQuorum"))
                return true;
        int64_t well = 0;
        for (size_t k = 0; k < p->units.n; k++)
                well += p->units.v[k]->well && !record_bool(p->units.v[k]->du, F_evictable);
        return well >= MAX(json_int(json_get_object(check, "recreateOnQuorumStrategyConfig"), "quorum", 1), (int64_t) 1);
}

static void collect_units(struct planning *p) {
        const struct world *w = p->req->world;
        const struct records *dus = world_by_int(w, T_deploymentUnit, F_serviceId, p->req->service->id);
        struct map by_uuid = { 0 };
        for (size_t k = 0; k < dus->n; k++) {
                struct unit *u = dr_xnew(struct unit);
                u->du = dus->v[k];
                uint64_t index = 0;
                (void) parse_u64(str_or(record_str(u->du, F_serviceIndex), "0"), INT32_MAX, &index);
                u->index = (int) index;
                u->create_index = INT64_MAX;
                u->host = record_int(u->du, F_globalHostId);
                vec_push(&p->units, u);
                struct text *uuid = record_text(u->du, F_deploymentUnitUuid);
                if (uuid)
                        map_set(&by_uuid, (uint64_t) (uintptr_t) uuid, u);
        }
        const struct records *all = world_by_int(w, T_instance, F_serviceId, p->req->service->id);
        for (size_t k = 0; k < all->n; k++) {
                struct record *i = all->v[k];
                struct text *uuid = record_text(i, F_deploymentUnitUuid);
                struct unit *u = uuid ? map_get(&by_uuid, (uint64_t) (uintptr_t) uuid) : NULL;
                if (u) {
                        if (upgrade_is_aside(i))
                                vec_push(&u->aside, i);
                        else
                                vec_push(&u->members, i);
                        u->create_index = MIN(u->create_index, record_int(i, F_createIndex));
                } else if (!is_going(i)) {      /* its unit is gone: so must it */
                        step(p, (struct plan_step) { .action = PLAN_REMOVE_INSTANCE, .instance = i, .reason = EXTRA });
                } else {
                        p->plan->waiting = true;
                }
        }
        map_done(&by_uuid);
        for (size_t k = 0; k < p->units.n; k++) {
                struct unit *u = p->units.v[k];
                if (u->create_index == INT64_MAX)
                        u->create_index = (int64_t) u->index;
                judge(p->req, u);
        }
        vec_sort(&p->units, by_create_index);
        p->renews = renews_sick(p);
        for (size_t k = 0; k < p->units.n; k++)
                p->units.v[k]->unhealthy |= p->units.v[k]->sick && p->renews;
}

static void remove_instance(struct planning *p, struct record *i, const char *reason) {
        if (is_going(i))
                p->plan->waiting = true;
        else
                step(p, (struct plan_step) { .action = PLAN_REMOVE_INSTANCE, .instance = i, .reason = reason });
}

static void remove_unit(struct planning *p, struct unit *u, const char *reason) {
        if (!record_bool(u->du, F_evictable))   /* else an emptied one would count as a unit that lacks its containers */
                step(p, (struct plan_step) { .action = PLAN_CONDEMN_UNIT, .unit = u->du });
        for (size_t k = 0; k < u->members.n; k++)
                remove_instance(p, u->members.v[k], reason);
        for (size_t k = 0; k < u->aside.n; k++)
                remove_instance(p, u->aside.v[k], reason);
        if (!u->members.n && !u->aside.n)
                step(p, (struct plan_step) { .action = PLAN_DROP_UNIT, .unit = u->du });
}

/* A unit with set-aside containers keeps them, for a rollback: only what is bad or unhealthy in it goes, and comes back in the same unit. */
static void renew_unit(struct planning *p, struct unit *u) {
        p->plan->waiting = true;
        for (size_t k = 0; k < u->members.n; k++) {
                struct record *i = u->members.v[k];
                if (!is_going(i) && (i->state == S_error || is_lost(p->req, i) || (p->renews && is_sick(i))))
                        remove_instance(p, i, i->state == S_error ? BAD : UNHEALTHY);
        }
}

/* A set-aside container of this launch config that is taken back when its unit's turn comes (a rollback): none is made in its place. */
static bool comes_back(const struct planning *p, const struct unit *u, int lc) {
        for (size_t k = 0; k < u->aside.n; k++) {
                const struct record *i = u->aside.v[k];
                if (!is_going(i) && i->state != S_error && i->state != S_erroring && service_lc_of(p->req->service, i) == lc && !upgrade_is_old(p->req->service, i))
                        return true;
        }
        return false;
}

/* A member whose volumes-from or network-from partner in the unit is missing goes too (orchestration.md 1.13). */
static bool dependency_missing(const struct planning *p, const struct record *i) {
        const struct world *w = p->req->world;
        int64_t from = record_int(i, F_networkFromId);
        const struct record *d = from ? world_get(w, T_instance, from) : NULL;
        if (from && (!d || is_going(d)))
                return true;
        struct json_object *ids = record_json(i, F_volumesFromIds);
        for (size_t k = 0; ids && k < json_object_array_length(ids); k++) {
                d = world_get(w, T_instance, json_object_get_int64(json_object_array_get_idx(ids, k)));
                if (!d || is_going(d))
                        return true;
        }
        return false;
}

static bool refers(const struct record *s, int lc, int to) {
        return launch_config_refers(service_lc(s, lc), to == 0 ? record_name(s) : service_lc_name(s, to));
}

/* Launch configs that share network or volumes with a container that is still to be exchanged, directly or over another one: theirs come
 * with the unit's turn. held[lc] is set for old ones too. */
static void hold_dependants(const struct planning *p, const struct unit *u, int lcs, bool *held) {
        const struct record *s = p->req->service;
        bool any = false;
        for (size_t k = 0; upgrade_is_under_way(s) && k < u->members.n; k++) {
                int lc = is_going(u->members.v[k]) ? -1 : service_lc_of(p->req->service, u->members.v[k]);
                if (lc >= 0 && upgrade_is_old(s, u->members.v[k]))
                        any = held[lc] = true;
        }
        while (any) {
                any = false;
                for (int lc = 0; lc < lcs; lc++)
                        for (int to = 0; to < lcs && !held[lc]; to++)
                                if (held[to] && refers(s, lc, to))
                                        any = held[lc] = true;
        }
}

static void complete_unit(struct planning *p, struct unit *u, int lcs) {
        bool there[LCS_MAX] = { 0 }, held[LCS_MAX] = { 0 }, wait = u->blocked;
        for (size_t k = 0; k < u->members.n; k++) {
                struct record *i = u->members.v[k];
                int lc = service_lc_of(p->req->service, i);
                if (is_going(i)) {
                        wait = true;
                        continue;
                }
                if (lc < 0 && upgrade_is_under_way(p->req->service))
                        continue;       /* dropped by the upgrade: set aside with its unit, not removed before */
                if (lc < 0 || there[lc]) {
                        step(p, (struct plan_step) { .action = PLAN_REMOVE_INSTANCE, .instance = i, .reason = EXTRA });
                        continue;
                }
                if (dependency_missing(p, i)) {
                        step(p, (struct plan_step) { .action = PLAN_REMOVE_INSTANCE, .instance = i, .reason = "Removing service instance without its dependency" });
                        wait = true;
                        continue;
                }
                there[lc] = true;
                if (is_started(i) && !is_transitioning(i))
                        continue;
                if (i->state == S_stopped && !once_ran(i) && u->blocked)
                        continue;
                if (i->state == S_stopped && !once_ran(i))
                        step(p, (struct plan_step) { .action = PLAN_START_INSTANCE, .instance = i });
                else if (is_transitioning(i))
                        p->plan->waiting = true;
        }
        p->plan->waiting |= wait;
        hold_dependants(p, u, lcs, held);
        for (int lc = 0; lc < lcs && !wait; lc++)       /* after the old ones are gone: names are theirs until then */
                if (!there[lc] && comes_back(p, u, lc))
                        p->plan->waiting = true;
                else if (!there[lc] && !held[lc])
                        step(p, (struct plan_step) { .action = PLAN_CREATE_INSTANCE, .unit = u->du, .lc = lc, .index = u->index,
                                                     .host = u->host, .reason = "Creating extra service instance" });
}

static int free_index(struct planning *p, int *from, const struct map *used) {
        (void) p;
        do
                (*from)++;
        while (map_get(used, (uint64_t) *from));
        return *from;
}

static void create_unit(struct planning *p, int index, int64_t host, int lcs) {
        step(p, (struct plan_step) { .action = PLAN_CREATE_UNIT, .index = index, .host = host });
        for (int lc = 0; lc < lcs; lc++)
                step(p, (struct plan_step) { .action = PLAN_CREATE_INSTANCE, .lc = lc, .index = index, .host = host,
                                             .reason = "Creating extra service instance" });
}

void service_plan(const struct plan_request *req, struct plan *ret) {
        struct planning p = { .req = req, .plan = ret };
        int lcs = service_lc_count(req->service);
        *ret = (struct plan) { .steps = { 0 } };
        collect_units(&p);

        bool global = service_is_global(req->service);
        int64_t desired = service_desired(req), kept = 0;
        struct map used = { 0 }, covered = { 0 };
        static char here;
        for (size_t k = 0; k < p.units.n; k++)          /* a unit being removed keeps its index until its row is dropped */
                map_set(&used, (uint64_t) p.units.v[k]->index, &here);
        for (size_t k = 0; k < p.units.n; k++) {
                struct unit *u = p.units.v[k];
                bool evictable = record_bool(u->du, F_evictable), sick = u->bad || u->unhealthy;
                if (u->bad && !evictable) {
                        ret->bad = true;
                        ret->message = u->message ? u->message : ret->message;
                }
                if (evictable || (sick && !u->aside.n)) {
                        remove_unit(&p, u, evictable ? EXTRA : u->bad ? BAD : UNHEALTHY);
                        continue;
                }
                if (global) {
                        const struct record *host = world_get(req->world, T_host, u->host);
                        if (!host || map_get(&covered, (uint64_t) u->host)) {
                                remove_unit(&p, u, EXTRA);
                                continue;
                        }
                        map_set(&covered, (uint64_t) u->host, &here);
                        if (!host_wanted(req, host)) {  /* what is there is left alone (1.6) */
                                if (!u->members.n && !u->aside.n)
                                        remove_unit(&p, u, EXTRA);
                                continue;
                        }
                } else if (kept >= desired) {
                        remove_unit(&p, u, EXTRA);
                        continue;
                }
                kept++;
                if (sick)
                        renew_unit(&p, u);
                else
                        complete_unit(&p, u, lcs);
        }
        int index = 0;
        if (global) {
                const struct records *hosts = world_of_account(req->world, T_host, req->service->account_id);
                for (size_t k = 0; k < hosts->n && lcs; k++)
                        if (!map_get(&covered, (uint64_t) hosts->v[k]->id) && host_wanted(req, hosts->v[k]))
                                create_unit(&p, free_index(&p, &index, &used), hosts->v[k]->id, lcs);
        } else {
                /* Units on their way out free their indexes when they are gone: numbering has no gaps in the end. */
                size_t leaving = p.units.n - (size_t) kept;
                if (kept < desired && leaving == 0)
                        for (; kept < desired; kept++)
                                create_unit(&p, free_index(&p, &index, &used), 0, lcs);
                else if (kept < desired)
                        ret->waiting = true;
        }
        map_done(&used);
        map_done(&covered);
        for (size_t k = 0; k < p.units.n; k++) {
                vec_done(&p.units.v[k]->members);
                vec_done(&p.units.v[k]->aside);
                free(p.units.v[k]);
        }
        vec_done(&p.units);
}
