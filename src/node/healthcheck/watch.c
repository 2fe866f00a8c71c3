#include "watch.h"

#include <stdio.h>

#include "base/log.h"
#include "base/times.h"

enum { REPEAT_MS = 60000, LOOK_MS = 5000, GUEST_DEPTH = 8, ADDRESS_CHARS = 64, KEY_CHARS = 200 };

struct target {
        char *uuid;                     /* of the container: the key */
        char *key;                      /* of its reports */
        struct check *check;            /* NULL: cannot be made; said in the log once */
        enum report said;               /* 0: nothing yet */
        uint64_t said_ms;
        bool refused;
};

struct watch {
        struct loop *loop;
        struct mdata *m;
        struct watch_conf conf;
        struct checker *checker;
        struct timer *timer;
        struct smap targets;            /* container uuid -> struct target */
        struct smap dirty;              /* container uuid (own copy) -> it */
        bool all;                       /* look at every container */
        char *host;                     /* uuid this was for */
};

static void mark(struct watch *w, const char *uuid) {
        if (!*uuid || smap_get(&w->dirty, uuid))
                return;
        char *copy = dr_xstrdup(uuid);
        smap_set(&w->dirty, copy, copy);
}

static void mark_list(struct watch *w, const md_list *l) {
        for (size_t k = 0; k < l->n; k++)
                if (l->v[k]->kind == MD_CONTAINER)
                        mark(w, l->v[k]->uuid);
}

static void on_object(struct mdata *m, struct md_object *o, enum md_change what, void *arg) {
        struct watch *w = arg;
        if (o->kind == MD_CONTAINER) {
                mark(w, o->uuid);
                if (what != MD_REMOVED)
                        mark_list(w, mdata_guests(m, o));
        } else if (o->kind == MD_SERVICE && what != MD_REMOVED && (json_get_object(o->json, "health_check") || what == MD_CHANGED)) {
                mark_list(w, mdata_members(m, o));
        }
}

/* ---- reports ---- */
static void say(struct watch *w, struct target *t, enum report what) {
        t->said = what;
        t->said_ms = loop_now_ms(w->loop);
        reporter_put(w->conf.reporter, t->key, what, time_wall_ms() / 1000);
}

static void on_state(struct check *c, enum check_state now, const char *reason, void *arg) {
        struct watch *w = arg;
        struct target *t = check_owner(c);
        if (now != CHECK_SEEN)
                log_info("a check changed", "container", t->uuid, "state", check_state_to_string(now), *reason ? "reason" : NULL, reason, NULL);
        say(w, t, now == CHECK_SEEN ? REPORT_INIT : now == CHECK_UP ? REPORT_UP : REPORT_DOWN);
}

/* Does the server show what this check last said? */
static void repeat(struct watch *w, struct target *t, const struct md_object *o) {
        enum check_state now = t->check ? check_state(t->check) : CHECK_UNKNOWN;
        const char *shown = json_str(o->json, "health_state", "");
        bool up = now == CHECK_UP && (str_eq(shown, "initializing") || str_eq(shown, "reinitializing") || str_eq(shown, "unhealthy"));
        bool down = now == CHECK_DOWN && str_eq(shown, "healthy");
        if ((up || down) && loop_now_ms(w->loop) - t->said_ms >= w->conf.repeat_ms)
                say(w, t, up ? REPORT_UP : REPORT_DOWN);
}

static void on_timer(void *arg) {
        struct watch *w = arg;
        smap_foreach(&w->targets, s) {
                struct target *t = s->value;
                const struct md_object *o = t->said ? mdata_by_uuid(w->m, MD_CONTAINER, t->uuid) : NULL;
                if (o)
                        repeat(w, t, o);
        }
}

/* ---- from metadata to checks ---- */
static void drop_target(struct watch *w, struct target *t) {
        smap_del(&w->targets, t->uuid);
        if (t->key)
                reporter_forget(w->conf.reporter, t->key);
        check_free(t->check);
        free(t->uuid);
        free(t->key);
        free(t);
}

static bool names_host(const struct md_object *o, const char *host) {
        struct json_object *l = json_get_array(o->json, "health_check_hosts");
        for (size_t k = 0; l && k < json_object_array_length(l); k++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(l, k)), host))
                        return true;
        return false;
}

static bool runs(const struct md_object *o) {
        const char *s = json_str(o->json, "state", "");
        return str_eq(s, "running") || str_eq(s, "starting") || str_eq(s, "updating-running");
}

static bool address_of(const struct mdata *m, const struct md_object *o, char buf[ADDRESS_CHARS]) {
        for (int depth = 0; o && depth < GUEST_DEPTH; depth++) {
                const char *from = json_str(o->json, "network_from_container_uuid", NULL);
                if (!from || !*from)
                        break;
                o = mdata_by_uuid(m, MD_CONTAINER, from);
        }
        if (!o || !o->ip || !*o->ip)
                return false;
        snprintf(buf, ADDRESS_CHARS, "%.*s", (int) strcspn(o->ip, "/"), o->ip);
        return true;
}

static struct json_object *check_of(const struct mdata *m, struct md_object *o) {
        struct json_object *own = json_get_object(o->json, "health_check");
        const struct md_object *service = own ? NULL : mdata_container_service(m, o);
        return own ? own : service ? json_get_object(service->json, "health_check") : NULL;
}

static struct target *make_target(struct watch *w, const char *uuid) {
        struct target *t = dr_xnew(struct target);
        t->uuid = dr_xstrdup(uuid);
        smap_set(&w->targets, t->uuid, t);
        return t;
}

static void look(struct watch *w, const char *uuid) {
        struct target *t = smap_get(&w->targets, uuid);
        struct md_object *o = w->host && *w->host ? mdata_by_uuid(w->m, MD_CONTAINER, uuid) : NULL;
        char address[ADDRESS_CHARS], key[KEY_CHARS];
        struct json_object *hc = o && runs(o) && names_host(o, w->host) && address_of(w->m, o, address) ? check_of(w->m, o) : NULL;
        if (!hc) {
                if (t)
                        drop_target(w, t);
                return;
        }
        snprintf(key, sizeof key, "%.64s_%.64s_%lld", w->host, uuid, (long long) json_int(o->json, "start_count", 0));
        struct check_conf conf = {
                .address = address, .port = json_int(hc, "port", 0), .interval_ms = json_int(hc, "interval", 0), .timeout_ms = json_int(hc, "response_timeout", 0),
                .rise = json_int(hc, "healthy_threshold", 0), .fall = json_int(hc, "unhealthy_threshold", 0), .request_line = json_str(hc, "request_line", NULL),
        };
        if (t && t->check && str_eq(t->key, key) && check_is(t->check, &conf)) {
                repeat(w, t, o);
                return;
        }
        bool refused = t && t->refused;
        if (t)
                drop_target(w, t);
        t = make_target(w, uuid);
        t->key = dr_xstrdup(key);
        struct dr_error err;
        t->check = check_new(w->checker, &conf, t, &err);
        t->refused = !t->check;
        if (!t->check && !refused)
                log_warning("a check cannot be made", "container", uuid, "reason", err.message, NULL);
}

static void look_at_all(struct watch *w) {
        const md_list *l = mdata_list(w->m, MD_CONTAINER);
        for (size_t k = 0; k < l->n; k++)
                mark(w, l->v[k]->uuid);
        smap_foreach(&w->targets, s)
                mark(w, s->key);
        w->all = false;
}

void watch_changed(struct watch *w) {
        const char *host = mdata_host_uuid(w->m);
        if (!str_eq(w->host, host)) {
                free(w->host);
                w->host = dr_xstrdup(host);
                w->all = true;
        }
        if (w->all)
                look_at_all(w);
        struct smap dirty = w->dirty;
        w->dirty = (struct smap) { 0 };
        smap_foreach(&dirty, s) {
                look(w, s->key);
                free(s->value);
        }
        smap_done(&dirty);
}

/* ---- the face ---- */
struct watch *watch_new(struct loop *l, struct mdata *m, const struct watch_conf *conf) {
        struct watch *w = dr_xnew(struct watch);
        *w = (struct watch) { .loop = l, .m = m, .conf = *conf, .all = true };
        w->conf.repeat_ms = conf->repeat_ms ? conf->repeat_ms : REPEAT_MS;
        w->checker = checker_new(l, &(struct checker_conf) { .seed = conf->seed, .changed = on_state, .arg = w });
        w->timer = timer_new(l, on_timer, w);
        timer_start_periodic(w->timer, MIN(w->conf.repeat_ms, (unsigned) LOOK_MS), MIN(w->conf.repeat_ms, (unsigned) LOOK_MS));
        mdata_observe(m, on_object, w);
        watch_changed(w);
        return w;
}

struct watch *watch_free(struct watch *w) {
        if (!w)
                return NULL;
        VEC(struct target *) all = { 0 };
        smap_foreach(&w->targets, s)
                vec_push(&all, (struct target *) s->value);
        for (size_t k = 0; k < all.n; k++)
                drop_target(w, all.v[k]);
        vec_done(&all);
        smap_foreach(&w->dirty, s)
                free(s->value);
        smap_done(&w->dirty);
        smap_done(&w->targets);
        checker_free(w->checker);
        timer_free(w->timer);
        free(w->host);
        free(w);
        return NULL;
}

struct checker_stats watch_stats(const struct watch *w) { return checker_stats(w->checker); }
