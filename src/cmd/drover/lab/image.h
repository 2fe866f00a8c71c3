/* image.h: makes a container image of the machine's static busybox, without a registry: an archive that "docker load" takes.
 *
 * The bytes depend on the inputs only, so the image has the same id on every host. */
#pragma once
#include "base/base.h"

enum { IMAGE_FILES_MAX = 32, IMAGE_FILE_BYTES_MAX = 256 << 20 };

struct image_file { const char *from, *to; };   /* a file of this machine, and its absolute path in the image */

struct image_spec {
        const char *name;               /* "NAME[:TAG]" */
        const char *cmd;                /* for /bin/sh -c; NULL: /bin/sh */
        const char *entrypoint;         /* one word, or NULL */
        const char *const *env;         /* ends in NULL, or NULL */
        struct image_file files[IMAGE_FILES_MAX];       /* executable bits are kept */
        size_t n_files;
};

/* Writes the archive to path. -ENOENT: no static busybox (package busybox-static). */
int image_write(const struct image_spec *s, const char *path, struct dr_error *err);
