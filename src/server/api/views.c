#include "views.h"

#include <stdio.h>

#include "core/health_checks.h"
#include "core/addresses.h"
#include "core/settings.h"
#include "fields.h"
#include "formats/json.h"
#include "model/launch.h"
#include "types/types.h"

struct maker {                          /* makes the rows of one source record */
        struct api_req *req;
        const struct record *src;
        const struct view *view;
        int64_t next;                   /* index of the next row */
        struct record_list *ret;
};
typedef void make_fn(struct maker *m);
struct view { enum type_id type, source; unsigned which, sources, per; make_fn *make; };

static struct record *row(struct maker *m, enum state_id state) {
        const struct view *v = m->view;
        if (m->next >= v->per)          /* more than its ids have room for: the rest stays out */
                return NULL;
        int64_t id = (m->src->id * v->sources + v->which) * v->per + m->next++;
        struct record *r = api_keep(m->req, record_new(v->type, v->type, id));
        r->account_id = m->src->account_id;
        r->created_ms = m->src->created_ms;
        r->state = (uint16_t) state;
        r->seq = m->src->seq;
        r->uuid = m->src->uuid;         /* of the source, made different by type and index, in form of a random one */
        uint64_t mix = hash_u64((uint64_t) v->type << 32 | (uint64_t) m->next);
        for (int i = 0; i < 6; i++)
                r->uuid.b[10 + i] ^= (unsigned char) (mix >> (8 * i));
        vec_push(m->ret, r);
        return r;
}

static enum state_id while_running(const struct record *i) { return i->state == S_running ? S_active : S_inactive; }

static bool is_gone(const struct record *r) { return r->removed_ms || r->state == S_purged || r->state == S_purging; }

/* ---- of containers and hosts ---- */
static void expose_maps(struct maker *m) {
        int64_t service = record_int(m->src, F_serviceId);
        struct json_object *selected = record_json(m->src, F_selectedByIds);
        size_t n = selected ? json_object_array_length(selected) : 0;
        m->next = service ? 0 : 1;              /* the first id is that of its own service */
        for (size_t k = service ? 0 : 1; k <= n; k++) {
                struct record *r = row(m, S_active);
                if (!r)
                        return;
                record_put(r, F_serviceId, value_int(k == 0 ? service : json_object_get_int64(json_object_array_get_idx(selected, k - 1))));
                record_put(r, F_instanceId, value_int(m->src->id));
                bool aside = k == 0 && record_bool(m->src, F_upgradeSetAside);
                record_put(r, F_managed, value_bool(k == 0 && !aside));
                record_put(r, F_upgrade, value_bool(aside));
        }
}

/* Rows of one service: its own containers', and those that its selector takes in. */
static void of_service(struct api_req *req, const struct view *v, int64_t service, struct record_list *ret);

static void host_maps(struct maker *m) {
        int64_t host = record_int(m->src, F_hostId);
        struct record *r = host ? row(m, S_active) : NULL;
        if (!r)
                return;
        record_put(r, F_hostId, value_int(host));
        record_put(r, F_instanceId, value_int(m->src->id));
}

/* Ids that refer from one view to another: the address of a container or host. */
enum { ADDRESS_OF_INSTANCE, ADDRESS_OF_HOST, ADDRESS_SOURCES };
static int64_t address_id(int64_t id, unsigned which) { return id * ADDRESS_SOURCES + which; }

static void ports(struct maker *m) {
        size_t n;
        const struct published *p = instance_ports(m->req, m->src, &n);
        int64_t host = record_int(m->src, F_hostId);
        for (size_t i = 0; i < n; i++) {
                struct record *r = row(m, while_running(m->src));
                if (!r)
                        return;
                record_put(r, F_instanceId, value_int(m->src->id));
                record_put(r, F_publicPort, value_int(p[i].public_port));
                record_put(r, F_privatePort, value_int(p[i].private_port));
                record_put(r, F_protocol, value_str(p[i].protocol));
                record_put(r, F_bindAddress, value_str(p[i].ip));
                if (instance_address(m->req, m->src))
                        record_put(r, F_privateIpAddressId, value_int(address_id(m->src->id, ADDRESS_OF_INSTANCE)));
                if (host)
                        record_put(r, F_publicIpAddressId, value_int(address_id(host, ADDRESS_OF_HOST)));
        }
}

static void instance_addresses(struct maker *m) {
        const char *ip = instance_address(m->req, m->src);
        struct record *r = ip ? row(m, S_active) : NULL;
        if (!r)
                return;
        const struct record *network = addresses_network(api_world(m->req), m->src), *subnet = addresses_subnet(api_world(m->req), m->src);
        record_put(r, F_address, value_str(ip));
        record_put(r, F_role, value_str("primary"));
        record_put(r, F_instanceId, value_int(m->src->id));
        if (network)
                record_put(r, F_networkId, value_int(network->id));
        if (subnet)
                record_put(r, F_subnetId, value_int(subnet->id));
}

/* The place of a container on its network; its id is the container's. */
static void nics(struct maker *m) {
        char mac[MAC_TEXT];
        const struct record *network = addresses_network(api_world(m->req), m->src);
        struct record *r = network ? row(m, while_running(m->src)) : NULL;
        if (!r)
                return;
        record_put(r, F_instanceId, value_int(m->src->id));
        record_put(r, F_networkId, value_int(network->id));
        record_put(r, F_deviceNumber, value_int(0));
        if (addresses_mac(api_world(m->req), m->src, mac))
                record_put(r, F_macAddress, value_str(mac));
}

/* Which address is on which of them. */
static void address_nics(struct maker *m) {
        const struct record *network = addresses_network(api_world(m->req), m->src);
        struct record *r = network && instance_address(m->req, m->src) ? row(m, S_active) : NULL;
        if (!r)
                return;
        record_put(r, F_nicId, value_int(m->src->id));
        record_put(r, F_ipAddressId, value_int(address_id(m->src->id, ADDRESS_OF_INSTANCE)));
}

static void host_addresses(struct maker *m) {
        const char *ip = record_str(m->src, F_agentIpAddress);
        struct record *r = ip ? row(m, S_active) : NULL;
        if (!r)
                return;
        record_put(r, F_address, value_str(ip));
        record_put(r, F_hostId, value_int(m->src->id));
}

static void mounts(struct maker *m) {
        struct json_object *list = record_json(m->src, F_mountList);
        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                struct json_object *o = json_object_array_get_idx(list, i);
                struct record *r = row(m, while_running(m->src));
                if (!r)
                        return;
                record_put(r, F_instanceId, value_int(m->src->id));
                record_put(r, F_volumeId, value_int(json_int(o, "volumeId", 0)));
                record_put(r, F_path, value_str(json_str(o, "path", NULL)));
                record_put(r, F_permissions, value_str(json_str(o, "permissions", NULL)));
        }
}

static void health_checks(struct maker *m) {
        struct health_check l[HEALTH_CHECKERS];
        size_t n = health_checks_get(m->src, l);
        for (size_t k = 0; k < n; k++) {
                m->next = l[k].number;          /* the id stays with the check while others come and go */
                struct record *r = row(m, S_active);
                if (!r)
                        return;
                record_put(r, F_instanceId, value_int(m->src->id));
                record_put(r, F_hostId, value_int(l[k].host_id));
                record_put(r, F_healthState, value_str(health_check_state_to_string((int) l[k].state)));
                if (l[k].reported_s)
                        record_put(r, F_externalTimestamp, value_int(l[k].reported_s));
        }
}

/* ---- of pools ---- */
static void pool_hosts(struct maker *m) {
        int64_t host = record_int(m->src, F_hostId);
        struct record *r = host ? row(m, S_active) : NULL;
        if (!r)
                return;
        record_put(r, F_hostId, value_int(host));
        record_put(r, F_storagePoolId, value_int(m->src->id));
}

static void volume_pools(struct maker *m) {
        const struct record *pool = pool_of_volume(m->req, m->src);
        struct record *r = pool ? row(m, S_active) : NULL;
        if (!r)
                return;
        record_put(r, F_volumeId, value_int(m->src->id));
        record_put(r, F_storagePoolId, value_int(pool->id));
}

static void labels_from(struct maker *m, struct json_object *o, const char *type) {
        if (!o || !json_object_is_type(o, json_type_object))
                return;
        json_object_object_foreach(o, key, v) {
                struct record *r = row(m, S_created);
                if (!r)
                        return;
                record_put(r, F_key, value_str(key));
                record_put(r, F_value, value_str(v ? json_object_get_string(v) : ""));
                record_put(r, F_type, value_str(type));
                record_put(r, m->view->source == T_host ? F_hostId : F_instanceId, value_int(m->src->id));
        }
}
static void instance_label_rows(struct maker *m) {
        AUTO(json_free) struct json_object *all = launch_labels(api_world(m->req), m->src);
        labels_from(m, all, "container");
}
static void host_label_rows(struct maker *m) { labels_from(m, record_json(m->src, F_labels), "host"); }

static const struct view views[] = {
        { T_serviceExposeMap, T_instance, 0, 1, 64, expose_maps },
        { T_instanceHostMap, T_instance, 0, 1, 1, host_maps },
        { T_port, T_instance, 0, 1, 1024, ports },
        { T_ipAddress, T_instance, ADDRESS_OF_INSTANCE, ADDRESS_SOURCES, 1, instance_addresses },
        { T_ipAddress, T_host, ADDRESS_OF_HOST, ADDRESS_SOURCES, 1, host_addresses },
        { T_nic, T_instance, 0, 1, 1, nics },
        { T_ipAddressNicMap, T_instance, 0, 1, 1, address_nics },
        { T_mount, T_instance, 0, 1, 256, mounts },
        { T_healthcheckInstanceHostMap, T_instance, 0, 1, HEALTH_CHECK_IDS, health_checks },
        { T_storagePoolHostMap, T_storagePool, 0, 1, 1, pool_hosts },
        { T_volumeStoragePoolMap, T_volume, 0, 1, 1, volume_pools },
        { T_label, T_instance, 0, 2, 1024, instance_label_rows },
        { T_label, T_host, 1, 2, 1024, host_label_rows },
};

/* ---- processes: those that run; finished ones are history ---- */
static struct record *process_row(struct api_req *req, const struct record *src) {
        const struct run *run = src->run;
        const struct process_def *def = process_get((enum process_id) run->process);
        char id[ID_TEXT_MAX];
        struct record *r = api_keep(req, record_new(T_processInstance, T_processInstance, run->id));
        r->account_id = src->account_id;
        r->seq = src->seq;
        record_put(r, F_processName, value_str(def->name));
        record_put(r, F_resourceType, value_str(type_name((enum type_id) src->type)));
        record_put(r, F_resourceId, value_str(id_format(req->version, (enum type_id) src->type, src->id, id)));
        record_put(r, F_phase, value_str(run->attempts || run->step ? "HANDLERS" : "STARTED"));
        record_put(r, F_exitReason, value_str(run->error ? "RETRY_EXCEPTION" : NULL));
        record_put(r, F_startTime, value_int(run->started_ms));
        if (run->run_after_ms)
                record_put(r, F_runAfter, value_int(run->run_after_ms));
        record_put(r, F_executionCount, value_int(run->attempts + 1));
        record_put(r, F_priority, value_int(def->priority));
        return r;
}

static void running_processes(struct api_req *req, int64_t id, struct record_list *ret) {
        for (int t = T_NONE + 1; t < T_MAX; t++) {
                if (type_base((enum type_id) t) != (enum type_id) t)
                        continue;
                const struct records *l = world_all(api_world(req), (enum type_id) t);
                for (size_t i = 0; i < l->n; i++)
                        if (l->v[i]->run && (!id || l->v[i]->run->id == id))
                                vec_push(ret, process_row(req, l->v[i]));
        }
}

/* ---- settings ---- */
static struct record *setting_row(struct api_req *req, const char *name, const struct record *stored, const struct setting_def *def) {
        struct record *r = api_keep(req, record_new(T_setting, T_setting, stored ? stored->id : 0));
        const char *value = setting_get(api_core(req), name);
        record_put(r, F_name, value_str(name));
        record_put(r, F_value, value_str(value));
        record_put(r, F_activeValue, value_str(value));
        record_put(r, F_source, value_str(stored ? "Database" : def ? "Code Packaged Defaults" : NULL));
        record_put(r, F_inDb, value_bool(stored != NULL));
        if (stored)
                r->seq = stored->seq;
        return r;
}

static bool sees_all_settings(const struct api_req *req) {
        return (req->role == ROLE_admin || req->role == ROLE_superadmin || req->role == ROLE_service || req->role == ROLE_readAdmin) &&
               !str_eq(api_param(req, "all"), "false");
}

/* Is the name in the setting settings.public, or public from birth? */
static bool is_public(struct api_req *req, const char *name, const struct setting_def *def) {
        if (def && def->public_name)
                return true;
        size_t n = strlen(name);
        for (const char *p = setting_get(api_core(req), "settings.public"); p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
                if (strncmp(p, name, n) == 0 && (!p[n] || p[n] == ','))
                        return true;
        return false;
}

struct record *view_setting(struct api_req *req, const char *name) {
        const struct setting_def *def = setting_def_get(name);
        struct record *stored = setting_record(api_core(req), name);
        api_saw(req, world_table_seq(api_world(req), T_setting));
        if ((!def && !stored) || (!sees_all_settings(req) && !is_public(req, name, def)))
                return NULL;
        return setting_row(req, name, stored, def);
}

static void settings(struct api_req *req, struct record_list *ret) {
        const struct records *l = world_all(api_world(req), T_setting);
        api_saw(req, world_table_seq(api_world(req), T_setting));
        bool all = sees_all_settings(req);
        for (size_t i = 0; i < setting_defs_n; i++)
                if (all || is_public(req, setting_defs[i].name, &setting_defs[i]))
                        vec_push(ret, setting_row(req, setting_defs[i].name, setting_record(api_core(req), setting_defs[i].name), &setting_defs[i]));
        for (size_t i = 0; i < l->n; i++)
                if (!setting_def_get(record_name(l->v[i])) && (all || is_public(req, record_name(l->v[i]), NULL)))
                        vec_push(ret, setting_row(req, record_name(l->v[i]), l->v[i], NULL));
}

/* ---- the face ---- */
bool view_is(enum type_id table) {
        for (size_t i = 0; i < ARRAY_LEN(views); i++)
                if (views[i].type == table)
                        return true;
        return table == T_processInstance || table == T_setting || table == T_activeSetting || table == T_task;
}

static void make(struct api_req *req, const struct view *v, const struct record *src, struct record_list *ret) {
        if (is_gone(src))
                return;
        struct maker m = { .req = req, .src = src, .view = v, .ret = ret };
        v->make(&m);
        api_saw(req, src->seq);
}

static void make_all(struct api_req *req, const struct view *v, const struct records *l, struct record_list *ret) {
        for (size_t i = 0; i < l->n; i++)
                make(req, v, l->v[i], ret);
}

static void of_service(struct api_req *req, const struct view *v, int64_t service, struct record_list *ret) {
        const struct record *s = world_get(api_world(req), T_service, service);
        size_t from = ret->n, kept = ret->n;
        make_all(req, v, world_by_int(api_world(req), T_instance, F_serviceId, service), ret);
        const struct records *l = s && record_has(s, F_selectorContainer) ? world_of_account(api_world(req), T_instance, s->account_id) : NULL;
        for (size_t i = 0; l && i < l->n; i++)
                if (record_has(l->v[i], F_selectedByIds) && record_int(l->v[i], F_serviceId) != service)
                        make(req, v, l->v[i], ret);
        for (size_t i = from; i < ret->n; i++)
                if (v->type != T_serviceExposeMap || record_int(ret->v[i], F_serviceId) == service)
                        ret->v[kept++] = ret->v[i];
        ret->n = kept;
}

void view_rows_of(struct api_req *req, enum type_id table, const struct record *src, struct record_list *ret) {
        for (size_t i = 0; i < ARRAY_LEN(views); i++) {
                if (views[i].type != table || views[i].source != (enum type_id) src->type)
                        continue;
                size_t from = ret->n;
                struct maker m = { .req = req, .src = src, .view = &views[i], .ret = ret };
                views[i].make(&m);
                for (size_t k = from; is_gone(src) && k < ret->n; k++) {
                        ret->v[k]->state = S_removed;
                        ret->v[k]->removed_ms = src->removed_ms;
                }
        }
}

static int by_id(const void *a, const void *b) {
        int64_t x = (*(struct record *const *) a)->id, y = (*(struct record *const *) b)->id;
        return (x > y) - (x < y);
}

void view_list(struct api_req *req, enum type_id table, enum field_id by, int64_t value, struct record_list *ret) {
        struct world *w = api_world(req);
        if (table == T_processInstance)
                running_processes(req, 0, ret);
        else if (table == T_setting || table == T_activeSetting)
                settings(req, ret);
        else if (table == T_task)
                task_rows(req, ret);
        for (size_t i = 0; i < ARRAY_LEN(views); i++) {
                const struct view *v = &views[i];
                if (v->type != table)
                        continue;
                api_saw(req, world_table_seq(w, v->source));
                bool of_source = (by == F_instanceId && v->source == T_instance) || (by == F_hostId && v->source == T_host);
                if (of_source) {
                        struct record *src = world_get(w, v->source, value);
                        if (src)
                                make(req, v, src, ret);
                } else if (by == F_serviceId && v->source == T_instance) {
                        of_service(req, v, value, ret);
                } else if (by == F_hostId && v->source == T_instance) {
                        make_all(req, v, world_by_int(w, T_instance, by, value), ret);
                } else if (by == F_accountId) {
                        make_all(req, v, world_of_account(w, v->source, value), ret);
                } else if (by == F_NONE) {
                        make_all(req, v, world_all(w, v->source), ret);
                }
        }
        if (table != T_setting && table != T_activeSetting)
                vec_sort(ret, by_id);
}

struct record *view_get(struct api_req *req, enum type_id table, int64_t id) {
        struct record_list rows = { 0 };
        if (table == T_processInstance)
                running_processes(req, id, &rows);
        else if (table == T_task)
                task_rows(req, &rows);
        for (size_t i = 0; i < ARRAY_LEN(views); i++) {
                const struct view *v = &views[i];
                int64_t src_id = id / v->per;
                if (v->type != table || src_id % v->sources != v->which)
                        continue;
                struct record *src = world_get(api_world(req), v->source, src_id / v->sources);
                if (src)
                        make(req, v, src, &rows);
        }
        struct record *found = NULL;
        for (size_t i = 0; i < rows.n && !found; i++)
                if (rows.v[i]->id == id)
                        found = rows.v[i];
        vec_done(&rows);
        return found;
}
