/* The store fails, or the process dies, at commit 1, 2, 3 ... of a scenario: no answer, event or host message that got out ever
 * mentions a change that the reopened store does not hold, and the scenario ends converged (issue 2, point 3).
 *
 * What gets out is written down as claims; after each death the reopened state is held against all of them. */
#include "sim.h"

#include "base/log.h"
#include "check.h"

#include <stdio.h>

enum mode { FAIL, KILL_BEFORE, KILL_AFTER, LIE, MODE_MAX };     /* LIE: says "durable" and stores nothing: the check must notice */

struct wrapped { struct store store; struct store *inner; struct sim *sim; };

static struct { enum mode mode; uint64_t at, commits; bool hit; } fault;

/* ---- claims ---- */
struct claim { enum type_id table; int64_t id, gen, write; enum state_id state; struct uuid uuid; };
static VEC(struct claim) claims;
struct promise { struct claim c; };

static void got_out(void *arg, int result) {
        struct promise *p = arg;
        if (result == 0)
                vec_push(&claims, p->c);
        free(p);
}

static void on_change(void *arg, const struct record *r) {      /* an event: encoded now, sent when what it says is durable */
        struct sim *s = arg;
        if (r->type != T_instance && r->type != T_service && r->type != T_stack && r->type != T_host)
                return;
        struct promise *p = dr_xnew(struct promise);
        p->c = (struct claim) { (enum type_id) r->type, r->id, record_int(r, F_generation), 0, (enum state_id) r->state, r->uuid };
        core_output_after(s->core, r->seq, got_out, p);
}

static void told(void *arg, const struct uuid *uuid, int64_t gen, enum desired_state want) {
        (void) arg;
        (void) want;
        vec_push(&claims, ((struct claim) { .table = T_instance, .gen = gen, .uuid = *uuid }));
}

/* A user's write: the answer comes with its number; the newest answered one, or a later one, must be there for ever. */
static void write_and_answer(struct sim *s, struct record *r, int64_t number) {
        core_put_int(s->core, r, F_executionCredits, number);    /* any number field of the service serves as the mark */
        struct promise *p = dr_xnew(struct promise);
        p->c = (struct claim) { .table = (enum type_id) r->type, .id = r->id, .write = number };
        core_output(s->core, got_out, p);
}

static const char *broken_claim(struct sim *s) {
        static char what[200];
        struct world *w = core_world(s->core);
        for (size_t i = 0; i < claims.n; i++) {
                const struct claim *c = &claims.v[i];
                char text[UUID_CHARS + 1];
                uuid_format(&c->uuid, text);
                struct record *r = c->id ? world_get(w, c->table, c->id) : world_by_uuid(w, c->table, text);
                if (!r && !c->id)
                        continue;               /* told to a host and removed since: generations of the gone cannot be looked up */
                if (!r && world_peek_next_id(w, c->table) <= c->id) {
                        snprintf(what, sizeof what, "%s %lld was told of and never stored", type_name(c->table), (long long) c->id);
                        return what;
                }
                if (!r)
                        continue;
                if (record_int(r, F_generation) < c->gen || (c->write && record_int(r, F_executionCredits) < c->write)) {
                        snprintf(what, sizeof what, "%s %lld was told of in a newer version than is stored", type_name(c->table), (long long) r->id);
                        return what;
                }
                bool early = r->state == S_requested || r->state == S_creating || r->state == S_registering;
                if (c->state == S_removed || (c->state == S_running && record_int(r, F_generation) == c->gen && (early || r->state == S_starting))) {
                        snprintf(what, sizeof what, "%s %lld was told to be %s and is %s", type_name(c->table), (long long) r->id,
                                 state_name(c->state), state_name((enum state_id) r->state));
                        return what;
                }
        }
        return "";
}

/* ---- a store with one fault in front ---- */
static struct wrapped *of(const struct store *s) { return (struct wrapped *) (uintptr_t) s; }

static int w_load(struct store *s, store_row_fn *live, store_row_fn *blob, void (*meta)(void *, const char *, const char *), void *arg, struct dr_error *err) {
        return of(s)->inner->ops->load(of(s)->inner, live, blob, meta, arg, err);
}
static uint64_t lied_seq;
static void w_submit(struct store *s, struct store_batch *b) {
        struct wrapped *w = of(s);
        bool now = ++fault.commits == fault.at && !fault.hit;
        if (fault.mode == LIE && fault.hit && fault.commits == fault.at + 2)
                w->sim->dead = true;                    /* and dies before a later write of the same rows hides it */
        if (w->sim->dead) {
                store_batch_free(b);
                return;
        }
        if (!now) {
                w->inner->ops->submit(w->inner, b);
                return;
        }
        fault.hit = true;
        switch (fault.mode) {
        case FAIL:
                mem_store_fault(w->inner, 1, STORE_FAILED, false, false);
                w->inner->ops->submit(w->inner, b);
                break;
        case KILL_AFTER:
                w->inner->ops->submit(w->inner, b);
                w->sim->dead = true;
                break;
        case KILL_BEFORE:
                store_batch_free(b);
                w->sim->dead = true;
                break;
        default:                                        /* LIE: what it held is lost, its answer is not */
                lied_seq = b->seq;
                store_batch_free(b);
                break;
        }
}
static void w_poll(struct store *s, void (*fn)(void *arg, uint64_t seq, enum store_result r, const char *message), void *arg) {
        if (of(s)->sim->dead)
                return;
        if (lied_seq) {
                uint64_t seq = lied_seq;
                lied_seq = 0;
                fn(arg, seq, STORE_OK, "");
        }
        of(s)->inner->ops->poll(of(s)->inner, fn, arg);
}
static void w_wait(struct store *s) { of(s)->inner->ops->wait(of(s)->inner); }
static void w_recover(struct store *s) { of(s)->inner->ops->recover(of(s)->inner); }
static int64_t w_max(struct store *s, const char *table) { return of(s)->inner->ops->history_max_id(of(s)->inner, table); }
static void w_close(struct store *s) {
        of(s)->inner->ops->close(of(s)->inner);
        free(of(s));
}
static const struct store_ops w_ops = { .load = w_load, .submit = w_submit, .poll = w_poll, .wait = w_wait, .recover = w_recover,
                                        .history_max_id = w_max, .close = w_close };

static struct store *wrap(struct sim *s, struct store *inner) {
        struct wrapped *w = dr_xnew(struct wrapped);
        w->store = (struct store) { .ops = &w_ops, .epoch = inner->epoch };
        w->inner = inner;
        w->sim = s;
        return &w->store;
}

static void opened(struct sim *s) { core_on_change(s->core, on_change, s); }

/* ---- the scenario: create, scale, change of host labels, host loss, remove ---- */
static int64_t writes;

static void on_service(struct sim *s, const char *name, int scale) {
        struct record *r = sim_find(s, T_service, name);
        if (!r)
                return;
        write_and_answer(s, r, ++writes);
        sim_scale(s, r->id, scale);
}

static void label_hosts(struct sim *s, int from, const char *json) {
        for (size_t h = (size_t) from; h < simhosts_count(s->hosts); h++) {
                struct record *r = simhosts_record(s->hosts, (int) h);
                AUTO(json_free) struct json_object *o = NULL;
                if (!r || json_parse(json, strlen(json), 4096, &o, NULL) < 0)
                        continue;
                core_put(s->core, r, F_labels, value_json(o));
                (void) core_process_start(s->core, r, P_host_update, NULL, NULL);
        }
}

static void act(struct sim *s, int step) {
        static const char global[] = "{\"imageUuid\":\"docker:busybox\",\"labels\":{\"io.rancher.scheduler.global\":\"true\","
                                     "\"io.rancher.scheduler.affinity:host_label\":\"role=web\"}}";
        static const char plain[] = "{\"imageUuid\":\"docker:busybox\"}";
        struct record *stack = sim_find(s, T_stack, "s"), *h;
        switch (step) {
        case 0: if (!stack) sim_stack(s, "s"); break;
        case 1: if (stack && !sim_find(s, T_service, "a")) sim_service(s, stack, "a", 5, plain); break;
        case 2: if (stack && !sim_find(s, T_service, "g")) sim_service(s, stack, "g", 1, global); break;
        case 3: on_service(s, "a", 12); break;
        case 4: label_hosts(s, 0, "{\"role\":\"web\"}"); break;
        case 5: on_service(s, "a", 20); break;
        case 6: simhosts_cut(s->hosts, 0, true); break;
        case 7: on_service(s, "a", 4); break;
        case 8: label_hosts(s, 1, "{\"role\":\"db\"}"); break;
        case 9: simhosts_cut(s->hosts, 0, false); break;
        case 10: simhosts_reboot(s->hosts, 2); break;
        case 11: simhosts_remove_container(s->hosts, 1, &s->rng); break;
        case 12: on_service(s, "a", 9); break;
        case 13:
                h = simhosts_record(s->hosts, 3);
                if (h)
                        (void) core_process_start(s->core, h, P_host_deactivate, NULL, NULL);
                break;
        case 14:
                h = simhosts_record(s->hosts, 3);
                if (h)
                        (void) core_process_start(s->core, h, P_host_remove, NULL, NULL);
                break;
        case 15: if (stack && !sim_find(s, T_service, "b")) sim_service(s, stack, "b", 6, plain); break;
        case 16:
                if (stack && sim_find(s, T_service, "b"))
                        (void) core_process_start(s->core, sim_find(s, T_service, "b"), P_service_remove, NULL, NULL);
                break;
        case 17: if (stack) (void) core_process_start(s->core, stack, P_stack_remove, NULL, NULL); break;
        }
}

/* A kind of scenario: what the user does at each step, how long it lasts, and what must hold while it runs and when a step is over. */
struct plot {
        void (*act)(struct sim *s, int step);
        uint64_t (*lasts_ms)(int step);
        const char *(*wrong)(struct sim *s, int step, bool over);       /* "": nothing */
        int steps;
        struct simhosts_conf hosts;
};

static uint64_t lasts_ms(int step) { return step == 6 ? 45000 : step == 16 ? 300 : 4000; }
static const char *nothing_wrong(struct sim *s, int step, bool over) {
        (void) s, (void) step, (void) over;
        return "";
}
static const struct plot life = { act, lasts_ms, nothing_wrong, 18, { .op_min_ms = 20, .op_max_ms = 2400, .fail_per_mille = 5, .told = told } };

/* ---- the other scenario: upgrade, cancel, continue, rollback, upgrade, finish ---- */
enum { UP_SCALE = 4, UP_BATCH = 1 };
static struct map original;             /* ids of the containers before the first upgrade */
static uint64_t before_upgrade;         /* commits until then, in the run without faults */
static bool runs_image(const struct record *svc, const char *image) { return str_ends(json_str(record_json(svc, F_launchConfig), "imageUuid", ""), image); }

static void try_upgrade(struct sim *s, struct record *svc, const char *from, const char *strategy) {
        if (svc->state == S_active && runs_image(svc, from))
                (void) sim_upgrade(s, svc->id, strategy);
}

static void act_upgrade(struct sim *s, int step) {
        struct record *stack = sim_find(s, T_stack, "s"), *svc = sim_find(s, T_service, "a");
        if (step == 0 && !stack)
                sim_stack(s, "s");
        if (step == 1 && stack && !svc)
                sim_service(s, stack, "a", UP_SCALE, "{\"imageUuid\":\"docker:busybox:1\"}");
        if (!svc)
                return;
        const struct records *l = world_by_int(core_world(s->core), T_instance, F_serviceId, svc->id);
        switch (step) {
        case 2:
                before_upgrade = before_upgrade ? before_upgrade : fault.commits;
                for (size_t i = 0; svc->state == S_active && i < l->n; i++)
                        map_set(&original, (uint64_t) l->v[i]->id, &original);
                try_upgrade(s, svc, ":1", "{\"intervalMillis\":600,\"launchConfig\":{\"imageUuid\":\"docker:busybox:2\"}}");
                break;
        case 3: (void) sim_process(s, svc->id, P_service_cancelupgrade); break;
        case 4: (void) sim_process(s, svc->id, P_service_continueupgrade); break;
        case 5: (void) (runs_image(svc, ":2") ? sim_rollback(s, svc->id) : 0); break;
        case 6: try_upgrade(s, svc, ":1", "{\"intervalMillis\":300,\"startFirst\":true,\"launchConfig\":{\"imageUuid\":\"docker:busybox:3\"}}"); break;
        case 7: (void) sim_process(s, svc->id, P_service_finishupgrade); break;
        case 8: (void) core_process_start(s->core, stack, P_stack_remove, NULL, NULL); break;
        }
}
static uint64_t upgrade_lasts_ms(int step) { return step == 2 ? 1200 : step == 3 ? 1000 : 15000; }

static const char *upgrade_wrong(struct sim *s, int step, bool over) {
        const struct record *svc = sim_find(s, T_service, "a");
        if (!svc || step < 2 || step > 7)
                return "";
        size_t serving = sim_serving(s, svc->id);
        if (serving + (step >= 6 ? 0 : UP_BATCH) < UP_SCALE)
                return "too few units serve";
        const struct records *l = world_by_int(core_world(s->core), T_instance, F_serviceId, svc->id);
        enum state_id ends[] = { [2] = S_upgrading, [3] = S_canceled_upgrade, [4] = S_upgraded, [5] = S_active, [6] = S_upgraded, [7] = S_active };
        size_t known = 0;
        for (size_t i = 0; i < l->n; i++)
                known += map_get(&original, (uint64_t) l->v[i]->id) != NULL;
        if (over && step > 2 && (enum state_id) svc->state != ends[step])
                return "the service is not in the state where its step ends";
        if (over && (step == 5 || step == 6) && known != UP_SCALE)
                return "the containers of before are not there";
        if (over && (step == 5 || step == 7) && l->n != UP_SCALE)
                return "set-aside containers are left";
        return "";
}
static const struct plot upgrading = { act_upgrade, upgrade_lasts_ms, upgrade_wrong, 9, { .op_min_ms = 20, .op_max_ms = 400, .told = told } };

static bool survive(struct sim *s) {
        if (!s->dead)
                return true;
        sim_reopen(s);
        return !*broken_claim(s);
}

/* Returns "" or what went wrong; *commits how many there were. */
static const char *scenario(const struct plot *plot, enum mode mode, uint64_t seed, uint64_t at, uint64_t *commits) {
        struct sim s = { .wrap = wrap, .opened = opened };
        vec_clear(&claims);
        fault.mode = mode;
        fault.at = at;
        fault.commits = 0;
        fault.hit = false;
        writes = 0;
        lied_seq = 0;
        const char *wrong = "";
        map_done(&original);
        original = (struct map) { 0 };
        sim_open(&s, seed, 4, &plot->hosts);
        for (int step = 0; step < plot->steps && !*wrong; step++) {
                plot->act(&s, step);
                uint64_t until = s.now_ms + plot->lasts_ms(step);
                for (;;) {
                        bool hit = fault.hit, more = sim_step(&s, until);
                        if (mode == FAIL && fault.hit != hit)
                                plot->act(&s, step);    /* the user was told that it failed and asks again */
                        if (s.dead) {
                                if (!survive(&s)) {
                                        wrong = broken_claim(&s);
                                        break;
                                }
                                plot->act(&s, step);    /* the user saw no answer and asks again */
                                continue;
                        }
                        wrong = plot->wrong(&s, step, !more);
                        if (!more || *wrong)
                                break;
                }
        }
        for (int tries = 0; tries < 3 && !*wrong; tries++) {
                bool ok = sim_converge(&s, 900000);
                if (ok && !s.dead && sim_find(&s, T_stack, "s") && sim_find(&s, T_stack, "s")->state == S_active) {
                        plot->act(&s, plot->steps - 1); /* its remove was lost with the process */
                        continue;
                }
                if (s.dead && !survive(&s))
                        wrong = broken_claim(&s);
                else if (ok)
                        break;
                else if (tries == 2)
                        wrong = "not converged";
        }
        if (!*wrong && world_all(core_world(s.core), T_instance)->n)
                wrong = "containers are left after the stack was removed";
        *commits = fault.commits;
        if (!*wrong) {
                s.dead = true;                          /* whatever was told until the end is held against the disk once more */
                sim_reopen(&s);
                wrong = broken_claim(&s);
        }
        sim_close(&s);
        return wrong;
}

TEST(nothing_that_got_out_is_missing_after_a_fault_at_any_commit) {
        log_init(LOG_ERROR + 1, LOG_LOGFMT, NULL);
        uint64_t total, points = 0, c, told_of = 0;
        for (uint64_t seed = 42; seed <= 43; seed++) {
                CHECK_STR(scenario(&life, FAIL, seed, UINT64_MAX, &total), ==, "");
                for (enum mode m = FAIL; m <= KILL_AFTER; m++)
                        for (uint64_t at = 1; at <= total; at++) {
                                const char *wrong = scenario(&life, m, seed, at, &c);
                                if (*wrong)
                                        print_error("seed %llu, mode %d, commit %llu: %s\n", (unsigned long long) seed, (int) m, (unsigned long long) at, wrong);
                                CHECK_STR(wrong, ==, "");
                                points += fault.hit;
                                told_of += claims.n;
                        }
        }
        print_message("%llu injection points over %llu commits a run, %llu claims held\n", (unsigned long long) points, (unsigned long long) total,
                      (unsigned long long) told_of);
        CHECK_INT(points, >, 500);
        vec_done(&claims);
}
TEST(an_upgrade_survives_a_fault_at_any_commit_and_never_serves_too_few) {
        log_init(LOG_ERROR + 1, LOG_LOGFMT, NULL);
        uint64_t total, points = 0, c;
        CHECK_STR(scenario(&upgrading, FAIL, 7, UINT64_MAX, &total), ==, "");
        for (enum mode m = FAIL; m <= KILL_AFTER; m++)
                for (uint64_t at = before_upgrade + 1; at <= total; at++) {
                        const char *wrong = scenario(&upgrading, m, 7, at, &c);
                        if (*wrong)
                                print_error("mode %d, commit %llu: %s\n", (int) m, (unsigned long long) at, wrong);
                        CHECK_STR(wrong, ==, "");
                        points += fault.hit;
                }
        print_message("%llu injection points over %llu commits of the upgrades\n", (unsigned long long) points, (unsigned long long) (total - before_upgrade));
        CHECK_INT(points, >, 150);
        vec_done(&claims);
        map_done(&original);
}
TEST(a_store_that_says_durable_and_stores_nothing_is_noticed) {
        log_init(LOG_ERROR + 1, LOG_LOGFMT, NULL);
        uint64_t total, c, noticed = 0;
        CHECK_STR(scenario(&life, FAIL, 42, UINT64_MAX, &total), ==, "");
        for (uint64_t at = 20; at <= total; at += 40) {
                const char *wrong = scenario(&life, LIE, 42, at, &c);
                noticed += *wrong != 0;
        }
        CHECK_INT(noticed, >, 0);
        vec_done(&claims);
}
TEST_MAIN("sim/crash")
