/* up.h: what the files of "drover up" share (verb_up.c leads; up_stack.c: the stack and what stands beside its services; up_upgrade.c: what replaces
 * and removes containers). Blocking; everything reports through u->cli->err. */
#pragma once
#include "base/vec.h"
#include "cli.h"
#include "formats/compose_change.h"
#include "up_files.h"

struct up_service {
        const struct compose_service *want;
        struct json_object *have;       /* as the API last showed it; NULL until created */
        struct compose_change step;
        bool upgraded;                  /* by this run */
};

struct up {
        struct cli *cli;
        struct progress *progress;
        struct up_files files;
        char *stack_id;
        struct json_object *existing;   /* services of the stack, as they were at the start */
        VEC(struct up_service) services;
        size_t n_upgraded, n_pruned;
};

/* up: every container must run. */
struct waiter_config up_waiter_config(struct up *u, bool up);
int up_wait_quietly(struct up *u, const struct json_object *o, const char *label);
void up_note(struct up *u, const struct up_service *s, enum progress_mark mark, const char *text);
/* Path of a service that is there. Caller frees. */
char *up_service_path(struct up *u, const struct up_service *s);
/* The service as it is now, into s->have. */
int up_look(struct up *u, struct up_service *s);

int up_get_stack(struct up *u);         /* finds or creates it; fills stack_id and existing */
int up_make_volumes(struct up *u);
int up_make_secrets(struct up *u);

/* --rollback: takes back the upgrades of the files' services and waits. */
int up_roll_back(struct up *u);
/* --confirm-upgrade: finishes those whose upgrade is done and waits; the existing services are read again then. */
int up_confirm(struct up *u);
/* --pull: images of services that are to be made or upgraded, on hosts that have them already. */
int up_pull(struct up *u);
/* --upgrade: upgrades, wave by wave, all services whose step says so. */
int up_upgrade(struct up *u);
/* --prune: removes services that the files do not have. */
int up_prune(struct up *u);
