#include "model/types.h"
#include "model/types-internal.h"

#include <strings.h>

static const char *const versions[API_VERSION_MAX] = { [API_V1] = "v1", [API_V2_BETA] = "v2-beta" };

static const char *const kinds[FK_MAX] = {
        [FK_STRING] = "string", [FK_PASSWORD] = "password", [FK_INT] = "int", [FK_FLOAT] = "float", [FK_BOOL] = "boolean",
        [FK_DATE] = "date", [FK_ENUM] = "enum", [FK_BLOB] = "blob", [FK_JSON] = "json", [FK_REFERENCE] = "reference",
        [FK_ARRAY] = "array", [FK_MAP] = "map", [FK_TYPE] = "type",
};

static const char *const modifiers[FM_MAX] = {
        [FM_EQ] = "eq", [FM_NE] = "ne", [FM_LT] = "lt", [FM_LTE] = "lte", [FM_GT] = "gt", [FM_GTE] = "gte",
        [FM_PREFIX] = "prefix", [FM_LIKE] = "like", [FM_NOTLIKE] = "notlike", [FM_NULL] = "null", [FM_NOTNULL] = "notnull",
};

static bool is_text(const char *row, const char *s, size_t len) {
        return row && strlen(row) == len && memcmp(row, s, len) == 0;
}

static int find_text(const char *const *rows, size_t n, const char *s, size_t len) {
        for (size_t i = 0; i < n; i++)
                if (is_text(rows[i], s, len))
                        return (int) i;
        return -EINVAL;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c; }

/* The probe of Writer.hash_table() in gen-types.py. */
static uint32_t fnv(const char *s, size_t len, bool fold) {
        uint32_t h = 0x811c9dc5;
        for (size_t i = 0; i < len; i++)
                h = (h ^ (unsigned char) (fold ? lower(s[i]) : s[i])) * 0x01000193;
        return h;
}

static unsigned hash_find(const struct id_hash *t, const char *const *names, const char *s, size_t len) {
        unsigned mask = t->size - 1;
        for (unsigned i = fnv(s, len, false) & mask; t->slots[i]; i = (i + 1) & mask)
                if (is_text(names[t->slots[i]], s, len))
                        return t->slots[i];
        return 0;
}

const char *api_version_to_string(enum api_version v) { return (unsigned) v < API_VERSION_MAX ? versions[v] : NULL; }
int api_version_from_string(const char *s, size_t len) { return find_text(versions, API_VERSION_MAX, s, len); }

const char *field_kind_to_string(enum field_kind k) { return (unsigned) k < FK_MAX ? kinds[k] : NULL; }
const char *filter_modifier_to_string(enum filter_modifier m) { return (unsigned) m < FM_MAX ? modifiers[m] : NULL; }
int filter_modifier_from_string(const char *s, size_t len) { return find_text(modifiers, FM_MAX, s, len); }

/* --- types */

static const struct type_def *const *table_of(enum api_version v) {
        return v == API_V1 ? type_defs_v1 : v == API_V2_BETA ? type_defs_v2 : NULL;
}

const struct type_def *type_get(enum api_version v, enum type_id id) {
        const struct type_def *const *t = table_of(v);
        return t && (unsigned) id < T_MAX ? t[id] : NULL;
}

static bool same_folded(const char *row, const char *s, size_t len) {
        return strlen(row) == len && strncasecmp(row, s, len) == 0;
}

const struct type_def *type_by_name(enum api_version v, const char *name, size_t len) {
        const struct type_def *const *defs = table_of(v);
        if (!defs)
                return NULL;
        const struct id_hash *t = v == API_V1 ? &type_hash_v1 : &type_hash_v2;
        unsigned mask = t->size - 1;
        for (unsigned i = fnv(name, len, true) & mask; t->slots[i]; i = (i + 1) & mask) {
                const struct type_def *d = defs[t->slots[i]];
                if (same_folded(d->name, name, len) || same_folded(d->plural, name, len))
                        return d;
        }
        return NULL;
}

const char *type_name(enum type_id id) { return (unsigned) id < T_MAX ? type_names[id] : NULL; }

/* type_names is sorted by byte value. */
enum type_id type_id_by_name(const char *name) {
        unsigned lo = 1, hi = T_MAX;
        while (lo < hi) {
                unsigned mid = (lo + hi) / 2;
                int c = strcmp(name, type_names[mid]);
                if (c == 0)
                        return (enum type_id) mid;
                if (c < 0)
                        hi = mid;
                else
                        lo = mid + 1;
        }
        return T_NONE;
}

enum type_id type_base(enum type_id id) {
        const struct type_def *d = type_get(API_V2_BETA, id);
        if (!d)
                d = type_get(API_V1, id);
        return d ? d->base : T_NONE;
}

bool type_is_a(enum api_version v, enum type_id id, enum type_id ancestor) {
        for (const struct type_def *d = type_get(v, id); d; d = type_get(v, d->parent))
                if (d->id == ancestor || (d->parent == T_NONE && d->base == ancestor))
                        return true;
        return false;
}

const struct field_def *type_field(const struct type_def *def, enum field_id id) {
        size_t lo = 0, hi = def->n_fields;
        while (lo < hi) {
                size_t mid = (lo + hi) / 2;
                if (def->fields[mid].id == id)
                        return &def->fields[mid];
                if (def->fields[mid].id < id)
                        lo = mid + 1;
                else
                        hi = mid;
        }
        return NULL;
}

const struct action_def *type_action(const struct type_def *def, const char *name) {
        for (size_t i = 0; i < def->n_actions; i++)
                if (str_eq(def->actions[i].name, name))
                        return &def->actions[i];
        return NULL;
}

const struct link_def *type_link(const struct type_def *def, const char *name, size_t len) {
        for (size_t i = 0; i < def->n_links; i++)
                if (same_folded(def->links[i].name, name, len))
                        return &def->links[i];
        return NULL;
}

const struct filter_def *type_filter(const struct type_def *def, enum field_id id) {
        for (size_t i = 0; i < def->n_filters; i++)
                if (def->filters[i].field == id)
                        return &def->filters[i];
        return NULL;
}

/* --- names */

const char *field_name(enum field_id id) { return (unsigned) id < F_MAX ? field_names[id] : NULL; }

enum field_id field_by_name(const char *name, size_t len) {
        return (enum field_id) hash_find(&field_hash, field_names, name, len);
}

enum field_kind field_internal_kind(enum field_id id) {
        return (unsigned) id < F_MAX ? (enum field_kind) field_internal_kinds[id] : FK_NONE;
}

const char *state_name(enum state_id id) { return (unsigned) id < S_MAX ? state_names[id] : NULL; }

enum state_id state_by_name(const char *name) {
        return (enum state_id) hash_find(&state_hash, state_names, name, strlen(name));
}

const char *role_name(enum role r) { return (unsigned) r < ROLE_MAX ? role_names[r] : NULL; }
int role_from_string(const char *s, size_t len) { return find_text(role_names, ROLE_MAX, s, len); }

/* --- processes */

const struct process_def *process_get(enum process_id id) {
        return id > P_NONE && id < P_MAX ? &process_defs[id] : NULL;
}

enum process_id process_by_name(const char *name) {
        size_t len = strlen(name);
        unsigned mask = process_hash.size - 1;
        for (unsigned i = fnv(name, len, false) & mask; process_hash.slots[i]; i = (i + 1) & mask)
                if (str_eq(process_defs[process_hash.slots[i]].name, name))
                        return process_defs[process_hash.slots[i]].id;
        return P_NONE;
}

/* Process names begin with the table's name in lower case (api.md 4.1). */
enum process_id process_by_action(enum type_id base, const char *action) {
        const char *type = type_name(base);
        char name[96];
        if (!type || strlen(type) + strlen(action) + 2 > sizeof name)
                return P_NONE;
        size_t n = 0;
        for (; type[n]; n++)
                name[n] = lower(type[n]);
        name[n] = '.';
        memcpy(name + n + 1, action, strlen(action) + 1);
        return process_by_name(name);
}

bool process_edge(const struct process_def *def, enum state_id from, enum state_id *via, enum state_id *to) {
        for (size_t i = 0; i < def->n_edges; i++) {
                const struct process_edge *e = &def->edges[i];
                if (e->from != from)
                        continue;
                if (via)
                        *via = (enum state_id) e->via;
                if (to)
                        *to = (enum state_id) e->to;
                return true;
        }
        return false;
}

enum state_id process_done_of(const struct process_def *def, enum state_id via) {
        for (size_t i = 0; i < def->n_done; i++)
                if (def->done[i].via == via)
                        return (enum state_id) def->done[i].to;
        return S_NONE;
}

bool process_is_done(const struct process_def *def, enum state_id s) {
        for (size_t i = 0; i < def->n_done; i++)
                if (def->done[i].to == s)
                        return true;
        return false;
}

bool state_is_transitioning(enum type_id base, enum state_id s) {
        return (unsigned) base < T_MAX && (unsigned) s < S_MAX && (type_transitioning[base] & BIT(s));
}

bool state_is_gone(enum state_id s) { return s == S_removing || s == S_removed || s == S_purging || s == S_purged; }
