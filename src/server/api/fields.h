/* fields.h: what a field of a record is worth: its own slot, the launch config it shares with others, or computed (a row of
 * computed[] in fields.c). Loop thread only. */
#pragma once
#include "context.h"

/* A value as stored: v, or o (borrowed) when it comes out of JSON. o wins when set. */
struct field_read { struct value v; struct json_object *o; };

/* Stored fields and those of the record's header (id, state, created, kind, uuid, accountId ...). V_NULL and NULL: nothing. */
struct field_read field_read(struct api_req *req, const struct record *r, enum field_id f);
/* The same as a scalar: what filters compare. The caller owns it: value_done(). */
struct value field_scalar(struct api_req *req, const struct record *r, enum field_id f);

/* Writes the computed value of f; false when this (table, field) is not computed. */
bool field_compute(struct api_req *req, const struct record *r, const struct field_def *f, struct jw *w);

/* What the record shows as its state (a host that is active shows its agent's: api.md 4.4). */
enum state_id field_state(struct api_req *req, const struct record *r);

/* Secret fields come out only in the answer that made them. */
void fields_reveal(struct api_req *req, const struct record *r, enum field_id f, const char *value);

/* The pool a volume is in: its host's own; NULL: none. */
const struct record *pool_of_volume(struct api_req *req, const struct record *volume);

/* One published port of a container. */
struct published { const char *ip; unsigned public_port, private_port; const char *protocol; };
/* In the arena. Published ports of the container: those its specification names, then those the engine chose; *ret_n of them. */
struct published *instance_ports(struct api_req *req, const struct record *instance, size_t *ret_n);
/* Address of a container as hosts and clients know it, or NULL. */
const char *instance_address(struct api_req *req, const struct record *instance);
/* What a registration token tells once it is active: F_token, F_command, F_image, F_registrationUrl (types/registration_token.c; spec
 * api.md 2.6). In the arena; NULL: nothing. */
const char *registration_field(struct api_req *req, const struct record *r, enum field_id f);
