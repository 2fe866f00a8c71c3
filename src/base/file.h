/* file.h: small files as a whole. Blocking; any thread. */
#pragma once
#include "base.h"

/* The whole file, NUL-terminated; caller frees. -ENOENT (NotFound) when there is none, DR_E_TOO_LARGE above max bytes. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct dr_error *err);
/* Replaces it, or makes it: whoever opens it sees the old or the new one whole. mode: its permissions, whatever the umask. Written to PATH.new
 * first, which does not stay behind. Durable when it returns. */
int file_replace(const char *path, const void *data, size_t len, unsigned mode, struct dr_error *err);
/* The same, not synced: after a power loss the file may be empty or cut. */
int file_replace_unsynced(const char *path, const void *data, size_t len, unsigned mode, struct dr_error *err);
/* Writes all of it, or returns a negative errno. */
int file_write_all(int fd, const void *data, size_t len);
/* Makes it, or gives the one that is there this mode, whatever the umask. */
int folder_make(const char *path, unsigned mode, struct dr_error *err);
