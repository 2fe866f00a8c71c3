/* entries.h: the stacks that an environment template lists, and how far an environment has come with making them (spec catalog.md 8).
 *
 * An entry is an object in the API's form of catalogTemplate: {name, description, templateId | templateVersionId | dockerCompose +
 * rancherCompose, answers, binding}. An environment keeps its own copy of the list in the field templateEntries, so that it does not matter what becomes of the template
 * meanwhile; there each entry gains stackId once its stack exists, or problem with what stopped it. Loop thread only. */
#pragma once
#include "base/base.h"

struct core;
struct json_object;
struct record;

enum { ENTRIES_MAX = 200, INLINE_ID_CHARS = 32 };

/* Checks the list and gives its normal form: names of entries that have none come from their template ("library:infra*ipsec": "ipsec").
 *   ret    written on success only; the caller owns it
 * *err: MissingRequired templateId (an entry that says nothing to make), InvalidFormat templateId or templateVersionId, InvalidOption
 * (more than one of the ways), NotUnique name, MaxLimitExceeded stacks, and the codes of stack names. */
int entries_check(const struct json_object *stacks, struct json_object **ret, struct dr_error *err);

/* The environment shall have what the template lists: copies the list and sets orchestration and virtualMachine by it. The stacks are made
 * later (environments.h). */
void entries_take(struct core *c, struct record *project, const struct record *template);

/* externalId of an entry with its compose texts in it: MD5 of both, in hex. */
void entries_inline_id(const struct json_object *entry, char ret[INLINE_ID_CHARS + 1]);
/* Answers as a stack's environment takes them: strings only. The caller owns it. */
struct json_object *entries_environment(const struct json_object *entry);
