#include "simagent.h"

#include "core-internal.h"
#include "formats/json.h"
#include "simhost.h"

#include <stdio.h>

enum { LOOK_MS = 250, HOSTS_MAX = 1000 };

struct simagents {
        struct core *core;
        struct simhosts *hosts;
        struct map known;               /* agent id -> itself */
        uint64_t next_look_ms;
        uint64_t pings;                 /* of the core, answered so far */
};

struct simagents *simagents_new(struct core *c) {
        static const struct simhosts_conf conf = { .op_min_ms = 1, .op_max_ms = 20, .full_report_ms = 15000, .steered = true };
        struct simagents *s = dr_xnew(struct simagents);
        s->core = c;
        s->hosts = simhosts_new(c, &conf);
        return s;
}

void simagents_free(struct simagents *s) {
        if (!s)
                return;
        simhosts_free(s->hosts);
        map_done(&s->known);
        free(s);
}

void simagents_make(struct simagents *s, int64_t account_id, size_t n) {
        struct core *c = s->core;
        for (size_t i = 0; i < n; i++) {
                char uri[48];
                snprintf(uri, sizeof uri, SIM_URI "sim-%lld-%zu", (long long) account_id, i);
                if (world_by_str(core_world(c), T_agent, F_registerKey, uri + strlen(SIM_URI))->n)
                        continue;
                struct record *agent = core_create(c, T_agent, 0);
                core_put_int(c, agent, F_resourceAccountId, account_id);
                core_put_str(c, agent, F_registerKey, uri + strlen(SIM_URI));
                core_put_str(c, agent, F_uri, uri);
                (void) core_process_start(c, agent, P_agent_create, NULL, NULL);        /* allowed: it is new */
        }
}

static void take(struct simagents *s, struct record *agent) {
        struct json_object *scope = json_get_object(record_json(agent, F_data), SIM_SCOPE);
        char uuid[RECORD_UUID_MAX], own[RECORD_UUID_MAX + 16], name[64];
        int64_t n = scope ? json_int(scope, "hosts", 1) : 1;
        bool shared = !scope || json_bool(scope, "addPhysicalHost", true);
        const char *physical = scope ? json_str(scope, "externalId", NULL) : NULL;
        record_uuid(agent, uuid);
        n = MAX(0, MIN(n, HOSTS_MAX));
        for (int64_t i = 0; i < n; i++) {
                snprintf(own, sizeof own, "%s-%lld", uuid, (long long) i);
                snprintf(name, sizeof name, "sim-%lld", (long long) agent->id);
                if (n > 1)
                        snprintf(name, sizeof name, "sim-%lld-%lld", (long long) agent->id, (long long) i + 1);
                simhosts_add_to(s->hosts, agent, own, name, physical ? physical : shared ? uuid : "");
        }
        map_set(&s->known, (uint64_t) agent->id, s);
}

void simagents_turn(struct simagents *s) {
        uint64_t now = core_mono_ms(s->core), pings = hosts_pings(s->core);
        if (now >= s->next_look_ms || pings != s->pings) {
                const struct records *l = world_all(core_world(s->core), T_agent);
                for (size_t i = 0; i < l->n; i++) {
                        struct record *agent = l->v[i];
                        const char *uri = record_str(agent, F_uri);
                        bool ready = agent->state == S_active || agent->state == S_activating || agent->state == S_reconnecting;
                        if (!uri || !ready || !str_starts(uri, SIM_URI))
                                continue;
                        if (!map_get(&s->known, (uint64_t) agent->id))
                                take(s, agent);
                        else if (pings != s->pings)
                                simhosts_ping(s->hosts, agent->id);
                }
                s->pings = pings;
                s->next_look_ms = now + LOOK_MS;
        }
        simhosts_turn(s->hosts);
}

uint64_t simagents_next_ms(const struct simagents *s) {
        return hosts_pings(s->core) != s->pings ? 0 : MIN(s->next_look_ms, simhosts_next_ms(s->hosts));
}
