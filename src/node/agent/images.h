/* images.h: removes images of this host's engine that nothing has used for a while, by the policy that the server tells (docs/images.md).
 *
 * Never one that a container uses, stopped ones included, nor one that a desired container will need; only those that drover pulled
 * unless the policy says all. Without a server, an engine or a policy nothing is removed. What is known (which are drover's, when each was last
 * used) is kept in a file beside the state; when that is lost, times begin anew and images are nobody's. Loop thread only. */
#pragma once
#include "node/agent/state.h"
#include "node/docker/client.h"

struct images;
struct images_config {
        struct loop *loop;
        struct docker *docker;          /* borrowed */
        const struct node_state *state; /* borrowed: what is desired */
        const char *path;               /* of the file; borrowed */
};
struct images *images_new(const struct images_config *cfg);
struct images *images_free(struct images *m);           /* NULL is fine; returns NULL */

/* {"afterS": seconds, "diskPercent": only while the engine's disk is at least this full (0: always), "all": not only drover's}.
 * NULL, or without a positive afterS: nothing is removed. */
void images_set_policy(struct images *m, json_object *policy);
void images_set_root(struct images *m, const char *docker_root);        /* whose disk counts; copied */
void images_engine_connected(struct images *m);         /* what is there before drover pulls is not drover's */
void images_pulled(struct images *m, const char *image);/* drover brought this one: a tag or a digest reference */
