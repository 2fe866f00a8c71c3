/* Messages of the model: checked as a whole first, then applied. */
#include "model-internal.h"

#include "node/docker/json_split.h"

#include <fcntl.h>
#include <stdio.h>

enum { TOPIC_BYTES_MAX = 512, TOPICS_MAX = 100000, REMOTES_MAX = 64, DUMP_PART_BYTES = 1 << 20, READ_BYTES = 64 * 1024 };

/* Objects and their keys ------------------------------------------------------------------------------------------ */

bool json_identical(const struct json_object *a, const struct json_object *b) {
        if (a == b)
                return true;
        enum json_type type = json_object_get_type(a);
        if (type != json_object_get_type(b))
                return false;
        if (type == json_type_object) {
                if (json_object_object_length(a) != json_object_object_length(b))
                        return false;
                json_object_object_foreach((struct json_object *) a, key, value) {
                        struct json_object *other;
                        if (!json_object_object_get_ex(b, key, &other) || !json_identical(value, other))
                                return false;
                }
                return true;
        }
        if (type == json_type_array) {
                size_t n = json_object_array_length(a);
                if (n != json_object_array_length(b))
                        return false;
                for (size_t i = 0; i < n; i++)
                        if (!json_identical(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
                                return false;
                return true;
        }
        return json_object_equal((struct json_object *) a, (struct json_object *) b);
}

static int need(const struct json_object *json, const char *kind, const char *field, const char **ret, struct dr_error *err) {
        *ret = json_str(json, field, NULL);
        if (!*ret || !**ret)
                return dr_fail(err, DR_E_INVALID_BODY, field, "metadata object of kind \"%s\" has no text in \"%s\"", kind, field);
        return 0;
}

/* The key an object has by its content. */
static int key_of(enum md_kind kind, const struct json_object *json, struct sbuf *ret, struct dr_error *err) {
        const char *name = md_kind_to_string(kind), *a, *b, *c;
        int r = 0;
        switch (kind) {
        case MD_CONTAINER: case MD_STACK: case MD_HOST: case MD_NETWORK:
                if ((r = need(json, name, "uuid", &a, err)) == 0)
                        sbuf_printf(ret, "%s/%s", name, a);
                break;
        case MD_SERVICE:
                if ((r = need(json, name, "uuid", &a, err)) < 0 || (r = need(json, name, "name", &b, err)) < 0)
                        break;
                c = json_str(json, "primary_service_name", b);
                sbuf_printf(ret, str_eq(b, c) ? "%s/%s" : "%s/%s/%s", name, a, b);
                break;
        case MD_SERVICE_CONTAINER_LINK:
                if ((r = need(json, name, "service_uuid", &a, err)) == 0 && (r = need(json, name, "service_name", &b, err)) == 0 &&
                    (r = need(json, name, "container_uuid", &c, err)) == 0)
                        sbuf_printf(ret, "%s/%s/%s/%s", name, a, b, c);
                break;
        case MD_SERVICE_LINK: case MD_CONTAINER_LINK:
                if ((r = need(json, name, kind == MD_SERVICE_LINK ? "service_uuid" : "container_uuid", &a, err)) == 0 && (r = need(json, name, "key", &b, err)) == 0)
                        sbuf_printf(ret, "%s/%s/%s", name, a, b);
                break;
        default: sbuf_puts(ret, name); break;
        }
        if (r == 0 && (!sbuf_ok(ret) || ret->len > MDATA_KEY_BYTES_MAX))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "metadata object of kind \"%s\" has a key of more than %d bytes", name, MDATA_KEY_BYTES_MAX);
        return r;
}

/* Texts that become part of an index: a longer one could not be told from another. */
static int check_texts(const struct json_object *json, struct dr_error *err) {
        static const char *const fields[] = { "uuid", "name", "primary_ip", "host_uuid", "network_uuid", "network_from_container_uuid", "stack_uuid" };
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
                if (strlen(json_str(json, fields[i], "")) > MDATA_KEY_BYTES_MAX)
                        return dr_fail(err, DR_E_TOO_LARGE, fields[i], "metadata object has more than %d bytes in \"%s\"", MDATA_KEY_BYTES_MAX, fields[i]);
        return 0;
}

static int check_object(const char *key, const struct json_object *json, enum md_kind *ret, struct dr_error *err) {
        const char *slash = strchr(key, '/');
        int kind = md_kind_from_string(key, slash ? (size_t) (slash - key) : strlen(key));
        if (kind < 0)
                return dr_fail(err, DR_E_INVALID_BODY, "set", "metadata key \"%.100s\" is of no known kind", key);
        if (!json_object_is_type(json, json_type_object))
                return dr_fail(err, DR_E_INVALID_BODY, "set", "metadata object \"%.100s\" is not a map", key);
        auto_sbuf struct sbuf own = SBUF(4 * MDATA_KEY_BYTES_MAX);
        int r = key_of((enum md_kind) kind, json, &own, err);
        if (r < 0 || (r = check_texts(json, err)) < 0)
                return r;
        if (!str_eq(sbuf_str(&own), key))
                return dr_fail(err, DR_E_INVALID_BODY, "set", "metadata key \"%.100s\" does not fit its object, which is \"%.100s\"", key, sbuf_str(&own));
        *ret = (enum md_kind) kind;
        return 0;
}

/* Topics ---------------------------------------------------------------------------------------------------------- */

static int by_topic_name(const void *a, const void *b) {
        return strcmp((*(struct md_topic *const *) a)->name, (*(struct md_topic *const *) b)->name);
}

static struct md_topic *topic_get(struct mdata *m, const char *name) {
        struct md_topic *t = smap_get(&m->topics, name);
        if (t)
                return t;
        t = dr_xnew(struct md_topic);
        t->name = dr_xstrdup(name);
        smap_set(&m->topics, t->name, t);
        size_t i = m->topic_list.n;
        vec_push(&m->topic_list, t);
        for (; i > 0 && by_topic_name(&m->topic_list.v[i - 1], &t) > 0; i--)
                m->topic_list.v[i] = m->topic_list.v[i - 1];
        m->topic_list.v[i] = t;
        return t;
}

/* Removes what an older snapshot had (before) or all (0). */
static bool sweep(struct mdata *m, struct md_topic *t, uint64_t keep) {
        bool changed = false;
        for (struct object *o = t->first, *next; o; o = next) {
                next = o->next;
                if (keep && o->snapshot == keep)
                        continue;
                object_remove(m, o);
                changed = true;
        }
        return changed;
}

static bool topic_end(struct mdata *m, const char *name) {
        struct md_topic *t = smap_get(&m->topics, name);
        if (!t)
                return false;
        bool changed = sweep(m, t, 0);
        smap_del(&m->topics, name);
        for (size_t i = 0; i < m->topic_list.n; i++)
                if (m->topic_list.v[i] == t) {
                        vec_remove_at(&m->topic_list, i);
                        break;
                }
        free(t->name);
        free(t);
        return changed;
}

/* Messages -------------------------------------------------------------------------------------------------------- */

static int check_message(struct mdata *m, const char *topic, const struct json_object *message, struct dr_error *err) {
        if (!*topic || strlen(topic) > TOPIC_BYTES_MAX)
                return dr_fail(err, DR_E_INVALID_BODY, "topic", "metadata topic has no name, or one of more than %d bytes", TOPIC_BYTES_MAX);
        if (!smap_get(&m->topics, topic) && m->topic_list.n >= TOPICS_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, "topic", "more than %d metadata topics", TOPICS_MAX);
        struct json_object *set = json_get(message, "set"), *del = json_get(message, "del");
        if (set && !json_object_is_type(set, json_type_object))
                return dr_fail(err, DR_E_INVALID_BODY, "set", "\"set\" of a metadata message is not a map");
        if (del && !json_object_is_type(del, json_type_array))
                return dr_fail(err, DR_E_INVALID_BODY, "del", "\"del\" of a metadata message is not a list");
        if (set && m->objects.n + (size_t) json_object_object_length(set) > MDATA_OBJECTS_MAX)
                return dr_fail(err, DR_E_TOO_LARGE, "set", "more than %d metadata objects", MDATA_OBJECTS_MAX);
        for (size_t i = 0; del && i < json_object_array_length(del); i++)
                if (!json_object_is_type(json_object_array_get_idx(del, i), json_type_string))
                        return dr_fail(err, DR_E_INVALID_BODY, "del", "\"del\" of a metadata message holds something that is not a key");
        enum md_kind kind;
        int r = 0;
        if (set) {
                json_object_object_foreach(set, key, value)
                        if ((r = check_object(key, value, &kind, err)) < 0)
                                return r;
        }
        return 0;
}

/* Whether anything changed. */
static bool apply_checked(struct mdata *m, struct md_topic *t, const struct json_object *message, bool snapshot) {
        bool changed = false;
        struct json_object *set = json_get(message, "set"), *del = json_get(message, "del");
        if (set) {
                json_object_object_foreach(set, key, value) {
                        const char *slash = strchr(key, '/');
                        enum md_kind kind = (enum md_kind) md_kind_from_string(key, slash ? (size_t) (slash - key) : strlen(key));
                        changed |= object_set(m, t, kind, key, value);
                }
        }
        for (size_t i = 0; del && i < json_object_array_length(del); i++) {
                struct object *o = smap_get(&m->objects, json_object_get_string(json_object_array_get_idx(del, i)));
                if (o && o->pub.topic == t) {
                        object_remove(m, o);
                        changed = true;
                }
        }
        if (snapshot && !t->partial)
                changed |= sweep(m, t, t->snapshot);
        return changed;
}

static int apply_topic(struct mdata *m, const char *topic, const struct json_object *message, struct dr_error *err) {
        int r = check_message(m, topic, message, err);
        if (r < 0)
                return r;
        m->generation++;                                /* objects are stamped with it; taken back when nothing changed */
        if (json_get_bool(message, "gone", false)) {
                bool gone = topic_end(m, topic);
                m->generation -= !gone;
                return gone;
        }
        int64_t rev = json_int(message, "rev", 0), base = json_int(message, "base", 0);
        struct md_topic *t = smap_get(&m->topics, topic);
        if (base && (!t || t->rev != base)) {
                m->generation--;
                return -ESTALE;
        }
        bool is_new = !t, snapshot = base == 0 || t->partial;
        t = topic_get(m, topic);
        if (base == 0)
                t->snapshot = ++m->snapshots;
        t->partial = snapshot && json_get_bool(message, "more", false);
        t->rev = rev;
        bool changed = apply_checked(m, t, message, snapshot) || (is_new && m->generation == 1);       /* an empty world is data too */
        m->generation -= !changed;
        return changed;
}

static int apply_remote(struct mdata *m, const char *rest, const struct json_object *message, struct dr_error *err) {
        const char *slash = strchr(rest, '/');
        if (m->is_remote || !slash || slash == rest)
                return dr_fail(err, DR_E_INVALID_BODY, "topic", "metadata topic of a remote environment is not \"remote/NAME/TOPIC\"");
        auto_free char *name = dr_xstrndup(rest, (size_t) (slash - rest));
        size_t i = 0;
        while (i < m->remotes.n && strcmp(m->remotes.v[i].name, name) < 0)
                i++;
        if (i == m->remotes.n || !str_eq(m->remotes.v[i].name, name)) {
                if (m->remotes.n >= REMOTES_MAX)
                        return dr_fail(err, DR_E_TOO_LARGE, "topic", "more than %d remote environments", REMOTES_MAX);
                AUTO(mdata_free) struct mdata *fresh = mdata_new();
                fresh->is_remote = true;
                fresh->view_free = m->view_free;
                int r = apply_topic(fresh, slash + 1, message, err);
                if (r < 0 || fresh->topic_list.n == 0)
                        return r;
                struct remote last = { dr_take(name), dr_take(fresh) };
                vec_push(&m->remotes, last);
                memmove(m->remotes.v + i + 1, m->remotes.v + i, (m->remotes.n - 1 - i) * sizeof last);
                m->remotes.v[i] = last;
                m->generation++;
                return 1;
        }
        struct remote *remote = &m->remotes.v[i];
        int r = apply_topic(remote->m, slash + 1, message, err);
        if (r > 0)
                m->generation++;
        if (r >= 0 && remote->m->topic_list.n == 0) {
                free(remote->name);
                mdata_free(remote->m);
                vec_remove_at(&m->remotes, i);
        }
        return r;
}

int mdata_apply(struct mdata *m, const struct json_object *message, struct dr_error *err) {
        const char *topic = json_str(message, "topic", NULL);
        if (topic)
                return str_starts(topic, "remote/") ? apply_remote(m, topic + strlen("remote/"), message, err) : apply_topic(m, topic, message, err);
        if (!json_get_bool(message, "sync", false))
                return dr_fail(err, DR_E_INVALID_BODY, "topic", "metadata message has neither \"topic\" nor \"sync\"");
        m->synced = true;
        return 0;
}

/* One object of upstream's stream becomes a message that adds to its topic whatever is there. */
static int apply_stream_object(struct mdata *m, const char *kind_name, struct json_object *object, struct dr_error *err) {
        int kind = md_kind_from_string(kind_name, strlen(kind_name));
        if (kind < 0)
                return 0;                               /* "Unknown kinds are ignored by the host" (9.4) */
        bool in_stack = kind == MD_CONTAINER || kind == MD_SERVICE_CONTAINER_LINK || kind == MD_CONTAINER_LINK;
        auto_sbuf struct sbuf key = SBUF(4 * MDATA_KEY_BYTES_MAX);
        int r = key_of((enum md_kind) kind, object, &key, err);
        if (r < 0 || (r = check_texts(object, err)) < 0)
                return r;
        struct md_topic *t = topic_get(m, in_stack ? "stack/-" : "env");
        m->generation++;
        bool changed = object_set(m, t, (enum md_kind) kind, sbuf_str(&key), object);
        m->generation -= !changed;
        return changed;
}

int mdata_apply_text(struct mdata *m, const char *buf, size_t len, struct dr_error *err) {
        AUTO(json_free) struct json_object *o = NULL;
        int r = json_parse(buf, len, MDATA_MESSAGE_BYTES_MAX, &o, err);
        if (r < 0)
                return r;
        const char *kind = json_str(o, "metadata_kind", NULL);
        return kind && !json_has(o, "topic") ? apply_stream_object(m, kind, o, err) : mdata_apply(m, o, err);
}

/* Files ----------------------------------------------------------------------------------------------------------- */

struct loading { struct mdata *m; bool changed; struct dr_error *err; };

static int load_one(const char *object, size_t len, void *arg) {
        struct loading *l = arg;
        int r = mdata_apply_text(l->m, object, len, l->err);
        if (r == -ESTALE)
                return dr_fail(l->err, DR_E_INVALID_BODY, "base", "a message does not follow the one before it");
        l->changed |= r > 0;
        return r < 0 ? r : 0;
}

int mdata_load(struct mdata *m, const char *path, size_t size_max, struct dr_error *err) {
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : DR_E_INTERNAL, NULL, "could not open metadata file \"%s\": %m", path);
        struct json_split split = JSON_SPLIT(MDATA_MESSAGE_BYTES_MAX);
        struct loading loading = { .m = m, .err = err };
        auto_free char *buf = dr_xmalloc(READ_BYTES);
        size_t total = 0;
        int r = 0;
        for (ssize_t n; r >= 0 && (n = read(fd, buf, READ_BYTES)) != 0;) {
                if (n < 0)
                        r = dr_fail(err, DR_E_INTERNAL, NULL, "could not read metadata file \"%s\": %m", path);
                else if ((total += (size_t) n) > size_max)
                        r = dr_fail(err, DR_E_TOO_LARGE, NULL, "metadata file \"%s\" is longer than %zu bytes", path, size_max);
                else if ((r = json_split_feed(&split, buf, (size_t) n, load_one, &loading, err)) < 0)
                        dr_prefix(err, r, "metadata file \"%s\"", path);
        }
        if (r >= 0 && split.held.len)
                r = dr_fail(err, DR_E_INVALID_BODY, NULL, "metadata file \"%s\" ends inside an object", path);
        json_split_done(&split);
        return r < 0 ? r : loading.changed;
}

static void dump_head(struct sbuf *b, const char *prefix, const struct md_topic *t, int64_t base, bool more) {
        auto_free char *name = dr_xasprintf("%s%s", prefix, t->name);
        sbuf_puts(b, "{\"topic\":");
        sbuf_json_string(b, name, strlen(name));
        sbuf_printf(b, ",\"rev\":%lld,\"base\":%lld,%s\"set\":{", (long long) t->rev, (long long) base, more ? "\"more\":true," : "");
}

static void dump_topic(const char *prefix, const struct md_topic *t, struct sbuf *ret) {
        auto_sbuf struct sbuf part = SBUF(MDATA_MESSAGE_BYTES_MAX);
        int64_t base = 0;
        for (const struct object *o = t->first;; o = o->next) {
                if (!o || part.len > DUMP_PART_BYTES) {
                        dump_head(ret, prefix, t, base, o);
                        sbuf_add(ret, sbuf_str(&part), part.len);
                        sbuf_puts(ret, "}}\n");
                        sbuf_reset(&part);
                        base = t->rev;
                }
                if (!o)
                        return;
                if (part.len)
                        sbuf_putc(&part, ',');
                sbuf_json_string(&part, o->key, strlen(o->key));
                sbuf_putc(&part, ':');
                json_write(o->pub.json, 0, &part);
        }
}

static void dump_topics(const struct mdata *m, const char *prefix, struct sbuf *ret) {
        for (size_t i = 0; i < m->topic_list.n; i++)
                dump_topic(prefix, m->topic_list.v[i], ret);
}

void mdata_dump(const struct mdata *m, struct sbuf *ret) {
        dump_topics(m, "", ret);
        for (size_t i = 0; i < m->remotes.n; i++) {
                auto_free char *prefix = dr_xasprintf("remote/%s/", m->remotes.v[i].name);
                dump_topics(m->remotes.v[i].m, prefix, ret);
        }
        sbuf_puts(ret, "{\"sync\":true}\n");
}

static int become_one(struct mdata *m, const char *line, size_t len, bool *changed, struct dr_error *err) {
        int r = mdata_apply_text(m, line, len, err);
        *changed |= r > 0;
        return r;
}

/* Ends the topics (below prefix) that m has and other has not. */
static int end_topics(struct mdata *m, const struct mdata *here, const char *prefix, const struct mdata *other, bool *changed, struct dr_error *err) {
        VEC(char *) gone = { 0 };
        for (size_t i = 0; i < here->topic_list.n; i++)
                if (!other || !smap_get(&other->topics, here->topic_list.v[i]->name))
                        vec_push(&gone, dr_xasprintf("%s%s", prefix, here->topic_list.v[i]->name));
        int r = 0;
        for (size_t i = 0; i < gone.n; i++) {
                AUTO(json_free) struct json_object *message = json_object_new_object();
                json_set_str(message, "topic", gone.v[i]);
                json_set_bool(message, "gone", true);
                r = r < 0 ? r : mdata_apply(m, message, err);
                *changed |= r > 0;
                free(gone.v[i]);
        }
        vec_done(&gone);
        return r < 0 ? r : 0;
}

int mdata_become(struct mdata *m, const struct mdata *other, struct dr_error *err) {
        bool changed = false, synced = m->synced;
        auto_sbuf struct sbuf dump = SBUF((size_t) 1 << 30);
        mdata_dump(other, &dump);
        if (!sbuf_ok(&dump))
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "metadata of more than 1 GiB");
        for (size_t i = m->remotes.n; i-- > 0;) {
                const struct mdata *same = NULL;
                for (size_t j = 0; j < other->remotes.n; j++)
                        if (str_eq(other->remotes.v[j].name, m->remotes.v[i].name))
                                same = other->remotes.v[j].m;
                auto_free char *prefix = dr_xasprintf("remote/%s/", m->remotes.v[i].name);
                int r = end_topics(m, m->remotes.v[i].m, prefix, same, &changed, err);
                if (r < 0)
                        return r;
        }
        int r = end_topics(m, m, "", other, &changed, err);
        for (char *line = dump.data, *end; r >= 0 && line && *line; line = end + 1) {
                end = strchr(line, '\n');
                r = become_one(m, line, (size_t) (end - line), &changed, err);
        }
        m->synced = synced;
        return r < 0 ? r : changed;
}

static void add_revisions(const struct mdata *m, const char *prefix, struct json_object *ret) {
        for (size_t i = 0; i < m->topic_list.n; i++) {
                const struct md_topic *t = m->topic_list.v[i];
                auto_free char *name = dr_xasprintf("%s%s", prefix, t->name);
                if (!t->partial)                        /* half a snapshot is no base for anything */
                        json_set_int(ret, name, t->rev);
        }
}

struct json_object *mdata_revisions(const struct mdata *m) {
        struct json_object *ret = json_object_new_object();
        add_revisions(m, "", ret);
        for (size_t i = 0; i < m->remotes.n; i++) {
                auto_free char *prefix = dr_xasprintf("remote/%s/", m->remotes.v[i].name);
                add_revisions(m->remotes.v[i].m, prefix, ret);
        }
        return ret;
}
