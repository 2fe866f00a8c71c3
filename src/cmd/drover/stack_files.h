/* stack_files.h: the compose files that verbs send to the server as texts ("drover stacks create", "drover stack upgrade"). */
#pragma once
#include "cli.h"

enum { STACK_FILE_BYTES_MAX = 1 << 20 };

/* Reads the files of options --docker-compose and --rancher-compose (the latter may be missing when it is the default) and sets dockerCompose and
 * rancherCompose in body. */
int stack_files_read(struct cli *c, struct json_object *body);
