#include "yaml.h"

#include "base/map.h"
#include "base/parse.h"

#include <math.h>
#include <stdio.h>
#include <yaml.h>

enum { CHUNK_BYTES = 16384, SIZE_DEFAULT = 1 << 20, HASH_FROM_KEYS = 16 };

struct chunk { struct chunk *next; size_t used, cap; };
struct yarena { struct chunk *chunks; size_t bytes, max; bool full; };

struct yarena *yarena_new(size_t max_bytes) {
        struct yarena *a = dr_xnew(struct yarena);
        a->max = max_bytes;
        return a;
}

struct yarena *yarena_free(struct yarena *a) {
        while (a && a->chunks) {
                struct chunk *next = a->chunks->next;
                free(a->chunks);
                a->chunks = next;
        }
        free(a);
        return NULL;
}

void *yarena_alloc(struct yarena *a, size_t n) {
        if (n > a->max || a->full) {
                a->full = true;
                return NULL;
        }
        n = (n + 15) & ~(size_t) 15;
        struct chunk *c = a->chunks;
        if (!c || c->cap - c->used < n) {
                size_t cap = MAX(n, (size_t) CHUNK_BYTES);
                if (a->bytes + cap > a->max + CHUNK_BYTES) {
                        a->full = true;
                        return NULL;
                }
                c = dr_xcalloc(1, sizeof *c + 16 + cap);
                c->cap = cap;
                c->next = a->chunks;
                a->chunks = c;
                a->bytes += cap;
        }
        char *p = (char *) c + ((sizeof *c + 15) & ~(size_t) 15) + c->used;
        c->used += n;
        return p;
}

bool yarena_full(const struct yarena *a) { return a->full; }

static const char *const kinds[YNODE_KIND_MAX] = {
        [YNODE_NULL] = "null", [YNODE_BOOL] = "boolean", [YNODE_INT] = "integer", [YNODE_FLOAT] = "number",
        [YNODE_STRING] = "string", [YNODE_SEQ] = "list", [YNODE_MAP] = "map",
};

const char *ynode_kind_to_string(enum ynode_kind k) { return k < YNODE_KIND_MAX ? kinds[k] : NULL; }

bool ynode_is_scalar(const struct ynode *n) { return n->kind != YNODE_SEQ && n->kind != YNODE_MAP; }

struct ynode *ynode_new(struct yarena *a, enum ynode_kind kind, const struct ynode *at) {
        struct ynode *n = yarena_alloc(a, sizeof *n);
        if (!n)
                return NULL;
        n->kind = kind;
        n->text = "";
        if (at) {
                n->file = at->file;
                n->line = at->line;
                n->column = at->column;
        }
        return n;
}

static char *arena_text(struct yarena *a, const char *s, size_t n) {
        char *t = yarena_alloc(a, n + 1);
        if (t && n)
                memcpy(t, s, n);
        return t;
}

struct ynode *ynode_string(struct yarena *a, const char *s, const struct ynode *at) {
        struct ynode *n = ynode_new(a, YNODE_STRING, at);
        char *t = n ? arena_text(a, s, strlen(s)) : NULL;
        if (!t)
                return NULL;
        n->text = t;
        return n;
}

static struct ypair *find_pair(const struct ynode *map, const char *key) {
        if (map && map->kind == YNODE_MAP)
                for (size_t i = 0; i < map->map.n; i++)
                        if (str_eq(map->map.v[i].key->text, key))
                                return &map->map.v[i];
        return NULL;
}

struct ynode *ynode_get(const struct ynode *map, const char *key) {
        struct ypair *p = find_pair(map, key);
        return p ? p->value : NULL;
}

struct ynode *ynode_key(const struct ynode *map, const char *key) {
        struct ypair *p = find_pair(map, key);
        return p ? p->key : NULL;
}

/* Room for one more item of size bytes in an arena array. */
static void *grown(struct yarena *a, void *v, size_t n, size_t *cap, size_t size) {
        if (n < *cap)
                return v;
        size_t more = *cap ? *cap * 2 : 4;
        void *bigger = yarena_alloc(a, more * size);
        if (!bigger)
                return NULL;
        if (n)
                memcpy(bigger, v, n * size);
        *cap = more;
        return bigger;
}

static bool append_pair(struct yarena *a, struct ynode *map, struct ynode *key, struct ynode *value) {
        struct ypair *v = grown(a, map->map.v, map->map.n, &map->map.cap, sizeof *v);
        if (!v)
                return false;
        map->map.v = v;
        v[map->map.n++] = (struct ypair) { key, value };
        return true;
}

bool ynode_set(struct yarena *a, struct ynode *map, struct ynode *key, struct ynode *value) {
        if (!key || !value)
                return false;
        struct ypair *p = find_pair(map, key->text);
        if (p) {
                *p = (struct ypair) { key, value };
                return true;
        }
        return append_pair(a, map, key, value);
}

void ynode_unset(struct ynode *map, const char *key) {
        struct ypair *p = find_pair(map, key);
        if (!p)
                return;
        size_t at = (size_t) (p - map->map.v);
        memmove(p, p + 1, (map->map.n - at - 1) * sizeof *p);
        map->map.n--;
}

bool ynode_push(struct yarena *a, struct ynode *seq, struct ynode *item) {
        struct ynode **v = item ? grown(a, seq->seq.v, seq->seq.n, &seq->seq.cap, sizeof *v) : NULL;
        if (!v)
                return false;
        seq->seq.v = v;
        v[seq->seq.n++] = item;
        return true;
}

/* Scalars: go-yaml v2's resolve() */

static const struct { const char *text; enum ynode_kind kind; bool b; double f; } words[] = {
        { "y", YNODE_BOOL, true, 0 }, { "Y", YNODE_BOOL, true, 0 }, { "yes", YNODE_BOOL, true, 0 }, { "Yes", YNODE_BOOL, true, 0 },
        { "YES", YNODE_BOOL, true, 0 }, { "true", YNODE_BOOL, true, 0 }, { "True", YNODE_BOOL, true, 0 }, { "TRUE", YNODE_BOOL, true, 0 },
        { "on", YNODE_BOOL, true, 0 }, { "On", YNODE_BOOL, true, 0 }, { "ON", YNODE_BOOL, true, 0 },
        { "n", YNODE_BOOL, false, 0 }, { "N", YNODE_BOOL, false, 0 }, { "no", YNODE_BOOL, false, 0 }, { "No", YNODE_BOOL, false, 0 },
        { "NO", YNODE_BOOL, false, 0 }, { "false", YNODE_BOOL, false, 0 }, { "False", YNODE_BOOL, false, 0 },
        { "FALSE", YNODE_BOOL, false, 0 }, { "off", YNODE_BOOL, false, 0 }, { "Off", YNODE_BOOL, false, 0 }, { "OFF", YNODE_BOOL, false, 0 },
        { "", YNODE_NULL, false, 0 }, { "~", YNODE_NULL, false, 0 }, { "null", YNODE_NULL, false, 0 }, { "Null", YNODE_NULL, false, 0 },
        { "NULL", YNODE_NULL, false, 0 },
        { ".nan", YNODE_FLOAT, false, NAN }, { ".NaN", YNODE_FLOAT, false, NAN }, { ".NAN", YNODE_FLOAT, false, NAN },
        { ".inf", YNODE_FLOAT, false, INFINITY }, { ".Inf", YNODE_FLOAT, false, INFINITY }, { ".INF", YNODE_FLOAT, false, INFINITY },
        { "+.inf", YNODE_FLOAT, false, INFINITY }, { "+.Inf", YNODE_FLOAT, false, INFINITY }, { "+.INF", YNODE_FLOAT, false, INFINITY },
        { "-.inf", YNODE_FLOAT, false, -INFINITY }, { "-.Inf", YNODE_FLOAT, false, -INFINITY }, { "-.INF", YNODE_FLOAT, false, -INFINITY },
};

static int resolve_int(const char *s, int64_t *ret) {
        bool negative = *s == '-';
        s += negative || *s == '+';
        unsigned base = 10;
        if (s[0] == '0' && s[1]) {
                unsigned char p = (unsigned char) s[1] | 0x20;
                base = p == 'x' ? 16 : p == 'b' ? 2 : 8;
                s += p == 'x' || p == 'b' || p == 'o' ? 2 : 1;
        }
        uint64_t v = 0, max = (uint64_t) INT64_MAX + negative;
        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                unsigned c = (unsigned char) *s, d = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
                if (d >= base || v > (max - d) / base)
                        return -EINVAL;
                v = v * base + d;
        }
        *ret = negative ? (int64_t) (0 - v) : (int64_t) v;
        return 0;
}

/* [+-] digits with at most one point, exponent optional; at least one digit. */
static int resolve_float(const char *s, double *ret) {
        const char *p = s;
        bool digits = false;
        p += *p == '-' || *p == '+';
        for (; *p >= '0' && *p <= '9'; p++)
                digits = true;
        if (*p == '.')
                for (p++; *p >= '0' && *p <= '9'; p++)
                        digits = true;
        if (!digits)
                return -EINVAL;
        if ((*p | 0x20) == 'e') {
                p++;
                p += *p == '-' || *p == '+';
                if (*p < '0' || *p > '9')
                        return -EINVAL;
                while (*p >= '0' && *p <= '9')
                        p++;
        }
        if (*p)
                return -EINVAL;
        double d = strtod(s, NULL);
        if (!isfinite(d))
                return -ERANGE;
        *ret = d;
        return 0;
}

void ynode_resolve_plain(struct ynode *n) {
        const char *s = n->text;
        n->kind = YNODE_STRING;
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (str_eq(s, words[i].text)) {
                        n->kind = words[i].kind;
                        if (n->kind == YNODE_BOOL)
                                n->b = words[i].b;
                        else if (n->kind == YNODE_FLOAT)
                                n->f = words[i].f;
                        return;
                }
        if (!strchr("+-.0123456789", *s) || strlen(s) > 64)
                return;
        char plain[65], *w = plain;
        for (const char *p = s; *p; p++)
                if (*p != '_')
                        *w++ = *p;
        *w = 0;
        if (*s != '.' && resolve_int(plain, &n->i) == 0)
                n->kind = YNODE_INT;
        else if (resolve_float(plain, &n->f) == 0)
                n->kind = YNODE_FLOAT;
}

void ynode_scalar_text(const struct ynode *n, char *buf, size_t buf_n, const char **ret) {
        *ret = buf;
        switch (n->kind) {
        case YNODE_BOOL: snprintf(buf, buf_n, "%s", n->b ? "true" : "false"); break;
        case YNODE_INT: snprintf(buf, buf_n, "%lld", (long long) n->i); break;
        case YNODE_FLOAT:
                if (isinf(n->f)) {
                        snprintf(buf, buf_n, "%sInf", n->f < 0 ? "-" : "+");
                } else if (isnan(n->f)) {
                        snprintf(buf, buf_n, "NaN");
                } else {                /* Go's %v: shortest digits; exponent form below 1e-4 and from 1e6 */
                        char t[40];
                        int digits = 1;
                        for (; digits <= 17; digits++) {
                                snprintf(t, sizeof t, "%.*e", digits - 1, n->f);
                                if (strtod(t, NULL) == n->f)
                                        break;
                        }
                        int64_t exponent = 0;
                        (void) parse_i64(strchr(t, 'e') + (strchr(t, 'e')[1] == '+' ? 2 : 1), &exponent);       /* printf's own text */
                        if (exponent < -4 || exponent >= 6)
                                snprintf(buf, buf_n, "%s", t);
                        else
                                snprintf(buf, buf_n, "%.*f", (int) MAX(digits - 1 - exponent, INT64_C(0)), n->f);
                }
                break;
        case YNODE_STRING: *ret = n->text; break;
        default: snprintf(buf, buf_n, "%s", ""); break;
        }
}

/* Composing */

struct anchor { const char *name; struct ynode *node; size_t weight; struct anchor *next; };

struct composer {
        yaml_parser_t parser;
        struct yarena *a;
        const struct yaml_options *o;
        struct anchor *anchors;
        size_t nodes;                   /* of the expanded tree */
        struct dr_error *err;
};

static int fail_at(struct composer *c, const yaml_mark_t *m, const char *fmt, ...) DR_PRINTF(3, 4);
static int fail_at(struct composer *c, const yaml_mark_t *m, const char *fmt, ...) {
        char what[256];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(what, sizeof what, fmt, ap);
        va_end(ap);
        return dr_fail(c->err, DR_E_INVALID_FORMAT, NULL, "line %zu, column %zu: %s", m->line + 1, m->column + 1, what);
}

static yaml_mark_t mark_of(const struct ynode *n) { return (yaml_mark_t) { .line = n->line - 1, .column = n->column - 1 }; }

static int next_event(struct composer *c, yaml_event_t *ev) {
        if (yaml_parser_parse(&c->parser, ev))
                return 0;
        const yaml_parser_t *p = &c->parser;
        const char *problem = p->problem ? p->problem : "cannot be read";
        if (p->error == YAML_READER_ERROR)
                return dr_fail(c->err, DR_E_INVALID_FORMAT, NULL, "line %zu, column %zu: %s (byte offset %zu)", p->mark.line + 1,
                               p->mark.column + 1, problem, p->problem_offset);
        if (p->context)
                return fail_at(c, &p->problem_mark, "%s (%s from line %zu)", problem, p->context, p->context_mark.line + 1);
        return fail_at(c, &p->problem_mark, "%s", problem);
}

static int out_of_memory(struct composer *c) {
        return dr_fail(c->err, DR_E_TOO_LARGE, NULL, "YAML document needs more than %zu bytes", c->a->max);
}

static int count(struct composer *c, const yaml_mark_t *m, size_t n) {
        c->nodes += n;
        if (c->nodes > YAML_NODES_MAX)
                return fail_at(c, m, "the document has more than %d values", YAML_NODES_MAX);
        return 0;
}

static struct ynode *node_at(struct composer *c, enum ynode_kind kind, const yaml_mark_t *m) {
        struct ynode *n = ynode_new(c->a, kind, NULL);
        if (n) {
                n->file = c->o->file;
                n->line = (uint32_t) m->line + 1;
                n->column = (uint32_t) m->column + 1;
        }
        return n;
}

static int compose_scalar(struct composer *c, yaml_event_t *ev, struct ynode **ret) {
        const char *s = (const char *) ev->data.scalar.value;
        size_t len = ev->data.scalar.length;
        if (memchr(s, 0, len))
                return fail_at(c, &ev->start_mark, "NUL characters are not allowed");
        struct ynode *n = node_at(c, YNODE_STRING, &ev->start_mark);
        char *t = n ? arena_text(c->a, s, len) : NULL;
        if (!t)
                return out_of_memory(c);
        n->text = t;
        const char *tag = (const char *) ev->data.scalar.tag;
        bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && ev->data.scalar.plain_implicit;
        if (tag && !plain) {
                static const struct { const char *tag; enum ynode_kind kind; } tags[] = {
                        { YAML_INT_TAG, YNODE_INT }, { YAML_FLOAT_TAG, YNODE_FLOAT }, { YAML_BOOL_TAG, YNODE_BOOL }, { YAML_NULL_TAG, YNODE_NULL },
                };
                for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
                        if (!str_eq(tag, tags[i].tag))
                                continue;
                        ynode_resolve_plain(n);
                        if (n->kind == YNODE_INT && tags[i].kind == YNODE_FLOAT) {
                                n->f = (double) n->i;
                                n->kind = YNODE_FLOAT;
                        }
                        if (n->kind != tags[i].kind)
                                return fail_at(c, &ev->start_mark, "\"%.60s\" is no %s", t, kinds[tags[i].kind]);
                }
        } else if (plain) {
                ynode_resolve_plain(n);
        }
        *ret = n;
        return 0;
}

static int compose_node(struct composer *c, yaml_event_t *ev, unsigned depth, struct ynode **ret);

static int compose_seq(struct composer *c, unsigned depth, struct ynode *n) {
        for (;;) {
                yaml_event_t ev;
                int r = next_event(c, &ev);
                if (r < 0)
                        return r;
                if (ev.type == YAML_SEQUENCE_END_EVENT) {
                        yaml_event_delete(&ev);
                        return 0;
                }
                struct ynode *item = NULL;
                r = compose_node(c, &ev, depth, &item);
                yaml_event_delete(&ev);
                if (r < 0)
                        return r;
                if (!ynode_push(c->a, n, item))
                        return out_of_memory(c);
                n->height = (uint16_t) MAX(n->height, item->height + 1);
        }
}

/* Adds the pairs of a merge value that the map does not have itself. */
static int merge_into(struct composer *c, struct ynode *map, const struct ynode *from) {
        yaml_mark_t at = mark_of(from);
        if (from->kind == YNODE_SEQ) {
                for (size_t i = 0; i < from->seq.n; i++) {
                        if (from->seq.v[i]->kind != YNODE_MAP)
                                return fail_at(c, &at, "map merge requires map or sequence of maps as the value");
                        int r = merge_into(c, map, from->seq.v[i]);
                        if (r < 0)
                                return r;
                }
                return 0;
        }
        if (from->kind != YNODE_MAP)
                return fail_at(c, &at, "map merge requires map or sequence of maps as the value");
        int r = count(c, &at, from->map.n * (1 + map->map.n / 64));
        for (size_t i = 0; r >= 0 && i < from->map.n; i++)
                if (!find_pair(map, from->map.v[i].key->text) && !append_pair(c->a, map, from->map.v[i].key, from->map.v[i].value))
                        return out_of_memory(c);
        return r;
}

static int add_pair(struct composer *c, struct ynode *n, struct smap *seen, struct ynode *key, struct ynode *value) {
        struct ypair *old;
        if (n->map.n >= HASH_FROM_KEYS && !seen->n)
                for (size_t i = 0; i < n->map.n; i++)
                        smap_set(seen, n->map.v[i].key->text, (void *) (i + 1));
        if (seen->n) {
                size_t at = (size_t) smap_get(seen, key->text);
                old = at ? &n->map.v[at - 1] : NULL;
        } else {
                old = find_pair(n, key->text);
        }
        if (old && !c->o->duplicate_keys) {
                yaml_mark_t at = mark_of(key);
                return fail_at(c, &at, "key \"%.80s\" is there already, on line %u", key->text, old->key->line);
        }
        if (old) {
                *old = (struct ypair) { key, value };
                return 0;
        }
        if (!append_pair(c->a, n, key, value))
                return out_of_memory(c);
        if (seen->n)
                smap_set(seen, key->text, (void *) n->map.n);
        return 0;
}

static int compose_pairs(struct composer *c, unsigned depth, struct ynode *n, struct smap *seen) {
        struct ynode *merges[16];
        size_t merges_n = 0;
        for (;;) {
                yaml_event_t ev;
                int r = next_event(c, &ev);
                if (r < 0)
                        return r;
                if (ev.type == YAML_MAPPING_END_EVENT) {
                        yaml_event_delete(&ev);
                        break;
                }
                struct ynode *key = NULL, *value = NULL;        /* of the next pair */
                bool merge = ev.type == YAML_SCALAR_EVENT && ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && str_eq((char *) ev.data.scalar.value, "<<");
                yaml_mark_t mark = ev.start_mark;
                r = compose_node(c, &ev, depth, &key);
                yaml_event_delete(&ev);
                if (r < 0)
                        return r;
                if (!ynode_is_scalar(key))
                        return fail_at(c, &mark, "a key must be a single value, not a %s", kinds[key->kind]);
                r = next_event(c, &ev);
                if (r < 0)
                        return r;
                r = compose_node(c, &ev, depth, &value);
                yaml_event_delete(&ev);
                if (r < 0)
                        return r;
                n->height = (uint16_t) MAX(n->height, value->height + 1);       /* a merged map's children lie one higher */
                if (merge) {
                        if (merges_n == ARRAY_LEN(merges))
                                return fail_at(c, &mark, "more than %zu merge keys in one map", ARRAY_LEN(merges));
                        merges[merges_n++] = value;
                        continue;
                }
                r = add_pair(c, n, seen, key, value);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < merges_n; i++) {
                int r = merge_into(c, n, merges[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int remember(struct composer *c, const char *name, struct ynode *n, size_t weight) {
        struct anchor *an = yarena_alloc(c->a, sizeof *an);
        char *t = an ? arena_text(c->a, name, strlen(name)) : NULL;
        if (!t)
                return out_of_memory(c);
        *an = (struct anchor) { t, n, weight, c->anchors };
        c->anchors = an;
        return 0;
}

static int compose_node(struct composer *c, yaml_event_t *ev, unsigned depth, struct ynode **ret) {
        struct ynode *n = NULL;
        size_t before = c->nodes;
        int r = count(c, &ev->start_mark, 1);
        if (r < 0)
                return r;
        const char *anchor = NULL;
        switch (ev->type) {
        case YAML_ALIAS_EVENT:
                anchor = (const char *) ev->data.alias.anchor;
                for (struct anchor *an = c->anchors; an; an = an->next)
                        if (str_eq(an->name, anchor)) {
                                if (depth + an->node->height > YAML_DEPTH_MAX)
                                        return fail_at(c, &ev->start_mark, "nested deeper than %d levels", YAML_DEPTH_MAX);
                                *ret = an->node;
                                return count(c, &ev->start_mark, an->weight);
                        }
                return fail_at(c, &ev->start_mark, "unknown anchor \"%.80s\"", anchor);
        case YAML_SCALAR_EVENT:
                anchor = (const char *) ev->data.scalar.anchor;
                r = compose_scalar(c, ev, &n);
                break;
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT: {
                bool seq = ev->type == YAML_SEQUENCE_START_EVENT;
                anchor = (const char *) (seq ? ev->data.sequence_start.anchor : ev->data.mapping_start.anchor);
                if (depth == YAML_DEPTH_MAX)
                        return fail_at(c, &ev->start_mark, "nested deeper than %d levels", YAML_DEPTH_MAX);
                n = node_at(c, seq ? YNODE_SEQ : YNODE_MAP, &ev->start_mark);
                if (!n)
                        return out_of_memory(c);
                if (seq) {
                        r = compose_seq(c, depth + 1, n);
                } else {
                        struct smap seen = { 0 };
                        r = compose_pairs(c, depth + 1, n, &seen);
                        smap_done(&seen);
                }
                break;
        }
        default: return fail_at(c, &ev->start_mark, "expected a value");
        }
        if (r >= 0 && anchor)
                r = remember(c, anchor, n, c->nodes - before);
        if (r < 0)
                return r;
        *ret = n;
        return 0;
}

static int compose_stream(struct composer *c, struct ynode **ret) {
        for (;;) {
                yaml_event_t ev;
                int r = next_event(c, &ev);
                if (r < 0)
                        return r;
                if (ev.type == YAML_STREAM_START_EVENT || ev.type == YAML_DOCUMENT_START_EVENT) {
                        yaml_event_delete(&ev);
                        continue;
                }
                if (ev.type == YAML_STREAM_END_EVENT) {
                        *ret = node_at(c, YNODE_NULL, &ev.start_mark);
                        r = *ret ? 0 : out_of_memory(c);
                } else {
                        r = compose_node(c, &ev, 0, ret);
                }
                yaml_event_delete(&ev);
                return r;
        }
}

int yaml_parse(struct yarena *a, const char *buf, size_t len, const struct yaml_options *o, struct ynode **ret, struct dr_error *err) {
        size_t size_max = o->size_max ? o->size_max : SIZE_DEFAULT;
        if (len > size_max)
                return dr_fail(err, DR_E_TOO_LARGE, NULL, "YAML text of %zu bytes is longer than %zu", len, size_max);
        struct composer c = { .a = a, .o = o, .err = err };
        if (!yaml_parser_initialize(&c.parser))
                return dr_fail(err, DR_E_INTERNAL, NULL, "could not start the YAML parser");
        yaml_parser_set_input_string(&c.parser, (const unsigned char *) (len ? buf : ""), len);
        struct ynode *n = NULL;
        int r = compose_stream(&c, &n);
        yaml_parser_delete(&c.parser);
        if (r < 0)
                return r;
        *ret = n;
        return 0;
}

struct json_object *ynode_to_json(const struct ynode *n) {
        switch (n->kind) {
        case YNODE_BOOL: return json_object_new_boolean(n->b);
        case YNODE_INT: return json_object_new_int64(n->i);
        case YNODE_FLOAT: return isfinite(n->f) ? json_object_new_double(n->f) : json_object_new_string(n->text);
        case YNODE_STRING: return json_object_new_string(n->text);
        case YNODE_SEQ: {
                struct json_object *a = json_object_new_array();
                for (size_t i = 0; i < n->seq.n; i++)
                        json_object_array_add(a, ynode_to_json(n->seq.v[i]));
                return a;
        }
        case YNODE_MAP: {
                struct json_object *o = json_object_new_object();
                for (size_t i = 0; i < n->map.n; i++)
                        json_object_object_add(o, n->map.v[i].key->text, ynode_to_json(n->map.v[i].value));
                return o;
        }
        default: return NULL;
        }
}
