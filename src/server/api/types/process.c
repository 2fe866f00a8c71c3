/* Running processes (spec api.md 4.3): replay runs one now that waits for its next try. */
#include "server/api/change.h"
#include "types.h"

static struct record *with_run(struct api_req *req, int64_t id) {
        for (int t = T_NONE + 1; t < T_MAX; t++) {
                const struct records *l = type_base((enum type_id) t) == (enum type_id) t ? world_all(api_world(req), (enum type_id) t) : NULL;
                for (size_t i = 0; l && i < l->n; i++)
                        if (l->v[i]->run && l->v[i]->run->id == id)
                                return l->v[i];
        }
        return NULL;
}

int process_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        struct record *of = str_eq(a->name, "replay") ? with_run(req, r->id) : NULL;
        if (!of)
                return dr_fail(err, DR_E_ACTION_NOT_AVAILABLE, "action", "the process has ended");
        of->run->run_after_ms = 0;      /* not stored by itself: after a restart everything due runs anyway */
        core_wake(api_core(req), of);
        return 0;
}
