/* make_stacks.h: the stacks of one environment's template: made, then started (spec catalog.md 8). Loop thread only. */
#pragma once
#include "core/core.h"

struct api;
struct catalogs;

/* Makes what is not there yet. again: also what failed before. Notes stack ids and problems in the record. */
void make_stacks(struct core *c, struct api *a, struct catalogs *catalogs, struct record *project, bool again);
/* With a host active: activates the services of each made stack, once. */
void make_stacks_start(struct core *c, struct api *a, struct record *project);
/* Made stacks that were not started yet? */
bool make_stacks_waits(const struct record *project);
