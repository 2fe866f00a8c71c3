/* own_image.h: the image that infrastructure services of a host run: drover/node:TAG, made out of this very program, so that no registry is
 * needed for them. Whatever the tag, it is this version that is in it: a newer program does what an older one did. */
#pragma once
#include "base/sbuf.h"

#define OWN_IMAGE "drover/node"

/* Whether image, without "docker:", is one that is made here. */
bool own_image_is(const char *image);
/* The tar archive of its files: /bin/drover-node, links to it under the names of its parts, an empty /tmp. program: file to take. 0, or negative
 * with *err. Reads some 10 MB: milliseconds. */
int own_image_tar(const char *program, struct sbuf *ret, struct dr_error *err);
/* "/images/create?fromSrc=-&...": where the archive goes. */
void own_image_path(const char *image, struct sbuf *ret);
