/* env_verbs.h: verbs below "drover env" that have files of their own. To add one: the file, a row here, in verb_env.c and meson.build. */
#pragma once
#include "base/options.h"

extern const struct opt_command env_verb_update, env_verb_clone, env_verb_members;      /* verb_env_change.c */
extern const struct opt_command env_verb_templates;                                     /* verb_env_templates.c */
extern const struct opt_command env_verb_upgrades;                                      /* verb_env_upgrades.c */
