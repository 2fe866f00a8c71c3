/* audit.h: what was changed, by whom, from where: a row of history for every request that changes something, and for every login, also
 * those that fail (spec api.md 3, auditLog). Loop thread only.
 *
 * Kept for audit_log.purge.after.seconds and up to history.rows.max rows (core.c). Not recorded: reads, and what machines tell all the time
 * (publish, events of hosts and services, preferences of the web page). Secrets are blanked, texts are capped at AUDIT_OBJECT_BYTES_MAX. */
#pragma once
#include "server/api/context.h"

enum { AUDIT_OBJECT_BYTES_MAX = 16 << 10 };

/* The request ends with this status; its answer is in req->out. Called once by api_reply(), while req still knows who asks. */
void audit_request(struct api_req *req, int status);
