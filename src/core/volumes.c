/* volumes.c: volumes as hosts have them and as people make them (storage.md 4 to 6).
 *
 * A row for each volume; which container has it where is kept with the container (F_mountList), so mounts are views. Volumes that a host reports
 * and nobody made get their row then. What a container leaves behind is removed by its label volume_cleanup_strategy. */
#include "applier.h"

#include <ctype.h>
#include <stdio.h>

#include "model/launch.h"

enum { NAME_MAX_BYTES = 128, ANONYMOUS_CHARS = 64, REMOVE_MS = 60000 };
#define STRATEGY "io.rancher.container.volume_cleanup_strategy"

static bool is_live(const struct record *v) { return !state_is_gone((enum state_id) v->state); }

/* What a host calls it: the name of a docker volume, the path of a bind. */
static struct record *find(struct core *c, const struct record *i, const char *name, const char *driver, bool path) {
        const struct records *l = world_by_str(c->world, T_volume, F_externalId, name);
        struct record *shared = NULL;
        int64_t host = record_int(i, F_hostId);
        for (size_t k = 0; k < l->n; k++) {
                struct record *v = l->v[k];
                if (v->account_id != i->account_id || !is_live(v) || record_bool(v, F_isHostPath) != path || (!path && !str_eq(str_or(record_str(v, F_driver), "local"), driver)))
                        continue;
                if (record_int(v, F_hostId) == host)
                        return v;
                if (!path && !record_int(v, F_hostId))
                        shared = v;
        }
        return shared;
}

static struct record *make(struct core *c, const struct record *i, const char *name, const char *driver, const char *source, bool path) {
        struct record *v = core_create(c, T_volume, i->account_id);
        auto_free char *uri = dr_xasprintf("%s://%s", path || str_eq(driver, "local") ? "file" : driver, source);
        core_put_str(c, v, F_name, name);
        core_put_str(c, v, F_externalId, name);
        core_put_str(c, v, F_uri, uri);
        core_put_bool(c, v, F_isHostPath, path);
        core_put_bool(c, v, F_isNative, record_bool(i, F_nativeContainer));
        core_put_int(c, v, F_hostId, record_int(i, F_hostId));
        if (!path)
                core_put_str(c, v, F_driver, driver);
        core_put_bool(c, v, F_observedVolume, true);
        (void) core_process_start(c, v, P_volume_create, NULL, NULL);   /* allowed: it is new */
        return v;
}

static struct record *take_one(struct core *c, const struct record *i, struct json_object *mount) {
        bool path = str_eq(json_str(mount, "Type", ""), "bind");
        const char *name = json_str(mount, path ? "Source" : "Name", ""), *driver = json_str(mount, "Driver", "local");
        if (!*name || strlen(name) > NAME_MAX_BYTES * 8 || str_eq(name, "rancher-cni"))
                return NULL;
        if (!*driver)
                driver = "local";
        struct record *v = find(c, i, name, driver, path);
        if (!v)
                v = make(c, i, name, driver, json_str(mount, "Source", ""), path);
        if (!record_int(v, F_hostId) && str_eq(driver, "local"))
                core_put_int(c, v, F_hostId, record_int(i, F_hostId));
        if (core_process_allowed(v, P_volume_activate))
                (void) core_process_start(c, v, P_volume_activate, NULL, NULL);
        return v;
}

void volumes_observed(struct core *c, struct record *i, struct json_object *mounts) {
        AUTO(json_free) struct json_object *list = json_object_new_array();
        for (size_t k = 0; mounts && k < json_object_array_length(mounts); k++) {
                struct json_object *m = json_object_array_get_idx(mounts, k);
                const char *type = json_str(m, "Type", "volume");
                if (!str_eq(type, "bind") && !str_eq(type, "volume"))
                        continue;               /* tmpfs is nothing that stays */
                struct record *v = take_one(c, i, m);
                if (!v)
                        continue;
                struct json_object *row = json_object_new_object();
                json_set_int(row, "volumeId", v->id);
                json_set_str(row, "path", json_str(m, "Destination", ""));
                json_set_str(row, "permissions", json_bool(m, "RW", true) ? "rw" : "ro");
                json_object_array_add(list, row);
        }
        if (json_object_array_length(list) || record_has(i, F_mountList))
                core_put(c, i, F_mountList, value_json(list));
}

static bool is_anonymous(const char *name) {
        size_t n = 0;
        while (isalnum((unsigned char) name[n]))
                n++;
        return name[0] == '/' || (n == ANONYMOUS_CHARS && !name[n]);
}

/* Does a live container other than i have it? */
static bool in_use(struct core *c, const struct record *v, const struct record *i) {
        const struct records *l = world_by_int(c->world, T_instance, F_hostId, record_int(i, F_hostId));
        for (size_t k = 0; k < l->n; k++) {
                struct json_object *list = l->v[k] == i || state_is_gone((enum state_id) l->v[k]->state) ? NULL : record_json(l->v[k], F_mountList);
                for (size_t m = 0; list && m < json_object_array_length(list); m++)
                        if (json_int(json_object_array_get_idx(list, m), "volumeId", 0) == v->id)
                                return true;
        }
        return false;
}

static void let_go(struct core *c, struct record *v, bool remove) {
        if (remove)
                core_put_bool(c, v, F_removeAfterStop, true);
        enum process_id p = remove && core_process_allowed(v, P_volume_remove) ? P_volume_remove : P_volume_deactivate;
        if (core_process_allowed(v, p))
                (void) core_process_start(c, v, p, NULL, NULL);
        else
                core_wake(c, v);
}

void volumes_instance_gone(struct core *c, const struct record *i) {
        struct json_object *list = record_json(i, F_mountList);
        char buf[64];
        const char *strategy = str_or(launch_label(i, STRATEGY, buf, sizeof buf), "unnamed");
        bool native = record_bool(i, F_nativeContainer);        /* then no volume goes, only rows nobody would know again */
        bool all = str_eq(strategy, "all"), unnamed = str_eq(strategy, "unnamed");
        for (size_t k = 0; list && k < json_object_array_length(list); k++) {
                struct record *v = world_get(c->world, T_volume, json_int(json_object_array_get_idx(list, k), "volumeId", 0));
                if (!v || !is_live(v) || in_use(c, v, i))
                        continue;
                let_go(c, v, native ? record_bool(v, F_isNative) && is_anonymous(str_or(record_str(v, F_externalId), "")) : all || (unnamed && is_anonymous(str_or(record_str(v, F_externalId), ""))));
        }
}

/* ---- processes ---- */
enum step volume_create(struct core *c, struct record *v, struct run *run, struct step_ctx *ctx) {
        (void) c, (void) run;
        if (record_bool(v, F_observedVolume))
                return STEP_DELEGATE;           /* it is there and in use */
        if (!record_int(v, F_hostId))
                return STEP_DONE;               /* inactive: made by the host that first needs it */
        ctx->chain = P_volume_deactivate;
        return STEP_CHAIN;
}

/* The host forgets it too. A host that is away, a path of the host, and what was not made by drover: only the row goes. */
enum step volume_remove(struct core *c, struct record *v, struct run *run, struct step_ctx *ctx) {
        struct record *host = world_get(c->world, T_host, record_int(v, F_hostId));
        if (record_bool(v, F_isHostPath) || record_bool(v, F_isNative) || !host || !hosts_connected(c, host))
                return STEP_DONE;
        if (run->reply) {
                struct json_object *error = json_get_object(text_json(run->reply), "error");
                if (!error || str_eq(json_str(error, "code", ""), "Not Found"))
                        return STEP_DONE;
                (void) dr_fail(&ctx->err, DR_E_UNAVAILABLE, NULL, "%.300s", json_str(error, "message", "the host could not remove it"));
                text_unref(dr_take(run->reply));
                text_unref(dr_take(run->event));
                return STEP_RETRY;
        }
        if (run->event && run->deadline_ms && core_wall_ms(c) < run->deadline_ms)
                return STEP_WAIT;
        char event[64];
        AUTO(json_free) struct json_object *data = json_object_new_object();
        snprintf(event, sizeof event, "volume/%lld/%llx", (long long) v->id, (unsigned long long) rng_u64(&c->rng));
        json_set_str(data, "name", str_or(record_str(v, F_externalId), record_name(v)));
        json_set_str(data, "driver", str_or(record_str(v, F_driver), "local"));
        text_unref(run->event);
        run->event = text_get(event, strlen(event));
        run->deadline_ms = core_wall_ms(c) + REMOVE_MS;
        if (!hosts_request(c, host, event, "volume.remove", data, REMOVE_MS))
                return STEP_DONE;
        return STEP_WAIT;
}

/* DELETE of one that is in use waits until it is not. */
void volume_idle(struct core *c, struct record *v) {
        if (!record_bool(v, F_removeAfterStop))
                return;
        enum process_id p = core_process_allowed(v, P_volume_remove) ? P_volume_remove : P_volume_deactivate;
        if (core_process_allowed(v, p))
                (void) core_process_start(c, v, p, NULL, NULL);
}
