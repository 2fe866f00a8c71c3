/* Secrets (spec api.md 3): base64 goes in, sealed it is kept, and only the answer to POST shows it again. */
#include <sodium.h>

#include "core/secret.h"
#include "server/api/change.h"
#include "server/api/fields.h"
#include "types.h"

static int check_base64(const char *text, size_t n, struct dr_error *err) {
        auto_free unsigned char *plain = dr_xmalloc(n / 4 * 3 + 3);
        const char *end = NULL;
        size_t len = 0;
        int r = sodium_base642bin(plain, n / 4 * 3 + 3, text, n, "\r\n", &len, &end, sodium_base64_VARIANT_ORIGINAL);
        sodium_memzero(plain, n / 4 * 3 + 3);
        if (r < 0 || end != text + n)
                return dr_fail(err, DR_E_INVALID_BASE64, "value", "the value is not base64");
        return len ? 0 : dr_fail(err, DR_E_EMPTY_SECRET, "value", "a secret holds at least one byte");
}

int secret_validate(struct api_req *req, const struct type_def *def, struct field_values *values, struct record *old, struct dr_error *err) {
        (void) req, (void) def;
        const struct value *v = field_values_get(values, F_value);
        if (old)
                return 0;               /* the value cannot be changed */
        if (!v || v->tag != V_STR || !v->t->len)
                return dr_fail(err, DR_E_EMPTY_SECRET, "value", "a secret needs a value");
        return check_base64(v->t->s, v->t->len, err);
}

void secret_create(struct api_req *req, struct record *r, const struct field_values *values) {
        struct core *c = api_core(req);
        const char *plain = field_values_get(values, F_value)->t->s;    /* validated */
        auto_free char *sealed = secret_seal(c, plain);
        fields_reveal(req, r, F_value, plain);
        core_put_str(c, r, F_value, sealed);
}
