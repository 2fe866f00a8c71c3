/* env_template.h: environment templates as the command line knows them: by name, as a file, and out of an environment. Blocking.
 *
 * A file has the form of a catalog's project.yml: name, description, stacks: a list of {name, description, templateId or templateVersionId or
 * dockerCompose and rancherCompose, answers, binding} (docs/environments.md). */
#pragma once
#include "cli.h"

enum { ENV_TEMPLATE_FILE_BYTES_MAX = 1 << 20 };

/* word: id or name, in any case; of several with the name the newest. The caller owns *ret. */
int env_template_find(struct cli *c, const char *word, struct json_object **ret);
/* {name, description, stacks} out of a file; "-": standard input. The caller owns *ret. */
int env_template_read(struct cli *c, const char *file, struct json_object **ret);
/* The infrastructure stacks of an environment as a template's list. The caller owns *ret. */
int env_template_of(struct cli *c, const struct json_object *project, struct json_object **ret);
/* The file of a template. Caller frees. */
char *env_template_yaml(const struct json_object *template);
