/* unixsock.h: unix sockets named by folder and file, so that a long folder path does not exceed the 107 bytes of an address. */
#pragma once
#include "base/base.h"

#include <sys/types.h>

int unixsock_listen(const char *dir, const char *file, int *ret_fd, struct dr_error *err);     /* replaces what is there */
int unixsock_connect(const char *dir, const char *file, int *ret_fd, struct dr_error *err);
/* One line without its newline, within 10 s; NUL-terminated. Length, or -1: too long, timeout or closed early. */
ssize_t unixsock_read_line(int fd, char *buf, size_t size);
