/* Reads any bytes as a token: none of them is signed by the key, so none may be taken. */
#include <stdlib.h>

#include "server/auth/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct rsa_key *key;
        struct dr_error err = { 0 };
        struct json_object *o = NULL;
        if (!key && rsa_key_make(&key, &err) < 0)
                abort();
        if (jwt_read(key, (const char *) data, size, &o, &err) == 0 || o || err.code != DR_E_UNAUTHORIZED || !*err.message)
                abort();
        return 0;
}
