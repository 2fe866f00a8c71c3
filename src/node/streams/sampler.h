/* sampler.h: statistics: reads each container that anybody listens to, and the host, once a second, and gives the channels their arrays.
 *
 * Made by the first listener, gone with the last: nothing is read when nobody listens. Loop thread only. */
#pragma once
#include "node/streams/channel-internal.h"

void sampler_engine_connected(struct sampler *s);
void sampler_engine_event(struct sampler *s, const struct docker_event *e);
