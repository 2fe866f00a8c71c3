/* environments.h: keeps environments as their templates want them (spec orchestration.md 7.2, 7.3; catalog.md 8).
 *
 * For each environment it looks, whenever something in it has changed, whether stacks of its template are still to be made (through the API, as
 * system stacks), whether those made shall start now that a host is active, and what its orchestration is. All of it is derived from
 * records: a look that was lost with the process is done again at the next start, and nothing is made twice, since a stack and the note that
 * it exists are one batch. What cannot be made is shown as the environment's transitioningMessage and tried again when a catalog has changed.
 * Also: the public templates that catalogs hold (public_templates.h) and upgrades of infrastructure stacks (upgrades.h). Loop thread only. */
#pragma once
#include "core/core.h"
#include "net/loop.h"

struct api;
struct catalogs;
struct environments;

struct environments *environments_new(struct loop *l, struct core *c, struct api *a, struct catalogs *catalogs);        /* all borrowed */
struct environments *environments_free(struct environments *e); /* before what it borrows; NULL is fine; returns NULL */
