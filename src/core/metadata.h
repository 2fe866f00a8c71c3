/* metadata.h: what the containers of an environment may know of it: objects in the form of upstream's stream (spec metadata.md 6, 9), made
 * from records. Pure: the same records give the same bytes in every process, which is what revisions build on (docs/host-protocol.md).
 *
 * A record makes some objects of one topic: an instance its container, its links and its memberships; a service one object for each launch config and
 * its links; stacks, hosts, networks and the environment one each. Loop thread only; nothing is changed. */
#pragma once
#include "model/world.h"

enum { METADATA_TOPIC_MAX = 6 + RECORD_UUID_MAX };
#define METADATA_ENV "env"              /* topics: this, "stack/UUID", "stack/-" for containers without one */

/* Called for each object; key and text are borrowed for the call. The same key may come again: the last one counts. */
typedef void metadata_put_fn(void *arg, const char *key, const char *json, size_t len);
typedef void metadata_mark_fn(void *arg, enum type_id table, int64_t id);

/* Tables whose records make objects: T_account (projects), T_host, T_network, T_stack, T_service, T_instance. */
bool metadata_makes(enum type_id table);
/* The environment whose objects a change of r can touch: its account, or itself; 0: none. */
int64_t metadata_account(const struct record *r);

/* Puts the objects of r as it is in w, none when it is not to be seen (9.2), and writes the topic they belong to. */
void metadata_build(const struct world *w, const struct record *r, char topic[METADATA_TOPIC_MAX], metadata_put_fn *put, void *arg);

/* Marks the records whose objects a change of r can change; r itself when it makes some. r may be gone from w already. Those that take r's name, address
 * or being there from it are marked only when `seen` is new. */
void metadata_related(const struct world *w, const struct record *r, bool seen_changed, metadata_mark_fn *mark, void *arg);
/* A hash of what others show of r: its name, address, whether it goes. Never 0. */
uint64_t metadata_seen(const struct world *w, const struct record *r);

/* The object of key "defaultData" for this host: its own host object inside (9.4). False: the host is not to be seen. */
struct sbuf;
bool metadata_default_data(const struct world *w, const struct record *host, struct sbuf *ret);

/* The same on any machine and in any process: hash of an object under its key. */
uint64_t metadata_hash(const char *key, const char *json, size_t len);
