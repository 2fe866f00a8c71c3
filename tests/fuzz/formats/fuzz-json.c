/* Any bytes as JSON. What is accepted prints, reads again as the same value, and copies to an equal one. */
#include <stdlib.h>

#include "formats/json.h"

enum { TEXT_BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err = { 0 };
        if (json_parse((const char *) data, size, TEXT_BYTES_MAX, &o, &err) < 0) {
                if (o || err.code == DR_OK || !err.message[0])
                        abort();
                return 0;
        }
        for (unsigned flags = 0; flags <= (JSON_ESCAPE_SLASH | JSON_SORT_KEYS); flags++) {
                auto_sbuf struct sbuf b = SBUF(16 << 20);
                json_write(o, flags, &b);
                AUTO(json_free) struct json_object *again = NULL;
                if (!sbuf_ok(&b) || json_parse(sbuf_str(&b), b.len, 16 << 20, &again, &err) < 0 || !json_equal(o, again))
                        abort();
        }
        AUTO(json_free) struct json_object *copy = json_copy(o);
        if (!json_equal(o, copy))
                abort();
        return 0;
}
