/* catalogs.c: which catalogs there are, when they are looked at, and finding things in them. The HTTP side is in request.c. */
#include <stdio.h>

#include "base/log.h"
#include "catalogs-internal.h"
#include "core/settings.h"
#include "formats/catalog.h"
#include "server/api/api.h"

enum { REFRESH_S_MIN = 5, REFRESH_S_MAX = 86400, DEADLINE_S_MIN = 1, DEADLINE_S_MAX = 3600 };

struct catalog_waiter {
        struct catalogs *all;
        unsigned left;
        struct dr_error err;            /* the first one */
        catalog_refreshed_fn *fn;
        void *arg;
};

static bool executes(struct catalogs *c) { return str_eq(setting_get(c->conf.core, "catalog.execute"), "true"); }
const char *catalogs_server_version(struct catalogs *c) { return setting_get(c->conf.core, "rancher.server.version"); }

/* ---- the list ---- */
static int by_place(const void *a, const void *b) {
        const struct catalog_entry *x = a, *y = b;
        return x->project_id != y->project_id ? (x->project_id < y->project_id ? -1 : 1) : strcmp(x->name, y->name);
}

static void entries_free(struct catalogs *c, struct catalog_entry *v, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (v[i].repo)
                        repo_release(c->repos, v[i].repo);
                free(v[i].name);
                free(v[i].kind);
        }
        free(v);
}

static void add_entries(struct catalogs *c, int64_t project_id, const struct sources *s) {
        for (size_t i = 0; i < s->n; i++) {
                const struct source *x = &s->v[i];
                struct catalog_entry e = { .name = dr_xstrdup(x->name), .kind = dr_xstrdup(x->kind), .project_id = project_id };
                if (*x->kind && !str_eq(x->kind, "native"))
                        e.refused = "catalogs of this kind are not supported: only native ones are";
                else
                        e.repo = repo_get(c->repos, x->url, x->branch, executes(c));
                vec_push(&c->entries, e);
        }
}

void catalogs_own(struct core *core, const struct record *project, struct sources *ret) {
        const char *text = record_str(project, F_catalogSources);
        if (text)
                (void) sources_parse(text, setting_get(core, "rancher.server.version"), ret, NULL); /* it was checked when it was stored */
}

void catalogs_own_put(struct core *core, struct record *project, const struct sources *s) {
        AUTO(json_free) struct json_object *o = s->n ? sources_to_json(s) : NULL;
        core_put(core, project, F_catalogSources, o ? value_json(o) : value_null());
}

static void call_loaded(void *arg) {
        struct catalogs *c = arg;
        for (size_t i = 0; i < c->on_loaded.n; i++)
                c->on_loaded.v[i].fn(c->on_loaded.v[i].arg);
}

static void loaded(struct catalogs *c) {
        if (c->closing)
                return;
        loop_defer_cancel(c->conf.loop, call_loaded, c);
        loop_defer(c->conf.loop, call_loaded, c);
}

static uint64_t every_ms(struct catalogs *c) {
        int64_t s = setting_int(c->conf.core, "catalog.refresh.interval.seconds");
        return s <= 0 ? 0 : (uint64_t) MIN(MAX(s, (int64_t) REFRESH_S_MIN), (int64_t) REFRESH_S_MAX) * 1000;
}

static void on_periodic(void *arg) {
        struct catalogs *c = arg;
        if (executes(c))
                repos_look_all(c->repos, c->every_ms);
}

/* The setting may have changed: then the next look is one new interval away. */
static void keep_time(struct catalogs *c) {
        uint64_t every = every_ms(c);
        if (every == c->every_ms)
                return;
        c->every_ms = every;
        if (every)
                timer_start_periodic(c->periodic, every, every);
        else
                timer_stop(c->periodic);
}

void catalogs_reload(struct catalogs *c) {
        struct catalog_entry *old = c->entries.v;
        size_t n_old = c->entries.n;
        struct dr_error err;
        struct sources global = { 0 };
        c->entries.v = NULL;
        c->entries.n = c->entries.cap = 0;
        c->dirty = false;
        if (sources_parse(setting_get(c->conf.core, "catalog.url"), catalogs_server_version(c), &global, &err) < 0)
                log_warning("setting catalog.url has parts that are not used", "reason", err.message, NULL);
        add_entries(c, 0, &global);
        sources_done(&global);
        const struct records *all = world_all(core_world(c->conf.core), T_account);
        for (size_t i = 0; i < all->n; i++)
                if (all->v[i]->kind == T_project && record_has(all->v[i], F_catalogSources)) {
                        struct sources own = { 0 };
                        catalogs_own(c->conf.core, all->v[i], &own);
                        add_entries(c, all->v[i]->id, &own);
                        sources_done(&own);
                }
        vec_sort(&c->entries, by_place);
        entries_free(c, old, n_old);            /* after the new ones took hold of what both have */
        keep_time(c);
        loaded(c);
}

static void reload_later(void *arg) { catalogs_reload(arg); }

static void on_change(void *arg, const struct record *r) {
        static const char *const names[] = { "catalog.url", "rancher.server.version", "catalog.execute",
                                             "catalog.refresh.interval.seconds" };
        struct catalogs *c = arg;
        bool mine = r->kind == T_project && (record_has(r, F_catalogSources) || c->dirty);
        if (r->type == T_setting)
                for (size_t i = 0; i < ARRAY_LEN(names) && !mine; i++)
                        mine = str_eq(record_name(r), names[i]);
        if (mine && !c->closing) {
                loop_defer_cancel(c->conf.loop, reload_later, c);
                loop_defer(c->conf.loop, reload_later, c);
        }
}

bool catalogs_shows(const struct catalogs *c, const struct catalog_entry *e, int64_t project_id) {
        return !e->hidden && (!e->project_id || (e->project_id == project_id && catalogs_get(c, 0, e->name) == NULL));
}

const struct catalog_entry *catalogs_get(const struct catalogs *c, int64_t project_id, const char *name) {
        const struct catalog_entry *own = NULL;
        for (size_t i = 0; i < c->entries.n; i++) {
                const struct catalog_entry *e = &c->entries.v[i];
                if (e->hidden || !str_eq(e->name, name))
                        continue;
                if (!e->project_id)
                        return e;
                if (e->project_id == project_id)
                        own = e;
        }
        return own;
}

void catalogs_hide(struct catalogs *c, const char *name) {
        for (size_t i = 0; i < c->entries.n; i++)
                if (!c->entries.v[i].project_id && str_eq(c->entries.v[i].name, name)) {
                        c->entries.v[i].hidden = true;
                        loaded(c);
                }
}

/* ---- refresh ---- */
static void waiter_end(struct catalog_waiter *w) {
        if (--w->left)
                return;
        struct catalogs *c = w->all;
        for (size_t i = 0; i < c->waiters.n; i++)
                if (c->waiters.v[i] == w)
                        vec_remove_at(&c->waiters, i);
        w->fn(w->arg, w->err.code == DR_OK ? NULL : &w->err);
        free(w);
}

struct seen_entry { struct catalog_waiter *waiter; char *name; };

static void on_seen(void *arg, const struct dr_error *err) {
        struct seen_entry *s = arg;
        if (err && s->waiter->err.code == DR_OK) {
                s->waiter->err = *err;
                (void) dr_prefix(&s->waiter->err, -1, "catalog \"%s\"", s->name);
        }
        waiter_end(s->waiter);
        free(s->name);
        free(s);
}

void catalog_refresh(struct catalogs *c, int64_t project_id, catalog_refreshed_fn *fn, void *arg) {
        struct catalog_waiter *w = dr_xnew(struct catalog_waiter);
        *w = (struct catalog_waiter) { .all = c, .left = 1, .fn = fn, .arg = arg };
        vec_push(&c->waiters, w);
        loop_defer_cancel(c->conf.loop, reload_later, c);
        catalogs_reload(c);             /* what was hidden is back; what was just set is there */
        for (size_t i = 0; i < c->entries.n; i++) {
                const struct catalog_entry *e = &c->entries.v[i];
                if (e->project_id && e->project_id != project_id)
                        continue;
                if (!e->repo) {
                        if (w->err.code == DR_OK)
                                (void) dr_fail(&w->err, DR_E_NOT_IMPLEMENTED, "kind", "catalog \"%s\": %s", e->name, e->refused);
                        continue;
                }
                struct seen_entry *s = dr_xnew(struct seen_entry);
                *s = (struct seen_entry) { w, dr_xstrdup(e->name) };
                w->left++;
                repo_look(e->repo, on_seen, s);
        }
        waiter_end(w);
}

static uint64_t deadline_ms(void *arg) {
        struct catalogs *c = arg;
        int64_t s = setting_int(c->conf.core, "drover.catalog.deadline.seconds");
        return (uint64_t) MIN(MAX(s, (int64_t) DEADLINE_S_MIN), (int64_t) DEADLINE_S_MAX) * 1000;
}

static int64_t wall_ms(void *arg) { return core_wall_ms(((struct catalogs *) arg)->conf.core); }
static void repo_changed(void *arg, struct repo *r) { loaded(arg); }

/* ---- life ---- */
struct catalogs *catalogs_new(const struct catalogs_conf *conf) {
        struct catalogs *c = dr_xnew(struct catalogs);
        c->conf = *conf;
        c->home = dr_xasprintf("%s/catalogs", conf->data_dir);
        c->repos = repos_new(&(struct repos_conf){
                .loop = conf->loop, .home = c->home, .wall_ms = wall_ms, .deadline_ms = deadline_ms, .on_change = repo_changed, .arg = c });
        c->periodic = timer_new(conf->loop, on_periodic, c);
        timer_unref(c->periodic);
        core_on_change(conf->core, on_change, c);
        catalogs_reload(c);
        repos_sweep(c->repos);
        if (conf->api)
                api_add_special(conf->api, "v1-catalog", false, catalog_special, c);
        return c;
}

void catalogs_stop(struct catalogs *c) {
        if (!c || c->closing)
                return;
        c->closing = true;
        c->periodic = timer_free(c->periodic);
        loop_defer_cancel(c->conf.loop, call_loaded, c);
        loop_defer_cancel(c->conf.loop, reload_later, c);
        repos_keep_copies(c->repos);
        entries_free(c, c->entries.v, c->entries.n);    /* ends what waits */
        c->entries.v = NULL;
        c->entries.n = 0;
        c->repos = repos_free(c->repos);
}

struct catalogs *catalogs_free(struct catalogs *c) {
        if (!c)
                return NULL;
        catalogs_stop(c);
        vec_done(&c->waiters);
        vec_done(&c->on_loaded);
        free(c->home);
        free(c);
        return NULL;
}

void catalog_on_loaded(struct catalogs *c, void (*fn)(void *arg), void *arg) {
        vec_push(&c->on_loaded, ((struct loaded_listener) { fn, arg }));
}

bool catalog_is_ready(const struct catalogs *c) {
        if (c->closing)
                return false;
        for (size_t i = 0; i < c->entries.n; i++)
                if (c->entries.v[i].repo && !c->entries.v[i].repo->tried)
                        return false;
        return true;
}

/* ---- finding ---- */
void catalogs_version_id(const struct catalog_entry *e, const struct snapshot_template *t, const struct snapshot_version *v,
                         char ret[CATALOG_ID_MAX]) {
        int n = snprintf(ret, CATALOG_ID_MAX, "%s:%s%s%s", e->name, t->base, *t->base ? "*" : "", t->folder);
        if (v && v->revision >= 0)
                snprintf(ret + n, CATALOG_ID_MAX - (size_t) n, ":%lld", (long long) v->revision);
        else if (v)
                snprintf(ret + n, CATALOG_ID_MAX - (size_t) n, ":%s", v->version);
}

/* The text of the first of two files that is there and not blank. */
static const char *text_of(const struct snapshot_version *v, const char *name, const char *other) {
        const struct blob *a = snapshot_file(v, name), *b = snapshot_file(v, other);
        if (a && (a->data[strspn(a->data, " \t\r\n")] || !b))
                return a->data;
        return b ? b->data : NULL;
}

static void fill(const struct catalog_entry *e, const struct snapshot_template *t, const struct snapshot_version *v,
                 struct catalog_version *ret) {
        *ret = (struct catalog_version){
                .name = json_str(t->config, "name", ""),
                .description = json_str(t->config, "description", ""),
                .version = v->version,
                .min = v->min,
                .max = v->max,
                .upgrade_from = v->upgrade_from,
                .revision = v->revision,
                .is_default = str_eq(v->version, t->default_version),
                .inside = v,
                .docker_compose = text_of(v, "docker-compose.yml", "docker-compose.yml.tpl"),
                .rancher_compose = text_of(v, "rancher-compose.yml", "rancher-compose.yml.tpl"),
                .project = text_of(v, "project.yml", "project.yaml"),
        };
        catalogs_version_id(e, t, NULL, ret->template_id);
        catalogs_version_id(e, t, v, ret->id);
}

int catalog_find(struct catalogs *c, int64_t project_id, const char *id, const char *rancher_version, struct catalog_version *ret,
                 struct dr_error *err) {
        struct catalog_id at;
        int r = catalog_id_parse(id, &at, err);
        if (r < 0)
                return r;
        const char *server = rancher_version ? rancher_version : catalogs_server_version(c);
        const struct catalog_entry *e = catalogs_get(c, project_id, at.catalog);
        if (!e)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no catalog \"%s\"", at.catalog);
        if (!e->repo || !e->repo->now)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "catalog \"%s\" has not been read%s%.300s", at.catalog,
                               e->repo && e->repo->err.code != DR_OK ? ": " : " yet", e->refused ? e->refused : e->repo->err.message);
        const struct snapshot_template *t = snapshot_template(e->repo->now, at.base, at.folder);
        if (!t)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "catalog \"%s\" has no template \"%s%s%s\"", at.catalog, at.base,
                               *at.base ? "*" : "", at.folder);
        const struct snapshot_version *v = *at.version ? snapshot_version(t, at.revision, at.version) : snapshot_default(t, server);
        if (!v || !snapshot_visible(v, server))
                return dr_fail(err, DR_E_NOT_FOUND, NULL,
                               v ? "version \"%s\" of template \"%s\" is not for server %s"
                                 : "there is no version \"%s\" of template \"%s\" for server %s",
                               at.version, at.folder, server);
        fill(e, t, v, ret);
        return 0;
}

const char *catalog_file(const struct catalog_version *v, const char *name, size_t *ret_len) {
        const struct blob *b = snapshot_file(v->inside, name);
        if (b && ret_len)
                *ret_len = b->len;
        return b ? b->data : NULL;
}

void catalog_each(struct catalogs *c, int64_t project_id, const char *base, const char *rancher_version, catalog_each_fn *fn, void *arg) {
        const char *server = rancher_version ? rancher_version : catalogs_server_version(c);
        for (size_t i = 0; i < c->entries.n; i++) {
                const struct catalog_entry *e = &c->entries.v[i];
                if (!catalogs_shows(c, e, project_id) || !e->repo || !e->repo->now)
                        continue;
                for (size_t k = 0; k < e->repo->now->n_templates; k++) {
                        const struct snapshot_template *t = &e->repo->now->templates[k];
                        const struct snapshot_version *v = str_eq(t->base, base) ? snapshot_default(t, server) : NULL;
                        if (!v)
                                continue;
                        struct catalog_version found;
                        fill(e, t, v, &found);
                        fn(arg, &found);
                }
        }
}
