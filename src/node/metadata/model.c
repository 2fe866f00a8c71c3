#include "model-internal.h"

static const char *const kinds[MD_KIND_MAX] = {
        [MD_CONTAINER] = "container", [MD_SERVICE] = "service", [MD_STACK] = "stack", [MD_HOST] = "host", [MD_NETWORK] = "network",
        [MD_SERVICE_CONTAINER_LINK] = "serviceContainerLink", [MD_SERVICE_LINK] = "serviceLink", [MD_CONTAINER_LINK] = "containerLink",
        [MD_ENVIRONMENT] = "environment", [MD_DEFAULT_DATA] = "defaultData",
};
_Static_assert(ARRAY_LEN(kinds) == MD_KIND_MAX, "every kind has its name");

enum { SCRATCH_BYTES_MAX = 16 * MDATA_KEY_BYTES_MAX };

const char *md_kind_to_string(enum md_kind k) { return k < MD_KIND_MAX ? kinds[k] : NULL; }

int md_kind_from_string(const char *s, size_t len) {
        for (int i = 0; i < MD_KIND_MAX; i++)
                if (strlen(kinds[i]) == len && memcmp(kinds[i], s, len) == 0)
                        return i;
        return -ENOENT;
}

struct mdata *mdata_new(void) {
        struct mdata *m = dr_xnew(struct mdata);
        m->scratch = dr_xnew(struct sbuf);
        m->scratch->max = SCRATCH_BYTES_MAX;
        return m;
}

struct mdata *mdata_free(struct mdata *m) {
        if (!m)
                return NULL;
        for (size_t i = 0; i < m->topic_list.n; i++) {
                struct md_topic *t = m->topic_list.v[i];
                while (t->first)
                        object_remove(m, t->first);
                free(t->name);
                free(t);
        }
        for (size_t i = 0; i < m->remotes.n; i++) {
                free(m->remotes.v[i].name);
                mdata_free(m->remotes.v[i].m);
        }
        for (size_t i = 0; i < ARRAY_LEN(m->lists); i++) {
                vec_done(&m->lists[i]);
                vec_done(&m->lower_lists[i]);
        }
        vec_done(&m->topic_list);
        vec_done(&m->remotes);
        smap_done(&m->objects);
        smap_done(&m->nears);
        smap_done(&m->topics);
        sbuf_done(m->scratch);
        free(m->scratch);
        free(m);
        return NULL;
}

/* Objects --------------------------------------------------------------------------------------------------------- */

/* The fields that are read from json; links have the uuid they begin at and what they are called there. */
static void read_fields(struct object *o) {
        static const struct { const char *uuid, *name; } rows[MD_KIND_MAX] = {
                [MD_CONTAINER] = { "uuid", "name" }, [MD_SERVICE] = { "uuid", "name" }, [MD_STACK] = { "uuid", "name" }, [MD_HOST] = { "uuid", "name" },
                [MD_NETWORK] = { "uuid", "name" }, [MD_SERVICE_CONTAINER_LINK] = { "service_uuid", "service_name" },
                [MD_SERVICE_LINK] = { "service_uuid", "key" }, [MD_CONTAINER_LINK] = { "container_uuid", "key" }, [MD_ENVIRONMENT] = { "uuid", "name" },
                [MD_DEFAULT_DATA] = { "uuid", "name" },
        };
        struct md_object *p = &o->pub;
        p->uuid = json_str(p->json, rows[p->kind].uuid, "");
        p->name = json_str(p->json, rows[p->kind].name, "");
        p->ip = p->kind == MD_CONTAINER ? json_str(p->json, "primary_ip", NULL) : p->kind == MD_HOST ? json_str(p->json, "agent_ip", NULL) : NULL;
        free(o->lower);
        o->lower = md_lower(p->name);
}

static void topic_leave(struct object *o) {
        struct md_topic *t = o->pub.topic;
        *(o->prev ? &o->prev->next : &t->first) = o->next;
        *(o->next ? &o->next->prev : &t->last) = o->prev;
}

static void topic_join(struct object *o, struct md_topic *t) {
        o->pub.topic = t;
        o->prev = t->last;
        o->next = NULL;
        *(t->last ? &t->last->next : &t->first) = o;
        t->last = o;
}

/* What a container shows of its service. */
static bool shows_the_same(const struct json_object *a, const struct json_object *b) {
        static const char *const fields[] = { "name", "uuid", "stack_name", "stack_uuid", "primary_service_name" };
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
                if (!str_eq(json_str(a, fields[i], NULL), json_str(b, fields[i], NULL)))
                        return false;
        return true;
}

static void object_add(struct mdata *m, struct md_topic *t, enum md_kind kind, const char *key, struct json_object *json) {
        struct object *o = dr_xnew(struct object);
        o->key = dr_xstrdup(key);
        o->pub = (struct md_object) { .kind = kind, .key = o->key, .json = json_object_get(json), .seq = ++m->next_seq, .changed = m->generation };
        o->snapshot = t->snapshot;
        read_fields(o);
        topic_join(o, t);
        smap_set(&m->objects, o->key, o);
        index_add(m, o);
        index_notify(m, o, MD_ADDED, true);
}

bool object_set(struct mdata *m, struct md_topic *t, enum md_kind kind, const char *key, struct json_object *json) {
        struct object *o = smap_get(&m->objects, key);
        if (!o) {
                object_add(m, t, kind, key, json);
                return true;
        }
        o->snapshot = t->snapshot;
        if (o->pub.topic != t) {                        /* it moved: the former topic's "del" will find it gone from there */
                topic_leave(o);
                topic_join(o, t);
        }
        if (json_identical(o->pub.json, json))
                return false;
        bool shown = kind == MD_SERVICE && !shows_the_same(o->pub.json, json);
        if (shown || kind == MD_CONTAINER)              /* those it leaves */
                index_notify(m, o, MD_NEIGHBOUR, shown);
        index_remove(m, o);
        struct json_object *former = o->pub.json;
        o->pub.json = json_object_get(json);
        o->pub.changed = m->generation;
        read_fields(o);
        json_object_put(former);
        index_add(m, o);
        index_notify(m, o, MD_CHANGED, shown);
        return true;
}

void object_remove(struct mdata *m, struct object *o) {
        index_remove(m, o);
        index_notify(m, o, MD_REMOVED, true);
        topic_leave(o);
        smap_del(&m->objects, o->key);
        if (o->pub.view)
                m->view_free(o->pub.view);
        json_object_put(o->pub.json);
        free(o->lower);
        free(o->key);
        free(o);
}

/* Lookups --------------------------------------------------------------------------------------------------------- */

void mdata_observe(struct mdata *m, md_observer fn, void *arg) {
        assert(m->n_observers < ARRAY_LEN(m->observers));
        m->observers[m->n_observers].fn = fn;
        m->observers[m->n_observers++].arg = arg;
}

void mdata_set_view_free(struct mdata *m, void (*fn)(void *view)) {
        m->view_free = fn;
        for (size_t i = 0; i < m->remotes.n; i++)
                m->remotes.v[i].m->view_free = fn;
}

uint64_t mdata_generation(const struct mdata *m) { return m->generation; }
bool mdata_is_synced(const struct mdata *m) { return m->synced; }
void mdata_set_synced(struct mdata *m, bool synced) { m->synced = synced; }

struct md_object *mdata_by_key(const struct mdata *m, const char *key) { return smap_get(&m->objects, key); }

struct json_object *mdata_default_host(const struct mdata *m) {
        return m->default_data ? json_get_object(json_get_object(m->default_data->json, "self"), "host") : NULL;
}
const char *mdata_host_uuid(const struct mdata *m) { return json_str(mdata_default_host(m), "uuid", ""); }
struct md_object *mdata_host(const struct mdata *m) { return mdata_by_uuid(m, MD_HOST, mdata_host_uuid(m)); }
struct json_object *mdata_environment(const struct mdata *m) { return m->environment ? m->environment->json : NULL; }

size_t mdata_remotes(const struct mdata *m) { return m->remotes.n; }
const struct mdata *mdata_remote(const struct mdata *m, size_t i) { return m->remotes.v[i].m; }

struct json_object *mdata_stream_version(const struct mdata *m) { return m->default_data ? json_get(m->default_data->json, "version") : NULL; }
