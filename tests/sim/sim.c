#include "sim.h"

#include "core/service_upgrade.h"
#include "engine/upgrade.h"
#include "engine/upgrade_config.h"

#include <stdio.h>

enum { TURNS_MAX = 20000000 };
static const int64_t SIM_WALL_MS = 1488450030000;

static int64_t wall(void *arg) { return SIM_WALL_MS + (int64_t) ((struct sim *) arg)->now_ms; }
static uint64_t mono(void *arg) { return ((struct sim *) arg)->now_ms; }

static void open_core(struct sim *s) {
        struct dr_error err;
        s->store = store_open_mem(s->disk);
        if (s->wrap)
                s->store = s->wrap(s, s->store);
        struct core_conf conf = { .store = s->store, .clock = { wall, mono, s }, .seed = s->seed * 1000 + s->now_ms + 1, .simulator = true, .no_auth = true };
        s->core = core_new(&conf);
        int r = core_load(s->core, &err);
        assert(r == 0);
        if (s->opened)
                s->opened(s);
}

void sim_open(struct sim *s, uint64_t seed, int hosts, const struct simhosts_conf *conf) {
        *s = (struct sim) { .now_ms = 1000, .seed = seed, .wrap = s->wrap, .opened = s->opened };
        rng_seed(&s->rng, seed);
        s->disk = mem_disk_new();
        open_core(s);
        s->hosts = simhosts_new(s->core, conf);
        for (int i = 0; i < hosts; i++) {
                char name[32];
                snprintf(name, sizeof name, "host-%d", i + 1);
                simhosts_add(s->hosts, SIM_ENVIRONMENT, name);
        }
}

void sim_close(struct sim *s) {
        simhosts_free(s->hosts);
        core_free(s->core);
        s->store->ops->close(s->store);
        mem_disk_free(s->disk);
}

void sim_reopen(struct sim *s) {
        core_free(s->core);
        s->store->ops->close(s->store);
        open_core(s);
        simhosts_rejoin(s->hosts, s->core);
        s->dead = false;
}

bool sim_step(struct sim *s, uint64_t until_ms) {
        simhosts_turn(s->hosts);
        bool more = core_turn(s->core, 0);
        core_commit(s->core);
        if (core_store_event(s->core) < 0) {
                s->dead = true;
                return true;
        }
        if (more || core_next_ms(s->core) <= s->now_ms)
                return true;
        uint64_t next = MIN(core_next_ms(s->core), simhosts_next_ms(s->hosts));
        if (next <= s->now_ms)
                return true;
        if (next > until_ms) {
                s->now_ms = until_ms;
                return false;
        }
        s->now_ms = next;
        return true;
}

void sim_run(struct sim *s, uint64_t ms) {
        uint64_t until = s->now_ms + ms;
        for (unsigned n = 0; n < TURNS_MAX && sim_step(s, until) && !s->dead; n++)
                ;
}

/* A canceled upgrade leaves what failed as it is, for a rollback or for going on. */
static bool is_left_alone(const struct world *w, const struct record *i) {
        const struct record *svc = world_get(w, T_service, record_int(i, F_serviceId));
        return i->state == S_error && svc && svc->state == S_canceled_upgrade;
}

static bool settled(struct sim *s) {
        struct world *w = core_world(s->core);
        static const enum type_id tables[] = { T_stack, T_service, T_instance, T_host, T_agent };
        for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
                const struct records *l = world_all(w, tables[t]);
                for (size_t i = 0; i < l->n; i++)
                        if (l->v[i]->run || (tables[t] == T_instance && l->v[i]->state != S_running && l->v[i]->state != S_stopped &&
                                              !is_left_alone(w, l->v[i])))
                                return false;
        }
        return core_idle(s->core);
}

bool sim_converge(struct sim *s, uint64_t ms) {
        uint64_t until = s->now_ms + ms, quiet_since = 0;
        for (unsigned n = 0; n < TURNS_MAX; n++) {
                bool more = sim_step(s, until);
                if (s->dead)
                        return false;
                if (!settled(s) || *sim_disagreement(s))
                        quiet_since = 0;
                else if (!quiet_since)
                        quiet_since = s->now_ms;
                else if (s->now_ms >= quiet_since + 130000)     /* longer than any report or back-off: nothing is hidden */
                        return true;
                if (!more)
                        return settled(s) && !*sim_disagreement(s);
        }
        return false;
}

/* ---- what must hold in the end ---- */
struct seen { struct sim *s; struct map running; size_t doubles; char *what; size_t n; };

static void see(void *arg, int host, const struct uuid *uuid, bool running) {
        struct seen *v = arg;
        char text[UUID_CHARS + 1];
        uuid_format(uuid, text);
        struct record *i = world_by_uuid(core_world(v->s->core), T_instance, text), *h = simhosts_record(v->s->hosts, host);
        if (!i || !h || record_int(i, F_hostId) != h->id) {
                snprintf(v->what, v->n, "host %d has a container %s that is not in the API there", host, text);
                return;
        }
        if (running != (i->state == S_running))
                snprintf(v->what, v->n, "container %s is %s on its host and %s in the API", record_name(i), running ? "running" : "stopped",
                         state_name((enum state_id) i->state));
        if (map_set(&v->running, (uint64_t) i->id, i))
                v->doubles++;
}

static const char *check_service(struct sim *s, struct record *svc, char *what, size_t n) {
        struct world *w = core_world(s->core);
        const struct records *l = world_by_int(w, T_instance, F_serviceId, svc->id);
        int lcs = service_lc_count(svc);
        int64_t scale = service_is_global(svc) ? -1 : record_int_or(svc, F_scale, 1);
        if (svc->state != S_active)
                return "";
        if (scale >= 0 && (int64_t) l->n != scale * lcs) {
                snprintf(what, n, "service %s has %zu containers instead of %lld", record_name(svc), l->n, (long long) (scale * lcs));
                return what;
        }
        for (size_t i = 0; i < l->n; i++)
                for (size_t k = 0; k < i; k++)
                        if (str_eq(record_name(l->v[i]), record_name(l->v[k]))) {
                                snprintf(what, n, "two containers are called %s", record_name(l->v[i]));
                                return what;
                        }
        const struct records *dus = world_by_int(w, T_deploymentUnit, F_serviceId, svc->id);
        if (dus->n * (size_t) lcs != l->n) {
                snprintf(what, n, "service %s has %zu units for %zu containers", record_name(svc), dus->n, l->n);
                return what;
        }
        return "";
}

const char *sim_disagreement(struct sim *s) {
        static char what[256];
        *what = 0;
        struct world *w = core_world(s->core);
        struct seen v = { .s = s, .what = what, .n = sizeof what };
        simhosts_each(s->hosts, see, &v);
        const struct records *l = world_all(w, T_instance);
        for (size_t i = 0; i < l->n && !*what; i++)
                if (l->v[i]->state == S_running && !map_get(&v.running, (uint64_t) l->v[i]->id))
                        snprintf(what, sizeof what, "container %s runs in the API and on no host", record_name(l->v[i]));
        if (v.doubles && !*what)
                snprintf(what, sizeof what, "%zu containers are on two hosts", v.doubles);
        map_done(&v.running);
        const struct records *services = world_all(w, T_service);
        for (size_t i = 0; i < services->n && !*what; i++)
                check_service(s, services->v[i], what, sizeof what);
        return what;
}

/* ---- what users do ---- */
struct record *sim_stack(struct sim *s, const char *name) {
        struct record *r = core_create(s->core, T_stack, SIM_ENVIRONMENT);
        core_put_str(s->core, r, F_name, name);
        int k = core_process_start(s->core, r, P_stack_create, NULL, NULL);
        assert(k == 0);
        return r;
}

struct record *sim_service(struct sim *s, struct record *stack, const char *name, int scale, const char *lc_json) {
        struct record *r = core_create(s->core, T_service, SIM_ENVIRONMENT);
        AUTO(json_free) struct json_object *lc = NULL;
        int k = json_parse(lc_json, strlen(lc_json), 1 << 20, &lc, NULL);
        assert(k == 0);
        core_put_str(s->core, r, F_name, name);
        core_put_int(s->core, r, F_stackId, stack->id);
        core_put_int(s->core, r, F_scale, scale);
        core_put(s->core, r, F_launchConfig, value_json(lc));
        core_put_bool(s->core, r, F_startOnCreate, true);
        k = core_process_start(s->core, r, P_service_create, NULL, NULL);
        assert(k == 0);
        return r;
}

void sim_checkers(struct sim *s) {
        struct record *stack = sim_stack(s, "healthcheck");
        core_put_bool(s->core, stack, F_system, true);
        struct record *svc = sim_service(s, stack, "healthcheck", 1, "{\"imageUuid\":\"docker:health\",\"labels\":{\"io.rancher.scheduler.global\":\"true\"}}");
        core_put_bool(s->core, svc, F_system, true);
        bool running = sim_converge(s, 600000);
        assert(running);
}

void sim_scale(struct sim *s, int64_t service_id, int scale) {
        struct record *r = world_get(core_world(s->core), T_service, service_id);
        if (!r)
                return;
        core_put_int(s->core, r, F_scale, scale);
        (void) core_process_start(s->core, r, P_service_update, NULL, NULL);
}

int sim_upgrade(struct sim *s, int64_t service_id, const char *strategy_json) {
        struct record *r = world_get(core_world(s->core), T_service, service_id);
        AUTO(json_free) struct json_object *in = NULL;
        struct uuid id;
        char version[UUID_CHARS + 1];
        int k = json_parse(strategy_json, strlen(strategy_json), 1 << 20, &in, NULL);
        assert(k == 0);
        if (!r)
                return -ENOENT;
        uuid_make(&s->rng, &id);
        uuid_format(&id, version);
        struct upgrade_configs to = upgrade_configs_make(r, in, version);
        k = service_upgrade_begin(s->core, r, &to, NULL);
        upgrade_configs_done(&to);
        return k;
}

int sim_rollback(struct sim *s, int64_t service_id) {
        struct record *r = world_get(core_world(s->core), T_service, service_id);
        return r ? service_rollback_begin(s->core, r, NULL) : -ENOENT;
}

int sim_process(struct sim *s, int64_t service_id, enum process_id p) {
        struct record *r = world_get(core_world(s->core), T_service, service_id);
        return !r ? -ENOENT : core_process_allowed(r, p) ? core_process_start(s->core, r, p, NULL, NULL) : -EEXIST;
}

static void note_running(void *arg, int host, const struct uuid *uuid, bool running) {
        struct seen *v = arg;
        char text[UUID_CHARS + 1];
        uuid_format(uuid, text);
        struct record *i = running ? world_by_uuid(core_world(v->s->core), T_instance, text) : NULL;
        if (i)
                map_set(&v->running, (uint64_t) i->id, i);
}

size_t sim_serving(struct sim *s, int64_t service_id) {
        struct world *w = core_world(s->core);
        const struct record *svc = world_get(w, T_service, service_id);
        const struct records *dus = world_by_int(w, T_deploymentUnit, F_serviceId, service_id);
        struct seen v = { .s = s };
        size_t n = 0;
        simhosts_each(s->hosts, note_running, &v);
        for (size_t k = 0; k < dus->n; k++) {
                const struct records *l = world_by_text(w, T_instance, F_deploymentUnitUuid, record_text(dus->v[k], F_deploymentUnitUuid));
                size_t before = 0, now = 0, kept = 0;
                for (size_t i = 0; i < l->n; i++) {
                        if (!map_get(&v.running, (uint64_t) l->v[i]->id))
                                continue;
                        if (upgrade_is_old(svc, l->v[i]))
                                before++;
                        else if (str_eq(str_or(record_str(l->v[i], F_version), "0"), "0"))
                                kept++;
                        else
                                now++;
                }
                size_t lcs = (size_t) service_lc_count(svc);
                n += before + kept >= lcs || now + kept >= lcs;
        }
        map_done(&v.running);
        return n;
}

struct record *sim_find(struct sim *s, enum type_id table, const char *name) {
        const struct records *l = world_all(core_world(s->core), table);
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(record_name(l->v[i]), name))
                        return l->v[i];
        return NULL;
}
