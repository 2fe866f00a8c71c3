/* record.h: one stored thing: a row of an API table (instance, service, host, ...) in memory.
 *
 * A record is a header and a small sorted array of (field, value) slots; which fields a type has is said by types.h, not here.
 * Strings are interned: equal text is held once, so comparing two struct text pointers compares the strings, and a launch
 * config shared by a thousand containers costs its bytes once. Loop thread only: nothing here is locked.
 *
 * Reading is free for everybody; only src/core writes (through core_set_...), because it keeps indexes, undo and store in step. */
#pragma once
#include "base/base.h"
#include "base/rng.h"
#include "types.h"

struct json_object;

/* An interned, counted, immutable string. */
struct text {
        uint32_t refs, len;
        uint64_t hash;
        struct text *next;              /* chain of the intern table */
        struct json_object *parsed;     /* lazily: text_json() */
        char s[];
};
struct text *text_get(const char *s, size_t len);       /* a new reference; interned */
struct text *text_ref(struct text *t);                  /* NULL is fine */
void text_unref(struct text *t);                        /* NULL is fine */
/* The parsed JSON of a V_JSON text, kept with it: borrowed, never changed by the caller. NULL if it is not JSON. */
struct json_object *text_json(struct text *t);
struct text *text_from_json(struct json_object *o);     /* canonical text (sorted keys); new reference */
size_t text_count(void);                                /* how many live: tests look for leaks */

enum vtag { V_NULL, V_BOOL, V_INT, V_FLOAT, V_STR, V_JSON };
struct value {
        enum vtag tag;
        union { bool b; int64_t i; double f; struct text *t; };
};
static inline struct value value_null(void) { return (struct value) { .tag = V_NULL }; }
static inline struct value value_bool(bool b) { return (struct value) { .tag = V_BOOL, .b = b }; }
static inline struct value value_int(int64_t i) { return (struct value) { .tag = V_INT, .i = i }; }
static inline struct value value_float(double f) { return (struct value) { .tag = V_FLOAT, .f = f }; }
struct value value_str(const char *s);                  /* owns a new text reference; NULL gives V_NULL */
struct value value_json(struct json_object *o);         /* canonical text; NULL gives V_NULL; does not take o */
struct value value_ref(struct value v);                 /* another owner of the same value */
void value_done(struct value *v);
bool value_eq(struct value a, struct value b);
static inline void value_auto_done(struct value *v) { value_done(v); }
#define auto_value __attribute__((cleanup(value_auto_done)))

struct slot { uint16_t field; uint8_t tag; union { bool b; int64_t i; double f; struct text *t; }; };

/* A process that runs on a record: at most one per record. Saved inside the record's row. */
struct run {
        int64_t id;                     /* processInstance id */
        uint16_t process;               /* enum process_id */
        uint16_t attempts;              /* runs that failed or waited too long */
        uint8_t step;                   /* the handler's own */
        int64_t started_ms, run_after_ms;       /* wall clock */
        int64_t deadline_ms;            /* wall clock; 0: none. Of what is waited for */
        struct text *data;              /* JSON given at start, or NULL */
        struct text *event;             /* id of the event whose reply is waited for, or NULL */
        struct text *reply;             /* JSON of that reply, or NULL */
        struct text *error;             /* message of the last failure, or NULL */
};

struct record {
        int64_t id;
        int64_t account_id;             /* 0: none */
        int64_t created_ms, removed_ms; /* wall clock; removed_ms 0: not removed */
        uint64_t seq;                   /* newest batch that touched it: core's */
        struct uuid uuid;               /* zero when the uuid is not in uuid form: then in slot F_uuid */
        uint16_t type;                  /* table: T_instance, T_service, ... */
        uint16_t kind;                  /* schema: T_container, T_loadBalancerService, ... */
        uint16_t state;                 /* enum state_id */
        uint16_t n, cap;                /* slots */
        bool unstored;                  /* has no row: its content is told by others' (core's) */
        struct slot *slots;             /* sorted by field */
        struct run *run;                /* NULL: nothing runs */
        void *undo;                     /* core's: newest batch's copy */
};

/* All borrowed. Missing or of another tag: the given default, NULL or 0. */
const struct slot *record_slot(const struct record *r, enum field_id f);
struct value record_value(const struct record *r, enum field_id f);     /* borrowed: do not value_done() */
int64_t record_int(const struct record *r, enum field_id f);            /* V_INT, V_BOOL; else 0 */
int64_t record_int_or(const struct record *r, enum field_id f, int64_t other);
bool record_bool(const struct record *r, enum field_id f);
double record_float(const struct record *r, enum field_id f);
const char *record_str(const struct record *r, enum field_id f);        /* V_STR and V_JSON: the text; else NULL */
struct text *record_text(const struct record *r, enum field_id f);      /* the same, interned: compare pointers */
struct json_object *record_json(const struct record *r, enum field_id f);       /* of a V_JSON slot; else NULL */
static inline bool record_has(const struct record *r, enum field_id f) { return record_slot(r, f) != NULL; }
static inline const char *record_name(const struct record *r) { return str_or(record_str(r, F_name), ""); }

enum { RECORD_UUID_MAX = 128 };
const char *record_uuid(const struct record *r, char buf[RECORD_UUID_MAX]);     /* buf or the slot's text */

/* ---- for src/core, src/model/world.c and tests that build worlds ---- */
struct record *record_new(enum type_id type, enum type_id kind, int64_t id);
void record_free(struct record *r);                                     /* NULL is fine */
void record_put(struct record *r, enum field_id f, struct value v);     /* takes v; V_NULL removes the slot */
void record_set_uuid(struct record *r, const char *uuid);
struct record *record_copy(const struct record *r);                     /* deep (texts shared); undo is NULL */
void record_swap_content(struct record *a, struct record *b);           /* everything but id, type and undo */
struct run *run_copy(const struct run *run);                            /* NULL gives NULL */
void run_free(struct run *run);                                         /* NULL is fine */
DR_DEFINE_AUTO(struct run *, run_free)
