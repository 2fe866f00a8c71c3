/* What events from outside cause (spec api.md 3.7; orchestration.md 3.9; storage.md 18; orchestrators.md 2). Of one this server does not know
 * nothing comes but its row. */
#include "applier.h"

enum { LOOK_AGAIN_MS = 1000 };

static struct record *by_text(struct core *c, enum type_id table, int64_t account, enum field_id f, const char *text) {
        const struct records *l = world_of_account(c->world, table, account);
        for (size_t i = 0; text && *text && i < l->n; i++)
                if (!l->v[i]->removed_ms && !state_is_gone((enum state_id) l->v[i]->state) && str_eq(record_str(l->v[i], f), text))
                        return l->v[i];
        return NULL;
}

/* Starts what the state allows of these, the first that it does. */
static void start_first(struct core *c, struct record *r, enum process_id p, enum process_id q) {
        if (core_process_allowed(r, p))
                (void) core_process_start(c, r, p, NULL, NULL);
        else if (core_process_allowed(r, q))
                (void) core_process_start(c, r, q, NULL, NULL);
}

/* ---- host.evacuate ---- */
static bool host_meant(const struct record *event, const struct record *h) {
        const char *label = record_str(event, F_hostLabel);
        if (h->removed_ms || state_is_gone((enum state_id) h->state))
                return false;
        if (record_int(event, F_hostId))
                return h->id == record_int(event, F_hostId);
        size_t n = label ? strcspn(label, "=") : 0;
        auto_free char *key = dr_xstrndup(str_or(label, ""), n);
        const char *value = n ? json_str(record_json(h, F_labels), key, NULL) : NULL;
        return value && (!label[n] || str_eq(value, label + n + 1));
}

static enum step evacuate(struct core *c, struct record *event, struct run *run, struct step_ctx *ctx) {
        const struct records *l = world_of_account(c->world, T_host, event->account_id);
        bool wait = false;
        for (size_t i = 0; i < l->n; i++) {
                struct record *h = l->v[i];
                if (!host_meant(event, h))
                        continue;
                if (run->step == 0 && hosts_evacuate(c, h, &ctx->err) < 0)
                        return STEP_RETRY;
                if (!record_bool(event, F_deleteHost))
                        continue;
                wait = true;                    /* until it is gone */
                if (core_process_allowed(h, P_host_remove) && h->state == S_inactive && core_process_start(c, h, P_host_remove, NULL, &ctx->err) < 0)
                        return STEP_RETRY;
        }
        run->step = 1;
        if (!wait)
                return STEP_DONE;
        core_wake_at(c, event, core_mono_ms(c) + LOOK_AGAIN_MS);
        return STEP_WAIT;
}

/* ---- services of another orchestrator ---- */
static struct record *stack_of(struct core *c, const struct record *event, bool make) {
        struct json_object *e = record_json(event, F_environment);
        const char *id = json_str(e, "externalId", ""), *name = json_str(e, "name", "");
        struct record *stack = by_text(c, T_stack, event->account_id, F_externalId, id);
        if (!stack && !*id)
                stack = by_text(c, T_stack, event->account_id, F_name, name);
        if (stack || !make || !*name)
                return stack;
        stack = core_create(c, str_starts(id, "kubernetes://") ? T_kubernetesStack : T_stack, event->account_id);
        core_put_str(c, stack, F_name, name);
        core_put_str(c, stack, F_externalId, id);
        (void) core_process_start(c, stack, P_stack_create, NULL, NULL);
        return stack;
}

static void put_service(struct core *c, struct record *s, struct json_object *o) {
        static const enum field_id texts[] = { F_name, F_description, F_vip, F_selectorContainer, F_selectorLink };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                if (json_str(o, field_name(texts[i]), NULL))
                        core_put_str(c, s, texts[i], json_str(o, field_name(texts[i]), NULL));
        struct json_object *fields = json_get(json_get(o, "data"), "fields"), *template = json_get(fields, "template");
        if (template)
                core_put(c, s, F_template, value_json(template));
}

static enum step service_of_elsewhere(struct core *c, struct record *event) {
        const char *what = str_or(record_str(event, F_eventType), "");
        struct json_object *o = record_json(event, F_service);
        struct record *s = by_text(c, T_service, event->account_id, F_externalId, record_str(event, F_externalId));
        if (str_eq(what, "stack.remove")) {
                struct record *stack = stack_of(c, event, false);
                if (stack)
                        start_first(c, stack, P_stack_remove, P_NONE);
        } else if (str_eq(what, "service.remove") && s) {
                start_first(c, s, P_service_remove, P_service_deactivate);
        } else if (str_eq(what, "service.update") && s) {
                put_service(c, s, o);
                start_first(c, s, P_service_update, P_NONE);
        } else if (str_eq(what, "service.create") && !s) {
                enum type_id kind = type_id_by_name(json_str(o, "kind", "kubernetesService"));
                struct record *stack = type_base(kind) == T_service ? stack_of(c, event, true) : NULL;
                if (!stack)
                        return STEP_DONE;
                s = core_create(c, kind, event->account_id);
                core_put_int(c, s, F_stackId, stack->id);
                core_put_str(c, s, F_externalId, record_str(event, F_externalId));
                core_put_bool(c, s, F_startOnCreate, true);
                put_service(c, s, o);
                (void) core_process_start(c, s, P_service_create, NULL, NULL);
        }
        return STEP_DONE;
}

/* ---- names ---- */
static enum step fqdn(struct core *c, struct record *event) {
        struct record *stack = by_text(c, T_stack, event->account_id, F_name, record_str(event, F_stackName));
        const struct records *l = stack ? world_by_int(c->world, T_service, F_stackId, stack->id) : NULL;
        for (size_t i = 0; l && i < l->n; i++)
                if (!state_is_gone((enum state_id) l->v[i]->state) && str_ieq(record_name(l->v[i]), record_str(event, F_serviceName)))
                        core_put(c, l->v[i], F_fqdn, record_str(event, F_fqdn) ? value_str(record_str(event, F_fqdn)) : value_null());
        return STEP_DONE;
}

/* ---- storage ---- */
static enum step volume(struct core *c, struct record *event) {
        const char *what = str_or(record_str(event, F_eventType), "");
        struct json_object *o = record_json(event, F_volume);
        const char *id = str_or(record_str(event, F_externalId), json_str(o, "externalId", ""));
        struct record *v = by_text(c, T_volume, event->account_id, F_externalId, id);
        static const enum field_id texts[] = { F_name, F_description, F_driver, F_uri };
        if (str_eq(what, "volume.delete") && v) {
                start_first(c, v, P_volume_remove, P_volume_deactivate);
        } else if (str_eq(what, "volume.create") && !v && *id) {
                v = core_create(c, T_volume, event->account_id);
                core_put_str(c, v, F_externalId, id);
                for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                        if (json_str(o, field_name(texts[i]), NULL))
                                core_put_str(c, v, texts[i], json_str(o, field_name(texts[i]), NULL));
                if (json_get_object(o, "driverOpts"))
                        core_put(c, v, F_driverOpts, value_json(json_get_object(o, "driverOpts")));
                (void) core_process_start(c, v, P_volume_create, NULL, NULL);
        }
        return STEP_DONE;
}

static bool names_host(struct json_object *uuids, const struct record *h) {
        char buf[RECORD_UUID_MAX];
        record_uuid(h, buf);
        for (size_t i = 0; uuids && json_object_is_type(uuids, json_type_array) && i < json_object_array_length(uuids); i++) {
                const char *u = json_object_get_string(json_object_array_get_idx(uuids, i));
                if (str_ieq(u, buf) || str_ieq(u, record_str(h, F_physicalUuid)))
                        return true;
        }
        return false;
}

static struct record *pool_host(struct core *c, const struct record *pool, int64_t host) {
        const struct records *l = world_all(c->world, T_storagePoolHostMap);
        for (size_t i = 0; i < l->n; i++)
                if (record_int(l->v[i], F_storagePoolId) == pool->id && record_int(l->v[i], F_hostId) == host && !l->v[i]->removed_ms)
                        return l->v[i];
        return NULL;
}

static enum step storage_pool(struct core *c, struct record *event) {
        struct json_object *o = record_json(event, F_storagePool), *uuids = record_json(event, F_hostUuids);
        const char *driver = json_str(o, "driverName", ""), *id = str_or(record_str(event, F_externalId), json_str(o, "externalId", ""));
        struct record *pool = by_text(c, T_storagePool, event->account_id, F_externalId, id);
        if (!str_starts(str_or(record_str(event, F_eventType), ""), "storagepool.") || !*id)
                return STEP_DONE;
        if (!pool) {
                pool = core_create(c, T_storagePool, event->account_id);
                core_put_str(c, pool, F_externalId, id);
                core_put_str(c, pool, F_name, json_str(o, "name", driver));
                core_put_str(c, pool, F_driverName, driver);
                (void) core_process_start(c, pool, P_storagepool_create, NULL, NULL);
        }
        const struct records *hosts = world_of_account(c->world, T_host, event->account_id);
        for (size_t i = 0; i < hosts->n; i++) {
                struct record *map = pool_host(c, pool, hosts->v[i]->id);
                bool wanted = names_host(uuids, hosts->v[i]);
                if (map && !wanted)
                        core_delete(c, map);
                if (map || !wanted)
                        continue;
                map = core_create(c, T_storagePoolHostMap, event->account_id);
                core_put_int(c, map, F_storagePoolId, pool->id);
                core_put_int(c, map, F_hostId, hosts->v[i]->id);
                enum process_id p = process_by_action(T_storagePoolHostMap, "create");
                if (p != P_NONE)
                        (void) core_process_start(c, map, p, NULL, NULL);
        }
        return STEP_DONE;
}

enum step external_event_create(struct core *c, struct record *r, struct run *run, struct step_ctx *ctx) {
        switch (r->kind) {
        case T_externalHostEvent: return str_eq(record_str(r, F_eventType), "host.evacuate") ? evacuate(c, r, run, ctx) : STEP_DONE;
        case T_externalServiceEvent: return service_of_elsewhere(c, r);
        case T_externalDnsEvent: return fqdn(c, r);
        case T_externalVolumeEvent: return volume(c, r);
        case T_externalStoragePoolEvent: return storage_pool(c, r);
        default: return STEP_DONE;
        }
}
