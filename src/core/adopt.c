#include "adopt.h"

#include "addresses.h"
#include "base/log.h"
#include "formats/docker_inspect.h"
#include "model/launch.h"
#include "settings.h"

#include <stdio.h>

#define UUID_LABEL "io.rancher.container.uuid"
#define ENVIRONMENT_LABEL "io.rancher.environment.uuid"
#define NAME_LABEL "io.rancher.container.display_name"

enum { MINUTE_MS = 60000, INSPECT_MS = 30000, WAIT_MS = 3000, LOOK_AGAIN_MS = 100, EVENT_KEPT_MS = 60000, NAME_BYTES_MAX = 255, ID_BYTES_MAX = 128 };

/* ---- which instance it is ---- */
static struct record *find(struct core *c, const struct record *host, const char *docker_id, struct json_object *labels) {
        const struct records *l = world_by_str(c->world, T_instance, F_externalId, docker_id);
        for (size_t k = 0; k < l->n; k++)
                if (l->v[k]->account_id == host->account_id && record_int(l->v[k], F_hostId) == host->id)
                        return l->v[k];
        const char *uuid = json_str(labels, UUID_LABEL, "");
        struct record *i = *uuid ? world_by_uuid(c->world, T_instance, uuid) : NULL;
        return i && i->account_id == host->account_id ? i : NULL;
}

/* The one with this Docker id, or the beginning of it, or this name, on the same host. */
static struct record *find_other(struct core *c, const struct record *host, const char *id_or_name, size_t len) {
        auto_free char *text = dr_xstrndup(id_or_name, len);
        struct record *i = find(c, host, text, NULL);
        const struct records *l = i ? NULL : world_by_str(c->world, T_instance, F_name, text);
        for (size_t k = 0; l && !i && k < l->n; k++)
                if (record_int(l->v[k], F_hostId) == host->id && !state_is_gone((enum state_id) l->v[k]->state))
                        i = l->v[k];
        return i;
}

/* ---- may it be adopted ---- */
static bool is_ours_to_take(struct core *c, const struct record *host, const char *name, const char *image, struct json_object *labels) {
        const struct record *account = world_get(c->world, T_account, host->account_id);
        const char *environment = json_str(labels, ENVIRONMENT_LABEL, "");
        char uuid[RECORD_UUID_MAX];
        if (!str_eq(setting_get(c, "manage.nonrancher.containers"), "true") || !account || account->state != S_active || state_is_gone((enum state_id) host->state))
                return false;
        if (str_starts(name, "rancher-agent") || str_starts(image, "rancher/agent:") || str_eq(image, "rancher/agent"))
                return false;                   /* what runs the host itself */
        if (*environment && (!str_eq(environment, record_uuid(account, uuid)) || *json_str(labels, UUID_LABEL, "")))
                return false;                   /* another environment's; or what is left of ours, which the host removes (agent.md 18) */
        return true;
}

static bool has_room(struct core *c, const struct record *host, struct adopt_pace *pace) {
        uint64_t now = core_mono_ms(c);
        if (!pace->since_ms || now >= pace->since_ms + MINUTE_MS)
                *pace = (struct adopt_pace) { .since_ms = MAX(now, (uint64_t) 1) };
        if ((int64_t) pace->n++ < setting_int(c, "container.event.max.size"))
                return true;
        if (!pace->told) {
                pace->told = true;
                log_warning("too many containers to adopt at once; the others follow", "host", str_or(record_str(host, F_hostname), ""), NULL);
        }
        return false;
}

/* ---- making the row ---- */
static void put_field(struct core *c, struct record *i, const char *name, struct json_object *v) {
        enum field_id f = field_by_name(name, strlen(name));
        if (f == F_NONE)
                return;
        switch (json_object_get_type(v)) {
        case json_type_boolean: core_put_bool(c, i, f, json_object_get_boolean(v)); break;
        case json_type_int:     core_put_int(c, i, f, json_object_get_int64(v)); break;
        case json_type_string:  core_put_str(c, i, f, json_object_get_string(v)); break;
        case json_type_array: case json_type_object:
                core_put(c, i, f, value_json(v));
                break;
        default: break;
        }
}

static void put_network(struct core *c, struct record *i, const struct record *host, struct json_object *inspect) {
        const char *other = NULL, *mode = docker_inspect_network(inspect, &other);
        struct record *of = other ? find_other(c, host, other, strlen(other)) : NULL;
        if (other && !of) {
                log_warning("the container whose network an adopted one shares is not known", "container", record_name(i), "other", other, NULL);
                mode = "none";
        }
        core_put_str(c, i, F_networkMode, mode);
        if (of) {
                core_put_int(c, i, F_networkContainerId, of->id);
                core_put_int(c, i, F_networkFromId, of->id);
        }
}

static void put_volumes_from(struct core *c, struct record *i, const struct record *host, struct json_object *inspect) {
        struct json_object *from = json_get_array(json_get_object(inspect, "HostConfig"), "VolumesFrom");
        AUTO(json_free) struct json_object *ids = json_object_new_array();
        for (size_t k = 0; from && k < json_object_array_length(from); k++) {
                const char *s = str_or(json_object_get_string(json_object_array_get_idx(from, k)), "");
                struct record *of = find_other(c, host, s, strcspn(s, ":"));
                if (of)
                        json_object_array_add(ids, json_object_new_int64(of->id));
        }
        if (!json_object_array_length(ids))
                return;
        core_put(c, i, F_dataVolumesFrom, value_json(ids));
        core_put(c, i, F_volumesFromIds, value_json(ids));
}

/* All that its description says (agent.md 16: fields are back-filled). */
static void take_inspect(struct core *c, struct record *i, const struct record *host, struct json_object *inspect) {
        AUTO(json_free) struct json_object *fields = docker_inspect_fields(inspect);
        json_object_object_foreach(fields, name, v)
                put_field(c, i, name, v);
        put_network(c, i, host, inspect);
        put_volumes_from(c, i, host, inspect);
        const char *ip = json_str(json_get_object(inspect, "NetworkSettings"), "IPAddress", "");
        if (*ip && !record_has(i, F_dockerIp))
                core_put_str(c, i, F_dockerIp, ip);
}

static struct record *make(struct core *c, struct record *host, const struct observed *o) {
        struct record *i = core_create(c, T_container, host->account_id);
        const char *name = json_str(o->labels, NAME_LABEL, "");
        if (!*name)
                name = str_or(o->name, "");
        auto_free char *image = dr_xasprintf("%s%s", str_starts(str_or(o->image, ""), "sim:") ? "" : "docker:", str_or(o->image, ""));
        auto_free char *short_name = dr_xstrndup(*name == '/' ? name + 1 : name, strnlen(*name == '/' ? name + 1 : name, NAME_BYTES_MAX));
        core_put_bool(c, i, F_nativeContainer, true);
        core_put_str(c, i, F_externalId, o->docker_id);
        core_put_str(c, i, F_name, short_name);
        core_put_str(c, i, F_imageUuid, image);
        core_put_int(c, i, F_hostId, host->id);
        core_put_int(c, i, F_requestedHostId, host->id);
        if (o->labels)
                core_put(c, i, F_labels, value_json(o->labels));
        if (o->inspect)
                take_inspect(c, i, host, o->inspect);
        log_info("container adopted", "name", short_name, "container", o->docker_id, "host", str_or(record_str(host, F_hostname), ""), NULL);
        AUTO(json_free) struct json_object *data = json_object_new_object();
        json_set_bool(data, "noop", true);
        json_set_bool(data, "running", o->state == OBS_RUNNING);
        json_set_bool(data, "ask", !o->inspect);
        (void) core_process_start(c, i, P_instance_create, data, NULL);         /* allowed: it is new */
        return i;
}

struct record *adopt_seen(struct core *c, struct record *host, const struct observed *o, struct adopt_pace *pace) {
        const char *id = str_or(o->docker_id, "");
        if (!*id || strlen(id) > ID_BYTES_MAX)
                return NULL;
        struct record *i = find(c, host, id, o->labels);
        if (i || (o->state != OBS_RUNNING && o->state != OBS_STOPPED) || !*str_or(o->image, ""))
                return i;
        if (!is_ours_to_take(c, host, str_or(o->name, ""), o->image, o->labels) || !has_room(c, host, pace))
                return NULL;
        return make(c, host, o);
}

/* ---- its life ---- */
/* Without its description in the report it is asked for; a host that does not answer leaves a row that says less. */
enum step adopt_create(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        struct json_object *data = text_json(run->data);
        struct record *host = world_get(c->world, T_host, record_int(i, F_hostId));
        if (json_bool(data, "ask", false) && host && !run->reply) {
                bool asked = run->event != NULL;
                if (asked && core_wall_ms(c) < run->deadline_ms)
                        return STEP_WAIT;
                char event[64];
                snprintf(event, sizeof event, "adopt/%lld/%llx", (long long) i->id, (unsigned long long) rng_u64(&c->rng));
                AUTO(json_free) struct json_object *which = json_object_new_object();
                json_set_str(which, "id", record_str(i, F_externalId));
                if (!asked && hosts_request(c, host, event, "container.inspect", which, INSPECT_MS)) {
                        run->event = text_get(event, strlen(event));
                        run->deadline_ms = core_wall_ms(c) + INSPECT_MS;
                        return STEP_WAIT;
                }
        }
        struct json_object *inspect = run->reply ? json_get_object(text_json(run->reply), "data") : NULL;
        if (inspect && host)
                take_inspect(c, i, host, inspect);
        else if (!record_has(i, F_networkMode))
                core_put_str(c, i, F_networkMode, "bridge");
        text_unref(dr_take(run->reply));
        text_unref(dr_take(run->event));
        run->deadline_ms = 0;
        struct dr_error err;
        if (addresses_give(c, i, &err) < 0)     /* it is there all the same */
                log_warning("an adopted container has no network", "container", record_name(i), "reason", err.message, NULL);
        return json_bool(data, "running", true) ? STEP_DELEGATE : STEP_DONE;
}

static struct json_object *only_follow(void) {
        struct json_object *data = json_object_new_object();
        json_set_bool(data, "noop", true);
        return data;
}

void adopt_forget(struct core *c, struct record *i) {
        AUTO(json_free) struct json_object *data = only_follow();
        if (state_is_gone((enum state_id) i->state))
                return;
        core_put_bool(c, i, F_removeAfterStop, true);
        enum process_id p = core_process_allowed(i, P_instance_remove) ? P_instance_remove : P_instance_stop;
        if (core_process_allowed(i, p))
                (void) core_process_start(c, i, p, data, NULL);
}

void adopt_follow(struct core *c, struct record *i, enum observed_state seen) {
        AUTO(json_free) struct json_object *data = only_follow();
        bool up = i->state == S_running;
        if (!up && i->state != S_stopped)
                return;
        if (seen == OBS_RUNNING && !up)
                (void) core_process_start(c, i, P_instance_start, data, NULL);
        else if (seen == OBS_STOPPED && up)
                (void) core_process_start(c, i, P_instance_stop, data, NULL);
        else if (seen == OBS_ABSENT)
                adopt_forget(c, i);
}

bool adopt_hands_off(struct core *c, const struct record *i, const struct run *run) {
        if (json_bool(text_json(run->data), "noop", false))
                return true;
        const struct record *host = world_get(c->world, T_host, record_int(i, F_hostId));
        return !host || state_is_gone((enum state_id) host->state);
}

/* ---- containerEvent: what upstream's agents tell of an engine's events ---- */
static enum observed_state seen_of(const char *status) {
        if (str_eq(status, "start"))
                return OBS_RUNNING;
        if (str_eq(status, "stop") || str_eq(status, "die"))
                return OBS_STOPPED;
        return str_eq(status, "destroy") ? OBS_ABSENT : OBS_NONE;       /* kill and the rest say nothing that lasts */
}

enum step container_event_process(struct core *c, struct record *event, struct run *run, struct step_ctx *ctx) {
        (void) ctx;
        struct record *host = world_get(c->world, T_host, record_int(event, F_hostId));
        struct json_object *inspect = record_json(event, F_dockerInspect), *config = json_get_object(inspect, "Config");
        const char *id = str_or(record_str(event, F_externalId), json_str(inspect, "Id", ""));
        enum observed_state seen = seen_of(str_or(record_str(event, F_externalStatus), ""));
        if (!host || state_is_gone((enum state_id) host->state) || seen == OBS_NONE || !*id || !str_eq(setting_get(c, "manage.nonrancher.containers"), "true"))
                return STEP_DONE;
        struct json_object *labels = json_get_object(config, "Labels");
        struct record *i = find(c, host, id, labels);
        if (!i) {
                struct observed o = { .foreign = true, .state = seen, .docker_id = id, .name = json_str(inspect, "Name", ""), .labels = labels, .inspect = inspect,
                                      .image = str_or(record_str(event, F_externalFrom), json_str(config, "Image", "")) };
                struct adopt_pace pace = { 0 };         /* how many may wait was looked at when it was posted */
                if (seen == OBS_RUNNING)
                        (void) adopt_seen(c, host, &o, &pace);
                return STEP_DONE;
        }
        bool on_its_way = i->state == S_stopping || (i->state == S_starting && seen != OBS_RUNNING);
        if (on_its_way) {                       /* up to 3 s (agent.md 16) */
                if (!run->deadline_ms)
                        run->deadline_ms = core_wall_ms(c) + WAIT_MS;
                if (core_wall_ms(c) < run->deadline_ms) {
                        core_wake_at(c, event, core_mono_ms(c) + LOOK_AGAIN_MS);
                        return STEP_WAIT;
                }
        }
        adopt_follow(c, i, seen);
        return STEP_DONE;
}

void container_event_idle(struct core *c, struct record *event) {
        int64_t left = event->created_ms + EVENT_KEPT_MS - core_wall_ms(c);
        if (left > 0)
                core_wake_at(c, event, core_mono_ms(c) + (uint64_t) left);
        else if (core_process_allowed(event, P_containerevent_remove))
                (void) core_process_start(c, event, P_containerevent_remove, NULL, NULL);
}
