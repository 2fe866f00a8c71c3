/* Certificates (spec api.md 3): what they say is read out of them; the key is sealed and not shown again. */
#include <stdio.h>

#include "core/secret.h"
#include "formats/json.h"
#include "net/x509.h"
#include "server/api/change.h"
#include "server/api/fields.h"
#include "types.h"

static const char *given_or_old(const struct field_values *values, const struct record *old, enum field_id f) {
        const struct value *v = field_values_get(values, f);
        return v ? (v->tag == V_STR ? v->t->s : NULL) : old ? record_str(old, f) : NULL;
}

static void put_info(struct field_values *values, const struct x509_info *i) {
        char version[16];
        snprintf(version, sizeof version, "%d", i->version);
        struct json_object *names = json_object_new_array();
        for (size_t k = 0; k < i->names.n; k++)
                json_object_array_add(names, json_object_new_string(i->names.v[k]));
        values_set(values, F_CN, value_str(i->cn));
        values_set(values, F_issuer, value_str(i->issuer));
        values_set(values, F_algorithm, value_str(i->algorithm));
        values_set(values, F_issuedAt, value_str(i->issued_at));
        values_set(values, F_expiresAt, value_str(i->expires_at));
        values_set(values, F_serialNumber, value_str(i->serial));
        values_set(values, F_certFingerprint, value_str(i->fingerprint));
        values_set(values, F_version, value_str(version));
        values_set(values, F_keySize, value_int(i->key_bits));
        values_set(values, F_subjectAlternativeNames, value_json(names));
        json_free(names);
}

int certificate_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) def;
        const struct value *key = field_values_get(values, F_key);
        auto_free char *old_key = old && !key && field_values_get(values, F_cert) ? secret_open(api_core(req), str_or(record_str(old, F_key), "")) : NULL;
        const char *cert = given_or_old(values, old, F_cert), *plain = key && key->tag == V_STR ? key->t->s : old_key;
        struct x509_info info = { 0 };
        if (old && !key && !field_values_get(values, F_cert) && !field_values_get(values, F_certChain))
                return 0;
        if (x509_describe(str_or(cert, ""), plain, given_or_old(values, old, F_certChain), &info, err) < 0)
                return -EINVAL;
        put_info(values, &info);
        x509_info_done(&info);
        sealed_take(req, values, F_key, !old);
        return 0;
}

void certificate_create(struct api_req *req, struct record *r, const struct field_values *values) {
        (void) values;
        sealed_reveal(req, r, F_key);
}

/* The load balancer that uses it, or NULL. */
static const struct record *user_of(struct api_req *req, const struct record *certificate) {
        const struct records *l = world_of_account(api_world(req), T_service, certificate->account_id);
        for (size_t i = 0; i < l->n; i++) {
                struct json_object *lb = record_json(l->v[i], F_lbConfig), *ids = json_get_array(lb, "certificateIds");
                if (l->v[i]->state == S_removing || !lb)
                        continue;
                bool uses = json_int(lb, "defaultCertificateId", 0) == certificate->id;
                for (size_t k = 0; ids && k < json_object_array_length(ids); k++)
                        uses |= json_object_get_int64(json_object_array_get_idx(ids, k)) == certificate->id;
                if (uses)
                        return l->v[i];
        }
        return NULL;
}

int certificate_remove(struct api_req *req, struct record *r, struct dr_error *err) {
        const struct record *user = user_of(req, r);
        if (user)
                return dr_fail(err, DR_E_IN_USE, "action", "certificate \"%s\" is used by load balancer \"%s\"", record_name(r), record_name(user));
        return -ENOSYS;
}

int certificate_action(struct api_req *req, struct record *r, const struct action_def *a, struct field_values *in, struct dr_error *err) {
        (void) in;
        return str_eq(a->name, "remove") ? certificate_remove(req, r, err) : -ENOSYS;
}
