/* backup.h: a SQLite store as one file, taken from a store that is in use, and a store made from such a file. Blocking; any thread, any process.
 *
 * The file is a database of its own: what was committed at one moment, nothing of what came later. It does not hold the master key. */
#pragma once
#include "base/base.h"

/* Copies database db (in use or not) to file: written beside it, checked, made durable, renamed; mode 0600. A file that is there is replaced.
 * -ENOENT (NotFound): there is no db; -EINVAL (InvalidFormat): not ours; -EIO (StoreFailed): could not be read or written, or the copy is damaged. */
int store_backup_copy(const char *db, const char *file, struct dr_error *err);

/* Checks file from end to end and makes it the database of data folder dir (which exists): db is the path of that database.
 * The epoch goes up by STORE_RESTORE_EPOCHS, above whatever the hosts have obeyed since the backup was made: they obey the restored server.
 * A database that is there is -EEXIST (Conflict), with force it is kept as "DB.replaced". -EBUSY: a server uses dir. */
enum { STORE_RESTORE_EPOCHS = 1000000 };
int store_backup_restore(const char *file, const char *dir, const char *db, bool force, struct dr_error *err);
