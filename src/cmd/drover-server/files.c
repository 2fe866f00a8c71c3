#include "files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/rng.h"

int data_dir_make(const char *dir, struct dr_error *err) {
        auto_free char *path = dr_xstrdup(dir);
        struct stat st;
        if (!*path)
                return dr_fail(err, DR_E_MISSING_REQUIRED, "data", "no data folder is given");
        for (char *p = path + 1; *p; p++)
                if (*p == '/') {
                        *p = 0;
                        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                                return dr_fail(err, DR_E_INTERNAL, "data", "could not make folder \"%s\": %m", path);
                        *p = '/';
                }
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return dr_fail(err, DR_E_INTERNAL, "data", "could not make data folder \"%s\": %m", dir);
        if (stat(path, &st) < 0)
                return dr_fail(err, DR_E_INTERNAL, "data", "could not look at data folder \"%s\": %m", dir);
        if (!S_ISDIR(st.st_mode))
                return dr_fail(err, DR_E_INVALID_FORMAT, "data", "\"%s\" is no folder", dir);
        if (access(path, R_OK | W_OK | X_OK) < 0)
                return dr_fail(err, DR_E_FORBIDDEN, "data", "data folder \"%s\" cannot be written: %m", dir);
        return 0;
}

int master_key_write(const char *file, const char key[MASTER_KEY_BYTES], struct dr_error *err) {
        auto_free char *fresh = dr_xasprintf("%s.new", file);
        auto_close int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return dr_fail(err, DR_E_INTERNAL, "key-file", "could not make key file \"%s\": %m", file);
        if (write(fd, key, MASTER_KEY_BYTES) != MASTER_KEY_BYTES || fsync(fd) < 0 || link(fresh, file) < 0) {
                int r = dr_fail(err, DR_E_INTERNAL, "key-file", "could not write key file \"%s\": %m", file);
                (void) unlink(fresh);
                return r;
        }
        (void) unlink(fresh);
        auto_free char *dir = dr_xstrdup(file);
        char *slash = strrchr(dir, '/');
        if (slash)
                slash[slash == dir] = 0;
        auto_close int at = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (at >= 0)
                (void) fsync(at);       /* some file systems cannot; the file itself is there */
        return 0;
}

int master_key_load(const char *file, const char *database, char ret[MASTER_KEY_BYTES], struct dr_error *err) {
        if (access(file, F_OK) == 0 || errno != ENOENT)
                return master_key_read(file, ret, err);
        if (access(database, F_OK) == 0)
                return dr_fail(err, DR_E_NOT_FOUND, "key-file", "key file \"%s\" does not exist, but database \"%s\" does: its secrets can only be read with "
                               "the key they were written with", file, database);
        char key[MASTER_KEY_BYTES];
        random_bytes(key, sizeof key);
        int r = master_key_write(file, key, err);
        if (r < 0)
                return r;
        memcpy(ret, key, sizeof key);
        return 0;
}

int master_key_read(const char *file, char ret[MASTER_KEY_BYTES], struct dr_error *err) {
        char key[MASTER_KEY_BYTES + 1];
        auto_close int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return dr_fail(err, DR_E_INTERNAL, "key-file", "could not open key file \"%s\": %m", file);
        struct stat st;
        if (fstat(fd, &st) == 0 && (st.st_mode & 0077))
                return dr_fail(err, DR_E_FORBIDDEN, "key-file", "key file \"%s\" can be read by others (mode %03o): chmod 600 it", file, st.st_mode & 0777);
        ssize_t n = read(fd, key, sizeof key);
        if (n < 0)
                return dr_fail(err, DR_E_INTERNAL, "key-file", "could not read key file \"%s\": %m", file);
        if (n != MASTER_KEY_BYTES)
                return dr_fail(err, DR_E_INVALID_FORMAT, "key-file", "key file \"%s\" does not have exactly %d bytes", file, MASTER_KEY_BYTES);
        memcpy(ret, key, MASTER_KEY_BYTES);
        return 0;
}

char *program_dir(void) {
        char self[4096];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        self[n > 0 ? n : 0] = 0;
        char *slash = strrchr(self, '/');
        return dr_xstrndup(self, slash ? (size_t) (slash - self) : 0);
}
