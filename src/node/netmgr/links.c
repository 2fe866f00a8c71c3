#include "node/netmgr/links.h"

#include "base/log.h"
#include "node/netlink/rtnetlink.h"

#include <linux/rtnetlink.h>
#include <stdio.h>

enum { ROUTE_MS = 5000, STRAY_MS = 60000, ID_CHARS = 10 };
static const char prefix[] = "vethr";

struct stray { char name[IFNAMSIZ]; int index; uint64_t since_ms; bool seen; };

struct links {
        struct links_config cfg;
        struct timer *route;
        VEC(struct stray) strays;
        char said[300];
};

/* Route ----------------------------------------------------------------------------------------------------------- */

static void say(struct links *l, const char *what) {
        if (str_eq(l->said, what))
                return;
        snprintf(l->said, sizeof l->said, "%s", what);
        if (*what)
                log_error("containers and this host cannot reach the metadata service", "reason", what, NULL);
        else
                log_info("route to the metadata service is there", "address", l->cfg.metadata_ip, "bridge", l->cfg.bridge, NULL);
}

static int own_route(struct links *l, struct netlink *n, struct nlk_route *ret, struct dr_error *err) {
        struct nlk_link bridge;
        struct nlk_route r = { .scope = RT_SCOPE_LINK };
        if (inet_cidr_parse(l->cfg.metadata_ip, 32, &r.dst) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is no address", l->cfg.metadata_ip);
        if (nlk_link_get(n, l->cfg.bridge, &bridge, NULL) < 0)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no bridge %s", l->cfg.bridge);
        r.index = bridge.index;
        *ret = r;
        return 0;
}

static int see_to_route(struct links *l, struct dr_error *err) {
        AUTO(netlink_free) struct netlink *n = NULL;
        struct nlk_route want;
        auto_free struct nlk_route *list = NULL;
        size_t count = 0;
        int r = netlink_open(-1, &n, err);
        if (r < 0 || (r = own_route(l, n, &want, err)) < 0 || (r = nlk_route_list(n, AF_INET, 0, 0, &list, &count, err)) < 0)
                return r;
        for (size_t i = 0; i < count; i++) {
                if (!inet_cidr_eq(&list[i].dst, &want.dst))
                        continue;
                if (list[i].index == want.index)
                        return 0;
                struct nlk_link other;
                bool named = nlk_link_get_index(n, list[i].index, &other, NULL) == 0;
                return dr_fail(err, DR_E_CONFLICT, NULL, "conflicting routes: %s goes out by %s, not by %s", l->cfg.metadata_ip, named ? other.name : "another link", l->cfg.bridge);
        }
        r = nlk_route_add(n, &want, false, err);
        return r == -EEXIST ? 0 : r;
}

static void on_route(void *arg) {
        struct links *l = arg;
        struct dr_error err = { 0 };
        say(l, see_to_route(l, &err) < 0 ? err.message : "");
}

int links_remove_route(struct links *l, struct dr_error *err) {
        AUTO(netlink_free) struct netlink *n = NULL;
        struct nlk_route want;
        timer_stop(l->route);
        int r = netlink_open(-1, &n, err);
        if (r < 0 || own_route(l, n, &want, NULL) < 0)
                return r;
        r = nlk_route_del(n, &want, err);
        return r == -ENOENT || r == -ESRCH ? 0 : r;
}

/* Stray veth ends ------------------------------------------------------------------------------------------------- */

static struct stray *stray_of(struct links *l, const struct nlk_link *link) {
        for (size_t i = 0; i < l->strays.n; i++)
                if (l->strays.v[i].index == link->index && str_eq(l->strays.v[i].name, link->name))
                        return &l->strays.v[i];
        struct stray s = { .index = link->index, .since_ms = loop_now_ms(l->cfg.loop) };
        memcpy(s.name, link->name, sizeof s.name);
        vec_push(&l->strays, s);
        return &l->strays.v[l->strays.n - 1];
}

static bool is_stray(struct links *l, const char *name, const char *const *running, size_t n) {
        const char *id = name + strlen(prefix);
        if (!str_starts(name, prefix) || strlen(id) != ID_CHARS)
                return false;
        for (size_t i = 0; i < n; i++)
                if (str_starts(running[i], id))
                        return false;
        return !l->cfg.is_busy(id, l->cfg.arg);
}

void links_collect(struct links *l, const char *const *running, size_t n) {
        AUTO(netlink_free) struct netlink *nl = NULL;
        auto_free struct nlk_link *list = NULL;
        size_t count = 0;
        uint64_t now = loop_now_ms(l->cfg.loop);
        struct dr_error err;
        if (netlink_open(-1, &nl, &err) < 0 || nlk_link_list(nl, 0, &list, &count, &err) < 0)
                return log_warning("links of this host cannot be listed", "reason", err.message, NULL);
        for (size_t i = 0; i < l->strays.n; i++)
                l->strays.v[i].seen = false;
        for (size_t i = 0; i < count; i++) {
                if (!is_stray(l, list[i].name, running, n))
                        continue;
                struct stray *s = stray_of(l, &list[i]);
                s->seen = true;
                if (now - s->since_ms < STRAY_MS)
                        continue;
                s->seen = false;
                if (nlk_link_del(nl, list[i].index, &err) == 0)
                        log_warning("a link that no container has was deleted", "link", list[i].name, NULL);
        }
        for (size_t i = l->strays.n; i-- > 0; )
                if (!l->strays.v[i].seen)
                        vec_remove_at(&l->strays, i);
}

struct links *links_new(const struct links_config *cfg) {
        struct links *l = dr_xnew(struct links);
        l->cfg = *cfg;
        snprintf(l->said, sizeof l->said, "not looked at yet");
        l->route = timer_new(cfg->loop, on_route, l);
        timer_start_periodic(l->route, 0, ROUTE_MS);
        return l;
}

struct links *links_free(struct links *l) {
        if (!l)
                return NULL;
        timer_free(l->route);
        vec_done(&l->strays);
        free(l);
        return NULL;
}
