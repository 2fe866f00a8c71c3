/* ca.h: the certificate authority of this installation: kept in the store, its key sealed with the master key. It signs the server's own
 * certificate (server_tls.h) and those of services (orchestrators.md 1.1). Loop thread only. */
#pragma once
#include "core/core.h"
#include "net/tls.h"

/* 1: loaded; 0: there is none yet; negative: *err. */
int ca_load(struct core *c, struct tls_pair *ret, struct dr_error *err);
/* Makes it; the caller commits. */
int ca_make(struct core *c, struct tls_pair *ret, struct dr_error *err);
/* The one there is, or a new one. */
int ca_get(struct core *c, struct tls_pair *ret, struct dr_error *err);
/* A pair as text for the store and back: sealed, and opened (0: it is damaged or another key's). */
char *ca_seal(struct core *c, const struct tls_pair *pair);
bool ca_open(struct core *c, const char *sealed, struct tls_pair *ret);
