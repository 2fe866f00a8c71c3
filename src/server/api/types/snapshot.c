/* Snapshots of volumes (spec api.md 3.4): the newest one of a volume stays. */
#include "server/api/change.h"
#include "types.h"

int snapshot_remove(struct api_req *req, struct record *r, struct dr_error *err) {
        const struct records *l = world_of_account(api_world(req), T_snapshot, r->account_id);
        for (size_t i = 0; i < l->n; i++) {
                const struct record *s = l->v[i];
                if (s->id > r->id && record_int(s, F_volumeId) == record_int(r, F_volumeId) && s->state != S_removed && s->state != S_removing)
                        return -ENOSYS;
        }
        return dr_fail(err, DR_E_LATEST_SNAPSHOT, NULL, "the newest snapshot of a volume cannot be removed");
}
