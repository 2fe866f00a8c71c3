/* applier.h: the handlers of processes, a file per resource family, and what they share. */
#pragma once
#include "core-internal.h"
#include "engine/plan.h"
#include "formats/json.h"
#include "hosts.h"

/* agents.c */
core_handler agent_create, agent_activate, agent_reconnect, agent_finishreconnect, agent_remove;
core_handler host_remove;
void agent_idle(struct core *c, struct record *agent);
void host_idle(struct core *c, struct record *host);
void agent_state_changed(struct core *c, struct record *agent, enum state_id now);
void host_state_changed(struct core *c, struct record *host, enum state_id old, enum state_id now);

core_handler generic_object_create;             /* pull_task.c */
core_handler external_event_create, service_event_create;
void service_event_idle(struct core *c, struct record *event);
core_handler physical_host_bootstrap, machine_driver_create, machine_driver_activate;   /* machines.c */

/* volumes.c */
core_handler volume_create, volume_remove;
void volume_idle(struct core *c, struct record *v);
/* The engine's Mounts of a container: rows for volumes that have none, and which it has where. */
void volumes_observed(struct core *c, struct record *instance, struct json_object *mounts);
/* A container has gone: what of its volumes nobody else has is removed or left as its strategy says. */
void volumes_instance_gone(struct core *c, const struct record *instance);

/* networks.c */
core_handler network_driver_activate, network_driver_update, network_driver_remove, network_create, network_activate, network_deactivate, network_remove, subnet_deactivate;
void network_state_changed(struct core *c, const struct record *r, enum state_id now);

/* environment.c */
core_handler account_deactivate, account_remove;
void environment_stack_goes(struct core *c, const struct record *stack);        /* a system stack is being removed: what cannot be without it */

/* instances.c */
core_handler instance_create, instance_start, instance_stop, instance_restart, instance_remove, instance_error;
enum step instance_ask_labels(struct core *c, struct record *i, struct run *run, struct step_ctx *ctx);         /* instance_labels.c */
void instance_idle(struct core *c, struct record *i);
void instance_state_changed(struct core *c, struct record *i, enum state_id old, enum state_id now);

/* services.c */
core_handler service_create, service_activate, service_update, service_deactivate, service_remove;
core_handler service_create_with_ports;         /* env_ports.c */
core_handler service_restart;                   /* service_restart.c */
core_handler service_upgrade, service_cancelupgrade, service_finishupgrade, service_rollback;   /* upgrade.c */
core_handler service_upgrade_to;                /* upgrade_to.c: to another service */
struct plan_request service_request(struct core *c, const struct record *s);
/* One pass: does what engine/plan.h says. DONE when the service is as it should be, else WAIT: its containers and a held-back try wake it.
 * run: NULL for a service that nobody works on. */
enum step service_reconcile(struct core *c, struct record *s, struct run *run);
core_handler stack_create, stack_remove;
void service_idle(struct core *c, struct record *s);
void service_trigger(struct core *c, int64_t service_id);       /* look again whether the service is as it should be */
/* After instance, service or stack changed: health of service, stack and environment (orchestration.md 1.12). */
void health_changed(struct core *c, int64_t service_id);
/* Global, scalePolicy and skipped services of the environment look again (orchestration.md 1.2). */
void services_hosts_changed(struct core *c, int64_t account_id);

/* Instances hold ids of others: NULL when unknown or gone. */
static inline struct record *instance_get(struct core *c, int64_t id) { return id ? world_get(c->world, T_instance, id) : NULL; }
/* Starts stop (with remove behind it) or remove, whichever the state allows; nothing when it is on its way already. */
void instance_destroy(struct core *c, struct record *i);
