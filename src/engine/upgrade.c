#include "upgrade.h"

#include "formats/json.h"
#include "model/launch.h"

enum { BATCH = 1, INTERVAL_MS = 2000 };

static bool is_going(const struct record *i) {
        return state_is_gone((enum state_id) i->state) || record_bool(i, F_removeAfterStop);
}
static bool in_error(const struct record *i) { return i->state == S_error || i->state == S_erroring; }

static const char *lc_name_of(const struct record *i) { return str_or(record_str(i, F_launchConfigName), LAUNCH_PRIMARY); }

bool upgrade_is_old(const struct record *s, const struct record *i) {
        int lc = service_lc_of(s, i);
        return lc < 0 || !str_eq(json_str(service_lc(s, lc), "version", "0"), str_or(record_str(i, F_version), "0"));
}

bool upgrade_still_runs(const struct record *i) { return i->state != S_stopped && !in_error(i) && !is_going(i); }

bool upgrade_is_under_way(const struct record *s) {
        switch (s->state) {
        case S_upgrading: case S_upgraded: case S_finishing_upgrade: case S_canceling_upgrade: case S_canceled_upgrade: case S_rolling_back:
                return true;
        default:
                return false;
        }
}

struct upgrade_conf upgrade_conf(const struct record *s) {
        struct json_object *upgrade = record_json(s, F_upgrade), *in = json_get_object(upgrade, "inServiceStrategy");
        if (!in)
                in = json_get_object(upgrade, "toServiceStrategy");
        int64_t batch = json_int(in, "batchSize", BATCH), interval = json_int(in, "intervalMillis", INTERVAL_MS);
        return (struct upgrade_conf) { MAX(batch, (int64_t) 1), MAX(interval, (int64_t) 0), json_bool(in, "startFirst", false) };
}

/* Somebody reports health in this environment: then a container with a check that nothing is known of is not healthy yet. */
static bool health_is_reported(const struct world *w, const struct record *i) {
        return launch_json(i, "healthCheck") && health_is_watched(w, i->account_id);
}

bool upgrade_serves(const struct world *w, const struct record *i, bool health) {
        if (record_bool(i, F_startOnce) && record_int(i, F_startCount) > 0 && (i->state == S_stopped || i->state == S_stopping))
                return true;
        if (i->state != S_running && i->state != S_updating_running)
                return false;
        const char *h = record_str(i, F_healthState);
        if (!health || str_eq(h, "healthy") || str_eq(h, "updating-healthy"))
                return true;
        return !h && !health_is_reported(w, i);
}

struct unit {
        struct record *du;
        int64_t age;                    /* lowest createIndex */
        bool serves;                    /* every container that it has and keeps */
};

static int by_need(const void *a, const void *b) {      /* units that are down cost nobody anything: they come first */
        const struct unit *x = a, *y = b;
        if (x->serves != y->serves)
                return x->serves ? 1 : -1;
        return x->age < y->age ? -1 : x->age > y->age;
}

struct looking {
        const struct plan_request *req;
        struct upgrade_view *view;
        bool health, start_first;
        int lcs;
        int64_t wanted;                 /* units that there should be */
        VEC(struct unit) pending;
};

static const struct records *members(const struct looking *l, const struct record *du) {
        return world_by_text(l->req->world, T_instance, F_deploymentUnitUuid, record_text(du, F_deploymentUnitUuid));
}

/* Does a container that is not old, and not set aside, stand in its place already? */
static bool is_replaced(const struct looking *l, const struct records *all, const struct record *aside) {
        for (size_t k = 0; k < all->n; k++)
                if (!upgrade_is_aside(all->v[k]) && !is_going(all->v[k]) && !upgrade_is_old(l->req->service, all->v[k]) &&
                    str_eq(lc_name_of(all->v[k]), lc_name_of(aside)))
                        return true;
        return false;
}
static bool is_restorable(const struct looking *l, const struct records *all, const struct record *i) {
        return upgrade_is_aside(i) && !is_going(i) && !in_error(i) && !upgrade_is_old(l->req->service, i) && !is_replaced(l, all, i);
}

static const struct record *member_of(const struct records *all, const char *name) {
        for (size_t k = 0; k < all->n; k++)
                if (!upgrade_is_aside(all->v[k]) && !is_going(all->v[k]) && str_eq(lc_name_of(all->v[k]), name))
                        return all->v[k];
        return NULL;
}

static void push(struct upgrade_view *v, enum upgrade_action action, struct record *i) {
        vec_push(&v->now, ((struct upgrade_step) { action, i }));
}

/* Is every launch config there and serving? Names one container that is not, if it has any. */
static bool is_complete(struct looking *l, const struct records *all, const struct record **waits_for) {
        bool complete = true;
        for (int lc = 0; lc < l->lcs; lc++) {
                const struct record *i = member_of(all, service_lc_name(l->req->service, lc));
                if (i && upgrade_serves(l->req->world, i, l->health))
                        continue;
                complete = false;
                if (i)
                        *waits_for = i;
        }
        return complete;
}

static void look_at_unit(struct looking *l, struct record *du) {
        const struct records *all = members(l, du);
        const struct record *s = l->req->service;
        struct unit u = { .du = du, .age = INT64_MAX, .serves = true };
        bool begun = true, going = record_bool(du, F_evictable), runs = false, any = false;
        l->view->units++;
        for (size_t k = 0; k < all->n; k++) {
                struct record *i = all->v[k];
                u.age = MIN(u.age, record_int(i, F_createIndex));
                if (is_going(i)) {
                        going |= !upgrade_is_aside(i);
                } else if (!upgrade_is_aside(i)) {
                        begun &= !upgrade_is_old(s, i);
                        u.serves &= upgrade_serves(l->req->world, i, true);
                        any = true;
                } else if (is_restorable(l, all, i)) {
                        begun = false;
                        u.serves &= member_of(all, lc_name_of(i)) != NULL;
                }
        }
        u.serves &= any;
        const struct record *waits_for = NULL;
        bool wanted = service_wants_unit(l->req, du);           /* else nothing comes after what is set aside */
        bool complete = !going && (!wanted || is_complete(l, all, &waits_for));
        l->wanted += wanted;
        for (size_t k = 0; k < all->n; k++) {
                struct record *i = all->v[k];
                if (!upgrade_is_aside(i) || !upgrade_still_runs(i) || is_restorable(l, all, i))
                        continue;
                runs = true;
                if (i->state != S_stopping && (!l->start_first || complete))
                        push(l->view, UPGRADE_STOP, i);
        }
        if (!begun && !record_bool(du, F_evictable))
                vec_push(&l->pending, u);
        else if (!going && complete && !runs)
                l->view->done++;
        else {
                l->view->moving = true;
                l->view->waits_for = waits_for ? waits_for : l->view->waits_for;
        }
}

static void begin_unit(struct looking *l, const struct record *du) {
        const struct records *all = members(l, du);
        for (size_t k = 0; k < all->n; k++) {
                struct record *i = all->v[k];
                if (is_going(i))
                        continue;
                if (is_restorable(l, all, i))
                        vec_push(&l->view->next, ((struct upgrade_step) { UPGRADE_RESTORE, i }));
                else if (!upgrade_is_aside(i) && upgrade_is_old(l->req->service, i))
                        vec_push(&l->view->next, ((struct upgrade_step) { in_error(i) ? UPGRADE_REMOVE : UPGRADE_SET_ASIDE, i }));
        }
}

void upgrade_look(const struct plan_request *req, bool health, struct upgrade_view *ret) {
        struct upgrade_conf conf = upgrade_conf(req->service);
        struct looking l = { .req = req, .view = ret, .health = health, .start_first = conf.start_first, .lcs = service_lc_count(req->service) };
        const struct records *dus = world_by_int(req->world, T_deploymentUnit, F_serviceId, req->service->id);
        *ret = (struct upgrade_view) { .units = 0 };
        for (size_t k = 0; k < dus->n; k++)
                look_at_unit(&l, dus->v[k]);
        if (l.wanted < service_desired(req))
                ret->moving = true;     /* one that is to be made yet */
        vec_sort(&l.pending, by_need);
        ret->pending = l.pending.n > 0;
        for (size_t k = 0; k < l.pending.n && (int64_t) k < conf.batch; k++)
                begin_unit(&l, l.pending.v[k].du);
        vec_done(&l.pending);
}

void upgrade_view_done(struct upgrade_view *v) {
        vec_done(&v->now);
        vec_done(&v->next);
}

bool upgrade_next_scales(struct upgrade_scales now, int64_t final, int64_t batch, struct upgrade_scales *ret) {
        int64_t total = now.from + now.to;
        *ret = now;
        if (now.from == 0)
                ret->to = final;
        else if (total > final)
                ret->from = MAX(now.from - MIN(batch, total - final), (int64_t) 0);
        else if (now.to < final)
                ret->to += MIN(MIN(batch, final - now.to), final + batch - total);
        return ret->from != now.from || ret->to != now.to;
}
