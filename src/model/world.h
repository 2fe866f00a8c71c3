/* world.h: all live records with the indexes that API and engine need. No I/O, no clock. Loop thread only.
 *
 * Reading is for everybody; only src/core (and tests) insert, change and delete. Records are at stable addresses from
 * world_insert() to world_delete(). Removed ones are not here: they are history, in the store. */
#pragma once
#include "base/map.h"
#include "base/vec.h"
#include "record.h"

struct records { struct record **v; size_t n, cap; };   /* sorted by id; borrowed from the world: do not keep over changes */

struct world;
struct world *world_new(void);
struct world *world_free(struct world *w);              /* frees the records too; returns NULL */
DR_DEFINE_AUTO(struct world *, world_free)

struct record *world_get(const struct world *w, enum type_id table, int64_t id);        /* NULL: none */
struct record *world_by_uuid(const struct world *w, enum type_id table, const char *uuid);
const struct records *world_all(const struct world *w, enum type_id table);             /* by id; never NULL */
const struct records *world_of_account(const struct world *w, enum type_id table, int64_t account_id);

/* Records of table whose field f has this value. (table, f) must be one of the indexed pairs in world.c: asserted. */
const struct records *world_by_int(const struct world *w, enum type_id table, enum field_id f, int64_t value);
const struct records *world_by_text(const struct world *w, enum type_id table, enum field_id f, const struct text *value);
const struct records *world_by_str(const struct world *w, enum type_id table, enum field_id f, const char *value);

int64_t world_next_id(struct world *w, enum type_id table);     /* 1, 2, 3 ... never given twice in one world */
void world_set_next_id(struct world *w, enum type_id table, int64_t next);
int64_t world_peek_next_id(const struct world *w, enum type_id table);
uint64_t world_table_seq(const struct world *w, enum type_id table);            /* newest batch that inserted or deleted there */
void world_set_table_seq(struct world *w, enum type_id table, uint64_t seq);

/* ---- writers: src/core and tests ---- */
void world_insert(struct world *w, struct record *r);           /* takes r; id and uuid must be free: asserted */
struct record *world_delete(struct world *w, struct record *r); /* out of all indexes; the caller owns it */
void world_put(struct world *w, struct record *r, enum field_id f, struct value v);     /* takes v; keeps indexes */
void world_set_account(struct world *w, struct record *r, int64_t account_id);
void world_replace_content(struct world *w, struct record *r, struct record *with);     /* swaps content; keeps indexes */
