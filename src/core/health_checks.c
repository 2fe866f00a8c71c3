#include "health_checks.h"

#include "applier.h"
#include "base/log.h"
#include "engine/place.h"
#include "model/launch.h"

#include <stdio.h>

static const char SKIP_LABEL[] = "io.rancher.host.healthcheck.deploy_strategy";
enum { REVIEW_DELAY_MS = 1000, NETWORK_DEPTH = 8 };

static const char *const states[] = { [HC_INITIALIZING] = "initializing", [HC_HEALTHY] = "healthy", [HC_UNHEALTHY] = "unhealthy" };
const char *health_check_state_to_string(int state) { return state >= 0 && state < (int) ARRAY_LEN(states) ? states[state] : NULL; }

/* ---- as it is kept: {"n": next number, "c": [[host, number, state, reported], ...]} ---- */
struct checks { struct health_check v[HEALTH_CHECKERS]; size_t n; int next; };

static void read_checks(const struct record *i, struct checks *ret) {
        *ret = (struct checks) { .n = 0 };
        struct json_object *o = record_json(i, F_healthChecks), *list = json_get_array(o, "c");
        ret->next = (int) json_int(o, "n", 0) % HEALTH_CHECK_IDS;
        for (size_t k = 0; list && k < json_object_array_length(list) && ret->n < HEALTH_CHECKERS; k++) {
                struct json_object *row = json_object_array_get_idx(list, k);
                if (!json_object_is_type(row, json_type_array) || json_object_array_length(row) < 4)
                        continue;
                int64_t f[4];
                for (size_t x = 0; x < 4; x++)
                        f[x] = json_object_get_int64(json_object_array_get_idx(row, x));
                ret->v[ret->n++] = (struct health_check) { .host_id = f[0], .number = (int) f[1], .state = f[2] > HC_UNHEALTHY ? HC_INITIALIZING : (unsigned) f[2],
                                                           .reported_s = f[3] };
        }
}

static void write_checks(struct core *c, struct record *i, const struct checks *checks) {
        AUTO(json_free) struct json_object *o = json_object_new_object();
        struct json_object *list = json_object_new_array();
        for (size_t k = 0; k < checks->n; k++) {
                const struct health_check *h = &checks->v[k];
                struct json_object *row = json_object_new_array_ext(4);
                json_object_array_add(row, json_object_new_int64(h->host_id));
                json_object_array_add(row, json_object_new_int(h->number));
                json_object_array_add(row, json_object_new_int((int) h->state));
                json_object_array_add(row, json_object_new_int64(h->reported_s));
                json_object_array_add(list, row);
        }
        json_set(o, "c", list);
        json_set_int(o, "n", checks->next);
        core_put(c, i, F_healthChecks, value_json(o));
}

size_t health_checks_get(const struct record *i, struct health_check ret[HEALTH_CHECKERS]) {
        struct checks checks;
        read_checks(i, &checks);
        memcpy(ret, checks.v, checks.n * sizeof *ret);
        return checks.n;
}

struct uuid health_check_uuid(const struct record *i, int number) {
        struct uuid u = i->uuid;
        uint64_t mix = hash_u64((uint64_t) T_healthcheckInstanceHostMap << 32 | (uint64_t) (number + 1));
        for (int k = 0; k < 6; k++)
                u.b[10 + k] ^= (unsigned char) (mix >> (8 * k));
        return u;
}

struct json_object *health_check_hosts(struct core *c, const struct record *i) {
        struct json_object *ret = json_object_new_array();
        struct checks checks;
        char buf[RECORD_UUID_MAX];
        read_checks(i, &checks);
        for (size_t k = 0; k < checks.n; k++) {
                const struct record *h = world_get(c->world, T_host, checks.v[k].host_id);
                if (h)
                        json_object_array_add(ret, json_object_new_string(record_uuid(h, buf)));
        }
        return ret;
}

/* ---- which containers ---- */
/* Only those on the managed network, or sharing one of such (4.5). */
static bool is_reachable(struct core *c, const struct record *i) {
        for (int depth = 0; i && depth < NETWORK_DEPTH; depth++) {
                if (!record_int(i, F_networkFromId)) {
                        const char *mode = launch_str(i, "networkMode");
                        return !mode || str_eq(mode, "managed");
                }
                i = instance_get(c, record_int(i, F_networkFromId));
        }
        return false;
}

bool health_is_checked(struct core *c, const struct record *i) {
        return health_is_watched(c->world, i->account_id) && !record_bool(i, F_nativeContainer) && launch_json(i, "healthCheck") && is_reachable(c, i);
}

static bool runs(const struct record *i) { return i->state == S_running || i->state == S_updating_running; }
static bool is_one_of(const char *s, const char *a, const char *b) { return str_eq(s, a) || str_eq(s, b); }
static bool is_starting(const struct record *i) { return is_one_of(record_str(i, F_healthState), "initializing", "reinitializing"); }

static void set_health(struct core *c, struct record *i, const char *health) {
        if (str_eq(record_str(i, F_healthState), health))
                return;
        if (health && str_eq(health, "unhealthy"))
                log_info("a container is unhealthy", "name", record_name(i), NULL);
        core_put_str(c, i, F_healthState, health);
        if (health)
                core_put_int(c, i, F_healthUpdated, core_wall_ms(c));
        else
                core_clear(c, i, F_healthUpdated);
        if (record_int(i, F_serviceId))
                health_changed(c, record_int(i, F_serviceId));
        if (is_starting(i))
                core_wake(c, i);        /* its timeout */
}

/* ---- which hosts ---- */
static bool host_skips(const struct record *h) { return str_ieq(json_str(record_json(h, F_labels), SKIP_LABEL, NULL), "skip"); }

/* May it take on checks? */
static bool host_can_check(struct core *c, const struct record *h) { return host_usable(c, h) && !host_skips(h) && !hosts_silent(c, h->id); }

/* Does it keep those it has? One that was only taken out of use does. */
static bool host_keeps(struct core *c, int64_t id) {
        const struct record *h = world_get(c->world, T_host, id);
        if (!h || state_is_gone((enum state_id) h->state) || host_skips(h))
                return false;
        const struct record *agent = world_get(c->world, T_agent, record_int(h, F_agentId));
        return !record_int(h, F_agentId) || (agent && (agent->state == S_active || agent->state == S_finishing_reconnect || agent->state == S_reconnected));
}

struct candidates { VEC(int64_t) ids; };
static void find_candidates(struct core *c, int64_t account_id, struct candidates *ret) {
        const struct records *l = world_of_account(c->world, T_host, account_id);
        for (size_t k = 0; k < l->n; k++)
                if (host_can_check(c, l->v[k]))
                        vec_push(&ret->ids, l->v[k]->id);
}

static int find_check(const struct checks *checks, int64_t host_id) {
        for (size_t k = 0; k < checks->n; k++)
                if (checks->v[k].host_id == host_id)
                        return (int) k;
        return -1;
}

static void drop_check(struct checks *checks, size_t k) {
        memmove(&checks->v[k], &checks->v[k + 1], (checks->n - k - 1) * sizeof checks->v[0]);
        checks->n--;
}

static void add_check(struct checks *checks, int64_t host_id) {
        checks->v[checks->n++] = (struct health_check) { .host_id = host_id, .number = checks->next };
        checks->next = (checks->next + 1) % HEALTH_CHECK_IDS;
}

/* Its own host always (the last of the others makes room), then others at random (4.4). Returns whether anything changed. */
static bool complete(struct core *c, const struct record *i, struct checks *checks, const struct candidates *from) {
        bool changed = false;
        for (size_t k = checks->n; k-- > 0;)
                if (!host_keeps(c, checks->v[k].host_id)) {
                        drop_check(checks, k);
                        changed = true;
                }
        int64_t own = record_int(i, F_hostId);
        const struct record *h = own ? world_get(c->world, T_host, own) : NULL;
        if (h && find_check(checks, own) < 0 && host_can_check(c, h)) {
                if (checks->n == HEALTH_CHECKERS)
                        drop_check(checks, checks->n - 1);
                add_check(checks, own);
                changed = true;
        }
        size_t n = from->ids.n, at = n ? (size_t) rng_below(&c->rng, n) : 0;
        /* A random place to begin, then strides of a random length without a common divisor: a pick without a copy of the list. */
        size_t stride = n > 1 ? 1 + (size_t) rng_below(&c->rng, n - 1) : 1;
        for (size_t a = stride, b = n, t; b; a = t) {
                t = b;
                b = a % b;
                if (!b && t != 1)
                        stride = 1;
        }
        for (size_t k = 0; k < n && checks->n < HEALTH_CHECKERS; k++, at = (at + stride) % n)
                if (find_check(checks, from->ids.v[at]) < 0) {
                        add_check(checks, from->ids.v[at]);
                        changed = true;
                }
        return changed;
}

/* ---- what they say together ---- */
static bool counts(struct core *c, const struct health_check *h) { return !hosts_silent(c, h->host_id); }

/* A healthy one is unhealthy when of the checkers that can still be heard at least one says so and none says otherwise (4.2). */
static void judge(struct core *c, struct record *i, const struct checks *checks) {
        bool up = false, down = false;
        if (!str_eq(record_str(i, F_healthState), "healthy"))
                return;
        for (size_t k = 0; k < checks->n; k++) {
                if (!counts(c, &checks->v[k]))
                        continue;
                up |= checks->v[k].state == HC_HEALTHY;
                down |= checks->v[k].state == HC_UNHEALTHY;
        }
        if (down && !up)
                set_health(c, i, "unhealthy");
}

void health_started(struct core *c, struct record *i) {
        struct checks checks;
        read_checks(i, &checks);
        if (!health_is_checked(c, i)) {
                if (record_has(i, F_healthChecks)) {
                        core_clear(c, i, F_healthChecks);
                        set_health(c, i, NULL);
                }
                return;
        }
        struct candidates from = { { 0 } };
        find_candidates(c, i->account_id, &from);
        complete(c, i, &checks, &from);
        vec_done(&from.ids);
        for (size_t k = 0; k < checks.n; k++)
                checks.v[k].state = HC_INITIALIZING;    /* what was said of the run before says nothing of this one */
        write_checks(c, i, &checks);
        const char *was = record_str(i, F_healthState);
        if (!was)
                set_health(c, i, "initializing");
        else if (str_eq(was, "healthy"))
                set_health(c, i, "reinitializing");
        else if (is_starting(i))
                core_wake(c, i);
}

void health_reported(struct core *c, struct record *i, int64_t host_id, const char *health, int64_t reported_s) {
        struct checks checks;
        read_checks(i, &checks);
        int k = find_check(&checks, host_id);
        bool up = str_eq(health, "UP");
        if (k < 0 || str_eq(health, "INIT") || reported_s < checks.v[k].reported_s || (!up && is_starting(i)))
                return;
        checks.v[k].reported_s = reported_s;
        checks.v[k].state = up ? HC_HEALTHY : HC_UNHEALTHY;
        write_checks(c, i, &checks);
        if (up)
                set_health(c, i, "healthy");
        else
                judge(c, i, &checks);
}

int health_process(struct core *c, struct record *i, enum process_id p, struct dr_error *err) {
        const struct process_def *def = process_get(p);
        const char *was = record_str(i, F_healthState);
        enum state_id via = S_NONE, from = was ? state_by_name(was) : S_NONE;
        if (from == S_NONE || !process_edge(def, from, &via, NULL))
                return dr_fail(err, DR_E_CONFLICT, NULL, "%s is not possible with the health \"%s\"", def->action, str_or(was, "none"));
        set_health(c, i, state_name(process_done_of(def, via)));
        return 0;
}

void health_timeout_look(struct core *c, struct record *i) {
        struct json_object *check = is_starting(i) ? launch_json(i, "healthCheck") : NULL;
        const char *key = str_eq(record_str(i, F_healthState), "initializing") ? "initializingTimeout" : "reinitializingTimeout";
        int64_t limit = json_int(check, key, 0);
        if (limit <= 0 || str_eq(json_str(check, "strategy", NULL), "none") || state_is_gone((enum state_id) i->state))
                return;
        int64_t left = record_int(i, F_healthUpdated) + limit - core_wall_ms(c);
        if (left > 0) {
                core_wake_at(c, i, core_mono_ms(c) + (uint64_t) left);
                return;
        }
        log_info("a container did not become healthy in time", "name", record_name(i), NULL);
        instance_destroy(c, i);
}

/* ---- all of an environment ---- */
static void review_one(struct core *c, struct record *i, bool watched, const struct candidates *from) {
        struct checks checks;
        if (state_is_gone((enum state_id) i->state) || (!record_has(i, F_healthChecks) && !launch_json(i, "healthCheck")))
                return;
        if (!watched) {
                if (record_has(i, F_healthChecks)) {
                        core_clear(c, i, F_healthChecks);
                        set_health(c, i, NULL);
                }
                return;
        }
        if (!runs(i) || !health_is_checked(c, i))
                return;
        if (!record_has(i, F_healthChecks)) {   /* it ran before there were checkers */
                health_started(c, i);
                return;
        }
        read_checks(i, &checks);
        if (complete(c, i, &checks, from))
                write_checks(c, i, &checks);
        judge(c, i, &checks);
}

void health_review(struct core *c, struct record *account) {
        if (!record_has(account, F_healthcheckServiceId) && !record_bool(account, F_healthcheckEnded))
                return;
        bool watched = health_is_watched(c->world, account->id);
        struct candidates from = { { 0 } };
        if (watched) {
                find_candidates(c, account->id, &from);
                const struct records *hosts = world_of_account(c->world, T_host, account->id);
                for (size_t k = 0; k < hosts->n; k++)
                        if (!hosts->v[k]->run)
                                core_wake(c, hosts->v[k]);
        }
        const struct records *l = world_of_account(c->world, T_instance, account->id);
        for (size_t k = 0; k < l->n; k++)
                review_one(c, l->v[k], watched, &from);
        core_clear(c, account, F_healthcheckEnded);
        vec_done(&from.ids);
}

void health_review_soon(struct core *c, int64_t account_id) {
        struct record *account = world_get(c->world, T_account, account_id);
        if (account && health_is_watched(c->world, account_id))
                core_wake_at(c, account, core_mono_ms(c) + REVIEW_DELAY_MS);
}

void health_host_look(struct core *c, struct record *h) {
        struct record *account = world_get(c->world, T_account, h->account_id);
        if (!account || !health_is_watched(c->world, account->id) || !host_usable(c, h))
                return;
        uint64_t due = hosts_silent_at(c, h->id);
        if (due > core_mono_ms(c))
                core_wake_at(c, h, due);
        else if (hosts_note_silent(c, h->id))
                core_wake(c, account);
}

/* ---- the checkers ---- */
static bool is_checker(struct core *c, const struct record *s) {
        if (!str_ieq(record_name(s), "healthcheck") || state_is_gone((enum state_id) s->state))
                return false;
        const struct record *stack = world_get(c->world, T_stack, record_int(s, F_stackId));
        const char *from = stack ? record_str(stack, F_externalId) : NULL;
        return record_bool(s, F_system) || (stack && record_bool(stack, F_system)) || (from && str_starts(from, "catalog://") && strstr(from, ":infra*"));
}

static bool is_up(const struct record *s) { return s->state != S_requested && s->state != S_registering && s->state != S_inactive && s->state != S_activating; }

void health_service_changed(struct core *c, struct record *s) {
        struct record *account = world_get(c->world, T_account, s->account_id);
        if (!account)
                return;
        if (record_int(account, F_healthcheckServiceId) == s->id) {
                if (!state_is_gone((enum state_id) s->state))
                        return;
                core_clear(c, account, F_healthcheckServiceId);
                core_put_bool(c, account, F_healthcheckEnded, true);
                core_wake(c, account);
        } else if (!health_is_watched(c->world, account->id) && is_checker(c, s) && is_up(s)) {
                core_put_int(c, account, F_healthcheckServiceId, s->id);
                core_wake(c, account);
        }
}

void health_loaded(struct core *c) {
        const struct records *l = world_all(c->world, T_service);
        for (size_t k = 0; k < l->n; k++)
                health_service_changed(c, l->v[k]);
        l = world_all(c->world, T_account);
        for (size_t k = 0; k < l->n; k++)
                if (record_has(l->v[k], F_healthcheckServiceId) || record_has(l->v[k], F_healthcheckEnded))
                        core_wake(c, l->v[k]);
        l = world_all(c->world, T_instance);
        for (size_t k = 0; k < l->n; k++)
                if (record_has(l->v[k], F_healthChecks) && is_starting(l->v[k]))
                        core_wake(c, l->v[k]);
}
