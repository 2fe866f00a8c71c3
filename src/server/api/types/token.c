/* Logging in and out (spec api.md 2.4): POST token gives a session key, GET tells who has one, DELETE ends it. */
#include <sodium.h>

#include "core/settings.h"
#include "server/api/change.h"
#include "server/api/plain.h"
#include "server/auth/auth.h"
#include "server/auth/credential.h"
#include "server/auth/session.h"
#include "types.h"

/* What one token says. account NULL: nobody is logged in. */
struct shown { const struct record *account; const char *login, *key; };

static void write_token(struct api_req *req, struct jw *w, void *arg) {
        struct core *c = api_core(req);
        const struct shown *t = arg;
        const struct record *a = t->account;
        const struct type_def *def = type_get(req->version, T_token);
        char id[ID_TEXT_MAX];
        bool on = auth_enabled(c);
        plain_begin(w, def, NULL, arena_printf(&req->arena, "%s/token/current", req->url));
        jw_kstring(w, "jwt", t->key);
        jw_kstring(w, "accountId", a ? id_format(req->version, T_account, a->id, id) : NULL);
        jw_kstring(w, "user", t->login);
        jw_kstring(w, "userType", a ? str_or(record_str(a, F_kind), "user") : NULL);
        jw_kbool(w, "security", on);
        jw_kbool(w, "enabled", on);
        jw_kstring(w, "authProvider", auth_provider(c));
        jw_knull(w, "code");
        jw_knull(w, "originalLogin");
        jw_knull(w, "redirectUrl");
        jw_key(w, "userIdentity");
        if (a)
                identity_write(req, w, a);
        else
                jw_null(w);
        jw_key(w, "identities");
        jw_begin_array(w);
        if (a)
                identity_write(req, w, a);
        jw_end(w);
        jw_end(w);
}

static struct shown current(struct api_req *req) {
        struct record *s = auth_session(req);
        struct record *a = s ? world_get(api_world(req), T_account, s->account_id) : NULL;
        api_saw(req, s ? s->seq : world_table_seq(api_world(req), T_token));
        return (struct shown) { a, a ? record_name(a) : NULL, NULL };
}

bool token_list(struct api_req *req, const struct type_def *def) {
        struct shown t = current(req);
        plain_collection(req, def, write_token, &t);
        return true;
}

int token_item(struct api_req *req, const struct type_def *def, const char *id, struct dr_error *err) {
        if (!str_eq(id, "current"))
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "only the current token is shown");
        if (req->method == VERB_GET) {
                struct shown t = current(req);
                plain_reply(req, 200, write_token, &t);
                return 1;
        }
        if (req->method != VERB_DELETE)
                return dr_fail(err, DR_E_METHOD, NULL, "a token is not changed");
        struct record *s = auth_session(req);
        req->subject_id = s ? s->account_id : 0;
        if (s)
                session_end(api_core(req), s);
        req->wrote = true;
        api_header_add(req, "Set-Cookie", "token=;Path=/;Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        api_reply_empty(req, 204);
        return 1;
}

/* ---- login ---- */
struct login {
        int64_t credential_id;          /* 0: no such login */
        const char *name, *hash, *address;
        char *password;
        bool fits;
};

static void compare(void *arg) {
        struct login *l = arg;
        l->fits = password_matches(l->hash, l->password) && l->credential_id;
        sodium_memzero(l->password, strlen(l->password));
}

static bool has_project(struct api_req *req, const struct record *account) {
        const struct records *l = world_all(api_world(req), T_account);
        for (size_t i = 0; i < l->n; i++)
                if (l->v[i]->kind == T_project && api_member_role(req, account, l->v[i]))
                        return true;
        return false;
}

/* The first login of somebody without any environment makes one (setting project.create.default). */
static void make_project(struct api_req *req, struct record *account, const char *login) {
        if (has_project(req, account) || !str_eq(setting_get(api_core(req), "project.create.default"), "true"))
                return;
        const struct type_def *def = type_get(req->version, T_project);
        struct record *caller = req->caller;
        auto_free char *name = dr_xasprintf("%.200s-Default", login);
        __attribute__((cleanup(field_values_done_auto))) struct field_values values = { 0 };
        values_set(&values, F_name, value_str(name));
        req->caller = account;          /* the owner */
        (void) change_create(req, def, 0, &values);
        req->caller = caller;
}

static void compared(struct api_req *req, void *arg) {
        struct login *l = arg;
        struct dr_error err;
        if (!req)
                return;
        struct core *c = api_core(req);
        const struct record *r = l->fits ? world_get(api_world(req), T_credential, l->credential_id) : NULL;
        struct record *account = r && r->state == S_active && str_eq(record_str(r, F_secretHash), l->hash)
                ? world_get(api_world(req), T_account, r->account_id) : NULL;
        if (!account_is_usable(account)) {
                auth_failed(req, l->address);
                (void) dr_fail(&err, DR_E_UNAUTHORIZED, NULL, "login or password is wrong");
                api_fail(req, &err);
                return;
        }
        char key[SESSION_KEY_CHARS + 1];
        (void) session_new(c, account->id, key);
        make_project(req, account, l->name);
        req->subject_kind = T_account;
        req->subject_id = account->id;
        req->auth_type = "TokenAuth";
        req->wrote = true;
        struct shown t = { account, l->name, key };
        plain_reply(req, 201, write_token, &t);
}

int token_post(struct api_req *req, const struct type_def *def, struct dr_error *err) {
        struct core *c = api_core(req);
        const char *code = json_str(req->body, "code", NULL), *colon = code ? strchr(code, ':') : NULL, *address = auth_address(req);
        if (str_eq(auth_provider(c), "none"))
                return dr_fail(err, DR_E_NO_AUTH_PROVIDER, NULL, "no provider of logins is configured");
        if (!code)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "code", "a login is \"USER:PASSWORD\"");
        if (!colon)
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "a login is \"USER:PASSWORD\"");
        int k = auth_may_try(req, address, err);
        if (k < 0)
                return k;
        struct login *l = arena_alloc(&req->arena, sizeof *l);
        *l = (struct login) { .name = arena_strndup(&req->arena, code, (size_t) (colon - code)), .address = address,
                              .password = arena_strdup(&req->arena, colon + 1), .hash = password_no_hash() };
        const struct record *r = credential_by_login(c, l->name);
        const char *hash = r && r->state == S_active ? record_str(r, F_secretHash) : NULL;
        if (hash) {
                l->credential_id = r->id;
                l->hash = arena_strdup(&req->arena, hash);
                l->name = arena_strdup(&req->arena, record_str(r, F_publicValue));
        }
        k = auth_work(req, compare, compared, l, err);
        return k < 0 ? k : 1;
}
