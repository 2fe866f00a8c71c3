/* From merged services to create requests: sidekicks, kinds, links, order (compose.md 6 and 8), volumes, secrets, hosts. */
#include "compose-internal.h"

#include "base/sbuf.h"
#include "json.h"

#include <ctype.h>
#include <stdio.h>

#define HASH_LABEL "io.rancher.service.hash"
enum { SIDEKICKS_MAX = 100 };

enum kind { KIND_SERVICE, KIND_EXTERNAL, KIND_LEGACY_LB, KIND_LB, KIND_DNS, KIND_NETWORK_DRIVER, KIND_STORAGE_DRIVER, KIND_MAX };
static const struct { const char *type, *collection; bool links; } kinds[KIND_MAX] = {
        [KIND_SERVICE] = { "service", "services", true },
        [KIND_EXTERNAL] = { "externalService", "externalservices", false },
        [KIND_LEGACY_LB] = { "loadBalancerService", "loadbalancerservices", false },
        [KIND_LB] = { "loadBalancerService", "loadbalancerservices", false },
        [KIND_DNS] = { "dnsService", "dnsservices", true },
        [KIND_NETWORK_DRIVER] = { "networkDriverService", "networkdriverservices", true },
        [KIND_STORAGE_DRIVER] = { "storageDriverService", "storagedriverservices", true },
};

struct planned {
        const char *name;
        const struct ynode *key, *svc;
        const char *primary;            /* the service it is a sidekick of, or NULL */
        VEC(const char *) sidekicks;    /* names, borrowed from the arena */
        VEC(size_t) needs;              /* indexes */
        struct json_object *lb;
        enum kind kind;
        int wave;                       /* -1: not yet, -2: being visited */
};

struct plan { struct compose *c; struct planned *v; size_t n; struct smap by_name; };

static struct planned *find(const struct plan *p, const char *name) { return smap_get(&p->by_name, name); }

static const char *label(const struct ynode *svc, const char *name) {
        const struct ynode *v = ynode_get(ynode_get(svc, "labels"), name);
        return v ? v->text : NULL;
}

static void find_sidekicks(struct plan *p) {
        for (size_t i = 0; i < p->n; i++) {
                struct planned *s = &p->v[i];
                const struct ynode *v = ynode_get(ynode_get(s->svc, "labels"), "io.rancher.sidekicks");
                for (const char *q = v ? v->text : NULL; q;) {
                        size_t n = strcspn(q, ",");
                        const char *start = q, *end = q + n;
                        while (start < end && isspace((unsigned char) *start))
                                start++;
                        while (end > start && isspace((unsigned char) end[-1]))
                                end--;
                        auto_free char *name = dr_xstrndup(start, (size_t) (end - start));
                        q = q[n] ? q + n + 1 : NULL;
                        struct planned *side = find(p, name);
                        if (!side) {
                                compose_error(p->c, v, "Failed to find sidekick: %s", name);
                        } else if (side->primary && !str_eq(side->primary, s->name)) {
                                compose_error(p->c, v, "can't have more than one primary service [%s %s] referencing the same sidekick [%s]", side->primary,
                                              s->name, side->name);
                        } else if (s->sidekicks.n == SIDEKICKS_MAX) {
                                compose_error(p->c, v, "Service '%s' has more than %d sidekicks", s->name, SIDEKICKS_MAX);
                                break;
                        } else if (!side->primary) {
                                side->primary = s->name;
                                vec_push(&s->sidekicks, side->name);
                        }
                }
        }
}

/* In a circle of sidekicks no service would be left. */
static void refuse_circles(struct plan *p) {
        for (size_t i = 0; i < p->n; i++) {
                const struct planned *s = &p->v[i];
                for (size_t steps = 0; s && steps <= p->n; steps++) {
                        s = s->primary ? find(p, s->primary) : NULL;
                        if (s == &p->v[i]) {
                                compose_error(p->c, s->key, "Service '%s' is a sidekick of itself", s->name);
                                break;
                        }
                }
        }
}

static enum kind kind_of(struct planned *s, struct compose_build *b) {
        const struct ynode *image = ynode_get(s->svc, "image"), *lb = ynode_get(s->svc, "lb_config");
        const char *name = image ? image->text : "";
        bool balances = false;
        if (str_eq(name, "rancher/external-service"))
                return KIND_EXTERNAL;
        if (str_eq(name, "rancher/load-balancer-service"))
                return KIND_LEGACY_LB;
        if (lb && lb->kind == YNODE_MAP)
                s->lb = compose_lb_config(b, lb, &balances);
        if (balances)
                return KIND_LB;
        if (str_eq(name, "rancher/dns-service"))
                return KIND_DNS;
        if (ynode_get(s->svc, "network_driver"))
                return KIND_NETWORK_DRIVER;
        if (ynode_get(s->svc, "storage_driver"))
                return KIND_STORAGE_DRIVER;
        /* Rancher 1.2: external addresses or a host name make an external service. 1.6 does not; drover does where there is no image. */
        bool selects = label(s->svc, "io.rancher.service.selector.container") || label(s->svc, "io.rancher.service.selector.link");
        if (!*name && !lb && !selects && !ynode_get(s->svc, "build") && (ynode_get(s->svc, "external_ips") || ynode_get(s->svc, "hostname")))
                return KIND_EXTERNAL;
        return KIND_SERVICE;
}

/* Links */

static unsigned slashes(const char *s) {
        unsigned n = 0;
        for (; *s; s++)
                n += *s == '/';
        return n;
}

static void need(struct plan *p, struct planned *s, const char *name) {
        struct planned *target = find(p, name);
        if (target && target->primary)
                target = find(p, target->primary);
        if (target && target != s)
                vec_push(&s->needs, (size_t) (target - p->v));
}

static struct json_object *links_of(struct plan *p, struct planned *s) {
        struct json_object *list = json_object_new_array();
        static const char *const keys[] = { "links", "external_links" };
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
                const struct ynode *v = ynode_get(s->svc, keys[k]);
                for (size_t i = 0; v && i < v->seq.n; i++) {
                        const char *text = v->seq.v[i]->text, *colon = strchr(text, ':');
                        auto_free char *target = dr_xstrndup(text, colon ? (size_t) (colon - text) : strlen(text));
                        struct planned *t = find(p, target);
                        if (k == 0 && slashes(target) < 2) {
                                if (!t)
                                        compose_error(p->c, v->seq.v[i], "Service '%s' has a link to service '%s' which is undefined", s->name, target);
                                need(p, s, target);
                                if (!t || t->primary)   /* a link to a sidekick's name is dropped silently, as upstream does */
                                        continue;
                        }
                        struct json_object *o = json_object_new_object();
                        if (colon && colon[1])
                                json_set_str(o, "name", colon + 1);
                        json_set_str(o, "service", target);
                        json_object_array_add(list, o);
                }
        }
        return list;
}

static void find_needs(struct plan *p, struct planned *s) {
        const struct ynode *lb = ynode_get(s->svc, "lb_config"), *rules = ynode_get(lb, "port_rules");
        bool balancer = s->kind == KIND_LB || s->kind == KIND_LEGACY_LB;
        for (size_t i = 0; balancer && rules && rules->kind == YNODE_SEQ && i < rules->seq.n; i++) {
                const struct ynode *target = ynode_get(rules->seq.v[i], "service");
                if (!target || !*target->text || strchr(target->text, '/'))
                        continue;
                if (!find(p, target->text))
                        compose_error(p->c, target, "Service '%s' has a link to service '%s' which is undefined", s->name, target->text);
                need(p, s, target->text);
        }
        const struct ynode *depends = ynode_get(s->svc, "depends_on");
        for (size_t i = 0; depends && i < depends->seq.n; i++) {        /* drover: orders; upstream ignores it */
                const char *name = depends->seq.v[i]->text;
                if (!find(p, name))
                        compose_warn(p->c, depends->seq.v[i], "Service '%s' depends on '%s' which is undefined", s->name, name);
                else
                        need(p, s, name);
        }
}

/* Longest way down; a circle is cut where it closes. Depth of recursion: COMPOSE_SERVICES_MAX. */
static int wave_of(struct plan *p, struct planned *s) {
        if (s->wave != -1)
                return s->wave;
        s->wave = -2;
        int wave = 0;
        for (size_t i = 0; i < s->needs.n; i++) {
                int below = wave_of(p, &p->v[s->needs.v[i]]);
                wave = MAX(wave, below + 1);    /* a circle gives -1 here */
        }
        s->wave = wave;
        return wave;
}

/* Bodies */

/* 128-bit FNV-1a of the canonical text: a stable fingerprint, private to drover (compose.md 8). */
static void fingerprint(const struct json_object *o, char ret[33]) {
        auto_sbuf struct sbuf b = SBUF(64 << 20);
        json_canonical(o, &b);
        unsigned __int128 h = ((unsigned __int128) UINT64_C(0x6c62272e07bb0142) << 64) | UINT64_C(0x62b821756295c58d);
        const unsigned __int128 prime = ((unsigned __int128) 1 << 88) + 0x13b;
        for (size_t i = 0; i < b.len; i++)
                h = (h ^ (unsigned char) b.data[i]) * prime;
        snprintf(ret, 33, "%016llx%016llx", (unsigned long long) (h >> 64), (unsigned long long) h);
}

static void add_hash(struct json_object *of, struct json_object *into) {
        char hash[33];
        fingerprint(of, hash);
        json_set_str(into, HASH_LABEL, hash);
}

const struct compose_field compose_storage_fields[] = {
        { "name", "name", FIELD_STRING }, { "scope", "scope", FIELD_STRING }, { "volume_access_mode", "volumeAccessMode", FIELD_STRING },
        { "description", "description", FIELD_STRING }, { "block_device_path", "blockDevicePath", FIELD_STRING },
        { "volume_capabilities", "volumeCapabilities", FIELD_STRINGS }, { 0 },
};
static const struct compose_field default_network_fields[] = {
        { "name", "name", FIELD_STRING }, { "kind", "kind", FIELD_STRING }, { "host_ports", "hostPorts", FIELD_BOOL },
        { "subnets", "subnets", FIELD_CAMEL }, { "dns", "dns", FIELD_STRINGS },
        { "dns_search", "dnsSearch", FIELD_STRINGS }, { "policy", "policy", FIELD_CAMEL },
        { "default_policy_action", "defaultPolicyAction", FIELD_STRING }, { "metadata", "metadata", FIELD_ANY }, { 0 },
};
const struct compose_field compose_network_fields[] = {
        { "name", "name", FIELD_STRING }, { "default_network", "defaultNetwork", FIELD_OBJECT, default_network_fields },
        { "cni_config", "cniConfig", FIELD_ANY }, { "network_metadata", "networkMetadata", FIELD_ANY }, { 0 },
};
const struct compose_field compose_policy_fields[] = {
        { "min", "min", FIELD_INT }, { "max", "max", FIELD_INT }, { "increment", "increment", FIELD_INT }, { 0 },
};
static const struct compose_field upgrade_fields[] = {
        { "start_first", "startFirst", FIELD_BOOL }, { "batch_size", "batchSize", FIELD_INT }, { "interval_millis", "intervalMillis", FIELD_INT }, { 0 },
};

static void set_object(struct compose_build *b, struct json_object *o, const char *field, const struct compose_field *rows, const char *key) {
        const struct ynode *v = ynode_get(b->svc, key);
        b->key = key;
        if (v && v->kind == YNODE_MAP)
                json_set(o, field, compose_object(b, rows, v));
}

static int64_t scale_of(struct compose_build *b) {
        const struct ynode *v = ynode_get(b->svc, "scale");
        int64_t scale = 1;
        if (v && compose_int(v, &scale) < 0)
                compose_error(b->c, v, "Service '%s' configuration key 'scale' contains '%.60s', it should be a number", b->service, v->text);
        return scale < 1 ? 1 : scale;
}

static void special_fields(struct compose_build *b, struct json_object *body) {
        static const struct compose_field rows[] = {
                { "external_ips", "externalIpAddresses", FIELD_STRINGS }, { "hostname", "hostname", FIELD_STRING }, { 0 },
        };
        b->key = "service";
        AUTO(json_free) struct json_object *o = compose_object(b, rows, b->svc);
        json_object_object_foreach(o, key, value)
                json_set(body, key, json_object_get(value));
        set_object(b, body, "healthCheck", compose_health_fields, "health_check");
        set_object(b, body, "storageDriver", compose_storage_fields, "storage_driver");
        set_object(b, body, "networkDriver", compose_network_fields, "network_driver");
}

static void secondary_configs(struct plan *p, struct planned *s, struct json_object *body) {
        if (!s->sidekicks.n)
                return;
        struct json_object *list = json_object_new_array();
        for (size_t i = 0; i < s->sidekicks.n; i++) {
                struct planned *side = find(p, s->sidekicks.v[i]);
                struct json_object *lc = compose_launch_config(p->c, side->name, side->svc);
                json_set_str(lc, "name", side->name);
                add_hash(lc, json_get(lc, "labels"));
                json_object_array_add(list, lc);
        }
        json_set(body, "secondaryLaunchConfigs", list);
}

static struct json_object *body_of(struct plan *p, struct planned *s) {
        struct compose_build b = { .c = p->c, .service = s->name, .svc = s->svc };
        struct json_object *body = json_object_new_object();
        json_set_str(body, "name", s->name);
        json_set_int(body, "scale", scale_of(&b));
        set_object(&b, body, "scalePolicy", compose_policy_fields, "scale_policy");
        const struct ynode *retain = ynode_get(s->svc, "retain_ip"), *metadata = ynode_get(s->svc, "metadata");
        if (retain && retain->kind == YNODE_BOOL && retain->b)
                json_set_bool(body, "retainIp", true);
        static const struct { const char *label, *field; } selectors[] = {
                { "io.rancher.service.selector.container", "selectorContainer" }, { "io.rancher.service.selector.link", "selectorLink" },
        };
        for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
                const char *v = label(s->svc, selectors[i].label);
                if (v && *v)
                        json_set_str(body, selectors[i].field, v);
        }
        struct json_object *lc = compose_launch_config(p->c, s->name, s->svc);
        if (s->kind == KIND_LEGACY_LB) {
                json_object_put(s->lb);
                s->lb = compose_legacy_lb(&b, lc, ynode_get(s->svc, "links"), ynode_get(s->svc, "external_links"));
        }
        if (s->kind != KIND_SERVICE)
                special_fields(&b, body);
        if (s->lb)
                json_set(body, "lbConfig", dr_take(s->lb));
        json_set(body, "metadata", metadata && metadata->kind == YNODE_MAP ? ynode_to_json(metadata) : json_object_new_object());
        AUTO(json_free) struct json_object *hashed = json_copy(body);
        static const char *const not_hashed[] = { "scale", "selectorContainer", "selectorLink" };
        for (size_t i = 0; i < ARRAY_LEN(not_hashed); i++)
                json_object_object_del(hashed, not_hashed[i]);
        if (s->kind == KIND_SERVICE && json_get(lc, "healthCheck"))     /* upstream's belongs to the service too */
                json_set(hashed, "healthCheck", json_copy(json_get(lc, "healthCheck")));
        add_hash(hashed, json_get(body, "metadata"));
        add_hash(lc, json_get(lc, "labels"));
        json_set(body, "launchConfig", lc);
        secondary_configs(p, s, body);
        return body;
}

static int by_wave_and_name(const void *a, const void *b) {
        const struct compose_service *x = a, *y = b;
        return x->wave != y->wave ? (x->wave > y->wave) - (x->wave < y->wave) : strcmp(x->name, y->name);
}

static void plan_service(struct plan *p, struct planned *s) {
        struct compose_build b = { .c = p->c, .service = s->name, .svc = s->svc };
        struct compose_service out = { .name = s->name, .type = kinds[s->kind].type, .collection = kinds[s->kind].collection, .wave = (unsigned) s->wave };
        const char *selector = label(s->svc, "io.rancher.service.selector.link");
        out.sets_links = kinds[s->kind].links && !(selector && *selector);
        out.scale_given = ynode_get(s->svc, "scale") != NULL;
        out.wait_healthy = label(s->svc, "io.rancher.service.wait_for_healthcheck") != NULL;
        out.body = body_of(p, s);
        out.links = links_of(p, s);
        const struct ynode *strategy = ynode_get(s->svc, "upgrade_strategy");
        b.key = "upgrade_strategy";
        if (strategy && strategy->kind == YNODE_MAP)
                out.upgrade_strategy = compose_object(&b, upgrade_fields, strategy);
        out.file = compose_file(p->c, s->key);
        out.line = s->key->line;
        vec_push(&p->c->out, out);
}

/* The other sections */

static const struct compose_field volume_fields[] = {
        { "driver", "driver", FIELD_STRING }, { "per_container", "perContainer", FIELD_BOOL }, { 0 },
};

static void plan_volumes(struct compose *c) {
        for (size_t i = 0; c->volumes && i < c->volumes->map.n; i++) {
                const char *name = c->volumes->map.v[i].key->text;
                const struct ynode *v = c->volumes->map.v[i].value, *external = ynode_get(v, "external"), *opts = ynode_get(v, "driver_opts");
                if (v->kind != YNODE_MAP && v->kind != YNODE_NULL) {
                        compose_error(c, v, "Volume '%s' must be a map of keys, found a %s", name, ynode_kind_to_string(v->kind));
                        continue;
                }
                struct compose_build b = { .c = c, .service = name, .key = "volumes", .svc = v };
                struct json_object *o = compose_object(&b, volume_fields, v);
                json_object_array_add(c->volumes_json, o);
                json_set_str(o, "name", name);
                if (external && external->kind != YNODE_BOOL && external->kind != YNODE_MAP && external->kind != YNODE_NULL)
                        compose_error(c, external, "Volume '%s' configuration key 'external' should be a boolean or an object", name);
                else if (external && (external->kind == YNODE_MAP || (external->kind == YNODE_BOOL && external->b)))
                        json_set_bool(o, "external", true);
                if (!opts || opts->kind == YNODE_NULL)
                        continue;
                if (opts->kind != YNODE_MAP) {
                        compose_error(c, opts, "Volume '%s' configuration key 'driver_opts' should be an object", name);
                        continue;
                }
                struct json_object *driver_opts = json_object_new_object();
                for (size_t k = 0; k < opts->map.n; k++) {
                        char buf[64];
                        const char *text;
                        ynode_scalar_text(opts->map.v[k].value, buf, sizeof buf, &text);
                        json_set_str(driver_opts, opts->map.v[k].key->text, text);
                }
                json_set(o, "driverOpts", driver_opts);
        }
}

static char *base64(const char *s, size_t n) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        auto_sbuf struct sbuf b = SBUF(n * 2 + 8);
        for (size_t i = 0; i < n; i += 3) {
                uint32_t v = (uint32_t) (unsigned char) s[i] << 16;
                v |= i + 1 < n ? (uint32_t) (unsigned char) s[i + 1] << 8 : 0;
                v |= i + 2 < n ? (uint32_t) (unsigned char) s[i + 2] : 0;
                char four[4] = { digits[v >> 18], digits[v >> 12 & 63], i + 1 < n ? digits[v >> 6 & 63] : '=', i + 2 < n ? digits[v & 63] : '=' };
                sbuf_add(&b, four, 4);
        }
        return sbuf_steal(&b);
}

static void plan_secrets(struct compose *c) {
        for (size_t i = 0; c->secrets && i < c->secrets->map.n; i++) {
                const char *name = c->secrets->map.v[i].key->text;
                const struct ynode *v = c->secrets->map.v[i].value, *external = ynode_get(v, "external"), *file = ynode_get(v, "file");
                struct json_object *o = json_object_new_object();
                json_object_array_add(c->secrets_json, o);
                json_set_str(o, "name", name);
                bool is_external = external && (external->kind == YNODE_BOOL ? external->b : external->kind != YNODE_NULL && *external->text);
                json_set_bool(o, "external", is_external);
                if (is_external || !file || file->kind != YNODE_STRING)
                        continue;
                auto_free char *text = NULL;
                size_t len = 0;
                struct dr_error err = { .message = "files are not read here" };
                int r = c->env->read_file ? c->env->read_file(c->env->ctx, compose_file(c, file), file->text, &text, &len, &err) : -EACCES;
                if (r < 0) {
                        compose_error(c, file, "could not read file \"%.200s\": %s", file->text, err.message);
                        continue;
                }
                auto_free char *value = base64(text, len);
                json_set_str(o, "value", value);
        }
}

static void plan_hosts(struct compose *c) {
        for (size_t i = 0; c->hosts && i < c->hosts->map.n; i++) {
                const struct ynode *v = c->hosts->map.v[i].value, *count = ynode_get(v, "count"), *template = ynode_get(v, "template");
                int64_t n = 1;
                if (count && (compose_int(count, &n) < 0 || n < 0 || n > 1000))
                        compose_error(c, count, "Host '%s' configuration key 'count' should be a number of 0 to 1000", c->hosts->map.v[i].key->text);
                struct json_object *o = json_object_new_object(), *fields = compose_camel(v);
                json_object_array_add(c->hosts_json, o);
                json_set_str(o, "name", c->hosts->map.v[i].key->text);
                json_set_int(o, "count", n);
                if (template && template->kind == YNODE_STRING)
                        json_set_str(o, "template", template->text);
                if (json_object_is_type(fields, json_type_object)) {
                        json_object_object_del(fields, "count");
                        json_object_object_del(fields, "template");
                }
                json_set(o, "fields", fields);
        }
}

void compose_plan(struct compose *c) {
        struct plan p = { .c = c, .n = c->services->map.n };
        p.v = p.n ? dr_xcalloc(p.n, sizeof *p.v) : NULL;
        for (size_t i = 0; i < p.n; i++) {
                const struct ypair *s = &c->services->map.v[i];
                p.v[i] = (struct planned) { .name = s->key->text, .key = s->key, .svc = s->value, .wave = -1 };
                smap_set(&p.by_name, p.v[i].name, &p.v[i]);
        }
        find_sidekicks(&p);
        refuse_circles(&p);
        for (size_t i = 0; i < p.n; i++) {
                struct compose_build b = { .c = c, .service = p.v[i].name, .svc = p.v[i].svc };
                p.v[i].kind = kind_of(&p.v[i], &b);
                if (p.v[i].primary)
                        continue;
                find_needs(&p, &p.v[i]);
                struct json_object *links = links_of(&p, &p.v[i]);      /* for the order; made again for the result */
                json_object_put(links);
        }
        size_t errors = c->errors;
        for (size_t i = 0; i < p.n && !errors; i++) {
                if (p.v[i].primary)
                        continue;
                (void) wave_of(&p, &p.v[i]);
                plan_service(&p, &p.v[i]);
        }
        if (c->out.n > 1)
                qsort(c->out.v, c->out.n, sizeof *c->out.v, by_wave_and_name);
        for (size_t i = 0; i < p.n; i++) {
                json_object_put(p.v[i].lb);
                vec_done(&p.v[i].sidekicks);
                vec_done(&p.v[i].needs);
        }
        free(p.v);
        smap_done(&p.by_name);
        plan_volumes(c);
        plan_secrets(c);
        plan_hosts(c);
}
