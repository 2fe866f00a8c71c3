#include "result.h"

#include "node/json_view.h"

#include <stdio.h>
#include <sys/socket.h>

int cni_fail(struct cni_error *e, unsigned code, const char *fmt, ...) {
        va_list ap;
        e->code = code;
        e->details[0] = 0;
        va_start(ap, fmt);
        vsnprintf(e->msg, sizeof e->msg, fmt, ap);
        va_end(ap);
        return -1;
}

int cni_fail_with(struct cni_error *e, unsigned code, const struct dr_error *err) { return cni_fail(e, code, "%s", err->message); }

void cni_result_done(struct cni_result *r) {
        vec_done(&r->interfaces);
        vec_done(&r->ips);
        vec_done(&r->routes);
        json_object_put(r->dns);
        r->dns = NULL;
}

static unsigned small(json_object *o, const char *key) {
        int64_t v = jv_i64(o, key);
        return v > 0 && v <= INT32_MAX ? (unsigned) v : 0;
}

static int read_route(json_object *o, struct cni_result *ret, struct cni_error *err) {
        struct cni_route r = { .mtu = small(o, "mtu"), .advmss = small(o, "advmss"), .priority = small(o, "priority"), .table = small(o, "table"), .scope = -1 };
        const char *dst = jv_str(o, "dst"), *gw = jv_str(o, "gw");
        if (inet_cidr_parse(dst, -1, &r.dst) < 0)
                return cni_fail(err, CNI_E_DECODE, "route's dst \"%.64s\" is no network like 10.0.0.0/8", dst);
        if (*gw && (inet_parse(gw, &r.gw) < 0 || r.gw.family != r.dst.ip.family))
                return cni_fail(err, CNI_E_DECODE, "gw \"%.64s\" of the route to %.64s is no address for it", gw, dst);
        if (jv_get(o, "scope"))
                r.scope = (int) MIN(small(o, "scope"), 255u);
        if (ret->routes.n >= CNI_ELEMENTS_MAX)
                return cni_fail(err, CNI_E_DECODE, "more than %d routes", CNI_ELEMENTS_MAX);
        vec_push(&ret->routes, r);
        return 0;
}

static int read_routes(json_object *a, struct cni_result *ret, struct cni_error *err) {
        for (size_t i = 0; i < jv_len(a); i++)
                if (read_route(jv_at(a, i), ret, err) < 0)
                        return -1;
        return 0;
}

/* key: "ip" in the old form, "address" in the new one. */
static int read_ip(json_object *o, const char *key, int family, struct cni_result *ret, struct cni_error *err) {
        struct cni_ip ip = { .interface = -1 };
        const char *text = jv_str(o, key), *gateway = jv_str(o, "gateway");
        if (inet_cidr_parse(text, -1, &ip.address) < 0 || (family && ip.address.ip.family != family))
                return cni_fail(err, CNI_E_DECODE, "\"%.64s\" is no address like 10.42.0.7/16", text);
        if (*gateway && (inet_parse(gateway, &ip.gateway) < 0 || ip.gateway.family != ip.address.ip.family))
                return cni_fail(err, CNI_E_DECODE, "gateway \"%.64s\" of %.64s is no address for it", gateway, text);
        if (jv_get(o, "interface")) {
                int64_t index = jv_i64(o, "interface");
                ip.interface = index >= 0 && index < CNI_ELEMENTS_MAX ? (int) index : -1;
        }
        if (ret->ips.n >= CNI_ELEMENTS_MAX)
                return cni_fail(err, CNI_E_DECODE, "more than %d addresses", CNI_ELEMENTS_MAX);
        vec_push(&ret->ips, ip);
        return 0;
}

static int read_interfaces(json_object *a, struct cni_result *ret, struct cni_error *err) {
        for (size_t i = 0; i < jv_len(a); i++) {
                json_object *o = jv_at(a, i);
                struct cni_interface face = { .mtu = small(o, "mtu") };
                if (ret->interfaces.n >= CNI_ELEMENTS_MAX || strlen(jv_str(o, "name")) >= sizeof face.name || strlen(jv_str(o, "mac")) >= sizeof face.mac ||
                    strlen(jv_str(o, "sandbox")) >= sizeof face.sandbox)
                        return cni_fail(err, CNI_E_DECODE, "interfaces are too many or their names too long");
                snprintf(face.name, sizeof face.name, "%s", jv_str(o, "name"));
                snprintf(face.mac, sizeof face.mac, "%s", jv_str(o, "mac"));
                snprintf(face.sandbox, sizeof face.sandbox, "%s", jv_str(o, "sandbox"));
                vec_push(&ret->interfaces, face);
        }
        return 0;
}

static int read_all(json_object *o, struct cni_result *ret, struct cni_error *err) {
        if (o && !json_object_is_type(o, json_type_object))
                return cni_fail(err, CNI_E_DECODE, "a result is a JSON object");
        static const struct { const char *key; int family; } old[] = { { "ip4", AF_INET }, { "ip6", AF_INET6 } };
        for (size_t i = 0; i < ARRAY_LEN(old); i++) {
                json_object *ip = jv_obj(o, old[i].key);
                if (ip && (read_ip(ip, "ip", old[i].family, ret, err) < 0 || read_routes(jv_arr(ip, "routes"), ret, err) < 0))
                        return -1;
        }
        json_object *ips = jv_arr(o, "ips");
        for (size_t i = 0; i < jv_len(ips); i++)
                if (read_ip(jv_at(ips, i), "address", 0, ret, err) < 0)
                        return -1;
        if (read_interfaces(jv_arr(o, "interfaces"), ret, err) < 0 || read_routes(jv_arr(o, "routes"), ret, err) < 0)
                return -1;
        for (size_t i = 0; i < ret->ips.n; i++)
                if (ret->ips.v[i].interface >= (int) ret->interfaces.n && ret->interfaces.n > 0)
                        return cni_fail(err, CNI_E_DECODE, "an address names interface %d of %zu", ret->ips.v[i].interface, ret->interfaces.n);
        ret->dns = json_object_get(jv_obj(o, "dns"));
        return 0;
}

int cni_result_parse(struct json_object *o, struct cni_result *ret, struct cni_error *err) {
        struct cni_result r = { 0 };
        if (read_all(o, &r, err) < 0) {
                cni_result_done(&r);
                *ret = (struct cni_result) { 0 };
                return -1;
        }
        *ret = r;
        return 0;
}

static void set_text(json_object *o, const char *key, const char *s) { json_object_object_add(o, key, json_object_new_string(s)); }
static void set_number(json_object *o, const char *key, int64_t v) { json_object_object_add(o, key, json_object_new_int64(v)); }

static json_object *route_json(const struct cni_route *r, enum cni_version v) {
        json_object *o = json_object_new_object();
        char text[INET_TEXT_MAX];
        set_text(o, "dst", inet_cidr_text(&r->dst, text));
        if (r->gw.family)
                set_text(o, "gw", inet_text(&r->gw, text));
        if (v < CNI_1_1_0)
                return o;
        const struct { const char *key; unsigned value; } more[] = { { "mtu", r->mtu }, { "advmss", r->advmss }, { "priority", r->priority }, { "table", r->table } };
        for (size_t i = 0; i < ARRAY_LEN(more); i++)
                if (more[i].value)
                        set_number(o, more[i].key, more[i].value);
        if (r->scope >= 0)
                set_number(o, "scope", r->scope);
        return o;
}

/* family 0: all. NULL when there is none. */
static json_object *routes_json(const struct cni_result *r, int family, enum cni_version v) {
        json_object *a = NULL;
        for (size_t i = 0; i < r->routes.n; i++) {
                if (family && r->routes.v[i].dst.ip.family != family)
                        continue;
                a = a ? a : json_object_new_array();
                json_object_array_add(a, route_json(&r->routes.v[i], v));
        }
        return a;
}

static void old_form(const struct cni_result *r, enum cni_version v, json_object *o) {
        static const struct { const char *key; int family; } keys[] = { { "ip4", AF_INET }, { "ip6", AF_INET6 } };
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
                for (size_t i = 0; i < r->ips.n; i++) {
                        const struct cni_ip *ip = &r->ips.v[i];
                        if (ip->address.ip.family != keys[k].family)
                                continue;
                        char text[INET_TEXT_MAX];
                        json_object *one = json_object_new_object(), *routes = routes_json(r, keys[k].family, v);
                        set_text(one, "ip", inet_cidr_text(&ip->address, text));
                        if (ip->gateway.family)
                                set_text(one, "gateway", inet_text(&ip->gateway, text));
                        if (routes)
                                json_object_object_add(one, "routes", routes);
                        json_object_object_add(o, keys[k].key, one);
                        break;
                }
        }
}

static void new_form(const struct cni_result *r, enum cni_version v, json_object *o) {
        if (r->interfaces.n > 0) {
                json_object *a = json_object_new_array();
                for (size_t i = 0; i < r->interfaces.n; i++) {
                        const struct cni_interface *face = &r->interfaces.v[i];
                        json_object *one = json_object_new_object();
                        set_text(one, "name", face->name);
                        if (face->mac[0])
                                set_text(one, "mac", face->mac);
                        if (v >= CNI_1_1_0 && face->mtu)
                                set_number(one, "mtu", face->mtu);
                        if (face->sandbox[0])
                                set_text(one, "sandbox", face->sandbox);
                        json_object_array_add(a, one);
                }
                json_object_object_add(o, "interfaces", a);
        }
        json_object *ips = json_object_new_array();
        for (size_t i = 0; i < r->ips.n; i++) {
                const struct cni_ip *ip = &r->ips.v[i];
                char text[INET_TEXT_MAX];
                json_object *one = json_object_new_object();
                if (v < CNI_1_0_0)
                        set_text(one, "version", ip->address.ip.family == AF_INET ? "4" : "6");
                if (ip->interface >= 0)
                        set_number(one, "interface", ip->interface);
                set_text(one, "address", inet_cidr_text(&ip->address, text));
                if (ip->gateway.family)
                        set_text(one, "gateway", inet_text(&ip->gateway, text));
                json_object_array_add(ips, one);
        }
        json_object_object_add(o, "ips", ips);
        json_object *routes = routes_json(r, 0, v);
        if (routes)
                json_object_object_add(o, "routes", routes);
}

struct json_object *cni_result_json(const struct cni_result *r, enum cni_version v) {
        json_object *o = json_object_new_object();
        set_text(o, "cniVersion", cni_version_to_string(v));
        (v < CNI_0_3_0 ? old_form : new_form)(r, v, o);
        json_object_object_add(o, "dns", r->dns ? json_object_get(r->dns) : json_object_new_object());
        return o;
}

struct json_object *cni_error_json(const struct cni_error *e, enum cni_version v) {
        json_object *o = json_object_new_object();
        set_text(o, "cniVersion", cni_version_to_string(v));
        set_number(o, "code", e->code);
        set_text(o, "msg", e->msg);
        if (e->details[0])
                set_text(o, "details", e->details);
        return o;
}
