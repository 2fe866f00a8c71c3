/* What a health report says, and of which check (orchestration.md 4.4, 4.5); what follows from it: health_checks.h. */
#include "service_event.h"

#include "applier.h"
#include "base/parse.h"
#include "engine/upgrade.h"
#include "health_checks.h"
#include "settings.h"

enum { UUID_LEN = 36 };

static bool checks_it(const struct record *i, int64_t host_id) {
        struct health_check l[HEALTH_CHECKERS];
        size_t n = health_checks_get(i, l);
        for (size_t k = 0; k < n; k++)
                if (l[k].host_id == host_id)
                        return true;
        return false;
}

static bool find_pair(struct core *c, int64_t account_id, const char *uuid, struct checked *ret) {
        char host[UUID_LEN + 1], container[UUID_LEN + 1];
        memcpy(host, uuid, UUID_LEN);
        memcpy(container, uuid + UUID_LEN + 1, UUID_LEN);
        host[UUID_LEN] = container[UUID_LEN] = 0;
        const struct record *h = world_by_uuid(c->world, T_host, host);
        struct record *i = world_by_uuid(c->world, T_instance, container);
        uint64_t start = 0;
        const char *rest = uuid + 2 * UUID_LEN + 1;
        bool said = *rest == '_' && parse_u64(rest + 1, INT32_MAX, &start) == 0;
        *ret = (struct checked) { .instance = i, .host_id = h ? h->id : 0, .start = said ? (int) start : -1 };
        return h && i && i->account_id == account_id && checks_it(i, h->id);
}

static bool find_check(struct core *c, int64_t account_id, const struct uuid *u, struct checked *ret) {
        const struct records *l = world_of_account(c->world, T_instance, account_id);
        for (size_t k = 0; k < l->n; k++) {
                struct record *i = l->v[k];
                struct health_check checks[HEALTH_CHECKERS];
                if (memcmp(i->uuid.b, u->b, 10) != 0)
                        continue;
                size_t n = health_checks_get(i, checks);
                for (size_t x = 0; x < n; x++) {
                        struct uuid made = health_check_uuid(i, checks[x].number);
                        if (memcmp(made.b, u->b, sizeof made.b) == 0) {
                                *ret = (struct checked) { .instance = i, .host_id = checks[x].host_id, .start = -1 };
                                return true;
                        }
                }
        }
        return false;
}

bool service_event_find(struct core *c, int64_t account_id, const char *uuid, struct checked *ret) {
        struct uuid u;
        size_t n = strlen(uuid);
        if (n > 2 * UUID_LEN && uuid[UUID_LEN] == '_')
                return find_pair(c, account_id, uuid, ret);
        return n == UUID_LEN && uuid_parse(uuid, &u) == 0 && find_check(c, account_id, &u, ret);
}

/* ---- the network's own stacks ---- */
static bool has_network_driver(struct core *c, int64_t stack_id) {
        const struct records *l = stack_id ? world_by_int(c->world, T_service, F_stackId, stack_id) : NULL;
        for (size_t k = 0; l && k < l->n; k++)
                if (l->v[k]->kind == T_networkDriverService && !state_is_gone((enum state_id) l->v[k]->state))
                        return true;
        return false;
}

const struct record *service_event_network_changes(struct core *c, int64_t account_id) {
        const struct records *all = world_of_account(c->world, T_service, account_id);
        for (size_t k = 0; k < all->n; k++) {
                if (all->v[k]->kind != T_networkDriverService || state_is_gone((enum state_id) all->v[k]->state))
                        continue;
                const struct records *l = world_by_int(c->world, T_service, F_stackId, record_int(all->v[k], F_stackId));
                for (size_t x = 0; x < l->n; x++)
                        if (upgrade_is_under_way(l->v[x]))
                                return l->v[x];
        }
        return NULL;
}

/* Traffic of the network's own containers is what their check would travel over: their reports count as good, unless a setting says that they are meant. */
static const char *report_for(struct core *c, const struct record *i, const char *health) {
        if (str_eq(health, "INIT") || !has_network_driver(c, record_int(i, F_stackId)) || str_ieq(setting_get(c, "ipsec.service.enable.healthcheck"), "true"))
                return health;
        return "UP";
}

enum step service_event_create(struct core *c, struct record *r, struct run *run, struct step_ctx *ctx) {
        (void) run, (void) ctx;
        struct checked what;
        if (!service_event_find(c, r->account_id, str_or(record_str(r, F_healthcheckUuid), ""), &what))
                return STEP_DONE;
        struct record *i = what.instance;
        bool old = what.start >= 0 && what.start < record_int(i, F_startCount);         /* of a run that has ended */
        if (!old && !state_is_gone((enum state_id) i->state))
                health_reported(c, i, what.host_id, report_for(c, i, str_or(record_str(r, F_reportedHealth), "")), record_int(r, F_externalTimestamp));
        return STEP_DONE;
}

/* Reports come by the thousand and nobody looks at old ones: done, they are history. */
void service_event_idle(struct core *c, struct record *r) {
        if (core_process_allowed(r, P_serviceevent_remove))
                (void) core_process_start(c, r, P_serviceevent_remove, NULL, NULL);
}
