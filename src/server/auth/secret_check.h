/* secret_check.h: asks a program of the operator whether a new password is good enough (setting api.auth.local.validate.url; api.md 2.4). */
#pragma once
#include "base/base.h"

enum { SECRET_CHECK_MS = 10000 };

/* POSTs {"secret":"..."} to url. Any thread that may wait: never the loop. Returns 0 when it accepts; negative with *err: 4xx, with the
 * message of the answer (Unprocessable Entity); anything else or no answer at all (Service Unavailable): a check that cannot be made is not passed. */
int secret_check(const char *url, const char *secret, struct dr_error *err);
