/* up_plan.h: decides what "drover up" does with one service of the files: pure, no I/O.
 *
 * Change of launch configurations is seen by a hash in label io.rancher.service.hash of the launchConfig and of every
 * secondaryLaunchConfig (compose.md 8), since the server completes what it is given (ports, defaults). Services that were
 * made without it are compared value by value. */
#pragma once
#include "base/base.h"
#include "formats/json.h"

enum { UP_HASH_CHARS = 40 };
#define UP_HASH_LABEL "io.rancher.service.hash"

enum up_action {
        UP_CREATE,              /* it is not there */
        UP_KEEP,                /* as in the files */
        UP_UPDATE,              /* fields differ that a PUT can change */
        UP_ACTION_MAX
};
const char *up_action_to_string(enum up_action a);      /* "create"; NULL out of range */

struct up_step {
        enum up_action action;
        struct json_object *fields;     /* UP_UPDATE: the body of the PUT */
        char *changed;                  /* names of changed fields, "scale 2 -> 3, metadata"; NULL: none */
        char *needs_upgrade;            /* what only an upgrade changes: "image nginx:1 -> nginx:2, command"; NULL: nothing */
        bool links_differ;              /* setservicelinks is to be called */
        bool start;                     /* inactive: activate is to be called */
};
void up_step_done(struct up_step *s);

/* Hash of a service's launch configurations, as in the files (before references became ids). */
void up_hash(const struct json_object *body, char ret[UP_HASH_CHARS + 1]);
/* Writes the hash into the labels of all launch configurations of a create body. */
void up_set_hash(struct json_object *body, const char *hash);

/* desired: the create body with its references resolved; hash: up_hash() of the unresolved one; existing: the API's service, NULL when
 * there is none; links: {"serviceLinks": [...]} or NULL when links are not managed. Fills *ret (up_step_done() it). Cannot fail. */
void up_plan_service(const struct json_object *desired, const char *hash, const struct json_object *existing, const struct json_object *links,
                     struct up_step *ret);

/* Stack name from a directory or COMPOSE_PROJECT_NAME: lower case, others than letters, digits, '-' become '-', leading '_', '.', '-' get
 * an 'x' before them; "default" for nothing. Caller frees. */
char *up_stack_name(const char *text);
