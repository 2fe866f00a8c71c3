/* health_checks.h: who checks a container's health, what the checkers say, and what its healthState becomes (orchestration.md 4).
 *
 * An environment has checkers while a service "healthcheck" of its infrastructure does (health_is_watched() in engine/plan.h). Without them no
 * container has a healthState, as upstream's containers without a check. The checks of a container are part of its own row (F_healthChecks),
 * so choosing them costs no write of its own; healthcheckInstanceHostMaps of the API are views of them. Loop thread only. */
#pragma once
#include "core.h"

enum { HEALTH_CHECKERS = 3, HEALTH_CHECK_IDS = 1024 };   /* ids of a container's checks count round below the second */

struct health_check { int64_t host_id, reported_s; int number; enum { HC_INITIALIZING, HC_HEALTHY, HC_UNHEALTHY } state; };
const char *health_check_state_to_string(int state);    /* "initializing", "healthy", "unhealthy" */
/* The checks of a container, at most HEALTH_CHECKERS: returns how many were written to ret. */
size_t health_checks_get(const struct record *instance, struct health_check ret[HEALTH_CHECKERS]);
/* The uuid of a check: its container's, made different by its number. */
struct uuid health_check_uuid(const struct record *instance, int number);
/* uuids of the hosts that check it, as metadata's health_check_hosts has them: the caller owns the array, which is empty without checks. */
struct json_object *health_check_hosts(struct core *c, const struct record *instance);

/* ---- what happens ---- */
void health_started(struct core *c, struct record *instance);           /* it runs, for the first time or again */
/* One report: "UP", "INIT" (ignored) or anything else, which means down. host_id must be one of its checkers. */
void health_reported(struct core *c, struct record *instance, int64_t host_id, const char *health, int64_t reported_s);
/* instance.updatehealthy, updateunhealthy, updatereinitializing: transitions that take no time here, so their transitioning states are never seen. Negative
 * with *err (DR_E_CONFLICT): not from this healthState. */
int health_process(struct core *c, struct record *instance, enum process_id p, struct dr_error *err);
/* Removes a container that has been initializing or reinitializing for longer than its check allows; else looks again when it would be (4.3). */
void health_timeout_look(struct core *c, struct record *instance);
/* All containers of an environment: checkers that went are replaced, those missing added, and what the rest say counts. */
void health_review(struct core *c, struct record *account);
void health_review_soon(struct core *c, int64_t account_id);            /* once for all hosts that come within a second */
void health_host_look(struct core *c, struct record *host);             /* is it silent? Looks again when it would be */
void health_service_changed(struct core *c, struct record *service);    /* the checkers themselves come or go */
void health_loaded(struct core *c);

/* Does this container have a check that somebody makes? */
bool health_is_checked(struct core *c, const struct record *instance);
