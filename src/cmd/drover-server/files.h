/* files.h: the folder and the key that a server keeps beside its database. Any thread. */
#pragma once
#include "base/base.h"

enum { MASTER_KEY_BYTES = 32 };
/* Makes dir (0700) and what is above it. */
int data_dir_make(const char *dir, struct dr_error *err);
/* Reads 32 bytes from file; makes it (0600, from the kernel's random source) when it is not there and may: database is the file that
 * would be unreadable under a new key. */
int master_key_load(const char *file, const char *database, char ret[MASTER_KEY_BYTES], struct dr_error *err);
/* The two halves of it: a key file that must be there; one that must not (-EIO). */
int master_key_read(const char *file, char ret[MASTER_KEY_BYTES], struct dr_error *err);
int master_key_write(const char *file, const char key[MASTER_KEY_BYTES], struct dr_error *err);
/* The folder of the running program. The caller frees. */
char *program_dir(void);
