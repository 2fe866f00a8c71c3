#include "session.h"

#include "core/settings.h"
#include "core/secret.h"

enum { PER_ACCOUNT_MAX = 200, LIFE_MS_MIN = 60000 };

static bool is_over(struct core *c, const struct record *s) { return core_wall_ms(c) >= record_int(s, F_expiresMs); }

void session_end(struct core *c, struct record *session) { core_delete(c, session); }

void session_end_all(struct core *c, int64_t account_id) {
        for (const struct records *l; (l = world_of_account(core_world(c), T_token, account_id))->n;)
                core_delete(c, l->v[l->n - 1]);
}

static void forget_old(struct core *c) {
        for (size_t i = world_all(core_world(c), T_token)->n; i-- > 0;) {
                struct record *s = world_all(core_world(c), T_token)->v[i];
                if (is_over(c, s))
                        core_delete(c, s);
        }
}

struct record *session_new(struct core *c, int64_t account_id, char key[SESSION_KEY_CHARS + 1]) {
        forget_old(c);
        if (str_eq(setting_get(c, "api.auth.restrict.concurrent.sessions"), "true"))
                session_end_all(c, account_id);
        for (const struct records *l; (l = world_of_account(core_world(c), T_token, account_id))->n >= PER_ACCOUNT_MAX;)
                core_delete(c, l->v[0]);
        random_string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", key, SESSION_KEY_CHARS);
        auto_free char *hash = secret_hash(c, key);
        struct record *s = core_create(c, T_token, account_id);
        s->state = S_active;
        core_put_str(c, s, F_tokenHash, hash);
        core_put_int(c, s, F_expiresMs, core_wall_ms(c) + MAX(setting_int(c, "api.auth.jwt.token.expiry"), (int64_t) LIFE_MS_MIN));
        return s;
}

struct record *session_find(struct core *c, const char *key) {
        if (!key || strlen(key) != SESSION_KEY_CHARS)
                return NULL;
        auto_free char *hash = secret_hash(c, key);
        const struct records *l = world_by_str(core_world(c), T_token, F_tokenHash, hash);
        return l->n && !is_over(c, l->v[0]) ? l->v[0] : NULL;
}
