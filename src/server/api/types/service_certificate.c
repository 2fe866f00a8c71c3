/* Certificates that this installation's authority signs: of services (action certificate: once per environment and name, made anew when the
 * names change) and of API keys (orchestrators.md 1.1; spec api.md 1.9, 2.5). Answers are zip archives. */
#include <stdio.h>

#include "formats/json.h"
#include "formats/zip.h"
#include "server/api/access.h"
#include "server/api/change.h"
#include "server/ca.h"
#include "types.h"

enum { CERT_DAYS = 3650, NAMES_MAX = 64, NAME_BYTES_MAX = 253 };

struct names { char *v[NAMES_MAX]; size_t n; };

static void names_done(struct names *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->v[i]);
}
#define auto_names __attribute__((cleanup(names_done)))

static void add_name(struct names *l, const char *text) {
        if (!*text || strlen(text) > NAME_BYTES_MAX || l->n == NAMES_MAX)
                return;
        char *s = dr_xstrdup(text);
        for (char *p = s; *p; p++)
                *p = (char) (*p >= 'A' && *p <= 'Z' ? *p + 'a' - 'A' : *p);
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(l->v[i], s)) {
                        free(s);
                        return;
                }
        l->v[l->n++] = s;
}

/* The name comes first: it is the common name. */
static void service_names(struct api_req *req, const struct record *s, struct names *ret) {
        const struct record *stack = world_get(api_world(req), T_stack, record_int(s, F_stackId));
        const char *st = stack ? record_name(stack) : "";
        struct json_object *sans = json_get_array(record_json(s, F_metadata), "sans");
        add_name(ret, record_name(s));
        for (size_t i = 0; sans && i < json_object_array_length(sans); i++) {
                const char *name = str_or(json_object_get_string(json_object_array_get_idx(sans, i)), "");
                add_name(ret, str_starts(name, "IP:") || str_starts(name, "DNS:") ? strchr(name, ':') + 1 : name);
        }
        add_name(ret, arena_printf(&req->arena, "%s.%s", record_name(s), st));
        add_name(ret, arena_printf(&req->arena, "%s.%s.rancher.internal", record_name(s), st));
}

static int reply_zip(struct api_req *req, const struct tls_pair *ca, const struct tls_pair *pair, const char *name) {
        const struct zip_file files[] = {
                { "ca.pem", ca->cert_pem, strlen(ca->cert_pem) }, { "cert.pem", pair->cert_pem, strlen(pair->cert_pem) },
                { "key.pem", pair->key_pem, strlen(pair->key_pem) },
        };
        zip_write(&req->out, files, ARRAY_LEN(files));
        req->content_type = "application/zip";
        req->html = false;
        api_header_add(req, "Content-Disposition", arena_printf(&req->arena, "attachment; filename=%s-certs.zip", name));
        api_reply(req, 200);
        return 1;
}

static int failed(struct dr_error *err) {
        char why[sizeof err->message];
        memcpy(why, err->message, sizeof why);
        return dr_fail(err, DR_E_CERT_FAILED, NULL, "could not make a certificate: %s", why);
}

/* The stored one when its names are these. */
static bool stored(struct core *c, const char *key, const char *names, struct record **ret_row, struct tls_pair *ret) {
        const struct records *l = world_by_str(core_world(c), T_credential, F_publicValue, key);
        for (size_t i = 0; i < l->n; i++)
                if (!l->v[i]->account_id && !l->v[i]->removed_ms) {
                        *ret_row = l->v[i];
                        return str_eq(record_str(l->v[i], F_description), names) && ca_open(c, record_str(l->v[i], F_secretValue), ret);
                }
        return false;
}

int service_certificate(struct api_req *req, struct record *s, struct dr_error *err) {
        struct core *c = api_core(req);
        __attribute__((cleanup(tls_pair_done))) struct tls_pair ca = { 0 }, pair = { 0 };
        auto_names struct names names = { 0 };
        service_names(req, s, &names);
        auto_sbuf struct sbuf all = SBUF(NAMES_MAX * (NAME_BYTES_MAX + 1));
        for (size_t i = 0; i < names.n; i++)
                sbuf_printf(&all, "%s%s", i ? " " : "", names.v[i]);
        const char *key = arena_printf(&req->arena, "service.v3.%lld.%s.cert", (long long) s->account_id, record_name(s));
        struct record *row = NULL;
        if (ca_get(c, &ca, err) < 0)
                return failed(err);
        if (!stored(c, key, sbuf_str(&all), &row, &pair)) {
                if (tls_make_cert(&ca, (const char *const *) names.v, names.n, CERT_DAYS, &pair, err) < 0)
                        return failed(err);
                auto_free char *sealed = ca_seal(c, &pair);
                bool fresh = !row;
                if (fresh) {
                        row = core_create(c, T_credential, 0);
                        core_put_str(c, row, F_publicValue, key);
                }
                core_put_str(c, row, F_description, sbuf_str(&all));
                core_put_str(c, row, F_secretValue, sealed);
                if (fresh)
                        (void) core_process_start(c, row, P_credential_create, NULL, NULL);     /* allowed: it is new */
        }
        return reply_zip(req, &ca, &pair, record_name(s));
}

/* Nothing of it is kept: each answer is a new certificate. Whoever may not change the key gets none. */
int api_key_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        __attribute__((cleanup(tls_pair_done))) struct tls_pair ca = { 0 }, pair = { 0 };
        const char *names[] = { str_or(record_str(r, F_publicValue), "") };
        const struct type_def *def = api_type_of(req, r);
        if (!str_eq(l->name, "certificate") || !def || !(type_methods(def, req->role) & TM_UPDATE) || !access_changes(req, r))
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no such link");
        if (ca_get(api_core(req), &ca, err) < 0 || tls_make_cert(&ca, names, 1, CERT_DAYS, &pair, err) < 0)
                return failed(err);
        req->wrote = true;
        return reply_zip(req, &ca, &pair, names[0]);
}
