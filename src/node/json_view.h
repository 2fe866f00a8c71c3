/* json_view.h: reading json-c trees that came from outside: what is absent, null or of another type is empty.
 *
 * Newer engines drop fields, and a peer may be a version apart: no reader here fails on a missing key. Everything returned is
 * borrowed from the tree. Any thread. */
#pragma once
#include "base/base.h"

#include <json-c/json.h>

enum { JSON_VIEW_DEPTH_MAX = 32 };

/* Parses exactly one JSON value (blanks around it allowed) of at most max bytes; strict, UTF-8 checked, depth capped.
 * Returns the tree (json_object_put() it) or NULL with *err filled (InvalidBodyContent, too large). JSON null is NULL with code DR_OK. */
json_object *jv_parse(const char *buf, size_t len, size_t max, struct dr_error *err);

static inline void jv_put(json_object *o) { json_object_put(o); }
DR_DEFINE_AUTO(json_object *, jv_put)

static inline json_object *jv_get(json_object *o, const char *key) {
        json_object *v = NULL;
        return o && json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) ? v : NULL;
}
static inline json_object *jv_obj(json_object *o, const char *key) {
        json_object *v = jv_get(o, key);
        return v && json_object_is_type(v, json_type_object) ? v : NULL;
}
static inline json_object *jv_arr(json_object *o, const char *key) {
        json_object *v = jv_get(o, key);
        return v && json_object_is_type(v, json_type_array) ? v : NULL;
}
static inline size_t jv_len(json_object *a) {
        return a && json_object_is_type(a, json_type_array) ? json_object_array_length(a) : 0;
}
static inline json_object *jv_at(json_object *a, size_t i) { return i < jv_len(a) ? json_object_array_get_idx(a, i) : NULL; }
/* The string itself; "" when v is no string. */
static inline const char *jv_text(json_object *v) {
        return v && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}
static inline const char *jv_str(json_object *o, const char *key) { return jv_text(jv_get(o, key)); }
static inline int64_t jv_i64(json_object *o, const char *key) {
        json_object *v = jv_get(o, key);
        return v && (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) ? json_object_get_int64(v) : 0;
}
static inline bool jv_bool(json_object *o, const char *key) {
        json_object *v = jv_get(o, key);
        return v && json_object_is_type(v, json_type_boolean) && json_object_get_boolean(v);
}
/* Compact text without escaped slashes, borrowed from o until it changes or is put. */
static inline const char *jv_print(json_object *o) {
        return json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}
