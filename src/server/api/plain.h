/* plain.h: answers about things that are no records: tokens, identities, the login configuration. Loop thread only. */
#pragma once
#include "context.h"

/* A collection whose elements write() writes, one JSON value each. */
void plain_collection(struct api_req *req, const struct type_def *def, void (*write)(struct api_req *req, struct jw *w, void *arg), void *arg);
void plain_reply(struct api_req *req, int status, void (*write)(struct api_req *req, struct jw *w, void *arg), void *arg);
/* "id","type","baseType","links","actions" of an element; the object stays open. id NULL: null. */
void plain_begin(struct jw *w, const struct type_def *def, const char *id, const char *self);
