/* names.h: rules for the names of services, stacks and links, and for port lists, on top of the schemas (spec api.md 1.8 end,
 * orchestration.md 1.15). Any thread. Uniqueness is not looked at here: it needs the other records.
 *
 * All return 0, or negative with *err and the given field name: DR_E_MIN_LENGTH, DR_E_MAX_LENGTH, DR_E_INVALID_CHARACTERS. */
#pragma once
#include "base/base.h"

struct json_object;

enum { NAME_BYTES_MAX = 63, LINK_NAME_BYTES_MAX = 253 };

/* Services and sidekicks: 1 to 63 of a-z A-Z 0-9 and '-', not at either end and not doubled. */
int name_check_service(const char *name, const char *field, struct dr_error *err);
/* Stacks: 1 to 63 of a-z A-Z 0-9 and '-', not at either end. */
int name_check_stack(const char *name, const char *field, struct dr_error *err);
/* Links: labels as for services, joined by single dots, at most 253 bytes together. '_' is allowed inside labels. */
int name_check_link(const char *name, const char *field, struct dr_error *err);

/* Parses every element of an array of port specs and gives the stored form ("80/tcp", "8080:80/tcp"), same order.
 *   ports  borrowed array of strings, or NULL for none
 *   ret    written on success only; a new array the caller owns
 * Returns 0 or negative with *err, field "ports": the codes of portspec_parse(). */
int ports_normalise(struct json_object *ports, struct json_object **ret, struct dr_error *err);
