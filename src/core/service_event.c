/* What a health report changes: the check's state, then the container's: healthy if any check says so (orchestration.md 4.4, 4.5). */
#include "service_event.h"

#include "applier.h"

enum { UUID_LEN = 36 };

static bool has_uuid(const struct record *r, const char *text) {
        char buf[RECORD_UUID_MAX];
        return r && strncasecmp(record_uuid(r, buf), text, UUID_LEN) == 0 && strlen(buf) == UUID_LEN;
}

struct record *service_event_check(struct core *c, const char *uuid) {
        const struct records *l = world_all(c->world, T_healthcheckInstanceHostMap);
        size_t n = strlen(uuid);
        bool pair = n > 2 * UUID_LEN + 1 && uuid[UUID_LEN] == '_';
        for (size_t i = 0; n >= UUID_LEN && i < l->n; i++) {
                struct record *m = l->v[i];
                if (m->removed_ms || state_is_gone((enum state_id) m->state))
                        continue;
                if (n == UUID_LEN && has_uuid(m, uuid))
                        return m;
                if (pair && has_uuid(world_get(c->world, T_host, record_int(m, F_hostId)), uuid) &&
                    has_uuid(instance_get(c, record_int(m, F_instanceId)), uuid + UUID_LEN + 1))
                        return m;
        }
        return NULL;
}

static const char *health_of_checks(struct core *c, const struct record *instance) {
        const struct records *l = world_of_account(c->world, T_healthcheckInstanceHostMap, instance->account_id);
        for (size_t i = 0; i < l->n; i++) {
                const struct record *m = l->v[i];
                if (record_int(m, F_instanceId) == instance->id && !m->removed_ms && str_eq(record_str(m, F_healthState), "healthy"))
                        return "healthy";
        }
        return "unhealthy";
}

enum step service_event_create(struct core *c, struct record *r, struct run *run, struct step_ctx *ctx) {
        (void) run, (void) ctx;
        const char *health = str_or(record_str(r, F_reportedHealth), "");
        struct record *map = service_event_check(c, str_or(record_str(r, F_healthcheckUuid), ""));
        int64_t at = record_int(r, F_externalTimestamp);
        if (!map || str_eq(health, "INIT") || at < record_int(map, F_externalTimestamp))
                return STEP_DONE;
        core_put_int(c, map, F_externalTimestamp, at);
        core_put_str(c, map, F_healthState, str_eq(health, "UP") ? "healthy" : "unhealthy");
        struct record *i = instance_get(c, record_int(map, F_instanceId));
        if (!i || state_is_gone((enum state_id) i->state))
                return STEP_DONE;
        core_put_str(c, i, F_healthState, health_of_checks(c, i));
        if (record_int(i, F_serviceId))
                health_changed(c, record_int(i, F_serviceId));
        return STEP_DONE;
}
