#include "units-internal.h"

#include "base/log.h"
#include "net/http.h"

#include <stdio.h>

enum {
        CREATE_MS = 120000, START_MS = 120000, REMOVE_MS = 120000, KILL_MS = 30000, STOP_SLACK_MS = 30000, PULL_IDLE_MS = 600000,
        POLL_MS = 500, REMOVES_MAX = 10, PROGRESS_EVERY_MS = 500, PATH_BYTES_MAX = 4096,
};

static struct entry *entry_of(struct op *op) { return unit_entry(op->units, op->unit); }

static json_object *spec_of(struct op *op, struct dr_error *err) {
        struct entry *e = entry_of(op);
        return e && e->spec ? jv_parse(e->spec, strlen(e->spec), PROTOCOL_BYTES_MAX, err) : NULL;
}

/* The engine gave no answer: not the container's fault. True when the op has ended. */
static bool no_answer(struct op *op, int result, const struct dr_error *err, const char *what) {
        op->call = NULL;
        if (result >= 0)
                return false;
        log_warning("engine did not answer", "call", what, "container", op->unit->key, "reason", err->message, NULL);
        op_end(op, true);
        return true;
}

/* Waiting for others --------------------------------------------------------------------------------------------- */

/* Whether the container uuid, whose network or volumes are to be shared, is on its way and not there yet. */
static bool on_its_way(struct op *op, const char *uuid, bool must_run) {
        struct units *u = op->units;
        struct unit *other = units_find_uuid(u, uuid);
        struct entry *e = state_entry(u->cfg.state, uuid);
        if (!other || !e || other == op->unit || e->record.want != WANT_RUNNING || e->record.failed_gen == e->record.gen)
                return false;
        bool busy = other->op || other->queued || other->retry || other->waiting;
        return busy && (must_run ? !other->running : !*other->id);
}

/* True when the op ended: it goes on when the other one has settled. */
static bool wait_for_others(struct op *op, json_object *spec, bool starting) {
        const char *from = jv_str(spec, "networkFromUuid"), *missing = NULL;
        if (*from && on_its_way(op, from, starting))
                missing = from;
        json_object *volumes = jv_arr(spec, "volumesFromUuids");
        for (size_t i = 0; i < jv_len(volumes) && !missing; i++)
                if (on_its_way(op, jv_text(jv_at(volumes, i)), false))
                        missing = jv_text(jv_at(volumes, i));
        if (!missing)
                return false;
        auto_free char *text = dr_xasprintf("waiting for container %s", missing);
        op_tell(op, TOLD_CREATING, text);
        op->unit->waiting = true;
        op_end(op, false);
        return true;
}

/* Pull ----------------------------------------------------------------------------------------------------------- */

static void create(struct op *op);

static int on_progress(const char *object, size_t len, void *arg) {
        struct op *op = arg;
        struct docker_progress p;
        if (docker_progress_parse(object, len, &p, NULL) < 0)
                return 0;
        if (*p.error || !*op->progress.error)           /* the first error stays */
                op->progress = p;
        uint64_t now_ms = loop_now_ms(op->units->cfg.loop);
        if (*p.text && now_ms >= op->progress_told_ms + PROGRESS_EVERY_MS) {
                op->progress_told_ms = now_ms;
                auto_free char *text = p.percent >= 0 ? dr_xasprintf("%s %d%%", p.text, p.percent) : dr_xstrdup(p.text);
                op_tell(op, TOLD_PULLING, text);
        }
        return 0;
}

static void on_pull_piece(const char *p, size_t n, void *arg) {
        struct op *op = arg;
        struct dr_error err;
        if (json_split_feed(&op->split, p, n, on_progress, op, &err) < 0 && !*op->progress.error)
                snprintf(op->progress.error, sizeof op->progress.error, "the engine's answer cannot be read: %.300s", err.message);
}

static void pull(struct op *op);

static void on_pulled(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        op->pulling = false;
        if (no_answer(op, result, err, "pull"))
                return;
        char why[400] = "";
        if (status != 200)
                docker_error_text(body, len, why, sizeof why);
        else
                snprintf(why, sizeof why, "%s", op->progress.error);
        if (status == 200 && !*why) {
                op->pulled = true;
                return create(op);
        }
        AUTO(jv_put) json_object *spec = spec_of(op, NULL);
        if (jv_obj(spec, "registryAuth") && !op->without_auth) {        /* with credentials, else without; the first error counts */
                op->without_auth = true;
                op->pull_error = dr_xstrdup(why);
                return pull(op);
        }
        op_fail(op, "Image [%.150s] failed to pull: %.300s", spec ? spec_image(spec) : "", op->pull_error ? op->pull_error : why);
}

static void pull(struct op *op) {
        struct dr_error err = { 0 };
        AUTO(jv_put) json_object *spec = spec_of(op, &err);
        if (!spec)
                return op_fail(op, "the spec cannot be read: %.300s", err.message);
        auto_free char *repository = NULL, *tag = NULL, *auth = op->without_auth ? NULL : docker_registry_auth(jv_obj(spec, "registryAuth"));
        docker_image_split(spec_image(spec), &repository, &tag);
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        sbuf_puts(&path, "/images/create?fromImage=");
        http_escape(&path, repository);
        sbuf_puts(&path, "&tag=");
        http_escape(&path, tag);
        if (!sbuf_ok(&path))
                return op_fail(op, "the image's name is too long");
        json_split_done(&op->split);
        op->split = (struct json_split) JSON_SPLIT(1 << 20);
        op->progress = (struct docker_progress) { .percent = -1 };
        op->progress_told_ms = loop_now_ms(op->units->cfg.loop);
        op_tell(op, TOLD_PULLING, "Pulling");
        struct docker_request r = { .method = "POST", .path = path.data, .registry_auth = auth, .total_ms = PULL_IDLE_MS, .idle_ms = PULL_IDLE_MS,
                                    .stream = on_pull_piece, .done = on_pulled, .arg = op };
        op->pulling = true;
        op->call = docker_call_start(op->units->cfg.docker, &r, &err);
        if (!op->call) {
                op->pulling = false;
                op_end(op, true);
        }
}

/* Create --------------------------------------------------------------------------------------------------------- */

static const char *id_of(void *ctx, const char *uuid) {
        struct unit *other = units_find_uuid(ctx, uuid);
        return other && *other->id ? other->id : NULL;
}

static void on_created(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        if (no_answer(op, result, err, "create"))
                return;
        char why[400];
        docker_error_text(body, len, why, sizeof why);
        if (status == 201) {
                AUTO(jv_put) json_object *o = jv_parse(body, len, PROTOCOL_BYTES_MAX, NULL);
                snprintf(op->unit->id, sizeof op->unit->id, "%s", jv_str(o, "Id"));
                json_object *warnings = jv_arr(o, "Warnings");
                for (size_t i = 0; i < jv_len(warnings); i++)
                        log_warning("engine warns", "container", op->unit->key, "warning", jv_text(jv_at(warnings, i)), NULL);
                struct entry *e = entry_of(op);
                if (e && *op->unit->id) {
                        e->record.made_gen = op->gen;
                        struct seen seen = { SEEN_CREATED, 0 };
                        log_info("container created", "container", op->unit->key, "id", op->unit->id, NULL);
                        return op_decide(op, &seen, NULL);
                }
                return op_look(op);
        }
        if (status == 404 && strcasestr(why, "no such image") && !op->pulled)
                return pull(op);
        op_fail(op, "could not create the container: %.400s", why);
}

static void create(struct op *op) {
        struct units *u = op->units;
        struct dr_error err = { 0 };
        AUTO(jv_put) json_object *spec = spec_of(op, &err);
        if (!spec)
                return op_fail(op, "the spec cannot be read: %.300s", err.message);
        if (entry_of(op)->record.want != WANT_RUNNING)  /* it changed while the image was pulled */
                return op_look(op);
        if (wait_for_others(op, spec, false))
                return;
        if (str_eq(jv_str(jv_obj(spec, "labels"), "io.rancher.container.pull_image"), "always") && !op->pulled)
                return pull(op);
        struct create_facts facts = { .api_minor = docker_api_minor(u->cfg.docker), .docker_root = u->docker_root, .default_disk = u->default_disk,
                                      .host_search = u->cfg.host_search, .proxy_env = u->cfg.proxy_env, .id_of = id_of, .ctx = u };
        auto_free char *body = NULL, *warnings = NULL;
        if (create_body(spec, op->unit->key, &facts, &body, &warnings, &err) < 0)
                return op_fail(op, "%s", err.message);
        if (*warnings)
                log_warning("part of a spec is left out", "container", op->unit->key, "what", warnings, NULL);
        const char *name = jv_str(spec, "name");
        auto_free char *own_name = *name ? NULL : container_docker_name(NULL, op->unit->key);
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        sbuf_puts(&path, "/containers/create?name=");
        http_escape(&path, *name ? name : own_name);
        if (!sbuf_ok(&path))
                return op_fail(op, "the container's name is too long");
        if (!op->pulled)
                op_tell(op, TOLD_CREATING, "Creating");
        op_call(op, "POST", path.data, body, CREATE_MS, on_created);
}

/* Start ---------------------------------------------------------------------------------------------------------- */

static void on_cleared(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        op->call = NULL;
        if (result == 0 && (status == 204 || status == 404))
                op->unit->id[0] = 0;
        auto_free char *why = dr_take(op->pull_error);
        op_fail(op, "could not start the container: %.400s", why);
}

static void on_started(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        if (no_answer(op, result, err, "start"))
                return;
        if (status == 204 || status == 304) {
                struct entry *e = entry_of(op);
                if (e) {
                        e->record.started_gen = op->gen;
                        e->record.seen_engine = docker_instance(op->units->cfg.docker);
                        units_save_later(op->units);
                }
                return op_look(op);
        }
        char why[400];
        docker_error_text(body, len, why, sizeof why);
        if (status == 404 && strcasestr(why, "no such container"))
                return op_look(op);
        if (op->started_ms == 0) {                      /* it never ran: it is not left behind (agent.md 11) */
                free(op->pull_error);
                op->pull_error = dr_xstrdup(why);
                char path[128];
                snprintf(path, sizeof path, "/containers/%s?force=1", op->unit->id);
                return op_call(op, "DELETE", path, NULL, REMOVE_MS, on_cleared);
        }
        op_fail(op, "could not start the container: %.400s", why);
}

static void start(struct op *op) {
        AUTO(jv_put) json_object *spec = spec_of(op, NULL);
        if (spec && wait_for_others(op, spec, true))
                return;
        char path[128];
        snprintf(path, sizeof path, "/containers/%s/start", op->unit->id);
        op_call(op, "POST", path, NULL, START_MS, on_started);
}

/* Stop and remove ------------------------------------------------------------------------------------------------ */

static void on_stopped(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        if (no_answer(op, result, err, "stop"))
                return;
        if (status >= 500) {
                char why[400];
                docker_error_text(body, len, why, sizeof why);
                log_warning("engine could not stop a container", "container", op->unit->key, "reason", why, NULL);
        }
        op_look(op);                                    /* errors do not matter, only whether it still runs (agent.md 12) */
}

static void stop(struct op *op) {
        struct entry *e = entry_of(op);
        char path[160];
        unsigned timeout_s = e ? (unsigned) e->stop_timeout_s : 10;
        switch (op->stops++) {
        case 0:
                snprintf(path, sizeof path, "/containers/%s/stop?t=%u", op->unit->id, timeout_s);
                return op_call(op, "POST", path, NULL, (uint64_t) timeout_s * 1000 + STOP_SLACK_MS, on_stopped);
        case 1:
                snprintf(path, sizeof path, "/containers/%s/kill?signal=KILL", op->unit->id);
                return op_call(op, "POST", path, NULL, KILL_MS, on_stopped);
        case 2: case 3: case 4:
                return op_wait(op, POLL_MS);
        default:
                op_fail(op, "Failed to stop container %.140s", op->unit->key);
        }
}

static void on_removed(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        if (no_answer(op, result, err, "remove"))
                return;
        if (status == 204 || status == 404) {
                if (status == 204)
                        log_info("container removed", "container", op->unit->key, "id", op->unit->id, NULL);
                op->unit->id[0] = 0;
                return op_look(op);
        }
        char why[400];
        docker_error_text(body, len, why, sizeof why);
        if (op->removes >= REMOVES_MAX)
                return op_fail(op, "could not remove the container: %.400s", why);
        op_wait(op, POLL_MS);                           /* it still runs, or its removal is already going on */
}

/* Kill, wait until it does not run, remove without its volumes and without force (agent.md 12). */
static void remove_container(struct op *op) {
        char path[160];
        op->removes++;
        if (op->running && op->removes <= 2) {
                snprintf(path, sizeof path, "/containers/%s/kill?signal=KILL", op->unit->id);
                return op_call(op, "POST", path, NULL, KILL_MS, on_stopped);
        }
        if (op->running && op->removes < REMOVES_MAX)
                return op_wait(op, POLL_MS);
        snprintf(path, sizeof path, "/containers/%s", op->unit->id);
        op_call(op, "DELETE", path, NULL, REMOVE_MS, on_removed);
}

void op_step(struct op *op, enum step step) {
        op->step = step;
        switch (step) {
        case STEP_CREATE: return create(op);
        case STEP_START:  return start(op);
        case STEP_STOP:   return stop(op);
        case STEP_REMOVE: return remove_container(op);
        default:          return op_wait(op, POLL_MS);
        }
}
