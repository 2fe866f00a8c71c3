/* waiter.h: waits until resources rest or reach a state, driven by the event stream, by polling where there is none.
 *
 * Blocking, one thread. What "rests" means is waiter_judge(), a pure function. */
#pragma once
#include "api_client.h"
#include "lookup.h"
#include "progress.h"

enum wait_verdict { WAIT_AGAIN, WAIT_DONE, WAIT_ERROR, WAIT_VERDICT_MAX };

/* Judges one look at a resource.
 *   state   NULL: any resting state. Else the state to reach: compared with state, then with healthState.
 *   up      services: also every container must run ("drover up"): healthState healthy or started-once
 * WAIT_ERROR: its last process failed (transitioning "error") or it is in state error; the server may still try again. */
enum wait_verdict waiter_judge(const struct json_object *resource, const char *state, bool up);
/* One line: state, containers and what holds it up: "activating 2/3: pulling image nginx". Caller frees. */
char *waiter_describe(const struct json_object *resource);
/* State as listings show it: healthState when the state is active or running and there is one. Borrowed. */
const char *waiter_combined_state(const struct json_object *resource);

struct waiter_config {
        struct api *api;
        uint64_t timeout_ms;            /* 0: no limit */
        uint64_t error_grace_ms;        /* an error must stay this long to count: the server retries */
        const char *state;
        bool up;
        struct progress *progress;      /* NULL: silent */
};
struct waiter;
struct waiter *waiter_new(const struct waiter_config *cfg);     /* cfg's pointers are borrowed until waiter_free() */
struct waiter *waiter_free(struct waiter *w);
DR_DEFINE_AUTO(struct waiter *, waiter_free)
/* label: what progress and messages call it, also the key of its line in progress; NULL: its name. Subscribes to events at the first call. */
void waiter_add(struct waiter *w, const struct json_object *resource, const char *label);
/* Like waiter_add(), but only shown: how it goes does not decide how the wait ends. */
void waiter_follow(struct waiter *w, const struct json_object *resource, const char *label);
size_t waiter_count(const struct waiter *w);
/* Returns 0 when all rest; -ETIMEDOUT, or the error of the first that failed (all others are still waited for). Empties w. */
int waiter_run(struct waiter *w, struct dr_error *err);
