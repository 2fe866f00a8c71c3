/* metadata-internal.h: what the files of metadata objects share. */
#pragma once
#include "formats/json.h"
#include "metadata.h"

struct metadata_out { struct sbuf key, text; metadata_put_fn *put; void *arg; };

/* Begins an object under KIND/...: the caller writes its members and calls metadata_end(). */
struct jw metadata_begin(struct metadata_out *o);
void metadata_end(struct metadata_out *o, struct jw *w, const char *kind);      /* puts it under o->key */

void metadata_service_objects(const struct world *w, const struct record *service, struct metadata_out *o);
/* Six keys of spec metadata.md 6.6, or null. */
void metadata_health_check(struct jw *w, const struct json_object *check);
void metadata_ints(struct jw *w, const char *key, const struct record *r, enum field_id f);     /* key and int, or null when unset */
/* Not there any more for anybody: removing, removed, purging, purged. */
bool metadata_is_gone(const struct record *r);
/* The stack and the service are there: NULL otherwise. */
const struct record *metadata_live(const struct world *w, enum type_id table, int64_t id);
void metadata_kuuid(struct jw *w, const char *key, const struct record *r);     /* null for NULL */
