/* config_file.h: ~/.drover/cli.json, what "drover login" and "drover config" remember: server, keys, environment.
 *
 * JSON as upstream's CLI writes it: {"accessKey","secretKey","url","environment"}; other members are kept. Mode 0600 in a
 * folder of 0700, replaced by rename. */
#pragma once
#include "base/base.h"
#include "formats/json.h"

enum { CONFIG_FILE_BYTES_MAX = 64 * 1024 };

/* NULL with *err when neither HOME nor a path is known. path NULL: the default. Caller frees. */
char *config_file_path(const char *path, struct dr_error *err);
/* A file that does not exist gives an empty object. Keys readable by others are an error (Forbidden) that says chmod. ret: the caller owns it. */
int config_file_load(const char *path, struct json_object **ret, struct dr_error *err);
int config_file_save(const char *path, struct json_object *config, struct dr_error *err);
/* Any small JSON object from a file (DIR/admin.json). */
int config_file_read_json(const char *path, struct json_object **ret, struct dr_error *err);
