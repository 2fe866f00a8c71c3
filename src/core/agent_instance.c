#include "agent_instance.h"

#include <sodium.h>
#include <stdio.h>

#include "agent_key.h"
#include "formats/json.h"
#include "model/launch.h"
#include "secret.h"
#include "settings.h"

#define LABEL "io.rancher.container."

static const struct { const char *word, *variable; } roles[AGENT_ROLE_MAX] = {
        [AGENT_ROLE_AGENT] = { "agent", "AGENT" },
        [AGENT_ROLE_ENVIRONMENT] = { "environment", "ENVIRONMENT" },
        [AGENT_ROLE_ENVIRONMENT_ADMIN] = { "environmentAdmin", "ENVIRONMENT_ADMIN" },
};

const char *agent_role_to_string(enum agent_role r) { return r < AGENT_ROLE_MAX ? roles[r].word : NULL; }

enum agent_role agent_role_of(const struct record *account) {
        const char *word = record_str(account, F_agentRole);
        enum agent_role r = 0;
        while (r < AGENT_ROLE_MAX && !str_eq(roles[r].word, word))
                r++;
        return r;
}

static bool is_alive(const struct record *agent) {
        return agent && agent->state != S_removing && agent->state != S_removed && agent->state != S_purging && agent->state != S_purged;
}

struct record *agent_of_account(struct core *c, const struct record *account) {
        if (record_int(account, F_agentId)) {
                struct record *a = world_get(core_world(c), T_agent, record_int(account, F_agentId));
                return is_alive(a) ? a : NULL;
        }
        const struct records *l = world_of_account(core_world(c), T_agent, account->id);
        for (size_t i = 0; i < l->n; i++)
                if (is_alive(l->v[i]))
                        return l->v[i];
        return NULL;
}

/* ---- which roles ---- */
static bool is_system(struct core *c, const struct record *i) {
        const struct record *stack = record_int(i, F_stackId) ? world_get(core_world(c), T_stack, record_int(i, F_stackId)) : NULL;
        return stack && record_bool(stack, F_system);
}

/* Bits 1 << enum agent_role. Other words, and environmentAdmin outside of system stacks, are left out; nothing left means agent. */
static unsigned wanted_roles(struct core *c, const struct record *i) {
        char buf[64];
        const char *list = launch_label(i, LABEL "agent.role", buf, sizeof buf);
        unsigned set = 0;
        for (const char *p = list; p && *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
                const char *word = p + strspn(p, " ");
                size_t n = strcspn(word, ", ");
                for (enum agent_role r = 0; r < AGENT_ROLE_MAX; r++)
                        if (strlen(roles[r].word) == n && strncmp(roles[r].word, word, n) == 0 && (r != AGENT_ROLE_ENVIRONMENT_ADMIN || is_system(c, i)))
                                set |= 1U << r;
        }
        return set ? set : 1U << AGENT_ROLE_AGENT;
}

static bool wants_agent(const struct record *i) {
        char buf[64];
        const char *v = launch_label(i, LABEL "create_agent", buf, sizeof buf);
        return v && str_ieq(v, "true");
}

/* ---- making ---- */
static struct record *account_with_role(struct core *c, const struct record *agent, enum agent_role role) {
        const struct records *l = world_by_int(core_world(c), T_account, F_agentId, agent->id);
        for (size_t i = 0; i < l->n; i++)
                if (agent_role_of(l->v[i]) == role)
                        return l->v[i];
        return NULL;
}

static struct record *make_account(struct core *c, const struct record *agent, enum agent_role role) {
        struct record *a = core_create(c, T_account, 0);
        char name[80];
        snprintf(name, sizeof name, "agentAccount%lld-%s", (long long) agent->id, roles[role].word);
        a->state = S_active;                            /* made finished, like the built-in ones */
        core_set_uuid(c, a, name);
        core_put_str(c, a, F_kind, "agent");
        core_put_str(c, a, F_name, name);
        core_put_str(c, a, F_agentRole, roles[role].word);
        core_put_int(c, a, F_agentId, agent->id);
        return a;
}

void agent_instance_ensure(struct core *c, struct record *i) {
        if (!wants_agent(i))
                return;
        struct record *agent = record_int(i, F_agentId) ? world_get(core_world(c), T_agent, record_int(i, F_agentId)) : NULL;
        if (!is_alive(agent)) {
                char uri[64];
                snprintf(uri, sizeof uri, "event:///instanceId=%lld", (long long) i->id);
                agent = core_create(c, T_agent, 0);
                agent->state = S_active;                /* nothing connects on its behalf: it is there while the container is */
                core_put_str(c, agent, F_kind, "agent");
                core_put_str(c, agent, F_name, record_name(i));
                core_put_str(c, agent, F_uri, uri);
                core_put_bool(c, agent, F_managedConfig, false);
                core_put_int(c, agent, F_instanceId, i->id);
                core_put_int(c, agent, F_resourceAccountId, i->account_id);
                core_put_int(c, i, F_agentId, agent->id);
        }
        unsigned set = wanted_roles(c, i);
        for (enum agent_role r = 0; r < AGENT_ROLE_MAX; r++) {
                if (!(set & (1U << r)))
                        continue;
                struct record *a = account_with_role(c, agent, r);
                if (!a)
                        a = make_account(c, agent, r);
                if (!agent->account_id)
                        core_set_account(c, agent, a->id);
                (void) agent_key(c, a->id);
        }
}

/* ---- the spec ---- */
static void put_default(struct json_object *env, const char *key, const char *value) {
        if (!json_has(env, key))
                json_set_str(env, key, value);
}

/* The variables of one role; middle: "AGENT_" and such, "" for a single role. */
static void put_key(struct core *c, struct json_object *env, const struct record *account, const char *middle) {
        const struct record *key = agent_key_find(c, account->id);
        auto_free char *secret = key ? secret_open(c, record_str(key, F_secretValue)) : NULL;
        if (!secret)
                return;
        char name[64], pair[2 * (SECRET_KEY_CHARS + ACCESS_KEY_CHARS) + 2], coded[sodium_base64_ENCODED_LEN(sizeof pair, sodium_base64_VARIANT_ORIGINAL)];
        int n = snprintf(pair, sizeof pair, "%s:%s", str_or(record_str(key, F_publicValue), ""), secret);
        auto_free char *basic = NULL;
        if (n > 0 && n < (int) sizeof pair)
                basic = dr_xasprintf("Basic %s", sodium_bin2base64(coded, sizeof coded, (unsigned char *) pair, (size_t) n, sodium_base64_VARIANT_ORIGINAL));
        snprintf(name, sizeof name, "CATTLE_%sACCESS_KEY", middle);
        json_set_str(env, name, record_str(key, F_publicValue));
        snprintf(name, sizeof name, "CATTLE_%sSECRET_KEY", middle);
        json_set_str(env, name, secret);
        snprintf(name, sizeof name, "CATTLE_AGENT_INSTANCE_%sAUTH", middle);
        json_set_str(env, name, str_or(basic, ""));
        sodium_memzero(secret, strlen(secret));
        sodium_memzero(pair, sizeof pair);
}

/* Where the container finds the API. The host fills in the address it knows itself unless settings name one (agent.md 9). */
static void put_url(struct core *c, struct json_object *env) {
        const char *url = setting_get(c, "agent.instance.register.url"), *host = setting_get(c, "api.host");
        size_t n = strlen(host);
        while (n && host[n - 1] == '/')
                n--;
        auto_free char *made = *url || !n ? dr_xstrdup(url) : dr_xasprintf("%.*s/v1", (int) n, host);
        if (!*made)
                return;
        put_default(env, "CATTLE_URL", made);
        put_default(env, "CATTLE_CONFIG_URL", made);
}

static void put_mount(const struct record *i, struct json_object *spec) {
        static const char mount[] = "/var/lib/rancher/etc:/var/lib/rancher/etc:ro";
        char buf[64];
        if (str_eq(launch_label(i, LABEL "agent.volumes_strategy", buf, sizeof buf), "skip"))
                return;
        struct json_object *list = json_get_array(spec, "dataVolumes");
        if (!list) {
                list = json_object_new_array();
                json_set(spec, "dataVolumes", list);
        }
        for (size_t k = 0; k < json_object_array_length(list); k++)
                if (str_eq(json_object_get_string(json_object_array_get_idx(list, k)), mount))
                        return;
        json_object_array_add(list, json_object_new_string(mount));
}

void agent_instance_spec(struct core *c, const struct record *i, struct json_object *spec, struct json_object *labels) {
        const struct record *agent = record_int(i, F_agentId) ? world_get(core_world(c), T_agent, record_int(i, F_agentId)) : NULL;
        if (!agent || record_int(agent, F_instanceId) != i->id)
                return;
        char id[24], middle[32];
        snprintf(id, sizeof id, "%lld", (long long) agent->id);
        json_set_str(labels, LABEL "agent_id", id);
        put_mount(i, spec);
        struct json_object *env = json_get_object(spec, "environment");
        if (!env) {
                env = json_object_new_object();
                json_set(spec, "environment", env);
        }
        put_url(c, env);
        const struct records *l = world_by_int(core_world(c), T_account, F_agentId, agent->id);
        for (size_t k = 0; k < l->n; k++) {
                enum agent_role r = agent_role_of(l->v[k]);
                if (r == AGENT_ROLE_MAX)
                        continue;
                snprintf(middle, sizeof middle, "%s_", roles[r].variable);
                put_key(c, env, l->v[k], l->n == 1 ? "" : middle);
        }
}

/* ---- the end ---- */
void agent_accounts_drop(struct core *c, struct record *agent) {
        for (const struct records *l; (l = world_by_int(core_world(c), T_account, F_agentId, agent->id))->n;) {
                struct record *a = l->v[l->n - 1];
                agent_keys_drop(c, a->id);
                core_delete(c, a);
        }
}

void agent_instance_gone(struct core *c, struct record *i) {
        struct record *agent = record_int(i, F_agentId) ? world_get(core_world(c), T_agent, record_int(i, F_agentId)) : NULL;
        if (!agent || record_int(agent, F_instanceId) != i->id)
                return;
        agent_accounts_drop(c, agent);
        if (core_process_allowed(agent, P_agent_deactivate))
                (void) core_process_start(c, agent, P_agent_deactivate, NULL, NULL);    /* once inactive its idle trigger removes it */
        else if (core_process_allowed(agent, P_agent_remove))
                (void) core_process_start(c, agent, P_agent_remove, NULL, NULL);
}
