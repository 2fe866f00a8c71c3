/* deploy.h: what the files of src/server/compose share: one run of a process over a stack's compose text. */
#pragma once
#include "base/sbuf.h"
#include "base/vec.h"
#include "executor.h"
#include "formats/compose.h"
#include "formats/compose_change.h"
#include "server/api/internal.h"

enum {
        WORK_PER_LOOK = 4,                      /* requests of one look at a stack: others want their turn too */
        POLL_MS = 1000,                         /* services wake their stack; this is for what does not */
        ERROR_GRACE_MS = 30 * 1000,             /* how long a service may fail again and again before the stack stops waiting for it */
        STALL_MS = 10 * 60 * 1000,              /* how long nothing may move at all */
        PROBLEM_BYTES_MAX = 64 << 10,
};

/* One service of the documents. */
struct todo {
        const struct compose_service *want;
        int64_t service_id;                     /* todo_service() */
        bool checked, linked, planned;          /* it can be upgraded; its links are set; change is filled and was asked for */
        bool given_up;                          /* nobody waits for it any more */
        struct compose_change change;
};

/* Of something that is waited for: since when it fails. */
struct failing { int64_t service_id, since_ms; unsigned attempts; };

struct deploy {
        struct executor *x;
        int64_t stack_id, run_id;
        enum { DEPLOY_READING, DEPLOY_READY, DEPLOY_FAILED } state;
        uint64_t rolled_back;                   /* core's count when todo was last right: what was asked for since then may be undone */
        struct compose *compose;
        char *errors;                           /* FAILED: one per line */
        VEC(struct todo) todo;                  /* by wave, then name */
        unsigned waves;
        VEC(struct failing) failing;
        uint64_t moved_hash;                    /* of the states that were waited for at the last look ... */
        int64_t moved_ms;                       /* ... and since when they are so; 0: nothing was waited for */
        struct sbuf problems, notes;            /* one per line: what ends the run; what did not come up, though it may yet */
        unsigned left;                          /* requests that this look may still make */
        bool retry;                             /* a part failed for now: err says why */
        struct dr_error err;
};

struct executor {
        struct loop *loop;
        struct core *core;
        struct api *api;
        VEC(struct deploy *) deploys;
        unsigned working;
};

/* Results of the parts below, beside negative for "failed, problems says why". */
enum look {
        LOOK_DONE,                              /* all of it is there */
        LOOK_AGAIN,                             /* more to do, at the next look */
        LOOK_WAIT,                              /* until something else has moved */
};

/* ---- executor.c ---- */
/* The texts of a run; old_rancher is what an upgrade starts from (NULL: nothing). Borrowed. */
struct deploy_texts { const char *docker, *rancher, *old_rancher; struct json_object *answers; };
/* The run's deploy; being read when it is new (texts NULL: there is nothing to read). Never NULL. */
struct deploy *deploy_of(struct executor *x, struct record *stack, const struct run *run, const struct deploy_texts *texts);
void deploy_drop(struct executor *x, const struct record *stack);       /* its run ends */
/* Variables of a stack: answers, over them environment; those of an upgrade's input (may be NULL) over both. The caller owns it. */
struct json_object *deploy_answers(const struct record *stack, struct json_object *input);
/* In the stack's environment, in the name of who asked for it. */
int deploy_call(struct executor *x, const struct record *stack, enum verb verb, const char *path, struct json_object *body, struct json_object **ret,
                struct dr_error *err);
/* "services/1s5" + rest ("?action=activate", "" ...), otherwise the same; counts as work of this look. */
int deploy_call_service(struct deploy *d, const struct record *stack, enum verb verb, const struct record *service, const char *rest, struct json_object *body,
                        struct json_object **ret, struct dr_error *err);
void deploy_line(struct sbuf *to, const char *fmt, ...) DR_PRINTF(2, 3);         /* one more line, unless it is there */
/* A request failed: a line, or, when it may work next time, err for STEP_RETRY. Returns negative. */
int deploy_failed(struct deploy *d, struct sbuf *to, const struct dr_error *err, const char *what, const char *name);
enum step deploy_wait(struct executor *x, struct record *stack);        /* woken by services, and after POLL_MS */
enum step deploy_again(struct executor *x, struct record *stack);       /* others first */
/* Ends the run in another process that sets an error state: stack.error, stack.cancelupgrade. text NULL: the deploy's problems. */
enum step deploy_fail(struct executor *x, struct record *stack, enum process_id p, const char *text, struct step_ctx *ctx);
/* What a part's result (enum look, or negative) means for the run; p: what a failure goes on with. */
enum step deploy_step(struct deploy *d, struct record *stack, int result, enum process_id p, struct step_ctx *ctx);
void deploy_put_error(struct core *c, struct record *stack, const char *text);  /* shown once its state is none that passes */

/* ---- resolve.c: records by the names documents use ---- */
bool record_is_live(const struct record *r);
struct record *stack_service(struct core *c, const struct record *stack, const char *name);
struct record *todo_service(struct deploy *d, const struct record *stack, struct todo *t);     /* NULL: it is not there */
struct record *named_of_account(struct core *c, enum type_id table, int64_t account, const char *name);
struct compose_resolver deploy_resolver(struct deploy *d);

/* ---- parts.c: each returns an enum look, or negative when the run fails ---- */
int deploy_base(struct deploy *d, struct record *stack);                /* volume templates, secrets, hosts */
int deploy_services(struct deploy *d, struct record *stack);            /* creates: a wave's end before the next begin; then links */
/* Starts what is inactive and not to be upgraded, of one wave. What cannot be started is noted. */
int deploy_activate(struct deploy *d, const struct record *stack, unsigned wave);

/* ---- undo.c ---- */
void undo_keep_fields(struct core *c, struct record *stack, const struct record *service, const struct json_object *now, struct json_object *fields);
void undo_keep_links(struct core *c, struct record *stack, const struct record *service);
int undo_apply(struct deploy *d, struct record *stack);                 /* returns an enum look, or negative; what cannot be put back is noted */

/* ---- waiting.c ---- */
/* Whether a wave has come to rest: creates ended; or (started) services active, healthy where a label wants that, upgrades ended. What fails again
 * and again, or does not move at all, is given up: a note each. Returns LOOK_DONE or LOOK_WAIT. */
enum settle { SETTLE_CREATED, SETTLE_STARTED, SETTLE_UPGRADED };
int deploy_settle(struct deploy *d, struct record *stack, unsigned wave, enum settle what);
/* The same for one service: until its state is one that stays. */
int deploy_settle_one(struct deploy *d, struct record *stack, struct todo *t);
/* The same for services that are in a state (upgrading ...) whatever the documents say: notes those that are given up. */
int deploy_leave(struct deploy *d, struct record *stack, enum state_id state);
