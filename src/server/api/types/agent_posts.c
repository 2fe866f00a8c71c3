/* What agents post: container events, health reports, external events (spec api.md 3.7; agent.md 16; orchestration.md 4.5). The row belongs
 * to the environment whose agent it is; what it causes is done by its create process (core/external_event.c, core/service_event.c). */
#include "core/service_event.h"
#include "core/settings.h"
#include "server/api/access.h"
#include "server/api/change.h"
#include "types.h"

static int64_t environment_of(const struct api_req *req) {
        return req->agent ? record_int(req->agent, F_resourceAccountId) : req->account_id;
}

static void give_to_environment(struct api_req *req, struct record *r) {
        int64_t account = environment_of(req);
        if (req->agent && account)
                core_set_account(api_core(req), r, account);
}

/* ---- container events ---- */
static const struct record *host_reported(struct api_req *req, const char *uuid) {
        const struct records *l = world_all(api_world(req), T_host);
        char text[RECORD_UUID_MAX];
        for (size_t i = 0; uuid && *uuid && i < l->n; i++) {
                const struct record *h = l->v[i];
                bool gone = h->removed_ms || h->state == S_removing || h->state == S_removed;
                if (!gone && (str_ieq(record_uuid(h, text), uuid) || str_ieq(record_str(h, F_physicalUuid), uuid) || str_ieq(record_str(h, F_externalId), uuid)))
                        return h;
        }
        return NULL;
}

static int64_t unprocessed(struct api_req *req, const struct record *host) {
        const struct records *l = world_of_account(api_world(req), T_containerEvent, host->account_id);
        int64_t n = 0;
        for (size_t i = 0; i < l->n; i++)
                n += record_int(l->v[i], F_hostId) == host->id && (l->v[i]->state == S_requested || l->v[i]->state == S_creating);
        return n;
}

int container_event_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        const struct value *uuid = field_values_get(values, F_reportedHostUuid), *status = field_values_get(values, F_externalStatus);
        if (old)
                return 0;
        const struct record *host = host_reported(req, uuid && uuid->tag == V_STR ? uuid->t->s : NULL);
        if (!host)
                return dr_fail(err, DR_E_INVALID_REFERENCE, "hostId", "no host is known by the reported uuid");
        if (req->agent && record_int(host, F_agentId) != req->agent->id && host->account_id != environment_of(req))
                return dr_fail(err, DR_E_CANT_VERIFY_AGENT, NULL, "the host is not the agent's");
        bool starts = status && status->tag == V_STR && str_eq(status->t->s, "start");
        if (starts && unprocessed(req, host) > setting_int(api_core(req), "container.event.max.size"))
                return dr_fail(err, DR_E_TOO_MANY_EVENTS, NULL, "too many events of host \"%.100s\" wait", record_name(host));
        values_set(values, F_hostId, value_int(host->id));
        return 0;
}

void container_event_create(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        const struct record *host = world_get(api_world(req), T_host, record_int(r, F_hostId));
        if (host)
                core_set_account(api_core(req), r, host->account_id);
}

/* ---- health reports ---- */
int service_event_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        const struct value *uuid = field_values_get(values, F_healthcheckUuid), *at = field_values_get(values, F_externalTimestamp);
        const struct value *health = field_values_get(values, F_reportedHealth);
        struct checked what;
        if (old)
                return 0;
        if (!at || at->tag != V_INT)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "externalTimestamp", "the time of the report is missing");
        if (!uuid || uuid->tag != V_STR || !service_event_find(api_core(req), environment_of(req), uuid->t->s, &what))
                return dr_fail(err, DR_E_CANT_VERIFY_HEALTHCHECK, NULL, "the agent does not make this check");
        const struct record *changes = service_event_network_changes(api_core(req), environment_of(req));
        if (changes && health && health->tag == V_STR && str_starts(health->t->s, "DOWN"))
                return dr_fail(err, DR_E_CONFLICT, NULL, "service \"%.100s\" of the network is being upgraded: report again later", record_name(changes));
        values_set(values, F_hostId, value_int(what.host_id));
        values_set(values, F_instanceId, value_int(what.instance->id));
        return 0;
}

void service_event_row_create(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        give_to_environment(req, r);
}

/* ---- external events ---- */
void external_event_row_create(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        give_to_environment(req, r);
        core_put_int(api_core(req), r, F_reportedAccountId, environment_of(req));
}
