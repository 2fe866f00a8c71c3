/* SSH keys (spec api.md 1.9): the private part is sealed; link pem gives it, as a file. The pair is made by who stores it, not here. */
#include "core/secret.h"
#include "server/api/access.h"
#include "server/api/change.h"
#include "server/api/fields.h"
#include "types.h"

int ssh_key_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        const struct value *secret = field_values_get(values, F_secretValue);
        if (!old && (!secret || secret->tag != V_STR || !secret->t->len))
                return dr_fail(err, DR_E_MISSING_REQUIRED, "secretValue", "a key needs its private part");
        return secret_value_validate(req, def, values, old, err);        /* sealed in the same way */
}

int ssh_key_link(struct api_req *req, struct record *r, const struct link_def *l, struct dr_error *err) {
        if (!str_eq(l->name, "pem") || !access_changes(req, r))
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "there is no such link");
        auto_free char *pem = secret_open(api_core(req), str_or(record_str(r, F_secretValue), ""));
        if (!pem)
                return dr_fail(err, DR_E_NOT_FOUND, NULL, "the key has no private part");
        sbuf_puts(&req->out, pem);
        req->content_type = "application/octet-stream";
        req->html = false;
        char id[ID_TEXT_MAX];
        api_header_add(req, "Content-Disposition",
                       arena_printf(&req->arena, "attachment; filename=id_rsa_%s", id_format(req->version, T_credential, r->id, id)));
        api_reply(req, 200);
        return 1;
}
