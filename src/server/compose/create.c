/* stack.create: everything the documents name, then, with startOnCreate, its services in waves. stack.error: shows why that ended. */
#include "deploy.h"
#include "formats/json.h"
#include "handlers.h"

static bool is_blank(const char *s) { return !s || !s[strspn(s, " \t\r\n")]; }

/* What does not come up holds up the next waves for a while only. The stack is there then, and says what is wrong. */
static int start(struct deploy *d, struct record *stack) {
        for (unsigned w = 0; w < d->waves; w++) {
                int r = deploy_activate(d, stack, w);
                if (r == LOOK_DONE && w + 1 < d->waves)
                        r = deploy_settle(d, stack, w, SETTLE_STARTED);
                if (r != LOOK_DONE)
                        return r;
        }
        return LOOK_DONE;
}

enum step executor_create(void *arg, struct record *stack, struct run *run, struct step_ctx *ctx) {
        struct executor *x = arg;
        const char *docker = record_str(stack, F_dockerCompose), *rancher = record_str(stack, F_rancherCompose);
        if (is_blank(docker) && is_blank(rancher))
                return STEP_DONE;
        AUTO(json_free) struct json_object *answers = deploy_answers(stack, NULL);
        struct deploy *d = deploy_of(x, stack, run, &(struct deploy_texts) { .docker = docker, .rancher = rancher, .answers = answers });
        if (d->state == DEPLOY_READING) {
                core_progress(x->core, stack, "Creating stack");
                return deploy_wait(x, stack);
        }
        if (d->state == DEPLOY_FAILED)
                return deploy_fail(x, stack, P_stack_error, d->errors, ctx);
        int r = deploy_base(d, stack);
        if (r == LOOK_DONE)
                r = deploy_services(d, stack);
        if (r == LOOK_DONE && record_bool(stack, F_startOnCreate))
                r = start(d, stack);
        if (r != LOOK_DONE)
                return deploy_step(d, stack, r, P_stack_error, ctx);
        if (d->notes.len)
                deploy_put_error(x->core, stack, sbuf_str(&d->notes));
        deploy_drop(x, stack);
        return STEP_DONE;
}

enum step executor_error(void *arg, struct record *stack, struct run *run, struct step_ctx *ctx) {
        struct executor *x = arg;
        (void) ctx;
        const char *text = run->data ? json_str(text_json(run->data), "error", NULL) : NULL;
        if (text)
                deploy_put_error(x->core, stack, text);
        return STEP_DONE;
}
