/* loop-internal.h: inside of the loop, for the rest of this room alone. */
#pragma once
/* uv.h brings sys/param.h, whose MIN and MAX are not those of base.h */
#pragma push_macro("MIN")
#pragma push_macro("MAX")
#undef MIN
#undef MAX
#include <uv.h>
#pragma pop_macro("MIN")
#pragma pop_macro("MAX")

#include "base/vec.h"
#include "net/loop.h"

struct deferred { loop_fn fn; void *arg; };             /* fn NULL: cancelled */
struct stream;

struct loop {
        uv_loop_t uv;
        uv_prepare_t prepare;
        uv_idle_t idle;                 /* active: the next poll must not block */
        uv_async_t async;
        uv_timer_t sweep;               /* every 250 ms while there are streams: deadlines, stalls, sum of queues */
        VEC(struct deferred) deferred, running;
        VEC(struct turn_hook *) hooks;
        unsigned n_works;               /* given to the pool, done not called yet */
        uv_mutex_t posted_lock;
        VEC(struct deferred) posted;    /* under posted_lock */
        struct stream *dirty;           /* streams with output of this turn */
        struct stream *streams;         /* all that are not closed */
        char read_area[64 * 1024];      /* one for all: nothing is kept past the read callback */
        char plain_area[16 * 1024];
};

/* stream.c, called once a turn and by the sweep */
void streams_flush(struct loop *l);
void streams_sweep(struct loop *l);
void streams_close_finishing(struct loop *l);
void loop_turn_again(struct loop *l);                   /* the next turn comes without blocking */
enum dr_code uv_to_code(int r);                         /* drover code for a libuv error */
