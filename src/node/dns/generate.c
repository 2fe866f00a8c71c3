#include "node/dns/generate.h"

#include <arpa/inet.h>
#include <stdio.h>

#define DOMAIN "rancher.internal"
#define KUBE_DOMAIN "svc.cluster.local"
enum { NAME_MAX_BYTES = 1024, LIST_MAX = 64, ALIAS_DEPTH_MAX = 64 };

struct endpoint { uint32_t ip; bool healthy; };

/* What a service's name leads to; made once per generation. */
struct answers {
        struct answers *next;                   /* all of them, to be freed */
        bool done;
        unsigned walk;                          /* the last walk along aliases that came here */
        VEC(struct endpoint) list;
        const char *cname;                      /* borrowed from the model; NULL: none */
        bool v6;                                /* there are IPv6 addresses: the name exists without A */
        uint32_t *a;                            /* the chosen ones */
        size_t n_a;
};

struct generation {
        const struct mdata *m;
        const struct generate_config *cfg;
        struct table_builder *b;
        struct map by_service;                  /* object's address -> struct answers */
        struct answers *all;
        unsigned walk;
        const char *environment, *host, *agent_ip;
};

static bool is(const struct md_object *o, const char *key, const char *value) { return str_eq(json_str(o->json, key, ""), value); }
static const char *filled(const struct md_object *o, const char *key) {
        const char *s = json_str(o->json, key, NULL);
        return s && *s ? s : NULL;
}

static bool is_ours(const struct generation *g, const struct md_object *o) {
        const char *environment = filled(o, "environment_uuid");
        return !environment || !g->environment || str_eq(environment, g->environment);
}

static bool parse_ip(const char *s, uint32_t *ret) {
        struct in_addr a;
        if (!s || inet_pton(AF_INET, s, &a) != 1 || a.s_addr == 0)
                return false;
        *ret = a.s_addr;
        return true;
}

/* Its own address, or that of the container whose network it shares. */
static bool container_ip(const struct mdata *m, const struct md_object *c, uint32_t *ret) {
        if (parse_ip(filled(c, "primary_ip"), ret))
                return true;
        const char *from = filled(c, "network_from_container_uuid");
        const struct md_object *target = from ? mdata_by_uuid(m, MD_CONTAINER, from) : NULL;
        return target && parse_ip(filled(target, "primary_ip"), ret);
}

static bool is_healthy(const struct md_object *service, const struct md_object *c) {
        const char *health = filled(c, "health_state");
        if (!is(c, "state", "running") && !is(c, "state", "starting"))
                return false;
        if (!health)
                return json_int(json_get_object(service->json, "health_check"), "port", 0) == 0;
        return str_eq(health, "healthy") || str_eq(health, "updating-healthy");
}

/* The service that a path's last two parts name: the exact spelling goes first, primaries before sidekicks. */
static struct md_object *find_service(const struct mdata *m, const char *stack, const char *name) {
        auto_free char *lower = md_lower(name);
        const md_list *found = mdata_by_lower_name(m, MD_SERVICE, lower);
        struct md_object *best = NULL;
        int best_rank = -1;
        for (size_t i = 0; i < found->n; i++) {
                struct md_object *s = found->v[i];
                const char *its_stack = json_str(s->json, "stack_name", "");
                if (!str_ieq(its_stack, stack))
                        continue;
                const char *primary = filled(s, "primary_service_name");
                int rank = (!primary || str_eq(primary, s->name) ? 4 : 0) + (str_eq(s->name, name) ? 2 : 0) + (str_eq(its_stack, stack) ? 1 : 0);
                if (rank >= best_rank) {
                        best = s;
                        best_rank = rank;
                }
        }
        return best;
}

/* "stack/service", "environment/stack/service" or "region/environment/stack/service". *ret_m: whose it is; *ret_remote: not of this environment. */
static struct md_object *link_target(const struct generation *g, const struct mdata *from, const char *path, const struct mdata **ret_m, bool *ret_remote) {
        char buf[NAME_MAX_BYTES], *part[4];
        unsigned n = 1;
        if (strlen(path) >= sizeof buf)
                return NULL;
        memcpy(buf, path, strlen(path) + 1);
        part[0] = buf;
        for (char *p = buf; *p; p++)
                if (*p == '/') {
                        if (n == 4)
                                return NULL;
                        *p = 0;
                        part[n++] = p + 1;
                }
        if (n < 2)
                return NULL;
        *ret_remote = n > 2;
        *ret_m = from;
        if (n > 2) {
                const struct json_object *own = mdata_environment(g->m);
                const char *region = n == 4 ? part[0] : json_str(own, "region_name", ""), *environment = part[n - 3];
                *ret_m = NULL;
                if (str_ieq(json_str(own, "name", ""), environment) && str_ieq(json_str(own, "region_name", ""), region))
                        *ret_m = g->m;
                for (size_t i = 0; i < mdata_remotes(g->m) && !*ret_m; i++) {
                        const struct json_object *e = mdata_environment(mdata_remote(g->m, i));
                        if (str_ieq(json_str(e, "name", ""), environment) && (n < 4 || str_ieq(json_str(e, "region_name", region), region)))
                                *ret_m = mdata_remote(g->m, i);
                }
        }
        return *ret_m ? find_service(*ret_m, part[n - 2], part[n - 1]) : NULL;
}

static void choose(struct answers *s) {
        s->a = dr_xcalloc(s->list.n + 1, sizeof *s->a);
        for (size_t i = 0; i < s->list.n; i++) {
                bool twice = false;
                for (size_t k = 0; k < s->n_a && s->list.n < 1024 && !twice; k++)
                        twice = s->a[k] == s->list.v[i].ip;
                if (s->list.v[i].healthy && !twice)
                        s->a[s->n_a++] = s->list.v[i].ip;
        }
        if (!s->n_a && s->list.n)
                s->a[s->n_a++] = s->list.v[s->list.n - 1].ip;
}

static struct answers *collect(struct generation *g, const struct mdata *m, struct md_object *service);

static void collect_external(const struct md_object *service, struct answers *s) {
        struct json_object *ips = json_get_array(service->json, "external_ips");
        for (size_t i = 0; ips && i < json_object_array_length(ips); i++) {
                const char *text = json_object_get_string(json_object_array_get_idx(ips, i));
                struct in6_addr v6;
                struct endpoint e = { .healthy = true };
                if (parse_ip(text, &e.ip))
                        vec_push(&s->list, e);
                else if (text && inet_pton(AF_INET6, text, &v6) == 1)
                        s->v6 = true;
        }
        s->cname = filled(service, "hostname");
}

static struct answers *answers_of(struct generation *g, const struct md_object *service) {
        struct answers *s = map_get(&g->by_service, (uintptr_t) service);
        if (!s) {
                s = dr_xnew(struct answers);
                s->next = g->all;
                g->all = s;
                map_set(&g->by_service, (uintptr_t) service, s);
        }
        return s;
}

/* Adds what an alias leads to, through other aliases too, each once: so loops end. */
static void walk_alias(struct generation *g, const struct mdata *m, const struct md_object *alias, struct answers *s, unsigned depth) {
        answers_of(g, alias)->walk = g->walk;
        const md_list *links = mdata_links(m, alias);
        for (size_t i = 0; i < links->n; i++) {
                const struct mdata *of;
                bool remote;
                struct md_object *target = link_target(g, m, links->v[i]->name, &of, &remote);
                if (!target)
                        continue;                       /* being removed, or never was: the others count */
                if (is(target, "kind", "dnsService")) {
                        if (answers_of(g, target)->walk != g->walk && depth < ALIAS_DEPTH_MAX)
                                walk_alias(g, of, target, s, depth + 1);
                        continue;
                }
                struct answers *t = collect(g, of, target);
                for (size_t k = 0; k < t->list.n; k++)
                        vec_push(&s->list, t->list.v[k]);
                s->cname = t->cname ? t->cname : s->cname;
                s->v6 = s->v6 || t->v6;
        }
}

static struct answers *collect(struct generation *g, const struct mdata *m, struct md_object *service) {
        struct answers *s = answers_of(g, service);
        if (s->done)
                return s;
        s->done = true;
        struct endpoint vip = { .healthy = true };
        if (is(service, "kind", "externalService")) {
                collect_external(service, s);
        } else if (is(service, "kind", "dnsService")) {
                g->walk++;
                walk_alias(g, m, service, s, 0);
        } else if (parse_ip(filled(service, "vip"), &vip.ip)) {
                vec_push(&s->list, vip);
        } else {
                const md_list *members = mdata_members(m, service);
                for (size_t i = 0; i < members->n; i++) {
                        struct endpoint e = { .healthy = is_healthy(service, members->v[i]) };
                        if (container_ip(m, members->v[i], &e.ip))
                                vec_push(&s->list, e);
                }
        }
        choose(s);
        return s;
}

static void put(struct generation *g, uint32_t scope, const char *name, const struct answers *s) {
        if (s->n_a || s->v6)
                builder_a(g->b, scope, name, s->a, s->n_a, g->cfg->ttl);
        if (s->cname)
                builder_cname(g->b, scope, name, s->cname, g->cfg->ttl);
}

static void put_service(struct generation *g, struct md_object *service) {
        char name[NAME_MAX_BYTES];
        const char *stack = filled(service, "stack_name"), *primary = filled(service, "primary_service_name");
        bool kube = is(service, "kind", "kubernetesService");
        if (!stack || !*service->name)
                return;
        if (primary && !str_eq(primary, service->name))
                snprintf(name, sizeof name, "%s.%s.%s.%s", service->name, primary, stack, kube ? KUBE_DOMAIN : DOMAIN);
        else
                snprintf(name, sizeof name, "%s.%s.%s", service->name, stack, kube ? KUBE_DOMAIN : DOMAIN);
        put(g, DNS_EVERYBODY, name, collect(g, g->m, service));
}

/* The kubernetesService a container belongs to; its name is below that then. */
static const struct md_object *kube_owner(const struct mdata *m, const struct md_object *c) {
        const md_list *owners = mdata_owners(m, c);
        for (size_t i = 0; i < owners->n; i++)
                if (is(owners->v[i], "kind", "kubernetesService") && filled(owners->v[i], "stack_name"))
                        return owners->v[i];
        return NULL;
}

static void put_container(struct generation *g, const struct md_object *c) {
        char name[NAME_MAX_BYTES];
        uint32_t ip;
        const struct md_object *kube = kube_owner(g->m, c);
        if (!*c->name || !container_ip(g->m, c, &ip))
                return;
        if (kube)
                snprintf(name, sizeof name, "%s.%s.%s." KUBE_DOMAIN, c->name, kube->name, filled(kube, "stack_name"));
        else
                snprintf(name, sizeof name, "%s." DOMAIN, c->name);
        builder_a(g->b, DNS_EVERYBODY, name, &ip, 1, g->cfg->ttl);
}

static void put_service_links(struct generation *g, uint32_t scope, const struct md_object *service) {
        const md_list *links = mdata_links(g->m, service);
        for (size_t i = 0; i < links->n; i++) {
                const struct md_object *link = links->v[i];
                const struct mdata *of;
                bool remote;
                struct md_object *target = link_target(g, g->m, link->name, &of, &remote);
                if (!target)
                        continue;
                const char *alias = filled(link, "value"), *stack = json_str(target->json, "stack_name", "");
                const char *domain = is(target, "kind", "kubernetesService") ? KUBE_DOMAIN : DOMAIN;
                const struct answers *s = collect(g, of, target);
                char name[NAME_MAX_BYTES];
                if (!alias)
                        alias = target->name;
                snprintf(name, sizeof name, "%s.%s", alias, domain);
                put(g, scope, name, s);
                if (remote)
                        snprintf(name, sizeof name, "%s.", alias);
                else
                        snprintf(name, sizeof name, "%s.%s.%s", alias, stack, domain);
                put(g, scope, name, s);
        }
}

static void put_client(struct generation *g, const struct md_object *c) {
        const char *ip = filled(c, "primary_ip");
        uint32_t scope, number;
        if (!ip || !is(c, "host_uuid", g->host) || str_eq(ip, g->agent_ip) || !parse_ip(ip, &number) || mdata_container_by_source(g->m, ip) != c ||
            builder_scope(g->b, ip, &scope) < 0)
                return;
        struct json_object *search = json_get_array(c->json, "dns_search"), *dns = json_get_array(c->json, "dns");
        for (size_t i = 0; search && i < json_object_array_length(search); i++)
                builder_search(g->b, scope, str_or(json_object_get_string(json_object_array_get_idx(search, i)), ""));
        for (size_t i = 0; dns && i < json_object_array_length(dns); i++)
                builder_recurser(g->b, scope, str_or(json_object_get_string(json_object_array_get_idx(dns, i)), ""));
        const md_list *links = mdata_links(g->m, c);
        for (size_t i = 0; i < links->n; i++) {
                const char *uuid = filled(links->v[i], "value");
                const struct md_object *target = uuid ? mdata_by_uuid(g->m, MD_CONTAINER, uuid) : NULL;
                char name[NAME_MAX_BYTES];
                if (!target || !container_ip(g->m, target, &number))
                        continue;
                snprintf(name, sizeof name, "%s." DOMAIN, links->v[i]->name);
                builder_a(g->b, scope, name, &number, 1, g->cfg->ttl);
        }
        const struct md_object *service = mdata_container_service(g->m, c);
        const struct md_object *primary = service ? mdata_by_uuid(g->m, MD_SERVICE, service->uuid) : NULL;
        if (primary)
                put_service_links(g, scope, primary);
}

/* fn for each part of "a, b"; "agent_ip" stands for this host's address. */
static void each_address(const char *list, const char *agent_ip, void (*fn)(struct table_builder *b, const char *address, void *arg), struct table_builder *b, void *arg) {
        for (const char *p = str_or(list, ""); *p;) {
                size_t n = strcspn(p, ", ");
                char part[INET6_ADDRSTRLEN + 8];
                if (n && n < sizeof part) {
                        memcpy(part, p, n);
                        part[n] = 0;
                        const char *address = str_eq(part, "agent_ip") ? agent_ip : part;
                        if (address && *address)
                                fn(b, address, arg);
                }
                p += n;
                p += strspn(p, ", ");
        }
}

static void never(struct table_builder *b, const char *address, void *arg) { builder_never_recurse(b, address); }

struct address_list { uint32_t v[LIST_MAX]; size_t n; };
static void add_address(struct table_builder *b, const char *address, void *arg) {
        struct address_list *l = arg;
        if (l->n < LIST_MAX && parse_ip(address, &l->v[l->n]))
                l->n++;
}

static bool nameservers(struct table_builder *b, const char *text) {
        bool any = false;
        for (const char *line = text; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
                const char *p = line + strspn(line, " \t");
                if (!str_starts(p, "nameserver") || !strspn(p + 10, " \t"))
                        continue;
                p += 10 + strspn(p + 10, " \t");
                size_t n = strcspn(p, " \t\r\n#;");
                char server[INET6_ADDRSTRLEN];
                if (n == 0 || n >= sizeof server)
                        continue;
                memcpy(server, p, n);
                server[n] = 0;
                any |= builder_recurser(b, DNS_EVERYBODY, server);
        }
        return any;
}

void dns_generate_base(struct table_builder *b, const struct generate_config *cfg, const char *agent_ip) {
        struct address_list metadata = { .n = 0 };
        each_address(cfg->never_recurse, agent_ip, never, b, NULL);
        builder_search(b, DNS_EVERYBODY, DOMAIN);
        builder_authoritative(b, DOMAIN);
        if (!nameservers(b, cfg->resolv_conf)) {
                (void) builder_recurser(b, DNS_EVERYBODY, "8.8.8.8");
                (void) builder_recurser(b, DNS_EVERYBODY, "8.8.4.4");
        }
        each_address(cfg->metadata_answer, agent_ip, add_address, b, &metadata);
        if (metadata.n)
                builder_a(b, DNS_EVERYBODY, "rancher-metadata." DOMAIN, metadata.v, metadata.n, cfg->ttl);
}

struct dns_table *dns_generate(const struct mdata *m, const struct generate_config *cfg, bool loaded) {
        AUTO(builder_free) struct table_builder *b = builder_new(cfg->ttl, cfg->ndots);
        struct md_object *host = mdata_host(m);
        struct generation g = { .m = m, .cfg = cfg, .b = b, .host = mdata_host_uuid(m), .agent_ip = host ? host->ip : json_str(mdata_default_host(m), "agent_ip", NULL) };
        g.environment = host ? filled(host, "environment_uuid") : NULL;
        if (!g.environment)
                g.environment = json_str(mdata_environment(m), "uuid", NULL);
        dns_generate_base(b, cfg, g.agent_ip);
        const md_list *services = mdata_list(m, MD_SERVICE), *containers = mdata_list(m, MD_CONTAINER);
        for (size_t i = 0; i < services->n; i++)
                if (is_ours(&g, services->v[i]))
                        put_service(&g, services->v[i]);
        for (size_t i = 0; i < containers->n; i++) {
                if (!is_ours(&g, containers->v[i]))
                        continue;
                put_container(&g, containers->v[i]);
                put_client(&g, containers->v[i]);
        }
        struct dns_table *t = builder_finish(b, loaded);
        map_done(&g.by_service);
        while (g.all) {
                struct answers *s = g.all;
                g.all = s->next;
                vec_done(&s->list);
                free(s->a);
                free(s);
        }
        return t;
}
