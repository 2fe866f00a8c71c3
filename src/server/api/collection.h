/* collection.h: lists of resources (spec api.md 1.5). Loop thread only. */
#pragma once
#include "context.h"
#include "views.h"

/* Answers GET /VER/PLURAL, or the collection link of a parent. Takes req to its end, perhaps later (history is read). */
void collection_reply(struct api_req *req, const struct type_def *def);
void collection_reply_link(struct api_req *req, const struct record *parent, const struct link_def *link);
/* Answers with exactly these rows: actions that return a list. */
void collection_reply_rows(struct api_req *req, const struct type_def *def, const struct record_list *rows, int status);

/* Rows a link leads to, unscoped; REFERENCE gives at most one. */
void link_rows(struct api_req *req, const struct record *r, const struct link_def *l, struct record_list *ret);
/* The link's name and what the caller sees behind it: an array, or of a REFERENCE the resource or null. */
void link_write(struct api_req *req, struct jw *w, const struct record *r, const struct link_def *l);
