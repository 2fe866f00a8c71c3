/* errors.h: the error body of the API (spec api.md 1.7). */
#pragma once
#include "base/rng.h"
#include "context.h"
#include "formats/json.h"

/* Opens the body's object with everything that all error bodies have; the caller adds message and detail and ends it. id: out. */
void error_begin(struct jw *w, struct rng *rng, int status, const char *code, char id[UUID_CHARS + 1]);

/* Writes {"type":"error",...} for err into out. Bare statuses carry their text as message; validation errors null and fieldName. */
void error_write(struct api_req *req, const struct dr_error *err, struct sbuf *out);
