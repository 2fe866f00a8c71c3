/* Machines and the drivers that make them: the machine service does both (spec api.md 3.2, machine.md). Until one is there they wait and say
 * so. Only what comes with the server (local://) needs nobody. */
#include "applier.h"

static enum step no_service(struct step_ctx *ctx) {
        (void) dr_fail(&ctx->err, DR_E_UNAVAILABLE, NULL, "no machine service is connected");
        return STEP_RETRY;
}

/* One that belongs to a host that registered is there already. */
enum step physical_host_bootstrap(struct core *c, struct record *r, struct run *run, struct step_ctx *ctx) {
        (void) c, (void) run;
        return r->kind == T_machine ? no_service(ctx) : STEP_DONE;
}

enum step machine_driver_create(struct core *c, struct record *r, struct run *run, struct step_ctx *ctx) {
        (void) c, (void) run, (void) ctx;
        return record_bool(r, F_activateOnCreate) ? STEP_DELEGATE : STEP_DONE;
}

enum step machine_driver_activate(struct core *c, struct record *r, struct run *run, struct step_ctx *ctx) {
        (void) c, (void) run;
        return str_starts(str_or(record_str(r, F_url), ""), "local://") ? STEP_DONE : no_service(ctx);
}
