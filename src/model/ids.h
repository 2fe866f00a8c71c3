/* ids.h: the obfuscated ids of the API, "1i5" for instance 5 (spec api.md 1.4). Any thread, no allocation. */
#pragma once
#include "base/base.h"
#include "base/sbuf.h"
#include "model/types.h"

enum { ID_TEXT_MAX = 40 };      /* prefix, 19 digits, NUL: with room */

/* "1" prefix n: "1i5". In v1 T_stack and T_environment give "1e5". Types of no version give an empty string. */
const char *id_format(enum api_version v, enum type_id type, int64_t n, char buf[ID_TEXT_MAX]);

/* From now on this thread's id_format() gives plain numbers (_plainId), or no more; returns how it was. Around the writing of one resource. */
bool id_set_plain(bool on);

/* The form of an id that need not be a number: digits as id_format(), others as "1i!name"; the types with plain ids
 * (settings, typeDocumentation, schema, apiVersion) as they are. */
void id_format_name(enum api_version v, enum type_id type, const char *name, struct sbuf *ret);

/* What an id in a path, reference or filter stands for: a number, or a name ("rancher_id:1a1", "instance.start", "api.host").
 * Letters of the prefix are not looked at. plain: "5" is taken too (_plainId).
 *   ret_name  points into s; *ret_len bytes. For numbers these are the digits.
 *   ret_n     the number, or -1 when it is a name
 * Returns 0, or -EINVAL: an id that cannot be (a digit other than 1 first, 1 without a letter, nothing behind the letters). */
int id_decode(const char *s, size_t len, bool plain, const char **ret_name, size_t *ret_len, int64_t *ret_n);

/* The same where only a number will do; names are -EINVAL. */
int id_decode_number(const char *s, size_t len, bool plain, int64_t *ret);
