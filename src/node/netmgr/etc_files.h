/* etc_files.h: /etc/resolv.conf and /etc/hosts of a container, as the network manager completes them before its command runs.
 *
 * Rules: spec dns.md 10.3, networking.md 4.2. The texts are pure; the files are bind mounts, so they are changed in place. */
#pragma once
#include "base/sbuf.h"

enum { ETC_BYTES_MAX = 256 << 10 };

/* Domains wanted, in order, NULL-ended. last: behind those that are there. server: the name server that shall answer; others become comments.
 * The same text gives the same text again. */
void resolv_rewrite(const char *text, const char *const *domains, bool last, const char *server, struct sbuf *out);
/* text with the line "IP\tNAME", unless a line says so already. */
void hosts_add(const char *text, const char *ip, const char *name, struct sbuf *out);

/* Opens a file of a container for reading and writing: path as this host has it (from inspect), else file below the root of the process pid,
 * without leaving that root whatever links it holds. Negative errno: neither. */
int etc_open(const char *path, int pid, const char *file);
int etc_read(int fd, char **ret);               /* the caller frees */
int etc_replace(int fd, const struct sbuf *text);
