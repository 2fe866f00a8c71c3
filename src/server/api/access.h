/* access.h: which records a caller may see and change (spec api.md 1.5 "Account scoping", 2.2). Loop thread only. */
#pragma once
#include "context.h"

bool access_sees(struct api_req *req, const struct record *r);
bool access_changes(struct api_req *req, const struct record *r);
/* The record a path, reference or parent names, if the caller sees it; NULL: none. Views and settings included. */
struct record *access_get(struct api_req *req, const struct type_def *def, const char *text);
struct record *access_find(struct api_req *req, enum type_id type, int64_t id);
/* May the caller's role change this record as far as infrastructure goes: hosts, registration tokens, system objects (api.md 2.2)?
 * Returns 0 or -EPERM with *err (Forbidden). */
int access_check_infra(struct api_req *req, const struct record *r, struct dr_error *err);
int access_check_create(struct api_req *req, const struct type_def *def, struct dr_error *err);
bool access_is_system(const struct record *r);
/* Is kind k listed under def ("containers" shows virtual machines too, "projects" no other accounts)? */
bool access_is_of(const struct api_req *req, const struct type_def *def, const struct record *r);
