/* bridge.h: joins two connections until both are over; a slow side holds up the other. Takes both. Loop thread only. */
#pragma once
#include "net/stream.h"

struct bridge;
extern const struct stream_events bridge_events;
/* In two steps, because one of the two only comes with its events: begin gives the argument for bridge_events. */
struct bridge_end;
struct bridge *bridge_new(void);
struct bridge_end *bridge_end(struct bridge *b, unsigned i);            /* 0 or 1: the argument of that side's events */
void bridge_join(struct bridge *b, struct stream *zero, struct stream *one);    /* zero has bridge_events already; sets those of one */
