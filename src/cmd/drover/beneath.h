/* beneath.h: opens files that a document names, below one folder only: no absolute path, no "..", no symbolic link leads out of it. */
#pragma once
#include "base/base.h"

/* path: relative to folder. Returns a descriptor for reading (the caller closes it), or negative with *err: DR_E_FORBIDDEN when it would lead
 * out of folder, DR_E_NOT_FOUND, DR_E_INVALID_FORMAT for anything but a regular file. */
int beneath_open(const char *folder, const char *path, struct dr_error *err);
