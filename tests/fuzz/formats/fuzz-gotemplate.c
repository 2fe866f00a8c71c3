/* Any bytes as a template over a small value. What parses executes, or fails with words; twice the same, unless it asks for random things. */
#include <stdlib.h>
#include <string.h>

#include "formats/gotemplate.h"

enum { OUT_BYTES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has(const uint8_t *data, size_t size, const char *word) { return memmem(data, size, word, strlen(word)) != NULL; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char value[] = "{\"Values\":{\"A\":\"false\",\"E\":\"\",\"N\":\"3\"},\"list\":[\"x\",2,null],\"map\":{\"a\":{\"b\":1.5}}}";
        static const char *const random[] = { "rand", "uuid", "now", "date", "Date", "genPrivateKey" };
        AUTO(gotemplate_free) struct gotemplate *t = NULL;
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err = { 0 };
        if (gotemplate_parse((const char *) data, size, "fuzz", &t, &err) < 0) {
                if (t || err.code == DR_OK || strncmp(err.message, "fuzz:", 5) != 0)
                        abort();
                return 0;
        }
        bool same = true;
        for (size_t i = 0; i < sizeof random / sizeof *random; i++)
                same &= !has(data, size, random[i]);
        if (json_parse(value, sizeof value - 1, sizeof value, &o, &err) < 0)
                abort();
        for (unsigned flags = 0; flags < 4; flags++) {
                auto_sbuf struct sbuf first = SBUF(OUT_BYTES_MAX), second = SBUF(OUT_BYTES_MAX);
                struct gotemplate_lines lines = { 0 };
                size_t newlines = 1;
                int r = gotemplate_execute_lines(t, o, flags, &first, &lines, &err), again = gotemplate_execute(t, o, flags, &second, &err);
                if (same && (r != again || first.len != second.len || memcmp(sbuf_str(&first), sbuf_str(&second), first.len) != 0))
                        abort();
                for (size_t i = 0; i < first.len; i++)
                        newlines += first.data[i] == '\n';
                if (r == 0 && lines.n != newlines)
                        abort();
                free(lines.v);
        }
        return 0;
}
