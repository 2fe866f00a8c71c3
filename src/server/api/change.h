/* change.h: what requests change: create, update, remove, action (spec api.md 1.6). Each answers the request. Loop thread only. */
#pragma once
#include "context.h"
#include "model/validate.h"

/* preset: a reference that the path gives (POST /hosts/1h1/containers); F_NONE: none. */
void create_reply(struct api_req *req, const struct type_def *def, enum field_id preset, int64_t preset_id);
void update_reply(struct api_req *req, const struct type_def *def, struct record *r);
void remove_reply(struct api_req *req, const struct type_def *def, struct record *r);
void action_reply(struct api_req *req, const struct type_def *def, const char *id, const char *action);

/* Validates body by def as the caller; self: the row being updated, or NULL. */
int change_validate(struct api_req *req, const struct type_def *def, enum validate_op op, struct json_object *body, const struct record *self,
                    struct field_values *ret, struct dr_error *err);
/* Answers with one resource that was read or written. */
void record_reply(struct api_req *req, const struct record *r, int status);
/* Accepted values as one JSON object; the caller owns it. */
struct json_object *values_json(const struct field_values *v);
/* Replaces or adds a value (taken). */
void values_set(struct field_values *v, enum field_id f, struct value value);
/* A record of kind with these values, its create process begun unless hooks say otherwise. */
struct record *change_create(struct api_req *req, const struct type_def *def, int64_t account_id, const struct field_values *values);
