/* form.h: bodies of HTML forms as parameters: multipart/form-data and application/x-www-form-urlencoded (spec api.md 1.1). Any thread. */
#pragma once
#include "base/base.h"
#include "net/http.h"

enum { FORM_BYTES_MAX = 100 << 10, FORM_FIELDS_MAX = 1000 };

/* Is the body a form? A body that begins as JSON does is none, whatever the type says: curl -d calls everything a form. */
bool form_is(const char *content_type, const char *body, size_t len);
/* ret must be empty; the caller gives it to http_query_done(), also after a failure.
 * -E2BIG (DR_E_TOO_LARGE) beyond FORM_BYTES_MAX, -EINVAL (DR_E_INVALID_BODY) for what is no form. */
int form_parse(const char *content_type, const char *body, size_t len, struct http_query *ret, struct dr_error *err);
