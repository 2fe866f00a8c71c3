#include "units-internal.h"

#include "base/log.h"
#include "net/http.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum { INSPECT_BYTES_MAX = 256 << 10, INSPECTS_BYTES_MAX = 4 << 20 };    /* of one container; of all between two surveys: the server asks for the rest */
enum { FLUSH_MS = 20, ALONE_MS = 15000, RETRY_MS = 2000, LOOKS_MAX = 40, REPORT_BYTES_MAX = 4 << 20, PATH_BYTES_MAX = 4096, LIST_BYTES_MAX = 32 << 20 };

static const char agent_name[] = "rancher-agent";       /* never touched, never told (agent.md 12) */

static void pump_later(struct units *u);
static void flush_later(struct units *u);

struct entry *unit_entry(const struct units *u, const struct unit *unit) { return state_entry(u->cfg.state, unit->key); }
struct unit *units_find_uuid(const struct units *u, const char *uuid) { return smap_get(&u->by_key, uuid); }

static struct unit *unit_get(struct units *u, const char *key) {
        struct unit *unit = smap_get(&u->by_key, key);
        if (!unit) {
                unit = dr_xnew(struct unit);
                unit->key = dr_xstrdup(key);
                smap_set(&u->by_key, unit->key, unit);
        }
        return unit;
}

static void unit_free(struct unit *unit) {
        free(unit->key);
        free(unit->report);
        free(unit);
}

void unit_wake(struct units *u, struct unit *unit) {
        unit->retry = unit->waiting = false;
        if (unit->op) {
                unit->wake = true;
                return;
        }
        if (!unit->queued) {
                unit->queued = true;
                vec_push(&u->queue, unit);
        }
        pump_later(u);
}

/* Saving: many ops of one turn share one write -------------------------------------------------------------------- */

static void save_now(void *arg) {
        struct units *u = arg;
        u->save_deferred = false;
        struct op *list = u->saving;
        u->saving = NULL;
        struct dr_error err;
        bool ok = state_save(u->cfg.state, u->cfg.state_path, &err) >= 0;
        u->save_wanted = !ok;
        if (!ok) {
                log_error("desired state could not be written; nothing new is done until it can", "reason", err.message, NULL);
                if (!timer_is_running(u->retry))
                        timer_start(u->retry, RETRY_MS);
        } else {
                u->cfg.events->on_saved(u->cfg.arg);
        }
        for (struct op *op = list, *next; op; op = next) {
                next = op->next_saving;
                op->next_saving = NULL;
                if (ok)
                        op_step(op, op->step);
                else
                        op_end(op, true);
        }
}

void units_save_later(struct units *u) {
        if (!u->save_deferred) {
                u->save_deferred = true;
                loop_defer(u->cfg.loop, save_now, u);
        }
}

/* Reports --------------------------------------------------------------------------------------------------------- */

static void tell(struct units *u, struct unit *unit, const struct report *r) {
        auto_sbuf struct sbuf out = SBUF(REPORT_BYTES_MAX);
        struct report bare = *r;
        bare.foreign_inspect = NULL;
        report_format(&bare, &out);
        if (!sbuf_ok(&out))
                return log_warning("a container's description is too long to be told", "container", unit->key, NULL);
        uint64_t hash = hash_bytes(out.data, out.len);
        bool news = hash != unit->told_hash;
        if (!news && (unit->report || !u->survey_open))
                return;
        unit->told_hash = hash;
        unit->fresh |= news;
        size_t more = r->foreign_inspect && !unit->inspected ? strlen(r->foreign_inspect) : 0;
        if (more && more <= INSPECT_BYTES_MAX && u->inspect_bytes + more <= INSPECTS_BYTES_MAX) {
                u->inspect_bytes += more;
                unit->inspected = u->server;
                out.len = 0;
                report_format(r, &out);
        }
        free(unit->report);
        unit->report = sbuf_steal(&out);
        flush_later(u);
}

void op_tell(struct op *op, enum told told, const char *progress) {
        tell(op->units, op->unit, &(struct report) { .uuid = op->unit->key, .gen = op->gen, .told = told, .progress = progress });
}

/* A unit that is neither desired nor there is dropped once that has been told. */
static bool unit_is_idle(const struct units *u, const struct unit *unit) {
        return !unit->op && !unit->queued && !unit->retry && !unit->waiting && !*unit->id && !unit_entry(u, unit);
}

/* Everything has been looked at since the survey began, or is being worked on and was told as such. */
static bool survey_is_complete(const struct units *u) {
        if (!u->survey_open || u->listed != u->survey)
                return false;
        smap_foreach(&u->by_key, slot) {
                const struct unit *unit = slot->value;
                bool stepping = unit->op && unit->op->step != STEP_NONE && unit->report;
                if (unit->survey != u->survey && !stepping && !unit->waiting && (unit_entry(u, unit) || *unit->id))
                        return false;
        }
        return true;
}

static void flush_now(void *arg) {
        struct units *u = arg;
        u->flushing = false;
        bool full = survey_is_complete(u);
        auto_sbuf struct sbuf out = SBUF(PROTOCOL_BYTES_MAX - 4096);
        VEC(struct unit *) gone = { 0 };
        sbuf_putc(&out, '[');
        smap_foreach(&u->by_key, slot) {
                struct unit *unit = slot->value;
                if (unit->foreign && state_entry_of(u->cfg.state, unit->key)) { /* told by its uuid meanwhile */
                        free(dr_take(unit->report));
                        unit->id[0] = 0;
                }
                if (unit->report && (full || unit->fresh) && u->server) {
                        sbuf_puts(&out, out.len > 1 ? "," : "");
                        sbuf_puts(&out, unit->report);
                        unit->fresh = false;
                }
                if (full && unit->foreign)              /* large: made anew for the next full list */
                        free(dr_take(unit->report));
                if (unit_is_idle(u, unit))
                        vec_push(&gone, unit);
        }
        sbuf_putc(&out, ']');
        if (!sbuf_ok(&out))
                log_error("what runs here is too long to be told", NULL);
        else if (u->server && (full || out.len > 2))
                u->cfg.events->on_observed(full, out.data, u->cfg.arg);
        if (full)
                u->survey_open = false;
        for (size_t i = 0; i < gone.n; i++) {
                smap_del(&u->by_key, gone.v[i]->key);
                unit_free(gone.v[i]);
        }
        vec_done(&gone);
        if (full && u->survey_again) {
                u->survey_again = false;
                units_survey(u);
        }
}

static void flush_later(struct units *u) {
        if (u->flushing)
                return;
        u->flushing = true;
        timer_start(u->flush, FLUSH_MS);
}

/* Ops ------------------------------------------------------------------------------------------------------------- */

void op_end(struct op *op, bool retry) {
        struct units *u = op->units;
        struct unit *unit = op->unit;
        if (op->call)
                docker_call_cancel(op->call);
        timer_free(op->timer);
        pull_cancel(op->pull);
        free(op->start_error);
        json_object_put(op->image_config);
        free(op);
        unit->op = NULL;
        u->ops--;
        if (retry) {
                unit->retry = true;
                if (!timer_is_running(u->retry))
                        timer_start(u->retry, RETRY_MS);
        } else if (unit->wake) {
                unit->wake = false;
                unit_wake(u, unit);
        }
        if (!unit->waiting)
                smap_foreach(&u->by_key, slot) {
                        struct unit *other = slot->value;
                        if (other->waiting && other != unit)
                                unit_wake(u, other);
                }
        if (u->survey_open || (!unit_entry(u, unit) && !*unit->id))
                flush_later(u);
        pump_later(u);
}

void op_fail(struct op *op, const char *fmt, ...) {
        char why[480];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(why, sizeof why, fmt, ap);
        va_end(ap);
        struct units *u = op->units;
        struct unit *unit = op->unit;
        struct entry *e = unit_entry(u, unit);
        log_warning("container failed", "container", unit->key, "step", step_to_string(op->step), "reason", why, NULL);
        if (e && e->record.gen == op->gen) {
                e->record.failed_gen = op->gen;
                entry_set_text(&e->error, why);
                unit->obeyed = op->gen;
                units_save_later(u);
                tell(u, unit, &(struct report) { .uuid = unit->key, .gen = op->gen, .told = TOLD_FAILED, .error = why });
        } else {
                unit->wake = true;                      /* a newer generation replaced the one that failed */
        }
        unit->survey = u->survey;
        op_end(op, false);
}

void op_call(struct op *op, const char *method, const char *path, const char *body, uint64_t total_ms, docker_done_fn done) {
        struct docker_request r = { .method = method, .path = path, .body = body, .total_ms = total_ms, .done = done, .arg = op };
        struct dr_error err;
        op->call = docker_call_start(op->units->cfg.docker, &r, &err);
        if (!op->call)
                op_end(op, true);
}

static void on_waited(void *arg) { op_look(arg); }
void op_wait(struct op *op, uint64_t ms) {
        if (!op->timer)
                op->timer = timer_new(op->units->cfg.loop, on_waited, op);
        timer_start(op->timer, ms);
}

static enum seen_state seen_of(enum docker_state s) {
        switch (s) {
        case DOCKER_CREATED:  return SEEN_CREATED;
        case DOCKER_RUNNING: case DOCKER_PAUSED: case DOCKER_RESTARTING: return SEEN_RUNNING;
        case DOCKER_REMOVING: return SEEN_REMOVING;
        default:              return SEEN_STOPPED;
        }
}

static void forget_report(struct unit *unit) {
        free(dr_take(unit->report));
        unit->id[0] = 0;
}

static void settle(struct op *op, enum told told, const struct docker_container *c) {
        struct units *u = op->units;
        struct unit *unit = op->unit;
        struct entry *e = unit_entry(u, unit);
        if (unit->released) {
                forget_report(unit);
                return op_end(op, false);
        }
        unit->obeyed = op->gen;
        unit->survey = u->survey;
        tell(u, unit, &(struct report) { .uuid = unit->key, .gen = op->gen, .told = told, .c = c, .error = told == TOLD_FAILED && e ? e->error : NULL,
                                         .foreign = unit->foreign && !e });
        op_end(op, false);
}

static void on_confirmed(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        op->call = NULL;
        if (result < 0 || status >= 500)
                return op_end(op, true);                /* it is going down: the next contact tells what is to be started again */
        op->confirmed = true;
        op_look(op);
}

/* A container that has ended may have been ended by an engine that is shutting down: such a one still answers on the connections it
 * has, but takes no new one. */
static void confirm(struct op *op) {
        op->call = docker_confirm(op->units->cfg.docker, on_confirmed, op, NULL);
        if (!op->call)
                op_end(op, true);
}

/* c: what was seen; NULL when missing, or just created. The entry's record is written before any step. */
void op_decide(struct op *op, const struct seen *seen, struct docker_container *c) {
        struct units *u = op->units;
        struct unit *unit = op->unit;
        struct entry *e = unit_entry(u, unit);
        unit->running = op->running = seen->state == SEEN_RUNNING;
        op->started_ms = seen->started_ms;
        if (!e) {                                       /* no longer desired */
                op->gen = unit->obeyed;
                return settle(op, !c ? TOLD_ABSENT : op->running ? TOLD_RUNNING : TOLD_STOPPED, c);
        }
        struct situation now = { .engine = docker_instance(u->cfg.docker), .server = u->server, .alone = u->is_alone, .engine_data_lost = u->engine_data_lost };
        struct decision d = reconcile(&e->record, seen, &now);
        if (d.record.ended_gen == d.record.gen && e->record.ended_gen != d.record.gen && !op->confirmed)
                return confirm(op);
        bool changed = d.record_changed;
        op->gen = d.record.gen;
        e->record = d.record;
        if (d.step == STEP_FORGET) {
                state_entry_remove(u->cfg.state, e);
                units_save_later(u);
                unit->id[0] = 0;
                return settle(op, d.told, NULL);
        }
        if (d.step == STEP_NONE) {
                if (changed)
                        units_save_later(u);
                if (d.told == TOLD_RUNNING && c && network_holds(op, c))
                        return;
                return settle(op, d.told, c);
        }
        if (op->looks > LOOKS_MAX)
                return op_fail(op, "%s was tried %d times without effect", step_to_string(d.step), LOOKS_MAX);
        op->step = d.step;
        if (d.step == STEP_WAIT)
                return op_step(op, d.step);
        /* Made containers are recorded by the create's own answer together with the intent to start. */
        if (changed || d.step == STEP_START || u->save_wanted) {
                op->next_saving = u->saving;
                u->saving = op;
                units_save_later(u);
        } else {
                op_step(op, d.step);
        }
}

static void on_inspected(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg);

static void on_found(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        op->call = NULL;
        AUTO(jv_put) json_object *list = result == 0 && status == 200 ? jv_parse(body, len, PROTOCOL_BYTES_MAX, NULL) : NULL;
        if (!list || !json_object_is_type(list, json_type_array))
                return op_end(op, true);
        if (jv_len(list) == 0) {
                struct seen seen = { SEEN_MISSING, 0 };
                return op_decide(op, &seen, NULL);
        }
        snprintf(op->unit->id, sizeof op->unit->id, "%s", jv_str(jv_at(list, 0), "Id"));
        char path[128];
        snprintf(path, sizeof path, "/containers/%s/json", op->unit->id);
        op_call(op, "GET", path, NULL, 0, on_inspected);
}

/* By label: the uuid is the identity (agent.md 9). */
static void find(struct op *op) {
        auto_sbuf struct sbuf filter = SBUF(1024), path = SBUF(PATH_BYTES_MAX), label = SBUF(512);
        sbuf_printf(&label, "io.rancher.container.uuid=%s", op->unit->key);
        sbuf_puts(&filter, "{\"label\":[");
        sbuf_json_string(&filter, sbuf_str(&label), label.len);
        sbuf_puts(&filter, "]}");
        sbuf_puts(&path, "/containers/json?all=1&filters=");
        http_escape(&path, sbuf_str(&filter));
        op_call(op, "GET", path.data, NULL, 0, on_found);
}

/* A foreign container is told with its whole inspect document, so that the server can adopt it. */
static void settle_foreign(struct op *op, json_object *inspect, const struct docker_container *c) {
        struct units *u = op->units;
        struct unit *unit = op->unit;
        unit->survey = u->survey;
        unit->running = seen_of(c->state) == SEEN_RUNNING;
        json_object *labels = jv_obj(jv_obj(inspect, "Config"), "Labels");
        auto_free char *labels_text = labels ? dr_xstrdup(jv_print(labels)) : NULL;
        tell(u, unit, &(struct report) { .uuid = unit->key, .told = unit->running ? TOLD_RUNNING : TOLD_STOPPED, .c = c, .foreign = true,
                                         .labels = labels_text, .foreign_inspect = jv_print(inspect) });
        op_end(op, false);
}

static void on_inspected(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        struct unit *unit = op->unit;
        op->call = NULL;
        if (result < 0)
                return op_end(op, true);
        struct entry *e = unit_entry(op->units, unit);
        if (status == 404) {
                unit->id[0] = 0;
                if (!unit->foreign && !(e && e->docker_id))
                        return find(op);                /* removed, or removed and made anew by somebody */
                struct seen seen = { SEEN_MISSING, 0 };
                return op_decide(op, &seen, NULL);
        }
        struct dr_error why = { 0 };
        struct docker_container c;
        AUTO(jv_put) json_object *inspect = status == 200 ? jv_parse(body, len, PROTOCOL_BYTES_MAX, &why) : NULL;
        if (!inspect || docker_container_parse(inspect, &c, &why) < 0) {
                log_warning("engine's description of a container cannot be read", "container", unit->key, "reason", why.message, NULL);
                return op_end(op, true);
        }
        memcpy(unit->id, c.id, sizeof unit->id);
        if (unit->foreign && !e) {
                settle_foreign(op, inspect, &c);
        } else {
                struct seen seen = { seen_of(c.state), c.started_ms };
                op_decide(op, &seen, &c);
        }
        docker_container_done(&c);
}

void op_look(struct op *op) {
        struct unit *unit = op->unit;
        struct entry *e = unit_entry(op->units, unit);
        op->step = STEP_NONE;
        op->looks++;
        unit->wake = unit->networking = false;
        if (unit->released) {                           /* it waited for its turn */
                forget_report(unit);
                return op_end(op, false);
        }
        if (!*unit->id && e && e->docker_id)
                snprintf(unit->id, sizeof unit->id, "%s", e->docker_id);
        if (!*unit->id && !unit->foreign)
                return find(op);
        char path[128];
        snprintf(path, sizeof path, "/containers/%s/json", unit->id);
        op_call(op, "GET", path, NULL, 0, on_inspected);
}

/* Starts waiting work. Callbacks of calls never come from inside, so op_look() cannot end another op under our feet. */
static void pump_now(void *arg) {
        struct units *u = arg;
        u->pumping = false;
        if (docker_api_minor(u->cfg.docker) == 0)
                return;
        size_t n = 0;
        while (u->ops < UNITS_PARALLEL && n < u->queue.n) {
                struct unit *unit = u->queue.v[n++];
                unit->queued = false;
                struct op *op = dr_xnew(struct op);
                op->units = u;
                op->unit = unit;
                unit->op = op;
                u->ops++;
                op_look(op);
        }
        memmove(u->queue.v, u->queue.v + n, (u->queue.n - n) * sizeof *u->queue.v);
        u->queue.n -= n;
}

static void pump_later(struct units *u) {
        if (!u->pumping && u->queue.n && u->ops < UNITS_PARALLEL) {
                u->pumping = true;
                loop_defer(u->cfg.loop, pump_now, u);
        }
}

static void retry_now(void *arg) {
        struct units *u = arg;
        if (u->save_wanted)
                units_save_later(u);
        smap_foreach(&u->by_key, slot) {
                struct unit *unit = slot->value;
                if (unit->retry)
                        unit_wake(u, unit);
        }
}

/* Survey: everything on the engine ------------------------------------------------------------------------------- */

static void wake_all(struct units *u) {
        for (size_t i = 0; i < u->cfg.state->entries.n; i++)
                (void) unit_get(u, u->cfg.state->entries.v[i]->uuid);
        smap_foreach(&u->by_key, slot)
                unit_wake(u, slot->value);
}

/* A container of our environment that the snapshot does not have, and its grace is over: to be removed. */
static void adopt_orphan(struct units *u, const char *uuid) {
        struct entry *e = state_entry_add(u->cfg.state, uuid);
        if (!e)
                return;
        log_warning("a container that is no longer desired is removed", "container", uuid, NULL);
        e->record = (struct record) { .gen = 1, .want = WANT_ABSENT };
        units_save_later(u);
}

static void survey_entry(struct units *u, json_object *o) {
        json_object *labels = jv_obj(o, "Labels");
        const char *uuid = jv_str(labels, "io.rancher.container.uuid"), *env = jv_str(labels, "io.rancher.environment.uuid"), *id = jv_str(o, "Id");
        const char *name = jv_text(jv_at(jv_arr(o, "Names"), 0));
        const struct node_state *s = u->cfg.state;
        if (str_eq(*name == '/' ? name + 1 : name, agent_name) || strlen(id) > DOCKER_ID_CHARS || !*id)
                return;
        const struct entry *owner = *uuid ? state_entry(s, uuid) : NULL;
        if (!owner)
                owner = state_entry_of(s, id);
        bool known = owner != NULL;
        if (owner)
                uuid = owner->uuid;
        if (!known && *env && !str_eq(env, s->project))
                return;                                 /* another environment's */
        if (!known && *uuid && *env) {
                if (!s->rev)
                        return;                         /* ours, but what is desired is not known yet */
                if (!orphans_due(u, id))
                        return;
                adopt_orphan(u, uuid);
                known = true;
        }
        struct unit *unit = unit_get(u, known ? uuid : id);
        unit->foreign = !known;
        if (!*unit->id)
                snprintf(unit->id, sizeof unit->id, "%s", id);
}

static void on_listed(struct docker_call *call, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct units *u = arg;
        u->listing = NULL;
        struct dr_error why = { 0 };
        AUTO(jv_put) json_object *list = result == 0 && status == 200 ? jv_parse(body, len, LIST_BYTES_MAX, &why) : NULL;
        if (!list) {
                log_warning("containers cannot be listed", "reason", result < 0 ? err->message : why.message, NULL);
                u->survey_again = false;
                return;                                 /* the next survey comes with the next contact or minute */
        }
        for (size_t i = 0; i < jv_len(list); i++)
                survey_entry(u, jv_at(list, i));
        u->listed = u->survey;
        wake_all(u);
        flush_later(u);
}

static uint64_t engine_data_of(const char *root) {
        auto_free char *path = dr_xasprintf("%s/containers", root ? root : "/var/lib/docker");
        struct stat st;
        return stat(path, &st) == 0 ? ((uint64_t) st.st_dev * 1000003u ^ (uint64_t) st.st_ino) | 1 : 0;
}

void units_survey(struct units *u) {
        if (u->listing) {
                u->survey_again = true;
                return;
        }
        uint64_t data = engine_data_of(u->docker_root);
        struct node_state *s = u->cfg.state;
        u->engine_data_lost = data && s->engine_data && s->engine_data != data;
        if (!u->engine_data_lost || u->server)
                s->engine_data = data ? data : s->engine_data;
        u->survey++;
        u->survey_open = true;
        u->inspect_bytes = 0;
        struct docker_request r = { .path = "/containers/json?all=1", .body_max = LIST_BYTES_MAX, .done = on_listed, .arg = u };
        u->listing = docker_call_start(u->cfg.docker, &r, NULL);
}

void units_engine_connected(struct units *u) { units_survey(u); }

void units_engine_event(struct units *u, const struct docker_event *e) {
        static const char *const wanted[] = { "create", "start", "die", "stop", "destroy", "pause", "unpause", "restart", "oom" };
        bool of_interest = false;
        for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
                of_interest |= str_eq(e->action, wanted[i]);
        if (!of_interest)
                return;
        smap_foreach(&u->by_key, slot) {
                struct unit *unit = slot->value;
                if (str_eq(unit->id, e->id))
                        return unit_wake(u, unit);
        }
        /* Unknown: ours in the making (its create call is under way) or somebody else's: the next look by list tells. */
        if (str_eq(e->action, "start") || str_eq(e->action, "die"))
                units_survey(u);
}

/* What was asked of a foreign container is no longer asked: it is found again as foreign. */
static void let_go(struct units *u) {
        bool any = false;
        smap_foreach(&u->by_key, slot) {
                struct unit *unit = slot->value;
                if (unit->foreign || !*unit->id || unit_entry(u, unit))
                        continue;
                unit->released = any = true;
                if (!unit->op)
                        forget_report(unit);
        }
        if (any)
                flush_later(u);
}

void units_desired_changed(struct units *u) {
        let_go(u);
        for (size_t i = 0; i < u->cfg.state->entries.n; i++) {
                struct entry *e = u->cfg.state->entries.v[i];
                struct unit *unit = unit_get(u, e->uuid), *foreign = e->docker_id ? smap_get(&u->by_key, e->docker_id) : NULL;
                unit->released = false;
                if (foreign && foreign != unit && !foreign->op && !foreign->queued) {   /* it is the server's now */
                        smap_del(&u->by_key, foreign->key);
                        unit_free(foreign);
                }
                if (unit->op && unit->op->pull && e->record.want != WANT_RUNNING) {
                        pull_cancel(dr_take(unit->op->pull));
                        op_look(unit->op);
                } else if (unit->obeyed != e->record.gen || e->record.want == WANT_ABSENT) {
                        unit_wake(u, unit);
                }
        }
}

void units_state_unsaved(struct units *u) {
        u->save_wanted = true;
        if (!timer_is_running(u->retry))
                timer_start(u->retry, RETRY_MS);
}

void units_set_server(struct units *u, bool reachable) {
        if (u->server == reachable)
                return;
        u->server = reachable;
        u->is_alone = false;
        if (!reachable)
                return timer_start(u->alone, ALONE_MS);
        timer_stop(u->alone);
        smap_foreach(&u->by_key, slot)
                ((struct unit *) slot->value)->inspected = false;
        units_survey(u);
}

void units_set_engine_facts(struct units *u, const char *docker_root, const char *default_disk, unsigned cgroup_version) {
        u->cgroup_version = cgroup_version;
        entry_set_text(&u->docker_root, docker_root && *docker_root ? docker_root : NULL);
        entry_set_text(&u->default_disk, default_disk && *default_disk ? default_disk : NULL);
}

static void on_alone(void *arg) {
        struct units *u = arg;
        u->is_alone = true;
        units_survey(u);
}

size_t units_busy(const struct units *u) { return u->ops + u->queue.n; }

struct units *units_new(const struct units_config *cfg) {
        struct units *u = dr_xnew(struct units);
        u->cfg = *cfg;
        u->flush = timer_new(cfg->loop, flush_now, u);
        u->retry = timer_new(cfg->loop, retry_now, u);
        u->alone = timer_new(cfg->loop, on_alone, u);
        u->orphan = timer_new(cfg->loop, orphans_look, u);
        u->networks = timer_new(cfg->loop, networks_look, u);
        timer_start(u->alone, ALONE_MS);
        return u;
}

struct units *units_free(struct units *u) {
        if (!u)
                return NULL;
        if (u->listing)
                docker_call_cancel(u->listing);
        smap_foreach(&u->by_key, slot) {
                struct unit *unit = slot->value;
                struct op *op = unit->op;
                if (op) {
                        if (op->call)
                                docker_call_cancel(op->call);
                        timer_free(op->timer);
                        pull_cancel(op->pull);
                        free(op->start_error);
                        json_object_put(op->image_config);
                        free(op);
                }
                unit_free(unit);
        }
        smap_done(&u->by_key);
        vec_done(&u->queue);
        loop_defer_cancel(u->cfg.loop, save_now, u);
        loop_defer_cancel(u->cfg.loop, pump_now, u);
        timer_free(u->flush);
        timer_free(u->retry);
        timer_free(u->alone);
        timer_free(u->orphan);
        timer_free(u->networks);
        vec_done(&u->orphans);
        free(u->docker_root);
        free(u->default_disk);
        free(u);
        return NULL;
}
