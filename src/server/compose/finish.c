/* stack.finishupgrade, rollback and cancelupgrade: what the services' own actions of these names do, for all of a stack (compose.md 8). */
#include <stdio.h>

#include "deploy.h"
#include "formats/json.h"
#include "handlers.h"

/* Each service of the stack in one of these states (zero-terminated) begins the action. */
static int each(struct deploy *d, struct record *stack, const enum state_id *from, const char *action) {
        const struct records *l = world_by_int(core_world(d->x->core), T_service, F_stackId, stack->id);
        VEC(int64_t) ids = { 0 };
        int r = LOOK_DONE;
        for (size_t i = 0; i < l->n; i++)
                for (size_t k = 0; from[k] != S_NONE; k++)
                        if (l->v[i]->state == from[k])
                                vec_push(&ids, l->v[i]->id);
        for (size_t i = 0; i < ids.n && r == LOOK_DONE; i++) {
                struct record *s = world_get(core_world(d->x->core), T_service, ids.v[i]);
                char rest[64];
                struct dr_error err;
                if (!d->left) {
                        r = LOOK_AGAIN;
                        break;
                }
                snprintf(rest, sizeof rest, "?action=%s", action);
                if (s && deploy_call_service(d, stack, VERB_POST, s, rest, NULL, NULL, &err) < 0 && deploy_failed(d, &d->problems, &err, action, record_name(s)) < 0)
                        r = d->retry ? -EAGAIN : -EINVAL;
        }
        vec_done(&ids);
        return r;
}

static struct deploy *plain_deploy(struct executor *x, struct record *stack, struct run *run) { return deploy_of(x, stack, run, NULL); }

static void forget_previous(struct core *c, struct record *stack) {
        static const enum field_id fields[] = { F_previousExternalId, F_previousEnvironment, F_previousDockerCompose, F_previousRancherCompose,
                                                 F_upgradeUndo };
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
                core_clear(c, stack, fields[i]);
}

static void restore_previous(struct core *c, struct record *stack) {
        static const struct { enum field_id now, before; } fields[] = {
                { F_externalId, F_previousExternalId }, { F_environment, F_previousEnvironment }, { F_dockerCompose, F_previousDockerCompose },
                { F_rancherCompose, F_previousRancherCompose },
        };
        bool upgraded = record_has(stack, F_previousEnvironment);       /* one that came to nothing left the stack as it was */
        for (size_t i = 0; upgraded && i < ARRAY_LEN(fields); i++)
                core_put(c, stack, fields[i].now, value_ref(record_value(stack, fields[i].before)));
        forget_previous(c, stack);
}

enum step executor_finish(void *arg, struct record *stack, struct run *run, struct step_ctx *ctx) {
        static const enum state_id from[] = { S_upgraded, S_NONE };
        struct executor *x = arg;
        struct deploy *d = plain_deploy(x, stack, run);
        core_progress(x->core, stack, "Finishing the upgrade");
        int r = each(d, stack, from, "finishupgrade");
        if (r == LOOK_DONE)
                r = deploy_leave(d, stack, S_finishing_upgrade);
        if (r == LOOK_DONE && d->notes.len) {
                deploy_line(&d->problems, "%s", sbuf_str(&d->notes));
                r = -EINVAL;
        }
        if (r != LOOK_DONE)
                return deploy_step(d, stack, r, P_stack_cancelupgrade, ctx);
        forget_previous(x->core, stack);
        deploy_drop(x, stack);
        return STEP_DONE;
}

/* Goes back to active whatever happens: there is no other state behind it. What could not go back is said. */
enum step executor_rollback(void *arg, struct record *stack, struct run *run, struct step_ctx *ctx) {
        static const enum state_id from[] = { S_upgraded, S_upgrading, S_canceled_upgrade, S_NONE };
        struct executor *x = arg;
        struct deploy *d = plain_deploy(x, stack, run);
        core_progress(x->core, stack, "Rolling back");
        int r = each(d, stack, from, "rollback");
        if (r == LOOK_DONE)
                r = deploy_leave(d, stack, S_canceling_upgrade);
        if (r == LOOK_DONE)
                r = deploy_leave(d, stack, S_rolling_back);
        if (r == LOOK_DONE)
                r = undo_apply(d, stack);
        if (r >= 0 && r != LOOK_DONE)
                return deploy_step(d, stack, r, P_NONE, ctx);
        if (r < 0 && d->retry)
                return deploy_step(d, stack, r, P_NONE, ctx);
        if (d->notes.len)
                deploy_line(&d->problems, "%s", sbuf_str(&d->notes));
        if (d->problems.len)
                deploy_put_error(x->core, stack, sbuf_str(&d->problems));
        restore_previous(x->core, stack);
        deploy_drop(x, stack);
        return STEP_DONE;
}

/* By hand, or since an upgrade or its finish could not go on: data.error says why then. */
enum step executor_cancel(void *arg, struct record *stack, struct run *run, struct step_ctx *ctx) {
        static const enum state_id from[] = { S_upgrading, S_NONE };
        struct executor *x = arg;
        struct deploy *d = plain_deploy(x, stack, run);
        const char *why = run->data ? json_str(text_json(run->data), "error", NULL) : NULL;
        core_progress(x->core, stack, str_or(why, "Canceling the upgrade"));
        int r = each(d, stack, from, "cancelupgrade");
        if (r == LOOK_DONE)
                r = deploy_leave(d, stack, S_canceling_upgrade);
        if ((r >= 0 && r != LOOK_DONE) || (r < 0 && d->retry))
                return deploy_step(d, stack, r, P_NONE, ctx);
        auto_sbuf struct sbuf text = SBUF(2 * PROBLEM_BYTES_MAX);
        if (why)
                deploy_line(&text, "%s", why);
        if (d->problems.len)
                deploy_line(&text, "%s", sbuf_str(&d->problems));
        if (d->notes.len)
                deploy_line(&text, "%s", sbuf_str(&d->notes));
        if (text.len)
                deploy_put_error(x->core, stack, sbuf_str(&text));
        deploy_drop(x, stack);
        return STEP_DONE;
}
