/* session.h: logins of people: an opaque key whose hash is stored with its end (spec api.md 2.4). Loop thread only.
 *
 * A session is a record of table token: F_tokenHash, F_expiresMs (wall clock), its account. Not sliding. */
#pragma once
#include "core/core.h"

enum { SESSION_KEY_CHARS = 48 };

/* Makes one and forgets those that are over, or all others of the account when the setting says so. key gets the opaque key. */
struct record *session_new(struct core *c, int64_t account_id, char key[SESSION_KEY_CHARS + 1]);
/* The living session of a key; NULL: none. Borrowed. */
struct record *session_find(struct core *c, const char *key);
void session_end(struct core *c, struct record *session);
void session_end_all(struct core *c, int64_t account_id);      /* after its password changed */
