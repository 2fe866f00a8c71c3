/* metasocket.h: the unix socket on which services of this host follow its metadata (docs/host-protocol.md, "Metadata").
 *
 * A client's first line is {"resume":{TOPIC:REV,...}}; it gets what it lacks, {"sync":true}, and then every change, one message a line. One that takes
 * nothing for 30 s with something waiting, has more than 64 MB waiting, or sends what is no such line, is cut off. Loop thread only. */
#pragma once
#include "net/loop.h"
#include "node/agent/metastore.h"

struct metasocket;
/* path is copied; a socket that is there is replaced; mode 0660. store is borrowed. Negative with *err: InternalError. */
int metasocket_new(struct loop *l, const char *path, const struct metastore *store, struct metasocket **ret, struct dr_error *err);
struct metasocket *metasocket_free(struct metasocket *s);       /* removes the socket; NULL is fine; returns NULL */
void metasocket_tell(struct metasocket *s, const char *line, size_t len);       /* to every client that has begun */
size_t metasocket_clients(const struct metasocket *s);
