#include "reconcile.h"

static const char *const wants[WANT_MAX] = { "running", "stopped", "absent" };
static const char *const steps[STEP_MAX] = { "none", "create", "start", "stop", "remove", "wait", "forget" };
static const char *const tolds[TOLD_MAX] = { "running", "stopped", "absent", "pulling", "creating", "failed" };

const char *want_to_string(enum want w) { return (unsigned) w < WANT_MAX ? wants[w] : NULL; }
const char *step_to_string(enum step s) { return (unsigned) s < STEP_MAX ? steps[s] : NULL; }
const char *told_to_string(enum told t) { return (unsigned) t < TOLD_MAX ? tolds[t] : NULL; }
int want_from_string(const char *s) {
        for (int i = 0; i < WANT_MAX; i++)
                if (str_eq(s, wants[i]))
                        return i;
        return -EINVAL;
}

/* Not there. Made before for this generation: somebody removed it, and the server decides (rule 5), except that without the server
 * what existed is kept up (rule 7), unless the whole engine forgot everything: that is reported, not repaired. */
static enum step missing(struct record *r, const struct situation *now, enum told *told) {
        if (r->failed_gen == r->gen) {
                *told = TOLD_FAILED;
                return STEP_NONE;
        }
        bool existed = r->made_gen == r->gen || r->started_gen == r->gen;
        *told = TOLD_ABSENT;
        if (existed && now->server)
                r->lost_gen = r->gen;                   /* from here on the server decides, also when it goes away again */
        if (existed)
                return now->alone && !now->engine_data_lost && !r->start_once && r->ended_gen != r->gen && r->lost_gen != r->gen ? STEP_CREATE : STEP_NONE;
        if (!now->server)
                return STEP_NONE;                       /* create nothing new on one's own */
        *told = TOLD_CREATING;
        return STEP_CREATE;
}

/* There but not running. */
static enum step idle(struct record *r, const struct seen *s, const struct situation *now, enum told *told) {
        *told = TOLD_CREATING;
        if (r->failed_gen == r->gen) {
                *told = TOLD_FAILED;
                return STEP_NONE;
        }
        /* The agent died between start and record: StartedAt moved, so the start did happen. */
        if (r->intent_gen == r->gen && s->started_ms != r->intent_prev_ms) {
                r->started_gen = r->gen;
                if (r->seen_engine != now->engine)
                        r->seen_engine = r->intent_engine;
        }
        bool ended_by_itself = r->ended_gen == r->gen || r->seen_engine == now->engine || r->start_once || r->foreign;
        if (r->started_gen != r->gen || !ended_by_itself || s->state == SEEN_CREATED) {        /* created: made again, never started */
                r->intent_gen = r->gen;
                r->intent_prev_ms = s->started_ms;
                r->intent_engine = now->engine;
                return STEP_START;
        }
        r->ended_gen = r->gen;
        *told = TOLD_STOPPED;
        return STEP_NONE;
}

static enum step running(struct record *r, const struct situation *now, enum told *told) {
        r->made_gen = r->started_gen = r->gen;
        r->ended_gen = r->failed_gen = r->lost_gen = 0;
        r->seen_engine = now->engine;
        *told = TOLD_RUNNING;
        return STEP_NONE;
}

/* What its owner does with it counts, once the order is carried out. One that is gone is nobody's any more. */
static struct decision watch(const struct record *r, const struct seen *s) {
        struct decision d = { .step = STEP_NONE, .told = s->state == SEEN_RUNNING ? TOLD_RUNNING : TOLD_STOPPED, .record = *r };
        if (s->state == SEEN_REMOVING)
                d.step = STEP_WAIT;
        if (s->state != SEEN_MISSING)
                return d;
        d.told = TOLD_ABSENT;
        d.step = STEP_FORGET;
        return d;
}

struct decision reconcile(const struct record *before, const struct seen *s, const struct situation *now) {
        struct decision d = { .step = STEP_WAIT, .told = TOLD_CREATING, .record = *before };
        struct record *r = &d.record;
        if (r->foreign && (r->done_gen == r->gen || r->failed_gen == r->gen || s->state == SEEN_MISSING))
                return watch(r, s);             /* never made by us */
        if (r->want == WANT_RUNNING) {
                if (s->state == SEEN_RUNNING)
                        d.step = running(r, now, &d.told);
                else if (s->state == SEEN_MISSING)
                        d.step = missing(r, now, &d.told);
                else if (s->state != SEEN_REMOVING)
                        d.step = idle(r, s, now, &d.told);
        } else if (s->state == SEEN_MISSING) {
                d.told = TOLD_ABSENT;
                d.step = r->want == WANT_ABSENT ? STEP_FORGET : STEP_NONE;
        } else if (r->failed_gen == r->gen) {
                d.told = TOLD_FAILED;
                d.step = STEP_NONE;
        } else if (r->want == WANT_ABSENT) {
                d.told = s->state == SEEN_RUNNING ? TOLD_RUNNING : TOLD_STOPPED;
                d.step = s->state == SEEN_REMOVING ? STEP_WAIT : STEP_REMOVE;
        } else {
                d.told = s->state == SEEN_RUNNING ? TOLD_RUNNING : TOLD_STOPPED;
                d.step = s->state == SEEN_RUNNING ? STEP_STOP : STEP_NONE;
        }
        if (r->foreign && d.step == STEP_NONE)
                r->done_gen = r->gen;
        d.record_changed = r->done_gen != before->done_gen || r->made_gen != before->made_gen || r->intent_gen != before->intent_gen || r->intent_prev_ms != before->intent_prev_ms
                        || r->intent_engine != before->intent_engine
                        || r->started_gen != before->started_gen || r->ended_gen != before->ended_gen || r->failed_gen != before->failed_gen
                        || r->lost_gen != before->lost_gen || r->seen_engine != before->seen_engine;
        return d;
}
