/* Connections and the schema's versions. */
#include "sqlite-internal.h"

#include "base/log.h"
#include "base/parse.h"

/* Never change a step that was released: add one. */
const struct migration sqlite_migrations[] = {
        { 1,
          "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
          "CREATE TABLE resource (tbl TEXT NOT NULL, id INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tbl, id)) WITHOUT ROWID;"
          "CREATE TABLE blob (id INTEGER NOT NULL PRIMARY KEY, body TEXT NOT NULL);"
          "CREATE TABLE history (tbl TEXT NOT NULL, id INTEGER NOT NULL, account_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
          " body TEXT NOT NULL, PRIMARY KEY (tbl, id)) WITHOUT ROWID;"
          "CREATE INDEX history_by_account ON history (tbl, account_id, id);"
          "CREATE INDEX history_by_time ON history (tbl, at_ms);" },
};
const size_t sqlite_migrations_n = ARRAY_LEN(sqlite_migrations);

bool sqlite_code_is_fatal(int code) {
        switch (code & 0xff) {
        case SQLITE_CORRUPT: case SQLITE_NOTADB:
                return true;
        default:
                return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
        }
}

char *sqlite_message(sqlite3 *db, const char *what) {
        int code = sqlite3_extended_errcode(db), os = sqlite3_system_errno(db);
        if ((code & 0xff) == SQLITE_IOERR && os)
                return dr_xasprintf("could not %s: %s: %s (SQLite %d)", what, sqlite3_errmsg(db), strerror(os), code);
        return dr_xasprintf("could not %s: %s (SQLite %d)", what, sqlite3_errmsg(db), code);
}

static int fail_db(sqlite3 *db, const char *path, const char *what, struct dr_error *err) {
        int code = sqlite3_extended_errcode(db);
        auto_free char *message = sqlite_message(db, what);
        bool foreign = (code & 0xff) == SQLITE_NOTADB;
        return dr_fail(err, foreign ? DR_E_INVALID_FORMAT : DR_E_STORE_FAILED, NULL, "database \"%s\": %s", path, message);
}

int sqlite_connect(const char *path, sqlite3 **ret, struct dr_error *err) {
        sqlite3 *db = NULL;
        int r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
        if (r == SQLITE_OK) {
                sqlite3_extended_result_codes(db, 1);
                sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
                /* Checkpoints are the writer's own, so that a failed fsync in one is seen. */
                sqlite3_wal_autocheckpoint(db, 0);
                r = sqlite3_exec(db, "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4096;", NULL, NULL, NULL);
        }
        if (r != SQLITE_OK) {
                r = fail_db(db, path, "open", err);
                sqlite3_close(db);
                return r;
        }
        *ret = db;
        return 0;
}

/* The first column of the first row, as text. SQLITE_ROW with *ret (caller frees), SQLITE_DONE, or an error. */
static int first_text(sqlite3 *db, const char *sql, char **ret) {
        sqlite3_stmt *st = NULL;
        int r = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_step(st);
        if (r == SQLITE_ROW)
                *ret = dr_xstrdup(str_or((const char *) sqlite3_column_text(st, 0), ""));
        int e = sqlite3_finalize(st);
        return r == SQLITE_ROW || r == SQLITE_DONE ? r : e;
}

/* 0 for a new database; negative errno when it is not ours. */
static int read_version(sqlite3 *db, const char *path, int *ret, struct dr_error *err) {
        auto_free char *tables = NULL, *app = NULL, *version = NULL;
        if (first_text(db, "SELECT count(*) FROM sqlite_master", &tables) != SQLITE_ROW ||
            first_text(db, "PRAGMA application_id", &app) != SQLITE_ROW)
                return fail_db(db, path, "read", err);
        int64_t id = 0;
        (void) parse_i64(app, &id);
        if (str_eq(tables, "0") && id == 0) {
                *ret = 0;
                return 0;
        }
        uint64_t v = 0;
        if (id != SQLITE_APPLICATION_ID)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is a SQLite database, but not one of drover's", path);
        int r = first_text(db, "SELECT value FROM meta WHERE key = 'schema_version'", &version);
        if (r != SQLITE_ROW && r != SQLITE_DONE)
                return fail_db(db, path, "read the schema version", err);
        if (r == SQLITE_DONE || parse_u64(version, INT32_MAX, &v) < 0)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "database \"%s\" does not say which schema version it has", path);
        *ret = (int) v;
        return 0;
}

int sqlite_migrate(sqlite3 *db, const char *path, const struct migration *steps, size_t n, struct dr_error *err) {
        int version = 0, newest = steps[n - 1].version;
        int r = read_version(db, path, &version, err);
        if (r < 0)
                return r;
        if (version > newest)
                return dr_fail(err, DR_E_INVALID_FORMAT, NULL, "database \"%s\" has schema version %d, this program knows up to %d: "
                               "it was written by a newer drover-server", path, version, newest);
        for (size_t i = 0; i < n; i++) {
                if (steps[i].version <= version)
                        continue;
                auto_free char *sql = dr_xasprintf(
                        "BEGIN IMMEDIATE; %s; PRAGMA application_id=%d;"
                        "INSERT INTO meta (key, value) VALUES ('schema_version', '%d') ON CONFLICT (key) DO UPDATE SET value = excluded.value;"
                        "COMMIT;", steps[i].sql, SQLITE_APPLICATION_ID, steps[i].version);
                if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
                        auto_free char *what = dr_xasprintf("bring the schema to version %d", steps[i].version);
                        r = fail_db(db, path, what, err);
                        (void) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
                        return r;
                }
                if (version > 0)
                        log_infof("database schema %d -> %d", version, steps[i].version);
                version = steps[i].version;
        }
        return 0;
}
