/* auth.h: who asks: the authenticator of the API, logins, and what is hashed off the loop (spec api.md 2.1 to 2.4).
 *
 * Access control is on by default; core_config()->no_auth turns it off until the setting api.security.enabled is stored. Off means:
 * whoever does not show valid keys is the admin account. Loop thread only. */
#pragma once
#include "net/loop.h"
#include "server/api/context.h"

struct auth;
struct auth *auth_new(struct loop *l, struct core *c);
/* After the HTTP server, before core and api: waits for what still runs in the pool. NULL is fine; returns NULL. */
struct auth *auth_free(struct auth *a);
DR_DEFINE_AUTO(struct auth *, auth_free)

/* For api_conf: .authenticate = auth_authenticate, .authenticate_arg = the struct auth. */
api_authenticate_fn auth_authenticate;

bool auth_enabled(struct core *c);                      /* access control is on */
const char *auth_provider(struct core *c);              /* "localauthconfig"; "none" when nobody can log in. Borrowed */

/* The agent whose key is in the Authorization header (agent.md 1); NULL: none. Borrowed. */
struct record *auth_agent(struct core *c, const struct http_headers *headers);

/* Whether the Authorization header holds the API key of an administrator. */
bool auth_is_admin_key(struct core *c, const struct http_headers *headers);

/* ---- for types/ ---- */
/* The session that the request shows in cookie, bearer or parameter; NULL: none that lives. */
struct record *auth_session(struct api_req *req);
/* Failed logins of an address: -EBUSY (TooManyRequests) when there were too many. */
const char *auth_address(struct api_req *req);          /* the connection's, whatever headers say; in the arena */
int auth_may_try(struct api_req *req, const char *address, struct dr_error *err);
void auth_failed(struct api_req *req, const char *address);
/* work(arg) on a pool thread, then done(req, arg) on the loop. The client may be gone by then and with it everything that belongs to the
 * HTTP request; the caller's account is looked up again: when it is gone the request is answered with 401 and done gets NULL instead of
 * req. Without an authenticator (tests) both run at once. -EBUSY when too much waits. */
int auth_work(struct api_req *req, void (*work)(void *arg), void (*done)(struct api_req *req, void *arg), void *arg, struct dr_error *err);
