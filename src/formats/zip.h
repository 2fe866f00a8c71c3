/* zip.h: writes zip archives without compression: downloads of a few small files. Pure; any thread. Format: PKWARE APPNOTE 6.3, ISO/IEC 21320-1. */
#pragma once
#include "base/sbuf.h"

enum { ZIP_FILES_MAX = 64, ZIP_FILE_BYTES_MAX = 16 << 20, ZIP_NAME_MAX = 255 };

struct zip_file { const char *name, *data; size_t len; };       /* borrowed */

/* Appends the whole archive. All files bear the date 1980-01-01, so equal content gives equal bytes. Asserts the limits. */
void zip_write(struct sbuf *out, const struct zip_file *files, size_t n);
