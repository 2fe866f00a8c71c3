#include "host_token.h"

#include "base/log.h"
#include "core/secret.h"
#include "core/settings.h"
#include "jwt.h"

#include <sodium.h>

#define KEY_NAME "drover-host-token-key"        /* publicValue of its record */
#define ISSUER "http://cattle.io"
#define SUBJECT "cattle"

enum { LIFE_S_MIN = 1, LIFE_S_MAX = 7 * 86400 };

struct host_tokens { struct core *core; struct rsa_key *key; char *public_pem; };

static struct record *key_record(struct core *c) {
        const struct records *l = world_by_str(core_world(c), T_credential, F_publicValue, KEY_NAME);
        for (size_t i = 0; i < l->n; i++)
                if (!l->v[i]->account_id)       /* else somebody's of that name */
                        return l->v[i];
        return NULL;
}

static int load(struct host_tokens *t, const struct record *rec, struct dr_error *err) {
        char *pem = secret_open(t->core, record_str(rec, F_secretValue));
        int r = pem ? rsa_key_read(pem, &t->key, err) : dr_fail(err, DR_E_INTERNAL, NULL, "the stored key of host tokens cannot be opened");
        if (pem)
                sodium_memzero(pem, strlen(pem));
        free(pem);
        return r;
}

/* rec: the record whose key is no use; NULL: there is none yet. */
static int make(struct host_tokens *t, struct record *rec, struct dr_error *err) {
        int r = rsa_key_make(&t->key, err);
        if (r < 0)
                return r;
        auto_free char *pem = rsa_key_private_pem(t->key), *sealed = secret_seal(t->core, pem);
        sodium_memzero(pem, strlen(pem));
        bool fresh = !rec;
        if (fresh)
                rec = core_create(t->core, T_credential, 0);
        core_put_str(t->core, rec, F_name, "key of host tokens");
        core_put_str(t->core, rec, F_publicValue, KEY_NAME);
        core_put_str(t->core, rec, F_secretValue, sealed);
        return fresh ? core_process_start(t->core, rec, P_credential_create, NULL, err) : 0;
}

int host_tokens_new(struct core *c, struct host_tokens **ret, struct dr_error *err) {
        AUTO(host_tokens_free) struct host_tokens *t = dr_xnew(struct host_tokens);
        t->core = c;
        struct record *rec = key_record(c);
        int r = rec ? load(t, rec, err) : -ENOENT;
        if (rec && r < 0)               /* tokens live for minutes: a new key costs nobody much */
                log_warning("a new key of host tokens will be made", "reason", err->message, NULL);
        if (r == 0)
                t->public_pem = rsa_key_public_pem(t->key);
        *ret = dr_take(t);
        return 0;
}

/* The key, made when it is first needed: that takes longer than all else of a server's first start. */
static int ensure(struct host_tokens *t, struct dr_error *err) {
        int r = t->key ? 0 : make(t, key_record(t->core), err);
        if (r == 0 && !t->public_pem)
                t->public_pem = rsa_key_public_pem(t->key);
        return r;
}

struct host_tokens *host_tokens_free(struct host_tokens *t) {
        if (t) {
                rsa_key_free(t->key);
                free(t->public_pem);
        }
        free(t);
        return NULL;
}

const char *host_tokens_public_pem(struct host_tokens *t) {
        struct dr_error err;
        if (ensure(t, &err) < 0)
                log_error("the key of host tokens cannot be made", "reason", err.message, NULL);
        return str_or(t->public_pem, "");
}

int host_token_make(struct host_tokens *t, const struct json_object *claims, int64_t life_s, char **ret, struct dr_error *err) {
        int r = ensure(t, err);
        if (r < 0)
                return r;
        int64_t now_s = core_wall_ms(t->core) / 1000, life = life_s ? life_s : setting_int(t->core, "jwt.default.expiration.seconds");
        AUTO(json_free) struct json_object *all = json_copy(claims);
        json_set_str(all, "iss", ISSUER);
        json_set_str(all, "sub", SUBJECT);
        json_set_str(all, "kid", "default");
        json_set_int(all, "iat", now_s);
        json_set_int(all, "exp", now_s + MIN(MAX(life, (int64_t) LIFE_S_MIN), (int64_t) LIFE_S_MAX));
        return jwt_sign(t->key, all, ret, err);
}

int host_token_read(struct host_tokens *t, const char *text, size_t len, struct json_object **ret, struct dr_error *err) {
        AUTO(json_free) struct json_object *o = NULL;
        if (!t->key)
                return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "the token is not valid: none was given out yet");
        int r = jwt_read(t->key, text, len, &o, err);
        if (r < 0)
                return r;
        int64_t now_s = core_wall_ms(t->core) / 1000;
        if (!str_eq(json_str(o, "iss", ""), ISSUER) || !str_eq(json_str(o, "sub", ""), SUBJECT))
                return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "the token is not valid: it is for something else");
        if (json_int(o, "exp", 0) <= now_s)
                return dr_fail(err, DR_E_UNAUTHORIZED, NULL, "the token is not valid: it is over");
        *ret = dr_take(o);
        return 0;
}
