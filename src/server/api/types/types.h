/* types.h: what types do beyond the general rules: a row per type, functions in types/<type>.c (spec api.md 1.6, 2.5 to 2.7, 3).
 *
 * Adding one: a file here, its functions below, a row in types.c. A row is looked for by the schema, then its parents. */
#pragma once
#include "server/api/context.h"
#include "model/validate.h"

struct record_list;

struct type_hooks {
        enum type_id type;
        /* Takes over a GET: true when it led to an answer. */
        bool (*on_list)(struct api_req *req, const struct type_def *def);
        bool (*on_get)(struct api_req *req, struct record *r);
        /* Takes over whatever is asked of /TYPE/ID, for types without records: returns like on_action. */
        int (*on_item)(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err);
        /* Takes over POST on the collection: returns like on_action. */
        int (*on_post)(struct api_req *req, const struct type_def *def, struct dr_error *err);
        /* Checks beyond the schema, and changes to the values; old is NULL on create. Nothing may be written to the world here. */
        int (*on_validate)(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
        /* The record has its values, its create process has not begun. Cannot fail. */
        void (*on_create)(struct api_req *req, struct record *r, const struct field_values *values);
        /* After the values of a PUT were put. changed: any was. */
        void (*on_update)(struct api_req *req, struct record *r, const struct field_values *values, bool changed);
        /* 0: removed or under way, the general answer follows; 1: answered; -ENOSYS: go on with the general way; negative: *err. */
        int (*on_remove)(struct api_req *req, struct record *r, struct dr_error *err);
        /* Same results; -ENOSYS: run the process of that name. in: values of the action's input type. */
        int (*on_action)(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
        /* A LINK_SPECIAL link: 1 answered, negative *err. */
        int (*on_link)(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
};
const struct type_hooks *type_hooks_of(enum api_version v, enum type_id type);  /* never NULL: an empty row when there is none */

/* ---- the functions of the rows ---- */
int setting_post(struct api_req *req, const struct type_def *def, struct dr_error *err);
int setting_put(struct api_req *req, const char *name, struct dr_error *err);           /* PUT goes by name, not by record */
int setting_remove(struct api_req *req, struct record *r, struct dr_error *err);
int stack_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void stack_create_hook(struct api_req *req, struct record *r, const struct field_values *values);
int stack_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
int stack_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int service_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
/* Name of service or sidekick, unique in its stack; launch configs of one service: their checks, and the form in which they are stored. */
int service_check_unique(struct api_req *req, int64_t stack, const char *name, const struct record *self, struct dr_error *err);
int service_check_launch_configs(struct api_req *req, const struct type_def *def, struct field_values *values, struct dr_error *err);
int service_upgrade_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int service_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
void container_create_links(struct api_req *req, struct record *r, const struct field_values *values);
int container_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int container_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int container_check_image(const char *uuid, struct dr_error *err);      /* InvalidReference, field imageUuid */
int container_remove(struct api_req *req, struct record *r, struct dr_error *err);
int container_access_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int container_access_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
int service_access_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
int host_access_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int host_access_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
int project_access_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
int service_proxy_post(struct api_req *req, const struct type_def *def, struct dr_error *err);
bool process_definition_list(struct api_req *req, const struct type_def *def);
int process_definition_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err);
bool process_summary_list(struct api_req *req, const struct type_def *def);
int process_summary_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err);
bool process_pool_list(struct api_req *req, const struct type_def *def);
int process_pool_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err);
int task_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
void task_rows(struct api_req *req, struct record_list *ret);   /* the tasks there are: what views.c lists */
int process_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int host_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int host_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int secret_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int registry_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int secret_value_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int certificate_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int volume_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void volume_create_hook(struct api_req *req, struct record *r, const struct field_values *values);
int pull_task_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void secret_create(struct api_req *req, struct record *r, const struct field_values *values);
void secret_value_create(struct api_req *req, struct record *r, const struct field_values *values);
void certificate_create(struct api_req *req, struct record *r, const struct field_values *values);
void pull_task_create(struct api_req *req, struct record *r, const struct field_values *values);
int certificate_remove(struct api_req *req, struct record *r, struct dr_error *err);
int certificate_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
/* Port rules of a balancer, or target rules of another service (types/lb_service.c; orchestration.md 5). */
int lb_config_check(struct json_object *lb, bool balancer, struct dr_error *err);
/* Adds labels and health check that a balancer's container needs. own_image: setting lb.instance.image. */
void lb_launch_config(struct json_object *lc, const char *own_image);
void driver_service_create(struct api_req *req, struct record *r, const struct field_values *values);
void driver_service_update(struct api_req *req, struct record *r, const struct field_values *values, bool changed);
int driver_service_remove(struct api_req *req, struct record *r, struct dr_error *err);
/* DRIVER_IN_USE when volumes or containers use a driver that is a service of this stack. */
int driver_services_check_unused(struct api_req *req, const struct record *stack, struct dr_error *err);
int network_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int network_remove_hook(struct api_req *req, struct record *r, struct dr_error *err);
int stack_remove_hook(struct api_req *req, struct record *r, struct dr_error *err);
int driver_service_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int host_template_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int user_preference_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int volume_template_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int external_handler_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int dynamic_schema_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int machine_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int machine_driver_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int container_event_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int service_event_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void external_handler_create(struct api_req *req, struct record *r, const struct field_values *values);
void container_event_create(struct api_req *req, struct record *r, const struct field_values *values);
void service_event_row_create(struct api_req *req, struct record *r, const struct field_values *values);
void external_event_row_create(struct api_req *req, struct record *r, const struct field_values *values);
int service_certificate(struct api_req *req, struct record *service, struct dr_error *err);     /* as on_action */
int api_key_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
int ssh_key_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int ssh_key_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
bool ha_config_list(struct api_req *req, const struct type_def *def);
int ha_config_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err);
int snapshot_remove(struct api_req *req, struct record *r, struct dr_error *err);
/* Secret values as their structure, without the values. */
void host_template_write_secrets(struct api_req *req, const struct record *r, struct jw *w);
int host_template_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
void api_key_create(struct api_req *req, struct record *r, const struct field_values *values);
int project_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void project_create(struct api_req *req, struct record *r, const struct field_values *values);
int project_remove(struct api_req *req, struct record *r, struct dr_error *err);
int project_template_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int scheduled_upgrade_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int project_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int account_remove_hook(struct api_req *req, struct record *r, struct dr_error *err);
int credential_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void registration_token_create(struct api_req *req, struct record *r, const struct field_values *values);
int registration_token_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
int registration_token_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);
int register_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void register_create(struct api_req *req, struct record *r, const struct field_values *values);
bool register_list(struct api_req *req, const struct type_def *def);
int account_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void account_create(struct api_req *req, struct record *r, const struct field_values *values);
int account_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int password_post(struct api_req *req, const struct type_def *def, struct dr_error *err);
int password_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void password_create(struct api_req *req, struct record *r, const struct field_values *values);
int password_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err);
int token_post(struct api_req *req, const struct type_def *def, struct dr_error *err);
bool token_list(struct api_req *req, const struct type_def *def);
int token_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err);
int local_auth_post(struct api_req *req, const struct type_def *def, struct dr_error *err);
bool local_auth_list(struct api_req *req, const struct type_def *def);
bool identity_list(struct api_req *req, const struct type_def *def);
int identity_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err);
int agent_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err);
void agent_create_hook(struct api_req *req, struct record *r, const struct field_values *values);
int agent_remove_hook(struct api_req *req, struct record *r, struct dr_error *err);

int audit_log_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err);

/* Seals the value of f before it gets near a record, also into the old values of an update (sealed.c); fresh: it may be told once. */
void sealed_take(struct api_req *req, struct field_values *values, enum field_id f, bool fresh);
void sealed_reveal(struct api_req *req, struct record *r, enum field_id f);

/* One identity as JSON: also part of tokens (types/identity.c). */
void identity_write(struct api_req *req, struct jw *w, const struct record *account);
