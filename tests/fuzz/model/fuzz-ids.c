/* Decodes any text as an id; what decodes to a number must come back the same through id_format(). */
#include <stdlib.h>

#include "model/ids.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        for (int plain = 0; plain < 2; plain++) {
                const char *name = NULL;
                size_t len = 0;
                int64_t n = 0, again = 0;
                if (id_decode((const char *) data, size, plain, &name, &len, &n) < 0)
                        continue;
                if (len == 0 || name < (const char *) data || name + len != (const char *) data + size)
                        abort();
                char buf[ID_TEXT_MAX];
                if (n < 0)
                        continue;
                id_format(API_V2_BETA, T_instance, n, buf);
                if (id_decode_number(buf, strlen(buf), false, &again) < 0 || again != n)
                        abort();
        }
        return 0;
}
