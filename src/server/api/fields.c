#include "fields.h"

#include <stdio.h>

#include "core/secret.h"
#include "formats/portspec.h"
#include "model/encode.h"
#include "model/launch.h"
#include "types/types.h"

struct revealed { const struct record *r; enum field_id f; const char *value; struct revealed *next; };

/* ---- stored ---- */
enum state_id field_state(struct api_req *req, const struct record *r) {
        if (r->type == T_host && r->state == S_active && req->version == API_V2_BETA) {
                const struct record *agent = world_get(api_world(req), T_agent, record_int(r, F_agentId));
                if (agent) {
                        api_saw(req, agent->seq);
                        return (enum state_id) agent->state;
                }
        }
        return (enum state_id) r->state;
}

static const char *kind_name(const struct api_req *req, const struct record *r) {
        const char *own = record_str(r, F_kind);
        if (own)
                return own;
        if (r->kind == T_stack && req->version == API_V1)
                return "environment";
        return type_name((enum type_id) r->kind);
}

struct field_read field_read(struct api_req *req, const struct record *r, enum field_id f) {
        struct field_read x = { 0 };
        switch (f) {
        case F_id:        x.v = value_int(r->id); return x;
        case F_accountId: x.v = r->account_id ? value_int(r->account_id) : value_null(); return x;
        case F_created:   x.v = r->created_ms ? value_int(r->created_ms) : value_null(); return x;
        case F_removed:   x.v = r->removed_ms ? value_int(r->removed_ms) : value_null(); return x;
        case F_removeTime:
                if (r->removed_ms)
                        x.v = value_int(r->removed_ms);
                return x;
        default: break;
        }
        if (f == F_environmentId && req->version == API_V1)
                f = F_stackId;
        const struct slot *s = record_slot(r, f);
        if (s) {
                x.v = record_value(r, f);
                if (x.v.tag == V_JSON)
                        x.o = text_json(x.v.t);
                return x;
        }
        if (r->type == T_instance)
                x.o = json_get(record_json(r, F_launchConfigText), field_name(f));
        return x;
}

struct value field_scalar(struct api_req *req, const struct record *r, enum field_id f) {
        char uuid[RECORD_UUID_MAX];
        const char *s = NULL;
        if (f == F_state)
                s = state_name(field_state(req, r));
        else if (f == F_kind)
                s = kind_name(req, r);
        else if (f == F_uuid)
                s = arena_strdup(&req->arena, record_uuid(r, uuid));
        if (s)
                return (struct value) { .tag = V_STR, .t = text_get(s, strlen(s)) };    /* owned: value_done() */
        struct field_read x = field_read(req, r, f);
        switch (x.o ? json_object_get_type(x.o) : json_type_null) {
        case json_type_boolean: return value_bool(json_object_get_boolean(x.o));
        case json_type_int:     return value_int(json_object_get_int64(x.o));
        case json_type_double:  return value_float(json_object_get_double(x.o));
        case json_type_string:  return value_str(json_object_get_string(x.o));
        default:                return value_ref(x.v);
        }
}

/* ---- computed ---- */
typedef void compute_fn(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w);

static bool is_gone(const struct record *r) {
        return r->state == S_removed || r->state == S_purged || r->state == S_purging;
}

static void write_ids(struct api_req *req, struct jw *w, const struct records *l, enum type_id type) {
        char id[ID_TEXT_MAX];
        jw_begin_array(w);
        for (size_t i = 0; i < l->n; i++) {
                api_saw(req, l->v[i]->seq);
                if (!is_gone(l->v[i]))
                        jw_string(w, id_format(req->version, type, l->v[i]->id, id));
        }
        jw_end(w);
}

static bool is_selected(const struct record *i, int64_t service) {
        struct json_object *by = record_json(i, F_selectedByIds);
        for (size_t k = 0; by && k < json_object_array_length(by); k++)
                if (json_object_get_int64(json_object_array_get_idx(by, k)) == service)
                        return true;
        return false;
}

static void service_instance_ids(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        api_saw(req, world_table_seq(api_world(req), T_instance));
        const struct records *own = world_by_int(api_world(req), T_instance, F_serviceId, r->id), *all = world_of_account(api_world(req), T_instance, r->account_id);
        if (!record_has(r, F_selectorContainer)) {
                write_ids(req, w, own, T_instance);
                return;
        }
        struct records both = { 0 };            /* and those that its selector takes in */
        for (size_t i = 0; i < own->n; i++)
                vec_push(&both, own->v[i]);
        for (size_t i = 0; i < all->n; i++)
                if (is_selected(all->v[i], r->id))
                        vec_push(&both, all->v[i]);
        write_ids(req, w, &both, T_instance);
        vec_done(&both);
}
static void host_instance_ids(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        write_ids(req, w, world_by_int(api_world(req), T_instance, F_hostId, r->id), T_instance);
}
static void stack_service_ids(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        api_saw(req, world_table_seq(api_world(req), T_service));
        write_ids(req, w, world_by_int(api_world(req), T_service, F_stackId, r->id), T_service);
}

static void instance_service_ids(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        char id[ID_TEXT_MAX];
        jw_begin_array(w);
        if (record_int(r, F_serviceId))
                jw_string(w, id_format(req->version, T_service, record_int(r, F_serviceId), id));
        struct json_object *selected = record_json(r, F_selectedByIds);
        for (size_t i = 0; selected && i < json_object_array_length(selected); i++)
                jw_string(w, id_format(req->version, T_service, json_object_get_int64(json_object_array_get_idx(selected, i)), id));
        jw_end(w);
}

/* Primary containers that are there (orchestration.md 1.3). */
static void service_current_scale(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        const struct records *l = world_by_int(api_world(req), T_instance, F_serviceId, r->id);
        int64_t n = 0;
        for (size_t i = 0; i < l->n; i++) {
                const struct record *c = l->v[i];
                n += !record_has(c, F_launchConfigName) && !record_bool(c, F_upgradeSetAside) && !is_gone(c) && c->state != S_removing && c->state != S_error && c->state != S_erroring;
        }
        jw_int(w, n);
}

static void service_links(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        const struct records *l = world_by_int(api_world(req), T_serviceConsumeMap, F_serviceId, r->id);
        char id[ID_TEXT_MAX];
        jw_begin_object(w);
        for (size_t i = 0; i < l->n; i++) {
                api_saw(req, l->v[i]->seq);
                const struct record *to = world_get(api_world(req), T_service, record_int(l->v[i], F_consumedServiceId));
                if (is_gone(l->v[i]) || l->v[i]->state == S_removing || !to)
                        continue;
                const char *name = record_name(l->v[i]);
                const struct record *stack = world_get(api_world(req), T_stack, record_int(to, F_stackId));
                if (!*name)                     /* without alias the key is "stack/service" */
                        name = arena_printf(&req->arena, "%s/%s", stack ? record_name(stack) : "", record_name(to));
                jw_kstring(w, name, id_format(req->version, T_service, to->id, id));
        }
        jw_end(w);
}

static size_t list_length(struct json_object *o) { return json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0; }

static bool is_published(const struct published *p, size_t n, const struct published *x) {
        for (size_t i = 0; i < n; i++)
                if (p[i].public_port == x->public_port && p[i].private_port == x->private_port && str_eq(p[i].protocol, x->protocol))
                        return true;
        return false;
}

struct published *instance_ports(struct api_req *req, const struct record *instance, size_t *ret_n) {
        struct json_object *specs = field_read(req, instance, F_ports).o, *seen = record_json(instance, F_dockerPorts);
        size_t n = list_length(specs), of_engine = list_length(seen), k = 0;
        struct published *p = arena_alloc(&req->arena, MAX(n + of_engine, (size_t) 1) * sizeof *p);
        for (size_t i = 0; i < n; i++) {
                struct portspec ps;
                const char *text = json_object_get_string(json_object_array_get_idx(specs, i));
                if (!text || portspec_parse(text, &ps, NULL) < 0 || !ps.public_port)
                        continue;
                p[k++] = (struct published) {
                        .ip = *ps.ip ? arena_strdup(&req->arena, ps.ip) : NULL, .public_port = ps.public_port, .private_port = ps.private_port,
                        .protocol = port_protocol_to_string(ps.protocol),
                };
        }
        for (size_t i = 0; i < of_engine; i++) {        /* the engine chose more: a port without public one, publishAllPorts (agent.md 13) */
                struct json_object *o = json_object_array_get_idx(seen, i);
                const char *ip = json_str(o, "ip", "");
                struct published x = { .public_port = (unsigned) json_int(o, "public", 0), .private_port = (unsigned) json_int(o, "private", 0),
                                       .protocol = json_str(o, "proto", "tcp") };
                if (!x.public_port || is_published(p, k, &x))
                        continue;
                x.ip = *ip && !str_eq(ip, "0.0.0.0") && !str_eq(ip, "::") ? arena_strdup(&req->arena, ip) : NULL;
                x.protocol = arena_strdup(&req->arena, x.protocol);
                p[k++] = x;
        }
        *ret_n = k;
        return p;
}

const char *instance_address(struct api_req *req, const struct record *instance) {
        const char *ip = record_str(instance, F_primaryIpAddress);
        return ip ? ip : record_str(instance, F_dockerIp);
}

static const char *host_address(const struct record *host) {
        const char *ip = host ? record_str(host, F_agentIpAddress) : NULL;
        return ip ? ip : "0.0.0.0";
}

static void endpoints(struct api_req *req, const struct records *instances, struct jw *w) {
        char id[ID_TEXT_MAX];
        jw_begin_array(w);
        for (size_t i = 0; i < instances->n; i++) {
                const struct record *c = instances->v[i];
                int64_t host_id = record_int(c, F_hostId);
                if (!host_id || (c->state != S_running && c->state != S_starting && c->state != S_restarting))
                        continue;
                api_saw(req, c->seq);
                size_t n;
                const struct published *p = instance_ports(req, c, &n);
                const struct record *host = n ? world_get(api_world(req), T_host, host_id) : NULL;
                for (size_t k = 0; k < n; k++) {
                        jw_begin_object(w);
                        jw_kstring(w, "type", "publicEndpoint");
                        jw_kstring(w, "ipAddress", p[k].ip && !str_eq(p[k].ip, "0.0.0.0") ? p[k].ip : host_address(host));
                        jw_kint(w, "port", p[k].public_port);
                        jw_kstring(w, "hostId", id_format(req->version, T_host, host_id, id));
                        jw_kstring(w, "instanceId", id_format(req->version, T_instance, c->id, id));
                        jw_key(w, "serviceId");
                        jw_string(w, record_int(c, F_serviceId) ? id_format(req->version, T_service, record_int(c, F_serviceId), id) : NULL);
                        jw_end(w);
                }
        }
        jw_end(w);
}
static void service_endpoints(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        endpoints(req, world_by_int(api_world(req), T_instance, F_serviceId, r->id), w);
}
static void host_endpoints(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        endpoints(req, world_by_int(api_world(req), T_instance, F_hostId, r->id), w);
}

static void host_agent_state(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        const struct record *agent = world_get(api_world(req), T_agent, record_int(r, F_agentId));
        jw_string(w, agent ? state_name((enum state_id) agent->state) : NULL);
}

static void instance_primary_ip(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        jw_string(w, instance_address(req, r));
}

static void instance_labels(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        AUTO(json_free) struct json_object *all = launch_labels(api_world(req), r);
        jw_json(w, all);
}

static void account_identity(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        char id[ID_TEXT_MAX];
        if (r->kind == T_project)
                jw_null(w);
        else
                jw_string(w, arena_printf(&req->arena, "1i!rancher_id:%s", id_format(req->version, T_account, r->id, id)));
}

/* Who may read a sealed value again (spec api.md 3: projectadmin, registry passwords and keys of certificates). */
static bool may_open(const struct api_req *req, const struct record *r, const struct field_def *f) {
        return req->role == ROLE_projectadmin && !(f->read_on_create_only & BIT(req->role)) && (r->kind == T_registryCredential || r->kind == T_certificate);
}

static void secret(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        for (const struct revealed *v = req->revealed; v; v = v->next)
                if (v->r == r && v->f == (enum field_id) f->id) {
                        jw_string(w, v->value);
                        return;
                }
        auto_free char *open = may_open(req, r, f) ? secret_open(api_core(req), str_or(record_str(r, (enum field_id) f->id), "")) : NULL;
        jw_string(w, open);
}

/* Of a host that registers it is a secret, of any other object an ordinary field. */
static void generic_key(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        if (r->kind == T_register)
                secret(req, r, f, w);
        else
                jw_string(w, record_str(r, F_key));
}

static void template_secrets(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        host_template_write_secrets(req, r, w);
}

static void registration(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        jw_string(w, registration_field(req, r, (enum field_id) f->id));
}

static void health(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        jw_string(w, str_or(record_str(r, F_healthState), "healthy"));
}

/* Raw map for administrators (api.md 1.3): the stored fields that they may see anyway. */
static void data(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        const struct type_def *def = api_type_of(req, r);
        jw_begin_object(w);
        jw_key(w, "fields");
        jw_begin_object(w);
        for (unsigned i = 0; def && i < r->n; i++) {
                enum field_id id = (enum field_id) r->slots[i].field;
                const struct field_def *d = type_field(def, id);
                if (!d || !field_visible(d, req->role) || !(d->flags & FF_IN_LIST) || type_filter(def, id) || id == F_data)
                        continue;
                jw_key(w, field_name(id));
                value_write(w, req->version, req->role, false, d->type, record_value(r, id));
        }
        jw_end(w);
        jw_end(w);
}

/* ---- volumes ---- */
const struct record *pool_of_volume(struct api_req *req, const struct record *volume) {
        int64_t host = record_int(volume, F_hostId);
        const struct records *l = host ? world_of_account(api_world(req), T_storagePool, volume->account_id) : NULL;
        for (size_t i = 0; l && i < l->n; i++)
                if (record_int(l->v[i], F_hostId) == host && l->v[i]->kind != T_registry)
                        return l->v[i];
        return NULL;
}

static void mount_entry(struct api_req *req, struct jw *w, const struct record *i, const struct record *v, struct json_object *o) {
        char id[ID_TEXT_MAX];
        jw_begin_object(w);
        jw_kstring(w, "type", "mountEntry");
        jw_kstring(w, "instanceId", id_format(req->version, T_instance, i->id, id));
        jw_kstring(w, "instanceName", record_name(i));
        jw_kstring(w, "path", json_str(o, "path", NULL));
        jw_kstring(w, "permission", json_str(o, "permissions", NULL));
        jw_kstring(w, "volumeId", id_format(req->version, T_volume, v->id, id));
        jw_kstring(w, "volumeName", record_name(v));
        jw_end(w);
}

/* Entries of one container; of: only this volume, 0 for all. */
static void mount_entries(struct api_req *req, struct jw *w, const struct record *i, int64_t of) {
        struct json_object *list = record_json(i, F_mountList);
        for (size_t k = 0; list && k < json_object_array_length(list); k++) {
                struct json_object *o = json_object_array_get_idx(list, k);
                const struct record *v = world_get(api_world(req), T_volume, json_int(o, "volumeId", 0));
                if (!v || (of && v->id != of))
                        continue;
                api_saw(req, v->seq);
                api_saw(req, i->seq);
                mount_entry(req, w, i, v, o);
        }
}

static void instance_mounts(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        (void) f;
        jw_begin_array(w);
        mount_entries(req, w, r, 0);
        jw_end(w);
}

static void volume_mounts(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        (void) f;
        int64_t host = record_int(r, F_hostId);
        const struct records *l = host ? world_by_int(api_world(req), T_instance, F_hostId, host) : NULL;
        jw_begin_array(w);
        for (size_t i = 0; l && i < l->n; i++)
                mount_entries(req, w, l->v[i], r->id);
        jw_end(w);
}

static void pool_hosts(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        (void) f;
        char id[ID_TEXT_MAX];
        jw_begin_array(w);
        if (record_int(r, F_hostId))
                jw_string(w, id_format(req->version, T_host, record_int(r, F_hostId), id));
        jw_end(w);
}

static void pool_volumes(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        (void) f;
        char id[ID_TEXT_MAX];
        int64_t host = record_int(r, F_hostId);
        const struct records *l = host && r->kind != T_registry ? world_by_int(api_world(req), T_volume, F_hostId, host) : NULL;
        jw_begin_array(w);
        for (size_t i = 0; l && i < l->n; i++)
                jw_string(w, id_format(req->version, T_volume, l->v[i]->id, id));
        jw_end(w);
}

static const struct { enum type_id table; enum field_id field; compute_fn *fn; } computed[] = {
        { T_account, F_identity, account_identity },
        { T_account, F_healthState, health },
        { T_host, F_agentState, host_agent_state },
        { T_host, F_instanceIds, host_instance_ids },
        { T_host, F_publicEndpoints, host_endpoints },
        { T_instance, F_labels, instance_labels },
        { T_instance, F_mounts, instance_mounts },
        { T_volume, F_mounts, volume_mounts },
        { T_storagePool, F_hostIds, pool_hosts },
        { T_storagePool, F_volumeIds, pool_volumes },
        { T_instance, F_primaryIpAddress, instance_primary_ip },
        { T_instance, F_serviceIds, instance_service_ids },
        { T_service, F_currentScale, service_current_scale },
        { T_service, F_healthState, health },
        { T_service, F_instanceIds, service_instance_ids },
        { T_service, F_linkedServices, service_links },
        { T_service, F_publicEndpoints, service_endpoints },
        { T_stack, F_healthState, health },
        { T_stack, F_serviceIds, stack_service_ids },
        { T_credential, F_secretValue, secret },
        { T_secret, F_value, secret },
        { T_region, F_secretValue, secret },
        { T_hostTemplate, F_secretValues, template_secrets },
        { T_certificate, F_key, secret },
        { T_credential, F_token, registration },
        { T_credential, F_command, registration },
        { T_credential, F_image, registration },
        { T_credential, F_registrationUrl, registration },
        { T_agent, F_secretValue, secret },
        { T_genericObject, F_secretKey, secret },
        { T_genericObject, F_accessKey, secret },
        { T_genericObject, F_key, generic_key },
        { T_NONE, F_data, data },                       /* of every table */
};

bool field_compute(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w) {
        for (size_t i = 0; i < ARRAY_LEN(computed); i++)
                if (computed[i].field == (enum field_id) f->id && (computed[i].table == (enum type_id) r->type || computed[i].table == T_NONE)) {
                        computed[i].fn(req, r, f, w);
                        return true;
                }
        return false;
}

void fields_reveal(struct api_req *req, const struct record *r, enum field_id f, const char *value) {
        struct revealed *v = arena_alloc(&req->arena, sizeof *v);
        *v = (struct revealed) { r, f, arena_strdup(&req->arena, value), req->revealed };
        req->revealed = v;
}
