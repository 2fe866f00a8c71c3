/* encode.h: records as the resources of the API (spec api.md 1.3, 1.10, 4.2). Loop thread only. */
#pragma once
#include "context.h"

/* Writes the resource; extra (may be NULL) adds keys before the object closes. False, and nothing written, when the caller
 * may not see any type of it. Raises req->seq. */
bool encode_record(struct api_req *req, struct jw *w, const struct record *r, void (*extra)(struct api_req *req, struct jw *w, const struct record *r, void *arg),
                   void *arg);
/* Is the action offered now: role, state, capability (api.md 4.2)? */
bool action_offered(struct api_req *req, const struct record *r, const struct type_def *def, const struct action_def *a);
/* Has the caller the capability of an action row ("owner", "modifyInfra" ...) on this record? NULL: yes. */
bool capability(struct api_req *req, const struct record *r, const char *name);
