/* types.h: resource types, fields, states and processes of the API as constant tables.
 *
 * The tables are written by tools/gen-types.py from facts/api-types.json (every type, per role, v2-beta and v1) and
 * internal-fields.txt (stored, never shown). All static const: no start-up cost, any thread. Sources: spec api.md 1.4, 1.8,
 * 1.10, 4.5 and the fact table's _about. Enums: T_container, F_accountId, S_updating_active, P_instance_start, ROLE_owner. */
#pragma once
#include "base/base.h"
#include "model/types.gen.h"

enum api_version { API_V1, API_V2_BETA, API_VERSION_MAX };
const char *api_version_to_string(enum api_version v);          /* "v1", "v2-beta"; NULL out of range */
int api_version_from_string(const char *s, size_t len);         /* -EINVAL: unknown */

enum field_kind {
        FK_NONE, FK_STRING, FK_PASSWORD, FK_INT, FK_FLOAT, FK_BOOL, FK_DATE, FK_ENUM, FK_BLOB, FK_JSON, FK_REFERENCE, FK_ARRAY,
        FK_MAP, FK_TYPE, FK_MAX
};
const char *field_kind_to_string(enum field_kind k);            /* "string" ...; NULL out of range */

/* One parsed type of the grammar: string, reference[host], map[array[string]], portRule ... */
struct field_type {
        const char *text;                       /* as on the wire */
        enum field_kind kind;
        enum type_id target;                    /* FK_REFERENCE (T_NONE: any type) and FK_TYPE */
        const struct field_type *element;       /* FK_ARRAY and FK_MAP */
};

/* What a value must satisfy beyond its type. For arrays the rules hold for each element. */
struct field_rule {
        const char *default_json;               /* JSON text, or NULL */
        const char *const *options;             /* n_options strings, NULL-terminated; or NULL */
        const char *valid_chars, *invalid_chars;/* inside of a [...] expression, or NULL */
        int64_t min, max, min_length, max_length;
        uint16_t n_options;
        bool has_min, has_max, has_min_length, has_max_length;
};

enum field_flags {
        FF_UNIQUE         = 1 << 0,             /* per type among rows that are not removed */
        FF_UPDATE_PROCESS = 1 << 1,             /* a PUT that changes it schedules the update process */
        FF_IN_LIST        = 1 << 2,             /* printed; without it the field is write-only */
        FF_INTERNAL       = 1 << 3,             /* also named in internal-fields.txt */
};

/* The six role sets are bits 1 << enum role. */
struct field_def {
        uint16_t id;                            /* enum field_id */
        uint16_t flags;
        const struct field_type *type;
        const struct field_rule *rule;          /* never NULL */
        uint16_t visible, create, update, required, nullable, read_on_create_only;
};

struct action_def {
        const char *name;
        enum type_id input, output;             /* T_NONE: no body */
        uint16_t roles;
        const char *capability;                 /* shown only with it ("console", "modifyInfra", "owner", "setMembers"), or NULL */
        const uint16_t *states;                 /* shown only in these, S_NONE-terminated, or NULL: any */
};

enum link_kind {
        LINK_REFERENCE,                         /* follows field of this type */
        LINK_CHILD,                             /* rows of target whose field points here */
        LINK_MAP,                               /* rows of via whose field points here; their far points to target */
        LINK_SPECIAL,                           /* answered by a handler (api.md 1.9, 5.4) */
        LINK_KIND_MAX
};

struct link_def {
        const char *name;                       /* as in JSON; URLs have it in lower case */
        enum link_kind kind;
        enum type_id target;                    /* T_NONE: special */
        enum field_id field;
        enum type_id via;
        enum field_id far;
};

enum filter_modifier {
        FM_EQ, FM_NE, FM_LT, FM_LTE, FM_GT, FM_GTE, FM_PREFIX, FM_LIKE, FM_NOTLIKE, FM_NULL, FM_NOTNULL, FM_MAX
};
const char *filter_modifier_to_string(enum filter_modifier m);  /* "eq" ...; NULL out of range */
int filter_modifier_from_string(const char *s, size_t len);     /* -EINVAL: unknown */

struct filter_def { uint16_t field, modifiers; };               /* enum field_id; bits 1 << enum filter_modifier */

enum type_methods {
        TM_VISIBLE = 1 << 0, TM_LIST = 1 << 1, TM_CREATE = 1 << 2, TM_GET = 1 << 3, TM_UPDATE = 1 << 4, TM_DELETE = 1 << 5,
};

struct type_def {
        enum type_id id;
        enum type_id base;                      /* the table: T_instance for T_container, itself without parent; T_stack for v1's T_environment */
        enum type_id parent;                    /* T_NONE: none. baseType in JSON is the parent or the type itself */
        enum api_version version;
        const char *name, *plural;
        const char *prefix;                     /* of ids: "1i" */
        uint16_t roles;                         /* that see the type */
        const struct field_def *fields;         /* by ascending field id, which is alphabetical */
        const struct action_def *actions;       /* alphabetical */
        const struct link_def *links;           /* alphabetical */
        const struct filter_def *filters;       /* alphabetical */
        const uint16_t *children;               /* enum type_id */
        uint16_t n_fields, n_actions, n_links, n_filters, n_children;
        uint8_t methods[ROLE_MAX];              /* enum type_methods bits */
};

/* NULL: the version does not have the type. In v1 T_stack gives the definition of environment (as records of table stack show). */
const struct type_def *type_get(enum api_version v, enum type_id id);
/* By name or plural, without case (api.md 1.1); NULL: unknown in this version. */
const struct type_def *type_by_name(enum api_version v, const char *name, size_t len);
const char *type_name(enum type_id id);                         /* "container"; NULL out of range and for T_NONE */
enum type_id type_id_by_name(const char *name);                 /* singular, exact case, any version; T_NONE: unknown */
/* The table of a type in whichever version has it; T_NONE for T_NONE. */
enum type_id type_base(enum type_id id);
bool type_is_a(enum api_version v, enum type_id id, enum type_id ancestor);     /* also true for itself */

const struct field_def *type_field(const struct type_def *def, enum field_id id);       /* NULL: no such field */
const struct action_def *type_action(const struct type_def *def, const char *name);     /* exact case; NULL: unknown */
const struct link_def *type_link(const struct type_def *def, const char *name, size_t len);     /* without case; NULL: unknown */
const struct filter_def *type_filter(const struct type_def *def, enum field_id id);     /* NULL: not filterable */

const char *field_name(enum field_id id);                       /* NULL out of range and for F_NONE */
enum field_id field_by_name(const char *name, size_t len);      /* exact case; F_NONE: unknown */
enum field_kind field_internal_kind(enum field_id id);          /* of a name in internal-fields.txt, else FK_NONE */

const char *state_name(enum state_id id);                       /* NULL out of range and for S_NONE */
enum state_id state_by_name(const char *name);                  /* S_NONE: unknown */

const char *role_name(enum role r);                             /* NULL out of range */
int role_from_string(const char *s, size_t len);                /* -EINVAL: unknown; exact case */

static inline bool type_visible(const struct type_def *d, enum role r)          { return d->roles & (1U << r); }
static inline unsigned type_methods(const struct type_def *d, enum role r)      { return d->methods[r]; }
static inline bool field_visible(const struct field_def *f, enum role r)        { return f->visible & (1U << r); }
static inline bool field_creatable(const struct field_def *f, enum role r)      { return f->create & (1U << r); }
static inline bool field_updatable(const struct field_def *f, enum role r)      { return f->update & (1U << r); }
static inline bool field_required(const struct field_def *f, enum role r)       { return f->required & (1U << r); }
static inline bool field_nullable(const struct field_def *f, enum role r)       { return f->nullable & (1U << r); }
static inline bool action_visible(const struct action_def *a, enum role r)      { return a->roles & (1U << r); }

/* Processes (api.md 4.1, 4.5). */
struct process_edge { uint16_t from, via, to; };                /* enum state_id: start, transitioning, done */
struct process_done { uint16_t via, to; };

struct process_def {
        enum process_id id;
        const char *name, *action;              /* "instance.start", "start" */
        enum type_id base;                      /* the table it works on */
        enum field_id state_field;              /* F_state, F_healthState, F_allocationState */
        enum process_id delegate;               /* P_NONE: none */
        int priority;                           /* higher runs first */
        const struct process_edge *edges;
        uint16_t n_edges;
        const struct process_done *done;
        uint16_t n_done;
};

const struct process_def *process_get(enum process_id id);      /* NULL out of range and for P_NONE */
enum process_id process_by_name(const char *name);              /* "instance.start"; P_NONE: unknown */
enum process_id process_by_action(enum type_id base, const char *action);       /* base is a table; P_NONE: none */
/* May def start from this state? Then *via and *to (either may be NULL) are its transitioning and done states. */
bool process_edge(const struct process_def *def, enum state_id from, enum state_id *via, enum state_id *to);
/* The done state of a process that is in its transitioning state via; S_NONE: via is none of its transitioning states. */
enum state_id process_done_of(const struct process_def *def, enum state_id via);
bool process_is_done(const struct process_def *def, enum state_id s);           /* s is one of its done states */
/* Is s the transitioning state of any process on the main state field of the table? (field "transitioning", api.md 4.1) */
bool state_is_transitioning(enum type_id base, enum state_id s);
bool state_is_gone(enum state_id s);                                             /* removing, removed, purging, purged */
