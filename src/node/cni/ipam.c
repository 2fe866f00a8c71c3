#include "ipam.h"

#include "base/parse.h"
#include "node/cni/lookup.h"
#include "node/json_view.h"

enum { PREFIX_DEFAULT = 16 };

bool ipam_is_built_in(const char *type) { return str_eq(type, "drover-ipam") || str_eq(type, "rancher-cni-ipam"); }

/* subnetPrefixSize: "/16", "16" or 16. */
static int prefix_of(json_object *ipam, unsigned *ret, struct cni_error *err) {
        json_object *v = jv_get(ipam, "subnetPrefixSize");
        const char *s = v ? json_object_get_string(v) : "";
        uint64_t n = PREFIX_DEFAULT;
        if (*s && parse_u64(*s == '/' ? s + 1 : s, 128, &n) < 0)
                return cni_fail(err, CNI_E_CONFIG, "ipam.subnetPrefixSize \"%.40s\" of the configuration is no prefix length like \"/16\"", s);
        *ret = (unsigned) n;
        return 0;
}

static int add_address(const char *text, unsigned prefix, const char *where, unsigned code, struct cni_result *ret, struct cni_error *err) {
        struct cni_ip ip = { .interface = -1 };
        if (inet_cidr_parse(text, (int) prefix, &ip.address) < 0 || ip.address.prefix == 0 || inet_is_zero(&ip.address.ip))
                return cni_fail(err, code, "address \"%.64s\" %s is none that a container can have", text, where);
        if (ret->ips.n >= CNI_ELEMENTS_MAX)
                return cni_fail(err, code, "more than %d addresses %s", CNI_ELEMENTS_MAX, where);
        vec_push(&ret->ips, ip);
        return 0;
}

static int add_routes(json_object *ipam, struct cni_result *ret, struct cni_error *err) {
        json_object *routes = jv_get(ipam, "routes");
        if (!routes)
                return 0;
        auto_cni_result struct cni_result parsed = { 0 };
        json_object *wrap = json_object_new_object();
        json_object_object_add(wrap, "routes", json_object_get(routes));
        int r = json_object_is_type(routes, json_type_array) ? cni_result_parse(wrap, &parsed, err) : cni_fail(err, CNI_E_CONFIG, "ipam.routes of the configuration is no list");
        json_object_put(wrap);
        if (r < 0) {
                err->code = CNI_E_CONFIG;
                return -1;
        }
        for (size_t i = 0; i < parsed.routes.n; i++)
                vec_push(&ret->routes, parsed.routes.v[i]);
        return 0;
}

int ipam_add(const struct cni_request *r, struct cni_result *ret, struct cni_error *err) {
        json_object *ipam = jv_obj(r->conf, "ipam"), *asked = jv_arr(jv_obj(r->conf, "runtimeConfig"), "ips");
        unsigned prefix = 0;
        if (prefix_of(ipam, &prefix, err) < 0)
                return -1;
        if (r->args.ip) {
                if (add_address(r->args.ip, prefix, "in CNI_ARGS", CNI_E_ENV, ret, err) < 0)
                        return -1;
        } else if (jv_len(asked) > 0) {
                for (size_t i = 0; i < jv_len(asked); i++)
                        if (add_address(jv_text(jv_at(asked, i)), prefix, "in runtimeConfig.ips", CNI_E_CONFIG, ret, err) < 0)
                                return -1;
        } else {
                json_object *container = NULL;
                if (lookup_container(r->args.uuid, r->env.container_id, &container, err) < 0)
                        return -1;
                const char *ip = jv_str(container, "primary_ip");
                int added = *ip ? add_address(ip, prefix, "in metadata", CNI_E_LATER, ret, err)
                                : cni_fail(err, CNI_E_LATER, "metadata has no address for container \"%.100s\" yet", jv_str(container, "name"));
                json_object_put(container);
                if (added < 0)
                        return -1;
        }
        return add_routes(ipam, ret, err);
}

/* What ADD had printed names the address that it would give now. */
static int check(const struct cni_request *r, struct cni_error *err) {
        auto_cni_result struct cni_result before = { 0 }, now = { 0 };
        json_object *prev = jv_obj(r->conf, "prevResult");
        if (!prev)
                return cni_fail(err, CNI_E_CONFIG, "CHECK needs \"prevResult\" in the configuration");
        if (cni_result_parse(prev, &before, err) < 0 || ipam_add(r, &now, err) < 0)
                return -1;
        for (size_t i = 0; i < now.ips.n; i++) {
                bool found = false;
                char text[INET_TEXT_MAX];
                for (size_t k = 0; k < before.ips.n; k++)
                        found |= inet_eq(&before.ips.v[k].address.ip, &now.ips.v[i].address.ip);
                if (!found)
                        return cni_fail(err, CNI_E_CHANGED, "the container's address is %s now, which prevResult does not have", inet_cidr_text(&now.ips.v[i].address, text));
        }
        return 0;
}

int ipam_plugin(const struct cni_request *r, struct cni_result *ret, struct cni_error *err) {
        switch (r->command) {
        case CNI_ADD:
                return ipam_add(r, ret, err);
        case CNI_CHECK:
                return check(r, err);
        default:                        /* DEL, GC, STATUS: nothing is kept, nothing can be missing */
                return 0;
        }
}
