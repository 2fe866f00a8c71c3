/* Load balancers (compose.md 6.2). Results carry names under "service", "certs" and "defaultCert"; compose_service_body() makes ids of them. */
#include "compose-internal.h"

#include "base/parse.h"
#include "base/sbuf.h"
#include "json.h"

#include <stdio.h>

#define TARGET_LABEL "io.rancher.loadbalancer.target."

static const struct compose_field rule_fields[] = {
        { "source_port", "sourcePort", FIELD_INT }, { "protocol", "protocol", FIELD_STRING }, { "path", "path", FIELD_STRING },
        { "hostname", "hostname", FIELD_STRING }, { "service", "service", FIELD_STRING }, { "target_port", "targetPort", FIELD_INT },
        { "priority", "priority", FIELD_INT }, { "backend_name", "backendName", FIELD_STRING }, { "selector", "selector", FIELD_STRING },
        { "region", "region", FIELD_STRING }, { "environment", "environment", FIELD_STRING }, { "weight", "weight", FIELD_INT }, { 0 },
};
static const struct compose_field target_rule_fields[] = {
        { "hostname", "hostname", FIELD_STRING }, { "path", "path", FIELD_STRING }, { "target_port", "targetPort", FIELD_INT },
        { "backend_name", "backendName", FIELD_STRING }, { 0 },
};
static const struct compose_field stickiness_fields[] = {
        { "name", "name", FIELD_STRING }, { "cookie", "cookie", FIELD_STRING }, { "domain", "domain", FIELD_STRING },
        { "indirect", "indirect", FIELD_BOOL }, { "nocache", "nocache", FIELD_BOOL }, { "postonly", "postonly", FIELD_BOOL },
        { "mode", "mode", FIELD_STRING }, { 0 },
};
const struct compose_field compose_lb_fields[] = {
        { "port_rules", "portRules", FIELD_OBJECT, rule_fields }, { "certs", "certs", FIELD_STRINGS }, { "default_cert", "defaultCert", FIELD_STRING },
        { "config", "config", FIELD_STRING }, { "stickiness_policy", "stickinessPolicy", FIELD_OBJECT, stickiness_fields }, { 0 },
};
static const struct compose_field target_lb_fields[] = { { "port_rules", "portRules", FIELD_OBJECT, target_rule_fields }, { 0 } };

/* Balances: at least one rule has a source port. Else the rules are a plain service's own, for balancers that select it. */
struct json_object *compose_lb_config(struct compose_build *b, const struct ynode *v, bool *ret_balances) {
        bool balances = false;
        const struct ynode *rules = ynode_get(v, "port_rules");
        for (size_t i = 0; rules && rules->kind == YNODE_SEQ && i < rules->seq.n; i++) {
                const struct ynode *source = ynode_get(rules->seq.v[i], "source_port");
                int64_t port;
                balances |= source && compose_int(source, &port) == 0 && port;
        }
        *ret_balances = balances;
        b->key = "lb_config";
        return compose_object(b, balances ? compose_lb_fields : target_lb_fields, v);
}

/* Legacy */

struct target { char *hostname, *path; int64_t source, port; };
struct target_list { const char *service; VEC(struct target) v; };

static bool number(const char *s, size_t n, int64_t *ret) {
        auto_free char *t = dr_xstrndup(s, n);
        uint64_t v;
        if (parse_u64(t, 65535, &v) < 0)
                return false;
        *ret = (int64_t) v;
        return true;
}

/* [hostname][:sourceport][/path][=targetport]; a number alone is the target port, before "=" the source port. */
static struct target parse_target(const char *s, size_t n) {
        struct target t = { 0 };
        const char *eq = memchr(s, '=', n);
        size_t len = eq ? (size_t) (eq - s) : n;
        if (eq)
                (void) number(eq + 1, n - len - 1, &t.port);    /* unreadable: the rule's own port stays */
        int64_t alone;
        if (len && number(s, len, &alone)) {
                *(eq ? &t.source : &t.port) = alone;
                return t;
        }
        size_t host = 0;
        while (host < len && s[host] != ':' && s[host] != '/')
                host++;
        if (host)
                t.hostname = dr_xstrndup(s, host);
        const char *p = s + host, *end = s + len;
        if (p < end && *p == ':') {
                const char *slash = memchr(p, '/', (size_t) (end - p)), *stop = slash ? slash : end;
                if (number(p + 1, (size_t) (stop - p - 1), &t.source))
                        p = stop;
                else
                        p++;                    /* upstream takes the rest for a path */
        }
        if (p < end)
                t.path = dr_xstrndup(p, (size_t) (end - p));
        return t;
}

static void parse_targets(const char *label, struct target_list *ret) {
        for (const char *p = label; *p;) {
                size_t n = strcspn(p, ",");
                const char *s = p, *e = p + n;
                while (s < e && *s == ' ')
                        s++;
                while (e > s && e[-1] == ' ')
                        e--;
                if (s < e)
                        vec_push(&ret->v, parse_target(s, (size_t) (e - s)));
                p += n + (p[n] == ',');
        }
}

static void target_list_done(struct target_list *l) {
        for (size_t i = 0; i < l->v.n; i++) {
                free(l->v.v[i].hostname);
                free(l->v.v[i].path);
        }
        vec_done(&l->v);
}

static struct json_object *rule(int64_t source, int64_t target, const char *protocol, const char *key, const char *value) {
        struct json_object *o = json_object_new_object();
        if (source)
                json_set_int(o, "sourcePort", source);
        if (target)
                json_set_int(o, "targetPort", target);
        json_set_str(o, "protocol", protocol);
        json_set_str(o, key, value);
        return o;
}

/* The rules of one source port for one service: one, or one per target entry that matches. */
static void add_rules(struct json_object *rules, int64_t source, int64_t target, const char *protocol, const char *service,
                      const struct target_list *lists, size_t lists_n) {
        bool matched = false;
        for (size_t k = 0; k < lists_n; k++) {
                if (!str_eq(lists[k].service, service))
                        continue;
                for (size_t i = 0; i < lists[k].v.n; i++) {
                        const struct target *t = &lists[k].v.v[i];
                        if (t->source && t->source != source)
                                continue;
                        struct json_object *o = rule(source, t->port ? t->port : target, protocol, "service", service);
                        if (t->hostname)
                                json_set_str(o, "hostname", t->hostname);
                        if (t->path)
                                json_set_str(o, "path", t->path);
                        json_object_array_add(rules, o);
                        matched = true;
                }
        }
        if (!matched)
                json_object_array_add(rules, rule(source, target, protocol, "service", service));
}

static bool listed(const char *list, int64_t port) {
        for (const char *p = list ? list : ""; *p;) {
                size_t n = strcspn(p, ",");
                int64_t v;
                size_t skip = strspn(p, " ");
                if (skip < n && number(p + skip, n - skip, &v) && v == port)
                        return true;
                p += n + (p[n] == ',');
        }
        return false;
}

struct legacy {
        struct compose_build *b;
        struct json_object *rules, *ports;
        const struct ynode *links, *external_links;
        const char *selector, *ssl_ports;
        struct target_list *lists;
        size_t lists_n;
};

static void legacy_port(struct legacy *l, const struct ynode *spec, bool publish) {
        const char *s = spec->text, *slash = strchr(s, '/');
        size_t n = slash ? (size_t) (slash - s) : strlen(s);
        const char *colon = memchr(s, ':', n);
        int64_t source, target;
        if (colon) {
                if (!number(s, (size_t) (colon - s), &source) || !number(colon + 1, n - (size_t) (colon - s) - 1, &target))
                        source = 0;
        } else {
                source = number(s, n, &target) ? target : 0;
        }
        if (!source) {
                compose_error(l->b->c, spec, "Service '%s' is a load balancer: its port \"%.60s\" should be source or source:target", l->b->service, s);
                return;
        }
        const char *protocol = slash && str_ieq(slash + 1, "tcp") ? "tcp" : "http";
        if (listed(l->ssl_ports, source))
                protocol = "https";
        const struct ynode *both[] = { l->links, l->external_links };
        for (size_t k = 0; k < ARRAY_LEN(both); k++)
                for (size_t i = 0; both[k] && i < both[k]->seq.n; i++) {
                        const char *link = both[k]->seq.v[i]->text;
                        auto_free char *service = dr_xstrndup(link, strcspn(link, ":"));
                        if (!compose_spend(l->b->c, 1 + l->lists_n, spec))
                                return;
                        add_rules(l->rules, source, target, protocol, service, l->lists, l->lists_n);
                }
        if (l->selector)
                json_object_array_add(l->rules, rule(source, target, protocol, "selector", l->selector));
        if (!publish)
                return;
        auto_free char *port = dr_xasprintf("%lld%s", (long long) source, slash ? slash : "");
        json_object_array_add(l->ports, json_object_new_string(port));
}

static void indented(struct sbuf *b, const char *title, const char *text) {
        if (b->len)
                sbuf_putc(b, '\n');
        sbuf_printf(b, "%s\n    ", title);
        for (; *text; text++) {
                sbuf_putc(b, *text);
                if (*text == '\n')
                        sbuf_puts(b, "    ");
        }
}

static void legacy_config(struct compose_build *b, const struct ynode *svc, const char *proxy_ports, struct json_object *lb) {
        auto_sbuf struct sbuf config = SBUF(4 * COMPOSE_TEXT_MAX);
        const struct ynode *legacy = ynode_get(svc, "load_balancer_config"), *haproxy = ynode_get(legacy, "haproxy_config");
        static const char *const sections[] = { "global", "defaults" };
        for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
                const struct ynode *text = ynode_get(haproxy, sections[i]);
                if (text && ynode_is_scalar(text) && *text->text)
                        indented(&config, sections[i], text->text);
        }
        for (const char *p = proxy_ports ? proxy_ports : ""; *p;) {
                size_t n = strcspn(p, ","), skip = strspn(p, " ");
                if (skip < n)
                        sbuf_printf(&config, "\nfrontend %.*s\n    accept-proxy", (int) (n - skip), p + skip);
                p += n + (p[n] == ',');
        }
        if (config.len)
                json_set_str(lb, "config", sbuf_str(&config));
        const struct ynode *cookie = ynode_get(legacy, "lb_cookie_stickiness_policy");
        b->key = "load_balancer_config";
        if (cookie && cookie->kind == YNODE_MAP)
                json_set(lb, "stickinessPolicy", compose_object(b, stickiness_fields, cookie));
}

static const char *label(const struct ynode *labels, const char *name) {
        const struct ynode *v = ynode_get(labels, name);
        return v ? v->text : NULL;
}

struct json_object *compose_legacy_lb(struct compose_build *b, struct json_object *launch_config, const struct ynode *links,
                                      const struct ynode *external_links) {
        const struct ynode *labels = ynode_get(b->svc, "labels"), *ports = ynode_get(b->svc, "ports"), *expose = ynode_get(b->svc, "expose");
        struct json_object *lb = json_object_new_object();
        VEC(struct target_list) lists = { 0 };
        for (size_t i = 0; labels && i < labels->map.n; i++) {
                const char *name = labels->map.v[i].key->text;
                if (!str_starts(name, TARGET_LABEL))
                        continue;
                struct target_list list = { .service = name + strlen(TARGET_LABEL) };
                parse_targets(labels->map.v[i].value->text, &list);
                vec_push(&lists, list);
        }
        struct legacy l = { .b = b, .rules = json_object_new_array(), .ports = json_object_new_array(), .links = links, .external_links = external_links,
                            .selector = label(labels, "io.rancher.service.selector.link"), .ssl_ports = label(labels, "io.rancher.loadbalancer.ssl.ports"),
                            .lists = lists.v, .lists_n = lists.n };
        for (size_t i = 0; ports && i < ports->seq.n; i++)
                legacy_port(&l, ports->seq.v[i], true);
        for (size_t i = 0; expose && i < expose->seq.n; i++)
                legacy_port(&l, expose->seq.v[i], false);
        for (size_t i = 0; i < lists.n; i++)
                target_list_done(&lists.v[i]);
        vec_done(&lists);
        json_set(lb, "portRules", l.rules);
        json_set(launch_config, "ports", l.ports);
        json_object_object_del(launch_config, "expose");

        legacy_config(b, b->svc, label(labels, "io.rancher.loadbalancer.proxy-protocol.ports"), lb);
        static const struct compose_field cert_fields[] = { { "certs", "certs", FIELD_STRINGS }, { "default_cert", "defaultCert", FIELD_STRING }, { 0 } };
        AUTO(json_free) struct json_object *certs = compose_object(b, cert_fields, b->svc);
        json_object_object_foreach(certs, key, value)
                json_set(lb, key, json_object_get(value));

        struct json_object *kept = json_object_new_object();
        json_object_object_foreach(json_get_object(launch_config, "labels"), name, text)
                if (!str_starts(name, "io.rancher.loadbalancer") && !str_starts(name, "io.rancher.service.selector"))
                        json_set(kept, name, json_object_get(text));
        json_set(launch_config, "labels", kept);
        auto_free char *image = dr_xasprintf("docker:%s", str_or(b->c->env->lb_image, "rancher/lb-service-haproxy:v0.9.14"));
        json_set_str(launch_config, "imageUuid", image);
        return lb;
}
