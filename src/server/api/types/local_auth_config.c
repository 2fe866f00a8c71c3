/* Turning access control on and off (spec api.md 2.3, 2.4): settings, and the first administrator's login. */
#include <sodium.h>

#include "core/settings.h"
#include "server/api/change.h"
#include "server/api/plain.h"
#include "server/auth/auth.h"
#include "server/auth/credential.h"
#include "server/auth/session.h"
#include "types.h"

struct change {
        int64_t credential_id;          /* the login that is there; 0: the first administrator gets it */
        const char *login, *old_hash, *mode, *address;
        char *password;
        char hash[PASSWORD_HASH_BYTES];
        bool has_login, enabled, ok;
};

static void write_config(struct api_req *req, struct jw *w, void *arg) {
        struct core *c = api_core(req);
        plain_begin(w, type_get(req->version, T_localAuthConfig), NULL, arena_printf(&req->arena, "%s/localauthconfigs", req->url));
        jw_kstring(w, "accessMode", setting_get(c, "api.auth.local.access.mode"));
        jw_kbool(w, "enabled", auth_enabled(c));
        jw_kstring(w, "name", "");
        jw_kstring(w, "username", "");
        jw_kstring(w, "password", "");
        jw_end(w);
}

bool local_auth_list(struct api_req *req, const struct type_def *def) {
        api_saw(req, world_table_seq(api_world(req), T_setting));
        plain_collection(req, def, write_config, NULL);
        return true;
}

static void set(struct core *c, const char *name, const char *value) {
        struct record *r = setting_record(c, name);
        if (!r) {
                r = core_create(c, T_setting, 0);
                core_put_str(c, r, F_name, name);
        }
        core_put_str(c, r, F_value, value);
}

static struct record *first_admin(struct api_req *req) {
        const struct records *l = world_all(api_world(req), T_account);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->state == S_active && str_eq(record_str(l->v[i], F_kind), "admin"))
                        return l->v[i];
        return NULL;
}

static void replace_login(struct core *c, const struct record *admin, const struct change *ch) {
        const struct records *l = world_of_account(core_world(c), T_credential, admin->id);
        for (size_t i = l->n; i-- > 0;) {
                struct record *r = world_of_account(core_world(c), T_credential, admin->id)->v[i];
                if (r->kind == T_password)
                        core_delete(c, r);
        }
        (void) credential_make_password(c, admin->id, ch->login, ch->hash);
}

/* Environments that nobody owns would be out of reach. */
static void own_the_unowned(struct api_req *req, const struct record *admin) {
        struct core *c = api_core(req);
        const struct records *l = world_all(api_world(req), T_account);
        for (size_t i = 0; i < l->n; i++) {
                const struct record *p = l->v[i];
                if (p->kind != T_project || p->removed_ms || world_by_int(api_world(req), T_projectMember, F_projectId, p->id)->n)
                        continue;
                struct record *m = core_create(c, T_projectMember, p->id);
                auto_free char *id = dr_xasprintf("%lld", (long long) admin->id);
                m->state = S_active;
                core_put_int(c, m, F_projectId, p->id);
                core_put_str(c, m, F_externalId, id);
                core_put_str(c, m, F_externalIdType, "rancher_id");
                core_put_str(c, m, F_role, "owner");
                core_put_str(c, m, F_name, record_name(admin));
        }
}

static void work(void *arg) {
        struct change *ch = arg;
        ch->ok = ch->credential_id ? password_matches(ch->old_hash, ch->password) : password_hash(ch->password, ch->hash);
        sodium_memzero(ch->password, strlen(ch->password));
}

static void done(struct api_req *req, void *arg) {
        struct change *ch = arg;
        struct dr_error err;
        if (!req)
                return;
        struct core *c = api_core(req);
        struct record *admin = first_admin(req);
        if (ch->has_login && (!ch->ok || !admin)) {
                auth_failed(req, ch->address);
                (void) dr_fail(&err, DR_E_INCORRECT_PASSWORD, NULL, "the login \"%.64s\" has another password", ch->login);
                api_fail(req, &err);
                return;
        }
        if (ch->has_login && !ch->credential_id)
                replace_login(c, admin, ch);
        set(c, "api.security.enabled", ch->enabled ? "true" : "false");
        set(c, "api.auth.provider.configured", ch->enabled ? "localauthconfig" : "none");
        set(c, "api.auth.local.access.mode", ch->mode);
        if (ch->enabled && admin)
                own_the_unowned(req, admin);
        req->wrote = true;
        plain_reply(req, 201, write_config, NULL);
}

int local_auth_post(struct api_req *req, const struct type_def *def, struct dr_error *err) {
        static const char *const modes[] = { "unrestricted", "restricted", "required" };
        struct core *c = api_core(req);
        const char *login = json_str(req->body, "username", ""), *password = json_str(req->body, "password", ""), *address = auth_address(req);
        const char *mode = json_str(req->body, "accessMode", "unrestricted");
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(modes); i++)
                known |= str_eq(mode, modes[i]);
        if (!known)
                return dr_fail(err, DR_E_INVALID_OPTION, "accessMode", "there is no access mode \"%.40s\"", mode);
        if (strlen(password) > PASSWORD_BYTES_MAX)
                return dr_fail(err, DR_E_MAX_LENGTH, "password", "a password has at most %d bytes", PASSWORD_BYTES_MAX);
        if (*login && !*password)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "password", "a login needs a password");
        if (strchr(login, ':'))
                return dr_fail(err, DR_E_INVALID_CHARACTERS, "username", "the name of a login has no colon");
        int k = *login ? auth_may_try(req, address, err) : 0;
        if (k < 0)
                return k;
        struct change *ch = arena_alloc(&req->arena, sizeof *ch);
        *ch = (struct change) { .login = arena_strdup(&req->arena, login), .password = arena_strdup(&req->arena, password), .has_login = *login,
                                .mode = arena_strdup(&req->arena, mode), .enabled = json_bool(req->body, "enabled", false), .address = address };
        const struct record *r = *login ? credential_by_login(c, login) : NULL;
        if (r && r->state == S_active) {
                ch->credential_id = r->id;
                ch->old_hash = arena_strdup(&req->arena, str_or(record_str(r, F_secretHash), ""));
        }
        if (!*login) {
                done(req, ch);
                return 1;
        }
        k = auth_work(req, work, done, ch, err);
        return k < 0 ? k : 1;
}
