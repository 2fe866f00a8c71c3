/* compose_change.h: decides what has to happen to one service of compose documents: pure, no I/O. Used by "drover up" and by the server's
 * own executor of stacks (spec compose.md 8).
 *
 * Changes are seen by the hashes that the compose reader writes: label io.rancher.service.hash of the launchConfig and of every
 * secondaryLaunchConfig, and the same key in metadata for the rest, since the server completes what it is given (ports, defaults). Services
 * without it, or with another program's, are compared value by value.
 *
 * The order of the requests, per wave: PUT with fields (COMPOSE_UPDATE), action setservicelinks (links_differ), and when all services exist
 * action upgrade (upgrade) or activate (start). Before an upgrade ask compose_upgrade_ready(). */
#pragma once
#include "base/base.h"
#include "json.h"

#define COMPOSE_HASH_LABEL "io.rancher.service.hash"
#define COMPOSE_NO_IMAGE "rancher/none"                 /* imageUuid of a sidekick that an upgrade takes away */

enum compose_action {
        COMPOSE_CREATE,                 /* it is not there */
        COMPOSE_KEEP,                   /* as in the documents */
        COMPOSE_UPDATE,                 /* fields differ that a PUT can change */
        COMPOSE_ACTION_MAX
};
const char *compose_action_to_string(enum compose_action a);    /* "create"; NULL out of range */

struct compose_wish {
        const char *type;                       /* compose_service.type; externalService and dnsService have no upgrade */
        const struct json_object *body;         /* create body with its references resolved: compose_service_body() */
        const struct json_object *links;        /* compose_service_links(), or NULL when links are not managed */
        const struct json_object *strategy;     /* compose_service.upgrade_strategy or what the user said instead: startFirst, batchSize,
                                                 * intervalMillis, each may be absent; NULL: the API's defaults */
        bool keep_scale;                        /* the scale of an existing service stays */
        bool force;                             /* upgrade though nothing differs */
};

struct compose_change {
        enum compose_action action;
        struct json_object *fields;     /* COMPOSE_UPDATE: the body of the PUT, only what differs */
        char *changed;                  /* names of changed fields, "scale 2 -> 3, metadata"; NULL: none */
        struct json_object *upgrade;    /* input of action upgrade: {"inServiceStrategy": {batchSize?, intervalMillis?, startFirst?, launchConfig?,
                                         * secondaryLaunchConfigs?}}; NULL: nothing to upgrade */
        char *needs_upgrade;            /* what the upgrade changes: "image nginx:1 -> nginx:2, command"; NULL exactly when upgrade is */
        bool links_differ;              /* setservicelinks is to be called */
        bool start;                     /* new or inactive: activate is to be called, unless it is upgraded */
};
void compose_change_done(struct compose_change *c);

/* existing: the API's service, NULL when there is none. Fills *ret (compose_change_done() it). Cannot fail. */
void compose_change_plan(const struct compose_wish *wish, const struct json_object *existing, struct compose_change *ret);

/* Whether the links of an existing service (its linkedServices) are others than wanted. */
bool compose_links_differ(const struct json_object *links, const struct json_object *existing);

/* May this service (API JSON, no longer transitioning) be upgraded now? 0: yes (active or inactive); 1: action finishupgrade comes first
 * (upgraded); negative with *err DR_E_CONFLICT: "Service N must be state=active or inactive to upgrade, currently: state=X". */
int compose_upgrade_ready(const struct json_object *existing, struct dr_error *err);

/* What stands against using an existing volume template for one of compose_volumes(): 0, or negative with *err DR_E_CONFLICT:
 * Volume "N" needs to be recreated - driver has changed. */
int compose_volume_fits(const struct json_object *volume, const struct json_object *existing, struct dr_error *err);
