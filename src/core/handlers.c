/* handlers.c: which applier does which process, and who is told of a state. */
#include "adopt.h"
#include "applier.h"
#include "health_checks.h"

/* A process that is not here has nothing to do: it goes straight to its delegate or its done state. Agents connect by themselves once active
 * (agent.md 6), and deactivating a host stops nothing there. */
static const struct core_handler_row rows[] = {
        { P_agent_create, agent_create },
        { P_agent_activate, agent_activate },
        { P_agent_reconnect, agent_reconnect },
        { P_agent_finishreconnect, agent_finishreconnect },
        { P_agent_remove, agent_remove },
        { P_host_remove, host_remove },
        { P_instance_create, instance_create },
        { P_instance_start, instance_start },
        { P_instance_stop, instance_stop },
        { P_instance_restart, instance_restart },
        { P_instance_remove, instance_remove },
        { P_instance_error, instance_error },
        { P_service_create, service_create_with_ports },
        { P_service_activate, service_activate },
        { P_service_update, service_update },
        { P_service_deactivate, service_deactivate },
        { P_service_remove, service_remove },
        { P_service_restart, service_restart },
        { P_service_upgrade, service_upgrade },
        { P_service_continueupgrade, service_upgrade },
        { P_service_cancelupgrade, service_cancelupgrade },
        { P_service_finishupgrade, service_finishupgrade },
        { P_service_rollback, service_rollback },
        { P_stack_create, stack_create },
        { P_stack_remove, stack_remove },
        { P_genericobject_create, generic_object_create },
        { P_externalevent_create, external_event_create },
        { P_serviceevent_create, service_event_create },
        { P_containerevent_create, container_event_process },
        { P_physicalhost_bootstrap, physical_host_bootstrap },
        { P_machinedriver_create, machine_driver_create },
        { P_machinedriver_activate, machine_driver_activate },
        { P_machinedriver_reactivate, machine_driver_activate },
        { P_networkdriver_create, network_driver_activate },
        { P_networkdriver_activate, network_driver_activate },
        { P_networkdriver_update, network_driver_update },
        { P_networkdriver_remove, network_driver_remove },
        { P_network_create, network_create },
        { P_network_activate, network_activate },
        { P_network_deactivate, network_deactivate },
        { P_network_remove, network_remove },
        { P_subnet_deactivate, subnet_deactivate },
        { P_volume_create, volume_create },
        { P_volume_remove, volume_remove },
        { P_account_deactivate, account_deactivate },
        { P_account_remove, account_remove },
};

core_handler *core_handler_of(enum process_id p) {
        static core_handler *by_process[P_MAX];
        static bool made;
        if (!made) {
                for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                        by_process[rows[i].process] = rows[i].fn;
                made = true;
        }
        return by_process[p];
}

void core_idle_trigger(struct core *c, struct record *r) {
        switch (r->type) {
        case T_agent:    agent_idle(c, r); break;
        case T_host:     host_idle(c, r); break;
        case T_instance: instance_idle(c, r); break;
        case T_service:  service_idle(c, r); break;
        case T_volume:   volume_idle(c, r); break;
        case T_account:  health_review(c, r); break;
        case T_serviceEvent: service_event_idle(c, r); break;
        case T_containerEvent: container_event_idle(c, r); break;
        default:         break;
        }
}

void core_state_changed(struct core *c, struct record *r, enum state_id old, enum state_id now) {
        switch (r->type) {
        case T_agent:    agent_state_changed(c, r, now); break;
        case T_host:     host_state_changed(c, r, old, now); break;
        case T_instance: instance_state_changed(c, r, old, now); break;
        case T_network: case T_subnet: network_state_changed(c, r, now); break;
        case T_service:
                health_changed(c, r->id);
                health_service_changed(c, r);
                break;
        default:         break;
        }
}
