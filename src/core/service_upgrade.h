/* service_upgrade.h: how an in-service upgrade or its rollback begins (orchestration.md 2.2, 2.5): the launch configs change with the state.
 * The rest is the processes' (upgrade.c). Loop thread only. */
#pragma once
#include "core.h"

struct json_object;
struct upgrade_configs;

/* to: of upgrade_configs_make(), borrowed. Returns 0, or -EEXIST with *err: not in this state. */
int service_upgrade_begin(struct core *c, struct record *service, const struct upgrade_configs *to, struct dr_error *err);
/* in: a toServiceUpgradeStrategy, borrowed. */
int service_upgrade_to_begin(struct core *c, struct record *service, struct json_object *in, struct dr_error *err);
/* The launch configs of before are in force again; for an upgrade to another service only the state changes. */
int service_rollback_begin(struct core *c, struct record *service, struct dr_error *err);
