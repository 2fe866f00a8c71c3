#include "metastore.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "node/agent/state.h"

enum { SAVE_GAP_MS = 1000, SAVE_BYTES_PER_MS = 1024, PIECE_BYTES = 512 * 1024, LINE_BYTES_MAX = 8 << 20, FILE_BYTES_MAX = METASTORE_BYTES_MAX };

struct item { char *key, *text; };
struct topic {
        char *name;
        uint64_t rev;
        struct smap items;              /* key -> struct item */
        size_t bytes;
        bool unsaved;
        uint64_t saved_ms;
        struct topic *coming;           /* the snapshot that is being received; NULL: none */
        bool here;                      /* false: only coming */
};

struct metastore {
        char *dir;
        metastore_tell *tell;
        void *arg;
        struct smap topics;
        size_t bytes, objects;
        bool loading;
};

/* ---- topics ---- */
static void item_free(struct item *i) {
        free(i->key);
        free(i->text);
        free(i);
}

static void items_drop(struct metastore *m, struct topic *t) {
        smap_foreach(&t->items, s)
                item_free(s->value);
        m->objects -= t->items.n;
        m->bytes -= t->bytes;
        smap_done(&t->items);
        t->items = (struct smap) { 0 };
        t->bytes = 0;
}

static void topic_free(struct metastore *m, struct topic *t) {
        if (!t)
                return;
        topic_free(m, t->coming);
        items_drop(m, t);
        free(t->name);
        free(t);
}

static void item_del(struct metastore *m, struct topic *t, const char *key) {
        struct item *i = smap_del(&t->items, key);
        if (!i)
                return;
        size_t bytes = strlen(i->key) + strlen(i->text);
        t->bytes -= bytes;
        m->bytes -= bytes;
        m->objects--;
        item_free(i);
}

static void item_put(struct metastore *m, struct topic *t, const char *key, const struct json_object *o) {
        auto_sbuf struct sbuf text = SBUF(LINE_BYTES_MAX);
        json_write(o, 0, &text);
        item_del(m, t, key);
        struct item *i = dr_xnew(struct item);
        i->key = dr_xstrdup(key);
        i->text = sbuf_steal(&text);
        smap_set(&t->items, i->key, i);
        size_t bytes = strlen(i->key) + strlen(i->text);
        t->bytes += bytes;
        m->bytes += bytes;
        m->objects++;
}

static struct topic *topic_new(const char *name) {
        struct topic *t = dr_xnew(struct topic);
        t->name = dr_xstrdup(name);
        return t;
}

static char *path_of(const struct metastore *m, const char *topic) {
        char *path = dr_xasprintf("%s/%s.json", m->dir, topic);
        for (char *p = path + strlen(m->dir) + 1; *p; p++)
                if (*p == '/')
                        *p = '_';
        return path;
}

/* ---- messages out ---- */
static void line_begin(struct sbuf *b, const struct topic *t, uint64_t base) {
        sbuf_reset(b);
        sbuf_puts(b, "{\"topic\":");
        sbuf_json_string(b, t->name, strlen(t->name));
        sbuf_printf(b, ",\"rev\":%llu,\"base\":%llu,\"set\":{", (unsigned long long) t->rev, (unsigned long long) base);
}

static void snapshot(const struct topic *t, metastore_tell *tell, void *arg) {
        auto_sbuf struct sbuf b = SBUF(2 * LINE_BYTES_MAX);
        size_t in_piece = 0;
        line_begin(&b, t, 0);
        smap_foreach(&t->items, s) {
                const struct item *i = s->value;
                if (in_piece && b.len + strlen(i->text) > PIECE_BYTES) {
                        sbuf_puts(&b, "},\"del\":[],\"more\":true}");
                        tell(arg, sbuf_str(&b), b.len);
                        line_begin(&b, t, t->rev);
                        in_piece = 0;
                }
                sbuf_puts(&b, in_piece++ ? "," : "");
                sbuf_json_string(&b, i->key, strlen(i->key));
                sbuf_putc(&b, ':');
                sbuf_puts(&b, i->text);
        }
        sbuf_puts(&b, "},\"del\":[]}");
        tell(arg, sbuf_str(&b), b.len);
}

static void gone(const char *name, metastore_tell *tell, void *arg) {
        auto_sbuf struct sbuf b = SBUF(4096);
        sbuf_puts(&b, "{\"topic\":");
        sbuf_json_string(&b, name, strlen(name));
        sbuf_puts(&b, ",\"rev\":0,\"gone\":true}");
        tell(arg, sbuf_str(&b), b.len);
}

void metastore_write(const struct metastore *m, const struct json_object *have, metastore_tell *tell, void *arg) {
        smap_foreach(&m->topics, s) {
                const struct topic *t = s->value;
                if (t->here && (uint64_t) json_int(have, t->name, 0) != t->rev)
                        snapshot(t, tell, arg);
        }
        if (!json_object_is_type(have, json_type_object))
                return;
        json_object_object_foreach((struct json_object *) (uintptr_t) have, name, v) {
                (void) v;
                if (!metastore_rev(m, name))
                        gone(name, tell, arg);
        }
}

/* ---- messages in ---- */
static bool name_is_good(const char *name) {
        size_t n = strlen(name);
        if (!n || n > METASTORE_TOPIC_BYTES_MAX || *name == '.')
                return false;
        return n == strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/");
}

static int check(const struct json_object *set, const struct json_object *del, struct dr_error *err) {
        if (set) {
                json_object_object_foreach((struct json_object *) (uintptr_t) set, key, v)
                        if (!*key || strlen(key) > METASTORE_KEY_BYTES_MAX || !json_object_is_type(v, json_type_object))
                                return dr_fail(err, DR_E_INVALID_FORMAT, "set", "\"%.60s\" is no object of metadata", key);
        }
        for (size_t i = 0; del && i < json_object_array_length(del); i++)
                if (!json_object_is_type(json_object_array_get_idx(del, i), json_type_string))
                        return dr_fail(err, DR_E_INVALID_FORMAT, "del", "a key of metadata is no string");
        return 0;
}

static void apply(struct metastore *m, struct topic *t, const struct json_object *set, const struct json_object *del) {
        for (size_t i = 0; del && i < json_object_array_length(del); i++)
                item_del(m, t, json_object_get_string(json_object_array_get_idx(del, i)));
        if (set) {
                json_object_object_foreach((struct json_object *) (uintptr_t) set, key, v)
                        item_put(m, t, key, v);
        }
}

static void quote_list(struct sbuf *b, const char *key) {
        sbuf_puts(b, b->len ? "," : "");
        sbuf_json_string(b, key, strlen(key));
}

/* The topic is what has come: followers learn only what is different. Returns whether anything is. */
static bool take_snapshot(struct metastore *m, struct topic *t) {
        struct topic *n = t->coming;
        auto_sbuf struct sbuf b = SBUF(LINE_BYTES_MAX), del = SBUF(LINE_BYTES_MAX);
        bool was_here = t->here, any = false;
        uint64_t base = t->rev;
        t->rev = n->rev;
        t->here = true;
        line_begin(&b, t, base);
        smap_foreach(&n->items, s) {
                const struct item *i = s->value, *old = smap_get(&t->items, i->key);
                if (old && str_eq(old->text, i->text))
                        continue;
                sbuf_puts(&b, any ? "," : "");
                sbuf_json_string(&b, i->key, strlen(i->key));
                sbuf_putc(&b, ':');
                sbuf_puts(&b, i->text);
                any = true;
        }
        smap_foreach(&t->items, s)
                if (!smap_get(&n->items, ((struct item *) s->value)->key))
                        quote_list(&del, ((struct item *) s->value)->key);
        sbuf_printf(&b, "},\"del\":[%s]}", sbuf_str(&del));
        struct smap old_items = t->items;
        size_t old_bytes = t->bytes;
        t->items = n->items;
        t->bytes = n->bytes;
        n->items = old_items;
        n->bytes = old_bytes;
        topic_free(m, dr_take(t->coming));
        bool changed = any || del.len || !was_here || base != t->rev;
        t->unsaved |= changed && !m->loading;
        if (changed && m->tell && (!was_here || !sbuf_ok(&b) || !sbuf_ok(&del)))
                snapshot(t, m->tell, m->arg);
        else if (changed && m->tell)
                m->tell(m->arg, sbuf_str(&b), b.len);
        return changed;
}

static void forget(struct metastore *m, struct topic *t) {
        auto_free char *path = m->dir ? path_of(m, t->name) : NULL;
        if (path && unlink(path) < 0 && errno != ENOENT)
                log_warning("a file of metadata could not be removed", "file", path, NULL);
        (void) smap_del(&m->topics, t->name);
        if (t->here && m->tell)
                gone(t->name, m->tell, m->arg);
        topic_free(m, t);
}

static int take_piece(struct metastore *m, struct topic *t, const char *name, uint64_t base, uint64_t rev, const struct json_object *message) {
        if (!t) {
                t = topic_new(name);
                smap_set(&m->topics, t->name, t);
        }
        if (!base) {
                topic_free(m, dr_take(t->coming));
                t->coming = topic_new(name);
                t->coming->rev = rev;
        }
        apply(m, t->coming, json_get_object(message, "set"), json_get_array(message, "del"));
        return json_bool(message, "more", false) ? 0 : take_snapshot(m, t);
}

int metastore_take(struct metastore *m, const struct json_object *message, struct dr_error *err) {
        const char *name = json_str(message, "topic", "");
        const struct json_object *set = json_get_object(message, "set"), *del = json_get_array(message, "del");
        int64_t rev = json_int(message, "rev", 0), base = json_int(message, "base", 0);
        if (!name_is_good(name))
                return dr_fail(err, DR_E_INVALID_FORMAT, "topic", "\"%.60s\" is no topic of metadata", name);
        struct topic *t = smap_get(&m->topics, name);
        if (json_bool(message, "gone", false)) {
                bool was_here = t && t->here;
                if (t)
                        forget(m, t);
                return was_here;
        }
        if (rev <= 0 || base < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, "rev", "a message of topic \"%.60s\" has no revision", name);
        int r = check(set, del, err);
        if (r < 0)
                return r;
        if (m->bytes > METASTORE_BYTES_MAX || m->objects + (set ? (size_t) json_object_object_length(set) : 0) > METASTORE_OBJECTS_MAX ||
            (!t && m->topics.n >= METASTORE_TOPICS_MAX))
                return dr_fail(err, DR_E_TOO_LARGE, "set", "the metadata of this environment is larger than a host keeps");
        if (!base || (t && t->coming && t->coming->rev == (uint64_t) base && base == rev))
                return take_piece(m, t, name, (uint64_t) base, (uint64_t) rev, message);
        if (!t || !t->here || t->rev != (uint64_t) base)
                return -ESTALE;
        apply(m, t, set, del);
        t->rev = (uint64_t) rev;
        t->unsaved = true;
        auto_sbuf struct sbuf b = SBUF(2 * LINE_BYTES_MAX);
        line_begin(&b, t, (uint64_t) base);
        b.len--;                                /* the set is written as it came */
        if (set)
                json_write(set, 0, &b);
        else
                sbuf_puts(&b, "{}");
        sbuf_puts(&b, ",\"del\":");
        if (del)
                json_write(del, 0, &b);
        else
                sbuf_puts(&b, "[]");
        sbuf_putc(&b, '}');
        if (m->tell)
                m->tell(m->arg, sbuf_str(&b), b.len);
        return 1;
}

uint64_t metastore_rev(const struct metastore *m, const char *topic) {
        const struct topic *t = smap_get(&m->topics, topic);
        return t && t->here ? t->rev : 0;
}

struct json_object *metastore_revisions(const struct metastore *m) {
        struct json_object *o = json_object_new_object();
        smap_foreach(&m->topics, s) {
                const struct topic *t = s->value;
                if (t->here)
                        json_set_int(o, t->name, (int64_t) t->rev);
        }
        return o;
}

size_t metastore_objects(const struct metastore *m) {
        size_t n = 0;
        smap_foreach(&m->topics, s)
                n += ((struct topic *) s->value)->items.n;
        return n;
}

void metastore_drop_pieces(struct metastore *m) {
        VEC(struct topic *) only_coming = { 0 };
        smap_foreach(&m->topics, s) {
                struct topic *t = s->value;
                topic_free(m, dr_take(t->coming));
                if (!t->here)
                        vec_push(&only_coming, t);
        }
        for (size_t i = 0; i < only_coming.n; i++) {
                (void) smap_del(&m->topics, only_coming.v[i]->name);
                topic_free(m, only_coming.v[i]);
        }
        vec_done(&only_coming);
}

void metastore_clear(struct metastore *m) {
        VEC(struct topic *) all = { 0 };
        smap_foreach(&m->topics, s)
                vec_push(&all, s->value);
        for (size_t i = 0; i < all.n; i++)
                forget(m, all.v[i]);
        vec_done(&all);
}

/* ---- disk ---- */
static void add_line(void *arg, const char *line, size_t len) {
        sbuf_add(arg, line, len);
        sbuf_putc(arg, '\n');
}

uint64_t metastore_save(struct metastore *m, uint64_t now_ms) {
        uint64_t next = UINT64_MAX;
        if (!m->dir)
                return next;
        smap_foreach(&m->topics, s) {
                struct topic *t = s->value;
                uint64_t due = t->saved_ms + SAVE_GAP_MS + t->bytes / SAVE_BYTES_PER_MS;
                if (!t->unsaved || !t->here)
                        continue;
                if (now_ms < due) {
                        next = MIN(next, due);
                        continue;
                }
                auto_sbuf struct sbuf b = SBUF(FILE_BYTES_MAX);
                auto_free char *path = path_of(m, t->name);
                snapshot(t, add_line, &b);
                struct dr_error err = { 0 };
                int r = sbuf_ok(&b) ? 0 : dr_fail(&err, DR_E_TOO_LARGE, NULL, "topic %.100s is longer than %d bytes", t->name, FILE_BYTES_MAX);
                /* Not synced to the disk: after a power loss a file that is no whole text counts for nothing, and the server sends the topic again. */
                if (r < 0 || file_replace_unsynced(path, sbuf_str(&b), b.len, 0600, &err) < 0)
                        log_warning("metadata could not be written", "file", path, "reason", err.message, NULL);
                t->saved_ms = now_ms == UINT64_MAX ? 0 : now_ms;
                t->unsaved = false;
        }
        return next;
}

static int load_file(struct metastore *m, const char *path, struct dr_error *err) {
        auto_free char *text = NULL;
        size_t len;
        int r = file_read(path, FILE_BYTES_MAX, &text, &len, err);
        for (const char *p = text, *end; r >= 0 && p && *p; p = end + (*end == '\n')) {
                end = p + strcspn(p, "\n");
                AUTO(json_free) struct json_object *o = NULL;
                r = json_parse(p, (size_t) (end - p), 2 * LINE_BYTES_MAX, &o, err);
                if (r >= 0 && (r = metastore_take(m, o, err)) == -ESTALE)
                        r = dr_fail(err, DR_E_INVALID_FORMAT, NULL, "a piece is missing");
        }
        return r;
}

static void load(struct metastore *m) {
        DIR *d = opendir(m->dir);
        if (!d)
                return;
        m->loading = true;
        for (struct dirent *e; (e = readdir(d));) {
                size_t n = strlen(e->d_name);
                struct dr_error err = { 0 };
                auto_free char *path = dr_xasprintf("%s/%s", m->dir, e->d_name);
                if (n < 5 || !str_eq(e->d_name + n - 5, ".json"))
                        continue;
                if (load_file(m, path, &err) < 0) {
                        log_warning("a file of metadata cannot be used; the server is asked for it again", "file", path, "reason", err.message, NULL);
                        (void) unlink(path);
                }
        }
        closedir(d);
        metastore_drop_pieces(m);
        m->loading = false;
}

struct metastore *metastore_new(const char *dir, metastore_tell *tell, void *arg) {
        struct metastore *m = dr_xnew(struct metastore);
        m->dir = dir ? dr_xstrdup(dir) : NULL;
        if (dir && mkdir(dir, 0700) < 0 && errno != EEXIST)
                log_warning("the folder for metadata could not be made", "folder", dir, "reason", strerror(errno), NULL);
        if (dir)
                load(m);
        m->tell = tell;
        m->arg = arg;
        return m;
}

struct metastore *metastore_free(struct metastore *m) {
        if (!m)
                return NULL;
        smap_foreach(&m->topics, s)
                topic_free(m, s->value);
        smap_done(&m->topics);
        free(m->dir);
        free(m);
        return NULL;
}
