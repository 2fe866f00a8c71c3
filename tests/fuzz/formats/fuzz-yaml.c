/* Any bytes as YAML, in both ways with equal keys. What is accepted becomes JSON; written as YAML it reads again as the same. */
#include <stdlib.h>

#include "formats/json.h"
#include "formats/yaml.h"

enum { TEXT_BYTES_MAX = 1 << 16, WRITTEN_BYTES_MAX = 4 << 20, ARENA_BYTES_MAX = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(struct yarena *a, const struct json_object *o, unsigned flags) {
        auto_sbuf struct sbuf b = SBUF(WRITTEN_BYTES_MAX);
        yaml_write(o, flags, &b);
        if (!sbuf_ok(&b))
                return;                 /* an alias bomb within the budget */
        struct yaml_options options = { .size_max = WRITTEN_BYTES_MAX };
        struct ynode *n = NULL;
        struct dr_error err = { 0 };
        if (yaml_parse(a, sbuf_str(&b), b.len, &options, &n, &err) < 0) {
                if (yarena_full(a))
                        return;
                abort();
        }
        AUTO(json_free) struct json_object *again = ynode_to_json(n);
        if (!json_equal(o, again))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        for (int duplicates = 0; duplicates < 2; duplicates++) {
                AUTO(yarena_free) struct yarena *a = yarena_new(ARENA_BYTES_MAX);
                struct yaml_options options = { .size_max = TEXT_BYTES_MAX, .duplicate_keys = duplicates };
                struct ynode *n = NULL;
                struct dr_error err = { 0 };
                if (yaml_parse(a, (const char *) data, size, &options, &n, &err) < 0) {
                        if (n || err.code == DR_OK || !err.message[0])
                                abort();
                        continue;
                }
                AUTO(json_free) struct json_object *o = ynode_to_json(n);
                check_written(a, o, 0);
                check_written(a, o, YAML_CRLF);
        }
        return 0;
}
