/* A host that registers: its key in, an agent with its own key pair out (spec agent.md 2.4).
 *
 * The key is stored as a keyed hash, so neither filters nor sorting tell anything of it. POST makes the row, the agent with its account and the pair in one batch. Only a query with the right key shows the pair. A host that
 * registers again with its key, or in another environment, finds or makes the agent of that environment. */
#include <stdio.h>

#include "core/simagent.h"
#include "formats/json.h"
#include "server/api/access.h"
#include "server/api/change.h"
#include "server/api/collection.h"
#include "server/api/fields.h"
#include "core/secret.h"
#include "server/auth/credential.h"
#include "types.h"

enum { KEY_BYTES_MIN = 16 };

static bool is_gone(const struct record *r) { return state_is_gone((enum state_id) r->state); }

static struct record *agent_of(struct api_req *req, const char *key, int64_t account_id) {
        const struct records *l = world_by_str(api_world(req), T_agent, F_registerKey, key);
        for (size_t i = 0; i < l->n; i++)
                if (record_int(l->v[i], F_resourceAccountId) == account_id && !is_gone(l->v[i]))
                        return l->v[i];
        return NULL;
}

/* Callers with all accounts may register a simulated agent for any environment (spec simulator.md). */
static bool may_simulate(const struct api_req *req) { return core_config(req->api->conf.core)->simulator && req->all_accounts; }

static const char *uri_format(const struct api_req *req) {
        const char *format = may_simulate(req) ? json_str(req->body, "agentUriFormat", NULL) : NULL;
        return format && str_starts(format, SIM_URI) && str_ends(format, "%s") ? format : NULL;
}

static int take_account(struct api_req *req, struct field_values *values, int64_t *account_id, struct dr_error *err) {
        const char *given = may_simulate(req) ? json_str(req->body, "accountId", NULL) : NULL, *name;
        size_t len;
        if (!given)
                return 0;
        if (id_decode(given, strlen(given), req->plain_ids, &name, &len, account_id) < 0)
                return dr_fail(err, DR_E_INVALID_REFERENCE, "accountId", "\"%.80s\" is no account", given);
        values_set(values, F_accountId, value_int(*account_id));
        return 0;
}

int register_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        const struct value *key = field_values_get(values, F_key);
        int64_t account_id = req->account_id;
        if (old)
                return 0;
        if (take_account(req, values, &account_id, err) < 0)
                return -EINVAL;
        const struct record *account = world_get(api_world(req), T_account, account_id);
        if (!key || key->tag != V_STR || !*key->t->s)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "key", "a host registers with its key");
        if (key->t->len < KEY_BYTES_MIN)
                return dr_fail(err, DR_E_MIN_LENGTH, "key", "a key of less than %d characters could be guessed", KEY_BYTES_MIN);
        if (!account || account->kind != T_project)
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "hosts register inside an environment");
        return 0;
}

void register_create(struct api_req *req, struct record *r, const struct field_values *values) {
        struct core *c = api_core(req);
        auto_free char *key = secret_hash(c, str_or(record_str(r, F_key), ""));
        char uuid[RECORD_UUID_MAX], text[RECORD_UUID_MAX + 16];
        core_put_str(c, r, F_kind, "register");
        core_put_str(c, r, F_key, key);
        if (agent_of(req, key, r->account_id))
                return;
        struct record *agent = core_create(c, T_agent, 0), *account = core_create(c, T_account, 0);
        snprintf(text, sizeof text, "agentAccount%lld", (long long) agent->id);
        account->state = S_active;      /* made finished, like the built-in ones */
        core_set_uuid(c, account, text);
        core_put_str(c, account, F_kind, "agent");
        core_put_str(c, account, F_name, text);
        core_set_account(c, agent, account->id);
        if (uri_format(req))
                snprintf(text, sizeof text, SIM_URI "%s", record_uuid(r, uuid));
        else
                snprintf(text, sizeof text, "event://%s", record_uuid(r, uuid));
        core_put_str(c, agent, F_uri, text);
        core_put_str(c, agent, F_kind, "registeredAgent");
        core_put_bool(c, agent, F_managedConfig, true);
        core_put_str(c, agent, F_registerKey, key);
        core_put_int(c, agent, F_resourceAccountId, r->account_id);
        core_put_int(c, agent, F_agentResourcesAccountId, r->account_id);
        (void) credential_agent_key(c, account->id);
        (void) core_process_start(c, agent, P_agent_create, NULL, NULL);        /* allowed: it is new */
}

/* Shows the pair with a row that is active. */
static void reveal(struct api_req *req, const struct record *r, const char *hash, const char *key) {
        struct record *agent = agent_of(req, hash, r->account_id);
        struct record *pair = agent ? credential_agent_key_find(api_core(req), agent->account_id) : NULL;
        auto_free char *secret = pair ? credential_secret(api_core(req), pair) : NULL;
        if (!secret)
                return;
        api_saw(req, pair->seq);
        api_saw(req, agent->seq);
        fields_reveal(req, r, F_key, key);
        fields_reveal(req, r, F_accessKey, record_str(pair, F_publicValue));
        fields_reveal(req, r, F_secretKey, secret);
}

bool register_list(struct api_req *req, const struct type_def *def) {
        const char *key = api_param(req, "key");
        if (!key)
                return false;
        auto_free char *hash = secret_hash(api_core(req), key);
        const struct records *l = world_by_str(api_world(req), T_genericObject, F_key, hash);
        struct record_list rows = { 0 };
        api_saw(req, world_table_seq(api_world(req), T_genericObject));
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->kind == T_register && access_sees(req, l->v[i]) && !is_gone(l->v[i])) {
                        if (l->v[i]->state == S_active)
                                reveal(req, l->v[i], hash, key);
                        vec_push(&rows, l->v[i]);
                }
        collection_reply_rows(req, def, &rows, 200);
        vec_done(&rows);
        return true;
}
