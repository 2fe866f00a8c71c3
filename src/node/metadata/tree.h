/* tree.h: the trees that clients see, as nodes over a model: nothing is built but what is asked for.
 *
 * A node is a small value; it and everything it gives are valid until the model changes. Version differences (spec metadata.md 7) are made
 * per object, once per change of the object ("view"); lists are the model's own. Loop thread only. */
#pragma once
#include "node/metadata/model.h"

enum md_version { MD_V1, MD_V2, MD_V3, MD_VERSION_MAX };       /* 2015-07-25, 2015-12-19, 2016-07-29 = latest */

enum md_node_type { MD_NODE_JSON, MD_NODE_ROOT, MD_NODE_SELF, MD_NODE_LIST, MD_NODE_REMOTES, MD_NODE_OBJECT, MD_NODE_MEMBERS };
struct md_node {
        enum md_node_type type;
        enum md_version version;
        enum md_kind kind;              /* LIST */
        bool own;                       /* OBJECT: a service as its own containers see it, with its token */
        const struct mdata *model;      /* the environment's, or a remote one's */
        struct md_object *object;       /* OBJECT, MEMBERS; ROOT, SELF: the client's container, NULL for the default tree */
        struct json_object *json;       /* JSON: borrowed; NULL is null */
        const struct md_tree *tree;
};

struct md_tree;
struct md_tree *md_tree_new(struct mdata *m);           /* m is borrowed and must outlive it */
struct md_tree *md_tree_free(struct md_tree *t);
DR_DEFINE_AUTO(struct md_tree *, md_tree_free)
/* What "/version" says: another text whenever the model's generation is another. */
const char *md_tree_version(struct md_tree *t);

/* The tree a source address sees. False: there are no data yet. */
bool md_tree_root(struct md_tree *t, enum md_version v, const char *address, struct md_node *ret);
/* The node at seg below n (rules of spec 3.2, without the second try in lower case). False: no such node. */
bool md_node_step(const struct md_node *n, const char *seg, struct md_node *ret);
/* Walks segs from n, then once more with all of them in lower case. */
bool md_node_walk(const struct md_node *n, char *const *segs, size_t n_segs, struct md_node *ret);

enum md_shape { MD_SCALAR, MD_MAP, MD_ARRAY };
enum md_shape md_node_shape(const struct md_node *n);

/* Children in order: of a map by key, of an array by index (key NULL). */
struct md_child { const char *key; struct md_node node; };
typedef VEC(struct md_child) md_children;
void md_node_children(const struct md_node *n, md_children *ret);      /* appended; the caller calls vec_done() */
size_t md_node_count(const struct md_node *n);
