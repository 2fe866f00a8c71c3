/* json_split.h: cuts a byte stream into the JSON objects in it (Engine events, pull progress): chunk borders mean nothing.
 *
 * Between objects only blanks are allowed. Holds at most one unfinished object of max bytes. Any thread, one stream each. */
#pragma once
#include "base/sbuf.h"

struct json_split { struct sbuf held; unsigned depth; bool in_string, escaped; };
#define JSON_SPLIT(max_bytes) { .held = SBUF(max_bytes) }

/* Gives each complete object of what has come so far to fn (borrowed for the call). fn may return negative to stop with that value.
 * Returns 0, fn's value, or negative with *err filled: bytes that start no object, an object above the cap. */
int json_split_feed(struct json_split *s, const char *p, size_t n, int (*fn)(const char *object, size_t len, void *arg), void *arg,
                    struct dr_error *err);
void json_split_done(struct json_split *s);
