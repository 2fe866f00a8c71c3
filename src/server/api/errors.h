/* errors.h: the error body of the API (spec api.md 1.7). */
#pragma once
#include "context.h"

/* Writes {"type":"error",...} for err into out. Bare statuses carry their text as message; validation errors null and fieldName. */
void error_write(struct api_req *req, const struct dr_error *err, struct sbuf *out);
