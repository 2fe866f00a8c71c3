/* stack.upgrade: an "up" of the new documents over what is there (compose.md 8): what is new is created, what differs is updated or upgraded,
 * what stands still is started; services that the documents do not name stay. It ends in "upgraded", or in "canceled-upgrade" with the reason. */
#include <stdio.h>

#include "deploy.h"
#include "formats/json.h"
#include "handlers.h"
#include "model/ids.h"

/* ---- before anything is touched: can every service that needs it be upgraded? ---- */
static int plan(struct deploy *d, const struct record *stack, struct todo *t, const struct record *s, bool resolved, struct compose_change *ret,
                struct json_object **ret_now) {
        AUTO(json_free) struct json_object *body = NULL, *links = NULL;
        struct compose_resolver resolver = deploy_resolver(d);
        struct dr_error err;
        char id[ID_TEXT_MAX];
        if (deploy_call_service(d, stack, VERB_GET, s, "", NULL, ret_now, &err) < 0)
                return deploy_failed(d, &d->problems, &err, "look at service", t->want->name);
        if (resolved && compose_service_body(t->want, id_format(API_V2_BETA, T_stack, stack->id, id), &resolver, &body, &err) < 0)
                return deploy_failed(d, &d->problems, &err, "upgrade service", t->want->name);
        links = t->want->sets_links && resolved ? compose_service_links(t->want, &resolver, NULL) : NULL;
        const struct compose_wish wish = { .type = t->want->type, .body = body ? body : t->want->body, .links = links, .strategy = t->want->upgrade_strategy,
                                           .keep_scale = true };
        compose_change_plan(&wish, *ret_now, ret);
        return 0;
}

/* 0: it can be; 1: it is on its way somewhere. */
static int check(struct deploy *d, const struct record *stack, struct todo *t, const struct record *s) {
        AUTO(json_free) struct json_object *now = NULL;
        struct compose_change change = { 0 };
        struct dr_error err;
        if (state_is_transitioning(T_service, (enum state_id) s->state) && s->state != S_upgrading)
                return 1;
        int r = plan(d, stack, t, s, false, &change, &now);
        if (r == 0 && change.upgrade && (r = compose_upgrade_ready(now, &err)) < 0) {
                deploy_line(&d->problems, "%s", err.message);
                r = 0;
        }
        compose_change_done(&change);
        return MIN(r, 0);
}

static int check_all(struct deploy *d, struct record *stack) {
        for (size_t i = 0; i < d->todo.n; i++) {
                struct todo *t = &d->todo.v[i];
                const struct record *s = t->checked ? NULL : todo_service(d, stack, t);
                if (!s)
                        continue;
                if (!d->left)
                        return LOOK_AGAIN;
                int r = check(d, stack, t, s);
                if (r < 0 && d->retry)
                        return r;
                if (r == 1) {
                        r = deploy_settle_one(d, stack, t);
                        if (r == LOOK_WAIT)
                                return r;
                }
                t->checked = true;
        }
        return d->problems.len ? -EINVAL : LOOK_DONE;
}

/* ---- one service ---- */
/* An earlier upgrade of it is finished first. Returns an enum look. */
static int make_ready(struct deploy *d, const struct record *stack, struct todo *t, const struct record *s, const struct json_object *now) {
        struct dr_error err;
        int r = compose_upgrade_ready(now, &err);
        if (r < 0) {
                deploy_line(&d->problems, "%s", err.message);
                return r;
        }
        if (r == 0)
                return LOOK_DONE;
        if (deploy_call_service(d, stack, VERB_POST, s, "?action=finishupgrade", NULL, NULL, &err) < 0)
                return deploy_failed(d, &d->problems, &err, "finish the upgrade of service", t->want->name);
        return LOOK_WAIT;
}

static int ask(struct deploy *d, struct record *stack, struct todo *t, const struct record *s, const struct json_object *now) {
        const struct compose_change *c = &t->change;
        struct dr_error err;
        int r = c->upgrade ? make_ready(d, stack, t, s, now) : LOOK_DONE;
        if (r != LOOK_DONE)
                return r;
        if (c->fields && deploy_call_service(d, stack, VERB_PUT, s, "", c->fields, NULL, &err) < 0)
                return deploy_failed(d, &d->problems, &err, "update service", t->want->name);
        if (c->fields)
                undo_keep_fields(d->x->core, stack, s, now, c->fields);
        if (c->upgrade && deploy_call_service(d, stack, VERB_POST, s, "?action=upgrade", c->upgrade, NULL, &err) < 0)
                return deploy_failed(d, &d->problems, &err, "upgrade service", t->want->name);
        if (!c->upgrade && s->state == S_canceled_upgrade && deploy_call_service(d, stack, VERB_POST, s, "?action=continueupgrade", NULL, NULL, &err) < 0)
                return deploy_failed(d, &d->problems, &err, "continue the upgrade of service", t->want->name);
        return LOOK_DONE;
}

static int apply(struct deploy *d, struct record *stack, struct todo *t, const struct record *s) {
        AUTO(json_free) struct json_object *now = NULL;
        char text[256];
        snprintf(text, sizeof text, "Upgrading stack: %.100s", t->want->name);
        core_progress(d->x->core, stack, text);
        int r = plan(d, stack, t, s, true, &t->change, &now);
        if (r == 0)
                r = ask(d, stack, t, s, now);
        t->planned = r == LOOK_DONE;
        if (!t->planned)
                compose_change_done(&t->change);        /* it is looked at again */
        return r;
}

static int apply_wave(struct deploy *d, struct record *stack, unsigned wave) {
        for (size_t i = 0; i < d->todo.n; i++) {
                struct todo *t = &d->todo.v[i];
                const struct record *s = t->want->wave == wave && !t->planned ? todo_service(d, stack, t) : NULL;
                if (!s)
                        continue;
                if (!d->left)
                        return LOOK_AGAIN;
                if (state_is_transitioning(T_service, (enum state_id) s->state) && s->state != S_upgrading) {
                        int r = deploy_settle_one(d, stack, t);
                        if (r == LOOK_WAIT)
                                return r;
                }
                int r = apply(d, stack, t, s);
                if (r != LOOK_DONE)
                        return r;
        }
        return LOOK_DONE;
}

/* New and changed services: in waves, each at rest before the next. */
static int bring_up(struct deploy *d, struct record *stack) {
        for (unsigned w = 0; w < d->waves; w++) {
                int r = apply_wave(d, stack, w);
                if (r == LOOK_DONE)
                        r = deploy_activate(d, stack, w);
                if (r == LOOK_DONE)
                        r = deploy_settle(d, stack, w, SETTLE_UPGRADED);
                if (r == LOOK_DONE && w + 1 < d->waves)
                        r = deploy_settle(d, stack, w, SETTLE_STARTED);
                if (r != LOOK_DONE)
                        return r;
                if (d->notes.len) {
                        deploy_line(&d->problems, "%s", sbuf_str(&d->notes));
                        return -EINVAL;
                }
        }
        return LOOK_DONE;
}

/* ---- the stack ---- */
static void put_map(struct core *c, struct record *stack, enum field_id f, struct json_object *o) { core_put(c, stack, f, value_json(o)); }

/* What it was before stays with it until finishupgrade or rollback; of several upgrades the first counts. */
static void put_fields(struct core *c, struct record *stack, struct json_object *input) {
        static const struct { enum field_id now, before; const char *key; } texts[] = {
                { F_externalId, F_previousExternalId, "externalId" }, { F_dockerCompose, F_previousDockerCompose, "dockerCompose" },
                { F_rancherCompose, F_previousRancherCompose, "rancherCompose" },
        };
        bool first = !record_has(stack, F_previousEnvironment);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                if (first)
                        core_put_str(c, stack, texts[i].before, record_str(stack, texts[i].now));
                if (json_has(input, texts[i].key))
                        core_put_str(c, stack, texts[i].now, json_str(input, texts[i].key, NULL));
        }
        AUTO(json_free) struct json_object *old = record_json(stack, F_environment) ? json_copy(record_json(stack, F_environment)) : json_object_new_object();
        AUTO(json_free) struct json_object *merged = json_copy(old);
        struct json_object *more = json_get_object(input, "environment");
        if (more) {
                json_object_object_foreach(more, key, value)
                        json_object_object_add(merged, key, json_object_get(value));
        }
        if (first)
                put_map(c, stack, F_previousEnvironment, old);
        put_map(c, stack, F_environment, merged);
        if (json_get_object(input, "answers")) {
                AUTO(json_free) struct json_object *answers = record_json(stack, F_answers) ? json_copy(record_json(stack, F_answers)) : json_object_new_object();
                struct json_object *given = json_get_object(input, "answers");
                json_object_object_foreach(given, key, value)
                        json_object_object_add(answers, key, json_object_get(value));
                put_map(c, stack, F_answers, answers);
        }
}

enum step executor_upgrade(void *arg, struct record *stack, struct run *run, struct step_ctx *ctx) {
        struct executor *x = arg;
        struct json_object *input = run->data ? text_json(run->data) : NULL;
        /* A text that is not given stays: new answers alone are an upgrade too. */
        const char *docker = json_str(input, "dockerCompose", record_str(stack, F_dockerCompose));
        const char *rancher = json_str(input, "rancherCompose", record_str(stack, F_rancherCompose));
        AUTO(json_free) struct json_object *answers = deploy_answers(stack, input);
        struct deploy *d = deploy_of(x, stack, run, &(struct deploy_texts) { .docker = docker, .rancher = rancher, .answers = answers,
                                                                              .old_rancher = record_str(stack, F_rancherCompose) });
        if (d->state == DEPLOY_READING) {
                core_progress(x->core, stack, "Upgrading stack");
                return deploy_wait(x, stack);
        }
        if (d->state == DEPLOY_FAILED)
                return deploy_fail(x, stack, P_stack_cancelupgrade, d->errors, ctx);
        int r = check_all(d, stack);
        if (r == LOOK_DONE)
                r = deploy_base(d, stack);
        if (r == LOOK_DONE)
                r = deploy_services(d, stack);
        if (r == LOOK_DONE)
                r = bring_up(d, stack);
        if (r != LOOK_DONE)
                return deploy_step(d, stack, r, P_stack_cancelupgrade, ctx);
        put_fields(x->core, stack, input);
        deploy_drop(x, stack);
        return STEP_DONE;
}
