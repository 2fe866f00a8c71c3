/* up_plan.h: decides what "drover up" does with one service of the files: pure, no I/O.
 *
 * Changes are seen by the hashes that the compose reader writes: label io.rancher.service.hash of the launchConfig and of every
 * secondaryLaunchConfig, and the same key in metadata for the rest (compose.md 8), since the server completes what it is given
 * (ports, defaults). Services without it, or with another program's, are compared value by value. */
#pragma once
#include "base/base.h"
#include "formats/json.h"

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

/* desired: the create body with its references resolved; existing: the API's service, NULL when there is none; keep_scale: the
 * files do not say a scale; links: {"serviceLinks": [...]} or NULL when links are not managed. Fills *ret (up_step_done() it). Cannot fail. */
void up_plan_service(const struct json_object *desired, const struct json_object *existing, bool keep_scale, const struct json_object *links,
                     struct up_step *ret);
/* Whether the links of an existing service are others than wanted. */
bool up_links_differ(const struct json_object *links, const struct json_object *existing);

/* Stack name from a directory or COMPOSE_PROJECT_NAME: lower case, others than letters, digits, '-' become '-', leading '_', '.', '-' get
 * an 'x' before them; "default" for nothing. Caller frees. */
char *up_stack_name(const char *text);
