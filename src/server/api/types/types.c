#include "types.h"

static const struct type_hooks rows[] = {
        { .type = T_setting, .on_post = setting_post, .on_remove = setting_remove },
        { .type = T_stack, .on_validate = stack_validate, .on_create = stack_create_hook, .on_action = stack_action, .on_link = stack_link,
          .on_remove = stack_remove_hook },
        { .type = T_network, .on_validate = network_validate, .on_remove = network_remove_hook },
        { .type = T_service, .on_validate = service_validate, .on_action = service_action, .on_link = service_access_link },
        { .type = T_storageDriverService, .on_validate = service_validate, .on_action = driver_service_action, .on_create = driver_service_create,
          .on_update = driver_service_update, .on_remove = driver_service_remove, .on_link = service_access_link },
        { .type = T_networkDriverService, .on_validate = service_validate, .on_action = driver_service_action, .on_create = driver_service_create,
          .on_update = driver_service_update, .on_remove = driver_service_remove, .on_link = service_access_link },
        { .type = T_container, .on_validate = container_validate, .on_create = container_create_links, .on_remove = container_remove, .on_action = container_action,
          .on_link = container_access_link },
        { .type = T_processInstance, .on_action = process_action },
        { .type = T_processDefinition, .on_list = process_definition_list, .on_item = process_definition_item },
        { .type = T_processSummary, .on_list = process_summary_list, .on_item = process_summary_item },
        { .type = T_processPool, .on_list = process_pool_list, .on_item = process_pool_item },
        { .type = T_task, .on_action = task_action },
        { .type = T_host, .on_validate = host_validate, .on_action = host_action, .on_link = host_access_link },
        { .type = T_secret, .on_validate = secret_validate, .on_create = secret_create },
        { .type = T_registry, .on_validate = registry_validate },
        { .type = T_registryCredential, .on_validate = secret_value_validate, .on_create = secret_value_create },
        { .type = T_certificate, .on_validate = certificate_validate, .on_create = certificate_create, .on_remove = certificate_remove,
          .on_action = certificate_action },
        { .type = T_volume, .on_validate = volume_validate, .on_create = volume_create_hook },
        { .type = T_pullTask, .on_validate = pull_task_validate, .on_create = pull_task_create },
        { .type = T_hostTemplate, .on_validate = host_template_validate, .on_link = host_template_link },
        { .type = T_sshKey, .on_validate = ssh_key_validate, .on_create = secret_value_create, .on_link = ssh_key_link },
        { .type = T_userPreference, .on_validate = user_preference_validate },
        { .type = T_volumeTemplate, .on_validate = volume_template_validate },
        { .type = T_snapshot, .on_remove = snapshot_remove },
        { .type = T_region, .on_validate = secret_value_validate, .on_create = secret_value_create },
        { .type = T_externalHandler, .on_validate = external_handler_validate, .on_create = external_handler_create },
        { .type = T_dynamicSchema, .on_validate = dynamic_schema_validate },
        { .type = T_machine, .on_validate = machine_validate },
        { .type = T_machineDriver, .on_validate = machine_driver_validate },
        { .type = T_containerEvent, .on_validate = container_event_validate, .on_create = container_event_create },
        { .type = T_serviceEvent, .on_validate = service_event_validate, .on_create = service_event_row_create },
        { .type = T_externalEvent, .on_create = external_event_row_create },
        { .type = T_apiKey, .on_validate = credential_validate, .on_create = api_key_create,
          .on_link = api_key_link },
        { .type = T_registrationToken, .on_validate = registration_token_validate, .on_create = registration_token_create,
          .on_link = registration_token_link },
        { .type = T_register, .on_list = register_list, .on_validate = register_validate, .on_create = register_create },
        { .type = T_project, .on_validate = project_validate, .on_create = project_create, .on_remove = project_remove,
          .on_action = project_action, .on_link = project_access_link },
        { .type = T_scheduledUpgrade, .on_action = scheduled_upgrade_action },
        { .type = T_projectTemplate, .on_validate = project_template_validate },
        { .type = T_account, .on_validate = account_validate, .on_create = account_create, .on_remove = account_remove_hook,
          .on_action = account_action },
        { .type = T_password, .on_post = password_post, .on_validate = password_validate, .on_create = password_create,
          .on_action = password_action },
        { .type = T_serviceProxy, .on_post = service_proxy_post },
        { .type = T_token, .on_post = token_post, .on_list = token_list, .on_item = token_item },
        { .type = T_localAuthConfig, .on_post = local_auth_post, .on_list = local_auth_list },
        { .type = T_haConfig, .on_list = ha_config_list, .on_item = ha_config_item },
        { .type = T_identity, .on_list = identity_list, .on_item = identity_item },
        { .type = T_auditLog, .on_link = audit_log_link },
        { .type = T_agent, .on_validate = agent_validate, .on_create = agent_create_hook, .on_remove = agent_remove_hook },
};

const struct type_hooks *type_hooks_of(enum api_version v, enum type_id type) {
        static const struct type_hooks none;
        for (enum type_id t = type; t != T_NONE;) {
                for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                        if (rows[i].type == t)
                                return &rows[i];
                const struct type_def *d = type_get(v, t);
                t = d && d->parent != T_NONE ? d->parent : d && d->base != t ? d->base : T_NONE;
        }
        return &none;
}
