/* settings.h: the named settings of the API with their defaults (api.md 2.7, 4.3, agent.md). A stored setting is a T_setting record. */
#pragma once
#include "core.h"

struct setting_def { const char *name, *value; bool public_name; };
extern const struct setting_def setting_defs[];
extern const size_t setting_defs_n;

const struct setting_def *setting_def_get(const char *name);            /* NULL: no built-in one */
struct record *setting_record(struct core *c, const char *name);        /* the stored one, or NULL */
/* The effective value: stored, else default, else "". Borrowed until the setting changes. */
const char *setting_get(struct core *c, const char *name);
int64_t setting_int(struct core *c, const char *name);                  /* unparsable: the default */
