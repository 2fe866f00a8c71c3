/* process.c: runs of processes: the only writer of a record's state.
 *
 * A run is part of its record's row, so it is recorded with the state it leads to and resumes after a restart. Handlers are
 * level-triggered: they look, act, and say "not yet" until what they want is there. Times and back-off: api.md 4.3. */
#include "core-internal.h"
#include "health_checks.h"
#include "pull_task.h"

#include "base/log.h"
#include "formats/json.h"

#include <stdio.h>

enum { BACKOFF_MAX_MS = 120000, BACKOFF_BASE_MS = 2000, DELEGATIONS_MAX = 8 };

static int64_t backoff_ms(unsigned attempt) {   /* min(120 s, 2 s + 100 ms * 2^(n-1)) */
        return attempt > 17 ? BACKOFF_MAX_MS : MIN((int64_t) BACKOFF_MAX_MS, BACKOFF_BASE_MS + ((int64_t) 100 << (attempt ? attempt - 1 : 0)));
}

/* The one setter. An edge that the process table does not have is a bug in the caller. */
static void set_state(struct core *c, struct record *r, enum state_id to, const struct process_def *p) {
        enum state_id from = (enum state_id) r->state;
        if (from == to)
                return;
        if (log_on(LOG_DEBUG)) {
                char id[32];
                snprintf(id, sizeof id, "%lld", (long long) r->id);
                log_kv(LOG_DEBUG, "state", "type", type_name((enum type_id) r->kind), "id", id, "process", p->name,
                       "from", state_name(from), "to", state_name(to), NULL);
        }
        core_dirty(c, r);
        r->state = (uint16_t) to;
        if (to == S_removed)
                r->removed_ms = core_wall_ms(c);
        core_state_changed(c, r, from, to);
}

void core_progress(struct core *c, struct record *r, const char *message) {
        uint64_t key = record_key(r);
        struct text *now = message ? text_get(message, strlen(message)) : NULL;
        struct text *was = map_get(&c->progress, key);
        if (now == was) {
                text_unref(now);
                return;
        }
        if (now)
                map_set(&c->progress, key, now);
        else
                map_del(&c->progress, key);
        text_unref(was);
        for (size_t i = 0; i < c->listeners.n && !r->undo; i++) /* with a change under way the commit tells it */
                c->listeners.v[i].fn(c->listeners.v[i].arg, r);
}

const char *core_transitioning(const struct record *r) {
        if (str_eq(record_str(r, F_transitioningState), "error"))       /* also between the tries of a run that says so (an upgrade, orchestration.md 2.8) */
                return "error";
        return state_is_transitioning((enum type_id) r->type, (enum state_id) r->state) ? "yes" : "no";
}

/* Kinds that are kept as the API wants it and start nothing: they say so. */
static const char *kind_note(const struct record *r) {
        switch (r->kind) {
        case T_loadBalancerService: return "load balancers are not run by this version yet";
        case T_composeProject: case T_composeService: return "compose projects are not run by this version yet";
        case T_kubernetesStack: case T_kubernetesService: return "Kubernetes is not run by this version yet";
        default: return NULL;
        }
}

const char *core_transitioning_message(const struct core *c, const struct record *r) {
        if (!state_is_transitioning((enum type_id) r->type, (enum state_id) r->state))
                return str_eq(record_str(r, F_transitioningState), "error") ? record_str(r, F_transitioningMessage) : kind_note(r);
        const struct text *p = map_get(&c->progress, record_key(r));
        if (p)
                return p->s;
        return r->run && r->run->error ? r->run->error->s : "In Progress";
}

bool core_process_allowed(const struct record *r, enum process_id p) {
        const struct process_def *def = process_get(p);
        return def && process_edge(def, (enum state_id) r->state, NULL, NULL);
}

void core_forget_waiting(struct core *c, struct run *run) {
        if (run && run->event)
                smap_del(&c->waiting, run->event->s);
}

/* A finished run is one short row; a failed one keeps its error. */
static void record_end(struct core *c, const struct record *r, const struct run *run, const char *result, const char *reason) {
        auto_sbuf struct sbuf b = SBUF(64 << 10);
        struct jw w = JW(&b, 0);
        jw_begin_object(&w);
        jw_kint(&w, "id", run->id);
        jw_kstring(&w, "p", process_get(run->process)->name);
        jw_kstring(&w, "rt", type_name((enum type_id) r->type));
        jw_kint(&w, "ri", r->id);
        jw_kint(&w, "t0", run->started_ms);
        jw_kint(&w, "t1", core_wall_ms(c));
        jw_kstring(&w, "re", result);
        jw_kstring(&w, "xr", reason);
        if (run->attempts)
                jw_kint(&w, "at", run->attempts);
        if (run->error)
                jw_kstring(&w, "er", run->error->s);
        jw_end(&w);
        size_t len = b.len;
        core_history(c, T_processInstance, r->account_id, sbuf_steal(&b), len);
}

static void end_run(struct core *c, struct record *r, const char *result, const char *reason) {
        core_dirty(c, r);
        record_end(c, r, r->run, result, reason);
        core_forget_waiting(c, r->run);
        run_free(dr_take(r->run));
        text_unref(map_del(&c->progress, record_key(r)));
}

static struct run *begin_run(struct core *c, struct record *r, enum process_id p, struct json_object *data) {
        struct run *run = dr_xnew(struct run);
        run->id = c->next_history_id[T_processInstance]++;
        run->process = (uint16_t) p;
        run->started_ms = core_wall_ms(c);
        if (data)
                run->data = text_from_json(data);
        r->run = run;
        return run;
}

int core_process_start(struct core *c, struct record *r, enum process_id p, struct json_object *data, struct dr_error *err) {
        const struct process_def *def = process_get(p);
        enum state_id from = (enum state_id) r->state, via;
        assert(def && def->base == r->type);
        if (def->state_field == F_healthState)
                return health_process(c, r, p, err);
        if (!process_edge(def, from, &via, NULL)) {
                if (process_is_done(def, from) && !r->run)
                        return 0;               /* already there */
                if (process_done_of(def, from) != S_NONE && r->run && r->run->process == p) {
                        core_wake(c, r);        /* under way: it will look again */
                        return 0;
                }
                return dr_fail(err, DR_E_CONFLICT, NULL, "cannot %s %s \"%s\" in state %s", def->action,
                               type_name((enum type_id) r->kind), record_name(r), state_name(from));
        }
        if (r->run && via == from) {            /* an update while it works: the handler reads the new values anyway */
                core_wake(c, r);
                return 0;
        }
        core_dirty(c, r);
        if (r->run)
                end_run(c, r, "CANCELED", "CANCELED");
        core_clear(c, r, F_transitioningState);
        core_clear(c, r, F_transitioningMessage);
        begin_run(c, r, p, data);
        set_state(c, r, via, def);
        core_wake(c, r);
        return 0;
}

static void finish(struct core *c, struct record *r, const struct process_def *def, const char *reason) {
        enum state_id to = process_done_of(def, (enum state_id) r->state);
        end_run(c, r, "SUCCESS", reason);
        if (to != S_NONE)
                set_state(c, r, to, def);
        if (r->state == S_removed)
                core_retire(c, r);
        else
                core_wake(c, r);                /* its idle trigger looks whether there is more to do */
}

static void retry(struct core *c, struct record *r, const struct dr_error *err) {
        struct run *run = r->run;
        core_dirty(c, r);
        if (run->attempts < UINT16_MAX)
                run->attempts++;
        int64_t wait = backoff_ms(run->attempts);
        run->run_after_ms = core_wall_ms(c) + wait;
        text_unref(run->error);
        run->error = text_get(err->message, strlen(err->message));
        core_progress(c, r, err->message);
        c->stats.runs_failed++;
        char id[32];
        snprintf(id, sizeof id, "%lld", (long long) r->id);
        log_debug("process run failed", "process", process_get(run->process)->name, "id", id, "reason", err->message, NULL);
        queue_at(c, record_key(r), core_mono_ms(c) + (uint64_t) wait);
}

static bool run_equal(const struct run *a, const struct run *b) {
        return a && b && a->process == b->process && a->attempts == b->attempts && a->step == b->step && a->deadline_ms == b->deadline_ms &&
               a->data == b->data && a->event == b->event && a->reply == b->reply && a->error == b->error;
}

static void wait_more(struct core *c, struct record *r) {
        struct run *run = r->run;
        if (run->event)
                smap_set(&c->waiting, run->event->s, (void *) (uintptr_t) (record_key(r) + 1));
        if (run->deadline_ms) {
                int64_t left = run->deadline_ms - core_wall_ms(c);
                queue_at(c, record_key(r), core_mono_ms(c) + (uint64_t) MAX(left, (int64_t) 0));
        }
}

void core_outside(struct core *c, enum process_id p, core_outside_fn *fn, void *arg) {
        assert(!c->outside[p].fn);
        c->outside[p] = (struct outside_handler) { fn, arg };
}

bool core_is_handled(const struct core *c, enum process_id p) { return c->outside[p].fn || core_handler_of(p); }

static enum step handle(struct core *c, struct record *r, const struct process_def *def, struct step_ctx *ctx) {
        const struct outside_handler *first = &c->outside[def->id];
        core_handler *fn = core_handler_of(def->id);
        int64_t id = r->run->id;
        if (first->fn) {
                enum step step = first->fn(first->arg, r, r->run, ctx);
                if (step != STEP_DONE || !fn || !r->run || r->run->id != id)
                        return step;
        }
        return fn(c, r, r->run, ctx);
}

static void step_run(struct core *c, struct record *r) {
        for (unsigned i = 0; i < DELEGATIONS_MAX && r->run; i++) {
                const struct process_def *def = process_get(r->run->process);
                struct step_ctx ctx = { 0 };
                enum step step = def->delegate != P_NONE ? STEP_DELEGATE : STEP_DONE;
                c->stats.runs++;
                if (core_is_handled(c, def->id)) {
                        struct undo *u = core_touch(c, r);      /* the handler may change the run in place */
                        AUTO(run_free) struct run *before = run_copy(r->run);
                        step = handle(c, r, def, &ctx);
                        if (u->deleted)
                                return;
                        if (r->run && !run_equal(before, r->run))
                                core_dirty(c, r);
                        if (!r->run || r->run->id != before->id)
                                return;                         /* the handler started another process on it */
                }
                switch (step) {
                case STEP_DONE:
                        finish(c, r, def, "DONE");
                        return;
                case STEP_WAIT:
                        wait_more(c, r);
                        return;
                case STEP_DELEGATE: {
                        const struct process_def *next = process_get(def->delegate);
                        enum state_id via;
                        assert(next);
                        bool edge = process_edge(next, (enum state_id) r->state, &via, NULL);
                        assert(edge);
                        core_dirty(c, r);
                        r->run->process = (uint16_t) next->id;
                        r->run->step = 0;
                        r->run->deadline_ms = 0;
                        set_state(c, r, via, next);
                        continue;
                }
                case STEP_CHAIN: {
                        struct dr_error err;
                        const struct process_def *next = process_get(ctx.chain);
                        AUTO(json_free) struct json_object *data = ctx.chain_data ? json_copy(text_json(ctx.chain_data)) : NULL;
                        enum state_id to = process_done_of(def, (enum state_id) r->state);
                        end_run(c, r, "SUCCESS", "CHAIN");
                        if (!core_process_allowed(r, ctx.chain) && to != S_NONE)
                                set_state(c, r, to, def);
                        text_unref(ctx.chain_data);
                        if (core_process_start(c, r, next->id, data, &err) < 0)
                                log_warning("could not chain a process", "process", next->name, "reason", err.message, NULL);
                        return;
                }
                case STEP_RETRY:
                        retry(c, r, &ctx.err);
                        return;
                case STEP_CANCEL:
                        end_run(c, r, "CANCELED", "CANCELED");
                        return;
                }
        }
}

void core_run_record(struct core *c, struct record *r) {
        if (!r->run) {
                core_idle_trigger(c, r);
                return;
        }
        int64_t left = r->run->run_after_ms - core_wall_ms(c);
        if (left > 0) {
                queue_at(c, record_key(r), core_mono_ms(c) + (uint64_t) left);
                return;
        }
        step_run(c, r);
}

bool core_reply(struct core *c, const char *event, struct json_object *reply) {
        uintptr_t key = (uintptr_t) smap_get(&c->waiting, event);
        struct record *r = key ? key_record(c, (uint64_t) key - 1) : NULL;
        if (!r && pull_task_reply(c, event, reply))
                return true;            /* it waits for many at once */
        if (!r || !r->run || !r->run->event || !str_eq(r->run->event->s, event))
                return false;
        core_dirty(c, r);
        text_unref(r->run->reply);
        r->run->reply = reply ? text_from_json(reply) : text_get("null", 4);
        core_wake(c, r);
        return true;
}

void core_resume_runs(struct core *c) {
        for (unsigned t = 1; t < T_MAX; t++) {
                const struct records *all = world_all(c->world, (enum type_id) t);
                for (size_t i = 0; i < all->n; i++) {
                        struct record *r = all->v[i];
                        if (r->run && r->run->event)
                                smap_set(&c->waiting, r->run->event->s, (void *) (uintptr_t) (record_key(r) + 1));
                        if (r->run || t == T_service || t == T_host || t == T_agent || t == T_containerEvent || (t == T_instance && (r->state == S_error || record_bool(r, F_removeAfterStop))))
                                queue_push(c, record_key(r));
                }
        }
}

void core_wake(struct core *c, struct record *r) { queue_push(c, record_key(r)); }
void core_wake_at(struct core *c, struct record *r, uint64_t mono_ms) { queue_at(c, record_key(r), mono_ms); }
