/* events.h: subscribe and publish (spec api.md 5.1, 5.2): websockets that tell of changed resources, and replies to the core.
 *
 * Changes are collected per record and told at most once a second, encoded by the API's encoder for the subscriber: same project, same
 * role. Subscribers that see the same share the bytes. What is told is durable. Who loses key, session, membership or account is told
 * "logout" and cut off. Loop thread only. */
#pragma once
#include "net/loop.h"
#include "server/api/api.h"

struct events;
struct events *events_new(struct loop *l, struct core *c, struct api *api);     /* borrowed; serves subscribe and publish below api */
struct events *events_free(struct events *e);           /* after the HTTP server, before the core. NULL is fine; returns NULL */
size_t events_subscribers(const struct events *e);
