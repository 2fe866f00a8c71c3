/* backup, restore: the database of a data folder as one file and back (store/backup.h). docs/operations.md has the whole procedure. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "commands.h"
#include "files.h"
#include "store/backup.h"

char *file_of(const struct opts *o, const char *option, const char *name) {
        const char *given = opts_str(o, option);
        return given && *given ? dr_xstrdup(given) : dr_xasprintf("%s/%s", opts_str(o, "data"), name);
}

static int failed(const struct dr_error *err) {
        fprintf(stderr, "drover-server: %s\n", err->message);
        return err->code == DR_E_BUSY ? EXIT_IN_USE : err->code == DR_E_INVALID_FORMAT ? EXIT_NEWER : EXIT_FAILED;
}

/* Copies a key file, mode 0600; one that is there stays when it is the same, else it is an error. */
static int key_copy(const char *from, const char *to, struct dr_error *err) {
        char key[MASTER_KEY_BYTES], there[MASTER_KEY_BYTES];
        int r = master_key_read(from, key, err);
        if (r < 0)
                return r;
        if (access(to, F_OK) == 0) {
                r = master_key_read(to, there, err);
                if (r == 0 && memcmp(key, there, sizeof key) != 0)
                        r = dr_fail(err, DR_E_CONFLICT, NULL, "there is another key file already: \"%s\"", to);
        } else {
                r = master_key_write(to, key, err);
        }
        explicit_bzero(key, sizeof key);
        explicit_bzero(there, sizeof there);
        return r;
}

static int run_backup(const struct opts *o, void *context) {
        (void) context;
        struct dr_error err;
        const char *file = opts_args(o, NULL)[0];
        auto_free char *db = file_of(o, "db", "drover.db"), *key = file_of(o, "key-file", "master.key"), *key_to = dr_xasprintf("%s.key", file);
        struct stat st;
        if (stat(file, &st) == 0 && !S_ISREG(st.st_mode)) {
                (void) dr_fail(&err, DR_E_INVALID_FORMAT, NULL, "\"%s\" is no file that could be written over", file);
                return failed(&err);
        }
        if (store_backup_copy(db, file, &err) < 0 || (opts_bool(o, "with-key") && key_copy(key, key_to, &err) < 0))
                return failed(&err);
        printf("%s\n", file);
        if (opts_bool(o, "with-key"))
                printf("%s\n", key_to);
        else
                fprintf(stderr, "drover-server: the backup can only be used together with the key file \"%s\", which is not in it\n", key);
        return EXIT_OK;
}

/* Root restores for the user that the server runs as: whose folder it is. */
static void give_to_owner(const char *dir, const char *db, const char *key) {
        struct stat st;
        auto_free char *lock = dr_xasprintf("%s/lock", dir);
        const char *const files[] = { db, key, lock };
        if (geteuid() != 0 || stat(dir, &st) < 0 || st.st_uid == 0)
                return;
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                if (lchown(files[i], st.st_uid, st.st_gid) < 0)
                        fprintf(stderr, "drover-server: \"%s\" could not be given to the folder's owner: %s\n", files[i], strerror(errno));
}

static int run_restore(const struct opts *o, void *context) {
        (void) context;
        struct dr_error err;
        const char *file = opts_args(o, NULL)[0], *dir = opts_str(o, "data");
        auto_free char *db = file_of(o, "db", "drover.db"), *key = file_of(o, "key-file", "master.key"), *key_from = dr_xasprintf("%s.key", file);
        bool force = opts_bool(o, "force"), has_key = access(key_from, R_OK) == 0;
        if (data_dir_make(dir, &err) < 0)
                return failed(&err);
        if (!has_key && access(key, F_OK) < 0) {
                (void) dr_fail(&err, DR_E_NOT_FOUND, NULL, "there is neither \"%s\" nor \"%s\": a restored database can only be read with the key file it was written with", key_from, key);
                return failed(&err);
        }
        if (has_key && key_copy(key_from, key, &err) < 0)
                return failed(&err);
        if (store_backup_restore(file, dir, db, force, &err) < 0) {
                if (err.code == DR_E_CONFLICT)
                        fprintf(stderr, "drover-server: with --force it is kept as \"%s.replaced\"\n", db);
                return failed(&err);
        }
        give_to_owner(dir, db, key);
        printf("%s\n", db);
        return EXIT_OK;
}

static const struct opt_row backup_rows[] = {
        { .name = "with-key", .type = OPT_FLAG, .help = "copy the key file too, to FILE.key: whoever has both can read every secret" },
};
static const struct opt_row restore_rows[] = {
        { .name = "force", .type = OPT_FLAG, .help = "replace the database that is there; it is kept as DB.replaced" },
};
const struct opt_command command_backup = {
        .name = "backup", .summary = "copies the database to FILE, while a server uses it or not", .args = "FILE",
        .about = "The copy is what was stored at one moment. It does not have the key that secrets are encrypted with, unless --with-key is given.",
        OPT_ROWS(backup_rows), .min_args = 1, .max_args = 1, .run = run_backup,
};
const struct opt_command command_restore = {
        .name = "restore", .summary = "makes a backup the database of a data folder that no server uses", .args = "FILE",
        .about = "Checks FILE, then puts it in place with a raised epoch, so that hosts obey the server that starts on it. FILE.key, when it is there, becomes the key file.",
        OPT_ROWS(restore_rows), .min_args = 1, .max_args = 1, .run = run_restore,
};
