/* Registration tokens: what lets hosts join an environment (spec api.md 2.6, agent.md 2.1). Keys are made here, the secret is sealed. */
#include "core/settings.h"
#include "server/api/change.h"
#include "server/api/encode.h"
#include "server/api/fields.h"
#include "core/secret.h"
#include "net/tls.h"
#include "server/registration_token.h"
#include "types.h"

int registration_token_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        const struct value *given = field_values_get(values, F_accountId);
        const struct record *account = world_get(api_world(req), T_account, given && given->tag == V_INT ? given->i : req->account_id);
        if (!capability(req, old, "modifyInfra"))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "role %s may not add hosts", role_name(req->role));
        if (!old && (!account || account->kind != T_project))
                return dr_fail(err, DR_E_FORBIDDEN, NULL, "registration tokens are made inside an environment");
        return 0;
}

void registration_token_create(struct api_req *req, struct record *r, const struct field_values *values) {
        struct core *c = api_core(req);
        char access[ACCESS_KEY_CHARS + 1], secret[SECRET_KEY_CHARS + 1];
        secret_access_key(access);
        secret_secret_key(secret);
        auto_free char *sealed = secret_seal(c, secret);
        core_put_str(c, r, F_publicValue, access);
        core_put_str(c, r, F_secretValue, sealed);
}

/* Without a slash at its end. */
static const char *registration_base(struct api_req *req) {
        const char *host = setting_get(api_core(req), "api.host");
        size_t n = strlen(host);
        while (n > 0 && host[n - 1] == '/')
                n--;
        return n ? arena_strndup(&req->arena, host, n) : NULL;
}

static const char *url_of(struct api_req *req, const struct record *r, const char *token) {
        const char *base = registration_base(req);
        char id[ID_TEXT_MAX];
        if (base)
                return arena_printf(&req->arena, "%s/v1/scripts/%s", base, token);
        return arena_printf(&req->arena, "%s/%s/projects/%s/scripts/%s", req->base, api_version_to_string(req->version),
                            id_format(req->version, T_account, r->account_id, id), token);
}

/* Upstream's form, when somebody sets it: "%s" is in turn the options, the image and the address. */
static const char *fill(struct api_req *req, const char *form, const char *const words[3]) {
        struct sbuf b = SBUF(16384);
        size_t n = 0;
        for (const char *p = form; *p; p++)
                if (p[0] == '%' && p[1] == 's') {
                        sbuf_puts(&b, n < 3 ? words[n++] : "");
                        p++;
                } else {
                        sbuf_putc(&b, *p);
                }
        const char *s = arena_strdup(&req->arena, sbuf_str(&b));
        sbuf_done(&b);
        return s;
}

const char *registration_field(struct api_req *req, const struct record *r, enum field_id f) {
        struct core *c = api_core(req);
        if (r->kind != T_registrationToken || r->state != S_active)
                return NULL;
        const char *image = setting_get(c, "bootstrap.required.image");
        if (f == F_image)
                return image;
        auto_free char *token = registration_token_make(c, r);
        if (!token)
                return NULL;
        if (f == F_token)
                return arena_strdup(&req->arena, token);
        const char *url = url_of(req, r, token), *form = setting_get(c, "docker.register.command");
        if (f == F_registrationUrl)
                return url;
        char sha1[TLS_SHA1_CHARS + 1] = "", sha256[TLS_FINGERPRINT_CHARS + 1] = "";
        const char *ca = req->api->conf.ca_pem;
        bool trusted = !ca || tls_fingerprint_sha1(ca, sha1, NULL) < 0 || tls_fingerprint(ca, sha256, NULL) < 0;
        if (*form)
                return fill(req, form, (const char *const[]) { trusted ? "" : arena_printf(&req->arena, "-e CA_FINGERPRINT=\"%s\" ", sha1), image, url });
        const char *base = registration_base(req);
        base = base ? base : req->base;
        if (trusted || !str_starts(base, "https://"))
                return arena_printf(&req->arena, "curl -fsSL '%s/v1/scripts/%s/join' | sudo sh", base, token);
        /* The authority first, by its fingerprint: nothing is run that did not come through it. */
        return arena_printf(&req->arena, "F=$(mktemp) && curl -fsSLko \"$F\" '%s/v1/scripts/ca.crt' && if [ \"$(sed '/^-/d' \"$F\" | base64 -d | sha256sum | cut -c 1-64)\" = %s ]; "
                            "then curl -fsSL --cacert \"$F\" '%s/v1/scripts/%s/join' | sudo env CA_FINGERPRINT='%s' CA_SHA256=%s sh; "
                            "else echo 'the server does not have the expected certificate authority' >&2; false; fi", base, sha256, base, token, sha1, sha256);
}

/* The link is the script's address: whoever asks for it here is sent there. */
int registration_token_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        const char *url = registration_field(req, r, F_registrationUrl);
        if (!url)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "registration token \"%s\" is not active", record_name(r));
        api_header_add(req, "Location", url);
        api_reply_empty(req, 302);
        return 1;
}
