/* first_start.h: the administrator of a fresh store: login and API key, written once to DIR/admin.json (DESIGN.md, Security).
 *
 * Loop thread only, before the server serves: waits for the store. */
#pragma once
#include "core/core.h"

enum { ADMIN_PASSWORD_CHARS = 20 };

/* After core_load(). Makes the login and key of account admin unless it has either, or access control is off; data_dir/admin.json
 * (0600) holds them: {"url","username","password","accessKey","secretKey"}. The file appears when the records are durable; when the
 * process dies between the two, the next call finishes it. url: borrowed, how clients reach the server.
 * Returns 1 when the file was written, 0 when there was nothing to do, or negative with *err. */
int auth_first_start(struct core *c, const char *data_dir, const char *url, struct dr_error *err);
