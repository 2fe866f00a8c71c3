/* scripts.h: GET /VER/scripts/...: what a machine runs to become a host (spec agent.md 2.2, api.md 2.6). No key: the registration
 * token in the path is the permission; an unknown one is 404. Loop thread only.
 *
 *   scripts/TOKEN       exactly four exports, as upstream
 *   scripts/TOKEN/join  the installer, scripts/join.sh
 *   scripts/api.crt     the public key that tokens for streams are checked with (auth/host_token.h)
 *   scripts/ca.pem, ca.crt   file ca.pem of the data folder's "public" folder, if it is there */
#pragma once
#include "api/api.h"
#include "auth/host_token.h"
#include "node_files.h"

struct scripts;
struct scripts *scripts_new(struct core *c, struct api *api, struct node_files *files, const char *data_dir, struct host_tokens *tokens);  /* borrowed; serves below api */
struct scripts *scripts_free(struct scripts *s);        /* NULL is fine; returns NULL */
