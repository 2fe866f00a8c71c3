/* upgrade_config.h: what an in-service upgrade makes of a service's launch configs (orchestration.md 2.2). Pure: JSON in, JSON out.
 *
 * Launch configs that refer to an upgraded one (networkLaunchConfig, dataVolumesFromLaunchConfigs) are upgraded with it, as they are. All
 * upgraded ones get one new version; the others keep theirs. A sidekick whose image is rancher/none leaves the service. A port without
 * public part takes over the public port that its private port had. Whether the result is a valid service is the caller's to check. */
#pragma once
#include "model/record.h"

struct json_object;

struct upgrade_configs {                /* all owned */
        struct json_object *primary;            /* the service's launchConfig after the call; NULL: it has none */
        struct json_object *secondaries;        /* array; NULL: none */
        struct json_object *strategy;           /* what is kept as service.upgrade.inServiceStrategy, with what was before */
};
/* in: an inServiceUpgradeStrategy with a launch config or more; borrowed. version: a new uuid. */
struct upgrade_configs upgrade_configs_make(const struct record *service, struct json_object *in, const char *version);
/* What was before, out of the stored strategy, strategy itself unchanged. */
struct upgrade_configs upgrade_configs_before(const struct record *service);
void upgrade_configs_done(struct upgrade_configs *c);
/* By networkLaunchConfig or dataVolumesFromLaunchConfigs. name: a sidekick's, or the service's for its primary. */
bool launch_config_refers(struct json_object *lc, const char *name);
