#include "node/netmgr/rules.h"

#include "base/parse.h"
#include "node/json_view.h"
#include "node/netmgr/cni_files.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

int port_map_compare(const struct port_map *a, const struct port_map *b) {
        if (a->udp != b->udp)
                return a->udp ? 1 : -1;
        if (a->host != b->host)
                return a->host < b->host ? -1 : 1;
        return a->port < b->port ? -1 : a->port > b->port;
}

static bool address(const char *s, uint32_t *ret) {
        struct in_addr a;
        if (inet_pton(AF_INET, s, &a) != 1)
                return false;
        *ret = ntohl(a.s_addr);
        return true;
}

static bool number(const char *s, size_t n, uint16_t *ret) {
        char text[8];
        uint64_t v;
        if (n == 0 || n >= sizeof text)
                return false;
        memcpy(text, s, n);
        text[n] = 0;
        if (parse_u64(text, 65535, &v) < 0 || v == 0)
                return false;
        *ret = (uint16_t) v;
        return true;
}

int port_map_parse(const char *text, uint32_t target, struct port_map *ret) {
        const char *slash = strchr(text, '/');
        size_t n = slash ? (size_t) (slash - text) : strlen(text);
        struct port_map p = { .target = target, .udp = slash && str_ieq(slash + 1, "udp") };
        if ((slash && !p.udp && !str_ieq(slash + 1, "tcp")) || n >= 64)
                return -EINVAL;
        char buf[64], *part[4] = { NULL };
        size_t parts = 0;
        memcpy(buf, text, n);
        buf[n] = 0;
        for (char *save = NULL, *s = strtok_r(buf, ":", &save); s && parts < 4; s = strtok_r(NULL, ":", &save))
                part[parts++] = s;
        if ((parts != 2 && parts != 3) || (parts == 3 && !address(part[0], &p.host)))
                return -EINVAL;
        if (!number(part[parts - 2], strlen(part[parts - 2]), &p.port) || !number(part[parts - 1], strlen(part[parts - 1]), &p.target_port))
                return -EINVAL;
        *ret = p;
        return 0;
}

/* Networks -------------------------------------------------------------------------------------------------------- */

static bool is_link_name(const char *s) {
        size_t n = strlen(s);
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) s[i]) && !strchr("_.-", s[i]))
                        return false;
        return n > 0 && n < 16;
}

static bool flag(json_object *o, const char *key) { return jv_bool(o, key) || str_eq(jv_str(o, key), "true"); }

/* The first configuration whose plugin is the bridge. */
static bool net_of(const struct mdata *m, struct md_object *network, struct host_net *ret) {
        json_object *files = jv_obj(jv_obj(network->json, "metadata"), "cniConfig");
        json_object *first = NULL;
        const char *first_name = NULL;
        if (files) {
                json_object_object_foreach(files, name, v)
                        if ((str_eq(jv_str(v, "type"), "rancher-bridge") || str_eq(jv_str(v, "type"), "drover-bridge")) && (!first || strcmp(name, first_name) < 0)) {
                                first = v;
                                first_name = name;
                        }
        }
        if (!first)
                return false;
        AUTO(jv_put) json_object *o = cni_substitute(first, mdata_host(m));
        struct host_net n = { .nat = flag(o, "hostNat") };
        struct inet_cidr subnet;
        const char *bridge = jv_str(o, "bridge");
        if (!is_link_name(bridge) || inet_cidr_parse(jv_str(o, "bridgeSubnet"), -1, &subnet) < 0 || subnet.ip.family != AF_INET)
                return false;
        snprintf(n.bridge, sizeof n.bridge, "%s", bridge);
        n.subnet = inet_cidr_net(&subnet);
        *ret = n;
        return true;
}

static void read_nets(const struct mdata *m, struct rules *r) {
        const md_list *networks = mdata_list(m, MD_NETWORK);
        for (size_t i = 0; i < networks->n; i++) {
                struct host_net n;
                bool known = false;
                if (!net_of(m, networks->v[i], &n))
                        continue;
                for (size_t k = 0; k < r->nets.n && !known; k++)
                        if (str_eq(r->nets.v[k].bridge, n.bridge) && inet_cidr_eq(&r->nets.v[k].subnet, &n.subnet)) {
                                r->nets.v[k].nat |= n.nat;
                                known = true;
                        }
                if (!known)
                        vec_push(&r->nets, n);
        }
}

/* Ports ----------------------------------------------------------------------------------------------------------- */

struct claim { struct port_map map; bool runs; uint64_t seq; };

/* Who runs goes first, then who is newer (spec 13.12). */
static int by_claim(const void *a, const void *b) {
        const struct claim *x = a, *y = b;
        int r = port_map_compare(&x->map, &y->map);
        if (r)
                return r;
        if (x->runs != y->runs)
                return x->runs ? -1 : 1;
        return x->seq > y->seq ? -1 : x->seq < y->seq;
}

static bool has_host_ports(const struct mdata *m, const struct md_object *c) {
        struct md_object *network = mdata_by_uuid(m, MD_NETWORK, jv_str(c->json, "network_uuid"));
        if (network && jv_bool(network->json, "host_ports") && jv_obj(jv_obj(network->json, "metadata"), "cniConfig"))
                return true;
        return jv_bool(c->json, "system") && str_eq(jv_str(jv_obj(c->json, "labels"), "io.rancher.network.host_ports"), "true");
}

void rules_read(const struct mdata *m, struct rules *ret) {
        struct rules r = { 0 };
        const md_list *all = mdata_list(m, MD_CONTAINER);
        VEC(struct claim) claims = { 0 };
        read_nets(m, &r);
        for (size_t i = 0; i < all->n; i++) {
                struct md_object *c = all->v[i];
                const char *state = jv_str(c->json, "state");
                bool runs = str_eq(state, "running");
                uint32_t target;
                json_object *ports = jv_arr(c->json, "ports");
                if (!jv_len(ports) || !str_eq(jv_str(c->json, "host_uuid"), mdata_host_uuid(m)) || (!runs && !str_eq(state, "starting") && !str_eq(state, "stopping")) ||
                    !c->ip || !address(c->ip, &target) || !has_host_ports(m, c))
                        continue;
                for (size_t k = 0; k < jv_len(ports) && claims.n < RULES_PORTS_MAX; k++) {
                        struct claim claim = { .runs = runs, .seq = c->seq };
                        if (port_map_parse(jv_text(jv_at(ports, k)), target, &claim.map) == 0)
                                vec_push(&claims, claim);
                }
        }
        vec_sort(&claims, by_claim);
        for (size_t i = 0; i < claims.n; i++) {
                if (i > 0 && port_map_compare(&claims.v[i].map, &claims.v[i - 1].map) == 0)
                        r.conflicts++;
                else
                        vec_push(&r.ports, claims.v[i].map);
        }
        vec_done(&claims);
        *ret = r;
}

void rules_done(struct rules *r) {
        vec_done(&r->ports);
        vec_done(&r->nets);
}

/* Text ------------------------------------------------------------------------------------------------------------ */

static const char *dotted(uint32_t a, char buf[16]) {
        snprintf(buf, 16, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
        return buf;
}

static void put_map(const struct rules *r, bool any, struct sbuf *out) {
        const char *sep = "";
        sbuf_printf(out, any ? "        map ports_any {\n                type inet_proto . inet_service : ipv4_addr . inet_service\n"
                             : "        map ports_ip {\n                type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service\n");
        for (size_t i = 0; i < r->ports.n; i++) {
                const struct port_map *p = &r->ports.v[i];
                char a[16], b[16];
                if ((p->host == 0) != any)
                        continue;
                sbuf_puts(out, *sep ? sep : "                elements = { ");
                sep = ", ";
                if (!any)
                        sbuf_printf(out, "%s . ", dotted(p->host, a));
                sbuf_printf(out, "%s . %u : %s . %u", p->udp ? "udp" : "tcp", p->port, dotted(p->target, b), p->target_port);
        }
        sbuf_puts(out, *sep ? " }\n        }\n" : "        }\n");
}

static int by_address(const void *a, const void *b) {
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;
        return x < y ? -1 : x > y;
}

/* A container that reaches itself through a port of its host. */
static void put_hairpin(const struct rules *r, struct sbuf *out) {
        VEC(uint32_t) targets = { 0 };
        const char *sep = "";
        for (size_t i = 0; i < r->ports.n; i++)
                vec_push(&targets, r->ports.v[i].target);
        vec_sort(&targets, by_address);
        sbuf_puts(out, "        set hairpin {\n                type ipv4_addr . ipv4_addr\n");
        for (size_t i = 0; i < targets.n; i++) {
                char a[16];
                if (i > 0 && targets.v[i] == targets.v[i - 1])
                        continue;
                dotted(targets.v[i], a);
                sbuf_printf(out, "%s%s . %s", *sep ? sep : "                elements = { ", a, a);
                sep = ", ";
        }
        sbuf_puts(out, *sep ? " }\n        }\n" : "        }\n");
        vec_done(&targets);
}

static void put_dnat(const char *chain, const char *hook, struct sbuf *out) {
        sbuf_printf(out, "        chain %s {\n                type nat hook %s priority -105; policy accept;\n", chain, hook);
        sbuf_puts(out, "                fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @ports_ip\n"
                       "                fib daddr type local dnat ip to meta l4proto . th dport map @ports_any\n        }\n");
}

void rules_format(const struct rules *r, const char *metadata_ip, bool bridge_filter, struct sbuf *out) {
        sbuf_puts(out, "table ip drover\ndelete table ip drover\ntable ip drover {\n");
        put_map(r, false, out);
        put_map(r, true, out);
        put_hairpin(r, out);
        put_dnat("prerouting", "prerouting", out);
        put_dnat("output", "output", out);
        sbuf_puts(out, "        chain postrouting {\n                type nat hook postrouting priority 95; policy accept;\n");
        for (size_t i = 0; i < r->nets.n; i++) {
                char subnet[INET_TEXT_MAX];
                inet_cidr_text(&r->nets.v[i].subnet, subnet);
                sbuf_printf(out, "                ip saddr %s ip daddr %s accept\n", subnet, metadata_ip);
        }
        sbuf_puts(out, "                ct status dnat ip saddr . ip daddr @hairpin masquerade\n");
        for (size_t i = 0; i < r->nets.n; i++) {
                const struct host_net *n = &r->nets.v[i];
                char s[INET_TEXT_MAX];
                inet_cidr_text(&n->subnet, s);
                if (!bridge_filter)
                        sbuf_printf(out, "                ct status dnat ip saddr %s ip daddr %s oifname \"%s\" masquerade\n", s, s, n->bridge);
                if (n->nat)
                        sbuf_printf(out, "                ip saddr %s oifname != \"%s\" meta l4proto { tcp, udp } masquerade to :1024-65535\n"
                                         "                ip saddr %s oifname != \"%s\" masquerade\n", s, n->bridge, s, n->bridge);
                sbuf_printf(out, "                ct status dnat ip daddr %s oifname \"%s\" fib saddr type local masquerade\n", s, n->bridge);
        }
        sbuf_puts(out, "        }\n}\n");
}
