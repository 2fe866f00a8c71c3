/* requests.h: the server's one-off requests: container.inspect, container.pull, image.remove, node.upgrade. Loop thread only.
 *
 * data: container.inspect {"id": Docker id or name} or {"uuid"}; container.pull {"image", "registryAuth"?, "tag"?: the
 * image is tagged <image><tag> too, "mode"?: "cached" fetches nothing, "complete"?: only that tag is taken off again}; image.remove {"image"};
 * node.upgrade {"sha256"}: answered at once, done in the background, also when that program failed before.
 * Each is answered once with `reply`; a pull sends `progress` meanwhile. Requests end without an answer when the session does. */
#pragma once
#include "node/agent/protocol.h"
#include "node/docker/client.h"

struct requests;
struct requests_config {
        struct loop *loop;
        struct docker *docker;          /* borrowed */
        void (*send)(const char *message, size_t n, void *arg);
        void (*on_pulled)(const char *image, void *arg);
        void (*on_upgrade)(const char *sha256, void *arg);
        void *arg;
};
struct requests *requests_new(const struct requests_config *cfg);
struct requests *requests_free(struct requests *r);     /* NULL is fine; returns NULL */
void requests_take(struct requests *r, const struct server_message *m);
void requests_cancel_all(struct requests *r);
