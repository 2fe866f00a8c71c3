/* json.h: JSON text to json-c trees and back. Any thread; a tree belongs to one thread at a time.
 *
 * Own parser (json-c's accepts NaN, leading zeros and raw control characters even in strict mode and reports only an
 * offset): RFC 8259, UTF-8 validated, the whole text is one value. Duplicate keys: the last one wins, as upstream's
 * Jackson does. "\u0000" is refused, since strings are C strings everywhere else. Integers are exact from -2^63 to 2^64-1;
 * larger ones and all with fraction or exponent are doubles. Writers never produce invalid JSON: bytes that are not UTF-8
 * become U+FFFD, doubles without finite value null. */
#pragma once
#include <json-c/json.h>

#include "base/base.h"
#include "base/sbuf.h"

enum { JSON_DEPTH_MAX = 64 };

/* Parses len bytes (no NUL needed). size_max: longest text taken. ret: written on success only, the caller owns it; JSON null
 * is a NULL tree. Returns 0, or negative with *err: DR_E_INVALID_BODY "invalid JSON at line L, column C: ..." (both from 1, columns
 * in bytes), DR_E_TOO_LARGE. */
int json_parse(const char *buf, size_t len, size_t size_max, struct json_object **ret, struct dr_error *err);

static inline void json_free(struct json_object *o) { json_object_put(o); }
DR_DEFINE_AUTO(struct json_object *, json_free)          /* AUTO(json_free) struct json_object *o = NULL; */

/* Getters never fail: obj may be NULL or no object; a missing key or a value of another type gives def. Borrowed results. */
struct json_object *json_get(const struct json_object *obj, const char *key);           /* NULL: absent or null */
bool json_has(const struct json_object *obj, const char *key);                          /* true for a present null too */
const char *json_str(const struct json_object *obj, const char *key, const char *def);
int64_t json_int(const struct json_object *obj, const char *key, int64_t def);          /* integers and integral doubles in range */
double json_double(const struct json_object *obj, const char *key, double def);
bool json_get_bool(const struct json_object *obj, const char *key, bool def);
#define json_bool(obj, key, def) json_get_bool(obj, key, def)                           /* json-c has a type of that name */
struct json_object *json_get_object(const struct json_object *obj, const char *key);    /* NULL unless an object */
struct json_object *json_get_array(const struct json_object *obj, const char *key);     /* NULL unless an array */

/* Setters: shorthands that take a C value. obj is an object; an earlier value is replaced. */
void json_set(struct json_object *obj, const char *key, struct json_object *value);     /* takes over value (NULL: null) */
void json_set_str(struct json_object *obj, const char *key, const char *s);             /* NULL: null */
void json_set_int(struct json_object *obj, const char *key, int64_t v);
void json_set_bool(struct json_object *obj, const char *key, bool v);

struct json_object *json_copy(const struct json_object *o);     /* deep; the caller owns it */
bool json_equal(const struct json_object *a, const struct json_object *b);      /* 1 and 1.0 are equal, key order is not looked at */

enum {
        JSON_ESCAPE_SLASH = 1 << 0,     /* '/' as "\/", as upstream's API answers do (api.md 1.2) */
        JSON_SORT_KEYS    = 1 << 1,     /* by bytes */
};
void json_write(const struct json_object *o, unsigned flags, struct sbuf *ret);         /* compact; key order kept unless sorted */
static inline void json_canonical(const struct json_object *o, struct sbuf *ret) { json_write(o, JSON_SORT_KEYS, ret); }

/* Streaming writer for answers that are never a tree. Commas are its work; nesting at most JSON_DEPTH_MAX (asserted).
 *   struct jw w = JW(&buf, 0); jw_begin_object(&w); jw_key(&w, "id"); jw_string(&w, id); jw_end(&w);
 * Errors: only the buffer's overflow, checked once with sbuf_ok(). */
struct jw { struct sbuf *b; unsigned flags; unsigned depth; uint64_t objects; bool comma; };
#define JW(buf, fl) { .b = (buf), .flags = (fl) }

void jw_begin_object(struct jw *w);
void jw_begin_array(struct jw *w);
void jw_end(struct jw *w);                              /* closes whichever is innermost */
void jw_key(struct jw *w, const char *key);
void jw_string(struct jw *w, const char *s);            /* NULL: null */
void jw_stringn(struct jw *w, const char *s, size_t n);
void jw_int(struct jw *w, int64_t v);
void jw_uint(struct jw *w, uint64_t v);
void jw_double(struct jw *w, double v);                 /* shortest text that reads back the same */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, const char *json, size_t n);  /* one value that is JSON text already */
void jw_json(struct jw *w, const struct json_object *o);

static inline void jw_kstring(struct jw *w, const char *k, const char *s) { jw_key(w, k); jw_string(w, s); }
static inline void jw_kint(struct jw *w, const char *k, int64_t v) { jw_key(w, k); jw_int(w, v); }
static inline void jw_kbool(struct jw *w, const char *k, bool v) { jw_key(w, k); jw_bool(w, v); }
static inline void jw_knull(struct jw *w, const char *k) { jw_key(w, k); jw_null(w); }
