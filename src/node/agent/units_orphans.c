#include "units-internal.h"

#include "base/log.h"
#include "base/times.h"

#include <stdio.h>

/* A container of our environment that the snapshot does not have: to be removed (protocol, `desired`), but not at once: the snapshot may be
 * that of a server which was restored from a copy. True: its grace is over. */
bool orphans_due(struct units *u, const char *id) {
        uint64_t now = time_mono_ms(), grace = u->cfg.orphan_grace_ms;
        for (size_t i = 0; i < u->orphans.n; i++) {
                struct orphan *o = &u->orphans.v[i];
                if (!str_eq(o->id, id))
                        continue;
                o->survey = u->survey;
                if (now < o->since_ms + grace)
                        return false;
                vec_remove_at(&u->orphans, i);
                return true;
        }
        if (!grace)
                return true;
        struct orphan o = { .since_ms = now, .survey = u->survey };
        snprintf(o.id, sizeof o.id, "%s", id);
        vec_push(&u->orphans, o);
        log_warning("a container of this environment is not desired; it is removed unless that changes", "container", id, NULL);
        if (!timer_is_running(u->orphan))
                timer_start(u->orphan, grace + 1);
        return false;
}

/* The next survey looks who is due; who went by itself is forgotten. */
void orphans_look(void *arg) {
        struct units *u = arg;
        uint64_t now = time_mono_ms(), next = UINT64_MAX;
        for (size_t i = u->orphans.n; i-- > 0;) {
                struct orphan *o = &u->orphans.v[i];
                if (o->survey < u->listed)
                        vec_remove_at(&u->orphans, i);
                else
                        next = MIN(next, o->since_ms + u->cfg.orphan_grace_ms);
        }
        if (next <= now)
                units_survey(u);
        if (u->orphans.n)
                timer_start(u->orphan, next > now ? next - now + 1 : u->cfg.orphan_grace_ms);
}
