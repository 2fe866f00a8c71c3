#include "tree.h"

#include "base/parse.h"
#include "base/rng.h"
#include "view.h"

#include <ctype.h>
#include <limits.h>

struct md_tree {
        struct mdata *model;
        struct json_object *version;
        uint64_t generation;            /* version belongs to */
        struct rng rng;
};

static const struct { const char *name; enum md_kind kind; } lists[] = {
        { "containers", MD_CONTAINER }, { "hosts", MD_HOST }, { "networks", MD_NETWORK }, { "services", MD_SERVICE }, { "stacks", MD_STACK },
};

struct md_tree *md_tree_new(struct mdata *m) {
        struct md_tree *t = dr_xnew(struct md_tree);
        t->model = m;
        rng_seed_random(&t->rng);
        mdata_set_view_free(m, views_free);
        return t;
}

struct md_tree *md_tree_free(struct md_tree *t) {
        if (!t)
                return NULL;
        json_object_put(t->version);
        free(t);
        return NULL;
}

const char *md_tree_version(struct md_tree *t) {
        if (!t->version || t->generation != mdata_generation(t->model)) {
                struct uuid u;
                char text[UUID_CHARS + 1];
                uuid_make(&t->rng, &u);
                uuid_format(&u, text);
                json_object_put(t->version);
                t->version = json_object_new_string(text);
                t->generation = mdata_generation(t->model);
        }
        return json_object_get_string(t->version);
}

bool md_tree_root(struct md_tree *t, enum md_version v, const char *address, struct md_node *ret) {
        if (mdata_generation(t->model) == 0)
                return false;
        (void) md_tree_version(t);
        *ret = (struct md_node) {
                .type = MD_NODE_ROOT, .version = v, .model = t->model, .tree = t,
                .object = address ? mdata_container_by_source(t->model, address) : NULL,
        };
        return true;
}

/* Children by name ------------------------------------------------------------------------------------------------ */

static struct md_node json_node(const struct md_node *n, struct json_object *json) {
        return (struct md_node) { .type = MD_NODE_JSON, .version = n->version, .model = n->model, .tree = n->tree, .json = json };
}

static struct md_node object_node(const struct md_node *n, struct md_object *o) {
        if (!o)
                return json_node(n, NULL);
        return (struct md_node) { .type = MD_NODE_OBJECT, .version = n->version, .model = n->model, .tree = n->tree, .object = o };
}

static bool is_local(const struct md_node *n) { return n->model == n->tree->model; }

static bool root_step(const struct md_node *n, const char *seg, struct md_node *ret) {
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                if (str_eq(seg, lists[i].name)) {
                        *ret = (struct md_node) { .type = MD_NODE_LIST, .version = n->version, .model = n->model, .tree = n->tree, .kind = lists[i].kind };
                        return true;
                }
        if (str_eq(seg, "name") || str_eq(seg, "uuid") || str_eq(seg, "region_name")) {
                *ret = json_node(n, json_get(mdata_environment(n->model), seg));
                return true;
        }
        if (str_eq(seg, "version")) {
                *ret = json_node(n, is_local(n) ? n->tree->version : mdata_stream_version(n->model));
                return true;
        }
        if (!is_local(n) || !(str_eq(seg, "self") || (str_eq(seg, "environments") && n->version == MD_V3)))
                return false;
        *ret = *n;
        ret->type = str_eq(seg, "self") ? MD_NODE_SELF : MD_NODE_REMOTES;
        if (ret->type == MD_NODE_REMOTES)
                ret->object = NULL;
        return true;
}

static bool self_step(const struct md_node *n, const char *seg, struct md_node *ret) {
        struct md_object *c = n->object;
        if (str_eq(seg, "host")) {
                struct md_object *host = c ? mdata_by_uuid(n->model, MD_HOST, json_str(c->json, "host_uuid", "")) : mdata_host(n->model);
                *ret = host || c ? object_node(n, host) : json_node(n, mdata_default_host(n->model));
                return true;
        }
        if (!c)
                return false;
        if (str_eq(seg, "container")) {
                *ret = object_node(n, c);
                return true;
        }
        if (!mdata_has_service(n->model, c))
                return false;
        if (str_eq(seg, "service")) {
                *ret = object_node(n, mdata_container_service(n->model, c));
                ret->own = true;
                return true;
        }
        if (str_eq(seg, "stack")) {
                *ret = object_node(n, mdata_container_stack(n->model, c));
                return true;
        }
        return false;
}

static struct md_node field_node(const struct md_node *n, const struct view *v, const struct view_field *f) {
        if (v->hole && str_eq(f->key, v->hole)) {
                struct md_node ret = *n;
                ret.type = MD_NODE_MEMBERS;
                ret.own = false;
                return ret;
        }
        return json_node(n, n->own && str_eq(f->key, "token") ? json_get(n->object->json, "token") : f->value);
}

static bool object_step(const struct md_node *n, const char *seg, struct md_node *ret) {
        const struct view *v = view_get(n->model, n->object, n->version == MD_V3);
        const struct view_field *f = view_find(v, seg);
        if (f)
                *ret = field_node(n, v, f);
        return f;
}

/* Elements of arrays ---------------------------------------------------------------------------------------------- */

static const md_list *list_of(const struct md_node *n) {
        if (n->type == MD_NODE_MEMBERS)
                return mdata_members(n->model, n->object);
        return n->version == MD_V3 ? mdata_list_lower(n->model, n->kind) : mdata_list(n->model, n->kind);
}

/* The model as a remote environment's tree. */
static struct md_node remote_node(const struct md_node *n, size_t i) {
        return (struct md_node) { .type = MD_NODE_ROOT, .version = n->version, .tree = n->tree, .model = mdata_remote(n->model, i) };
}

static struct md_node element(const struct md_node *n, size_t i) {
        if (n->type == MD_NODE_REMOTES)
                return remote_node(n, i);
        if (n->type == MD_NODE_JSON)
                return json_node(n, json_object_array_get_idx(n->json, i));
        struct md_object *o = list_of(n)->v[i];
        if (n->type == MD_NODE_MEMBERS && n->version == MD_V1)
                return json_node(n, json_get(o->json, "name"));
        return object_node(n, o);
}

size_t md_node_count(const struct md_node *n) {
        switch (n->type) {
        case MD_NODE_LIST: case MD_NODE_MEMBERS: return list_of(n)->n;
        case MD_NODE_REMOTES: return mdata_remotes(n->model);
        case MD_NODE_JSON: return json_object_is_type(n->json, json_type_array) ? json_object_array_length(n->json) :
                                  json_object_is_type(n->json, json_type_object) ? (size_t) json_object_object_length(n->json) : 0;
        default: return 1;
        }
}

static bool is_text(const struct json_object *o, const char *text) {
        return json_object_is_type(o, json_type_string) && str_eq(json_object_get_string((struct json_object *) o), text);
}

/* Whether an element is called seg. "Per element name is tried before uuid": which of both it was makes no difference. */
static bool is_called(const struct md_node *e, const char *seg) {
        static const char *const keys[] = { "name", "uuid" };
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                struct md_node v;
                if (md_node_shape(e) == MD_MAP && md_node_step(e, keys[i], &v) && v.type == MD_NODE_JSON && is_text(v.json, seg))
                        return true;
        }
        return false;
}

/* The first of a list of the model with this name or uuid, by the model's indexes: lists have thousands of elements. */
static bool list_find(const struct md_node *n, const char *seg, struct md_node *ret) {
        const md_list *l = list_of(n);
        auto_free char *low = md_lower(seg);
        const md_list *named = mdata_by_lower_name(n->model, n->kind, low);
        struct md_object *best = NULL, *other = mdata_by_uuid(n->model, n->kind, seg);
        bool low_names = n->version == MD_V3 && n->kind != MD_HOST && n->kind != MD_NETWORK;
        bool as_sent = n->kind == MD_NETWORK || (n->kind == MD_HOST && n->version == MD_V3);
        for (size_t i = 0; i < named->n && (!low_names || str_eq(low, seg)); i++) {
                struct md_object *o = named->v[i];
                if (!low_names && !str_eq(o->name, seg))
                        continue;
                if (!best || (as_sent ? o->seq < best->seq : low_names && strcmp(o->uuid, best->uuid) < 0))
                        best = o;
        }
        if (best && other && best != other)             /* one's name is another's uuid: rare */
                for (size_t i = 0; i < l->n; i++)
                        if (l->v[i] == best || l->v[i] == other) {
                                best = l->v[i];
                                break;
                        }
        if (!best)
                best = other;
        if (best)
                *ret = object_node(n, best);
        return best;
}

/* A base-10 integer of 64 bits, sign and leading zeros allowed. */
static bool is_index(const char *seg, int64_t *ret) {
        const char *p = seg + (*seg == '+' || *seg == '-');
        if (!isdigit((unsigned char) *p))
                return false;
        while (*p == '0' && p[1])
                p++;
        uint64_t v;
        if (parse_u64(p, (uint64_t) INT64_MAX + (*seg == '-'), &v) < 0)
                return false;
        *ret = *seg == '-' ? (v ? -1 : 0) : (int64_t) v;
        return true;
}

static bool array_step(const struct md_node *n, const char *seg, struct md_node *ret) {
        int64_t i;
        size_t count = md_node_count(n);
        if (is_index(seg, &i)) {
                if (i < 0 || (uint64_t) i >= count)
                        return false;
                *ret = element(n, (size_t) i);
                return true;
        }
        if (n->type == MD_NODE_LIST)
                return list_find(n, seg, ret);
        for (size_t k = 0; k < count; k++) {
                struct md_node e = element(n, k);
                if (is_called(&e, seg)) {
                        *ret = e;
                        if (n->type == MD_NODE_MEMBERS && n->object->kind == MD_STACK && str_eq(e.object->uuid, seg))
                                *ret = object_node(n, mdata_services_by_uuid(n->model, seg)->v[0]);     /* decision 15: the primary */
                        return true;
                }
        }
        return false;
}

/* Any node -------------------------------------------------------------------------------------------------------- */

enum md_shape md_node_shape(const struct md_node *n) {
        switch (n->type) {
        case MD_NODE_LIST: case MD_NODE_MEMBERS: case MD_NODE_REMOTES: return MD_ARRAY;
        case MD_NODE_JSON: return json_object_is_type(n->json, json_type_object) ? MD_MAP : json_object_is_type(n->json, json_type_array) ? MD_ARRAY : MD_SCALAR;
        default: return MD_MAP;
        }
}

bool md_node_step(const struct md_node *n, const char *seg, struct md_node *ret) {
        struct md_node found;
        bool ok = false;
        if (md_node_shape(n) == MD_ARRAY) {
                ok = array_step(n, seg, &found);
        } else if (n->type == MD_NODE_JSON) {
                struct json_object *value;
                ok = json_object_is_type(n->json, json_type_object) && json_object_object_get_ex(n->json, seg, &value);
                if (ok)
                        found = json_node(n, value);
        } else {
                ok = n->type == MD_NODE_ROOT ? root_step(n, seg, &found) : n->type == MD_NODE_SELF ? self_step(n, seg, &found) : object_step(n, seg, &found);
        }
        if (ok)
                *ret = found;
        return ok;
}

static bool walk(const struct md_node *n, char *const *segs, size_t n_segs, bool lower, struct md_node *ret) {
        struct md_node at = *n;
        for (size_t i = 0; i < n_segs; i++) {
                auto_free char *low = lower ? md_lower(segs[i]) : NULL;
                if (!md_node_step(&at, lower ? low : segs[i], &at))
                        return false;
        }
        *ret = at;
        return true;
}

bool md_node_walk(const struct md_node *n, char *const *segs, size_t n_segs, struct md_node *ret) {
        return walk(n, segs, n_segs, false, ret) || walk(n, segs, n_segs, true, ret);
}

static int by_child_key(const void *a, const void *b) { return strcmp(((const struct md_child *) a)->key, ((const struct md_child *) b)->key); }

static void add_named(const struct md_node *n, const char *const *keys, size_t n_keys, md_children *ret) {
        for (size_t i = 0; i < n_keys; i++) {
                struct md_child c = { .key = keys[i] };
                if (md_node_step(n, keys[i], &c.node))
                        vec_push(ret, c);
        }
}

void md_node_children(const struct md_node *n, md_children *ret) {
        static const char *const root_keys[] = {
                "containers", "environments", "hosts", "name", "networks", "region_name", "self", "services", "stacks", "uuid", "version",
        };
        static const char *const self_keys[] = { "container", "host", "service", "stack" };
        if (n->type == MD_NODE_ROOT) {
                add_named(n, root_keys, ARRAY_LEN(root_keys), ret);
        } else if (n->type == MD_NODE_SELF) {
                add_named(n, self_keys, ARRAY_LEN(self_keys), ret);
        } else if (n->type == MD_NODE_OBJECT) {
                const struct view *v = view_get(n->model, n->object, n->version == MD_V3);
                for (size_t i = 0; i < v->fields.n; i++)
                        vec_push(ret, ((struct md_child) { v->fields.v[i].key, field_node(n, v, &v->fields.v[i]) }));
        } else if (md_node_shape(n) == MD_MAP) {
                json_object_object_foreach(n->json, key, value)
                        vec_push(ret, ((struct md_child) { key, json_node(n, value) }));
                vec_sort(ret, by_child_key);
        } else if (md_node_shape(n) == MD_ARRAY) {
                for (size_t i = 0, count = md_node_count(n); i < count; i++)
                        vec_push(ret, ((struct md_child) { NULL, element(n, i) }));
        }
}
