/* Metadata messages of the server, a line each, taken into a store. A follower that takes what the store tells has the same, and what the store
 * writes is taken as it is. */
#include "node/agent/metastore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 64 };

static void follow(void *arg, const char *line, size_t len) {
        AUTO(json_free) struct json_object *o = NULL;
        struct dr_error err;
        if (json_parse(line, len, 32 << 20, &o, &err) < 0 || metastore_take(arg, o, &err) < 0)
                abort();
}

static void nothing(void *arg, const char *line, size_t len) {
        (void) arg, (void) line, (void) len;
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        AUTO(metastore_free) struct metastore *follower = metastore_new(NULL, NULL, NULL);
        AUTO(metastore_free) struct metastore *m = metastore_new(NULL, follow, follower);
        AUTO(metastore_free) struct metastore *copy = metastore_new(NULL, NULL, NULL);
        const char *p = (const char *) data, *all_end = p + size;
        for (int i = 0; i < LINES_MAX && p < all_end; i++) {
                const char *end = memchr(p, '\n', (size_t) (all_end - p));
                size_t n = (size_t) ((end ? end : all_end) - p);
                AUTO(json_free) struct json_object *o = NULL;
                struct dr_error err;
                if (json_parse(p, n, 1 << 20, &o, &err) >= 0)
                        (void) metastore_take(m, o, &err);
                p += n + 1;
        }
        metastore_drop_pieces(m);
        AUTO(json_free) struct json_object *has = metastore_revisions(follower);
        metastore_write(m, has, nothing, NULL);
        metastore_write(m, NULL, follow, copy);
        if (metastore_objects(copy) != metastore_objects(m) || metastore_objects(follower) != metastore_objects(m))
                abort();
        return 0;
}
