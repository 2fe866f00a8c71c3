#include "deploy.h"

#include <stdio.h>

#include "base/log.h"
#include "core/settings.h"
#include "formats/catalog.h"
#include "formats/json.h"
#include "handlers.h"
#include "model/ids.h"

struct executor *executor_new(struct loop *loop, struct core *core, struct api *api) {
        struct executor *x = dr_xnew(struct executor);
        x->loop = loop;
        x->core = core;
        x->api = api;
        core_outside(core, P_stack_create, executor_create, x);
        core_outside(core, P_stack_error, executor_error, x);
        core_outside(core, P_stack_upgrade, executor_upgrade, x);
        core_outside(core, P_stack_cancelupgrade, executor_cancel, x);
        core_outside(core, P_stack_finishupgrade, executor_finish, x);
        core_outside(core, P_stack_rollback, executor_rollback, x);
        return x;
}

static void deploy_free(struct deploy *d) {
        for (size_t i = 0; i < d->todo.n; i++)
                compose_change_done(&d->todo.v[i].change);
        vec_done(&d->todo);
        vec_done(&d->failing);
        compose_free(d->compose);
        sbuf_done(&d->problems);
        sbuf_done(&d->notes);
        free(d->errors);
        free(d);
}

struct executor *executor_free(struct executor *x) {
        if (!x)
                return NULL;
        while (x->working)
                (void) loop_turn(x->loop, true);
        for (size_t i = 0; i < x->deploys.n; i++)
                deploy_free(x->deploys.v[i]);
        vec_done(&x->deploys);
        free(x);
        return NULL;
}

/* ---- reading, on a worker ---- */
struct reading {
        struct executor *x;
        int64_t stack_id, run_id;
        char *docker, *rancher, *old_rancher, *name, *environment, *lb_image;
        struct json_object *answers, *binding;
        struct compose *compose;
        char *errors;                   /* NULL: it could be read */
};

static char *copy_text(const char *s) { return s && *s ? dr_xstrdup(s) : NULL; }

static char *version_of(const char *text) {
        AUTO(json_free) struct json_object *v = NULL;
        if (!text || catalog_version_parse(text, strlen(text), "rancher-compose.yml", "", &v, NULL) < 0)
                return NULL;
        return copy_text(json_str(v, "version", NULL));
}

static void read_work(void *arg) {
        struct reading *r = arg;
        struct compose_doc docs[2];
        size_t n = 0;
        if (r->docker)
                docs[n++] = (struct compose_doc) { "docker-compose.yml", r->docker, strlen(r->docker) };
        if (r->rancher)
                docs[n++] = (struct compose_doc) { "rancher-compose.yml", r->rancher, strlen(r->rancher) };
        auto_free char *version = version_of(r->rancher), *previous = version_of(r->old_rancher);
        const struct compose_env env = { .stack = r->name, .lb_image = r->lb_image, .answers = r->answers, .binding = r->binding, .templates = true,
                                         .environment = r->environment, .version = version, .previous_version = previous };
        struct dr_error err = { 0 };
        if (compose_read(docs, n, &env, &r->compose, &err) < 0) {
                r->errors = compose_errors(r->compose);
                if (!*r->errors) {
                        free(r->errors);
                        r->errors = dr_xstrdup(err.message);
                }
        }
}

static struct deploy *deploy_find(struct executor *x, int64_t stack_id) {
        for (size_t i = 0; i < x->deploys.n; i++)
                if (x->deploys.v[i]->stack_id == stack_id)
                        return x->deploys.v[i];
        return NULL;
}

static void take_services(struct deploy *d) {
        size_t n;
        const struct compose_service *list = compose_services(d->compose, &n);
        for (size_t i = 0; i < n; i++) {
                vec_push(&d->todo, ((struct todo) { .want = &list[i] }));
                d->waves = MAX(d->waves, list[i].wave + 1);
        }
}

static void read_done(void *arg) {
        struct reading *r = arg;
        struct executor *x = r->x;
        struct deploy *d = deploy_find(x, r->stack_id);
        struct record *stack = world_get(core_world(x->core), T_stack, r->stack_id);
        x->working -= x->loop != NULL;
        if (d && d->run_id == r->run_id && d->state == DEPLOY_READING) {        /* else the stack has gone, or is on its way elsewhere */
                d->compose = dr_take(r->compose);
                d->errors = dr_take(r->errors);
                d->state = d->errors ? DEPLOY_FAILED : DEPLOY_READY;
                if (!d->errors)
                        take_services(d);
                if (stack)
                        core_wake(x->core, stack);
        }
        compose_free(r->compose);
        json_object_put(r->answers);
        json_object_put(r->binding);
        char *const texts[] = { r->docker, r->rancher, r->old_rancher, r->name, r->environment, r->lb_image, r->errors };
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                free(texts[i]);
        free(r);
}

static void begin_reading(struct executor *x, const struct record *stack, const struct run *run, const struct deploy_texts *t) {
        const struct record *project = world_get(core_world(x->core), T_account, stack->account_id);
        const char *image = setting_get(x->core, "lb.instance.image");
        struct reading *r = dr_xnew(struct reading);
        *r = (struct reading) {
                .x = x, .stack_id = stack->id, .run_id = run->id, .docker = copy_text(t->docker), .rancher = copy_text(t->rancher),
                .old_rancher = copy_text(t->old_rancher), .name = dr_xstrdup(record_name(stack)), .environment = dr_xstrdup(project ? record_name(project) : ""),
                .lb_image = copy_text(str_starts(image, "docker:") ? image + strlen("docker:") : image),
                .answers = t->answers ? json_copy(t->answers) : NULL,
                .binding = record_json(stack, F_binding) ? json_copy(record_json(stack, F_binding)) : NULL,
        };
        if (!x->loop) {
                read_work(r);
                read_done(r);
                return;
        }
        x->working++;
        loop_work(x->loop, read_work, read_done, r);
}

/* ---- deploys ---- */
static void forget_at(struct executor *x, size_t i) {
        deploy_free(x->deploys.v[i]);
        x->deploys.v[i] = x->deploys.v[--x->deploys.n];
}

/* Those whose run was taken over by another process (remove). */
static void forget_stale(struct executor *x) {
        for (size_t i = x->deploys.n; i-- > 0;) {
                const struct record *s = world_get(core_world(x->core), T_stack, x->deploys.v[i]->stack_id);
                if (!s || !s->run || s->run->id != x->deploys.v[i]->run_id)
                        forget_at(x, i);
        }
}

/* A batch was taken back, and with it what was asked for in it: everything is looked at again. */
static void forget_done(struct deploy *d, uint64_t rolled_back) {
        for (size_t i = 0; i < d->todo.n; i++) {
                struct todo *t = &d->todo.v[i];
                compose_change_done(&t->change);
                *t = (struct todo) { .want = t->want, .given_up = t->given_up };
        }
        d->rolled_back = rolled_back;
}

struct deploy *deploy_of(struct executor *x, struct record *stack, const struct run *run, const struct deploy_texts *texts) {
        struct deploy *d = deploy_find(x, stack->id);
        if (!d || d->run_id != run->id) {
                forget_stale(x);
                d = dr_xnew(struct deploy);
                *d = (struct deploy) { .x = x, .stack_id = stack->id, .run_id = run->id, .problems = SBUF(PROBLEM_BYTES_MAX), .notes = SBUF(PROBLEM_BYTES_MAX) };
                vec_push(&x->deploys, d);
                if (texts)
                        begin_reading(x, stack, run, texts);
                else
                        d->state = DEPLOY_READY;
        }
        uint64_t rolled_back = core_stats(x->core).rolled_back;
        if (d->rolled_back != rolled_back)
                forget_done(d, rolled_back);
        d->left = WORK_PER_LOOK;
        return d;
}

void deploy_drop(struct executor *x, const struct record *stack) {
        for (size_t i = x->deploys.n; i-- > 0;)
                if (x->deploys.v[i]->stack_id == stack->id)
                        forget_at(x, i);
}

static void lay_over(struct json_object *to, struct json_object *from) {
        if (!from || !json_object_is_type(from, json_type_object))
                return;
        json_object_object_foreach(from, key, value)
                json_object_object_add(to, key, json_object_get(value));
}

struct json_object *deploy_answers(const struct record *stack, struct json_object *input) {
        struct json_object *o = json_object_new_object();
        lay_over(o, record_json(stack, F_answers));
        lay_over(o, record_json(stack, F_environment));
        lay_over(o, json_get_object(input, "answers"));
        lay_over(o, json_get_object(input, "environment"));
        return o;
}

/* ---- acting ---- */
void executor_remember(struct core *c, struct record *stack, int64_t account, enum role role) {
        core_put_int(c, stack, F_actingAccountId, account);
        core_put_str(c, stack, F_actingRole, role_name(role));
}

/* Whoever asked may be gone by now: then the environment itself acts. */
static struct api_caller caller_of(struct executor *x, const struct record *stack) {
        const char *role = str_or(record_str(stack, F_actingRole), "");
        int r = role_from_string(role, strlen(role));
        int64_t who = record_int(stack, F_actingAccountId);
        const struct record *account = who ? world_get(core_world(x->core), T_account, who) : NULL;
        return (struct api_caller) { .account_id = account ? who : stack->account_id, .project_id = stack->account_id, .role = r < 0 ? ROLE_member : (enum role) r };
}

int deploy_call(struct executor *x, const struct record *stack, enum verb verb, const char *path, struct json_object *body, struct json_object **ret,
                struct dr_error *err) {
        struct api_caller who = caller_of(x, stack);
        return api_internal(x->api, &who, verb, path, body, ret, err);
}

void deploy_line(struct sbuf *to, const char *fmt, ...) {
        va_list args;
        auto_free char *text = NULL;
        va_start(args, fmt);
        int n = vasprintf(&text, fmt, args);
        va_end(args);
        if (n < 0 || strstr(sbuf_str(to), text))
                return;
        if (to->len)
                sbuf_putc(to, '\n');
        sbuf_puts(to, text);
}

int deploy_call_service(struct deploy *d, const struct record *stack, enum verb verb, const struct record *service, const char *rest, struct json_object *body,
                        struct json_object **ret, struct dr_error *err) {
        char path[ID_TEXT_MAX + 64], id[ID_TEXT_MAX];
        snprintf(path, sizeof path, "services/%s%s", id_format(API_V2_BETA, T_service, service->id, id), rest);
        d->left -= d->left > 0;
        return deploy_call(d->x, stack, verb, path, body, ret, err);
}

int deploy_failed(struct deploy *d, struct sbuf *to, const struct dr_error *err, const char *what, const char *name) {
        int status = dr_error_row(err->code)->http_status;
        if ((status >= 500 && status != 501) || status == 429) {
                d->retry = true;
                d->err = *err;
                return dr_prefix(&d->err, -EAGAIN, "could not %s \"%s\"", what, name);
        }
        bool named = *err->field && !strstr(err->message, err->field);
        deploy_line(to, "could not %s \"%s\": %s%s%s", what, name, named ? err->field : "", named ? ": " : "", err->message);
        return -EINVAL;
}

enum step deploy_wait(struct executor *x, struct record *stack) {
        core_wake_at(x->core, stack, core_mono_ms(x->core) + POLL_MS);
        return STEP_WAIT;
}

enum step deploy_again(struct executor *x, struct record *stack) {
        core_wake(x->core, stack);
        return STEP_WAIT;
}

enum step deploy_fail(struct executor *x, struct record *stack, enum process_id p, const char *text, struct step_ctx *ctx) {
        struct deploy *d = deploy_find(x, stack->id);
        AUTO(json_free) struct json_object *data = json_object_new_object();
        json_set_str(data, "error", text ? text : d ? sbuf_str(&d->problems) : "");
        ctx->chain = p;
        ctx->chain_data = text_from_json(data);
        deploy_drop(x, stack);
        return STEP_CHAIN;
}

enum step deploy_step(struct deploy *d, struct record *stack, int result, enum process_id p, struct step_ctx *ctx) {
        if (result == LOOK_AGAIN)
                return deploy_again(d->x, stack);
        if (result >= 0)
                return deploy_wait(d->x, stack);
        if (!d->retry)
                return deploy_fail(d->x, stack, p, NULL, ctx);
        d->retry = false;
        ctx->err = d->err;
        return STEP_RETRY;
}

void deploy_put_error(struct core *c, struct record *stack, const char *text) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long) stack->id);
        log_info("a stack could not be made what its files say", "stack", record_name(stack), "id", id, "reason", text, NULL);
        core_put_str(c, stack, F_transitioningState, "error");
        core_put_str(c, stack, F_transitioningMessage, text);
}
