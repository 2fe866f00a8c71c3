/* upgrades.h: keeps infrastructure stacks at their catalog's default version (spec catalog.md 9, orchestration.md 7.4).
 *
 * A stack that should be upgraded gets a scheduledUpgrade; when its time has come and nothing else is under way in its environment the upgrade
 * runs: upgrade with the target's files and the same answers, then finishupgrade. Setting upgrade.manager says which stacks: "mandatory"
 * (revisions of network-services that are known to be broken), "all" or "true" (each that is not on its default version), else none.
 * drover never goes back to an older version by itself (upstream does), and leaves out targets whose upgrade_from excludes what runs.
 * Loop thread only. */
#pragma once
#include "core/core.h"
#include "net/loop.h"

struct api;
struct catalogs;
struct upgrades;

struct upgrades *upgrades_new(struct loop *l, struct core *c, struct api *a, struct catalogs *catalogs);        /* all borrowed */
struct upgrades *upgrades_free(struct upgrades *u);     /* NULL is fine; returns NULL */
/* Schedules what is to be upgraded: each hour, when catalogs have changed, and as task upgrade.schedule. */
void upgrades_scan(struct upgrades *u);
/* Starts what is due and takes away what is over: each minute, and as task run.scheduled. */
void upgrades_run(struct upgrades *u);
/* A stack has changed: an upgrade that waits for it goes on. */
void upgrades_stack_changed(struct upgrades *u, const struct record *stack);
