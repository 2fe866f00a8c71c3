/* watch.h: which containers this host checks, out of the metadata, and what is said about them (orchestration.md 4.4, 4.5).
 *
 * A container is checked here while its health_check_hosts names this host, it is starting or running and it has an address (that of the container whose
 * network it shares, when it does). The check is the container's own, else its service's. A new start of the container (start_count) is a new check.
 * When the server shows something else than what was last said, it is said again, at most once a minute: reports may be lost with a server.
 * Loop thread only. */
#pragma once
#include "node/metadata/model.h"
#include "checker.h"
#include "reporter.h"

struct watch;
struct watch_conf {
        struct reporter *reporter;      /* borrowed */
        uint64_t seed;                  /* of the checker; 0: from the kernel */
        unsigned repeat_ms;             /* how soon something is said again; 0: 60,000 */
};
/* m is borrowed. It tells the watch of its objects even while it ends: free m, then the watch. */
struct watch *watch_new(struct loop *l, struct mdata *m, const struct watch_conf *conf);
struct watch *watch_free(struct watch *w);              /* NULL is fine */
DR_DEFINE_AUTO(struct watch *, watch_free)
void watch_changed(struct watch *w);                    /* metadata changed: brings the checks up to date */
struct checker_stats watch_stats(const struct watch *w);
