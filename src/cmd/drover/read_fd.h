/* read_fd.h: a whole file of bounded size from a descriptor. */
#pragma once
#include "base/base.h"

/* Reads fd (borrowed) to its end; path names it in errors. ret: NUL-terminated, the caller frees. DR_E_TOO_LARGE above max bytes. */
int fd_read_all(int fd, const char *path, size_t max, char **ret, size_t *ret_len, struct dr_error *err);
/* The same of a file, "-": standard input. DR_E_NOT_FOUND when there is none, DR_E_INVALID_FORMAT when it is a folder. */
int fd_read_path(const char *path, size_t max, char **ret, size_t *ret_len, struct dr_error *err);
