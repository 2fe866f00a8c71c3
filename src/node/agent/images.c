#include "images.h"

#include "base/file.h"
#include "base/log.h"
#include "base/times.h"
#include "net/http.h"

#include <stdio.h>
#include <sys/statvfs.h>

enum {
        SWEEP_MS = 60000, SWEEP_MS_MIN = 500, SAVE_MS = 3600000, CALL_MS = 30000, REMOVE_MS = 120000, LIST_BYTES_MAX = 32 << 20, FILE_BYTES_MAX = 4 << 20,
        IMAGES_MAX = 10000, PATH_BYTES_MAX = 4096, AFTER_S_MAX = 10 * 365 * 86400,
};

struct image {
        char *id;
        int64_t used_ms;                /* Unix time: when it was last in use, came, or was first seen */
        bool ours;
        bool there, used;               /* as of the sweep under way */
        json_object *names;             /* tags, else digest references; of this sweep */
        bool tried;
};

struct images {
        struct images_config cfg;
        struct smap by_id;              /* to struct image */
        uint64_t after_s;               /* 0: no policy */
        unsigned disk_percent;
        bool all;
        char *root;
        struct timer *timer;
        struct docker_call *call;       /* of the sweep */
        struct docker_call *asking;     /* which image was pulled */
        VEC(char *) pulled;             /* still to be asked about; the first is being asked */
        struct image *removing;
        size_t name;                    /* of its names, the one being removed */
        bool changed, look_only;
        int64_t saved_ms;
};

static void image_free(struct image *i) {
        free(i->id);
        json_object_put(i->names);
        free(i);
}

static struct image *image_get(struct images *m, const char *id) {
        struct image *i = smap_get(&m->by_id, id);
        if (!i && *id && m->by_id.n < IMAGES_MAX) {
                i = dr_xnew(struct image);
                i->id = dr_xstrdup(id);
                i->used_ms = time_wall_ms();
                smap_set(&m->by_id, i->id, i);
                m->changed = true;
        }
        return i;
}

/* File ------------------------------------------------------------------------------------------------------------- */

static void load(struct images *m) {
        auto_free char *text = NULL;
        size_t len;
        if (file_read(m->cfg.path, FILE_BYTES_MAX, &text, &len, NULL) < 0)
                return;
        AUTO(jv_put) json_object *o = jv_parse(text, len, FILE_BYTES_MAX, NULL);
        if (!o || !json_object_is_type(o, json_type_object))
                return;
        json_object_object_foreach(o, id, v) {
                struct image *i = image_get(m, id);
                if (i) {
                        i->used_ms = jv_i64(v, "usedMs");
                        i->ours = jv_bool(v, "ours");
                }
        }
        m->changed = false;
}

static void save(struct images *m) {
        auto_sbuf struct sbuf out = SBUF(FILE_BYTES_MAX);
        struct dr_error err;
        sbuf_putc(&out, '{');
        smap_foreach(&m->by_id, slot) {
                const struct image *i = slot->value;
                sbuf_puts(&out, out.len > 1 ? "," : "");
                sbuf_json_string(&out, i->id, strlen(i->id));
                sbuf_printf(&out, ":{\"usedMs\":%lld,\"ours\":%s}", (long long) i->used_ms, i->ours ? "true" : "false");
        }
        sbuf_putc(&out, '}');
        if (!sbuf_ok(&out) || file_replace(m->cfg.path, out.data, out.len, 0600, &err) < 0)
                return log_warning("what is known of images could not be written", "reason", sbuf_ok(&out) ? err.message : "it is too long", NULL);
        m->changed = false;
        m->saved_ms = time_wall_ms();
}

/* Sweep ------------------------------------------------------------------------------------------------------------ */

static void rest(struct images *m) {
        m->removing = NULL;
        if (m->changed || time_wall_ms() - m->saved_ms > SAVE_MS)
                save(m);
        uint64_t every_ms = m->after_s * 1000 / 4;
        if (m->after_s)
                timer_start(m->timer, MAX((uint64_t) SWEEP_MS_MIN, MIN(every_ms, (uint64_t) SWEEP_MS)));
}

/* Whether name, as a spec writes it, is one of the image's. */
static bool is_called(const struct image *i, const char *name) {
        const char *slash = strrchr(name, '/');
        auto_free char *full = strchr(slash ? slash : name, ':') || strchr(name, '@') ? dr_xstrdup(name) : dr_xasprintf("%s:latest", name);
        for (size_t k = 0; k < jv_len(i->names); k++)
                if (str_eq(jv_text(jv_at(i->names, k)), full))
                        return true;
        return str_eq(i->id, name);
}

static void mark_desired(struct images *m) {
        for (size_t k = 0; k < m->cfg.state->entries.n; k++) {
                const struct entry *e = m->cfg.state->entries.v[k];
                AUTO(jv_put) json_object *spec = e->spec && e->record.want != WANT_ABSENT ? jv_parse(e->spec, strlen(e->spec), LIST_BYTES_MAX, NULL) : NULL;
                const char *name = jv_str(spec, "imageUuid");
                name = str_starts(name, "docker:") ? name + strlen("docker:") : name;
                smap_foreach(&m->by_id, slot) {
                        struct image *i = slot->value;
                        if (*name && is_called(i, name))
                                i->used = true;
                }
        }
}

static bool disk_is_full(const struct images *m) {
        struct statvfs v;
        if (m->disk_percent == 0)
                return true;
        if (statvfs(m->root ? m->root : "/var/lib/docker", &v) < 0 || v.f_blocks == 0)
                return false;
        return (v.f_blocks - v.f_bavail) * 100 / v.f_blocks >= m->disk_percent;
}

/* The one that was unused longest and is due; NULL: none. */
static struct image *next_due(const struct images *m) {
        struct image *oldest = NULL;
        int64_t due_ms = time_wall_ms() - (int64_t) m->after_s * 1000;
        smap_foreach(&m->by_id, slot) {
                struct image *i = slot->value;
                if (i->there && !i->used && !i->tried && (i->ours || m->all) && i->used_ms <= due_ms && (!oldest || i->used_ms < oldest->used_ms))
                        oldest = i;
        }
        return oldest;
}

static void remove_next(struct images *m);

static void on_removed(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct images *m = arg;
        char why[300];
        m->call = NULL;
        if (result < 0)
                return rest(m);
        docker_error_text(body, len, why, sizeof why);
        const char *name = jv_text(jv_at(m->removing->names, m->name));
        if (status == 200) {
                log_info("an unused image is removed", "image", *name ? name : m->removing->id, NULL);
                m->changed = true;
        } else if (status != 404) {                     /* a container or another image uses it after all */
                log_info("an unused image cannot be removed", "image", *name ? name : m->removing->id, "reason", why, NULL);
                m->removing->used_ms = time_wall_ms();  /* not with each look */
                m->removing = NULL;
        }
        m->name++;
        remove_next(m);
}

/* By its names, one after the other: by id the engine refuses one that has several. */
static void remove_next(struct images *m) {
        struct image *i = m->removing;
        if (!i || (m->name >= jv_len(i->names) && m->name > 0)) {
                i = m->removing = m->after_s && disk_is_full(m) ? next_due(m) : NULL;
                m->name = 0;
                if (!i)
                        return rest(m);
                i->tried = true;
        }
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        const char *name = jv_text(jv_at(i->names, m->name));
        sbuf_puts(&path, "/images/");
        http_escape(&path, *name ? name : i->id);
        m->call = docker_call_start(m->cfg.docker, &(struct docker_request) { .method = "DELETE", .path = sbuf_str(&path), .total_ms = REMOVE_MS,
                                                                              .done = on_removed, .arg = m }, NULL);
        if (!m->call)
                rest(m);
}

static json_object *names_of(json_object *o) {
        json_object *names = json_object_new_array();
        static const char *const keys[] = { "RepoTags", "RepoDigests" };
        for (size_t k = 0; k < ARRAY_LEN(keys) && jv_len(names) == 0; k++)
                for (size_t n = 0; n < jv_len(jv_arr(o, keys[k])); n++) {
                        json_object *name = jv_at(jv_arr(o, keys[k]), n);
                        if (*jv_text(name) && !str_starts(jv_text(name), "<none>"))
                                json_object_array_add(names, json_object_get(name));
                }
        return names;
}

static void drop_gone(struct images *m) {
        VEC(struct image *) gone = { 0 };
        smap_foreach(&m->by_id, slot)
                if (!((struct image *) slot->value)->there)
                        vec_push(&gone, (struct image *) slot->value);
        for (size_t k = 0; k < gone.n; k++) {
                smap_del(&m->by_id, gone.v[k]->id);
                image_free(gone.v[k]);
                m->changed = true;
        }
        vec_done(&gone);
}

/* The list of an answer; NULL: none came. The caller puts. */
static struct json_object *list_of(int result, int status, const char *body, size_t len) {
        struct json_object *list = result == 0 && status == 200 ? jv_parse(body, len, LIST_BYTES_MAX, NULL) : NULL;
        if (list && json_object_is_type(list, json_type_array))
                return list;
        json_object_put(list);
        return NULL;
}

static void on_images(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct images *m = arg;
        m->call = NULL;
        AUTO(jv_put) json_object *list = list_of(result, status, body, len);
        if (!list)
                return rest(m);
        smap_foreach(&m->by_id, slot)
                ((struct image *) slot->value)->there = false;
        for (size_t k = 0; k < jv_len(list); k++) {
                const char *id = jv_str(jv_at(list, k), "Id");
                /* While one that was pulled is asked about, a new one may be it. */
                struct image *i = m->pulled.n ? smap_get(&m->by_id, id) : image_get(m, id);
                if (!i)
                        continue;
                i->there = true;
                i->tried = false;
                json_object_put(i->names);
                i->names = names_of(jv_at(list, k));
        }
        drop_gone(m);
        if (m->look_only) {
                m->look_only = false;
                return rest(m);
        }
        mark_desired(m);
        int64_t now_ms = time_wall_ms();
        smap_foreach(&m->by_id, slot) {
                struct image *i = slot->value;
                if (i->used)
                        i->used_ms = now_ms;
        }
        remove_next(m);
}

static void list_images(struct images *m) {
        m->call = docker_call_start(m->cfg.docker, &(struct docker_request) { .path = "/images/json", .body_max = LIST_BYTES_MAX, .done = on_images, .arg = m }, NULL);
        if (!m->call)
                rest(m);
}

static void on_containers(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct images *m = arg;
        m->call = NULL;
        AUTO(jv_put) json_object *list = list_of(result, status, body, len);
        if (!list)
                return rest(m);
        smap_foreach(&m->by_id, slot)
                ((struct image *) slot->value)->used = false;
        for (size_t k = 0; k < jv_len(list); k++) {
                struct image *i = image_get(m, jv_str(jv_at(list, k), "ImageID"));
                if (i)
                        i->used = true;
        }
        list_images(m);
}

static void sweep(void *arg) {
        struct images *m = arg;
        if (m->call || !m->after_s)
                return;
        if (!docker_is_healthy(m->cfg.docker))
                return rest(m);
        m->call = docker_call_start(m->cfg.docker, &(struct docker_request) { .path = "/containers/json?all=1", .body_max = LIST_BYTES_MAX, .done = on_containers,
                                                                              .arg = m }, NULL);
        if (!m->call)
                rest(m);
}

/* Drover's ----------------------------------------------------------------------------------------------------------- */

static void ask_next(struct images *m);

static void on_asked(struct docker_call *c, int result, int status, const char *body, size_t len, const struct dr_error *err, void *arg) {
        struct images *m = arg;
        m->asking = NULL;
        AUTO(jv_put) json_object *o = result == 0 && status == 200 ? jv_parse(body, len, LIST_BYTES_MAX, NULL) : NULL;
        const char *id = jv_str(o, "Id");
        bool known = smap_get(&m->by_id, id) != NULL;
        struct image *i = image_get(m, id);
        if (i) {
                i->ours |= !known;                      /* one that was here before is whose it was */
                i->used_ms = time_wall_ms();
                save(m);
        }
        free(m->pulled.v[0]);
        m->pulled.n--;
        memmove(m->pulled.v, m->pulled.v + 1, m->pulled.n * sizeof *m->pulled.v);
        ask_next(m);
}

static void ask_next(struct images *m) {
        if (m->asking || !m->pulled.n)
                return;
        auto_sbuf struct sbuf path = SBUF(PATH_BYTES_MAX);
        sbuf_puts(&path, "/images/");
        http_escape(&path, m->pulled.v[0]);
        sbuf_puts(&path, "/json");
        m->asking = docker_call_start(m->cfg.docker, &(struct docker_request) { .path = sbuf_str(&path), .total_ms = CALL_MS, .done = on_asked, .arg = m }, NULL);
}

void images_pulled(struct images *m, const char *image) {
        if (m->pulled.n < IMAGES_MAX)
                vec_push(&m->pulled, dr_xstrdup(image));
        ask_next(m);
}

void images_engine_connected(struct images *m) {
        ask_next(m);
        if (m->call)
                return;
        m->look_only = true;
        list_images(m);
}

void images_set_policy(struct images *m, json_object *policy) {
        int64_t after_s = jv_i64(policy, "afterS"), percent = jv_i64(policy, "diskPercent");
        m->after_s = after_s > 0 ? (uint64_t) MIN(after_s, (int64_t) AFTER_S_MAX) : 0;
        m->disk_percent = percent > 0 && percent <= 100 ? (unsigned) percent : 0;
        m->all = jv_bool(policy, "all");
        timer_stop(m->timer);
        if (m->after_s && !m->call)
                timer_start(m->timer, SWEEP_MS_MIN);
}

void images_set_root(struct images *m, const char *docker_root) { entry_set_text(&m->root, *docker_root ? docker_root : NULL); }

struct images *images_new(const struct images_config *cfg) {
        struct images *m = dr_xnew(struct images);
        m->cfg = *cfg;
        m->timer = timer_new(cfg->loop, sweep, m);
        load(m);
        m->saved_ms = time_wall_ms();
        return m;
}

struct images *images_free(struct images *m) {
        if (!m)
                return NULL;
        if (m->call)
                docker_call_cancel(m->call);
        if (m->asking)
                docker_call_cancel(m->asking);
        timer_free(m->timer);
        smap_foreach(&m->by_id, slot)
                image_free(slot->value);
        smap_done(&m->by_id);
        for (size_t k = 0; k < m->pulled.n; k++)
                free(m->pulled.v[k]);
        vec_done(&m->pulled);
        free(m->root);
        free(m);
        return NULL;
}
