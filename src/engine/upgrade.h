/* upgrade.h: which unit of a service comes next in an upgrade or a rollback. Pure: looks at the world, returns steps.
 *
 * Rules: orchestration.md 2.3 (in service), 2.5 (rollback), 2.6 (to another service). Nothing of an upgrade is remembered but what the
 * records say: a container is old when its version is not the one its launch config has now, and set aside (F_upgradeSetAside, shown
 * as a serviceExposeMap with managed=false, upgrade=true) when its unit has passed on. So the same look drives both directions: an
 * upgrade changes the launch configs forwards, a rollback backwards, and set-aside containers that match again are taken back. */
#pragma once
#include "plan.h"

struct json_object;

static inline bool upgrade_is_aside(const struct record *i) { return record_bool(i, F_upgradeSetAside); }
/* Its version differs from that of its launch config, or it has no launch config any more. */
bool upgrade_is_old(const struct record *service, const struct record *i);
/* A set-aside container that still holds what it has: not stopped, not in error, not going. */
bool upgrade_still_runs(const struct record *i);
/* The service is between two versions: its states from upgrading to rolling-back. */
bool upgrade_is_under_way(const struct record *service);

struct upgrade_conf { int64_t batch, interval_ms; bool start_first; };  /* batch >= 1, interval_ms >= 0 */
struct upgrade_conf upgrade_conf(const struct record *service);         /* of the stored strategy, with its defaults */

enum upgrade_action { UPGRADE_SET_ASIDE, UPGRADE_RESTORE, UPGRADE_STOP, UPGRADE_REMOVE };
struct upgrade_step { enum upgrade_action action; struct record *instance; };
struct upgrade_view {
        VEC(struct upgrade_step) now;           /* whatever comes: set-aside containers that still run */
        VEC(struct upgrade_step) next;          /* the next batch: to be done when nothing moves and the interval is over */
        size_t units, done;                     /* done: all of it is of the new version and serves */
        bool moving;                            /* a unit that has been begun is not ready yet */
        bool pending;                           /* units are left to begin */
        const struct record *waits_for;         /* one container that is not ready, borrowed; NULL: none */
};
/* health: containers with a health check count when they are healthy (upgrades), else when they run (rollbacks). */
void upgrade_look(const struct plan_request *req, bool health, struct upgrade_view *ret);
void upgrade_view_done(struct upgrade_view *v);
/* What there is for a user who calls: it runs and, where a check tells of it, is healthy. */
bool upgrade_serves(const struct world *w, const struct record *i, bool health);

/* The next scales of an upgrade to another service (2.6). Returns false when there is nothing left to change. */
struct upgrade_scales { int64_t from, to; };
bool upgrade_next_scales(struct upgrade_scales now, int64_t final, int64_t batch, struct upgrade_scales *ret);
