/* place.h: which host a container, or the containers of one deployment unit, go to. Pure: looks, draws, answers.
 *
 * Rules and messages: orchestration.md section 3 (without a scheduler service). Hosts that satisfy every hard constraint are
 * ranked by the fewest containers (spread), ties at random; soft constraints are dropped one at a time. */
#pragma once
#include "base/rng.h"
#include "model/world.h"

struct place_request {
        const struct world *world;
        struct rng *rng;
        VEC(struct record *) instances; /* of one unit; those that have a host already bind the others to it */
        bool (*usable)(void *arg, const struct record *host);
        void *arg;
};

/* Returns 0 with *ret_host, or -EINVAL with the message of orchestration.md 3.11 (without "Allocation failed: "). */
int place_unit(const struct place_request *req, struct record **ret_host, struct dr_error *err);

/* All io.rancher.scheduler.affinity:host_label... of these labels hold on the host, soft ones too: what a global service asks (1.6). */
bool place_host_labels_match(struct json_object *labels, const struct record *host);
