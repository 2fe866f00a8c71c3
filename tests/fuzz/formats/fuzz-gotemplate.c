/* Any bytes as a template over a small value. What parses executes, or fails with words; twice the same. */
#include <stdlib.h>

#include "formats/gotemplate.h"

enum { OUT_BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char value[] = "{\"Values\":{\"A\":\"false\",\"E\":\"\",\"N\":\"3\"},\"list\":[\"x\",2,null],\"map\":{\"a\":{\"b\":1.5}}}";
        AUTO(gotemplate_free) struct gotemplate *t = NULL;
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err = { 0 };
        if (gotemplate_parse((const char *) data, size, "fuzz", &t, &err) < 0) {
                if (t || err.code == DR_OK || !err.message[0])
                        abort();
                return 0;
        }
        if (json_parse(value, sizeof value - 1, sizeof value, &o, &err) < 0)
                abort();
        for (unsigned flags = 0; flags < 4; flags++) {
                auto_sbuf struct sbuf first = SBUF(OUT_BYTES_MAX), second = SBUF(OUT_BYTES_MAX);
                int r = gotemplate_execute(t, o, flags, &first, &err), again = gotemplate_execute(t, o, flags, &second, &err);
                if (r != again || first.len != second.len || memcmp(sbuf_str(&first), sbuf_str(&second), first.len) != 0)
                        abort();
        }
        return 0;
}
