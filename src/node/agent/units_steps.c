#include "units-internal.h"

#include "base/log.h"
#include "net/http.h"
#include "node/entry/entry.h"

#include <stdio.h>

enum {
        PARTNER_TRIES = 5,
        CREATE_MS = 120000, START_MS = 120000, REMOVE_MS = 120000, KILL_MS = 30000, STOP_SLACK_MS = 30000,
        POLL_MS = 500, REMOVES_MAX = 10, PATH_BYTES_MAX = 4096,
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

/* Image ---------------------------------------------------------------------------------------------------------- */

static void create(struct op *op);

static void on_progress(const char *text, int percent, void *arg) {
        auto_free char *both = percent >= 0 ? dr_xasprintf("%s %d%%", text, percent) : dr_xstrdup(text);
        op_tell(arg, TOLD_PULLING, both);
}

static bool is_built(json_object *spec) {
        json_object *build = jv_obj(spec, "build");
        return *jv_str(build, "remote") || *jv_str(build, "context");
}

static void on_pulled(enum pull_result result, const char *why, void *arg) {
        struct op *op = arg;
        op->pull = NULL;
        AUTO(jv_put) json_object *spec = spec_of(op, NULL);
        const char *image = spec ? spec_image(spec) : "";
        if (result == PULL_NO_ANSWER) {
                log_warning("engine did not answer", "call", "pull", "container", op->unit->key, "reason", why, NULL);
                return op_end(op, true);
        }
        if (result == PULL_FAILED)
                return op_fail(op, "Image [%.150s] failed to %s: %.300s", image, is_built(spec) ? "build" : "pull", why);
        op->pulled = true;
        op->units->cfg.events->on_pulled(image, op->units->cfg.arg);
        create(op);
}

static void pull(struct op *op) {
        struct dr_error err = { 0 };
        AUTO(jv_put) json_object *spec = spec_of(op, &err);
        if (!spec)
                return op_fail(op, "the spec cannot be read: %.300s", err.message);
        op_tell(op, TOLD_PULLING, is_built(spec) ? "Building" : "Pulling");
        struct pull_request r = { .loop = op->units->cfg.loop, .docker = op->units->cfg.docker, .image = spec_image(spec), .auth = jv_obj(spec, "registryAuth"),
                                  .build = jv_obj(spec, "build"), .on_progress = on_progress, .on_done = on_pulled, .arg = op };
        op->pull = pull_start(&r, &err);
        if (op->pull)
                return;
        if (docker_is_healthy(op->units->cfg.docker))
                return op_fail(op, "%.300s", err.message);
        op_end(op, true);
}

/* Volumes -------------------------------------------------------------------------------------------------------- */

static void on_volume_made(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        if (no_answer(op, result, err, "volume create"))
                return;
        if (status != 200 && status != 201) {
                char why[400];
                docker_error_text(body, len, why, sizeof why);
                return op_fail(op, "could not create a volume: %.400s", why);
        }
        op->volumes++;
        create(op);
}

static void make_volume(struct op *op, json_object *volume) {
        AUTO(jv_put) json_object *body = json_object_new_object();
        json_object_object_add(body, "Name", json_object_new_string(jv_str(volume, "name")));
        json_object_object_add(body, "Driver", json_object_new_string(*jv_str(volume, "driver") ? jv_str(volume, "driver") : "local"));
        if (jv_obj(volume, "driverOpts"))
                json_object_object_add(body, "DriverOpts", json_object_get(jv_obj(volume, "driverOpts")));
        op_call(op, "POST", "/volumes/create", jv_print(body), CREATE_MS, on_volume_made);
}

static json_object *next_volume(struct op *op, json_object *spec) { return jv_at(jv_arr(spec, "volumes"), op->volumes); }

static void on_volume_dropped(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        if (no_answer(op, result, err, "volume remove"))
                return;
        AUTO(jv_put) json_object *spec = spec_of(op, NULL);
        make_volume(op, next_volume(op, spec));
}

static void volume_path(json_object *volume, struct sbuf *path) {
        sbuf_puts(path, "/volumes/");
        http_escape(path, jv_str(volume, "name"));
}

/* There: the next. Its driver says that it moved to another host: made anew (agent.md 20). */
static void on_volume_seen(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        if (no_answer(op, result, err, "volume inspect"))
                return;
        AUTO(jv_put) json_object *spec = spec_of(op, NULL);
        json_object *volume = next_volume(op, spec);
        AUTO(jv_put) json_object *found = status == 200 ? jv_parse(body, len, PROTOCOL_BYTES_MAX, NULL) : NULL;
        if (found && str_eq(jv_str(found, "Mountpoint"), "moved")) {
                auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
                volume_path(volume, &path);
                return op_call(op, "DELETE", sbuf_str(&path), NULL, REMOVE_MS, on_volume_dropped);
        }
        if (!found)
                return make_volume(op, volume);
        op->volumes++;
        create(op);
}

/* True: it goes on when the volume has been looked for. */
static bool see_to_volumes(struct op *op, json_object *spec) {
        json_object *volume = next_volume(op, spec);
        if (!volume)
                return false;
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        volume_path(volume, &path);
        if (!*jv_str(volume, "name") || !sbuf_ok(&path)) {
                op_fail(op, "a volume has no name, or one that is too long");
                return true;
        }
        op_call(op, "GET", path.data, NULL, 0, on_volume_seen);
        return true;
}

/* Entry wait ----------------------------------------------------------------------------------------------------- */

static void on_image(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        if (no_answer(op, result, err, "image inspect"))
                return;
        if (status == 404 && !op->pulled)
                return pull(op);
        AUTO(jv_put) json_object *image = status == 200 ? jv_parse(body, len, PROTOCOL_BYTES_MAX, NULL) : NULL;
        if (!image) {
                char why[400];
                docker_error_text(body, len, why, sizeof why);
                return op_fail(op, "could not look at the image: %.400s", why);
        }
        op->image_config = jv_obj(image, "Config") ? json_object_get(jv_obj(image, "Config")) : json_object_new_object();
        create(op);
}

/* The command of a container on a CNI network begins with the entry wait; what follows may come from the image. True: it goes on later. */
static bool see_to_entry(struct op *op, json_object *spec) {
        struct dr_error err;
        if (net_kind_of(spec) != NET_CNI || op->image_config)
                return false;
        if (entry_install(op->units->cfg.state_dir, getenv("DROVER_ENTRY_PROGRAM"), &err) < 0) {
                op_fail(op, "%.400s", err.message);
                return true;
        }
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        sbuf_puts(&path, "/images/");
        http_escape(&path, spec_image(spec));
        sbuf_puts(&path, "/json");
        if (!*spec_image(spec) || !sbuf_ok(&path))
                return false;                           /* the create's error tells */
        op_call(op, "GET", path.data, NULL, 0, on_image);
        return true;
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
                        op->unit->partner_missed = 0;
                        struct seen seen = { SEEN_CREATED, 0 };
                        log_info("container created", "container", op->unit->key, "id", op->unit->id, NULL);
                        return op_decide(op, &seen, NULL);
                }
                return op_look(op);
        }
        if (status == 404 && strcasestr(why, "no such image") && !op->pulled)
                return pull(op);
        /* The engine lists a container a moment before others may name it. */
        if (status == 404 && strcasestr(why, "no such container") && ++op->unit->partner_missed <= PARTNER_TRIES)
                return op_end(op, true);
        op->unit->partner_missed = 0;
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
        if (see_to_volumes(op, spec) || see_to_entry(op, spec))
                return;
        struct create_facts facts = { .api_minor = docker_api_minor(u->cfg.docker), .docker_root = u->docker_root, .default_disk = u->default_disk,
                                      .cgroup_version = u->cgroup_version, .api_url = u->cfg.api_url,
                                      .host_search = u->cfg.host_search, .proxy_env = u->cfg.proxy_env, .state_dir = u->cfg.state_dir, .image_config = op->image_config, .id_of = id_of, .ctx = u };
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
        auto_free char *said = dr_xasprintf("Creating%s%s", *warnings ? ": " : "", warnings);
        said[strcspn(said, "\n")] = 0;
        op_tell(op, TOLD_CREATING, said);
        op_call(op, "POST", path.data, body, CREATE_MS, on_created);
}

/* Start ---------------------------------------------------------------------------------------------------------- */

static void on_cleared(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct op *op = arg;
        op->call = NULL;
        if (result == 0 && (status == 204 || status == 404))
                op->unit->id[0] = 0;
        auto_free char *why = dr_take(op->start_error);
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
        struct entry *own = entry_of(op);
        if (op->started_ms == 0 && !(own && own->docker_id)) {  /* it never ran: it is not left behind (agent.md 11) */
                free(op->start_error);
                op->start_error = dr_xstrdup(why);
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
