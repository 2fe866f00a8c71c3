/* scripts.h: GET /VER/scripts/...: what a machine runs to become a host (spec agent.md 2.2, api.md 2.6). No key: the registration
 * token in the path is the permission; an unknown one is 404. Loop thread only.
 *
 *   scripts/TOKEN       exactly four exports, as upstream
 *   scripts/TOKEN/join  the installer, scripts/join.sh
 *   scripts/api.crt, ca.pem, ca.crt   files of these names in the data folder's "public" folder, if they are there */
#pragma once
#include "api/api.h"
#include "node_files.h"

struct scripts;
struct scripts *scripts_new(struct core *c, struct api *api, struct node_files *files, const char *data_dir);  /* borrowed; serves below api */
struct scripts *scripts_free(struct scripts *s);        /* NULL is fine; returns NULL */
