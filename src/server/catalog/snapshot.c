#include "snapshot.h"

#include <stdio.h>
#include <strings.h>

#include "formats/catalog.h"
#include "formats/json.h"
#include "server/api/arena.h"

enum { TEMPLATES_MAX = 5000, VERSIONS_MAX = 20000, FILES_PER_VERSION_MAX = 200, TEXT_BYTES_MAX = 1 << 20 };

struct snapshot_inside {
        struct arena arena;
        struct smap by_key, texts;      /* "base*folder" to template; texts that are held once */
        VEC(struct blob *) blobs;
};

/* ---- while it is made ---- */
struct draft_file { const char *name; const struct blob *blob; const char *path; };
struct draft_version {
        const char *folder;
        int64_t revision;
        VEC(struct draft_file) files;
};
struct draft_template {
        const char *base, *folder, *path, *icon_name;
        const struct blob *config, *icon, *readme;
        struct smap by_folder;
        VEC(struct draft_version *) versions;
};
struct draft {
        struct fileset *files;
        struct snapshot *s;
        struct smap by_key;
        VEC(struct draft_template *) templates;
        size_t n_versions;
};

static const char *keep(struct snapshot *s, const char *text) {
        if (!*text)
                return "";
        const char *same = smap_get(&s->inside->texts, text);
        if (!same) {
                char *copy = arena_strdup(&s->inside->arena, text);
                smap_set(&s->inside->texts, copy, copy);
                same = copy;
        }
        return same;
}

static const char *keep_json(struct snapshot *s, struct json_object *o, const char *other) {
        struct sbuf b = SBUF(TEXT_BYTES_MAX);
        json_write(o, 0, &b);
        const char *text = o && sbuf_ok(&b) ? keep(s, sbuf_str(&b)) : other;
        sbuf_done(&b);
        return text;
}

static struct draft_template *template_of(struct draft *d, const struct catalog_place *at, const char *path) {
        char key[2 * CATALOG_NAME_BYTES_MAX + 4];
        snprintf(key, sizeof key, "%s*%s", at->base, at->folder);
        struct draft_template *t = smap_get(&d->by_key, key);
        if (t || d->templates.n >= TEMPLATES_MAX)
                return t;
        struct arena *a = &d->s->inside->arena;
        t = dr_xnew(struct draft_template);
        t->base = keep(d->s, at->base);
        t->folder = keep(d->s, at->folder);
        const char *end = strchr(path, '/');
        end = strchr(end + 1, '/');
        t->path = arena_strndup(a, path, (size_t) (end - path));
        smap_set(&d->by_key, arena_strdup(a, key), t);
        vec_push(&d->templates, t);
        return t;
}

static struct draft_version *version_of(struct draft *d, struct draft_template *t, const struct catalog_place *at) {
        struct draft_version *v = smap_get(&t->by_folder, at->version);
        if (v || d->n_versions >= VERSIONS_MAX)
                return v;
        v = dr_xnew(struct draft_version);
        v->folder = keep(d->s, at->version);
        v->revision = at->revision;
        smap_set(&t->by_folder, v->folder, v);
        vec_push(&t->versions, v);
        d->n_versions++;
        return v;
}

static size_t depth_of(const char *path) {
        size_t n = 0;
        for (; *path; path++)
                n += *path == '/';
        return n;
}

/* Files of a version are known by their base name; of two with one name that which is less deep counts. */
static void add_version_file(struct draft *d, struct draft_version *v, const struct fileset_file *f, const char *name) {
        for (size_t i = 0; i < v->files.n; i++)
                if (str_eq(v->files.v[i].name, name)) {
                        if (depth_of(f->path) < depth_of(v->files.v[i].path))
                                v->files.v[i] = (struct draft_file) { v->files.v[i].name, f->blob, f->path };
                        return;
                }
        if (v->files.n >= FILES_PER_VERSION_MAX)
                fileset_skip(d->files, f->path, "the version has more than %d files", FILES_PER_VERSION_MAX);
        else
                vec_push(&v->files, ((struct draft_file) { keep(d->s, name), f->blob, f->path }));
}

static void sort_in(struct draft *d, const struct fileset_file *f) {
        struct catalog_place at;
        if (!fileset_counts(f->path) || catalog_place_parse(f->path, &at) < 0 || at.kind == CATALOG_FILE_OTHER)
                return;
        struct draft_template *t = template_of(d, &at, f->path);
        if (!t) {
                fileset_skip(d->files, f->path, "there are more than %d templates", TEMPLATES_MAX);
        } else if (at.kind == CATALOG_FILE_CONFIG) {
                t->config = f->blob;
        } else if (at.kind == CATALOG_FILE_ICON) {
                t->icon = f->blob;
                t->icon_name = keep(d->s, at.name);
        } else if (at.kind == CATALOG_FILE_README) {
                t->readme = f->blob;
        } else {
                struct draft_version *v = version_of(d, t, &at);
                if (v)
                        add_version_file(d, v, f, at.name);
                else
                        fileset_skip(d->files, f->path, "there are more than %d versions", VERSIONS_MAX);
        }
}

/* ---- from drafts to what is served ---- */
static const struct draft_file *draft_file(const struct draft_version *v, const char *name) {
        for (size_t i = 0; i < v->files.n; i++)
                if (str_eq(v->files.v[i].name, name))
                        return &v->files.v[i];
        return NULL;
}

/* What the version says of itself. NULL: it is left out. */
static struct json_object *facts_of(struct draft *d, const struct draft_version *v) {
        struct dr_error err;
        struct json_object *o = NULL;
        const struct draft_file *f = draft_file(v, "rancher-compose.yml"), *tpl = draft_file(v, "rancher-compose.yml.tpl");
        if (f && catalog_version_parse(f->blob->data, f->blob->len, "rancher-compose.yml", v->folder, &o, &err) < 0) {
                fileset_skip(d->files, f->path, "the version is left out: %s", err.message);
                return NULL;
        }
        /* A template that is no YAML before it is rendered says nothing yet. */
        if (!f && tpl && catalog_version_parse(tpl->blob->data, tpl->blob->len, "rancher-compose.yml.tpl", v->folder, &o, NULL) < 0)
                o = NULL;
        if (!o)
                o = catalog_version_plain(v->folder);
        if (!*json_str(o, "version", "")) {
                fileset_skip(d->files, f ? f->path : v->folder, "the version is left out: it has no version string");
                json_object_put(o);
                return NULL;
        }
        return o;
}

static int by_name(const void *a, const void *b) {
        return strcmp(((const struct snapshot_file *) a)->name, ((const struct snapshot_file *) b)->name);
}

static bool make_version(struct draft *d, const struct draft_version *v, struct snapshot_version *ret) {
        struct snapshot *s = d->s;
        AUTO(json_free) struct json_object *facts = facts_of(d, v);
        if (!facts)
                return false;
        *ret = (struct snapshot_version) {
                .folder = v->folder, .revision = v->revision, .version = keep(s, json_str(facts, "version", "")),
                .min = keep(s, json_str(facts, "minimumRancherVersion", "")), .max = keep(s, json_str(facts, "maximumRancherVersion", "")),
                .upgrade_from = keep(s, json_str(facts, "upgradeFrom", "")),
                .labels = keep_json(s, json_get(facts, "labels"), "{}"), .questions = keep_json(s, json_get(facts, "questions"), "[]"),
        };
        ret->files = arena_alloc(&s->inside->arena, sizeof *ret->files * MAX(v->files.n, (size_t) 1));
        for (size_t i = 0; i < v->files.n; i++)
                ret->files[ret->n_files++] = (struct snapshot_file) { v->files.v[i].name, v->files.v[i].blob };
        qsort(ret->files, ret->n_files, sizeof *ret->files, by_name);
        s->n_files += ret->n_files;
        return true;
}

static int by_age(const void *a, const void *b) {
        const struct snapshot_version *x = a, *y = b;
        if (x->revision != y->revision)
                return x->revision < y->revision ? -1 : 1;
        if (x->revision >= 0)
                return strcmp(x->folder, y->folder);
        return catalog_version_greater(x->version, y->version)   ? 1
               : catalog_version_greater(y->version, x->version) ? -1
                                                                 : strcmp(x->folder, y->folder);
}

/* "1" and "01" are one revision: the first is it. */
static void drop_doubles(struct draft *d, const struct draft_template *from, struct snapshot_template *t) {
        size_t n = 0;
        for (size_t i = 0; i < t->n_versions; i++) {
                if (n && t->versions[i].revision >= 0 && t->versions[n - 1].revision == t->versions[i].revision)
                        fileset_skip(d->files, from->path, "folder %s is left out: folder %s has the same number", t->versions[i].folder,
                                     t->versions[n - 1].folder);
                else
                        t->versions[n++] = t->versions[i];
        }
        t->n_versions = n;
}

static bool make_template(struct draft *d, const struct draft_template *from, struct snapshot_template *ret) {
        struct snapshot *s = d->s;
        struct dr_error err;
        AUTO(json_free) struct json_object *config = NULL;
        if (!from->config) {
                if (from->versions.n)
                        fileset_skip(d->files, from->path, "the template is left out: it has no config.yml");
                return false;
        }
        if (catalog_config_parse(from->config->data, from->config->len, "config.yml", &config, &err) < 0) {
                fileset_skip(d->files, from->path, "the template is left out: %s", err.message);
                return false;
        }
        *ret = (struct snapshot_template) {
                .base = from->base, .folder = from->folder, .default_version = keep(s, json_str(config, "defaultVersion", "")),
                .icon_name = from->icon_name, .icon = from->icon, .readme = from->readme,
        };
        ret->versions = arena_alloc(&s->inside->arena, sizeof *ret->versions * MAX(from->versions.n, (size_t) 1));
        for (size_t i = 0; i < from->versions.n; i++)
                ret->n_versions += make_version(d, from->versions.v[i], &ret->versions[ret->n_versions]);
        if (!ret->n_versions)
                return false;           /* upstream keeps such templates and never lists them */
        qsort(ret->versions, ret->n_versions, sizeof *ret->versions, by_age);
        drop_doubles(d, from, ret);
        s->n_versions += ret->n_versions;
        ret->config = dr_take(config);
        return true;
}

static void draft_done(struct draft *d) {
        for (size_t i = 0; i < d->templates.n; i++) {
                struct draft_template *t = d->templates.v[i];
                for (size_t k = 0; k < t->versions.n; k++) {
                        vec_done(&t->versions.v[k]->files);
                        free(t->versions.v[k]);
                }
                vec_done(&t->versions);
                smap_done(&t->by_folder);
                free(t);
        }
        vec_done(&d->templates);
        smap_done(&d->by_key);
}

static void take_contents(struct snapshot *s, struct fileset *f) {
        s->inside->blobs.v = f->blobs.v;
        s->inside->blobs.n = f->blobs.n;
        s->inside->blobs.cap = f->blobs.cap;
        f->blobs.v = NULL;
        f->blobs.n = f->blobs.cap = 0;
        s->skipped = dr_take(f->skipped.v);
        s->n_skipped = f->skipped.n;
        s->n_skipped_all = f->n_skipped;
        f->skipped.n = f->skipped.cap = 0;
        s->bytes = f->bytes;
}

int snapshot_new(struct fileset *f, struct snapshot **ret, struct dr_error *err) {
        AUTO(snapshot_free) struct snapshot *s = dr_xnew(struct snapshot);
        s->inside = dr_xnew(struct snapshot_inside);
        struct draft d = { .files = f, .s = s };
        for (size_t i = 0; i < f->files.n; i++)
                sort_in(&d, &f->files.v[i]);
        s->templates = dr_xcalloc(MAX(d.templates.n, (size_t) 1), sizeof *s->templates);
        for (size_t i = 0; i < d.templates.n; i++)
                s->n_templates += make_template(&d, d.templates.v[i], &s->templates[s->n_templates]);
        draft_done(&d);
        auto_free char *first = f->skipped.n ? dr_xstrdup(f->skipped.v[0]) : NULL;
        take_contents(s, f);
        fileset_done(f);
        if (!s->n_templates)
                return dr_fail(
                        err, DR_E_INVALID_FORMAT, NULL,
                        "there is no template in it, that is a folder below templates or BASE-templates with config.yml and a version%s%s",
                        first ? "; " : "", str_or(first, ""));
        for (size_t i = 0; i < s->n_templates; i++) {
                const struct snapshot_template *t = &s->templates[i];
                smap_set(&s->inside->by_key, arena_printf(&s->inside->arena, "%s*%s", t->base, t->folder), &s->templates[i]);
        }
        smap_done(&s->inside->texts);
        *ret = dr_take(s);
        return 0;
}

struct snapshot *snapshot_free(struct snapshot *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n_templates; i++)
                json_object_put(s->templates[i].config);
        for (size_t i = 0; i < s->inside->blobs.n; i++)
                free(s->inside->blobs.v[i]);
        for (size_t i = 0; i < s->n_skipped; i++)
                free(s->skipped[i]);
        vec_done(&s->inside->blobs);
        smap_done(&s->inside->by_key);
        smap_done(&s->inside->texts);
        arena_done(&s->inside->arena);
        free(s->inside);
        free(s->skipped);
        free(s->templates);
        free(s);
        return NULL;
}

/* ---- looking ---- */
const struct snapshot_template *snapshot_template(const struct snapshot *s, const char *base, const char *folder) {
        char key[2 * CATALOG_NAME_BYTES_MAX + 4];
        snprintf(key, sizeof key, "%s*%s", base, folder);
        return smap_get(&s->inside->by_key, key);
}

const struct snapshot_version *snapshot_version(const struct snapshot_template *t, int64_t revision, const char *version) {
        for (size_t i = 0; revision >= 0 && i < t->n_versions; i++)
                if (t->versions[i].revision == revision)
                        return &t->versions[i];
        for (size_t i = t->n_versions; revision < 0 && i > 0; i--)
                if (str_eq(t->versions[i - 1].version, version) || str_eq(t->versions[i - 1].folder, version))
                        return &t->versions[i - 1];
        return NULL;
}

bool snapshot_visible(const struct snapshot_version *v, const char *r) { return catalog_version_visible(v->min, v->max, r); }

const struct snapshot_version *snapshot_default(const struct snapshot_template *t, const char *r) {
        const struct snapshot_version *newest = NULL;
        for (size_t i = t->n_versions; i > 0; i--) {
                const struct snapshot_version *v = &t->versions[i - 1];
                if (!snapshot_visible(v, r))
                        continue;
                if (str_eq(v->version, t->default_version))
                        return v;
                if (!newest)
                        newest = v;
        }
        return newest;
}

const struct blob *snapshot_file(const struct snapshot_version *v, const char *name) {
        for (size_t i = 0; i < v->n_files; i++)
                if (str_eq(v->files[i].name, name))
                        return v->files[i].blob;
        return NULL;
}
