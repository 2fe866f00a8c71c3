/* How long one thing waits for another: as long as it moves. */
#include <stdio.h>

#include "deploy.h"

/* Looks at a service that fails and is tried again: false when that goes on for ERROR_GRACE_MS. */
static bool may_wait(struct deploy *d, const struct record *s) {
        const struct run *run = s->run;
        int64_t now = core_wall_ms(d->x->core);
        size_t i = 0;
        while (i < d->failing.n && d->failing.v[i].service_id != s->id)
                i++;
        if (!run || !run->error || !run->attempts) {
                if (i < d->failing.n)
                        d->failing.v[i] = d->failing.v[--d->failing.n];
                return true;
        }
        if (i == d->failing.n)
                vec_push(&d->failing, ((struct failing) { .service_id = s->id, .since_ms = now, .attempts = run->attempts }));
        struct failing *f = &d->failing.v[i];
        if (now - f->since_ms < ERROR_GRACE_MS)
                return true;
        if (run->attempts > f->attempts)
                return false;
        *f = (struct failing) { .service_id = s->id, .since_ms = now, .attempts = run->attempts };      /* it failed once, and has not since */
        return true;
}

/* Everything that changes while a service gets on. */
static uint64_t look_of(struct deploy *d, const struct record *s) {
        uint64_t h = hash_u64((uint64_t) s->id << 16 | s->state);
        const struct records *l = world_by_int(core_world(d->x->core), T_instance, F_serviceId, s->id);
        const struct text *health = record_text(s, F_healthState);
        for (size_t i = 0; i < l->n; i++)
                h += hash_u64((uint64_t) l->v[i]->id << 16 | l->v[i]->state);
        return h + (health ? health->hash : 0);
}

static bool moves(struct deploy *d, uint64_t states, int64_t stall_ms) {
        int64_t now = core_wall_ms(d->x->core);
        if (!d->moved_ms || states != d->moved_hash) {
                d->moved_hash = states;
                d->moved_ms = now;
        }
        return now - d->moved_ms < stall_ms;
}

/* It is refused by every host (orchestration.md 3.11): perhaps only until something of a later wave runs there (labels of affinity). */
static bool lacks_host(const struct record *s) { return s->run && s->run->error && str_starts(s->run->error->s, "Allocation failed"); }

/* Is a host at work for it? Otherwise it waits for one. */
static bool has_work(struct deploy *d, const struct record *s) {
        const struct records *l = world_by_int(core_world(d->x->core), T_instance, F_serviceId, s->id);
        for (size_t i = 0; i < l->n; i++)
                if (record_int(l->v[i], F_hostId) && state_is_transitioning(T_instance, (enum state_id) l->v[i]->state))
                        return true;
        return false;
}

static const char *message_of(struct deploy *d, const struct record *s) {
        const char *text = core_transitioning_message(d->x->core, s);
        return text && *text ? text : "no reason was given";
}

static bool is_busy(const struct record *s, const struct todo *t, enum settle what) {
        if (what == SETTLE_CREATED)
                return s->state == S_requested || s->state == S_registering;
        if (what == SETTLE_UPGRADED)
                return s->state == S_upgrading;
        if (state_is_transitioning(T_service, (enum state_id) s->state))
                return true;
        const char *health = record_str(s, F_healthState);
        return t->want->wait_healthy && s->state != S_inactive && !str_eq(health, "healthy") && !str_eq(health, "started-once");
}

static void waiting_text(struct deploy *d, struct record *stack, const struct record *s) {
        char text[1024];
        const char *why = core_transitioning_message(d->x->core, s);
        if (str_eq(why, "In Progress"))
                why = NULL;
        snprintf(text, sizeof text, "waiting for service \"%.100s\" (%s)%s%.800s", record_name(s), state_name((enum state_id) s->state), why ? ": " : "", str_or(why, ""));
        core_progress(d->x->core, stack, text);
}

/* Notes and gives up what of the wave is busy; placing: it only waits for a host, which is nothing to report. */
static void give_up(struct deploy *d, const struct record *stack, unsigned wave, enum settle what, bool placing) {
        for (size_t i = 0; i < d->todo.n; i++) {
                struct todo *t = &d->todo.v[i];
                const struct record *s = t->want->wave == wave && !t->given_up ? todo_service(d, stack, t) : NULL;
                if (!s || !is_busy(s, t, what))
                        continue;
                if (!placing)
                        deploy_line(&d->notes, "service \"%s\" has not moved for %d minutes: %s, %s", record_name(s), STALL_MS / 60000,
                                    state_name((enum state_id) s->state), message_of(d, s));
                t->given_up = true;
        }
        d->moved_ms = 0;
}

int deploy_settle(struct deploy *d, struct record *stack, unsigned wave, enum settle what) {
        uint64_t states = (uint64_t) what + wave;
        bool any = false, placing = what == SETTLE_STARTED;
        for (size_t i = 0; i < d->todo.n; i++) {
                struct todo *t = &d->todo.v[i];
                const struct record *s = t->want->wave == wave && !t->given_up ? todo_service(d, stack, t) : NULL;
                if (!s || !is_busy(s, t, what))
                        continue;
                if (!may_wait(d, s)) {
                        if (what != SETTLE_STARTED || !lacks_host(s))
                                deploy_line(&d->notes, "service \"%s\" fails again and again: %s", record_name(s), message_of(d, s));
                        t->given_up = true;
                        continue;
                }
                if (!any)
                        waiting_text(d, stack, s);
                any = true;
                placing = placing && !t->want->wait_healthy && !has_work(d, s);
                states += look_of(d, s);
        }
        if (!any)
                return LOOK_DONE;
        if (moves(d, states, placing ? ERROR_GRACE_MS : STALL_MS))
                return LOOK_WAIT;
        give_up(d, stack, wave, what, placing);
        return LOOK_DONE;
}

int deploy_settle_one(struct deploy *d, struct record *stack, struct todo *t) {
        const struct record *s = t->given_up ? NULL : todo_service(d, stack, t);
        if (!s || !state_is_transitioning(T_service, (enum state_id) s->state) || s->state == S_upgrading)
                return LOOK_DONE;
        waiting_text(d, stack, s);
        if (may_wait(d, s) && moves(d, look_of(d, s), STALL_MS))
                return LOOK_WAIT;
        t->given_up = true;             /* it is asked for what is wanted all the same: the answer may say more */
        d->moved_ms = 0;
        return LOOK_DONE;
}

int deploy_leave(struct deploy *d, struct record *stack, enum state_id state) {
        const struct records *l = world_by_int(core_world(d->x->core), T_service, F_stackId, stack->id);
        uint64_t states = (uint64_t) state;
        const struct record *waited = NULL;
        for (size_t i = 0; i < l->n; i++) {
                const struct record *s = l->v[i];
                if (s->state != state)
                        continue;
                if (!may_wait(d, s)) {
                        deploy_line(&d->notes, "service \"%s\" fails again and again: %s", record_name(s), message_of(d, s));
                        continue;
                }
                waited = s;
                states += look_of(d, s);
        }
        if (!waited)
                return LOOK_DONE;
        waiting_text(d, stack, waited);
        if (moves(d, states, STALL_MS))
                return LOOK_WAIT;
        deploy_line(&d->notes, "service \"%s\" has not moved for %d minutes: %s, %s", record_name(waited), STALL_MS / 60000, state_name(state), message_of(d, waited));
        return LOOK_DONE;
}
