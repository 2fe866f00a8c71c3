#include "metadata.h"

#include <ctype.h>
#include <stdio.h>

#include "addresses.h"
#include "formats/portspec.h"
#include "health_checks.h"
#include "metadata-internal.h"
#include "model/launch.h"

enum { OBJECT_BYTES_MAX = 4 << 20 };

/* ---- what all kinds share ---- */
struct jw metadata_begin(struct metadata_out *o) {
        sbuf_reset(&o->text);
        struct jw w = JW(&o->text, 0);
        jw_begin_object(&w);
        return w;
}

void metadata_end(struct metadata_out *o, struct jw *w, const char *kind) {
        jw_kstring(w, "metadata_kind", kind);
        jw_end(w);
        if (sbuf_ok(&o->text) && sbuf_ok(&o->key))      /* beyond any sense: left out */
                o->put(o->arg, sbuf_str(&o->key), sbuf_str(&o->text), o->text.len);
}

bool metadata_is_gone(const struct record *r) {
        return r->removed_ms || state_is_gone((enum state_id) r->state);
}

const struct record *metadata_live(const struct world *w, enum type_id table, int64_t id) {
        const struct record *r = id ? world_get(w, table, id) : NULL;
        return r && !metadata_is_gone(r) ? r : NULL;
}

void metadata_kuuid(struct jw *w, const char *key, const struct record *r) {
        char uuid[RECORD_UUID_MAX];
        jw_kstring(w, key, r ? record_uuid(r, uuid) : NULL);
}

void metadata_ints(struct jw *w, const char *key, const struct record *r, enum field_id f) {
        const struct slot *s = record_slot(r, f);
        jw_key(w, key);
        if (s && s->tag == V_INT)
                jw_int(w, s->i);
        else
                jw_null(w);
}

void metadata_health_check(struct jw *w, const struct json_object *check) {
        static const char *const keys[][2] = {
                { "interval", "interval" }, { "response_timeout", "responseTimeout" }, { "healthy_threshold", "healthyThreshold" },
                { "unhealthy_threshold", "unhealthyThreshold" },
        };
        if (!json_object_is_type(check, json_type_object)) {
                jw_null(w);
                return;
        }
        jw_begin_object(w);
        jw_key(w, "port");
        jw_json(w, json_get(check, "port"));
        const char *line = json_str(check, "requestLine", NULL);
        jw_kstring(w, "request_line", line && *line ? line : NULL);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                jw_key(w, keys[i][0]);
                jw_json(w, json_get(check, keys[i][1]));
        }
        jw_end(w);
}

/* FNV-1a with a final mix: revisions are made of it, so it is the same everywhere. */
uint64_t metadata_hash(const char *key, const char *json, size_t len) {
        uint64_t h = 0xcbf29ce484222325u;
        for (const char *p = key; *p; p++)
                h = (h ^ (unsigned char) *p) * 0x100000001b3u;
        h = (h ^ 0xff) * 0x100000001b3u;
        for (size_t i = 0; i < len; i++)
                h = (h ^ (unsigned char) json[i]) * 0x100000001b3u;
        h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
        h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
        return h ^ (h >> 33);
}

static void key_of(struct metadata_out *o, const char *kind, const struct record *r) {
        char uuid[RECORD_UUID_MAX];
        sbuf_reset(&o->key);
        sbuf_printf(&o->key, "%s/%s", kind, record_uuid(r, uuid));
}

/* ---- environment, stack, host, network ---- */
static void environment_object(const struct world *w, const struct record *project, struct metadata_out *o) {
        const struct records *regions = world_all(w, T_region);
        const char *region = NULL;
        for (size_t i = 0; i < regions->n; i++)
                if (record_bool(regions->v[i], F_local) && !metadata_is_gone(regions->v[i]))
                        region = record_name(regions->v[i]);
        auto_free char *name = dr_xstrdup(record_name(project)), *lower_region = region ? dr_xstrdup(region) : NULL;
        for (char *p = name; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        for (char *p = lower_region; p && *p; p++)
                *p = (char) tolower((unsigned char) *p);
        sbuf_reset(&o->key);
        sbuf_puts(&o->key, "environment");
        struct jw j = metadata_begin(o);
        jw_kstring(&j, "name", name);
        metadata_kuuid(&j, "uuid", project);
        jw_kstring(&j, "region_name", lower_region);
        metadata_end(o, &j, "environment");
}

static void stack_object(const struct world *w, const struct record *r, struct metadata_out *o) {
        const struct record *project = world_get(w, T_account, r->account_id);
        key_of(o, "stack", r);
        struct jw j = metadata_begin(o);
        jw_kstring(&j, "environment_name", project ? record_name(project) : NULL);
        metadata_kuuid(&j, "environment_uuid", project);
        jw_kstring(&j, "name", record_name(r));
        metadata_kuuid(&j, "uuid", r);
        jw_kbool(&j, "system", record_bool(r, F_system));
        metadata_end(o, &j, "stack");
}

static const char *agent_ip(const struct record *host) {
        const char *ip = host ? record_str(host, F_agentIpAddress) : NULL;
        return ip && *ip ? ip : NULL;
}

static bool host_is_seen(const struct record *r) { return !metadata_is_gone(r) && agent_ip(r); }

static void host_members(const struct world *w, const struct record *r, struct jw *j) {
        const char *hostname = record_str(r, F_hostname);
        jw_kstring(j, "agent_ip", agent_ip(r));
        jw_kstring(j, "name", *record_name(r) ? record_name(r) : hostname);
        jw_key(j, "labels");
        jw_begin_object(j);
        struct json_object *labels = record_json(r, F_labels);
        if (json_object_is_type(labels, json_type_object)) {
                json_object_object_foreach(labels, key, v)
                        jw_kstring(j, key, v ? json_object_get_string(v) : "");
        }
        jw_end(j);
        jw_kint(j, "hostId", r->id);
        metadata_kuuid(j, "uuid", r);
        jw_kstring(j, "hostname", hostname);
        jw_kstring(j, "state", state_name((enum state_id) r->state));
        const struct record *agent = world_get(w, T_agent, record_int(r, F_agentId));
        jw_kstring(j, "agent_state", agent ? state_name((enum state_id) agent->state) : NULL);
        metadata_ints(j, "milli_cpu", r, F_milliCpu);
        metadata_ints(j, "memory", r, F_memory);
        metadata_ints(j, "local_storage_mb", r, F_localStorageMb);
        metadata_kuuid(j, "environment_uuid", world_get(w, T_account, r->account_id));
}

static void host_object(const struct world *w, const struct record *r, struct metadata_out *o) {
        key_of(o, "host", r);
        struct jw j = metadata_begin(o);
        host_members(w, r, &j);
        metadata_end(o, &j, "host");
}

bool metadata_default_data(const struct world *w, const struct record *host, struct sbuf *ret) {
        if (!host_is_seen(host))
                return false;
        struct jw j = JW(ret, 0);
        jw_begin_object(&j);
        jw_kstring(&j, "version", "1-drover");
        jw_key(&j, "self");
        jw_begin_object(&j);
        jw_key(&j, "host");
        jw_begin_object(&j);
        host_members(w, host, &j);
        jw_kstring(&j, "metadata_kind", "host");
        jw_end(&j);
        jw_end(&j);
        jw_kstring(&j, "metadata_kind", "defaultData");
        jw_end(&j);
        return sbuf_ok(ret);
}

static void network_object(const struct world *w, const struct record *r, struct metadata_out *o) {
        const struct record *project = world_get(w, T_account, r->account_id);
        struct json_object *metadata = record_json(r, F_metadata);
        key_of(o, "network", r);
        struct jw j = metadata_begin(o);
        jw_kstring(&j, "name", record_name(r));
        metadata_kuuid(&j, "uuid", r);
        metadata_kuuid(&j, "environment_uuid", project);
        jw_kbool(&j, "is_default", network_default(w, r->account_id) == r);
        jw_kbool(&j, "host_ports", record_bool(r, F_hostPorts));
        jw_key(&j, "metadata");
        if (metadata)
                jw_json(&j, metadata);
        else
                jw_raw(&j, "{}", 2);
        jw_kstring(&j, "default_policy_action", record_str(r, F_defaultPolicyAction));
        jw_key(&j, "policy");
        jw_json(&j, record_json(r, F_policy));
        metadata_end(o, &j, "network");
}

/* ---- containers ---- */
/* Networks of the engine are rows too when the environment has them: by the name that the mode says. */
static const struct record *network_shown(const struct world *w, const struct record *i) {
        const struct record *n = addresses_network(w, i);
        const char *mode = str_or(launch_str(i, "networkMode"), "managed");
        const struct records *all = world_of_account(w, T_network, i->account_id);
        if (record_int(i, F_networkFromId))
                mode = "container";
        for (size_t k = 0; !n && k < all->n; k++)
                if (!metadata_is_gone(all->v[k]) && !network_is_cni(all->v[k]) && str_eq(record_name(all->v[k]), mode))
                        n = all->v[k];
        return n;
}

static const char *address_of(const struct record *i, const struct record *host) {
        const char *mode = str_or(launch_str(i, "networkMode"), "managed"), *ip = record_str(i, F_primaryIpAddress);
        if (record_int(i, F_networkFromId) || str_eq(mode, "container") || str_eq(mode, "none"))
                return NULL;
        if (str_eq(mode, "host"))
                return agent_ip(host);
        if (!ip || !*ip)
                ip = record_str(i, F_dockerIp);
        return ip && *ip ? ip : NULL;
}

static void add_text(struct json_object *list, const char *s) {
        for (size_t k = 0; k < json_object_array_length(list); k++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(list, k)), s))
                        return;
        json_object_array_add(list, json_object_new_string(s));
}

static void add_texts(struct json_object *list, struct json_object *more) {
        for (size_t k = 0; json_object_is_type(more, json_type_array) && k < json_object_array_length(more); k++)
                add_text(list, str_or(json_object_get_string(json_object_array_get_idx(more, k)), ""));
}

/* "shop.rancher.internal", "web.shop.rancher.internal" */
static void add_own_domains(struct json_object *list, const struct record *i) {
        char stack[128], service[128], domain[300];
        launch_names(i, stack, service, sizeof stack);
        service[strcspn(service, "/")] = 0;
        for (int k = 0; k < 2; k++) {
                snprintf(domain, sizeof domain, "%s%s%s.rancher.internal", k ? service : "", k ? "." : "", stack);
                for (char *p = domain; *p; p++)
                        *p = (char) tolower((unsigned char) *p);
                add_text(list, domain);
        }
}

/* What its resolv.conf is made of: its own, then its stack's and service's domains, then what its network says (dns.md 10.1). */
static void name_servers(const struct world *w, struct jw *j, const struct record *i, struct json_object *labels) {
        const struct record *n = addresses_network(w, i);
        const char *wanted = json_str(labels, "io.rancher.container.dns", "true");
        bool on = n && !str_ieq(wanted, "false"), search = on && !str_ieq(json_str(labels, "io.rancher.container.dns.priority", ""), "None");
        AUTO(json_free) struct json_object *dns = json_object_new_array(), *domains = json_object_new_array();
        add_texts(dns, launch_json(i, "dns"));
        add_texts(domains, launch_json(i, "dnsSearch"));
        if (on)
                add_texts(dns, record_json(n, F_dns));
        if (search && record_has(i, F_stackServiceName))
                add_own_domains(domains, i);
        if (search)
                add_texts(domains, record_json(n, F_dnsSearch));
        jw_key(j, "dns");
        jw_json(j, dns);
        jw_key(j, "dns_search");
        jw_json(j, domains);
}

/* The port that the engine chose is written in: "80/tcp" becomes "32768:80/tcp". */
static unsigned engine_port(const struct record *i, const struct portspec *p) {
        struct json_object *seen = record_json(i, F_dockerPorts);
        for (size_t k = 0; json_object_is_type(seen, json_type_array) && k < json_object_array_length(seen); k++) {
                struct json_object *o = json_object_array_get_idx(seen, k);
                if (json_int(o, "private", 0) == p->private_port && str_eq(json_str(o, "proto", "tcp"), port_protocol_to_string(p->protocol)))
                        return (unsigned) json_int(o, "public", 0);
        }
        return 0;
}

static void ports(struct jw *j, const struct record *i) {
        struct json_object *list = launch_json(i, "ports");
        jw_key(j, "ports");
        jw_begin_array(j);
        for (size_t k = 0; json_object_is_type(list, json_type_array) && k < json_object_array_length(list); k++) {
                const char *text = json_object_get_string(json_object_array_get_idx(list, k));
                char buf[PORTSPEC_CHARS_MAX + 1];
                struct portspec p;
                unsigned chosen = text && portspec_parse(text, &p, NULL) >= 0 && !p.public_port ? engine_port(i, &p) : 0;
                if (chosen) {
                        p.public_port = (uint16_t) chosen;
                        portspec_format(&p, buf);
                        text = buf;
                }
                jw_string(j, text);
        }
        jw_end(j);
}

static void reserved(struct jw *j, const char *key, const struct record *i, enum field_id f) {
        struct json_object *conf = record_json(i, F_launchConfigText);
        int64_t v = record_int_or(i, f, json_int(conf, field_name(f), INT64_MIN));
        jw_key(j, key);
        if (v == INT64_MIN)
                jw_null(j);
        else
                jw_int(j, v);
}

/* "1" of "shop-web-1", for containers of services only. */
static const char *service_index(const struct record *i) {
        const char *dash = strrchr(record_name(i), '-');
        if (!record_int(i, F_serviceId) || !dash || !dash[1] || dash[1 + strspn(dash + 1, "0123456789")])
                return NULL;
        return dash + 1;
}

static void check_hosts(const struct world *w, struct jw *j, const struct record *i) {
        struct health_check checks[HEALTH_CHECKERS];
        size_t n = health_checks_get(i, checks);
        char uuid[RECORD_UUID_MAX];
        jw_key(j, "health_check_hosts");
        jw_begin_array(j);
        for (size_t k = 0; k < n; k++) {
                const struct record *host = metadata_live(w, T_host, checks[k].host_id);
                if (host)
                        jw_string(j, record_uuid(host, uuid));
        }
        jw_end(j);
}

static void hostname(struct jw *j, const struct record *i, struct json_object *labels) {
        const char *name = launch_str(i, "hostname");
        if (str_eq(json_str(labels, "io.rancher.container.hostname_override", NULL), "container_name"))
                name = record_name(i);
        jw_kstring(j, "hostname", name && *name ? name : NULL);
}

static void container_object(const struct world *w, const struct record *i, struct metadata_out *o) {
        const struct record *host = metadata_live(w, T_host, record_int(i, F_hostId));
        const struct record *from = record_int(i, F_networkFromId) ? world_get(w, T_instance, record_int(i, F_networkFromId)) : NULL;
        const char *ip = address_of(i, host);
        char mac[MAC_TEXT];
        struct json_object *check = launch_json(i, "healthCheck");
        bool checked = json_object_is_type(check, json_type_object);
        AUTO(json_free) struct json_object *labels = launch_labels(w, i);
        key_of(o, "container", i);
        struct jw j = metadata_begin(o);
        jw_kstring(&j, "name", *record_name(i) ? record_name(i) : NULL);
        metadata_kuuid(&j, "uuid", i);
        jw_kstring(&j, "primary_ip", ip);
        jw_key(&j, "ips");
        jw_begin_array(&j);
        if (ip)
                jw_string(&j, ip);
        jw_end(&j);
        ports(&j, i);
        jw_knull(&j, "service_name");
        jw_knull(&j, "stack_name");
        jw_knull(&j, "stack_uuid");
        jw_key(&j, "labels");
        jw_json(&j, labels);
        metadata_ints(&j, "create_index", i, F_createIndex);
        metadata_kuuid(&j, "host_uuid", host);
        hostname(&j, i, labels);
        jw_kstring(&j, "health_state", checked ? record_str(i, F_healthState) : NULL);
        metadata_ints(&j, "start_count", i, F_startCount);
        jw_kstring(&j, "service_index", service_index(i));
        jw_kstring(&j, "state", state_name((enum state_id) i->state));
        jw_kstring(&j, "external_id", record_str(i, F_externalId));
        jw_kstring(&j, "primary_mac_address", addresses_mac(w, i, mac) ? mac : NULL);
        reserved(&j, "memory_reservation", i, F_memoryReservation);
        reserved(&j, "milli_cpu_reservation", i, F_milliCpuReservation);
        metadata_kuuid(&j, "network_uuid", network_shown(w, i));
        metadata_kuuid(&j, "network_from_container_uuid", from);
        jw_kbool(&j, "system", record_bool(i, F_system));
        name_servers(w, &j, i, labels);
        check_hosts(w, &j, i);
        metadata_kuuid(&j, "environment_uuid", world_get(w, T_account, i->account_id));
        jw_key(&j, "links");
        jw_raw(&j, "{}", 2);
        jw_kstring(&j, "host_ip", agent_ip(host));
        jw_key(&j, "health_check");
        metadata_health_check(&j, check);
        metadata_end(o, &j, "container");
}

static void membership(const struct record *i, const struct record *service, const char *config, struct metadata_out *o) {
        char su[RECORD_UUID_MAX], cu[RECORD_UUID_MAX];
        const char *name = config && *config ? config : record_name(service);
        sbuf_reset(&o->key);
        sbuf_printf(&o->key, "serviceContainerLink/%s/%s/%s", record_uuid(service, su), name, record_uuid(i, cu));
        struct jw j = metadata_begin(o);
        jw_kstring(&j, "service_uuid", record_uuid(service, su));
        jw_kstring(&j, "service_name", name);
        jw_kstring(&j, "container_uuid", record_uuid(i, cu));
        metadata_end(o, &j, "serviceContainerLink");
}

static void container_link(const struct world *w, const struct record *i, const char *name, int64_t target_id, struct metadata_out *o) {
        const struct record *target = metadata_live(w, T_instance, target_id);
        char uuid[RECORD_UUID_MAX];
        if (!target || !*name)
                return;
        sbuf_reset(&o->key);
        sbuf_printf(&o->key, "containerLink/%s/%s", record_uuid(i, uuid), name);
        struct jw j = metadata_begin(o);
        jw_kstring(&j, "container_uuid", record_uuid(i, uuid));
        jw_kstring(&j, "key", name);
        jw_kstring(&j, "value", record_uuid(target, uuid));
        metadata_end(o, &j, "containerLink");
}

static void container_links(const struct world *w, const struct record *i, struct metadata_out *o) {
        const struct records *rows = world_by_int(w, T_instanceLink, F_instanceId, i->id);
        for (size_t k = 0; k < rows->n; k++)
                if (!metadata_is_gone(rows->v[k]))
                        container_link(w, i, str_or(record_str(rows->v[k], F_linkName), ""), record_int(rows->v[k], F_targetInstanceId), o);
        struct json_object *given = rows->n ? NULL : launch_json(i, "instanceLinks");
        if (json_object_is_type(given, json_type_object)) {
                json_object_object_foreach(given, name, id)
                        container_link(w, i, name, json_object_is_type(id, json_type_int) ? json_object_get_int64(id) : 0, o);
        }
}

static bool instance_is_seen(const struct world *w, const struct record *i) {
        if (metadata_is_gone(i) || i->state == S_error || i->state == S_erroring || !metadata_live(w, T_host, record_int(i, F_hostId)))
                return false;
        if (record_int(i, F_serviceId) && !metadata_live(w, T_service, record_int(i, F_serviceId)))
                return false;
        return !record_int(i, F_networkFromId) || metadata_live(w, T_instance, record_int(i, F_networkFromId));
}

static void instance_objects(const struct world *w, const struct record *i, struct metadata_out *o) {
        const struct record *service = metadata_live(w, T_service, record_int(i, F_serviceId));
        container_object(w, i, o);
        if (service)
                membership(i, service, record_str(i, F_launchConfigName), o);
        struct json_object *selected = record_json(i, F_selectedByIds);
        for (size_t k = 0; json_object_is_type(selected, json_type_array) && k < json_object_array_length(selected); k++) {
                const struct record *by = metadata_live(w, T_service, json_object_get_int64(json_object_array_get_idx(selected, k)));
                if (by && by != service)
                        membership(i, by, NULL, o);
        }
        container_links(w, i, o);
}

/* ---- records to objects ---- */
bool metadata_makes(enum type_id table) {
        return table == T_account || table == T_host || table == T_network || table == T_stack || table == T_service || table == T_instance;
}

int64_t metadata_account(const struct record *r) { return r->type == T_account ? (r->kind == T_project ? r->id : 0) : r->account_id; }

static void topic_of(const struct world *w, const struct record *r, char topic[METADATA_TOPIC_MAX]) {
        char uuid[RECORD_UUID_MAX];
        const struct record *stack = r->type == T_instance ? world_get(w, T_stack, record_int(r, F_stackId)) : NULL;
        if (r->type == T_instance && !stack && record_int(r, F_serviceId)) {
                const struct record *service = world_get(w, T_service, record_int(r, F_serviceId));
                stack = service ? world_get(w, T_stack, record_int(service, F_stackId)) : NULL;
        }
        snprintf(topic, METADATA_TOPIC_MAX, "%s%s", r->type == T_instance ? "stack/" : METADATA_ENV,
                 r->type != T_instance ? "" : stack ? record_uuid(stack, uuid) : "-");
}

void metadata_build(const struct world *w, const struct record *r, char topic[METADATA_TOPIC_MAX], metadata_put_fn *put, void *arg) {
        struct metadata_out o = { .key = SBUF(4096), .text = SBUF(OBJECT_BYTES_MAX), .put = put, .arg = arg };
        topic_of(w, r, topic);
        switch (r->type) {
        case T_account:
                if (r->kind == T_project && !metadata_is_gone(r))
                        environment_object(w, r, &o);
                break;
        case T_stack:
                if (!metadata_is_gone(r))
                        stack_object(w, r, &o);
                break;
        case T_host:
                if (host_is_seen(r))
                        host_object(w, r, &o);
                break;
        case T_network:
                if (!metadata_is_gone(r))
                        network_object(w, r, &o);
                break;
        case T_service:
                if (!metadata_is_gone(r) && metadata_live(w, T_stack, record_int(r, F_stackId)))
                        metadata_service_objects(w, r, &o);
                break;
        case T_instance:
                if (instance_is_seen(w, r))
                        instance_objects(w, r, &o);
                break;
        default:
                break;
        }
        sbuf_done(&o.key);
        sbuf_done(&o.text);
}
