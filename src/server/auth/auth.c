#include "auth.h"

#include <sodium.h>
#include <stdio.h>

#include "core/agent_instance.h"
#include "core/secret.h"
#include "core/settings.h"
#include "credential.h"
#include "server/registration_token.h"
#include "session.h"
#include "throttle.h"

enum { LOGINS_KEPT = 64, LOGIN_KEPT_MS = 60000 };
enum { WORK_MAX = 32 };                 /* hashes waiting: each takes memory and a pool thread for some 20 ms */

/* A password that fitted: a keyed hash of login, stored hash and what was shown. */
struct known_login { char *seen; uint64_t until_ms; };

struct auth {
        struct loop *loop;
        struct core *core;
        struct throttle *throttle;
        unsigned working;
        struct known_login logins[LOGINS_KEPT];
        size_t next_login;
};

struct auth *auth_new(struct loop *l, struct core *c) {
        struct auth *a = dr_xnew(struct auth);
        a->loop = l;
        a->core = c;
        a->throttle = throttle_new();
        return a;
}

struct auth *auth_free(struct auth *a) {
        if (!a)
                return NULL;
        while (a->working > 0)
                (void) loop_turn(a->loop, true);
        throttle_free(a->throttle);
        for (size_t i = 0; i < LOGINS_KEPT; i++)
                free(a->logins[i].seen);
        free(a);
        return NULL;
}

static struct auth *auth_of(const struct api_req *req) {
        return req->api->conf.authenticate == auth_authenticate ? req->api->conf.authenticate_arg : NULL;
}

bool auth_enabled(struct core *c) { return str_eq(setting_get(c, "api.security.enabled"), "true"); }

const char *auth_provider(struct core *c) {
        if (core_config(c)->no_auth && !setting_record(c, "api.auth.provider.configured"))
                return "none";
        const char *p = setting_get(c, "api.auth.provider.configured");
        return *p ? p : "none";
}

/* ---- who an account is ---- */
/* A container's account with role environment acts as the environment that the container is in. */
static int act_as_environment(struct api_req *req, enum role role, struct dr_error *err) {
        struct record *p = world_get(api_world(req), T_account, record_int(req->agent, F_resourceAccountId));
        if (!account_is_usable(p))
                return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "the environment of this container is not active");
        req->role = role;
        req->account_id = req->project_id = p->id;
        api_saw(req, p->seq);
        return 0;
}

static const struct { const char *kind; enum role role; bool all_accounts; } kinds[] = {       /* api.md 2.2 */
        { "admin", ROLE_admin, true },
        { "superadmin", ROLE_superadmin, true },
        { "service", ROLE_service, true },
        { "user", ROLE_user, false },
        { "project", ROLE_project, false },
        { "readAdmin", ROLE_readAdmin, false },
        { "token", ROLE_token, false },
};

static int become(struct api_req *req, struct record *account, struct dr_error *err) {
        const char *kind = str_or(record_str(account, F_kind), account->kind == T_project ? "project" : "user");
        if (!account_is_usable(account))
                return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "account \"%s\" is not active", record_name(account));
        if (str_eq(kind, "agent") || str_eq(kind, "registeredAgent")) {
                static const enum role acting[AGENT_ROLE_MAX] = { [AGENT_ROLE_ENVIRONMENT] = ROLE_environment, [AGENT_ROLE_ENVIRONMENT_ADMIN] = ROLE_projectadmin };
                struct record *agent = agent_of_account(api_core(req), account);
                enum agent_role as = agent_role_of(account);
                if (!agent)
                        return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "the agent of this key is removed");
                api_set_caller(req, account, ROLE_agent, false);
                req->agent = agent;
                return as == AGENT_ROLE_ENVIRONMENT || as == AGENT_ROLE_ENVIRONMENT_ADMIN ? act_as_environment(req, acting[as], err) : 0;
        }
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (str_eq(kind, kinds[i].kind)) {
                        api_set_caller(req, account, kinds[i].role, kinds[i].all_accounts);
                        return 0;
                }
        return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "accounts of kind \"%.40s\" cannot ask", kind);
}

static int become_admin(struct api_req *req, struct dr_error *err) {
        struct record *admin = world_by_uuid(api_world(req), T_account, "admin");
        if (!admin || !account_is_usable(admin))
                return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "there is no active administrator");
        api_set_caller(req, admin, ROLE_admin, true);
        req->auth_type = "AdminAuth";
        req->key = NULL;
        return 0;
}

/* ---- sessions ---- */
static char *cookie(struct api_req *req, const char *name) {
        size_t n = strlen(name);
        for (const char *p = api_header(req, "Cookie"); p && *p; p = strchr(p, ';')) {
                p += strspn(p, "; ");
                if (strncmp(p, name, n) == 0 && p[n] == '=')
                        return arena_strndup(&req->arena, p + n + 1, strcspn(p + n + 1, ";"));
        }
        return NULL;
}

static bool has_scheme(const char *value, const char *scheme) {
        size_t n = strlen(scheme);
        for (size_t i = 0; i < n; i++)
                if ((value[i] | 0x20) != scheme[i])
                        return false;
        return value[n] == ' ';
}

static const char *session_key(struct api_req *req) {
        const char *key = cookie(req, "token"), *given = api_header(req, "Authorization");
        if (key && *key)
                return key;
        if (given && has_scheme(given, "bearer"))
                return given + 7 + strspn(given + 7, " ");
        if (given && !strchr(given, ' '))
                return given;
        return api_param(req, "token");
}

struct record *auth_session(struct api_req *req) {
        struct record *s = session_find(api_core(req), session_key(req));
        return s && account_is_usable(world_get(api_world(req), T_account, s->account_id)) ? s : NULL;
}

/* ---- the ways in, in their order (api.md 2.1) ---- */
enum way { WAY_NONE, WAY_FOUND, WAY_REFUSED, WAY_LATER, WAY_BUSY };

static enum way become_or_refuse(struct api_req *req, struct record *account, struct record *key, const char *auth_type, struct dr_error *err) {
        if (!account || become(req, account, err) < 0)
                return WAY_REFUSED;
        if (key)
                api_saw(req, key->seq);
        req->key = key;
        req->auth_type = auth_type;
        return WAY_FOUND;
}

static enum way by_type(struct api_req *req, struct dr_error *err) {
        const struct type_def *def = req->n_seg ? type_by_name(req->version, req->seg[0], strlen(req->seg[0])) : NULL;
        if (!def || def->id != T_token)
                return WAY_NONE;
        return become_or_refuse(req, world_by_uuid(api_world(req), T_account, "token"), NULL, "TokenAccount", err);
}

static enum way by_session(struct api_req *req, struct dr_error *err) {
        struct record *s = str_eq(auth_provider(api_core(req)), "none") ? NULL : auth_session(req);
        if (!s)
                return WAY_NONE;
        return become_or_refuse(req, world_get(api_world(req), T_account, s->account_id), s, "TokenAuth", err);
}

/* A project named by something else than the path counts only where none of the stronger ways named one (api.md 2.2). */
static void want_project(struct api_req *req, const char *id) {
        const char *header = api_header(req, "X-API-Project-Id"), *param = api_param(req, "projectId");
        if (!req->path_project && !(header && *header) && !(param && *param) && *id)
                req->path_project = arena_strdup(&req->arena, id);
}

/* ---- logins shown with each request (Basic, kind usernamePassword): compared off the loop, remembered for a while ---- */
struct login {
        struct auth *auth;
        struct api_req *req;
        int64_t credential_id;
        char *hash, *password, *seen;
        bool fits;
};

static char *seen_text(struct auth *a, const struct record *login, const char *password) {
        auto_free char *all = dr_xasprintf("%lld:%s:%s", (long long) login->id, str_or(record_str(login, F_secretHash), ""), password);
        return secret_hash(a->core, all);
}

static struct record *active_login(struct core *c, const char *name) {
        struct record *r = credential_by_login(c, name);
        return r && r->state == S_active && record_str(r, F_secretHash) ? r : NULL;
}

static struct record *login_known(struct auth *a, const char *name, const char *password) {
        struct record *r = a ? active_login(a->core, name) : NULL;
        if (!r)
                return NULL;
        auto_free char *seen = seen_text(a, r, password);
        for (size_t i = 0; i < LOGINS_KEPT; i++)
                if (str_eq(a->logins[i].seen, seen) && core_mono_ms(a->core) < a->logins[i].until_ms)
                        return r;
        return NULL;
}

static void login_work(void *arg) {
        struct login *l = arg;
        l->fits = password_matches(l->hash, l->password) && l->credential_id;
        sodium_memzero(l->password, strlen(l->password));
}

static int finish(struct api_req *req, enum way w, struct dr_error *err);

static void login_done(void *arg) {
        struct login *l = arg;
        struct auth *a = l->auth;
        struct dr_error err = { 0 };
        struct record *r = l->fits ? world_get(core_world(a->core), T_credential, l->credential_id) : NULL;
        a->working--;
        if (r && (r->state != S_active || !str_eq(record_str(r, F_secretHash), l->hash)))
                r = NULL;               /* changed meanwhile */
        if (r) {
                struct known_login *k = &a->logins[a->next_login++ % LOGINS_KEPT];
                free(k->seen);
                *k = (struct known_login) { dr_take(l->seen), core_mono_ms(a->core) + LOGIN_KEPT_MS };
        }
        enum way w = r ? become_or_refuse(l->req, world_get(core_world(a->core), T_account, r->account_id), r, "BasicAuth", &err) : WAY_REFUSED;
        int result = l->req->http ? finish(l->req, w, &err) : -EACCES;
        api_resume(l->req, result, &err);
        free(l->hash);
        free(l->password);
        free(l->seen);
        free(l);
}

static bool is_access_key(const char *s) { return strlen(s) == ACCESS_KEY_CHARS && strspn(s, "0123456789ABCDEF") == ACCESS_KEY_CHARS; }

static enum way login_start(struct api_req *req, const char *name, const char *password, struct dr_error *err) {
        struct auth *a = auth_of(req);
        const struct record *r = a ? active_login(a->core, name) : NULL;
        if (!a || (!r && is_access_key(name)))
                return WAY_REFUSED;     /* other unknown names take as long as known ones: who has a login is nobody's business */
        if (a->working >= WORK_MAX) {
                (void) dr_fail(err, DR_E_UNAVAILABLE, NULL, "too many logins at once: try again");
                return WAY_BUSY;
        }
        if (auth_may_try(req, auth_address(req), err) < 0)
                return WAY_BUSY;
        struct login *l = dr_xnew(struct login);
        *l = (struct login) { .auth = a, .req = req, .credential_id = r ? r->id : 0, .hash = dr_xstrdup(r ? record_str(r, F_secretHash) : password_no_hash()),
                              .password = dr_xstrdup(password), .seen = r ? seen_text(a, r, password) : NULL };
        a->working++;
        loop_work(a->loop, login_work, login_done, l);
        return WAY_LATER;
}

static enum way by_basic(struct api_req *req, struct dr_error *err) {
        struct core *c = api_core(req);
        auto_free char *user = NULL, *password = NULL;
        if (!req->http || http_headers_basic(&req->http->headers, &user, &password) < 0)
                return WAY_NONE;
        if (str_eq(user, "registrationToken")) {
                struct record *token = registration_token_check(c, password);
                struct record *account = token ? world_get(api_world(req), T_account, token->account_id) : NULL;
                if (!account_is_usable(account))
                        return WAY_REFUSED;
                api_set_caller(req, account, ROLE_register, false);
                api_saw(req, token->seq);
                req->key = token;
                req->auth_type = "RegistrationToken";
                return WAY_FOUND;
        }
        if (str_starts(user, "X-API-BEARER") && (!user[12] || user[12] == '=')) {
                if (user[12])
                        want_project(req, user + 13);
                if (!auth_enabled(c))
                        return WAY_NONE;        /* everybody is the administrator */
                struct record *s = session_find(c, password);
                return s ? become_or_refuse(req, world_get(api_world(req), T_account, s->account_id), s, "TokenAuth", err) : WAY_REFUSED;
        }
        struct record *key = credential_check(c, user, password);
        if (!key && (key = login_known(auth_of(req), user, password)) == NULL)
                return login_start(req, user, password, err);
        return become_or_refuse(req, world_get(api_world(req), T_account, key->account_id), key, "BasicAuth", err);
}

static void project_of_access_key(struct api_req *req) {
        const char *key = api_header(req, "X-API-Client-Access-Key");
        const struct records *l = key ? world_by_str(api_world(req), T_credential, F_publicValue, key) : NULL;
        char id[ID_TEXT_MAX];
        for (size_t i = 0; l && i < l->n; i++) {
                const struct record *a = world_get(api_world(req), T_account, l->v[i]->account_id);
                if (l->v[i]->state == S_active && l->v[i]->kind == T_apiKey && a && a->kind == T_project) {
                        want_project(req, id_format(req->version, T_account, a->id, id));
                        return;
                }
        }
}

int auth_authenticate(void *arg, struct api_req *req, struct dr_error *err) {
        static enum way (*const ways[])(struct api_req *, struct dr_error *) = { by_type, by_session, by_basic };
        enum way w = WAY_NONE;
        err->code = DR_OK;
        for (size_t i = 0; i < ARRAY_LEN(ways) && w == WAY_NONE; i++)
                w = ways[i](req, err);
        return w == WAY_LATER ? 1 : finish(req, w, err);
}

static int finish(struct api_req *req, enum way w, struct dr_error *err) {
        struct core *c = api_core(req);
        bool open = !auth_enabled(c) && !str_eq(api_header(req, "X-ENFORCE-AUTHENTICATION"), "true");
        if (w == WAY_BUSY && !open)
                return -EBUSY;
        if (w != WAY_FOUND && open)
                w = become_admin(req, err) == 0 ? WAY_FOUND : WAY_REFUSED;
        if (w == WAY_FOUND) {
                project_of_access_key(req);
                if (req->role != ROLE_token && auth_enabled(c) && req->http && !req->api->conf.reply)
                        http_request_trust(req->http);
                return 0;
        }
        /* What was read to refuse must be durable too: a key that is being removed may come back. */
        api_saw(req, world_table_seq(api_world(req), T_credential));
        if (w == WAY_REFUSED) {
                int r = auth_may_try(req, auth_address(req), err);
                auth_failed(req, auth_address(req));
                if (r < 0)
                        return r;
        }
        return dr_fail(err, DR_E_UNAUTHORIZED, NULL, w == WAY_NONE ? "no credentials were given" : "these credentials are not valid");
}

struct record *auth_agent(struct core *c, const struct http_headers *headers) {
        auto_free char *user = NULL, *password = NULL;
        struct record *key = http_headers_basic(headers, &user, &password) == 0 ? credential_check(c, user, password) : NULL;
        const struct record *account = key && str_eq(record_str(key, F_kind), "agentApiKey") ? world_get(core_world(c), T_account, key->account_id) : NULL;
        return account && agent_role_of(account) == AGENT_ROLE_MAX ? agent_of_account(c, account) : NULL;      /* containers' agents have no host */
}

bool auth_is_admin_key(struct core *c, const struct http_headers *headers) {
        auto_free char *user = NULL, *password = NULL;
        struct record *key = http_headers_basic(headers, &user, &password) == 0 ? credential_check(c, user, password) : NULL;
        const struct record *account = key ? world_get(core_world(c), T_account, key->account_id) : NULL;
        return account && account->kind == T_account && str_eq(record_str(account, F_kind), "admin");
}

/* ---- failures ---- */
const char *auth_address(struct api_req *req) { return arena_strdup(&req->arena, str_or(req->http ? req->http->peer : NULL, "")); }

int auth_may_try(struct api_req *req, const char *address, struct dr_error *err) {
        struct auth *a = auth_of(req);
        if (!a || throttle_allows(a->throttle, address, core_mono_ms(a->core)))
                return 0;
        return dr_fail(err, DR_E_TOO_MANY_REQUESTS, NULL, "too many failed logins from this address: try again in some seconds");
}

void auth_failed(struct api_req *req, const char *address) {
        struct auth *a = auth_of(req);
        if (a)
                throttle_failed(a->throttle, address, core_mono_ms(a->core));
}

/* ---- work off the loop ---- */
struct job {
        struct auth *auth;
        struct api_req *req;
        int64_t caller_id;
        void (*work)(void *arg);
        void (*done)(struct api_req *req, void *arg);
        void *arg;
};

static void job_work(void *arg) {
        struct job *j = arg;
        j->work(j->arg);
}

static void job_done(void *arg) {
        struct job *j = arg;
        struct api_req *req = j->req;
        j->auth->working--;
        req->caller = world_get(api_world(req), T_account, j->caller_id);
        if (!req->caller) {
                j->done(NULL, j->arg);
                api_fail_code(req, DR_E_UNAUTHORIZED, NULL);
        } else {
                j->done(req, j->arg);
        }
        free(j);
}

int auth_work(struct api_req *req, void (*work)(void *arg), void (*done)(struct api_req *req, void *arg), void *arg, struct dr_error *err) {
        struct auth *a = auth_of(req);
        if (req->internal)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "the server does not wait for itself"); /* NotImplemented means "go on" to hooks */
        if (!a) {
                work(arg);
                done(req, arg);
                return 0;
        }
        if (a->working >= WORK_MAX)
                return dr_fail(err, DR_E_UNAVAILABLE, NULL, "too many logins at once: try again");
        struct job *j = dr_xnew(struct job);
        *j = (struct job) { .auth = a, .req = req, .caller_id = req->caller->id, .work = work, .done = done, .arg = arg };
        a->working++;
        loop_work(a->loop, job_work, job_done, j);
        return 0;
}
