#include "backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "sqlite-internal.h"

enum { WAIT_MS = 30000 };       /* for a writer that checkpoints */

static int fail_db(sqlite3 *db, const char *path, const char *why, struct dr_error *err) {
        bool foreign = db && (sqlite3_extended_errcode(db) & 0xff) == SQLITE_NOTADB;
        return dr_fail(err, foreign ? DR_E_INVALID_FORMAT : DR_E_STORE_FAILED, NULL, "\"%s\": %s", path, why);
}

static int open_db(const char *path, bool write, sqlite3 **ret, struct dr_error *err) {
        if (access(path, F_OK) < 0)
                return dr_fail(err, errno == ENOENT ? DR_E_NOT_FOUND : DR_E_STORE_FAILED, NULL, "could not open \"%s\": %m", path);
        sqlite3 *db = NULL;
        int r = sqlite3_open_v2(path, &db, (write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX, NULL);
        if (r == SQLITE_OK) {
                sqlite3_extended_result_codes(db, 1);
                sqlite3_busy_timeout(db, WAIT_MS);
                *ret = db;
                return 0;
        }
        auto_free char *why = sqlite_message(db, "open");
        r = fail_db(db, path, why, err);
        (void) sqlite3_close(db);
        return r;
}

/* The first column of the first row; NULL: none, or an error. The caller frees. */
static char *one(sqlite3 *db, const char *sql) {
        sqlite3_stmt *st = NULL;
        char *text = NULL;
        if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
                text = dr_xstrdup(str_or((const char *) sqlite3_column_text(st, 0), ""));
        (void) sqlite3_finalize(st);
        return text;
}

/* Ours, of a version that this program knows, and whole. */
static int check(sqlite3 *db, const char *path, struct dr_error *err) {
        auto_free char *id = one(db, "PRAGMA application_id"), *version = one(db, "SELECT value FROM meta WHERE key = 'schema_version'");
        int64_t number = 0;
        uint64_t v = 0;
        if (!id || parse_i64(id, &number) < 0 || number != SQLITE_APPLICATION_ID || !version || parse_u64(version, INT32_MAX, &v) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is no database of drover", path);
        if (v > (uint64_t) sqlite_migrations[sqlite_migrations_n - 1].version)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" was written by a newer drover-server", path);
        auto_free char *whole = one(db, "PRAGMA integrity_check(1)");
        if (!whole || !str_eq(whole, "ok"))
                return dr_fail(err, DR_E_STORE_FAILED, NULL, "\"%s\" is damaged: %.100s", path, str_or(whole, "it cannot be read"));
        return 0;
}

static int sync_file(const char *path, bool folder) {
        auto_close int fd = open(path, (folder ? O_RDONLY | O_DIRECTORY : O_RDWR) | O_CLOEXEC);
        return fd < 0 ? -errno : fsync(fd) < 0 ? -errno : 0;
}

static int sync_dir_of(const char *path) {
        auto_free char *dir = dr_xstrdup(path);
        char *slash = strrchr(dir, '/');
        if (slash)
                slash[slash == dir] = 0;
        return sync_file(slash ? dir : ".", true);
}

/* One database file out of another, as it is at this moment. sql (may be NULL) runs in the copy. */
static int copy(const char *from_path, const char *to_path, const char *sql, struct dr_error *err) {
        sqlite3 *from = NULL, *to = NULL;
        (void) unlink(to_path);
        auto_close int fd = open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not make \"%s\": %m", to_path);
        int r = open_db(from_path, false, &from, err);
        if (r == 0 && (r = open_db(to_path, true, &to, err)) == 0) {
                sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
                int k = SQLITE_ERROR;
                if (b) {
                        /* All pages in one step: one reading transaction, which writers do not disturb. */
                        k = sqlite3_backup_step(b, -1);
                        (void) sqlite3_backup_finish(b);
                }
                /* The copy is one file, without a log beside it. */
                if (k != SQLITE_DONE || sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) != SQLITE_OK) {
                        auto_free char *why = k == SQLITE_BUSY ? dr_xstrdup("it is busy") : sqlite_message(to, "copy");
                        r = fail_db(to, from_path, why, err);
                } else {
                        r = check(to, from_path, err);
                }
                if (r == 0 && sql && sqlite3_exec(to, sql, NULL, NULL, NULL) != SQLITE_OK) {
                        auto_free char *why = sqlite_message(to, "change the copy");
                        r = fail_db(to, to_path, why, err);
                }
        }
        (void) sqlite3_close(from);
        if (sqlite3_close(to) != SQLITE_OK && r == 0)
                r = fail_db(NULL, to_path, "could not be closed", err);
        if (r == 0 && (r = sync_file(to_path, false)) < 0)
                r = dr_fail(err, DR_E_STORE_FAILED, NULL, "could not make \"%s\" durable: %s", to_path, strerror(-r));
        return r;
}

static int rename_durably(const char *from, const char *to, struct dr_error *err) {
        if (rename(from, to) < 0 || sync_dir_of(to) < 0)
                return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not rename \"%s\" to \"%s\": %m", from, to);
        return 0;
}

int store_backup_copy(const char *db, const char *file, struct dr_error *err) {
        auto_free char *part = dr_xasprintf("%s.part", file);
        int r = copy(db, part, NULL, err);
        if (r == 0)
                r = rename_durably(part, file, err);
        if (r < 0)
                (void) unlink(part);
        return r;
}

/* A database that is there goes out of the way, its log with it. */
static int put_aside(const char *db, struct dr_error *err) {
        static const char *const parts[] = { "", "-wal", "-shm" };
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                auto_free char *from = dr_xasprintf("%s%s", db, parts[i]), *to = dr_xasprintf("%s.replaced%s", db, parts[i]);
                if (unlink(to) < 0 && errno != ENOENT)
                        return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not remove old \"%s\": %m", to);
                if (rename(from, to) < 0 && errno != ENOENT)
                        return dr_fail(err, DR_E_STORE_FAILED, NULL, "could not rename \"%s\": %m", from);
        }
        return 0;
}

int store_backup_restore(const char *file, const char *dir, const char *db, bool force, struct dr_error *err) {
        auto_close int lock = -1;
        int r = sqlite_lock_dir(dir, &lock, err);
        if (r < 0)
                return r;
        if (!force && access(db, F_OK) == 0)
                return dr_fail(err, DR_E_CONFLICT, NULL, "there is a database already: \"%s\"", db);
        auto_free char *part = dr_xasprintf("%s.restored", db);
        auto_free char *sql = dr_xasprintf("UPDATE meta SET value = CAST(value AS INTEGER) + %d WHERE key = 'epoch'", STORE_RESTORE_EPOCHS);
        r = copy(file, part, sql, err);
        if (r == 0 && (r = put_aside(db, err)) == 0)
                r = rename_durably(part, db, err);
        if (r < 0)
                (void) unlink(part);
        return r;
}
