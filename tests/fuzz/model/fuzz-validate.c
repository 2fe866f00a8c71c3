/* Validates any JSON as a create, an update and an action input of a type, as a role; the first three bytes choose. What is
 * accepted must print again, and validating what was printed for an update must not fail for its types. */
#include <stdlib.h>

#include "formats/json.h"
#include "model/encode.h"
#include "model/validate.h"

enum { JSON_BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool exists(enum type_id type, int64_t id, const char *name, void *arg) {
        if ((name == NULL) != (id >= 0))
                abort();
        return id != 13;
}

static bool taken(const struct type_def *def, enum field_id field, struct value value, void *arg) {
        if (!(type_field(def, field)->flags & FF_UNIQUE))
                abort();
        return value.tag == V_STR && str_eq(value.t->s, "taken");
}

static void check_accepted(const struct validate *c, const struct type_def *def, const struct field_values *out) {
        for (size_t i = 0; i < out->n; i++) {
                const struct field_def *f = type_field(def, out->v[i].field);
                if (!f || !field_visible(f, c->role))
                        abort();
                auto_sbuf struct sbuf b = SBUF(16 << 20);
                struct jw w = JW(&b, 0);
                value_write(&w, c->version, c->role, false, f->type, out->v[i].value);
                AUTO(json_free) struct json_object *again = NULL;
                if (!sbuf_ok(&b) || json_parse(sbuf_str(&b), b.len, 16 << 20, &again, NULL) < 0)
                        abort();
        }
}

static void check_one(const struct validate *c, const struct type_def *def, struct json_object *in) {
        struct field_values out = { 0 };
        struct dr_error err = { 0 };
        int r = validate(c, def, in, &out, &err);
        if (r < 0 && (out.n || err.code == DR_OK || !err.message[0] || !err.field[0]))
                abort();
        if (r == 0)
                check_accepted(c, def, &out);
        field_values_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        AUTO(json_free) struct json_object *in = NULL;
        if (size < 3 || json_parse((const char *) data + 3, size - 3, JSON_BYTES_MAX, &in, NULL) < 0)
                return 0;
        struct validate c = { .version = data[2] & 1 ? API_V1 : API_V2_BETA, .role = (enum role) (data[1] % ROLE_MAX),
                              .plain_ids = data[2] & 2, .now_ms = 1, .exists = exists, .taken = taken };
        /* Byte 0 with value 0: every type, so that one seed covers all. */
        unsigned first = data[0] ? 1 + data[0] % (T_MAX - 1) : 1, last = data[0] ? first : T_MAX - 1;
        for (unsigned t = first; t <= last; t++) {
                const struct type_def *def = type_get(c.version, (enum type_id) t);
                for (c.op = VALIDATE_CREATE; def && c.op <= VALIDATE_INPUT; c.op++)
                        check_one(&c, def, in);
        }
        return 0;
}
