/* dockerref.h: image references "[server/]path[:tag][@digest]" and imageUuid "docker:REFERENCE". Any thread, no allocation.
 *
 * Server rule of agent.md 10: the text before the first '/' if it has '.' or ':' or is "localhost"; else index.docker.io.
 * Grammar of names, tags and digests: the distribution project's reference grammar, as Docker checks it. */
#pragma once
#include "base/base.h"

enum { DOCKERREF_CHARS_MAX = 512 };
#define DOCKERREF_DEFAULT_SERVER "index.docker.io"

struct dockerref {
        char server[256];       /* "index.docker.io" when the text names none */
        char path[256];         /* as written, without server: "nginx", "rancher/agent" */
        char tag[129];          /* empty: none written */
        char digest[140];       /* "sha256:...", empty: none written */
        bool server_given;
};

/* ref: without "docker:". Returns 0, or -EINVAL with DR_E_INVALID_FORMAT, field "imageUuid"; ret is untouched then. */
int dockerref_parse(const char *ref, struct dockerref *ret, struct dr_error *err);
/* What to ask an engine for: server only when given, ":latest" when neither tag nor digest. Needs DOCKERREF_CHARS_MAX + 1 bytes. */
void dockerref_format(const struct dockerref *r, char *buf, size_t n);
/* An imageUuid without its "docker:", or the text itself. Points into uuid. */
const char *dockerref_from_uuid(const char *uuid);
/* The server part alone, by the rule above, of text that need not be a valid reference. */
void dockerref_server(const char *ref, char *buf, size_t n);
