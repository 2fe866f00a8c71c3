/* Logins of people (spec api.md 2.4): the secret is hashed off the loop, then the request goes on. */
#include <sodium.h>

#include "core/settings.h"
#include "server/api/change.h"
#include "server/auth/auth.h"
#include "server/auth/credential.h"
#include "server/auth/secret_check.h"
#include "server/auth/session.h"
#include "types.h"

/* One hash to make, after an old one was compared. In the request's arena. */
struct hashing {
        const struct type_def *def;
        int64_t credential_id;
        char *secret, *old_secret, *old_hash, *address, *check_url;
        struct dr_error refusal;        /* code 0: none */
        char hash[PASSWORD_HASH_BYTES];
        bool old_fits, made;
};

static void hash_work(void *arg) {
        struct hashing *h = arg;
        h->old_fits = !h->old_hash || password_matches(h->old_hash, h->old_secret);
        bool good = h->old_fits && (!*h->check_url || secret_check(h->check_url, h->secret, &h->refusal) == 0);
        h->made = good && password_hash(h->secret, h->hash);
        sodium_memzero(h->secret, strlen(h->secret));
}

static int check_secret(const char *secret, const char *field, struct dr_error *err) {
        if (!secret || !*secret)
                return dr_fail(err, DR_E_MISSING_REQUIRED, field, "a login needs a password");
        if (strlen(secret) > PASSWORD_BYTES_MAX)
                return dr_fail(err, DR_E_MAX_LENGTH, field, "a password has at most %d bytes", PASSWORD_BYTES_MAX);
        return 0;
}

static char *check_url(struct api_req *req) { return arena_strdup(&req->arena, setting_get(api_core(req), "api.auth.local.validate.url")); }

static void refuse(struct api_req *req, const struct hashing *h) {
        struct dr_error err = h->refusal;
        if (err.code == DR_OK)
                (void) dr_fail(&err, DR_E_UNAVAILABLE, NULL, "could not hash the password: not enough memory");
        api_fail(req, &err);
}

/* ---- POST: hash first, then the general way, which finds the hash in req->state ---- */
static void create_hashed(struct api_req *req, void *arg) {
        struct hashing *h = arg;
        if (!req)
                return;
        if (!h->made) {
                refuse(req, h);
                return;
        }
        req->state = h;
        create_reply(req, h->def, F_NONE, 0);
}

int password_post(struct api_req *req, const struct type_def *def, struct dr_error *err) {
        if (req->state)
                return -ENOSYS;
        const char *secret = json_str(req->body, "secretValue", NULL), *login = json_str(req->body, "publicValue", NULL);
        if (!login || !*login)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "publicValue", "a login needs a name");
        if (strchr(login, ':'))
                return dr_fail(err, DR_E_INVALID_CHARACTERS, "publicValue", "the name of a login has no colon");
        int r = check_secret(secret, "secretValue", err);
        if (r < 0)
                return r;
        struct hashing *h = arena_alloc(&req->arena, sizeof *h);
        *h = (struct hashing) { .def = def, .secret = arena_strdup(&req->arena, secret), .check_url = check_url(req) };
        r = auth_work(req, hash_work, create_hashed, h, err);
        return r < 0 ? r : 1;
}

int password_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        const struct value *given = field_values_get(values, F_accountId);
        const struct record *account = world_get(api_world(req), T_account, given && given->tag == V_INT ? given->i : req->account_id);
        if (!old && (!account || account->kind == T_project))
                return dr_fail(err, DR_E_INVALID_REFERENCE, "accountId", "only accounts of people have a login");
        return credential_validate(req, def, values, old, err);
}

void password_create(struct api_req *req, struct record *r, const struct field_values *values) {
        const struct hashing *h = req->state;
        core_clear(api_core(req), r, F_secretValue);            /* never in clear in the store */
        core_put_str(api_core(req), r, F_secretHash, h->hash);
}

/* ---- changesecret ---- */
static void changed(struct api_req *req, void *arg) {
        struct hashing *h = arg;
        struct dr_error err;
        if (!req)
                return;
        struct record *r = world_get(api_world(req), T_credential, h->credential_id);
        if (!h->old_fits || (r && h->old_hash && !str_eq(record_str(r, F_secretHash), h->old_hash))) {
                auth_failed(req, h->address);
                (void) dr_fail(&err, DR_E_INVALID_OLD_PASSWORD, NULL, "the old password is not right");
                api_fail(req, &err);
        } else if (!r) {
                api_fail_code(req, DR_E_NOT_FOUND, NULL);
        } else if (!h->made) {
                refuse(req, h);
        } else {
                core_put_str(api_core(req), r, F_secretHash, h->hash);
                session_end_all(api_core(req), r->account_id);
                req->wrote = true;
                record_reply(req, r, 200);
        }
}

int password_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        if (!str_eq(a->name, "changesecret"))
                return -ENOSYS;
        const struct value *old = field_values_get(in, F_oldSecret), *new = field_values_get(in, F_newSecret);
        int k = check_secret(new && new->tag == V_STR ? new->t->s : NULL, "newSecret", err);
        const char *address = auth_address(req);
        if (k < 0 || (k = auth_may_try(req, address, err)) < 0)
                return k;
        struct hashing *h = arena_alloc(&req->arena, sizeof *h);
        *h = (struct hashing) { .credential_id = r->id, .secret = arena_strdup(&req->arena, new->t->s), .address = (char *) address,
                                .check_url = check_url(req) };
        if (req->role != ROLE_admin && req->role != ROLE_superadmin) {
                h->old_hash = arena_strdup(&req->arena, str_or(record_str(r, F_secretHash), ""));
                h->old_secret = arena_strdup(&req->arena, old && old->tag == V_STR ? old->t->s : "");
        }
        k = auth_work(req, hash_work, changed, h, err);
        return k < 0 ? k : 1;
}
