/* public_templates.h: environment templates that catalogs hold, as public records (spec catalog.md 8). Loop thread only. */
#pragma once

struct catalogs;
struct core;

/* Makes a record for each default version of a template below project-templates/ that has none; earlier versions keep theirs. Nothing while setting
 * catalog.execute or project.template.defaults is not true. When one gets the name in project.template.default.name, the default
 * environment takes it if it has no template. */
void public_templates_load(struct core *c, struct catalogs *catalogs);
